use jobportal_domain::{CandidateId, EmployerId, NotificationId, OneTimeCode, User};
use mockall::predicate::{always, eq};

use super::*;
use crate::fixtures::{
    AccountsFixture, CANDIDATE_USER, CODE, PASSWORD, code_digest, dead_codes, digest_of, email, hash_of, kept_code,
    now, phone_number, sealed, unverified, user, violations,
};
use crate::{Access, NewNotification, Notification, Once, RequestKey, SealedCode, StoredReceipt};

fn request() -> Register {
    Register {
        email: Some("Ben@Example.com".to_owned()),
        phone_number: Some("+8801722222222".to_owned()),
        user_type: Some("employer".to_owned()),
        password: Some(PASSWORD.to_owned()),
        ..Register::default()
    }
}

/// A portal in which nobody has an account yet.
fn empty() -> AccountsFixture {
    let mut fixture = AccountsFixture::default();
    fixture.uow.users.expect_find_by_email().returning(|_| Ok(None));
    fixture.uow.users.expect_find_by_phone_number().returning(|_| Ok(None));
    fixture
}

#[test]
fn every_broken_rule_is_reported_at_once_and_nothing_is_hashed_or_written() {
    let mut fixture = AccountsFixture::default();
    fixture.expect_user(&user());
    let (accounts, store) = fixture.wire();
    let broken = violations(accounts.register(
        Register {
            email: Some("ANN@example.com".to_owned()),
            phone_number: Some("8801711111111".to_owned()),
            user_type: Some("admin".to_owned()),
            password: Some("1234".to_owned()),
            violations: Violations::single("confirm_password", "Password field does not match"),
            network: None,
        },
        Once::unkeyed(),
    ));
    assert_eq!(broken.of("email"), [EMAIL_TAKEN]);
    assert_eq!(broken.of("phone_number"), [PHONE_NUMBER_TAKEN]);
    assert_eq!(broken.of("user_type"), ["\"admin\" is not a valid choice."]);
    assert_eq!(broken.of("password").len(), 3);
    assert_eq!(broken.of("confirm_password"), ["Password field does not match"]);
    assert_eq!(store.transactions(), [(Access::Read, true)]);
}

#[test]
fn what_is_missing_is_required_unless_the_shell_said_why_already() {
    let (accounts, _) = AccountsFixture::default().wire();
    let violations_of_shell = Violations::single("email", "Not a valid string.");
    let broken = violations(
        accounts.register(Register { violations: violations_of_shell, ..Register::default() }, Once::unkeyed()),
    );
    assert_eq!(broken.of("email"), ["Not a valid string."]);
    for field in ["phone_number", "user_type", "password"] {
        assert_eq!(broken.of(field), ["This field is required."], "{field}");
    }
}

#[test]
fn malformed_values_are_reported_without_being_looked_up() {
    let (accounts, _) = AccountsFixture::default().wire();
    let broken = violations(accounts.register(
        Register {
            email: Some("ben".to_owned()),
            phone_number: Some("12".to_owned()),
            user_type: Some("Employer".to_owned()),
            ..request()
        },
        Once::unkeyed(),
    ));
    assert_eq!(broken.fields().map(|(field, _)| field).collect::<Vec<_>>(), ["email", "phone_number", "user_type"]);
}

#[test]
fn a_password_is_judged_by_the_address_and_number_given_with_it() {
    for password in ["Ben@Example.com", "x01722222222"] {
        let (accounts, _) = empty().wire();
        let broken = violations(
            accounts.register(Register { password: Some(password.to_owned()), ..request() }, Once::unkeyed()),
        );
        assert_eq!(broken.of("password").len(), 1, "{password}");
    }
}

#[test]
fn an_account_is_stored_unverified_with_the_digest_of_its_code_and_a_sealed_mail() {
    let mut fixture = empty();
    fixture.expect_hash();
    let stored = NewUser {
        email: email("ben@example.com"),
        phone_number: phone_number("01722222222"),
        user_type: UserType::Employer,
        password_hash: hash_of(PASSWORD),
        verified_at: None,
        created_at: now(),
    };
    fixture.uow.users.expect_insert().once().with(eq(stored)).returning(|_| Ok(UserId(8)));
    let (purpose, target) = (CodePurpose::EmailVerification, "ben@example.com");
    let digest = code_digest(UserId(8), purpose, target);
    assert!(!digest.contains(CODE));
    let code = OneTimeCode::issue(UserId(8), purpose, target.to_owned(), digest, fixture.settings.codes, now());
    fixture.uow.codes.expect_lock().returning(|_, _| Ok(None));
    fixture.uow.codes.expect_replace().once().with(eq(code)).returning(|_| Ok(()));
    let mail = NewNotification {
        recipient: email("ben@example.com"),
        content: Notification::Welcome { code: SealedCode(sealed(CODE)), valid_minutes: 10 },
        created_at: now(),
    };
    fixture.uow.outbox.expect_enqueue().once().with(eq(mail)).returning(|_| Ok(jobportal_domain::NotificationId(1)));
    let (accounts, store) = fixture.wire();

    let registered = accounts.register(request(), Once::unkeyed()).unwrap();
    assert_eq!((registered.user_id, registered.code.expose()), (UserId(8), CODE));
    assert_eq!(store.transactions(), [(Access::Read, true), (Access::Write, true)]);
}

#[test]
fn two_who_register_at_once_get_the_same_answer_as_one_after_the_other() {
    for (constraint, field, message) in [
        (Constraint::UserEmail, "email", EMAIL_TAKEN),
        (Constraint::UserPhoneNumber, "phone_number", PHONE_NUMBER_TAKEN),
    ] {
        let mut fixture = empty();
        fixture.expect_hash();
        fixture.uow.users.expect_insert().returning(move |_| Err(RepositoryError::Conflict(constraint)));
        let (accounts, store) = fixture.wire();
        let broken = violations(accounts.register(request(), Once::unkeyed()));
        assert_eq!(broken, Violations::single(field, message));
        assert_eq!(store.transactions(), [(Access::Read, true), (Access::Write, false)]);
    }
}

#[test]
fn hashing_happens_before_the_account_is_written() {
    let mut fixture = empty();
    fixture.hasher.expect_hash().returning(|_| Err(Error::Internal("no entropy".into())));
    let (accounts, store) = fixture.wire();
    assert!(matches!(accounts.register(request(), Once::unkeyed()), Err(Error::Internal(_))));
    assert_eq!(store.transactions(), [(Access::Read, true)]);
}

#[test]
fn an_account_whose_mail_can_not_be_queued_is_undone() {
    let mut fixture = empty();
    fixture.expect_hash();
    fixture.uow.users.expect_insert().returning(|_| Ok(UserId(8)));
    fixture.uow.codes.expect_lock().returning(|_, _| Ok(None));
    fixture.uow.codes.expect_replace().returning(|_| Ok(()));
    fixture.uow.outbox.expect_enqueue().returning(|_| Err(RepositoryError::Unavailable("full".into())));
    let (accounts, store) = fixture.wire();
    assert!(matches!(accounts.register(request(), Once::unkeyed()), Err(Error::Unavailable(_))));
    assert_eq!(store.transactions(), [(Access::Read, true), (Access::Write, false)]);
}

#[test]
fn an_admin_is_verified_from_the_start_and_gets_no_code() {
    let mut fixture = empty();
    fixture.expect_hash();
    fixture
        .uow
        .users
        .expect_insert()
        .once()
        .withf(|user| user.user_type == UserType::Admin && user.verified_at == Some(now()))
        .returning(|_| Ok(UserId(9)));
    let (accounts, _) = fixture.wire();
    assert_eq!(accounts.create_admin("root@example.com", "01733333333", PASSWORD).unwrap(), UserId(9));
}

#[test]
fn an_admin_keeps_the_same_rules() {
    let (accounts, _) = empty().wire();
    let broken = violations(accounts.create_admin("root@example.com", "12", "password"));
    assert_eq!(broken.fields().map(|(field, _)| field).collect::<Vec<_>>(), ["password", "phone_number"]);
}

#[test]
fn verification_makes_the_profile_of_the_role_in_the_same_transaction() {
    for user_type in [UserType::Candidate, UserType::Employer] {
        let mut fixture = AccountsFixture::default();
        fixture.expect_user(&User { user_type, ..unverified() });
        fixture.uow.codes.expect_lock().returning(|_, purpose| Ok(Some(kept_code(purpose))));
        fixture.uow.codes.expect_update().once().withf(|code| code.consumed_at == Some(now())).returning(|_| Ok(()));
        let users = &mut fixture.uow.users;
        users.expect_mark_verified().once().with(eq(CANDIDATE_USER), eq(now())).returning(|_, _| Ok(()));
        let (of_candidate, of_employer) = if user_type == UserType::Candidate { (1, 0) } else { (0, 1) };
        let candidates = &mut fixture.uow.candidates;
        candidates
            .expect_create()
            .times(of_candidate)
            .with(eq(CANDIDATE_USER), always())
            .returning(|_, _| Ok(CandidateId(1)));
        let employers = &mut fixture.uow.employers;
        employers
            .expect_create()
            .times(of_employer)
            .with(eq(CANDIDATE_USER), always())
            .returning(|_, _| Ok(EmployerId(1)));
        let (accounts, store) = fixture.wire();
        accounts.verify_email(" Ann@Example.com ", CODE, None).unwrap();
        assert_eq!(store.transactions(), [(Access::Write, true)]);
    }
}

#[test]
fn an_account_that_a_password_reset_verified_meanwhile_gets_no_second_profile() {
    let mut fixture = AccountsFixture::default();
    fixture.uow.users.expect_find_by_email().returning(|_| Ok(Some(unverified())));
    fixture.uow.users.expect_lock().returning(|_| Ok(true));
    fixture.uow.users.expect_find().returning(|_| Ok(Some(user())));
    fixture.uow.codes.expect_lock().returning(|_, purpose| Ok(Some(kept_code(purpose))));
    fixture.uow.codes.expect_update().returning(|_| Ok(()));
    let (accounts, _) = fixture.wire();
    accounts.verify_email("ann@example.com", CODE, None).unwrap();
}

fn refusal(accounts: &Accounts, email: &str, code: &str) -> Violations {
    violations(accounts.verify_email(email, code, None))
}

#[test]
fn every_code_that_is_not_accepted_gets_one_answer() {
    let one_answer = Violations::single("code", "OTP does not exist.");
    let mut one_answer = one_answer;
    one_answer.push("email", "Email does not exist.");

    let unknown = || {
        let mut fixture = AccountsFixture::default();
        fixture.expect_user(&unverified());
        fixture.uow.codes.expect_lock().returning(|_, _| Ok(None));
        fixture.wire().0
    };
    for (email, code) in [
        ("nobody@example.com", CODE),
        ("no address", CODE),
        ("ann@example.com", CODE),
        ("ann@example.com", "12345"),
        ("ann@example.com", "abcdef"),
    ] {
        assert_eq!(refusal(&unknown(), email, code), one_answer, "{email} {code}");
    }
    let kept = dead_codes(CodePurpose::EmailVerification).map(|code| (code, CODE));
    for (kept, typed) in kept.into_iter().chain([(kept_code(CodePurpose::EmailVerification), "654321")]) {
        let mut fixture = AccountsFixture::default();
        fixture.expect_user(&unverified());
        fixture.uow.codes.expect_lock().returning(move |_, _| Ok(Some(kept.clone())));
        fixture.uow.codes.expect_update().returning(|_| Ok(()));
        let (accounts, _) = fixture.wire();
        assert_eq!(refusal(&accounts, "ann@example.com", typed), one_answer);
    }
}

#[test]
fn a_failed_try_is_counted_and_committed() {
    let mut fixture = AccountsFixture::default();
    fixture.expect_user(&unverified());
    fixture
        .uow
        .codes
        .expect_lock()
        .with(eq(CANDIDATE_USER), eq(CodePurpose::EmailVerification))
        .returning(|_, purpose| Ok(Some(kept_code(purpose))));
    fixture
        .uow
        .codes
        .expect_update()
        .once()
        .withf(|code| code.attempts_left == 4 && code.consumed_at.is_none())
        .returning(|_| Ok(()));
    let (accounts, store) = fixture.wire();
    refusal(&accounts, "ann@example.com", "654321");
    assert_eq!(store.transactions(), [(Access::Write, true)]);
}

#[test]
fn a_new_code_goes_to_an_account_that_is_not_verified() {
    let mut fixture = AccountsFixture::default();
    fixture.expect_user(&unverified());
    fixture.uow.codes.expect_lock().returning(|_, _| Ok(None));
    fixture.uow.codes.expect_replace().once().with(eq(kept_code(CodePurpose::EmailVerification))).returning(|_| Ok(()));
    fixture
        .uow
        .outbox
        .expect_enqueue()
        .once()
        .withf(|mail| mail.content.kind() == "welcome" && mail.recipient == user().email)
        .returning(|_| Ok(jobportal_domain::NotificationId(1)));
    let (accounts, _) = fixture.wire();
    accounts.resend_code(&email("ann@example.com")).unwrap();
}

#[test]
fn a_verified_or_unknown_address_gets_no_new_code_and_no_other_answer() {
    for address in ["ann@example.com", "nobody@example.com"] {
        let mut fixture = AccountsFixture::default();
        fixture.expect_user(&user());
        let (accounts, store) = fixture.wire();
        accounts.resend_code(&email(address)).unwrap();
        assert_eq!(store.transactions(), [(Access::Write, true)]);
    }
}

#[test]
fn a_user_who_got_as_many_codes_as_allowed_gets_no_more_and_nobody_is_told() {
    let mut fixture = AccountsFixture::default();
    fixture.expect_user(&unverified());
    let kept = OneTimeCode {
        issues: fixture.settings.codes.max_issues,
        counted_since: now(),
        ..kept_code(CodePurpose::EmailVerification)
    };
    fixture.uow.codes.expect_lock().returning(move |_, _| Ok(Some(kept.clone())));
    fixture.uow.codes.expect_replace().never();
    fixture.uow.outbox.expect_enqueue().never();
    let (accounts, _) = fixture.wire();
    assert!(accounts.resend_code(&unverified().email).is_ok());
}

#[test]
fn a_retry_meets_its_receipt_and_not_the_account_that_it_made() {
    let mut fixture = AccountsFixture::default();
    fixture.expect_user(&user());
    let kept = StoredReceipt { fingerprint: "f".to_owned(), sealed: sealed("answer") };
    fixture.uow.receipts.expect_find().returning(move |_, _| Ok(Some(kept.clone())));
    let (accounts, store) = fixture.wire();
    let vault = accounts.vault.clone();
    let key =
        RequestKey { caller: "email:ann@example.com".to_owned(), key: "k".to_owned(), fingerprint: "f".to_owned() };
    let mut render = |_: &Registered| unreachable!("nothing is made");
    let request = Register { email: Some("ann@example.com".to_owned()), ..request() };
    let outcome = accounts.register(request, Once::keyed(key, &*vault, &mut render));
    assert!(matches!(outcome, Err(Error::Repeated(receipt)) if receipt.0 == "answer"));
    // Neither hashed nor written.
    assert_eq!(store.transactions(), [(Access::Read, false)]);
}

#[test]
fn the_network_of_a_registration_is_known_of_the_account() {
    let mut fixture = empty();
    fixture.expect_hash();
    fixture.uow.users.expect_insert().returning(|_| Ok(CANDIDATE_USER));
    fixture.uow.codes.expect_lock().returning(|_, _| Ok(None));
    fixture.uow.codes.expect_replace().returning(|_| Ok(()));
    fixture.uow.outbox.expect_enqueue().returning(|_| Ok(NotificationId(1)));
    let digest = digest_of(&format!("network:{CANDIDATE_USER}"), "192.0.2.7");
    fixture.uow.networks = crate::mocks::MockNetworkRepository::new();
    let remembered = fixture.uow.networks.expect_remember().once();
    remembered.with(eq(CANDIDATE_USER), eq(digest), eq(now()), always()).returning(|_, _, _, _| Ok(()));
    let (accounts, _) = fixture.wire();
    accounts.register(Register { network: Some("192.0.2.7".to_owned()), ..request() }, Once::unkeyed()).unwrap();
}
