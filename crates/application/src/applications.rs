use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use jobportal_domain::{
    ApplicationForm, ApplicationId, ApplicationStatus, CandidateId, CandidateProfile, DailyQuota, DocumentId,
    EmailAddress, EmployerProfile, Event, Job, JobApplication, JobId, QuotaExceeded, UserId, Version, next_midnight,
};

use crate::actor::require_own;
use crate::documents::discard;
use crate::jobs::{self, NO_JOB, find_any_own};
use crate::subscriptions::plan_in_force;
use crate::{
    Action, Actor, Allowance, Clock, Error, NewDocument, Once, Page, PageRequest, Precondition, RatePolicy,
    RepositoryError, Result, Stamp, Stamped, Store, UnitOfWork, events,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const NO_APPLICATION: Error = Error::NotFound("Job application not found.");

/// An application to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewApplication {
    /// Applied to.
    pub job_id: JobId,
    /// Who applies.
    pub candidate_id: CandidateId,
    /// What the candidate says.
    pub form: ApplicationForm,
    /// The résumé sent with it.
    pub resume: Option<DocumentId>,
    /// When it is sent.
    pub applied_at: DateTime<Utc>,
}

/// An application with the account that owns its job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedApplication {
    /// The application.
    pub application: JobApplication,
    /// The account of the job's employer.
    pub job_owner: UserId,
}

/// A job with its employer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobWithEmployer {
    /// The job.
    pub job: Job,
    /// Who posted it.
    pub employer: EmployerProfile,
}

/// An application with everything that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationDetails {
    /// The application.
    pub application: JobApplication,
    /// What it is for.
    pub job: JobWithEmployer,
    /// Who sent it.
    pub candidate: CandidateProfile,
}

/// An application with who sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedApplication {
    /// The application.
    pub application: JobApplication,
    /// Who sent it.
    pub candidate: CandidateProfile,
}

/// The applications to one job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobApplications {
    /// The job.
    pub job: Job,
    /// Its applications, oldest first.
    pub applications: Page<ReceivedApplication>,
}

/// By what is known whether an answer about applications is still true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationsState {
    /// The account of the job's employer.
    pub job_owner: UserId,
    /// When the job expires.
    pub deadline: DateTime<Utc>,
    /// Another text after each write of anything that the answer shows.
    pub text: String,
}

impl ApplicationsState {
    /// The stamp of what `actor` gets to see at `now`, if it is theirs to see.
    fn stamp_for(self, actor: &Actor, now: DateTime<Utc>) -> Option<Stamp> {
        // All that time changes of a job is whether it has expired.
        let stamp = || Stamp::new(format!("{} {}", self.text, u8::from(self.deadline <= now)));
        (self.job_owner == actor.user_id).then(stamp)
    }
}

/// Whom an application concerns, as far as a mail needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationParties {
    /// The title of the job.
    pub job_title: String,
    /// The company that offers it.
    pub company_name: String,
    /// Who applied, where a name is known.
    pub candidate_name: Option<String>,
    /// The address of the candidate.
    pub candidate_email: EmailAddress,
    /// The address of the employer.
    pub employer_email: EmailAddress,
}

/// Applications.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait ApplicationRepository {
    /// Stores an application; `None` if the candidate has one for the job already.
    fn insert(&mut self, application: &NewApplication) -> Result<Option<ApplicationId>, RepositoryError>;
    /// Whether the candidate has an application for the job.
    fn exists(&mut self, job: JobId, candidate: CandidateId) -> Result<bool, RepositoryError>;
    /// Finds an application and holds it until the end of the transaction.
    fn lock(&mut self, id: ApplicationId) -> Result<Option<OwnedApplication>, RepositoryError>;
    /// Stores the status of an application.
    fn update_status(&mut self, application: &JobApplication) -> Result<(), RepositoryError>;
    /// Finds an application with everything that belongs to it.
    fn details(&mut self, id: ApplicationId) -> Result<Option<ApplicationDetails>, RepositoryError>;
    /// The state of what [`Self::details`] finds.
    fn details_state(&mut self, id: ApplicationId) -> Result<Option<ApplicationsState>, RepositoryError>;
    /// The state of what [`Self::list_by_job`] finds, and of the job.
    fn list_state(&mut self, job: JobId, page: PageRequest) -> Result<Option<ApplicationsState>, RepositoryError>;
    /// Applications to a job, oldest first, in a constant number of queries.
    fn list_by_job(&mut self, job: JobId, page: PageRequest) -> Result<Page<ReceivedApplication>, RepositoryError>;
    /// Applications of the candidate with account `user`, oldest first.
    fn list_by_candidate(&mut self, user: UserId, page: PageRequest) -> Result<Page<JobApplication>, RepositoryError>;
    /// Whom an application concerns.
    fn parties(&mut self, id: ApplicationId) -> Result<Option<ApplicationParties>, RepositoryError>;
}

/// Applies for a job.
#[derive(Clone, Debug)]
pub struct ApplyForJob {
    /// Which.
    pub job_id: JobId,
    /// The `job` of the body, if it has one: must be the same.
    pub job: Option<i64>,
    /// The `candidate` of the body, if it has one: must be the caller's own profile.
    pub candidate: Option<i64>,
    /// What the candidate says.
    pub form: ApplicationForm,
    /// The résumé to send with it, whose content is stored already.
    pub resume: Option<NewDocument>,
    /// The candidate is believed to have applied before. It is looked up in any case; then by a read first, which waits for no writer.
    pub is_believed_repeated: bool,
}

/// What applying came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submission {
    /// The application is sent; this is what the caller's plan allows for the rest of the day.
    Sent(Box<JobApplication>, Allowance),
    /// The candidate has applied to this job before; nothing changed.
    AlreadyApplied,
}

/// Applications.
#[derive(Clone)]
pub struct Applications {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

impl Applications {
    /// Wires it.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Applies for a job as a candidate: once per job, while it is open, within the day's quota.
    pub fn submit(&self, actor: &Actor, request: &ApplyForJob, once: Once<'_, Submission>) -> Result<Submission> {
        actor.require(Action::Apply)?;
        require_own(request.job, request.job_id)?;
        let now = self.clock.now();
        if request.is_believed_repeated
            && once.is_unkeyed()
            && self.store.read(|uow| Ok(applicant(uow, actor, request)?.has_applied))?
        {
            return Ok(Submission::AlreadyApplied);
        }
        once.write(&*self.store, now, |uow| {
            let Applicant { candidate_id, job, has_applied } = applicant(uow, actor, request)?;
            if has_applied {
                return Ok(Submission::AlreadyApplied);
            }
            job.check_open(now)?;
            // What only reads comes first: from its insert on, the application holds up the others of its employer.
            let limit = plan_in_force(uow, actor.user_id, now)?.max_job_applications_per_day;
            let resume = match &request.resume {
                Some(document) => Some(uow.documents().insert(actor.user_id, document, now)?),
                None => None,
            };
            let new = NewApplication {
                job_id: request.job_id,
                candidate_id,
                form: request.form.clone(),
                resume: resume.as_ref().map(|document| document.id),
                applied_at: now,
            };
            // Another request of the same candidate may have come between; the constraint decides which one was first.
            let Some(id) = uow.applications().insert(&new)? else {
                discard(uow, resume)?;
                return Ok(Submission::AlreadyApplied);
            };
            let allowance = take_quota(uow, actor.user_id, limit, now)?;
            events::publish(uow, &Event::ApplicationSubmitted { application_id: id, job_id: request.job_id }, now)?;
            let application = JobApplication {
                id,
                job_id: request.job_id,
                candidate_id,
                form: request.form.clone(),
                resume,
                status: ApplicationStatus::Applied,
                applied_at: now,
                updated_at: now,
                version: Version::FIRST,
            };
            Ok(Submission::Sent(Box::new(application), allowance))
        })
    }

    /// The applications to one of the caller's jobs, oldest first.
    pub fn of_job(&self, actor: &Actor, job_id: JobId, page: PageRequest) -> Result<Stamped<JobApplications>> {
        actor.require(Action::ReadApplications)?;
        let read_at = self.clock.now();
        self.store.read(|uow| {
            let job = find_any_own(uow, actor, Action::ReadApplications, job_id)?;
            let state = uow.applications().list_state(job_id, page)?;
            let applications = uow.applications().list_by_job(job_id, page)?.or_invalid()?;
            let stamp = state.and_then(|state| state.stamp_for(actor, read_at));
            Ok(Stamped { value: JobApplications { job, applications }, stamp, read_at })
        })
    }

    /// The stamp of what [`Self::of_job`] answers now, by one statement; `None` where the caller is not the job's employer, and that
    /// decides.
    pub fn of_job_stamp(&self, actor: &Actor, job_id: JobId, page: PageRequest) -> Result<Option<Stamp>> {
        actor.require(Action::ReadApplications)?;
        let now = self.clock.now();
        let state = self.store.read_one(|uow| Ok(uow.applications().list_state(job_id, page)?))?;
        Ok(state.and_then(|state| state.stamp_for(actor, now)))
    }

    /// The caller's own applications, oldest first.
    pub fn own(&self, actor: &Actor, page: PageRequest) -> Result<Page<JobApplication>> {
        actor.require(Action::ListOwnApplications)?;
        self.store.read(|uow| uow.applications().list_by_candidate(actor.user_id, page)?.or_invalid())
    }

    /// An application to one of the caller's jobs.
    pub fn details(&self, actor: &Actor, id: ApplicationId) -> Result<Stamped<ApplicationDetails>> {
        actor.require(Action::ReadApplications)?;
        let read_at = self.clock.now();
        self.store.read(|uow| {
            let state = uow.applications().details_state(id)?;
            let value = uow.applications().details(id)?.ok_or(NO_APPLICATION)?;
            actor.require_on(Action::ReadApplications, value.job.employer.user_id, NO_APPLICATION)?;
            let stamp = state.and_then(|state| state.stamp_for(actor, read_at));
            Ok(Stamped { value, stamp, read_at })
        })
    }

    /// The stamp of what [`Self::details`] answers now, as [`Self::of_job_stamp`].
    pub fn details_stamp(&self, actor: &Actor, id: ApplicationId) -> Result<Option<Stamp>> {
        actor.require(Action::ReadApplications)?;
        let now = self.clock.now();
        let state = self.store.read_one(|uow| Ok(uow.applications().details_state(id)?))?;
        Ok(state.and_then(|state| state.stamp_for(actor, now)))
    }

    /// Moves an application to one of the caller's jobs; the candidate is told if that changes anything.
    pub fn move_to(
        &self,
        actor: &Actor,
        id: ApplicationId,
        status: ApplicationStatus,
        precondition: &Precondition,
    ) -> Result<JobApplication> {
        actor.require(Action::MoveApplication)?;
        let now = self.clock.now();
        self.store.write(|uow| {
            let OwnedApplication { mut application, job_owner } = uow.applications().lock(id)?.ok_or(NO_APPLICATION)?;
            actor.require_on(Action::MoveApplication, job_owner, NO_APPLICATION)?;
            precondition.check(application.version)?;
            if let Some(event) = application.move_to(status, now) {
                uow.applications().update_status(&application)?;
                events::publish(uow, &event, now)?;
            }
            Ok(application)
        })
    }
}

/// Who applies for what.
struct Applicant {
    candidate_id: CandidateId,
    job: Job,
    has_applied: bool,
}

/// Finds out who applies for what, and refuses who may not.
fn applicant(uow: &mut dyn UnitOfWork, actor: &Actor, request: &ApplyForJob) -> Result<Applicant> {
    let candidate_id =
        uow.candidates().id_of_user(actor.user_id)?.ok_or(Error::NotFound("Candidate profile not found."))?;
    require_own(request.candidate, candidate_id)?;
    let found = uow.jobs().find(request.job_id)?.ok_or(NO_JOB)?;
    jobs::check(Action::Apply, actor, &found.job, found.owner)?;
    let has_applied = uow.applications().exists(request.job_id, candidate_id)?;
    Ok(Applicant { candidate_id, job: found.job, has_applied })
}

/// Counts one application towards the `limit` of today.
fn take_quota(uow: &mut dyn UnitOfWork, user: UserId, limit: u32, now: DateTime<Utc>) -> Result<Allowance> {
    let policy = RatePolicy { name: "applications", quota: limit, window: DAY };
    let reset_after = (next_midnight(now) - now).to_std().unwrap_or_default();
    let Some(taken) = uow.usage().take_application(user, now.date_naive(), limit)? else {
        let message = QuotaExceeded { limit }.to_string();
        return Err(Error::LimitReached { policy, message, retry_after: reset_after });
    };
    Ok(Allowance { policy, remaining: DailyQuota { limit, used: taken }.remaining(), reset_after })
}

#[cfg(test)]
mod tests;
