use std::fmt;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        ///
        /// The number is given by whoever stores it, and means nothing else.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<$name> for i64 {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    )+};
}

ids! {
    /// Identifies a [`User`](crate::User).
    UserId,
    /// Identifies a [`CandidateProfile`](crate::CandidateProfile); not the same number as its user's.
    CandidateId,
    /// Identifies the [`ProfessionalProfile`](crate::ProfessionalProfile) of a candidate.
    ProfessionalProfileId,
    /// Identifies an [`EmployerProfile`](crate::EmployerProfile); not the same number as its user's.
    EmployerId,
    /// Identifies a [`Job`](crate::Job).
    JobId,
    /// Identifies a [`JobApplication`](crate::JobApplication).
    ApplicationId,
    /// Identifies a [`Plan`](crate::Plan).
    PlanId,
    /// Identifies a [`Subscription`](crate::Subscription).
    SubscriptionId,
    /// Identifies a [`StoredDocument`](crate::StoredDocument).
    DocumentId,
    /// Identifies a notification that waits in the outbox.
    NotificationId,
}
