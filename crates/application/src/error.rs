use std::time::Duration;

use jobportal_domain::{JobAction, JobError, Violations};
use thiserror::Error;

use crate::{RatePolicy, Receipt};

/// An error of a part below, kept for the log.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The result of a use case.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a use case did not do what it was asked, by what the caller can do about it. What it prints is fit for the
/// caller; the cause of a failure is its `source`, and for the log alone.
///
/// ```
/// use jobportal_application::Error;
///
/// fn exit_code(error: &Error) -> u8 {
///     match error {
///         Error::Invalid(_) => 1,
///         Error::Unavailable(_) => 2,
///         // The others, and kinds that are yet to come.
///         _ => 3,
///     }
/// }
///
/// assert_eq!(exit_code(&Error::invalid("title", "This field may not be blank.")), 1);
/// assert_eq!(exit_code(&Error::NotFound("Job not found.")), 3);
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The input breaks these rules.
    #[error("invalid input: {0}")]
    Invalid(Violations),
    /// Nobody, or nobody known, is asking.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// Who is asking has the wrong role.
    #[error("{0}")]
    Forbidden(&'static str),
    /// There is no such thing, or it is not the caller's to know of.
    #[error("{0}")]
    NotFound(&'static str),
    /// The present state does not allow it.
    #[error("{0}")]
    Conflict(String),
    /// The present state of a job does not allow it.
    #[error("{message}")]
    NotAllowed {
        /// That, in words for the caller.
        message: String,
        /// What it allows.
        allowed: &'static [JobAction],
    },
    /// The state is not the one that the change was meant for.
    #[error("This was changed since you read it. Read it again before you change it.")]
    PreconditionFailed,
    /// It was done before, under the same [`RequestKey`](crate::RequestKey).
    #[error("done before")]
    Repeated(Receipt),
    /// The key of the request belongs to another request.
    #[error("This idempotency key was used for another request.")]
    KeyReused,
    /// A request with the same key is being answered; in a moment its receipt is there.
    #[error("A request with this idempotency key is being answered. Please try again.")]
    InFlight,
    /// An allowance is used up until later.
    #[error("{message}")]
    LimitReached {
        /// Which one.
        policy: RatePolicy,
        /// The same in words for the caller.
        message: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// A part that is needed is away; trying again may help.
    #[error("temporarily unavailable")]
    Unavailable(#[source] BoxError),
    /// A defect, or stored data that makes no sense.
    #[error("internal error")]
    Internal(#[source] BoxError),
}

impl Error {
    /// Nobody is signed in.
    pub const NO_TOKEN: Self = Self::Unauthenticated("Authentication credentials were not provided.");
    /// The role of the caller is not the one that this needs.
    pub const WRONG_ROLE: Self = Self::Forbidden("You do not have permission to perform this action.");
    /// An id in the body is not the caller's own.
    pub const NOT_YOURS: Self = Self::Forbidden("You may only act for yourself.");
    /// There is no such page.
    pub const INVALID_PAGE: Self = Self::NotFound("Invalid page.");

    /// One broken rule of one field.
    pub fn invalid(field: &str, message: impl std::fmt::Display) -> Self {
        Self::Invalid(Violations::single(field, message))
    }
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}

impl From<JobError> for Error {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Invalid(violations) => Self::Invalid(violations),
            JobError::NotAllowed { state, .. } => {
                Self::NotAllowed { message: error.to_string(), allowed: state.allowed_actions() }
            }
            other => Self::Conflict(other.to_string()),
        }
    }
}

/// A unique constraint of the store, by the rule that it makes true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Constraint {
    /// One account per e-mail address.
    UserEmail,
    /// One account per phone number.
    UserPhoneNumber,
    /// One plan per name.
    PlanName,
    /// One active subscription per user.
    ActiveSubscription,
    /// Something else refers to what was to be deleted, or what was referred to is gone.
    Reference,
    /// Any other.
    Other,
}

/// Why the store did not do what it was asked. A use case passes it on as an [`enum@Error`], unless a conflict means
/// something to it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RepositoryError {
    /// A constraint refused it.
    #[error("conflicts with stored data ({0:?})")]
    Conflict(Constraint),
    /// The database is away, busy or full; trying again may help.
    #[error("the database is unavailable")]
    Unavailable(#[source] BoxError),
    /// A defect, or stored data that makes no sense.
    #[error("the database failed")]
    Backend(#[source] BoxError),
}

impl From<RepositoryError> for Error {
    fn from(error: RepositoryError) -> Self {
        match error {
            RepositoryError::Conflict(_) => Self::Conflict("This conflicts with what is stored.".to_owned()),
            RepositoryError::Unavailable(source) => Self::Unavailable(source),
            RepositoryError::Backend(source) => Self::Internal(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use jobportal_domain::JobState;

    use super::*;

    #[test]
    fn a_failure_of_the_store_is_told_by_what_the_caller_can_do_about_it() {
        let told = |error: RepositoryError| Error::from(error);
        assert!(matches!(told(RepositoryError::Conflict(Constraint::Other)), Error::Conflict(_)));
        assert!(matches!(told(RepositoryError::Unavailable("locked".into())), Error::Unavailable(_)));
        assert!(matches!(told(RepositoryError::Backend("no such column".into())), Error::Internal(_)));
    }

    #[test]
    fn what_a_job_does_not_allow_is_told_with_what_it_allows() {
        let told = Error::from(JobError::NotAllowed { action: JobAction::Pause, state: JobState::Closed });
        let expected = "A closed job can't be paused. Possible: relist, copy.";
        assert_eq!(told.to_string(), expected);
        assert!(matches!(told, Error::NotAllowed { allowed: [JobAction::Relist, JobAction::Copy], .. }));
        let invalid = Error::from(JobError::Invalid(Violations::single("deadline", "past")));
        assert!(matches!(invalid, Error::Invalid(_)));
        assert!(matches!(Error::from(JobError::DeadlinePassed), Error::Conflict(_)));
    }

    #[test]
    fn the_text_of_an_error_does_not_show_its_source() {
        for error in [Error::Unavailable("secret".into()), Error::Internal("secret".into())] {
            assert!(!error.to_string().contains("secret"));
        }
    }
}
