use chrono::{DateTime, Utc};

use crate::closed_set::closed_set;
use crate::{EmailAddress, PasswordHash, PhoneNumber, UserId};

closed_set! {
    /// What a user is here for.
    UserType {
        /// Looks for work.
        Candidate = "candidate",
        /// Offers work.
        Employer = "employer",
        /// Runs the portal.
        Admin = "admin",
    }
}

impl UserType {
    /// Whether anyone may register as this type; an admin is made by the operator.
    pub const fn is_open_to_registration(self) -> bool {
        matches!(self, Self::Candidate | Self::Employer)
    }
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its identity.
    pub id: UserId,
    /// Unique among all accounts.
    pub email: EmailAddress,
    /// Unique among all accounts.
    pub phone_number: PhoneNumber,
    /// What the user is here for; never changes.
    pub user_type: UserType,
    /// The hash of the current password.
    pub password_hash: PasswordHash,
    /// When the user proved to own the e-mail address; `None` until then.
    pub verified_at: Option<DateTime<Utc>>,
    /// When the account was made.
    pub created_at: DateTime<Utc>,
    /// Since when nobody may use the account; `None`: it is in use.
    pub deactivated_at: Option<DateTime<Utc>>,
}

impl User {
    /// Whether the user proved to own the e-mail address, without which nobody signs in.
    pub const fn is_verified(&self) -> bool {
        self.verified_at.is_some()
    }

    /// Whether the account may be used.
    pub const fn is_active(&self) -> bool {
        self.deactivated_at.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_registers_as_admin() {
        let open: Vec<_> = UserType::ALL.iter().filter(|t| t.is_open_to_registration()).collect();
        assert_eq!(open, [&UserType::Candidate, &UserType::Employer]);
    }
}
