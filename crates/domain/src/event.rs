use crate::closed_set::closed_set;
use crate::{ApplicationId, ApplicationStatus, JobId, PlanName, SubscriptionId, UserId, UserType};

closed_set! {
    /// A change of how a user signs in or is reached. Its owner is told of each, in case it was somebody else.
    SecurityChange {
        /// The account has another e-mail address.
        EmailChanged = "email_changed",
        /// The account has another phone number.
        PhoneNumberChanged = "phone_number_changed",
        /// Sign-in asks for a second factor from now on.
        SecondFactorEnrolled = "second_factor_enrolled",
        /// Sign-in asks for no second factor any more.
        SecondFactorRemoved = "second_factor_removed",
        /// There are new recovery codes in place of the former ones.
        RecoveryCodesRenewed = "recovery_codes_renewed",
        /// A recovery code was used.
        RecoveryCodeUsed = "recovery_code_used",
        /// Nothing yet, but somebody who knows the password guesses at the second factor.
        SecondFactorGuessed = "second_factor_guessed",
        /// The account is out of use.
        Deactivated = "deactivated",
    }
}

/// Something that happened and that other parts act upon in the same transaction. Entities return events; publishing
/// them is up to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A user proved to own the e-mail address, and gets a profile.
    EmailVerified {
        /// Who it is.
        user_id: UserId,
        /// Which kind of profile it will be.
        user_type: UserType,
    },
    /// A password was changed; its owner is told.
    PasswordChanged {
        /// Whose password it is.
        user_id: UserId,
    },
    /// How a user signs in or is reached was changed; its owner is told, at the address that the account has when this
    /// is published.
    SecurityChanged {
        /// Whose account it is.
        user_id: UserId,
        /// What was changed.
        change: SecurityChange,
    },
    /// A candidate applied; the employer is told.
    ApplicationSubmitted {
        /// The application.
        application_id: ApplicationId,
        /// The job it is for.
        job_id: JobId,
    },
    /// An employer moved an application; the candidate is told.
    ApplicationStatusChanged {
        /// The application.
        application_id: ApplicationId,
        /// Where it is now.
        status: ApplicationStatus,
    },
    /// A subscription began its next period by itself.
    SubscriptionRenewed {
        /// The subscription.
        subscription_id: SubscriptionId,
        /// Whose it is.
        user_id: UserId,
        /// The plan.
        plan: PlanName,
    },
    /// A subscription came to its end; its owner is told.
    SubscriptionExpired {
        /// The subscription.
        subscription_id: SubscriptionId,
        /// Whose it was.
        user_id: UserId,
        /// The plan.
        plan: PlanName,
    },
}
