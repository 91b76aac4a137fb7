use crate::{ApplicationId, ApplicationStatus, JobId, PlanName, SubscriptionId, UserId, UserType};

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
