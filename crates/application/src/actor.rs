use jobportal_domain::{UserId, UserType};

use crate::{Action, Error, Relation, Result, Role};

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
    /// Refuses a role that never does this, with [`Error::WRONG_ROLE`].
    pub fn require(&self, action: Action) -> Result<()> {
        action.check_role(Role::of(Some(self)))
    }

    /// Refuses who may not do this with a thing of `owner`; where they shall not know of it, as if it were `missing`.
    pub fn require_on(&self, action: Action, owner: UserId, missing: Error) -> Result<()> {
        action.check(Role::of(Some(self)), Relation::to(owner, Some(self)), missing)
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
    use crate::fixtures::{CANDIDATE_USER, STRANGER, candidate};

    #[test]
    fn an_actor_does_what_the_table_grants_their_role() {
        assert!(candidate().require(Action::Apply).is_ok());
        for other in [Action::PostJob, Action::ManagePlans] {
            assert!(matches!(candidate().require(other), Err(Error::Forbidden(_))));
        }
    }

    #[test]
    fn what_is_somebody_elses_is_missing() {
        let open = |owner| candidate().require_on(Action::OpenResume, owner, Error::NotFound("Résumé not found."));
        assert!(open(CANDIDATE_USER).is_ok());
        assert!(matches!(open(STRANGER), Err(Error::NotFound("Résumé not found."))));
    }

    #[test]
    fn an_id_in_a_body_is_ones_own_or_left_out() {
        assert!(require_own(None, CANDIDATE_USER).is_ok());
        assert!(require_own(Some(CANDIDATE_USER.0), CANDIDATE_USER).is_ok());
        assert!(matches!(require_own(Some(0), CANDIDATE_USER), Err(Error::Forbidden(_))));
    }
}
