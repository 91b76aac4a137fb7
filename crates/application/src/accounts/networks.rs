use jobportal_domain::{User, UserId};

use super::Accounts;
use crate::{Result, UnitOfWork};

/// The most networks that are known of one user; beyond it the one that was away for longest is forgotten.
const MAX_NETWORKS: u32 = 20;

impl Accounts {
    /// Whether the owner of the account with this e-mail address or phone number has come from `network` before: registered,
    /// signed in, or proved to read the account's mail. Does the same for an account that is not there.
    pub fn knows_network(&self, identifier: &str, network: &str) -> Result<bool> {
        self.store.read(|uow| {
            let user = Self::find_by_identifier(uow, identifier)?;
            let user_id = user.map_or(UserId(0), |user: User| user.id);
            Ok(uow.networks().is_known(user_id, &self.network_digest(user_id, network))?)
        })
    }

    /// Notes that the owner of an account has come from a network.
    pub(super) fn remember_network(
        &self,
        uow: &mut dyn UnitOfWork,
        user_id: UserId,
        network: Option<&str>,
    ) -> Result<()> {
        let Some(network) = network else { return Ok(()) };
        let digest = self.network_digest(user_id, network);
        Ok(uow.networks().remember(user_id, &digest, self.clock.now(), MAX_NETWORKS)?)
    }

    /// Networks are told apart, and can't be read back; nor does it show that two users came from the same one.
    fn network_digest(&self, user_id: UserId, network: &str) -> String {
        self.vault.digest(&format!("network:{user_id}"), network)
    }
}

#[cfg(test)]
mod tests {
    use mockall::predicate::eq;

    use super::*;
    use crate::fixtures::{AccountsFixture, CANDIDATE_USER, digest_of, user};

    #[test]
    fn a_network_is_known_of_one_account_by_either_name_and_asked_for_one_that_is_not_there_too() {
        for (identifier, user_id, known) in [
            ("ann@example.com", CANDIDATE_USER, true),
            ("+8801711111111", CANDIDATE_USER, true),
            ("nobody@example.com", UserId(0), false),
            ("01799999999", UserId(0), false),
            ("", UserId(0), false),
        ] {
            let mut fixture = AccountsFixture::default();
            fixture.expect_user(&user());
            let digest = digest_of(&format!("network:{user_id}"), "192.0.2.7");
            let networks = &mut fixture.uow.networks;
            networks.expect_is_known().once().with(eq(user_id), eq(digest)).returning(move |_, _| Ok(known));
            let (accounts, _) = fixture.wire();
            assert_eq!(accounts.knows_network(identifier, "192.0.2.7").unwrap(), known, "{identifier}");
        }
    }
}
