use std::time::Duration;

use chrono::{DateTime, Utc};
use jobportal_domain::{
    Code, CodePurpose, EmailAddress, Event, RecoveryCode, SecondFactor, SecurityChange, TotpSecret, TotpVerdict, User,
    UserId,
};

use super::{Accounts, Reauthentication, hold};
use crate::{Actor, Error, RatePolicy, RepositoryError, Result, UnitOfWork, events};

/// How often codes of an authenticator app may be tried, as clients see it.
const POLICY: RatePolicy = RatePolicy {
    name: "second_factor",
    quota: SecondFactor::FREE_FAILURES as u32,
    window: Duration::from_secs(SecondFactor::LONGEST_BLOCK.num_seconds().unsigned_abs()),
};

const NONE: Error = Error::NotFound("This account has no second factor.");

/// What a user shows of the second factor.
#[derive(Clone)]
pub enum SecondFactorProof {
    /// The present code of the authenticator app.
    Totp(String),
    /// A recovery code.
    RecoveryCode(String),
}

/// How the second factor of an account stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondFactorState {
    /// Since when it is asked for at sign-in; `None`: it is not.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// How many recovery codes were not used yet.
    pub recovery_codes_left: u32,
    /// Whether the operator demands one of accounts of this type.
    pub is_required: bool,
}

/// A second factor that is asked for from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfirmedSecondFactor {
    /// To show once.
    pub recovery_codes: Vec<RecoveryCode>,
    /// The ids of sessions that ended, for [`SessionDenylist::deny`](crate::SessionDenylist::deny).
    pub ended: Vec<String>,
}

/// Authenticator apps and recovery codes: one factor a user at most.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait SecondFactorRepository {
    /// Finds the factor of a user.
    fn find(&mut self, user_id: UserId) -> Result<Option<SecondFactor>, RepositoryError>;
    /// Finds it and holds it until the end of the transaction, so that each try counts.
    fn lock(&mut self, user_id: UserId) -> Result<Option<SecondFactor>, RepositoryError>;
    /// Stores a factor in place of the user's one, if there is one.
    fn replace(&mut self, factor: &SecondFactor) -> Result<(), RepositoryError>;
    /// Deletes it with its recovery codes. False: there was none.
    fn delete(&mut self, user_id: UserId) -> Result<bool, RepositoryError>;
    /// Stores the digests of recovery codes in place of the user's former ones.
    fn replace_recovery_codes(&mut self, user_id: UserId, digests: &[String]) -> Result<(), RepositoryError>;
    /// Deletes a recovery code, so that it is used once. False: there is none with this digest.
    fn use_recovery_code(&mut self, user_id: UserId, digest: &str) -> Result<bool, RepositoryError>;
    /// How many recovery codes a user has left.
    fn count_recovery_codes(&mut self, user_id: UserId) -> Result<u32, RepositoryError>;
}

/// What became of a user's [`SecondFactorProof`].
pub(super) enum Judgement {
    /// It is right, or none is needed.
    Passed,
    /// One is needed.
    Missing,
    /// It is wrong.
    Refused,
}

impl Accounts {
    /// Whether the account has a second factor, how many recovery codes are left and whether it has to have one.
    pub fn second_factor(&self, actor: &Actor) -> Result<SecondFactorState> {
        self.store.read(|uow| {
            let factor = uow.second_factors().find(actor.user_id)?;
            Ok(SecondFactorState {
                confirmed_at: factor.and_then(|factor| factor.confirmed_at),
                recovery_codes_left: uow.second_factors().count_recovery_codes(actor.user_id)?,
                is_required: self.settings.require_second_factor.contains(&actor.user_type),
            })
        })
    }

    /// Sends the one who asks the code with which they may enrol the factor that is demanded of them. Fails with
    /// [`Error::Conflict`] where none is demanded, or one is active.
    pub fn request_enrolment_code(&self, actor: &Actor) -> Result<()> {
        let code = self.random.code()?;
        self.store.write(|uow| {
            let Some(user) = hold(uow, actor.user_id)? else { return Err(Error::Unauthenticated("User not found.")) };
            if !self.must_enrol(uow, &user)? {
                return Err(Error::Conflict("Your account needs no code to enrol a second factor.".to_owned()));
            }
            self.issue_code(uow, user.id, CodePurpose::SecondFactorEnrolment, &user.email, (&code, None))
        })
    }

    /// Gives the one who asks a key for an authenticator app, in place of one that was not confirmed;
    /// [`Self::confirm_second_factor`] makes it count. Where a factor is demanded and there is none, the password alone must not be
    /// enough to set one up, and keep out its owner: it takes the `code` of [`Self::request_enrolment_code`] too. Slow: it hashes.
    ///
    /// Fails with [`Error::Invalid`] under `password` or `code`, and with [`Error::Conflict`] where a factor is active.
    pub fn enrol_second_factor(
        &self,
        actor: &Actor,
        proof: &Reauthentication,
        code: Option<&str>,
    ) -> Result<TotpSecret> {
        let secret = self.random.totp_secret()?;
        let enrolled = self.reauthenticated(actor, proof, |uow, user| {
            if active_factor(uow, user.id)?.is_some() {
                return Err(active_already());
            }
            if self.must_enrol(uow, user)? {
                let code = Code::parse(code.ok_or_else(|| Error::invalid("code", "This field is required."))?);
                let is_right = match code {
                    Some(code) => self.proves(uow, user, CodePurpose::SecondFactorEnrolment, &code)?,
                    None => false,
                };
                if !is_right {
                    return Ok(None);
                }
            }
            let sealed = self.vault.seal(secret.expose())?;
            uow.second_factors().replace(&SecondFactor::enrol(user.id, sealed, self.clock.now()))?;
            Ok(Some(secret.clone()))
        })?;
        enrolled.ok_or_else(|| Error::invalid("code", "OTP does not exist."))
    }

    /// Makes the factor count, once the one who asks shows that the app has the key; ends their other sessions.
    ///
    /// Fails with [`Error::Invalid`] under `totp`, with [`Error::NotFound`] where nothing was enrolled, and with
    /// [`Error::Conflict`] where the factor is active.
    pub fn confirm_second_factor(&self, actor: &Actor, totp: &str) -> Result<ConfirmedSecondFactor> {
        let now = self.clock.now();
        let confirmed = self.store.write(|uow| {
            let Some(user) = hold(uow, actor.user_id)? else { return Err(Error::Unauthenticated("User not found.")) };
            let mut factor = uow.second_factors().lock(user.id)?.ok_or(NONE)?;
            if factor.is_active() {
                return Err(active_already());
            }
            if !self.try_totp(uow, &mut factor, totp)? {
                return Ok(None);
            }
            factor.confirmed_at = Some(now);
            uow.second_factors().replace(&factor)?;
            let recovery_codes = self.new_recovery_codes(uow, user.id)?;
            tell(uow, user.id, SecurityChange::SecondFactorEnrolled, now)?;
            let ended = uow.sessions().end_of_user(user.id, Some(actor.session_id.clone()), now)?;
            Ok(Some(ConfirmedSecondFactor { recovery_codes, ended }))
        })?;
        confirmed.ok_or_else(|| refused("totp"))
    }

    /// Removes the factor, and ends the other sessions of the one who asks; this one too where the operator demands a factor.
    /// Returns the ids of those, for [`SessionDenylist::deny`](crate::SessionDenylist::deny). Slow: it hashes.
    ///
    /// Fails with [`Error::Invalid`] under `password`, `totp` or `recovery_code`, and with [`Error::NotFound`].
    pub fn remove_second_factor(&self, actor: &Actor, proof: &Reauthentication) -> Result<Vec<String>> {
        let now = self.clock.now();
        self.reauthenticated(actor, proof, |uow, user| {
            let was_active = active_factor(uow, user.id)?.is_some();
            if !uow.second_factors().delete(user.id)? {
                return Err(NONE);
            }
            if !was_active {
                return Ok(Vec::new());
            }
            tell(uow, user.id, SecurityChange::SecondFactorRemoved, now)?;
            let is_required = self.settings.require_second_factor.contains(&user.user_type);
            let keep = (!is_required).then(|| actor.session_id.clone());
            Ok(uow.sessions().end_of_user(user.id, keep, now)?)
        })
    }

    /// Gives the one who asks new recovery codes in place of the former ones. Slow: it hashes.
    ///
    /// Fails with [`Error::Invalid`] under `password`, `totp` or `recovery_code`, and with [`Error::NotFound`] where no
    /// factor is active.
    pub fn renew_recovery_codes(&self, actor: &Actor, proof: &Reauthentication) -> Result<Vec<RecoveryCode>> {
        self.reauthenticated(actor, proof, |uow, user| {
            if active_factor(uow, user.id)?.is_none() {
                return Err(NONE);
            }
            tell(uow, user.id, SecurityChange::RecoveryCodesRenewed, self.clock.now())?;
            self.new_recovery_codes(uow, user.id)
        })
    }

    /// Removes the factor of a user who lost the app and the recovery codes, ends all their sessions and tells them. For the
    /// operator alone, who has to see first that it is them: it asks nobody's permission, so let no request lead here. Returns who
    /// it was.
    pub fn reset_second_factor(&self, email: &EmailAddress) -> Result<UserId> {
        let now = self.clock.now();
        self.store.write(|uow| {
            let user = uow.users().find_by_email(email)?.ok_or(Error::NotFound("No account has this address."))?;
            if !uow.second_factors().delete(user.id)? {
                return Err(NONE);
            }
            tell(uow, user.id, SecurityChange::SecondFactorRemoved, now)?;
            uow.sessions().end_of_user(user.id, None, now)?;
            Ok(user.id)
        })
    }

    /// Whether a session of this user may do nothing but enrol a factor.
    pub(super) fn must_enrol(&self, uow: &mut dyn UnitOfWork, user: &User) -> Result<bool> {
        let is_required = self.settings.require_second_factor.contains(&user.user_type);
        Ok(is_required && !uow.second_factors().find(user.id)?.is_some_and(|factor| factor.is_active()))
    }

    /// Judges what a user who showed the password shows of the second factor. The caller must let the transaction commit
    /// whatever the answer: a try that is undone is a try too many. Fails with [`Error::LimitReached`] where codes of the app
    /// are not looked at for a while; a recovery code always is, so that nobody can keep the owner out.
    pub(super) fn judge_second_factor(
        &self,
        uow: &mut dyn UnitOfWork,
        user: &User,
        proof: Option<&SecondFactorProof>,
    ) -> Result<Judgement> {
        let Some(mut factor) = active_factor(uow, user.id)? else { return Ok(Judgement::Passed) };
        let is_right = match proof {
            None => return Ok(Judgement::Missing),
            Some(SecondFactorProof::Totp(totp)) => self.try_totp(uow, &mut factor, totp)?,
            Some(SecondFactorProof::RecoveryCode(typed)) => {
                let digest = RecoveryCode::parse(typed).map(|code| self.recovery_digest(user.id, &code));
                let is_right = match digest {
                    Some(digest) => uow.second_factors().use_recovery_code(user.id, &digest)?,
                    None => false,
                };
                if is_right {
                    factor.forgive();
                    uow.second_factors().replace(&factor)?;
                    tell(uow, user.id, SecurityChange::RecoveryCodeUsed, self.clock.now())?;
                }
                is_right
            }
        };
        Ok(if is_right { Judgement::Passed } else { Judgement::Refused })
    }

    /// Uses up one try at a code of the app. What is no code at all is no try.
    fn try_totp(&self, uow: &mut dyn UnitOfWork, factor: &mut SecondFactor, totp: &str) -> Result<bool> {
        let Some(code) = Code::parse(totp) else { return Ok(false) };
        let secret = TotpSecret::parse(&self.vault.open(&factor.sealed_secret)?);
        let secret = secret.ok_or_else(|| Error::Internal("a sealed key is no key".into()))?;
        let now = self.clock.now();
        let verdict = factor.attempt(now, |step| self.totp.matches(&secret, step, &code));
        if let TotpVerdict::Blocked { until } = verdict {
            let message = "There were too many wrong codes. Please try again later, or use a recovery code.".to_owned();
            let retry_after = (until - now).to_std().unwrap_or_default();
            return Err(Error::LimitReached { policy: POLICY, message, retry_after });
        }
        uow.second_factors().replace(factor)?;
        if verdict == TotpVerdict::Wrong && factor.is_active() && factor.failures == SecondFactor::FREE_FAILURES {
            tell(uow, factor.user_id, SecurityChange::SecondFactorGuessed, now)?;
        }
        Ok(verdict == TotpVerdict::Accepted)
    }

    fn new_recovery_codes(&self, uow: &mut dyn UnitOfWork, user_id: UserId) -> Result<Vec<RecoveryCode>> {
        let codes = (0..RecoveryCode::COUNT).map(|_| self.random.recovery_code()).collect::<Result<Vec<_>>>()?;
        let digests: Vec<_> = codes.iter().map(|code| self.recovery_digest(user_id, code)).collect();
        uow.second_factors().replace_recovery_codes(user_id, &digests)?;
        Ok(codes)
    }

    fn recovery_digest(&self, user_id: UserId, code: &RecoveryCode) -> String {
        self.vault.digest(&format!("recovery_code:{user_id}"), code.expose())
    }
}

impl SecondFactorProof {
    /// The field that it comes in.
    const fn field(&self) -> &'static str {
        match self {
            Self::Totp(_) => "totp",
            Self::RecoveryCode(_) => "recovery_code",
        }
    }

    /// That it is wrong, for a user who is signed in.
    pub(super) fn refused(&self) -> Error {
        refused(self.field())
    }
}

fn active_factor(uow: &mut dyn UnitOfWork, user_id: UserId) -> Result<Option<SecondFactor>> {
    Ok(uow.second_factors().lock(user_id)?.filter(SecondFactor::is_active))
}

fn refused(field: &str) -> Error {
    Error::invalid(field, "This code is not accepted.")
}

fn active_already() -> Error {
    Error::Conflict("A second factor is active already. Remove it first.".to_owned())
}

fn tell(uow: &mut dyn UnitOfWork, user_id: UserId, change: SecurityChange, now: DateTime<Utc>) -> Result<()> {
    events::publish(uow, &Event::SecurityChanged { user_id, change }, now)
}

#[cfg(test)]
mod tests;
