use chrono::{DateTime, Utc};
use jobportal_domain::{Code, CodePurpose, EmailAddress, Event, PhoneNumber, SecurityChange, User};

use super::registration::taken;
use super::{Accounts, Reauthentication, hold};
use crate::{Actor, Error, NewNotification, Notification, Result, UnitOfWork, events};

impl Accounts {
    /// Sends a code to the address that the account is to have; [`Self::confirm_email_change`] with it changes the address.
    /// Does the same, outwardly, where another account has that address: then its owner is told instead. Slow: it hashes.
    ///
    /// Fails with [`Error::Invalid`] under `password`, or under `email` for the address that the account has.
    pub fn request_email_change(&self, actor: &Actor, email: &EmailAddress, proof: &Reauthentication) -> Result<()> {
        let code = self.random.code()?;
        self.reauthenticated(actor, proof, |uow, user| {
            if *email == user.email {
                return Err(Error::invalid("email", "This is the address of your account already."));
            }
            let is_taken = uow.users().find_by_email(email)?.is_some();
            // The code is counted in either case, so that the number of codes tells nothing too.
            if !self.keep_code(uow, user.id, CodePurpose::EmailChange, email.as_str(), (&code, None))? {
                return Ok(());
            }
            if !is_taken {
                return self.send_code(uow, CodePurpose::EmailChange, email, (&code, None));
            }
            let (recipient, content, created_at) = (email.clone(), Notification::EmailTaken, self.clock.now());
            uow.outbox().enqueue(&NewNotification { recipient, content, created_at })?;
            Ok(())
        })
    }

    /// Gives the account the address that the code was sent to, tells the former one and ends the other sessions; returns the
    /// ids of those, for [`SessionDenylist::deny`](crate::SessionDenylist::deny).
    ///
    /// Fails with [`Error::Invalid`]: under `code` for one that is not accepted, under `email` for an address that another
    /// account got meanwhile.
    pub fn confirm_email_change(&self, actor: &Actor, code: &str) -> Result<Vec<String>> {
        self.confirm(actor, CodePurpose::EmailChange, code, |uow, user, target, now| {
            let email = EmailAddress::parse(target).map_err(|error| Error::Internal(error.into()))?;
            // Told first: it is the former address that has to learn of it.
            let change = SecurityChange::EmailChanged;
            events::publish(uow, &Event::SecurityChanged { user_id: user.id, change }, now)?;
            uow.users().set_email(user.id, &email, now).map_err(taken)
        })
    }

    /// Sends a code to the user's e-mail address; [`Self::confirm_phone_number_change`] with it changes the number. Slow: it
    /// hashes.
    ///
    /// Fails with [`Error::Invalid`] under `password`, or under `phone_number` for the number that the account has.
    pub fn request_phone_number_change(
        &self,
        actor: &Actor,
        phone_number: &PhoneNumber,
        proof: &Reauthentication,
    ) -> Result<()> {
        let code = self.random.code()?;
        self.reauthenticated(actor, proof, |uow, user| {
            if *phone_number == user.phone_number {
                return Err(Error::invalid("phone_number", "This is the number of your account already."));
            }
            let purpose = CodePurpose::PhoneNumberChange;
            if self.keep_code(uow, user.id, purpose, phone_number.as_str(), (&code, None))? {
                self.send_code(uow, purpose, &user.email, (&code, None))?;
            }
            Ok(())
        })
    }

    /// Gives the account the number that the code was issued for, tells its owner and ends the other sessions; returns the ids
    /// of those, for [`SessionDenylist::deny`](crate::SessionDenylist::deny).
    ///
    /// Fails with [`Error::Invalid`]: under `code` for one that is not accepted, under `phone_number` for a number that
    /// another account has.
    pub fn confirm_phone_number_change(&self, actor: &Actor, code: &str) -> Result<Vec<String>> {
        self.confirm(actor, CodePurpose::PhoneNumberChange, code, |uow, user, target, now| {
            let phone_number = PhoneNumber::parse(target).map_err(|error| Error::Internal(error.into()))?;
            uow.users().set_phone_number(user.id, &phone_number, now).map_err(taken)?;
            let change = SecurityChange::PhoneNumberChanged;
            events::publish(uow, &Event::SecurityChanged { user_id: user.id, change }, now)
        })
    }

    /// Lets `change` change what the code was issued for, and ends the other sessions.
    fn confirm(
        &self,
        actor: &Actor,
        purpose: CodePurpose,
        code: &str,
        change: impl Fn(&mut dyn UnitOfWork, &User, &str, DateTime<Utc>) -> Result<()>,
    ) -> Result<Vec<String>> {
        let rejected = || Error::invalid("code", "OTP does not exist.");
        let code = Code::parse(code).ok_or_else(rejected)?;
        let now = self.clock.now();
        let ended = self.store.write(|uow| {
            let Some(user) = hold(uow, actor.user_id)? else { return Ok(None) };
            let Some(target) = self.try_code(uow, user.id, purpose, &code)? else { return Ok(None) };
            change(uow, &user, &target, now)?;
            Ok(Some(uow.sessions().end_of_user(user.id, Some(actor.session_id.clone()), now)?))
        })?;
        ended.ok_or_else(rejected)
    }
}

#[cfg(test)]
mod tests {
    use jobportal_domain::{NotificationId, UserId, Violations};
    use mockall::predicate::{always, eq};

    use super::*;
    use crate::fixtures::{
        AccountsFixture, CANDIDATE_USER, CODE, PASSWORD, STRANGER, candidate, code_for, dead_codes, email, hash_of,
        now, phone_number, sealed, user, violations,
    };
    use crate::{Access, Constraint, RepositoryError, SealedCode};

    const NEW: &str = "ann@new.example";

    fn proof(password: &str) -> Reauthentication {
        Reauthentication { password: password.to_owned(), second_factor: None }
    }

    fn expect_mail(fixture: &mut AccountsFixture, recipient: &str, content: Notification<SealedCode>) {
        let mail = NewNotification { recipient: email(recipient), content, created_at: now() };
        fixture.uow.outbox.expect_enqueue().once().with(eq(mail)).returning(|_| Ok(NotificationId(1)));
    }

    fn changed(change: SecurityChange) -> Notification<SealedCode> {
        Notification::security_changed(change)
    }

    #[test]
    fn a_code_for_a_new_address_goes_to_that_address() {
        let mut fixture = AccountsFixture::default();
        fixture.expect_user(&user());
        fixture.uow.codes.expect_lock().returning(|_, _| Ok(None));
        let kept = code_for(CodePurpose::EmailChange, NEW);
        fixture.uow.codes.expect_replace().once().with(eq(kept)).returning(|_| Ok(()));
        let content = Notification::EmailChange { code: SealedCode(sealed(CODE)), valid_minutes: 10 };
        expect_mail(&mut fixture, NEW, content);
        let (accounts, store) = fixture.wire();
        accounts.request_email_change(&candidate(), &email(NEW), &proof(PASSWORD)).unwrap();
        assert_eq!(store.transactions(), [(Access::Read, true), (Access::Write, true), (Access::Write, true)]);
    }

    #[test]
    fn a_taken_address_is_not_disclosed_to_who_asks_and_its_owner_is_told() {
        let mut fixture = AccountsFixture::default();
        let owner = User { id: STRANGER, email: email(NEW), ..user() };
        fixture.uow.users.expect_find_by_email().with(eq(email(NEW))).returning(move |_| Ok(Some(owner.clone())));
        fixture.expect_user(&user());
        fixture.uow.codes.expect_lock().returning(|_, _| Ok(None));
        fixture.uow.codes.expect_replace().once().returning(|_| Ok(()));
        expect_mail(&mut fixture, NEW, Notification::EmailTaken);
        let (accounts, store) = fixture.wire();
        accounts.request_email_change(&candidate(), &email(NEW), &proof(PASSWORD)).unwrap();
        assert_eq!(store.transactions(), [(Access::Read, true), (Access::Write, true), (Access::Write, true)]);
    }

    #[test]
    fn who_got_as_many_codes_as_allowed_makes_no_further_mail_for_any_address() {
        for other in [None, Some(User { id: STRANGER, email: email(NEW), ..user() })] {
            let mut fixture = AccountsFixture::default();
            fixture.uow.users.expect_find_by_email().returning(move |_| Ok(other.clone()));
            fixture.expect_user(&user());
            let kept = jobportal_domain::OneTimeCode { issues: 5, ..code_for(CodePurpose::EmailChange, NEW) };
            fixture.uow.codes.expect_lock().returning(move |_, _| Ok(Some(kept.clone())));
            let (accounts, _) = fixture.wire();
            accounts.request_email_change(&candidate(), &email(NEW), &proof(PASSWORD)).unwrap();
        }
    }

    #[test]
    fn without_the_present_password_no_change_can_be_asked_for() {
        let changed_meanwhile = || {
            let mut fixture = AccountsFixture::default();
            let mut found = vec![User { password_hash: hash_of("another"), ..user() }, user()];
            fixture.uow.users.expect_find().returning(move |_| Ok(found.pop()));
            fixture.uow.users.expect_lock().returning(|_| Ok(true));
            fixture.wire().0
        };
        let wrong = || {
            let mut fixture = AccountsFixture::default();
            fixture.expect_user(&user());
            fixture.wire().0
        };
        let refused = Violations::single("password", "Password is incorrect.");
        for (accounts, password) in [(wrong(), "wrong"), (changed_meanwhile(), PASSWORD)] {
            let outcome = accounts.request_email_change(&candidate(), &email(NEW), &proof(password));
            assert_eq!(violations(outcome), refused);
        }
        for (accounts, password) in [(wrong(), "wrong"), (changed_meanwhile(), PASSWORD)] {
            let number = phone_number("01799999999");
            assert_eq!(
                violations(accounts.request_phone_number_change(&candidate(), &number, &proof(password))),
                refused
            );
        }
    }

    #[test]
    fn what_the_account_has_already_is_not_asked_for() {
        let mut fixture = AccountsFixture::default();
        fixture.expect_user(&user());
        let (accounts, _) = fixture.wire();
        let (actor, proof) = (candidate(), proof(PASSWORD));
        let broken = violations(accounts.request_email_change(&actor, &user().email, &proof));
        assert_eq!(broken.of("email").len(), 1);
        let broken = violations(accounts.request_phone_number_change(&actor, &user().phone_number, &proof));
        assert_eq!(broken.of("phone_number").len(), 1);
    }

    fn expect_code(fixture: &mut AccountsFixture, purpose: CodePurpose, target: &str) {
        let kept = code_for(purpose, target);
        let codes = &mut fixture.uow.codes;
        codes.expect_lock().with(eq(CANDIDATE_USER), eq(purpose)).returning(move |_, _| Ok(Some(kept.clone())));
        codes.expect_update().once().returning(|_| Ok(()));
    }

    fn expect_other_sessions_end(fixture: &mut AccountsFixture) {
        let kept = Some("session-present".to_owned());
        let sessions = &mut fixture.uow.sessions;
        sessions
            .expect_end_of_user()
            .once()
            .with(eq(CANDIDATE_USER), eq(kept), eq(now()))
            .returning(|_, _, _| Ok(vec!["session-other".to_owned()]));
    }

    #[test]
    fn the_code_gives_the_account_the_address_tells_the_former_one_and_ends_other_sessions() {
        let mut fixture = AccountsFixture::default();
        fixture.expect_user(&user());
        expect_code(&mut fixture, CodePurpose::EmailChange, NEW);
        let users = &mut fixture.uow.users;
        users.expect_set_email().once().with(eq(CANDIDATE_USER), eq(email(NEW)), eq(now())).returning(|_, _, _| Ok(()));
        expect_mail(&mut fixture, user().email.as_str(), changed(SecurityChange::EmailChanged));
        expect_other_sessions_end(&mut fixture);
        let (accounts, store) = fixture.wire();
        assert_eq!(accounts.confirm_email_change(&candidate(), CODE).unwrap(), ["session-other"]);
        assert_eq!(store.transactions(), [(Access::Write, true)]);
    }

    #[test]
    fn the_code_gives_the_account_the_number_and_tells_its_owner() {
        let mut fixture = AccountsFixture::default();
        fixture.expect_user(&user());
        expect_code(&mut fixture, CodePurpose::PhoneNumberChange, "01799999999");
        let users = &mut fixture.uow.users;
        users
            .expect_set_phone_number()
            .once()
            .with(eq(CANDIDATE_USER), eq(phone_number("01799999999")), eq(now()))
            .returning(|_, _, _| Ok(()));
        expect_mail(&mut fixture, user().email.as_str(), changed(SecurityChange::PhoneNumberChanged));
        expect_other_sessions_end(&mut fixture);
        let (accounts, _) = fixture.wire();
        assert_eq!(accounts.confirm_phone_number_change(&candidate(), CODE).unwrap(), ["session-other"]);
    }

    #[test]
    fn a_number_is_asked_for_with_a_code_to_the_present_address() {
        let mut fixture = AccountsFixture::default();
        fixture.expect_user(&user());
        fixture.uow.codes.expect_lock().returning(|_, _| Ok(None));
        let kept = code_for(CodePurpose::PhoneNumberChange, "01799999999");
        fixture.uow.codes.expect_replace().once().with(eq(kept)).returning(|_| Ok(()));
        let content = Notification::PhoneNumberChange { code: SealedCode(sealed(CODE)), valid_minutes: 10 };
        expect_mail(&mut fixture, user().email.as_str(), content);
        let (accounts, _) = fixture.wire();
        accounts.request_phone_number_change(&candidate(), &phone_number("01799999999"), &proof(PASSWORD)).unwrap();
    }

    #[test]
    fn a_code_that_is_not_accepted_changes_nothing_and_its_try_counts() {
        let refused = Violations::single("code", "OTP does not exist.");
        let dead = dead_codes(CodePurpose::EmailChange).map(|code| (code, CODE));
        for (kept, typed) in dead.into_iter().chain([(code_for(CodePurpose::EmailChange, NEW), "654321")]) {
            let mut fixture = AccountsFixture::default();
            fixture.expect_user(&user());
            fixture.uow.codes.expect_lock().returning(move |_, _| Ok(Some(kept.clone())));
            fixture.uow.codes.expect_update().once().returning(|_| Ok(()));
            let (accounts, store) = fixture.wire();
            assert_eq!(violations(accounts.confirm_email_change(&candidate(), typed)), refused);
            assert_eq!(store.transactions(), [(Access::Write, true)]);
        }
        let mut fixture = AccountsFixture::default();
        fixture.expect_user(&user());
        fixture.uow.codes.expect_lock().returning(|_, _| Ok(None));
        let (accounts, _) = fixture.wire();
        for typed in [CODE, "12345", ""] {
            assert_eq!(violations(accounts.confirm_email_change(&candidate(), typed)), refused);
        }
    }

    #[test]
    fn a_digest_is_of_use_for_no_other_purpose_target_or_user() {
        let issued = code_for(CodePurpose::EmailChange, NEW);
        let stolen = [
            code_for(CodePurpose::PhoneNumberChange, NEW).digest,
            code_for(CodePurpose::EmailChange, "bea@example.com").digest,
            crate::fixtures::code_digest(UserId(8), CodePurpose::EmailChange, NEW),
            issued.digest.replacen("session-new.", "another salt.", 1),
            issued.digest.replacen("session-new.", "", 1),
        ];
        for digest in stolen {
            let mut fixture = AccountsFixture::default();
            fixture.expect_user(&user());
            let kept = jobportal_domain::OneTimeCode { digest, ..issued.clone() };
            fixture.uow.codes.expect_lock().returning(move |_, _| Ok(Some(kept.clone())));
            fixture.uow.codes.expect_update().returning(|_| Ok(()));
            let (accounts, _) = fixture.wire();
            assert!(accounts.confirm_email_change(&candidate(), CODE).is_err());
        }
    }

    #[test]
    fn an_address_that_another_account_got_meanwhile_is_told_by_the_constraint() {
        let mut fixture = AccountsFixture::default();
        fixture.expect_user(&user());
        expect_code(&mut fixture, CodePurpose::EmailChange, NEW);
        fixture.uow.outbox.expect_enqueue().with(always()).returning(|_| Ok(NotificationId(1)));
        let users = &mut fixture.uow.users;
        users.expect_set_email().returning(|_, _, _| Err(RepositoryError::Conflict(Constraint::UserEmail)));
        let (accounts, store) = fixture.wire();
        let broken = violations(accounts.confirm_email_change(&candidate(), CODE));
        assert_eq!(broken.of("email"), ["A user with this email already exists."]);
        assert_eq!(store.transactions(), [(Access::Write, false)]);
    }
}
