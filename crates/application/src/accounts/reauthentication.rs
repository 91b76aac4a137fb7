use jobportal_domain::User;

use super::second_factors::Judgement;
use super::{Accounts, SecondFactorProof, hold_verified};
use crate::{Actor, Error, Result, UnitOfWork};

/// What a user who is signed in proves again before a change of how they sign in or are reached: an access token may have
/// been stolen.
#[derive(Clone)]
pub struct Reauthentication {
    /// The present password.
    pub password: String,
    /// The second factor, for an account that has one.
    pub second_factor: Option<SecondFactorProof>,
}

impl Accounts {
    /// Does `work` in a transaction, on behalf of a user who proved again who they are. What they showed of the second factor is used
    /// up, whatever becomes of the work. Slow: it hashes.
    ///
    /// Fails with [`Error::Invalid`] under `password`, `totp` or `recovery_code`.
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
        let held = |uow: &mut dyn UnitOfWork| if hold_verified(uow, &user)? { Ok(()) } else { Err(wrong()) };
        // A transaction of its own: neither a wrong code nor the use of a right one may be undone with the work.
        let second_factor = proof.second_factor.as_ref();
        let judgement = self.store.write(|uow| {
            held(uow)?;
            self.judge_second_factor(uow, &user, second_factor)
        })?;
        match (judgement, second_factor) {
            (Judgement::Passed, _) => self.store.write(|uow| {
                held(uow)?;
                work(uow, &user)
            }),
            (_, Some(proof)) => Err(proof.refused()),
            (_, None) => Err(Error::invalid("totp", "A second factor is required: totp or recovery_code.")),
        }
    }
}
