use jobportal_domain::{UserId, UserType};

use crate::{Error, Result};

/// Who is asking, as their access token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The account.
    pub user_id: UserId,
    /// Its role.
    pub user_type: UserType,
    /// The session that the token belongs to.
    pub session_id: String,
}

impl Actor {
    /// Refuses everyone but users of this type.
    pub fn require(&self, user_type: UserType) -> Result<()> {
        if self.user_type == user_type { Ok(()) } else { Err(Error::WRONG_ROLE) }
    }
}

/// Refuses an id that a body carries for compatibility and that is not the caller's own.
pub(crate) fn require_own(given: Option<i64>, own: impl Into<i64>) -> Result<()> {
    match given {
        Some(given) if given != own.into() => Err(Error::NOT_YOURS),
        _ => Ok(()),
    }
}
