use jobportal_domain::{ApplicationId, ApplicationStatus, JobId, PlanName, SecurityChange};
use serde::{Deserialize, Serialize};

use super::MailPriority;
use crate::Result;

/// What a mail tells. `C` is the one-time code: sealed while it waits, in plain text when it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Notification<C> {
    /// Welcomes a new user with the code that proves the address.
    Welcome {
        /// The code.
        code: C,
        /// How long it lives, in minutes from [`Mail::created_at`](crate::Mail::created_at).
        valid_minutes: i64,
    },
    /// Brings the code that lets a user choose a new password.
    PasswordReset {
        /// The code.
        code: C,
        /// Its long form; `None`: the mail was written by a version that had none.
        long_code: Option<C>,
        /// How long it lives, in minutes from [`Mail::created_at`](crate::Mail::created_at).
        valid_minutes: i64,
    },
    /// Brings the code that proves the address which an account is to have, to that address.
    EmailChange {
        /// The code.
        code: C,
        /// How long it lives, in minutes from [`Mail::created_at`](crate::Mail::created_at).
        valid_minutes: i64,
    },
    /// Brings the code that lets a user change the phone number.
    PhoneNumberChange {
        /// The code.
        code: C,
        /// How long it lives, in minutes from [`Mail::created_at`](crate::Mail::created_at).
        valid_minutes: i64,
    },
    /// Brings the code that lets a user enrol a second factor which is demanded.
    SecondFactorEnrolment {
        /// The code.
        code: C,
        /// How long it lives, in minutes from [`Mail::created_at`](crate::Mail::created_at).
        valid_minutes: i64,
    },
    /// Tells that another account asked for the address, in vain.
    EmailTaken,
    /// Tells that the password was changed.
    PasswordChanged,
    /// Tells of another change of how the user signs in or is reached.
    SecurityChanged {
        /// Which one, by its text ([`SecurityChange::as_str`]).
        change: String,
    },
    /// Tells an employer of a new application.
    ApplicationReceived {
        /// The application.
        application_id: i64,
        /// The job.
        job_id: i64,
        /// Its title.
        job_title: String,
        /// Who applied, where a name is known.
        candidate_name: Option<String>,
    },
    /// Tells a candidate how far an application has come.
    ApplicationStatusChanged {
        /// The application.
        application_id: i64,
        /// The title of the job.
        job_title: String,
        /// The company that offers it.
        company_name: String,
        /// The status, by its text ([`ApplicationStatus::as_str`]).
        status: String,
    },
    /// Tells a user that a subscription has come to its end.
    SubscriptionExpired {
        /// The name of the plan.
        plan: String,
    },
}

impl<C> Notification<C> {
    /// Its name in the outbox.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Welcome { .. } => "welcome",
            Self::PasswordReset { .. } => "password_reset",
            Self::EmailChange { .. } => "email_change",
            Self::PhoneNumberChange { .. } => "phone_number_change",
            Self::SecondFactorEnrolment { .. } => "second_factor_enrolment",
            Self::EmailTaken => "email_taken",
            Self::PasswordChanged => "password_changed",
            Self::SecurityChanged { .. } => "security_changed",
            Self::ApplicationReceived { .. } => "application_received",
            Self::ApplicationStatusChanged { .. } => "application_status_changed",
            Self::SubscriptionExpired { .. } => "subscription_expired",
        }
    }

    /// What its mail may overtake.
    pub const fn priority(&self) -> MailPriority {
        match self {
            Self::Welcome { .. }
            | Self::PasswordReset { .. }
            | Self::EmailChange { .. }
            | Self::PhoneNumberChange { .. }
            | Self::SecondFactorEnrolment { .. }
            | Self::EmailTaken
            | Self::PasswordChanged
            | Self::SecurityChanged { .. } => MailPriority::Urgent,
            Self::ApplicationReceived { .. } | Self::ApplicationStatusChanged { .. } => MailPriority::Normal,
            Self::SubscriptionExpired { .. } => MailPriority::Bulk,
        }
    }

    /// The codes that it brings.
    pub fn codes(&self) -> impl Iterator<Item = &C> {
        let (code, long_code) = match self {
            Self::PasswordReset { code, long_code, .. } => (Some(code), long_code.as_ref()),
            Self::Welcome { code, .. }
            | Self::EmailChange { code, .. }
            | Self::PhoneNumberChange { code, .. }
            | Self::SecondFactorEnrolment { code, .. } => (Some(code), None),
            _ => (None, None),
        };
        code.into_iter().chain(long_code)
    }

    pub(crate) fn security_changed(change: SecurityChange) -> Self {
        Self::SecurityChanged { change: change.as_str().to_owned() }
    }

    pub(crate) fn application_received(
        application_id: ApplicationId,
        job_id: JobId,
        job_title: String,
        candidate_name: Option<String>,
    ) -> Self {
        Self::ApplicationReceived { application_id: application_id.0, job_id: job_id.0, job_title, candidate_name }
    }

    pub(crate) fn application_status_changed(
        application_id: ApplicationId,
        job_title: String,
        company_name: String,
        status: ApplicationStatus,
    ) -> Self {
        let status = status.as_str().to_owned();
        Self::ApplicationStatusChanged { application_id: application_id.0, job_title, company_name, status }
    }

    pub(crate) fn subscription_expired(plan: PlanName) -> Self {
        Self::SubscriptionExpired { plan: plan.as_str().to_owned() }
    }

    pub(super) fn try_map_code<D>(self, convert: impl Fn(C) -> Result<D>) -> Result<Notification<D>> {
        Ok(match self {
            Self::Welcome { code, valid_minutes } => Notification::Welcome { code: convert(code)?, valid_minutes },
            Self::PasswordReset { code, long_code, valid_minutes } => Notification::PasswordReset {
                code: convert(code)?,
                long_code: long_code.map(convert).transpose()?,
                valid_minutes,
            },
            Self::EmailChange { code, valid_minutes } => {
                Notification::EmailChange { code: convert(code)?, valid_minutes }
            }
            Self::PhoneNumberChange { code, valid_minutes } => {
                Notification::PhoneNumberChange { code: convert(code)?, valid_minutes }
            }
            Self::SecondFactorEnrolment { code, valid_minutes } => {
                Notification::SecondFactorEnrolment { code: convert(code)?, valid_minutes }
            }
            Self::EmailTaken => Notification::EmailTaken,
            Self::PasswordChanged => Notification::PasswordChanged,
            Self::SecurityChanged { change } => Notification::SecurityChanged { change },
            Self::ApplicationReceived { application_id, job_id, job_title, candidate_name } => {
                Notification::ApplicationReceived { application_id, job_id, job_title, candidate_name }
            }
            Self::ApplicationStatusChanged { application_id, job_title, company_name, status } => {
                Notification::ApplicationStatusChanged { application_id, job_title, company_name, status }
            }
            Self::SubscriptionExpired { plan } => Notification::SubscriptionExpired { plan },
        })
    }
}
