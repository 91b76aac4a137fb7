use jobportal_domain::User;

use super::{Accounts, hold_verified};
use crate::{Actor, Error, Result, UnitOfWork};

/// What a user who is signed in proves again before a change of how they sign in or are reached: an access token may have
/// been stolen.
#[derive(Clone)]
pub struct Reauthentication {
    /// The present password.
    pub password: String,
}

impl Accounts {
    /// Does `work` in a transaction, on behalf of a user who proved again who they are. Slow: it hashes.
    ///
    /// Fails with [`Error::Invalid`] under `password`.
    pub(super) fn reauthenticated<T>(
        &self,
        actor: &Actor,
        proof: &Reauthentication,
        mut work: impl FnMut(&mut dyn UnitOfWork, &User) -> Result<T>,
    ) -> Result<T> {
        let user = self.store.read(|uow| Ok(uow.users().find(actor.user_id)?))?;
        let Some(user) = user else { return Err(Error::Unauthenticated("User not found.")) };
        let wrong = || Error::invalid("password", "Password is incorrect.");
        if !self.hasher.verify(&proof.password, &user.password_hash) {
            return Err(wrong());
        }
        self.store.write(|uow| if hold_verified(uow, &user)? { work(uow, &user) } else { Err(wrong()) })
    }
}
