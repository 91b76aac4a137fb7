use jobportal_domain::{
    Code, CodePurpose, EmailAddress, Event, NotAChoice, Password, PhoneNumber, UserId, UserType, Violations,
};

use super::codes::rejected;
use super::{Accounts, NewUser, hold};
use crate::{Constraint, Error, Once, RepositoryError, Result, UnitOfWork, events};

const EMAIL_TAKEN: &str = "A user with this email already exists.";
const PHONE_NUMBER_TAKEN: &str = "A user with this contract number already exists.";

/// Asks for an account. Everything is raw, so that all broken rules are found in one go.
#[derive(Clone, Default)]
pub struct Register {
    /// The e-mail address.
    pub email: Option<String>,
    /// The phone number.
    pub phone_number: Option<String>,
    /// Candidate or employer.
    pub user_type: Option<String>,
    /// The password.
    pub password: Option<String>,
    /// The network that the user comes from; it is known afterwards.
    pub network: Option<String>,
    /// Rules that were found broken before; they are reported with the rest, under the same names of fields.
    pub violations: Violations,
}

/// What a registration leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The account.
    pub user_id: UserId,
    /// The code that is on its way by mail; shown to nobody but a developer.
    pub code: Code,
}

impl Accounts {
    /// Makes an account that is verified by the code it sends. Slow: it hashes.
    ///
    /// Fails with [`Error::Invalid`], all broken rules at once, under `email`, `phone_number`, `user_type` and
    /// `password`; an address or a number that is taken is one of them.
    pub fn register(&self, request: Register, once: Once<'_, Registered>) -> Result<Registered> {
        let network = request.network.clone();
        let mut user = self.judge(request, UserType::is_open_to_registration, &once)?;
        let code = self.random.code()?;
        user.verified_at = None;
        self.store_new(&user, once, |uow, user_id| {
            self.issue_code(uow, user_id, CodePurpose::EmailVerification, &user.email, (&code, None))?;
            self.remember_network(uow, user_id, network.as_deref())?;
            Ok(Registered { user_id, code: code.clone() })
        })
    }

    /// Makes a verified admin. For the operator alone: it asks nobody's permission, so let no request lead here. Slow:
    /// it hashes. Fails as [`Self::register`] does.
    pub fn create_admin(&self, email: &str, phone_number: &str, password: &str) -> Result<UserId> {
        let request = Register {
            email: Some(email.to_owned()),
            phone_number: Some(phone_number.to_owned()),
            user_type: Some(UserType::Admin.as_str().to_owned()),
            password: Some(password.to_owned()),
            ..Register::default()
        };
        let once = Once::unkeyed();
        let user = self.judge(request, |user_type| user_type == UserType::Admin, &once)?;
        self.store_new(&user, once, |_, id| Ok(id))
    }

    /// Proves the address with the code that was sent to it, and makes the profile. Fails with [`Error::Invalid`] under
    /// both `email` and `code`, whatever is wrong with one of them, so that it tells nobody who has an account. The network
    /// that the user comes from is known afterwards.
    pub fn verify_email(&self, email: &str, code: &str, network: Option<&str>) -> Result<()> {
        let (Ok(email), Some(code)) = (EmailAddress::parse(email), Code::parse(code)) else {
            return Err(rejected());
        };
        let now = self.clock.now();
        let accepted = self.store.write(|uow| {
            let Some(user) = uow.users().find_by_email(&email)? else { return Ok(false) };
            if !self.proves(uow, &user, CodePurpose::EmailVerification, &code)? {
                return Ok(false);
            }
            self.remember_network(uow, user.id, network)?;
            // A password reset proves the address too; only one of the two makes the profile.
            let Some(user) = hold(uow, user.id)? else { return Ok(false) };
            if !user.is_verified() {
                uow.users().mark_verified(user.id, now)?;
                events::publish(uow, &Event::EmailVerified { user_id: user.id, user_type: user.user_type }, now)?;
            }
            Ok(true)
        })?;
        if accepted { Ok(()) } else { Err(rejected()) }
    }

    /// Sends a new code to an account that is not verified. Does the same, outwardly, for every address.
    pub fn resend_code(&self, email: &EmailAddress) -> Result<()> {
        let code = self.random.code()?;
        self.store.write(|uow| match uow.users().find_by_email(email)? {
            Some(user) if !user.is_verified() && user.is_active() => {
                self.issue_code(uow, user.id, CodePurpose::EmailVerification, email, (&code, None))
            }
            _ => Ok(()),
        })
    }

    /// Judges everything that can be judged before anything is written, and hashes the password if nothing is broken.
    fn judge<T>(&self, request: Register, may_be: impl Fn(UserType) -> bool, once: &Once<'_, T>) -> Result<NewUser> {
        let mut violations = request.violations;
        let mut given = |field: &str, value: Option<String>| {
            if value.is_none() && violations.of(field).is_empty() {
                violations.push(field, "This field is required.");
            }
            value
        };
        let email = given("email", request.email);
        let phone_number = given("phone_number", request.phone_number);
        let user_type = given("user_type", request.user_type);
        let password = given("password", request.password);

        let email = email.and_then(|raw| violations.check("email", EmailAddress::parse(&raw)));
        let phone_number = phone_number.and_then(|raw| violations.check("phone_number", PhoneNumber::parse(&raw)));
        let user_type = user_type.and_then(|raw| {
            let parsed = UserType::parse(&raw).and_then(|t| if may_be(t) { Ok(t) } else { Err(NotAChoice(raw)) });
            violations.check("user_type", parsed)
        });
        let password = password.and_then(|raw| {
            Password::choose(&raw, email.as_ref(), phone_number.as_ref())
                .map_err(|rules| rules.iter().for_each(|rule| violations.push("password", rule)))
                .ok()
        });
        let (email_taken, phone_number_taken) = self.store.read(|uow| {
            once.refuse_repeated(uow, self.clock.now())?;
            let email_taken = match &email {
                Some(email) => uow.users().find_by_email(email)?.is_some(),
                None => false,
            };
            let phone_number_taken = match &phone_number {
                Some(phone_number) => uow.users().find_by_phone_number(phone_number)?.is_some(),
                None => false,
            };
            Ok((email_taken, phone_number_taken))
        })?;
        if email_taken {
            violations.push("email", EMAIL_TAKEN);
        }
        if phone_number_taken {
            violations.push("phone_number", PHONE_NUMBER_TAKEN);
        }
        violations.into_result()?;
        match (email, phone_number, user_type, password) {
            (Some(email), Some(phone_number), Some(user_type), Some(password)) => {
                let password_hash = self.hasher.hash(&password)?;
                let now = self.clock.now();
                let verified_at = Some(now);
                Ok(NewUser { email, phone_number, user_type, password_hash, verified_at, created_at: now })
            }
            _ => Err(Error::Internal("a field without a value had no broken rule".into())),
        }
    }

    /// Stores the account; two who register at once with one address or number are told apart by the constraint.
    fn store_new<T>(
        &self,
        user: &NewUser,
        once: Once<'_, T>,
        then: impl Fn(&mut dyn UnitOfWork, UserId) -> Result<T>,
    ) -> Result<T> {
        once.write(&*self.store, user.created_at, |uow| {
            let id = uow.users().insert(user).map_err(taken)?;
            then(uow, id)
        })
    }
}

/// What a constraint refused, by the field that is to blame.
pub(super) fn taken(error: RepositoryError) -> Error {
    match error {
        RepositoryError::Conflict(Constraint::UserEmail) => Error::invalid("email", EMAIL_TAKEN),
        RepositoryError::Conflict(Constraint::UserPhoneNumber) => Error::invalid("phone_number", PHONE_NUMBER_TAKEN),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests;
