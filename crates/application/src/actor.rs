use jobportal_domain::{UserId, UserType};

use crate::{Error, Result};

/// Who is asking, as their access token says. Use cases believe it: make one only of a token that
/// [`AccessTokens::verify`](crate::AccessTokens::verify) accepted and whose session is not denied.
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
    /// Refuses everyone but users of this type, with [`Error::WRONG_ROLE`].
    pub fn require(&self, user_type: UserType) -> Result<()> {
        if self.user_type == user_type { Ok(()) } else { Err(Error::WRONG_ROLE) }
    }

    /// Refuses the id of another user that a body carries for compatibility.
    pub fn require_own_user(&self, user: Option<i64>) -> Result<()> {
        require_own(user, self.user_id)
    }
}

/// Refuses an id that a body carries for compatibility and that is not the caller's own.
pub(crate) fn require_own(given: Option<i64>, own: impl Into<i64>) -> Result<()> {
    match given {
        Some(given) if given != own.into() => Err(Error::NOT_YOURS),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{CANDIDATE_USER, candidate};

    #[test]
    fn an_actor_has_one_role() {
        assert!(candidate().require(UserType::Candidate).is_ok());
        for other in [UserType::Employer, UserType::Admin] {
            assert!(matches!(candidate().require(other), Err(Error::Forbidden(_))));
        }
    }

    #[test]
    fn an_id_in_a_body_is_ones_own_or_left_out() {
        assert!(require_own(None, CANDIDATE_USER).is_ok());
        assert!(require_own(Some(CANDIDATE_USER.0), CANDIDATE_USER).is_ok());
        assert!(matches!(require_own(Some(0), CANDIDATE_USER), Err(Error::Forbidden(_))));
    }
}
