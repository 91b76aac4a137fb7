mod lifecycle;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use jobportal_domain::{
    EmployerId, EmployerProfile, Job, JobError, JobId, JobPosting, JobState, JobStatus, Text, UserId, Violations,
};

use crate::actor::require_own;
use crate::employers::NO_PROFILE;
use crate::{
    Action, Actor, Clock, Error, Once, Page, PageRequest, Precondition, Relation, RepositoryError, Result, Role, Store,
    UnitOfWork,
};

/// How many jobs are closed in one transaction.
const CLOSING_BATCH: u32 = 200;

pub(crate) const NO_JOB: Error = Error::NotFound("Job not found.");

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

/// Jobs.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait JobRepository {
    /// Stores a job.
    fn insert(
        &mut self,
        employer: EmployerId,
        posting: &JobPosting,
        status: JobStatus,
        now: DateTime<Utc>,
    ) -> Result<Job, RepositoryError>;
    /// Finds a job, deleted or not.
    fn find(&mut self, id: JobId) -> Result<Option<OwnedJob>, RepositoryError>;
    /// Finds a job, deleted or not, and holds it until the end of the transaction.
    fn lock(&mut self, id: JobId) -> Result<Option<OwnedJob>, RepositoryError>;
    /// Stores what changed of a job; one that is deleted takes its applications with it, as those see it who follow what changes.
    fn update(&mut self, job: &Job) -> Result<(), RepositoryError>;
    /// Finds a job that is not deleted, of an account in use, with its employer and the number of applications, in one query.
    fn details(&mut self, id: JobId) -> Result<Option<JobDetails>, RepositoryError>;
    /// Jobs of the employer with account `owner` that are in one of these states at `now`, or if there are none in any but
    /// deleted, newest first.
    fn list_by_owner(
        &mut self,
        owner: UserId,
        states: &[JobState],
        now: DateTime<Utc>,
        page: PageRequest,
    ) -> Result<Page<Job>, RepositoryError>;
    /// Closes published and paused jobs whose deadline has passed at `now`, at most `limit`, but none that another transaction holds; returns how many.
    fn close_due(&mut self, now: DateTime<Utc>, limit: u32) -> Result<usize, RepositoryError>;
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

    /// Posts a job, which is published at once. `employer` is the id in the body, if it has one: must be the caller's own. `posting`
    /// makes the posting, given the company of the caller's profile.
    pub fn post(
        &self,
        actor: &Actor,
        employer: Option<i64>,
        posting: impl Fn(Option<Text<200>>) -> Result<JobPosting, Violations>,
        once: Once<'_, Job>,
    ) -> Result<Job> {
        self.begin(actor, employer, JobStatus::Published, posting, once)
    }

    /// Begins a draft; otherwise as [`Self::post`].
    pub fn draft(
        &self,
        actor: &Actor,
        employer: Option<i64>,
        posting: impl Fn(Option<Text<200>>) -> Result<JobPosting, Violations>,
        once: Once<'_, Job>,
    ) -> Result<Job> {
        self.begin(actor, employer, JobStatus::Draft, posting, once)
    }

    fn begin(
        &self,
        actor: &Actor,
        employer: Option<i64>,
        status: JobStatus,
        posting: impl Fn(Option<Text<200>>) -> Result<JobPosting, Violations>,
        once: Once<'_, Job>,
    ) -> Result<Job> {
        actor.require(Action::PostJob)?;
        let now = self.clock.now();
        once.write(&*self.store, now, |uow| {
            let profile = uow.employers().find_by_user(actor.user_id)?.ok_or(NO_PROFILE)?;
            require_own(employer, profile.id)?;
            let posting = posting(profile.details.company_name)?;
            Ok(uow.jobs().insert(profile.id, &posting, status, now)?)
        })
    }

    /// Changes one of the caller's jobs. `posting` makes the new posting of the present one.
    pub fn revise(
        &self,
        actor: &Actor,
        id: JobId,
        employer: Option<i64>,
        precondition: &Precondition,
        posting: impl Fn(JobPosting) -> Result<JobPosting, Violations>,
    ) -> Result<Job> {
        actor.require(Action::ReviseJob)?;
        let now = self.clock.now();
        self.store.write(|uow| {
            let mut job = lock_own(uow, actor, Action::ReviseJob, id)?;
            require_own(employer, job.employer_id)?;
            let present = job.version;
            precondition.check(present)?;
            let posting = posting(job.posting.clone())?;
            job.revise(posting, now)?;
            // Who follows what changes is not told of what does not.
            if job.version != present {
                uow.jobs().update(&job)?;
            }
            Ok(job)
        })
    }

    /// Takes one of the caller's jobs down; the inner error says that it was taken down before.
    pub fn delete(&self, actor: &Actor, id: JobId, precondition: &Precondition) -> Result<Result<Job, JobError>> {
        actor.require(Action::TakeJobDown)?;
        let now = self.clock.now();
        self.store.write(|uow| {
            let mut job = lock_any_own(uow, actor, Action::TakeJobDown, id)?;
            let present = job.version;
            if let Err(error) = job.delete(now) {
                return Ok(Err(error));
            }
            precondition.check(present)?;
            uow.jobs().update(&job)?;
            Ok(Ok(job))
        })
    }

    /// A job that is not deleted, for anyone who is signed in; a draft is only for its employer.
    pub fn details(&self, actor: &Actor, id: JobId) -> Result<JobDetails> {
        self.store.read_one(|uow| visible(uow, actor, id))
    }

    /// The caller's jobs that are in one of these states, or if there are none in any but deleted, newest first.
    pub fn own(&self, actor: &Actor, states: &[JobState], page: PageRequest) -> Result<Page<Job>> {
        actor.require(Action::ListOwnJobs)?;
        let now = self.clock.now();
        self.store.read(|uow| uow.jobs().list_by_owner(actor.user_id, states, now, page)?.or_invalid())
    }

    /// Closes jobs whose deadline has passed, a batch; returns how many. Call again until it returns 0.
    pub fn close_due(&self) -> Result<usize> {
        let now = self.clock.now();
        self.store.write(|uow| Ok(uow.jobs().close_due(now, CLOSING_BATCH)?))
    }
}

/// Finds a job that the caller may read.
pub(crate) fn visible(uow: &mut dyn UnitOfWork, actor: &Actor, id: JobId) -> Result<JobDetails> {
    let found = uow.jobs().details(id)?.ok_or(NO_JOB)?;
    check(Action::ReadJob, actor, &found.job, found.employer.user_id)?;
    Ok(found)
}

/// Refuses who may not do this with a job of `owner`.
pub(crate) fn check(action: Action, actor: &Actor, job: &Job, owner: UserId) -> Result<()> {
    let relation = Relation::to(owner, Some(actor)).or_published(job.status != JobStatus::Draft);
    action.check(Role::of(Some(actor)), relation, NO_JOB)
}

/// Finds and holds a job that is not deleted, for someone who may do this with it.
fn lock_own(uow: &mut dyn UnitOfWork, actor: &Actor, action: Action, id: JobId) -> Result<Job> {
    let job = lock_any_own(uow, actor, action, id)?;
    if job.is_deleted() { Err(NO_JOB) } else { Ok(job) }
}

/// Finds and holds a job, deleted or not, for someone who may do this with it.
fn lock_any_own(uow: &mut dyn UnitOfWork, actor: &Actor, action: Action, id: JobId) -> Result<Job> {
    let found = uow.jobs().lock(id)?.ok_or(NO_JOB)?;
    check(action, actor, &found.job, found.owner)?;
    Ok(found.job)
}

/// Finds a job, deleted or not, for someone who may do this with it.
pub(crate) fn find_any_own(uow: &mut dyn UnitOfWork, actor: &Actor, action: Action, id: JobId) -> Result<Job> {
    actor.require(action)?;
    let found = uow.jobs().find(id)?.ok_or(NO_JOB)?;
    check(action, actor, &found.job, found.owner)?;
    Ok(found.job)
}

#[cfg(test)]
mod tests {
    use jobportal_domain::{JobAction, Version};
    use mockall::predicate::eq;

    use super::*;
    use crate::Access;
    use crate::fixtures::{
        EMPLOYER, EMPLOYER_USER, admin, candidate, clock, deleted_job, employer, employer_profile, job, now,
        other_employer, owned, page, page_of, past_the_end, posting, store, text, violations,
    };
    use crate::mocks::{MockStore, MockUnitOfWork};

    pub(super) fn wire(uow: MockUnitOfWork) -> (Jobs, Arc<MockStore>) {
        let store = store(uow);
        (Jobs::new(store.clone(), clock()), store)
    }

    fn with_profile() -> MockUnitOfWork {
        let mut uow = MockUnitOfWork::default();
        uow.employers.expect_find_by_user().with(eq(EMPLOYER_USER)).returning(|_| Ok(Some(employer_profile())));
        uow.employers.expect_find_by_user().returning(|_| Ok(None));
        uow
    }

    pub(super) fn with_job(job: Job) -> MockUnitOfWork {
        let mut uow = MockUnitOfWork::default();
        uow.jobs.expect_lock().with(eq(job.id)).returning(move |_| Ok(Some(owned(job.clone()))));
        uow.jobs.expect_lock().returning(|_| Ok(None));
        uow
    }

    fn retitled(present: JobPosting) -> JobPosting {
        JobPosting { title: text("Senior engineer"), ..present }
    }

    #[test]
    fn a_job_is_posted_for_the_profile_of_the_caller_and_may_carry_its_company() {
        let mut uow = with_profile();
        uow.jobs
            .expect_insert()
            .once()
            .with(eq(EMPLOYER), eq(posting()), eq(JobStatus::Published), eq(now()))
            .returning(|_, _, _, _| Ok(job()));
        let draft = || Job { status: JobStatus::Draft, ..job() };
        uow.jobs
            .expect_insert()
            .once()
            .with(eq(EMPLOYER), eq(posting()), eq(JobStatus::Draft), eq(now()))
            .returning(move |_, _, _, _| Ok(draft()));
        let (jobs, _) = wire(uow);
        let of_profile = |company: Option<_>| {
            Ok(JobPosting { company_name: company.expect("the company of the profile"), ..posting() })
        };
        let posted = jobs.post(&employer(), Some(EMPLOYER.0), of_profile, Once::unkeyed());
        assert_eq!(posted.unwrap(), job());
        let begun = jobs.draft(&employer(), Some(EMPLOYER.0), of_profile, Once::unkeyed());
        assert_eq!(begun.unwrap(), draft());
    }

    #[test]
    fn posting_is_for_employers_who_have_a_profile_and_act_for_themselves() {
        let post =
            |actor: &Actor, employer| wire(with_profile()).0.post(actor, employer, |_| Ok(posting()), Once::unkeyed());
        assert!(matches!(post(&candidate(), None), Err(Error::Forbidden(_))));
        assert!(matches!(post(&admin(), None), Err(Error::Forbidden(_))));
        assert!(matches!(post(&other_employer(), None), Err(Error::NotFound(_))));
        // The id of one's account is not that of one's profile.
        assert!(matches!(post(&employer(), Some(EMPLOYER_USER.0)), Err(Error::Forbidden(_))));
    }

    #[test]
    fn a_posting_that_breaks_a_rule_is_not_stored() {
        let (jobs, store) = wire(with_profile());
        let broken =
            violations(jobs.post(&employer(), None, |_| Err(Violations::single("title", "blank")), Once::unkeyed()));
        assert_eq!(broken.of("title"), ["blank"]);
        assert_eq!(store.transactions(), [(Access::Write, false)]);
    }

    #[test]
    fn the_owner_changes_a_job_and_what_is_left_out_stays() {
        let mut uow = with_job(job());
        let expected = Job { posting: retitled(posting()), updated_at: now(), version: Version(2), ..job() };
        uow.jobs.expect_update().once().with(eq(expected.clone())).returning(|_| Ok(()));
        let revised = wire(uow)
            .0
            .revise(&employer(), job().id, Some(EMPLOYER.0), &Precondition::None, |present| Ok(retitled(present)));
        assert_eq!(revised.unwrap(), expected);
    }

    #[test]
    fn only_its_owner_changes_a_job_and_others_are_not_told_that_it_is_there() {
        // Whether the version fits is not told to those who may not know of the job.
        let stale = Precondition::OneOf(Vec::new());
        let revise = |uow, actor: &Actor, id, employer| {
            wire(uow).0.revise(actor, id, employer, &stale, |present| Ok(retitled(present)))
        };
        let id = job().id;
        assert!(matches!(revise(with_job(job()), &candidate(), id, None), Err(Error::Forbidden(_))));
        assert!(matches!(revise(with_job(job()), &other_employer(), id, None), Err(Error::NotFound(_))));
        assert!(matches!(revise(with_job(job()), &employer(), JobId(404), None), Err(Error::NotFound(_))));
        assert!(matches!(revise(with_job(deleted_job()), &employer(), id, None), Err(Error::NotFound(_))));
        assert!(matches!(revise(with_job(job()), &employer(), id, Some(1)), Err(Error::Forbidden(_))));
    }

    #[test]
    fn a_closed_job_is_not_changed_and_its_owner_is_told_what_is_possible() {
        let (jobs, store) = wire(with_job(Job { status: JobStatus::Filled, ..job() }));
        let refused = jobs.revise(&employer(), job().id, None, &Precondition::None, |present| Ok(retitled(present)));
        assert!(matches!(refused, Err(Error::NotAllowed { allowed: [JobAction::Relist, JobAction::Copy], .. })));
        assert_eq!(store.transactions(), [(Access::Write, false)]);
    }

    #[test]
    fn a_change_that_breaks_a_rule_is_not_stored() {
        let (jobs, store) = wire(with_job(job()));
        let refused = jobs
            .revise(&employer(), job().id, None, &Precondition::None, |_| Err(Violations::single("deadline", "past")));
        assert_eq!(violations(refused).of("deadline"), ["past"]);
        assert_eq!(store.transactions(), [(Access::Write, false)]);
    }

    #[test]
    fn a_job_is_taken_down_once() {
        let mut uow = with_job(job());
        uow.jobs
            .expect_update()
            .once()
            .withf(|job| job.deleted_at == Some(now()) && job.updated_at == now())
            .returning(|_| Ok(()));
        assert!(wire(uow).0.delete(&employer(), job().id, &Precondition::None).unwrap().unwrap().is_deleted());
        let stale = Precondition::OneOf(Vec::new());
        let again = wire(with_job(deleted_job())).0.delete(&employer(), job().id, &stale);
        assert_eq!(again.unwrap(), Err(JobError::Deleted));
    }

    #[test]
    fn only_its_owner_takes_a_job_down() {
        let stale = Precondition::OneOf(Vec::new());
        let delete = |actor: &Actor, id| wire(with_job(job())).0.delete(actor, id, &stale);
        assert!(matches!(delete(&candidate(), job().id), Err(Error::Forbidden(_))));
        assert!(matches!(delete(&other_employer(), job().id), Err(Error::NotFound(_))));
        assert!(matches!(delete(&employer(), JobId(404)), Err(Error::NotFound(_))));
    }

    #[test]
    fn a_job_that_was_changed_meanwhile_stays_as_it_is() {
        let stale = Precondition::OneOf(vec![Version(2)]);
        let (jobs, store) = wire(with_job(job()));
        // Before what the change says is looked at.
        let revised = jobs.revise(&employer(), job().id, None, &stale, |_| Err(Violations::single("title", "blank")));
        assert!(matches!(revised, Err(Error::PreconditionFailed)));
        assert!(matches!(jobs.delete(&employer(), job().id, &stale), Err(Error::PreconditionFailed)));
        assert_eq!(store.transactions(), [(Access::Write, false); 2]);

        let mut uow = with_job(job());
        uow.jobs.expect_update().once().returning(|_| Ok(()));
        assert!(wire(uow).0.delete(&employer(), job().id, &Precondition::OneOf(vec![job().version])).is_ok());
    }

    #[test]
    fn a_job_that_is_not_there_is_not_found_nor_is_the_draft_of_another() {
        let read = |actor: &Actor, id, status| {
            let details =
                JobDetails { job: Job { status, ..job() }, employer: employer_profile(), total_applications: 2 };
            let mut uow = MockUnitOfWork::default();
            uow.jobs.expect_details().with(eq(job().id)).returning(move |_| Ok(Some(details.clone())));
            uow.jobs.expect_details().returning(|_| Ok(None));
            wire(uow).0.details(actor, id).map(|details| details.total_applications)
        };
        let id = job().id;
        assert_eq!(read(&candidate(), id, JobStatus::Published).unwrap(), 2);
        assert!(matches!(read(&candidate(), JobId(404), JobStatus::Published), Err(Error::NotFound(_))));
        assert_eq!(read(&employer(), id, JobStatus::Draft).unwrap(), 2);
        assert!(matches!(read(&candidate(), id, JobStatus::Draft), Err(Error::NotFound(_))));
        assert!(matches!(read(&other_employer(), id, JobStatus::Draft), Err(Error::NotFound(_))));
    }

    #[test]
    fn employers_list_their_own_jobs() {
        let mut uow = MockUnitOfWork::default();
        let states = [JobState::Draft, JobState::Expired];
        uow.jobs
            .expect_list_by_owner()
            .withf(move |owner, of, at, of_page| {
                (*owner, of, *at, *of_page) == (EMPLOYER_USER, &states[..], now(), page())
            })
            .returning(|_, _, _, _| Ok(page_of(vec![job()])));
        uow.jobs.expect_list_by_owner().returning(|_, _, _, _| Ok(past_the_end()));
        let (jobs, _) = wire(uow);
        assert_eq!(jobs.own(&employer(), &states, page()).unwrap().items, [job()]);
        assert!(matches!(jobs.own(&other_employer(), &states, page()), Err(Error::NotFound("Invalid page."))));
        assert!(matches!(jobs.own(&candidate(), &states, page()), Err(Error::Forbidden(_))));
    }

    #[test]
    fn jobs_are_closed_by_the_time_that_it_is() {
        let mut uow = MockUnitOfWork::default();
        uow.jobs.expect_close_due().once().with(eq(now()), eq(CLOSING_BATCH)).returning(|_, _| Ok(3));
        let (jobs, store) = wire(uow);
        assert_eq!(jobs.close_due().unwrap(), 3);
        assert_eq!(store.transactions(), [(Access::Write, true)]);
    }
}
