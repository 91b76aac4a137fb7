use jobportal_domain::{Code, CodePurpose, EmailAddress, Event, Password, User, Violations};

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
    /// The code that was sent there, in either form.
    pub code: String,
    /// The new password.
    pub password: String,
    /// The new password again.
    pub confirm_password: String,
    /// The network that the user comes from; it is known afterwards.
    pub network: Option<String>,
}

impl Accounts {
    /// Changes the password of the one who asks, and ends their other sessions; returns the ids of those, for
    /// [`SessionDenylist::deny`](crate::SessionDenylist::deny). Slow: it hashes.
    ///
    /// Fails with [`Error::Invalid`] under `old_password` or `password`, all broken rules at once.
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
            Ok(uow.sessions().end_of_user(user.id, Some(actor.session_id.clone()), now)?)
        })
    }

    /// Sends a code that allows a new password to be set, and its long form beside it, which others who guess at the digits can't make
    /// worthless. Does the same, outwardly, for every address, so that it tells
    /// nobody who has an account.
    pub fn request_password_reset(&self, email: &EmailAddress) -> Result<()> {
        let (code, long_code) = (self.random.code()?, Code::from(self.random.recovery_code()?));
        self.store.write(|uow| match uow.users().find_by_email(email)? {
            Some(user) if user.is_active() => {
                self.issue_code(uow, user.id, CodePurpose::PasswordReset, email, (&code, Some(&long_code)))
            }
            _ => Ok(()),
        })
    }

    /// Sets a new password with the code that was sent, ends all sessions and returns their ids, for
    /// [`SessionDenylist::deny`](crate::SessionDenylist::deny). The code proves the address too. Slow for a right code:
    /// it hashes.
    ///
    /// Fails with [`Error::Invalid`]: under `password`, or under both `email` and `code` for whatever is wrong with one
    /// of them.
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
            let user = uow.users().find_by_email(&email)?.filter(User::is_active);
            let Some(user) = user else { return Ok(None) };
            if !self.proves(uow, &user, CodePurpose::PasswordReset, &code)? {
                return Ok(None);
            }
            // Only who has the code may learn that a password is like the number; the code stays good for another one.
            let mut violations = Violations::default();
            choose(&confirmed, &mut violations, |raw| {
                Password::choose(raw, Some(&user.email), Some(&user.phone_number))
            });
            violations.into_result()?;
            Ok(Some(user))
        })?;
        let Some(user) = accepted else { return Err(rejected()) };
        let hash = self.hasher.hash(&password)?;
        let now = self.clock.now();
        self.store.write(|uow| {
            let Some(user) = hold(uow, user.id)?.filter(User::is_active) else { return Err(rejected()) };
            uow.users().set_password(user.id, &hash, now)?;
            if !user.is_verified() {
                uow.users().mark_verified(user.id, now)?;
                events::publish(uow, &Event::EmailVerified { user_id: user.id, user_type: user.user_type }, now)?;
            }
            events::publish(uow, &Event::PasswordChanged { user_id: user.id }, now)?;
            self.remember_network(uow, user.id, request.network.as_deref())?;
            Ok(uow.sessions().end_of_user(user.id, None, now)?)
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

#[cfg(test)]
mod tests {
    use jobportal_domain::{CandidateId, NotificationId, OneTimeCode};
    use mockall::Sequence;
    use mockall::predicate::{always, eq};

    use super::*;
    use crate::fixtures::{
        AccountsFixture, CANDIDATE_USER, CODE, PASSWORD, candidate, dead_codes, email, hash_of, kept_code, now,
        recovery_code, sealed, unverified, user, violations,
    };
    use crate::{Access, NewNotification, Notification, SealedCode};

    const NEW: &str = "battery staple";

    fn change(old_password: &str, password: &str, confirm_password: &str) -> ChangePassword {
        let [old_password, password, confirm_password] =
            [old_password, password, confirm_password].map(ToOwned::to_owned);
        ChangePassword { old_password, password, confirm_password }
    }

    fn reset(email: &str, code: &str, password: &str, confirm_password: &str) -> ResetPassword {
        let [email, code, password, confirm_password] =
            [email, code, password, confirm_password].map(ToOwned::to_owned);
        ResetPassword { email, code, password, confirm_password, network: None }
    }

    /// Expects the new password to be stored, the sessions but `kept` to end and the owner to be told.
    fn expect_new_password(fixture: &mut AccountsFixture, kept: Option<&'static str>) {
        fixture
            .uow
            .users
            .expect_set_password()
            .once()
            .with(eq(CANDIDATE_USER), eq(hash_of(NEW)), eq(now()))
            .returning(|_, _, _| Ok(()));
        fixture
            .uow
            .sessions
            .expect_end_of_user()
            .once()
            .with(eq(CANDIDATE_USER), eq(kept.map(ToOwned::to_owned)), eq(now()))
            .returning(|_, _, _| Ok(vec!["session-other".to_owned()]));
        let mail =
            NewNotification { recipient: user().email, content: Notification::PasswordChanged, created_at: now() };
        fixture.uow.outbox.expect_enqueue().once().with(eq(mail)).returning(|_| Ok(NotificationId(1)));
    }

    #[test]
    fn a_change_ends_the_other_sessions_and_tells_the_owner() {
        let mut fixture = AccountsFixture::default();
        fixture.expect_user(&user());
        fixture.expect_hash();
        expect_new_password(&mut fixture, Some("session-present"));
        let (accounts, store) = fixture.wire();
        let ended = accounts.change_password(&candidate(), &change(PASSWORD, NEW, NEW)).unwrap();
        assert_eq!(ended, ["session-other"]);
        assert_eq!(store.transactions(), [(Access::Read, true), (Access::Write, true)]);
    }

    #[test]
    fn a_change_reports_every_broken_rule_at_once_and_hashes_nothing() {
        let mut fixture = AccountsFixture::default();
        fixture.expect_user(&user());
        let (accounts, store) = fixture.wire();
        let broken = violations(accounts.change_password(&candidate(), &change("wrong", "ann@example.com", "other")));
        assert_eq!(broken.of("old_password"), [OLD_PASSWORD_WRONG]);
        assert_eq!(
            broken.of("password"),
            ["Password field does not match", "The password is too similar to the email."]
        );
        let broken =
            violations(accounts.change_password(&candidate(), &change(PASSWORD, "01711111111", "01711111111")));
        assert!(broken.of("password").contains(&"The password is too similar to the contract number.".to_owned()));
        assert_eq!(store.transactions(), [(Access::Read, true); 2]);
    }

    #[test]
    fn a_change_by_a_deleted_account_is_not_authenticated() {
        let mut fixture = AccountsFixture::default();
        fixture.uow.users.expect_find().returning(|_| Ok(None));
        let (accounts, _) = fixture.wire();
        let refused = accounts.change_password(&candidate(), &change(PASSWORD, NEW, NEW));
        assert!(matches!(refused, Err(Error::Unauthenticated(_))));
    }

    #[test]
    fn of_two_changes_with_one_old_password_only_the_first_counts() {
        let mut fixture = AccountsFixture::default();
        fixture.expect_hash();
        let (mut order, users) = (Sequence::new(), &mut fixture.uow.users);
        users.expect_find().once().in_sequence(&mut order).returning(|_| Ok(Some(user())));
        users.expect_lock().once().in_sequence(&mut order).returning(|_| Ok(true));
        let changed = User { password_hash: hash_of("changed meanwhile"), ..user() };
        users.expect_find().once().in_sequence(&mut order).returning(move |_| Ok(Some(changed.clone())));
        let (accounts, store) = fixture.wire();
        let broken = violations(accounts.change_password(&candidate(), &change(PASSWORD, NEW, NEW)));
        assert_eq!(broken, Violations::single("old_password", OLD_PASSWORD_WRONG));
        assert_eq!(store.transactions(), [(Access::Read, true), (Access::Write, false)]);
    }

    #[test]
    fn a_reset_code_goes_out_sealed_to_a_known_address_only() {
        let mut fixture = AccountsFixture::default();
        fixture.expect_user(&user());
        fixture.uow.codes.expect_lock().returning(|_, _| Ok(None));
        fixture.uow.codes.expect_replace().once().with(eq(kept_code(CodePurpose::PasswordReset))).returning(|_| Ok(()));
        let mail = NewNotification {
            recipient: user().email,
            content: Notification::PasswordReset {
                code: SealedCode(sealed(CODE)),
                long_code: Some(SealedCode(sealed(recovery_code(0).expose()))),
                valid_minutes: 10,
            },
            created_at: now(),
        };
        fixture.uow.outbox.expect_enqueue().once().with(eq(mail)).returning(|_| Ok(NotificationId(1)));
        let (accounts, store) = fixture.wire();
        accounts.request_password_reset(&email("ann@example.com")).unwrap();
        accounts.request_password_reset(&email("nobody@example.com")).unwrap();
        assert_eq!(store.transactions(), [(Access::Write, true); 2]);
    }

    #[test]
    fn a_reset_ends_all_sessions_and_tells_the_owner() {
        let mut fixture = AccountsFixture::default();
        fixture.expect_user(&user());
        fixture
            .uow
            .codes
            .expect_lock()
            .with(eq(CANDIDATE_USER), eq(CodePurpose::PasswordReset))
            .returning(|_, purpose| Ok(Some(kept_code(purpose))));
        fixture.uow.codes.expect_update().once().withf(|code| code.consumed_at.is_some()).returning(|_| Ok(()));
        fixture.expect_hash();
        expect_new_password(&mut fixture, None);
        let (accounts, store) = fixture.wire();
        let ended = accounts.reset_password(&reset("Ann@example.com", CODE, NEW, NEW)).unwrap();
        assert_eq!(ended, ["session-other"]);
        assert_eq!(store.transactions(), [(Access::Write, true); 2]);
    }

    #[test]
    fn the_long_form_of_a_code_resets_where_others_have_used_up_all_tries() {
        let exhausted = OneTimeCode { attempts_left: 0, ..kept_code(CodePurpose::PasswordReset) };
        for (typed, is_accepted) in
            [(recovery_code(0).expose(), true), (recovery_code(1).expose(), false), (CODE, false)]
        {
            let mut fixture = AccountsFixture::default();
            fixture.expect_user(&user());
            let kept = exhausted.clone();
            fixture.uow.codes.expect_lock().returning(move |_, _| Ok(Some(kept.clone())));
            fixture
                .uow
                .codes
                .expect_update()
                .once()
                .withf(move |code| code.consumed_at.is_some() == is_accepted && code.attempts_left == 0)
                .returning(|_| Ok(()));
            if is_accepted {
                fixture.expect_hash();
                expect_new_password(&mut fixture, None);
            }
            let (accounts, _) = fixture.wire();
            let reset = accounts.reset_password(&reset("ann@example.com", typed, NEW, NEW));
            assert_eq!(reset.is_ok(), is_accepted, "{typed}");
        }
    }

    #[test]
    fn a_reset_verifies_an_account_that_was_not_and_makes_its_profile() {
        let mut fixture = AccountsFixture::default();
        fixture.expect_user(&unverified());
        fixture.uow.codes.expect_lock().returning(|_, purpose| Ok(Some(kept_code(purpose))));
        fixture.uow.codes.expect_update().returning(|_| Ok(()));
        fixture.expect_hash();
        expect_new_password(&mut fixture, None);
        let users = &mut fixture.uow.users;
        users.expect_mark_verified().once().with(eq(CANDIDATE_USER), eq(now())).returning(|_, _| Ok(()));
        fixture
            .uow
            .candidates
            .expect_create()
            .once()
            .with(eq(CANDIDATE_USER), always())
            .returning(|_, _| Ok(CandidateId(1)));
        let (accounts, _) = fixture.wire();
        accounts.reset_password(&reset("ann@example.com", CODE, NEW, NEW)).unwrap();
    }

    #[test]
    fn a_reset_makes_no_second_profile_for_an_account_that_was_verified_meanwhile() {
        let mut fixture = AccountsFixture::default();
        fixture.uow.users.expect_find_by_email().returning(|_| Ok(Some(unverified())));
        fixture.uow.users.expect_lock().returning(|_| Ok(true));
        fixture.uow.users.expect_find().returning(|_| Ok(Some(user())));
        fixture.uow.codes.expect_lock().returning(|_, purpose| Ok(Some(kept_code(purpose))));
        fixture.uow.codes.expect_update().returning(|_| Ok(()));
        fixture.expect_hash();
        expect_new_password(&mut fixture, None);
        let (accounts, _) = fixture.wire();
        accounts.reset_password(&reset("ann@example.com", CODE, NEW, NEW)).unwrap();
    }

    #[test]
    fn a_code_that_is_not_accepted_gets_one_answer_costs_a_try_and_no_hash() {
        let one_answer = match rejected() {
            Error::Invalid(violations) => violations,
            other => panic!("{other:?}"),
        };
        let kept = dead_codes(CodePurpose::PasswordReset).map(|code| (code, CODE));
        for (kept, typed) in kept.into_iter().chain([(kept_code(CodePurpose::PasswordReset), "654321")]) {
            let mut fixture = AccountsFixture::default();
            fixture.expect_user(&user());
            fixture.uow.codes.expect_lock().returning(move |_, _| Ok(Some(kept.clone())));
            fixture.uow.codes.expect_update().once().returning(|_| Ok(()));
            let (accounts, store) = fixture.wire();
            let broken = violations(accounts.reset_password(&reset("ann@example.com", typed, NEW, NEW)));
            assert_eq!(broken, one_answer);
            assert_eq!(store.transactions(), [(Access::Write, true)]);
        }
        for (address, typed) in [("nobody@example.com", CODE), ("no address", CODE), ("ann@example.com", "12345")] {
            let mut fixture = AccountsFixture::default();
            fixture.expect_user(&user());
            let (accounts, _) = fixture.wire();
            let broken = violations(accounts.reset_password(&reset(address, typed, NEW, NEW)));
            assert_eq!(broken, one_answer, "{address} {typed}");
        }
    }

    #[test]
    fn a_code_that_was_sent_to_a_former_address_resets_nothing() {
        let mut fixture = AccountsFixture::default();
        let moved = User { email: email("ann@new.example"), ..user() };
        fixture.expect_user(&moved);
        fixture.uow.codes.expect_lock().returning(|_, purpose| Ok(Some(kept_code(purpose))));
        fixture.uow.codes.expect_update().returning(|_| Ok(()));
        let (accounts, _) = fixture.wire();
        assert!(accounts.reset_password(&reset("ann@new.example", CODE, NEW, NEW)).is_err());
    }

    #[test]
    fn an_account_that_is_not_in_use_gets_no_code_and_takes_none() {
        let mut fixture = AccountsFixture::default();
        fixture.expect_user(&User { deactivated_at: Some(now()), ..user() });
        let (accounts, store) = fixture.wire();
        accounts.request_password_reset(&email("ann@example.com")).unwrap();
        let broken = violations(accounts.reset_password(&reset("ann@example.com", CODE, NEW, NEW)));
        assert!(matches!(rejected(), Error::Invalid(one_answer) if broken == one_answer));
        assert_eq!(store.transactions(), [(Access::Write, true); 2]);
    }

    #[test]
    fn a_new_password_that_is_refused_costs_no_try() {
        let (accounts, store) = AccountsFixture::default().wire();
        let broken = violations(accounts.reset_password(&reset("ann@example.com", CODE, "1234", "12345")));
        assert_eq!(broken.of("password").len(), 4);
        let like_email = "ann@example.com";
        let broken = violations(accounts.reset_password(&reset(like_email, CODE, like_email, like_email)));
        assert_eq!(broken.of("password"), ["The password is too similar to the email."]);
        assert_eq!(store.transactions(), []);
    }
}
