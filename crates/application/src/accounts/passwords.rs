use jobportal_domain::{Code, CodePurpose, EmailAddress, Event, Password, Violations};

use super::codes::rejected;
use super::{Accounts, hold, hold_verified};
use crate::{Actor, Error, Result, events};

const OLD_PASSWORD_WRONG: &str = "Old password is incorrect";

/// Asks to change one's own password.
#[derive(Clone)]
pub struct ChangePassword {
    /// The present one.
    pub old_password: String,
    /// The new one.
    pub password: String,
    /// The new one again.
    pub confirm_password: String,
}

/// Asks to set a new password with a code from one's mail.
#[derive(Clone)]
pub struct ResetPassword {
    /// The address of the account.
    pub email: String,
    /// The code that was sent there.
    pub code: String,
    /// The new password.
    pub password: String,
    /// The new password again.
    pub confirm_password: String,
}

impl Accounts {
    /// Changes the password of the one who asks, and ends their other sessions; returns the ids of those. Hashes: keep it off
    /// the database lane.
    pub fn change_password(&self, actor: &Actor, request: &ChangePassword) -> Result<Vec<String>> {
        let user = self.store.read(|uow| Ok(uow.users().find(actor.user_id)?))?;
        let Some(user) = user else { return Err(Error::Unauthenticated("User not found.")) };
        let mut violations = Violations::default();
        if !self.hasher.verify(&request.old_password, &user.password_hash) {
            violations.push("old_password", OLD_PASSWORD_WRONG);
        }
        let password =
            choose(request, &mut violations, |raw| Password::choose(raw, Some(&user.email), Some(&user.phone_number)));
        violations.into_result()?;
        let Some(password) = password else { return Err(Error::Internal("no password and no broken rule".into())) };
        let hash = self.hasher.hash(&password)?;
        let now = self.clock.now();
        self.store.write(|uow| {
            if !hold_verified(uow, &user)? {
                return Err(Error::invalid("old_password", OLD_PASSWORD_WRONG));
            }
            uow.users().set_password(user.id, &hash, now)?;
            events::publish(uow, &Event::PasswordChanged { user_id: user.id }, now)?;
            Ok(uow.sessions().delete_of_user(user.id, Some(actor.session_id.clone()))?)
        })
    }

    /// Sends a code that allows a new password to be set. Does the same, outwardly, for every address.
    pub fn request_password_reset(&self, email: &EmailAddress) -> Result<()> {
        let code = self.random.code()?;
        self.store.write(|uow| match uow.users().find_by_email(email)? {
            Some(user) => self.issue_code(uow, user.id, email, CodePurpose::PasswordReset, &code),
            None => Ok(()),
        })
    }

    /// Sets a new password with the code that was sent, ends all sessions and returns their ids. The code proves the address
    /// too. Hashes, but only for a right code: keep it off the database lane.
    pub fn reset_password(&self, request: &ResetPassword) -> Result<Vec<String>> {
        let email = EmailAddress::parse(&request.email).ok();
        let code = Code::parse(&request.code);
        let mut violations = Violations::default();
        let confirmed = ChangePassword {
            old_password: String::new(),
            password: request.password.clone(),
            confirm_password: request.confirm_password.clone(),
        };
        let password = choose(&confirmed, &mut violations, |raw| Password::choose(raw, email.as_ref(), None));
        violations.into_result()?;
        let (Some(email), Some(code), Some(password)) = (email, code, password) else { return Err(rejected()) };

        // A wrong code is settled before anything is hashed: a guess must not cost the server a third of a second.
        let accepted = self.store.write(|uow| {
            let Some(user) = uow.users().find_by_email(&email)? else { return Ok(None) };
            let accepted = self.try_code(uow, user.id, CodePurpose::PasswordReset, &code)?;
            Ok(accepted.then_some(user))
        })?;
        let Some(user) = accepted else { return Err(rejected()) };
        let hash = self.hasher.hash(&password)?;
        let now = self.clock.now();
        self.store.write(|uow| {
            let Some(user) = hold(uow, user.id)? else { return Err(rejected()) };
            uow.users().set_password(user.id, &hash, now)?;
            if !user.is_verified() {
                uow.users().mark_verified(user.id, now)?;
                events::publish(uow, &Event::EmailVerified { user_id: user.id, user_type: user.user_type }, now)?;
            }
            events::publish(uow, &Event::PasswordChanged { user_id: user.id }, now)?;
            Ok(uow.sessions().delete_of_user(user.id, None)?)
        })
    }
}

/// Judges a new password and its repetition; every broken rule is recorded.
fn choose(
    request: &ChangePassword,
    violations: &mut Violations,
    judge: impl FnOnce(&str) -> Result<Password, Vec<jobportal_domain::PasswordError>>,
) -> Option<Password> {
    if request.password != request.confirm_password {
        violations.push("password", "Password field does not match");
    }
    judge(&request.password).map_err(|rules| rules.iter().for_each(|rule| violations.push("password", rule))).ok()
}
