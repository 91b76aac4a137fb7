use chrono::{DateTime, Utc};

use crate::closed_set::closed_set;
use crate::{ApplicationId, CandidateId, Event, JobId, Money, NotAChoice, StoredDocument, Text, Version};

closed_set! {
    /// How far an application has come.
    ApplicationStatus {
        /// Sent, and not looked at yet.
        Applied = "applied",
        /// On the short list.
        Selected = "selected",
        /// Talked to.
        Interviewed = "interviewed",
        /// Offered the job.
        Offered = "offered",
        /// Turned down.
        Rejected = "rejected",
    }
}

impl ApplicationStatus {
    /// Finds the status that `text` stands for, in any letter case and with white space around it.
    pub fn parse_any_case(text: &str) -> Result<Self, NotAChoice> {
        Self::parse(&text.trim().to_ascii_lowercase()).map_err(|_| NotAChoice::new(text))
    }
}

/// What a candidate says in an application.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApplicationForm {
    /// Why this candidate, in the candidate's words.
    pub cover_letter: Option<Text<10_000>>,
    /// The pay that the candidate has in mind.
    pub expected_salary: Option<Money>,
    /// How soon the candidate can start.
    pub notice_period: Option<Text<100>>,
}

/// The application of a candidate to a job; there is at most one for the two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobApplication {
    /// Its identity.
    pub id: ApplicationId,
    /// Applied to.
    pub job_id: JobId,
    /// Who applied.
    pub candidate_id: CandidateId,
    /// What the candidate says.
    pub form: ApplicationForm,
    /// The résumé sent with it.
    pub resume: Option<StoredDocument>,
    /// How far it has come.
    pub status: ApplicationStatus,
    /// When it was sent.
    pub applied_at: DateTime<Utc>,
    /// When its status last changed.
    pub updated_at: DateTime<Utc>,
    /// Of this state.
    pub version: Version,
}

impl JobApplication {
    /// Moves the application to `status`. Returns [`Event::ApplicationStatusChanged`], or `None` where it was there
    /// before and nothing changed.
    ///
    /// An employer may move an application to any status, back as well as forth: a rejection can be a slip.
    pub fn move_to(&mut self, status: ApplicationStatus, now: DateTime<Utc>) -> Option<Event> {
        if self.status == status {
            return None;
        }
        self.status = status;
        self.updated_at = now;
        self.version = self.version.next();
        Some(Event::ApplicationStatusChanged { application_id: self.id, status })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_in_any_letter_case() {
        for spelling in ["selected", "Selected", "SELECTED", " selected "] {
            assert_eq!(ApplicationStatus::parse_any_case(spelling), Ok(ApplicationStatus::Selected));
        }
        assert_eq!(
            ApplicationStatus::parse_any_case("Banana").unwrap_err().to_string(),
            "\"Banana\" is not a valid choice."
        );
    }

    #[test]
    fn a_move_is_dated_and_told_once() {
        let mut application = JobApplication {
            id: ApplicationId(7),
            job_id: JobId(1),
            candidate_id: CandidateId(1),
            form: ApplicationForm::default(),
            resume: None,
            status: ApplicationStatus::Applied,
            applied_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
            version: Version::FIRST,
        };
        let now = DateTime::UNIX_EPOCH + chrono::TimeDelta::days(1);
        let event = application.move_to(ApplicationStatus::Offered, now);
        let told =
            Event::ApplicationStatusChanged { application_id: ApplicationId(7), status: ApplicationStatus::Offered };
        assert_eq!(event, Some(told));
        assert_eq!((application.status, application.updated_at), (ApplicationStatus::Offered, now));
        assert_eq!(application.move_to(ApplicationStatus::Offered, now + chrono::TimeDelta::days(1)), None);
        assert_eq!((application.updated_at, application.version), (now, Version(2)));
    }
}
