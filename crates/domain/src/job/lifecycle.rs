use chrono::{DateTime, Utc};

use super::{Job, JobError, JobPosting, JobState, JobStatus};
use crate::closed_set::closed_set;
use crate::{Violations, Workplace};

closed_set! {
    /// What an employer may do with a job in some of its states. Taking it down is none of these: that is always possible.
    JobAction {
        /// Change what it says.
        Revise = "revise",
        /// Bring a draft, or a paused job, before its readers.
        Publish = "publish",
        /// Take it out of search for a while.
        Pause = "pause",
        /// End it before its deadline, or instead of moving that on.
        Close = "close",
        /// Move its deadline on.
        Extend = "extend",
        /// Publish the same as a new job.
        Relist = "relist",
        /// Begin a draft that says the same.
        Copy = "copy",
    }
}

closed_set! {
    /// Why an employer closes a job.
    CloseReason {
        /// Someone was found.
        Filled = "filled",
        /// Nobody is looked for any more.
        Withdrawn = "withdrawn",
    }
}

impl JobAction {
    /// What was done, as in "It can't be …".
    pub(super) const fn participle(self) -> &'static str {
        match self {
            Self::Revise => "changed",
            Self::Publish => "published",
            Self::Pause => "paused",
            Self::Close => "closed",
            Self::Extend => "extended",
            Self::Relist => "relisted",
            Self::Copy => "copied",
        }
    }
}

impl JobState {
    /// What an employer may do with a job in this state.
    pub const fn allowed_actions(self) -> &'static [JobAction] {
        use JobAction::{Close, Copy, Extend, Pause, Publish, Relist, Revise};
        match self {
            Self::Draft => &[Revise, Publish, Copy],
            Self::Published => &[Revise, Pause, Close, Extend, Copy],
            Self::Paused => &[Revise, Publish, Close, Extend, Copy],
            Self::Closed => &[Relist, Copy],
            Self::Expired => &[Revise, Close, Extend, Relist, Copy],
            Self::Deleted => &[],
        }
    }
}

impl JobPosting {
    /// Whether a job that says this may be published at `now`. A reader must be able to apply, and must know in which country to be
    /// for work at a place of the employer's. A draft may lack that.
    pub fn check_publishable(&self, now: DateTime<Utc>) -> Result<(), Violations> {
        let mut violations = Violations::default();
        if self.deadline <= now {
            violations.push("deadline", "The deadline must be in the future.");
        }
        if matches!(self.workplace, Some(Workplace::OnSite | Workplace::Hybrid)) && self.country.is_none() {
            violations.push("country", "This field is required for on-site and hybrid work.");
        }
        violations.into_result()
    }
}

/// The steps of a job's life. One that [`JobState::allowed_actions`] does not have for its present state is a [`JobError::NotAllowed`],
/// and a posting that is not fit for it is a [`JobError::Invalid`]; then the job stays as it is.
impl Job {
    /// What its employer may do with it at `now`.
    pub fn allowed_actions(&self, now: DateTime<Utc>) -> &'static [JobAction] {
        self.state(now).allowed_actions()
    }

    /// Why it is closed, if its employer closed it.
    pub const fn close_reason(&self) -> Option<CloseReason> {
        match self.status {
            JobStatus::Filled => Some(CloseReason::Filled),
            JobStatus::Withdrawn => Some(CloseReason::Withdrawn),
            JobStatus::Draft | JobStatus::Published | JobStatus::Paused => None,
        }
    }

    /// Brings a draft before its readers, as of now, or a paused job back.
    pub fn publish(&mut self, now: DateTime<Utc>) -> Result<(), JobError> {
        self.check_allowed(JobAction::Publish, now)?;
        self.posting.check_publishable(now)?;
        if self.status == JobStatus::Draft {
            self.posted_at = now;
        }
        self.move_to(JobStatus::Published, now);
        Ok(())
    }

    /// Takes it out of search, and applications are no longer taken, until it is published again.
    pub fn pause(&mut self, now: DateTime<Utc>) -> Result<(), JobError> {
        self.check_allowed(JobAction::Pause, now)?;
        self.move_to(JobStatus::Paused, now);
        Ok(())
    }

    /// Ends it for good.
    pub fn close(&mut self, reason: CloseReason, now: DateTime<Utc>) -> Result<(), JobError> {
        self.check_allowed(JobAction::Close, now)?;
        let status = match reason {
            CloseReason::Filled => JobStatus::Filled,
            CloseReason::Withdrawn => JobStatus::Withdrawn,
        };
        self.move_to(status, now);
        Ok(())
    }

    /// Moves its deadline on. A paused job stays paused; one that has expired is published, also if it was paused before.
    pub fn extend(&mut self, deadline: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), JobError> {
        self.check_allowed(JobAction::Extend, now)?;
        let mut violations = Violations::default();
        if deadline <= self.posting.deadline {
            violations.push("deadline", "The deadline must be later than the present one.");
        }
        if deadline <= now {
            violations.push("deadline", "The deadline must be in the future.");
        }
        violations.into_result()?;
        let status = if self.state(now) == JobState::Expired { JobStatus::Published } else { self.status };
        self.posting.deadline = deadline;
        self.closed_at = None;
        self.move_to(status, now);
        Ok(())
    }

    /// What a new job says that is published in place of this one, which is over.
    pub fn relist(&self, deadline: DateTime<Utc>, now: DateTime<Utc>) -> Result<JobPosting, JobError> {
        self.check_allowed(JobAction::Relist, now)?;
        let posting = JobPosting { deadline, ..self.posting.clone() };
        posting.check_publishable(now)?;
        Ok(posting)
    }

    /// What a new draft says that begins as this job is.
    pub fn copy(&self, now: DateTime<Utc>) -> Result<JobPosting, JobError> {
        self.check_allowed(JobAction::Copy, now)?;
        Ok(self.posting.clone())
    }

    pub(super) fn check_allowed(&self, action: JobAction, now: DateTime<Utc>) -> Result<(), JobError> {
        let state = self.state(now);
        if state.allowed_actions().contains(&action) { Ok(()) } else { Err(JobError::NotAllowed { action, state }) }
    }

    fn move_to(&mut self, status: JobStatus, now: DateTime<Utc>) {
        self.status = status;
        self.touch(now);
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::super::tests::job;
    use super::*;
    use crate::{Country, Version};

    fn after(hours: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(hours)
    }

    /// The present of these tests; the job's deadline is an hour later.
    fn now() -> DateTime<Utc> {
        after(23)
    }

    /// A job that is in this state now.
    fn job_in(state: JobState) -> Job {
        let mut job = match state {
            JobState::Draft => Job { status: JobStatus::Draft, ..job() },
            JobState::Published | JobState::Expired => job(),
            JobState::Paused => Job { status: JobStatus::Paused, ..job() },
            JobState::Closed => Job { status: JobStatus::Filled, ..job() },
            JobState::Deleted => Job { deleted_at: Some(after(22)), ..job() },
        };
        if state == JobState::Expired {
            job.posting.deadline = now();
        }
        assert_eq!(job.state(now()), state);
        job
    }

    /// Does it; gives the job as it is then, or the posting of a new one.
    fn act(job: &Job, action: JobAction) -> Result<(Job, Option<JobPosting>), JobError> {
        let mut job = job.clone();
        let posting = match action {
            JobAction::Revise => {
                let revised = JobPosting { country: Country::parse("BD").ok(), ..job.posting.clone() };
                job.revise(revised, now()).map(|()| None)
            }
            JobAction::Publish => job.publish(now()).map(|()| None),
            JobAction::Pause => job.pause(now()).map(|()| None),
            JobAction::Close => job.close(CloseReason::Withdrawn, now()).map(|()| None),
            JobAction::Extend => job.extend(after(48), now()).map(|()| None),
            JobAction::Relist => job.relist(after(48), now()).map(Some),
            JobAction::Copy => job.copy(now()).map(Some),
        };
        posting.map(|posting| (job, posting))
    }

    #[test]
    fn of_every_state_and_action_the_table_says_what_comes_of_it() {
        use JobState::{Closed, Deleted, Draft, Expired, Paused, Published};
        // In the order of the actions; none: it is not allowed.
        let table = [
            (Draft, [Some(Draft), Some(Published), None, None, None, None, Some(Draft)]),
            (Published, [Some(Published), None, Some(Paused), Some(Closed), Some(Published), None, Some(Published)]),
            (Paused, [Some(Paused), Some(Published), None, Some(Closed), Some(Paused), None, Some(Paused)]),
            (Closed, [None, None, None, None, None, Some(Closed), Some(Closed)]),
            (Expired, [Some(Expired), None, None, Some(Closed), Some(Published), Some(Expired), Some(Expired)]),
            (Deleted, [None; 7]),
        ];
        assert_eq!(table.map(|(state, _)| state).as_slice(), JobState::ALL);
        for (state, expected) in table {
            let job = job_in(state);
            for (action, expected) in JobAction::ALL.iter().copied().zip(expected) {
                let came = act(&job, action);
                assert_eq!(job.allowed_actions(now()).contains(&action), expected.is_some(), "{state} {action}");
                match (came, expected) {
                    (Ok((after, posting)), Some(expected)) => {
                        assert_eq!(after.state(now()), expected, "{state} {action}");
                        // A new job leaves this one as it is; everything else is a change of it.
                        let makes_new = matches!(action, JobAction::Relist | JobAction::Copy);
                        assert_eq!(posting.is_some(), makes_new, "{state} {action}");
                        let (version, at) = if makes_new { (1, job.updated_at) } else { (2, now()) };
                        assert_eq!((after.version, after.updated_at), (Version(version), at), "{state} {action}");
                    }
                    (Err(JobError::Deleted), None) => assert_eq!((state, action), (Deleted, JobAction::Revise)),
                    (Err(error), None) => assert_eq!(error, JobError::NotAllowed { action, state }),
                    (came, _) => panic!("{state} {action}: {came:?}"),
                }
            }
        }
    }

    #[test]
    fn a_refusal_says_what_is_possible() {
        let refused = job_in(JobState::Closed).pause(now()).unwrap_err();
        assert_eq!(refused.to_string(), "A closed job can't be paused. Possible: relist, copy.");
        let refused = job_in(JobState::Expired).pause(now()).unwrap_err();
        let possible = "An expired job can't be paused. Possible: revise, close, extend, relist, copy.";
        assert_eq!(refused.to_string(), possible);
        let refused = job_in(JobState::Deleted).copy(now()).unwrap_err();
        assert_eq!(refused.to_string(), "A deleted job can't be copied.");
    }

    #[test]
    fn publishing_asks_for_more_than_a_draft_and_dates_it() {
        let mut draft = job_in(JobState::Draft);
        draft.posting.workplace = Some(Workplace::Hybrid);
        let late = draft.posting.deadline;
        let before = draft.clone();
        let Err(JobError::Invalid(violations)) = draft.publish(late) else { panic!("it lacks something") };
        assert_eq!(violations.of("deadline"), ["The deadline must be in the future."]);
        assert_eq!(violations.of("country"), ["This field is required for on-site and hybrid work."]);
        assert_eq!(draft, before);

        draft.posting.workplace = Some(Workplace::Remote);
        draft.publish(now()).unwrap();
        assert_eq!((draft.posted_at, draft.updated_at), (now(), now()));
        // That it comes back makes it no newer.
        draft.pause(after(23)).unwrap();
        draft.publish(after(23)).unwrap();
        assert_eq!((draft.posted_at, draft.version), (now(), Version(4)));
    }

    #[test]
    fn a_deadline_moves_on_only() {
        let extend = |job: &mut Job, deadline, now| match job.extend(deadline, now) {
            Ok(()) => Vec::new(),
            Err(JobError::Invalid(violations)) => violations.of("deadline").to_vec(),
            Err(other) => panic!("{other}"),
        };
        let mut job = job();
        let (later, future) =
            ("The deadline must be later than the present one.", "The deadline must be in the future.");
        assert_eq!(extend(&mut job, after(24), now()), [later]);
        assert_eq!(extend(&mut job, after(1), after(30)), [later, future]);
        assert_eq!(extend(&mut job, after(30), after(30)), [future]);
        assert_eq!(job, super::super::tests::job());
        assert_eq!(extend(&mut job, after(31), after(30)), [""; 0]);
        assert_eq!((job.posting.deadline, job.state(after(30))), (after(31), JobState::Published));
    }

    #[test]
    fn what_has_expired_is_published_by_an_extension_whatever_was_recorded() {
        for closed_at in [None, Some(after(25))] {
            let mut job = Job { closed_at, status: JobStatus::Paused, ..job() };
            job.extend(after(48), after(25)).unwrap();
            assert_eq!((job.state(after(25)), job.closed_at), (JobState::Published, None));
        }
    }

    #[test]
    fn a_closed_job_tells_why() {
        for (reason, status) in
            [(CloseReason::Filled, JobStatus::Filled), (CloseReason::Withdrawn, JobStatus::Withdrawn)]
        {
            let mut job = job();
            assert_eq!(job.close_reason(), None);
            job.close(reason, now()).unwrap();
            assert_eq!((job.status, job.close_reason()), (status, Some(reason)));
        }
    }

    #[test]
    fn what_is_over_can_be_listed_anew_or_begun_again() {
        let mut closed = job_in(JobState::Closed);
        let posting = closed.relist(after(48), now()).unwrap();
        assert_eq!(posting, JobPosting { deadline: after(48), ..closed.posting.clone() });
        // A copy may be as late as what it is made of.
        assert_eq!(closed.copy(after(99)), Ok(closed.posting.clone()));
        closed.posting.workplace = Some(Workplace::OnSite);
        let Err(JobError::Invalid(violations)) = closed.relist(now(), now()) else { panic!("it lacks something") };
        assert_eq!(violations.fields().map(|(field, _)| field).collect::<Vec<_>>(), ["country", "deadline"]);
    }
}
