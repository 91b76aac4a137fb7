use chrono::{DateTime, Utc};
use jobportal_domain::{CloseReason, Job, JobError, JobId, JobPosting, JobStatus};

use super::{Jobs, NO_JOB, find_any_own, lock_own};
use crate::{Action, Actor, Once, Precondition, Result};

/// The life of a job, led by its employer. [`Error::NotAllowed`](crate::Error::NotAllowed) where its present state does not allow
/// a step, [`Error::Invalid`](crate::Error::Invalid) where the job lacks what the step asks for.
impl Jobs {
    /// Brings a draft of the caller before its readers, or a paused job back.
    pub fn publish(&self, actor: &Actor, id: JobId, precondition: &Precondition) -> Result<Job> {
        self.step(actor, id, precondition, Job::publish)
    }

    /// Takes one of the caller's jobs out of search for a while.
    pub fn pause(&self, actor: &Actor, id: JobId, precondition: &Precondition) -> Result<Job> {
        self.step(actor, id, precondition, Job::pause)
    }

    /// Ends one of the caller's jobs.
    pub fn close(&self, actor: &Actor, id: JobId, precondition: &Precondition, reason: CloseReason) -> Result<Job> {
        self.step(actor, id, precondition, |job, now| job.close(reason, now))
    }

    /// Moves the deadline of one of the caller's jobs on.
    pub fn extend(
        &self,
        actor: &Actor,
        id: JobId,
        precondition: &Precondition,
        deadline: DateTime<Utc>,
    ) -> Result<Job> {
        self.step(actor, id, precondition, |job, now| job.extend(deadline, now))
    }

    /// Publishes one of the caller's jobs that is over as a new one.
    pub fn relist(&self, actor: &Actor, id: JobId, deadline: DateTime<Utc>, once: Once<'_, Job>) -> Result<Job> {
        self.repeat(actor, id, JobStatus::Published, once, |job, now| job.relist(deadline, now))
    }

    /// Begins a draft that says what one of the caller's jobs says.
    pub fn copy(&self, actor: &Actor, id: JobId, once: Once<'_, Job>) -> Result<Job> {
        self.repeat(actor, id, JobStatus::Draft, once, Job::copy)
    }

    /// One of the caller's jobs that is not deleted, for [`Job::allowed_actions`].
    pub fn find_own(&self, actor: &Actor, id: JobId) -> Result<Job> {
        self.store.read_one(|uow| {
            let job = find_any_own(uow, actor, Action::LeadJob, id)?;
            if job.is_deleted() { Err(NO_JOB) } else { Ok(job) }
        })
    }

    fn step(
        &self,
        actor: &Actor,
        id: JobId,
        precondition: &Precondition,
        step: impl Fn(&mut Job, DateTime<Utc>) -> Result<(), JobError>,
    ) -> Result<Job> {
        actor.require(Action::LeadJob)?;
        let now = self.clock.now();
        self.store.write(|uow| {
            let mut job = lock_own(uow, actor, Action::LeadJob, id)?;
            precondition.check(job.version)?;
            step(&mut job, now)?;
            uow.jobs().update(&job)?;
            Ok(job)
        })
    }

    fn repeat(
        &self,
        actor: &Actor,
        id: JobId,
        status: JobStatus,
        once: Once<'_, Job>,
        posting: impl Fn(&Job, DateTime<Utc>) -> Result<JobPosting, JobError>,
    ) -> Result<Job> {
        actor.require(Action::LeadJob)?;
        let now = self.clock.now();
        once.write(&*self.store, now, |uow| {
            let job = lock_own(uow, actor, Action::LeadJob, id)?;
            let posting = posting(&job, now)?;
            Ok(uow.jobs().insert(job.employer_id, &posting, status, now)?)
        })
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use jobportal_domain::{JobAction, Version};
    use mockall::predicate::eq;

    use super::super::tests::{wire, with_job};
    use super::*;
    use crate::fixtures::{
        EMPLOYER, candidate, deleted_job, employer, job, now, other_employer, owned, posting, violations,
    };
    use crate::mocks::MockUnitOfWork;
    use crate::{Access, Error};

    type Step = fn(&Jobs, &Actor, JobId, &Precondition) -> Result<Job>;

    fn later() -> DateTime<Utc> {
        now() + TimeDelta::days(30)
    }

    const STEPS: [(JobAction, Step); 6] = [
        (JobAction::Publish, Jobs::publish),
        (JobAction::Pause, Jobs::pause),
        (JobAction::Close, |jobs, actor, id, seen| jobs.close(actor, id, seen, CloseReason::Filled)),
        (JobAction::Extend, |jobs, actor, id, seen| jobs.extend(actor, id, seen, later())),
        (JobAction::Relist, |jobs, actor, id, _| jobs.relist(actor, id, later(), Once::unkeyed())),
        (JobAction::Copy, |jobs, actor, id, _| jobs.copy(actor, id, Once::unkeyed())),
    ];

    fn in_status(status: JobStatus) -> Job {
        Job { status, ..job() }
    }

    #[test]
    fn each_step_is_done_where_it_is_allowed_and_elsewhere_refused_with_what_is() {
        for status in JobStatus::ALL {
            let present = in_status(*status);
            let allowed = present.allowed_actions(now());
            for (action, step) in STEPS {
                let mut uow = with_job(present.clone());
                let (makes_new, is_allowed) =
                    (matches!(action, JobAction::Relist | JobAction::Copy), allowed.contains(&action));
                uow.jobs.expect_insert().times(usize::from(is_allowed && makes_new)).returning(
                    |_, posting, status, now| {
                        Ok(Job { id: JobId(6), posting: posting.clone(), status, posted_at: now, ..job() })
                    },
                );
                let stored = uow.jobs.expect_update();
                stored.times(usize::from(is_allowed && !makes_new)).withf(|job| job.version == Version(2));
                stored.returning(|_| Ok(()));
                let (jobs, store) = wire(uow);
                match step(&jobs, &employer(), present.id, &Precondition::None) {
                    Ok(came) => assert_eq!((is_allowed, came.id.0), (true, if makes_new { 6 } else { 5 })),
                    Err(Error::NotAllowed { message, allowed: told }) => {
                        assert_eq!((is_allowed, told), (false, allowed), "{message}");
                    }
                    Err(other) => panic!("{status} {action}: {other:?}"),
                }
                assert_eq!(store.transactions(), [(Access::Write, is_allowed)], "{status} {action}");
            }
        }
    }

    #[test]
    fn only_its_owner_leads_a_job_and_others_are_not_told_that_it_is_there() {
        let stale = Precondition::OneOf(Vec::new());
        for (action, step) in STEPS {
            let of = |present: Job, actor: &Actor, id| step(&wire(with_job(present)).0, actor, id, &stale);
            let id = job().id;
            assert!(matches!(of(job(), &candidate(), id), Err(Error::Forbidden(_))), "{action}");
            assert!(matches!(of(job(), &other_employer(), id), Err(Error::NotFound(_))), "{action}");
            assert!(matches!(of(job(), &employer(), JobId(404)), Err(Error::NotFound(_))), "{action}");
            assert!(matches!(of(deleted_job(), &employer(), id), Err(Error::NotFound(_))), "{action}");
        }
    }

    #[test]
    fn a_job_that_was_changed_meanwhile_stays_as_it_is() {
        let stale = Precondition::OneOf(vec![Version(2)]);
        for (action, step) in STEPS.iter().take(4) {
            // Also where the state would not allow it: who has seen another one is told that first.
            let (jobs, store) = wire(with_job(in_status(JobStatus::Filled)));
            let refused = step(&jobs, &employer(), job().id, &stale);
            assert!(matches!(refused, Err(Error::PreconditionFailed)), "{action}");
            assert_eq!(store.transactions(), [(Access::Write, false)]);
        }
    }

    #[test]
    fn a_draft_that_lacks_something_is_not_published() {
        let mut draft = in_status(JobStatus::Draft);
        draft.posting.deadline = now();
        let (jobs, store) = wire(with_job(draft));
        let broken = violations(jobs.publish(&employer(), job().id, &Precondition::None));
        assert_eq!(broken.of("deadline"), ["The deadline must be in the future."]);
        assert_eq!(store.transactions(), [(Access::Write, false)]);
    }

    #[test]
    fn what_is_made_of_a_job_is_of_the_same_employer_and_says_the_same() {
        let relisted = JobPosting { deadline: later(), ..posting() };
        for (action, posting, status) in
            [(JobAction::Relist, relisted, JobStatus::Published), (JobAction::Copy, posting(), JobStatus::Draft)]
        {
            let mut uow = with_job(in_status(JobStatus::Withdrawn));
            let insert = uow.jobs.expect_insert().once();
            insert.with(eq(EMPLOYER), eq(posting), eq(status), eq(now())).returning(|_, _, _, _| Ok(job()));
            let (_, step) = STEPS.into_iter().find(|(name, _)| *name == action).unwrap();
            step(&wire(uow).0, &employer(), job().id, &Precondition::None).unwrap();
        }
    }

    #[test]
    fn the_owner_finds_a_job_that_is_not_deleted() {
        let find = |present: Job, actor: &Actor| {
            let mut uow = MockUnitOfWork::default();
            uow.jobs.expect_find().returning(move |_| Ok(Some(owned(present.clone()))));
            wire(uow).0.find_own(actor, job().id)
        };
        assert_eq!(find(in_status(JobStatus::Draft), &employer()).unwrap().status, JobStatus::Draft);
        assert!(matches!(find(deleted_job(), &employer()), Err(Error::NotFound(_))));
        assert!(matches!(find(job(), &other_employer()), Err(Error::NotFound(_))));
        assert!(matches!(find(job(), &candidate()), Err(Error::Forbidden(_))));
    }
}
