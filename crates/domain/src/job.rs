mod lifecycle;

use chrono::{DateTime, Utc};
use thiserror::Error;

use crate::closed_set::closed_set;
use crate::{Country, EmailAddress, EmployerId, JobId, Pay, Skills, Text, Version, Violations, WebAddress, Workplace};

pub use lifecycle::{CloseReason, JobAction};

closed_set! {
    /// Who the employer is.
    JobType {
        /// A public body.
        Government = "Government",
        /// Anyone else.
        Private = "Private",
    }
}

closed_set! {
    /// The terms of the work.
    JobSubtype {
        /// Whole working week.
        FullTime = "Full-time",
        /// Part of a working week.
        PartTime = "Part-time",
        /// For a set time or piece of work.
        Contract = "Contract",
        /// To learn the work.
        Internship = "Internship",
        /// Until a need has passed.
        Temporary = "Temporary",
        /// On one's own account.
        Freelance = "Freelance",
    }
}

closed_set! {
    /// How much experience the work asks for.
    ExperienceLevel {
        /// None yet.
        Entry = "Entry",
        /// Some years.
        Mid = "Mid",
        /// Many years.
        Senior = "Senior",
        /// Leads a department.
        Director = "Director",
        /// Leads the company.
        Executive = "Executive",
    }
}

closed_set! {
    /// How far the employer has brought a job. What time and deletion make of it is its [`JobState`].
    JobStatus {
        /// Being written; only its employer sees it.
        Draft = "draft",
        /// For everyone, until its deadline.
        Published = "published",
        /// Taken out of search for a while; it takes no applications meanwhile.
        Paused = "paused",
        /// Over: someone was found.
        Filled = "filled",
        /// Over: nobody is looked for any more.
        Withdrawn = "withdrawn",
    }
}

closed_set! {
    /// What a job is at a given time.
    JobState {
        /// Being written.
        Draft = "draft",
        /// It takes applications.
        Published = "published",
        /// It takes none for a while.
        Paused = "paused",
        /// Over, by its employer's word.
        Closed = "closed",
        /// It was published, and its deadline has passed.
        Expired = "expired",
        /// Its employer took it down.
        Deleted = "deleted",
    }
}

/// What an employer says in a job: the part that the employer may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobPosting {
    /// The name of the position.
    pub title: Text<200>,
    /// The work, in as many words as it needs.
    pub description: Text<20_000>,
    /// Who the employer is.
    pub job_type: JobType,
    /// The terms of the work.
    pub job_subtype: JobSubtype,
    /// How much experience it asks for.
    pub experience_level: ExperienceLevel,
    /// The company, which may differ from the employer's own (an agency posts for others).
    pub company_name: Text<200>,
    /// Where the work is done.
    pub location: Text<200>,
    /// The pay, in the employer's words.
    pub salary_range: Option<Text<100>>,
    /// The pay, in figures that can be compared.
    pub pay: Option<Pay>,
    /// Whether the work is done at a place of the employer.
    pub workplace: Option<Workplace>,
    /// The country of the work.
    pub country: Option<Country>,
    /// What one should know.
    pub skills: Skills,
    /// Applications are taken before this time.
    pub deadline: DateTime<Utc>,
    /// Where else one may apply.
    pub application_link: Option<WebAddress>,
    /// Whom else one may write to.
    pub application_email: Option<EmailAddress>,
}

/// A rule that a job breaks in its present state.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JobError {
    /// The deadline has passed.
    #[error("The deadline for applications has passed.")]
    DeadlinePassed,
    /// It is a draft, paused or closed.
    #[error("The job does not take applications.")]
    NotPublished,
    /// The employer took the job down.
    #[error("Job is already deleted.")]
    Deleted,
    /// The state of the job does not allow it; [`JobState::allowed_actions`] says what it allows.
    #[error("{}", not_allowed(*action, *state))]
    NotAllowed {
        /// What was to be done.
        action: JobAction,
        /// What the job is.
        state: JobState,
    },
    /// The job does not say what it must say for that.
    #[error(transparent)]
    Invalid(#[from] Violations),
}

fn not_allowed(action: JobAction, state: JobState) -> String {
    let article = if state == JobState::Expired { "An" } else { "A" };
    let refusal = format!("{article} {state} job can't be {}.", action.participle());
    let possible: Vec<_> = state.allowed_actions().iter().map(|action| action.as_str()).collect();
    if possible.is_empty() { refusal } else { format!("{refusal} Possible: {}.", possible.join(", ")) }
}

/// A job. It takes applications while it is published, before its deadline, and until it is taken down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its identity.
    pub id: JobId,
    /// Who posted it and alone may change it.
    pub employer_id: EmployerId,
    /// What it says.
    pub posting: JobPosting,
    /// How far its employer has brought it.
    pub status: JobStatus,
    /// When it was posted.
    pub posted_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// When the employer took it down, if it did; the job stays for those who applied.
    pub deleted_at: Option<DateTime<Utc>>,
    /// Of this state.
    pub version: Version,
    /// When it was recorded that its deadline has passed. This is for those who follow what changes: a deadline passes without a
    /// change.
    pub closed_at: Option<DateTime<Utc>>,
}

impl Job {
    /// Whether the job was taken down.
    pub const fn is_deleted(&self) -> bool {
        self.deleted_at.is_some()
    }

    /// Its state at `now`. That its deadline has passed, once recorded, holds even where the clock that says `now` is behind.
    pub fn state(&self, now: DateTime<Utc>) -> JobState {
        match self.status {
            _ if self.is_deleted() => JobState::Deleted,
            JobStatus::Draft => JobState::Draft,
            JobStatus::Filled | JobStatus::Withdrawn => JobState::Closed,
            _ if self.closed_at.is_some() || now >= self.posting.deadline => JobState::Expired,
            JobStatus::Paused => JobState::Paused,
            JobStatus::Published => JobState::Published,
        }
    }

    /// Whether someone may apply at `now`: [`JobError::Deleted`] once it was taken down, [`JobError::DeadlinePassed`] from the
    /// deadline on, else [`JobError::NotPublished`] unless it is published.
    pub fn check_open(&self, now: DateTime<Utc>) -> Result<(), JobError> {
        match self.state(now) {
            JobState::Published => Ok(()),
            JobState::Expired => Err(JobError::DeadlinePassed),
            JobState::Deleted => Err(JobError::Deleted),
            JobState::Draft | JobState::Paused | JobState::Closed => Err(JobError::NotPublished),
        }
    }

    /// Changes what the job says; [`JobError::Deleted`] once it was taken down, [`JobError::NotAllowed`] once it was closed. A
    /// deadline may be in the past: then it has expired, and one that is ahead opens it again. Saying the same again is no change.
    pub fn revise(&mut self, posting: JobPosting, now: DateTime<Utc>) -> Result<(), JobError> {
        if self.is_deleted() {
            return Err(JobError::Deleted);
        }
        self.check_allowed(JobAction::Revise, now)?;
        if self.posting != posting {
            if posting.deadline > now {
                self.closed_at = None;
            }
            self.posting = posting;
            self.touch(now);
        }
        Ok(())
    }

    /// Takes the job down for good; [`JobError::Deleted`] if it was before.
    pub fn delete(&mut self, now: DateTime<Utc>) -> Result<(), JobError> {
        if self.is_deleted() {
            return Err(JobError::Deleted);
        }
        self.deleted_at = Some(now);
        self.touch(now);
        Ok(())
    }

    fn touch(&mut self, now: DateTime<Utc>) {
        self.updated_at = now;
        self.version = self.version.next();
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    pub(super) fn job() -> Job {
        let posting = JobPosting {
            title: Text::parse("Engineer").unwrap(),
            description: Text::parse("Build.").unwrap(),
            job_type: JobType::Private,
            job_subtype: JobSubtype::FullTime,
            experience_level: ExperienceLevel::Mid,
            company_name: Text::parse("ACME").unwrap(),
            location: Text::parse("Dhaka").unwrap(),
            salary_range: None,
            pay: None,
            workplace: None,
            country: None,
            skills: Skills::default(),
            deadline: DateTime::UNIX_EPOCH + TimeDelta::days(1),
            application_link: None,
            application_email: None,
        };
        let now = DateTime::UNIX_EPOCH;
        Job {
            id: JobId(1),
            employer_id: EmployerId(1),
            posting,
            status: JobStatus::Published,
            posted_at: now,
            updated_at: now,
            deleted_at: None,
            version: Version::FIRST,
            closed_at: None,
        }
    }

    #[test]
    fn takes_applications_until_the_deadline() {
        let job = job();
        assert_eq!(job.check_open(job.posting.deadline - TimeDelta::microseconds(1)), Ok(()));
        assert_eq!(job.check_open(job.posting.deadline), Err(JobError::DeadlinePassed));
    }

    #[test]
    fn is_deleted_once_and_then_never_changes() {
        let mut job = job();
        let now = DateTime::UNIX_EPOCH + TimeDelta::hours(1);
        assert_eq!(job.delete(now), Ok(()));
        assert_eq!((job.deleted_at, job.updated_at, job.version), (Some(now), now, Version(2)));
        assert_eq!(job.delete(now), Err(JobError::Deleted));
        assert_eq!(job.revise(job.posting.clone(), now), Err(JobError::Deleted));
        assert_eq!(job.check_open(now), Err(JobError::Deleted));
        assert_eq!(job.version, Version(2));
    }

    #[test]
    fn a_job_that_was_closed_is_closed_by_any_clock_until_its_deadline_is_moved_on() {
        let mut job = job();
        let (early, deadline) = (DateTime::UNIX_EPOCH, job.posting.deadline);
        assert_eq!((job.state(early), job.state(deadline)), (JobState::Published, JobState::Expired));
        job.closed_at = Some(deadline);
        assert_eq!(job.state(early), JobState::Expired);
        job.revise(job.posting.clone(), deadline).unwrap();
        assert_eq!((job.closed_at, job.state(early)), (Some(deadline), JobState::Expired));
        let later = JobPosting { deadline: deadline + TimeDelta::hours(2), ..job.posting.clone() };
        job.revise(later, deadline + TimeDelta::hours(1)).unwrap();
        assert_eq!((job.closed_at, job.state(deadline)), (None, JobState::Published));
        job.delete(deadline).unwrap();
        assert_eq!(job.state(early), JobState::Deleted);
    }

    #[test]
    fn a_revision_is_dated_and_counted_if_it_changes_anything() {
        let mut job = job();
        let now = DateTime::UNIX_EPOCH + TimeDelta::hours(1);
        let mut posting = job.posting.clone();
        posting.title = Text::parse("Senior engineer").unwrap();
        job.revise(posting.clone(), now).unwrap();
        assert_eq!((&job.posting, job.updated_at, job.posted_at), (&posting, now, DateTime::UNIX_EPOCH));
        assert_eq!(job.version, Version(2));
        job.revise(posting, now + TimeDelta::hours(1)).unwrap();
        assert_eq!((job.updated_at, job.version), (now, Version(2)));
    }
}
