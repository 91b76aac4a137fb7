use chrono::{DateTime, Utc};
use thiserror::Error;

use crate::closed_set::closed_set;
use crate::{EmailAddress, EmployerId, JobId, Text, Version, WebAddress};

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
    /// Whether a job takes applications.
    JobState {
        /// It does.
        Open = "open",
        /// No more: its deadline has passed.
        Closed = "closed",
        /// No more: the employer took it down.
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
    /// Applications are taken before this time.
    pub deadline: DateTime<Utc>,
    /// Where else one may apply.
    pub application_link: Option<WebAddress>,
    /// Whom else one may write to.
    pub application_email: Option<EmailAddress>,
}

/// A rule that a job breaks in its present state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JobError {
    /// The deadline has passed.
    #[error("The deadline for applications has passed.")]
    DeadlinePassed,
    /// The employer took the job down.
    #[error("Job is already deleted.")]
    Deleted,
}

/// A job. It is open from its posting until its deadline, unless it is taken down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its identity.
    pub id: JobId,
    /// Who posted it and alone may change it.
    pub employer_id: EmployerId,
    /// What it says.
    pub posting: JobPosting,
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

    /// Its state at `now`. What was recorded holds even where the clock that says `now` is behind the one that closed the job.
    pub fn state(&self, now: DateTime<Utc>) -> JobState {
        if self.is_deleted() {
            JobState::Deleted
        } else if self.closed_at.is_some() || now >= self.posting.deadline {
            JobState::Closed
        } else {
            JobState::Open
        }
    }

    /// Whether someone may apply at `now`: [`JobError::Deleted`] once it was taken down, else
    /// [`JobError::DeadlinePassed`] from the deadline on.
    pub fn check_open(&self, now: DateTime<Utc>) -> Result<(), JobError> {
        match self.state(now) {
            JobState::Open => Ok(()),
            JobState::Closed => Err(JobError::DeadlinePassed),
            JobState::Deleted => Err(JobError::Deleted),
        }
    }

    /// Changes what the job says; [`JobError::Deleted`] once it was taken down. A deadline may be in the past: that
    /// closes it, and one that is ahead opens it again. Saying the same again is no change.
    pub fn revise(&mut self, posting: JobPosting, now: DateTime<Utc>) -> Result<(), JobError> {
        if self.is_deleted() {
            return Err(JobError::Deleted);
        }
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

    fn job() -> Job {
        let posting = JobPosting {
            title: Text::parse("Engineer").unwrap(),
            description: Text::parse("Build.").unwrap(),
            job_type: JobType::Private,
            job_subtype: JobSubtype::FullTime,
            experience_level: ExperienceLevel::Mid,
            company_name: Text::parse("ACME").unwrap(),
            location: Text::parse("Dhaka").unwrap(),
            salary_range: None,
            deadline: DateTime::UNIX_EPOCH + TimeDelta::days(1),
            application_link: None,
            application_email: None,
        };
        let now = DateTime::UNIX_EPOCH;
        Job {
            id: JobId(1),
            employer_id: EmployerId(1),
            posting,
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
        assert_eq!((job.state(early), job.state(deadline)), (JobState::Open, JobState::Closed));
        job.closed_at = Some(deadline);
        assert_eq!(job.state(early), JobState::Closed);
        job.revise(job.posting.clone(), deadline).unwrap();
        assert_eq!((job.closed_at, job.state(early)), (Some(deadline), JobState::Closed));
        let later = JobPosting { deadline: deadline + TimeDelta::hours(2), ..job.posting.clone() };
        job.revise(later, deadline + TimeDelta::hours(1)).unwrap();
        assert_eq!((job.closed_at, job.state(deadline)), (None, JobState::Open));
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
