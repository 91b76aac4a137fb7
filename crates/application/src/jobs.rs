use std::sync::Arc;

use chrono::{DateTime, Utc};
use jobportal_domain::{
    EmployerId, EmployerProfile, ExperienceLevel, Job, JobError, JobId, JobPosting, JobSubtype, JobType, Text, UserId,
    UserType, Violations,
};

use crate::actor::require_own;
use crate::employers::NO_PROFILE;
use crate::{Actor, Clock, Error, Page, PageRequest, RepositoryError, Result, Store, UnitOfWork};

const NO_JOB: Error = Error::NotFound("Job not found.");

/// A job with the account that owns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedJob {
    /// The job.
    pub job: Job,
    /// The account of its employer.
    pub owner: UserId,
}

/// A job as its readers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobDetails {
    /// The job.
    pub job: Job,
    /// Who posted it.
    pub employer: EmployerProfile,
    /// How many have applied.
    pub total_applications: u64,
}

/// Which jobs are looked for. All conditions must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// This one job.
    pub id: Option<JobId>,
    /// The title contains this, in any letter case.
    pub title: Option<String>,
    /// The location contains this, in any letter case.
    pub location: Option<String>,
    /// Who the employer is.
    pub job_type: Option<JobType>,
    /// The terms of the work.
    pub job_subtype: Option<JobSubtype>,
    /// How much experience is asked for.
    pub experience_level: Option<ExperienceLevel>,
}

/// Jobs.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait JobRepository {
    /// Stores a job.
    fn insert(
        &mut self,
        employer: EmployerId,
        posting: &JobPosting,
        now: DateTime<Utc>,
    ) -> Result<Job, RepositoryError>;
    /// Finds a job, deleted or not.
    fn find(&mut self, id: JobId) -> Result<Option<OwnedJob>, RepositoryError>;
    /// Finds a job, deleted or not, and holds it until the end of the transaction.
    fn lock(&mut self, id: JobId) -> Result<Option<OwnedJob>, RepositoryError>;
    /// Stores what changed of a job.
    fn update(&mut self, job: &Job) -> Result<(), RepositoryError>;
    /// Finds a job that is not deleted, with its employer and the number of applications, in one query.
    fn details(&mut self, id: JobId) -> Result<Option<JobDetails>, RepositoryError>;
    /// Jobs that are open at `now` (not deleted, before their deadline) and fit the filter, newest first.
    fn search(
        &mut self,
        filter: &JobFilter,
        now: DateTime<Utc>,
        page: PageRequest,
    ) -> Result<Page<JobDetails>, RepositoryError>;
    /// Jobs of the employer with account `owner` that are not deleted, newest first.
    fn list_by_owner(&mut self, owner: UserId, page: PageRequest) -> Result<Page<Job>, RepositoryError>;
}

/// Jobs.
#[derive(Clone)]
pub struct Jobs {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

impl Jobs {
    /// Wires it.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Posts a job. `employer` is the id in the body, if it has one: must be the caller's own. `posting` makes the posting,
    /// given the company of the caller's profile.
    pub fn post(
        &self,
        actor: &Actor,
        employer: Option<i64>,
        posting: impl Fn(Option<Text<200>>) -> Result<JobPosting, Violations>,
    ) -> Result<Job> {
        actor.require(UserType::Employer)?;
        let now = self.clock.now();
        self.store.write(|uow| {
            let profile = uow.employers().find_by_user(actor.user_id)?.ok_or(NO_PROFILE)?;
            require_own(employer, profile.id)?;
            let posting = posting(profile.details.company_name)?;
            Ok(uow.jobs().insert(profile.id, &posting, now)?)
        })
    }

    /// Changes one of the caller's jobs. `posting` makes the new posting of the present one.
    pub fn revise(
        &self,
        actor: &Actor,
        id: JobId,
        employer: Option<i64>,
        posting: impl Fn(JobPosting) -> Result<JobPosting, Violations>,
    ) -> Result<Job> {
        actor.require(UserType::Employer)?;
        let now = self.clock.now();
        self.store.write(|uow| {
            let mut job = lock_own(uow, actor, id)?;
            require_own(employer, job.employer_id)?;
            if job.is_deleted() {
                return Err(NO_JOB);
            }
            let posting = posting(job.posting.clone())?;
            job.revise(posting, now).map_err(|error| Error::Conflict(error.to_string()))?;
            uow.jobs().update(&job)?;
            Ok(job)
        })
    }

    /// Takes one of the caller's jobs down; the inner error says that it was taken down before.
    pub fn delete(&self, actor: &Actor, id: JobId) -> Result<Result<Job, JobError>> {
        actor.require(UserType::Employer)?;
        let now = self.clock.now();
        self.store.write(|uow| {
            let mut job = lock_own(uow, actor, id)?;
            if let Err(error) = job.delete(now) {
                return Ok(Err(error));
            }
            uow.jobs().update(&job)?;
            Ok(Ok(job))
        })
    }

    /// A job that is not deleted, for anyone who is signed in.
    pub fn details(&self, id: JobId) -> Result<JobDetails> {
        self.store.read(|uow| uow.jobs().details(id)?.ok_or(NO_JOB))
    }

    /// The caller's jobs that are not deleted, newest first.
    pub fn own(&self, actor: &Actor, page: PageRequest) -> Result<Page<Job>> {
        actor.require(UserType::Employer)?;
        self.store.read(|uow| uow.jobs().list_by_owner(actor.user_id, page)?.or_invalid())
    }

    /// Open jobs that fit the filter, newest first.
    pub fn search(&self, filter: &JobFilter, page: PageRequest) -> Result<Page<JobDetails>> {
        let now = self.clock.now();
        self.store.read(|uow| {
            let page = uow.jobs().search(filter, now, page)?;
            if page.total == 0 { Ok(page) } else { page.or_invalid() }
        })
    }
}

/// Finds and holds a job of the caller; one of another employer is not the caller's to know of.
fn lock_own(uow: &mut dyn UnitOfWork, actor: &Actor, id: JobId) -> Result<Job> {
    uow.jobs().lock(id)?.filter(|found| found.owner == actor.user_id).map(|found| found.job).ok_or(NO_JOB)
}

/// Refuses everyone but the owner of the job, whether it is deleted or not.
pub(crate) fn require_owner(uow: &mut dyn UnitOfWork, actor: &Actor, id: JobId) -> Result<Job> {
    actor.require(UserType::Employer)?;
    uow.jobs().find(id)?.filter(|found| found.owner == actor.user_id).map(|found| found.job).ok_or(NO_JOB)
}
