use chrono::TimeDelta;
use jobportal_domain::{Client, NotificationId, OneTimeCode, UserType, Violations};
use mockall::predicate::{always, eq};

use super::*;
use crate::fixtures::{
    AccountsFixture, CANDIDATE_USER, CODE, PASSWORD, TOTP_SECRET, candidate, dead_codes, digest_of, kept_code, now,
    present_step, recovery_code, sealed, user, violations,
};
use crate::{Access, AccessClaims, NewNotification, Notification, SealedCode, SignIn, SignedIn};

fn enrolled() -> SecondFactor {
    SecondFactor::enrol(CANDIDATE_USER, sealed(TOTP_SECRET), now())
}

fn active() -> SecondFactor {
    SecondFactor { confirmed_at: Some(now() - TimeDelta::days(1)), ..enrolled() }
}

/// The active factor after its present code was used.
fn used() -> SecondFactor {
    SecondFactor { last_step: Some(present_step()), ..active() }
}

fn fixture(factor: Option<SecondFactor>) -> AccountsFixture {
    let mut fixture = AccountsFixture { second_factor: factor, ..AccountsFixture::default() };
    fixture.expect_user(&user());
    fixture
}

fn totp(code: &str) -> SecondFactorProof {
    SecondFactorProof::Totp(code.to_owned())
}

fn proof(second_factor: Option<SecondFactorProof>) -> Reauthentication {
    Reauthentication { password: PASSWORD.to_owned(), second_factor }
}

fn sign_in(second_factor: Option<SecondFactorProof>) -> SignIn {
    let client = Client::new(None, None);
    SignIn { identifier: "ann@example.com".to_owned(), password: PASSWORD.to_owned(), client, second_factor }
}

fn expect_stored(fixture: &mut AccountsFixture, factor: SecondFactor) {
    fixture.uow.second_factors.expect_replace().once().with(eq(factor)).returning(|_| Ok(()));
}

fn expect_notice(fixture: &mut AccountsFixture, change: SecurityChange) {
    let content = Notification::security_changed(change);
    let mail = NewNotification { recipient: user().email, content, created_at: now() };
    fixture.uow.outbox.expect_enqueue().once().with(eq(mail)).returning(|_| Ok(NotificationId(1)));
}

fn expect_ended(fixture: &mut AccountsFixture, keep: Option<&str>) {
    let keep = keep.map(ToOwned::to_owned);
    let sessions = &mut fixture.uow.sessions;
    sessions
        .expect_end_of_user()
        .once()
        .with(eq(CANDIDATE_USER), eq(keep), eq(now()))
        .returning(|_, _, _| Ok(vec!["session-other".to_owned()]));
}

fn recovery_digests() -> Vec<String> {
    (0..10).map(recovery_digest).collect()
}

fn recovery_digest(number: usize) -> String {
    digest_of(&format!("recovery_code:{CANDIDATE_USER}"), recovery_code(number).expose())
}

fn expect_new_recovery_codes(fixture: &mut AccountsFixture) {
    let factors = &mut fixture.uow.second_factors;
    factors
        .expect_replace_recovery_codes()
        .once()
        .withf(|user, digests| *user == CANDIDATE_USER && digests == recovery_digests())
        .returning(|_, _| Ok(()));
}

#[test]
fn a_key_is_kept_sealed_and_asked_for_only_once_it_is_confirmed() {
    for pending in [None, Some(SecondFactor { failures: 4, ..enrolled() })] {
        let mut fixture = fixture(pending);
        expect_stored(&mut fixture, enrolled());
        let (accounts, _) = fixture.wire();
        let secret = accounts.enrol_second_factor(&candidate(), &proof(None), None).unwrap();
        assert_eq!(secret.expose(), TOTP_SECRET);
    }
    let mut fixture = fixture(Some(enrolled()));
    fixture.uow.sessions.expect_insert().once().returning(|_, _, _| Ok(()));
    let (accounts, _) = fixture.wire();
    assert!(matches!(accounts.sign_in(&sign_in(None)), Ok(SignedIn::Granted(_))));
}

/// A fixture where a factor is demanded of the user, who has none, and was sent this code.
fn demanded(code: Option<OneTimeCode>) -> AccountsFixture {
    let mut fixture = fixture(None);
    fixture.settings.require_second_factor = vec![UserType::Candidate];
    fixture
        .uow
        .codes
        .expect_lock()
        .with(eq(CANDIDATE_USER), eq(CodePurpose::SecondFactorEnrolment))
        .returning(move |_, _| Ok(code.clone()));
    fixture
}

#[test]
fn a_factor_that_is_demanded_is_enrolled_with_the_password_and_the_code_of_the_mail() {
    let mut fixture = demanded(Some(kept_code(CodePurpose::SecondFactorEnrolment)));
    fixture.uow.codes.expect_update().once().withf(|code| code.consumed_at.is_some()).returning(|_| Ok(()));
    expect_stored(&mut fixture, enrolled());
    let (accounts, _) = fixture.wire();
    let secret = accounts.enrol_second_factor(&candidate(), &proof(None), Some(CODE)).unwrap();
    assert_eq!(secret.expose(), TOTP_SECRET);
}

#[test]
fn without_the_code_of_the_mail_a_demanded_factor_is_not_enrolled_and_a_try_counts() {
    let (accounts, _) = demanded(None).wire();
    let broken = violations(accounts.enrol_second_factor(&candidate(), &proof(None), None));
    assert_eq!(broken, Violations::single("code", "This field is required."));
    let moved =
        OneTimeCode { target: "ann@former.example".to_owned(), ..kept_code(CodePurpose::SecondFactorEnrolment) };
    let kept = dead_codes(CodePurpose::SecondFactorEnrolment).map(|code| (code, CODE)).into_iter();
    for (kept, typed) in kept.chain([(kept_code(CodePurpose::SecondFactorEnrolment), "654321"), (moved, CODE)]) {
        let mut fixture = demanded(Some(kept));
        fixture.uow.codes.expect_update().once().returning(|_| Ok(()));
        let (accounts, store) = fixture.wire();
        let broken = violations(accounts.enrol_second_factor(&candidate(), &proof(None), Some(typed)));
        assert_eq!(broken, Violations::single("code", "OTP does not exist."));
        assert_eq!(store.transactions().last(), Some(&(Access::Write, true)));
    }
    let (accounts, _) = demanded(None).wire();
    for typed in [CODE, "no code"] {
        assert!(accounts.enrol_second_factor(&candidate(), &proof(None), Some(typed)).is_err());
    }
}

#[test]
fn a_code_to_enrol_is_sent_to_whom_a_factor_is_demanded_of_and_has_none() {
    let mut fixture = demanded(None);
    let kept = kept_code(CodePurpose::SecondFactorEnrolment);
    fixture.uow.codes.expect_replace().once().with(eq(kept)).returning(|_| Ok(()));
    let content = Notification::SecondFactorEnrolment { code: SealedCode(sealed(CODE)), valid_minutes: 10 };
    let mail = NewNotification { recipient: user().email, content, created_at: now() };
    fixture.uow.outbox.expect_enqueue().once().with(eq(mail)).returning(|_| Ok(NotificationId(1)));
    let (accounts, _) = fixture.wire();
    accounts.request_enrolment_code(&candidate()).unwrap();
    let mut has_one = self::fixture(Some(active()));
    has_one.settings.require_second_factor = vec![UserType::Candidate];
    for fixture in [has_one, self::fixture(None)] {
        let (accounts, _) = fixture.wire();
        assert!(matches!(accounts.request_enrolment_code(&candidate()), Err(Error::Conflict(_))));
    }
}

#[test]
fn an_active_factor_is_not_replaced_by_who_has_the_password_alone_or_both() {
    let (accounts, _) = fixture(Some(active())).wire();
    let broken = violations(accounts.enrol_second_factor(&candidate(), &proof(None), None));
    assert_eq!(broken.of("totp").len(), 1);
    let mut fixture = fixture(Some(active()));
    fixture.uow.second_factors.expect_replace().with(eq(used())).returning(|_| Ok(()));
    let (accounts, store) = fixture.wire();
    let refused = accounts.enrol_second_factor(&candidate(), &proof(Some(totp(CODE))), None);
    assert!(matches!(refused, Err(Error::Conflict(_))));
    // What is refused is undone, and the use of the code is not.
    assert_eq!(store.transactions(), [(Access::Read, true), (Access::Write, true), (Access::Write, false)]);
}

#[test]
fn a_confirmed_factor_comes_with_ten_recovery_codes_a_notice_and_the_end_of_other_sessions() {
    let mut fixture = fixture(Some(enrolled()));
    let tried = SecondFactor { last_step: Some(present_step()), ..enrolled() };
    expect_stored(&mut fixture, tried.clone());
    expect_stored(&mut fixture, SecondFactor { confirmed_at: Some(now()), ..tried });
    expect_new_recovery_codes(&mut fixture);
    expect_notice(&mut fixture, SecurityChange::SecondFactorEnrolled);
    expect_ended(&mut fixture, Some("session-present"));
    let (accounts, store) = fixture.wire();
    let confirmed = accounts.confirm_second_factor(&candidate(), CODE).unwrap();
    let recovery_codes: Vec<_> = (0..10).map(recovery_code).collect();
    assert_eq!(confirmed, ConfirmedSecondFactor { recovery_codes, ended: vec!["session-other".to_owned()] });
    assert_eq!(store.transactions(), [(Access::Write, true)]);
}

#[test]
fn a_factor_is_not_confirmed_with_a_wrong_code_nor_twice_nor_without_a_key() {
    let mut wrong = fixture(Some(enrolled()));
    expect_stored(&mut wrong, SecondFactor { failures: 1, ..enrolled() });
    let (accounts, store) = wrong.wire();
    let broken = violations(accounts.confirm_second_factor(&candidate(), "654321"));
    assert_eq!(broken, Violations::single("totp", "This code is not accepted."));
    assert_eq!(store.transactions(), [(Access::Write, true)], "the try counts");

    let (accounts, _) = fixture(Some(enrolled())).wire();
    assert!(accounts.confirm_second_factor(&candidate(), "no code").is_err());
    let (accounts, _) = fixture(Some(active())).wire();
    assert!(matches!(accounts.confirm_second_factor(&candidate(), CODE), Err(Error::Conflict(_))));
    let (accounts, _) = fixture(None).wire();
    assert!(matches!(accounts.confirm_second_factor(&candidate(), CODE), Err(Error::NotFound(_))));
}

#[test]
fn sign_in_asks_for_an_active_factor_and_takes_its_code_once() {
    let (accounts, store) = fixture(Some(active())).wire();
    assert!(matches!(accounts.sign_in(&sign_in(None)), Ok(SignedIn::SecondFactorMissing)));
    assert_eq!(store.transactions(), [(Access::Read, true), (Access::Write, true)]);

    let mut right = fixture(Some(active()));
    expect_stored(&mut right, used());
    right.uow.sessions.expect_insert().once().returning(|_, _, _| Ok(()));
    let (accounts, _) = right.wire();
    assert!(matches!(accounts.sign_in(&sign_in(Some(totp(CODE)))), Ok(SignedIn::Granted(_))));

    let mut again = fixture(Some(used()));
    expect_stored(&mut again, SecondFactor { failures: 1, ..used() });
    let (accounts, _) = again.wire();
    assert!(matches!(accounts.sign_in(&sign_in(Some(totp(CODE)))), Ok(SignedIn::SecondFactorRefused)));
}

#[test]
fn a_wrong_password_learns_nothing_of_the_factor_and_costs_it_no_try() {
    let (accounts, store) = fixture(Some(active())).wire();
    for second_factor in [None, Some(totp(CODE)), Some(totp("654321"))] {
        let wrong = SignIn { password: "wrong".to_owned(), ..sign_in(second_factor) };
        assert!(matches!(accounts.sign_in(&wrong), Ok(SignedIn::Refused)));
    }
    assert_eq!(store.transactions(), [(Access::Read, true); 3]);
}

#[test]
fn the_fifth_wrong_code_tells_the_owner_and_the_next_is_not_looked_at() {
    let mut fifth = fixture(Some(SecondFactor { failures: 4, ..active() }));
    let blocked_until = Some(now() + TimeDelta::minutes(1));
    expect_stored(&mut fifth, SecondFactor { failures: 5, blocked_until, ..active() });
    expect_notice(&mut fifth, SecurityChange::SecondFactorGuessed);
    let (accounts, _) = fifth.wire();
    assert!(matches!(accounts.sign_in(&sign_in(Some(totp("654321")))), Ok(SignedIn::SecondFactorRefused)));

    let (accounts, _) = fixture(Some(SecondFactor { failures: 5, blocked_until, ..active() })).wire();
    match accounts.sign_in(&sign_in(Some(totp(CODE)))) {
        Err(Error::LimitReached { policy, retry_after, .. }) => {
            assert_eq!((policy.name, retry_after.as_secs()), ("second_factor", 60));
        }
        _ => panic!("it was looked at"),
    }
}

#[test]
fn a_recovery_code_lets_the_owner_in_once_also_while_codes_are_blocked() {
    let blocked = SecondFactor { failures: 9, blocked_until: Some(now() + TimeDelta::hours(1)), ..active() };
    let mut right = fixture(Some(blocked.clone()));
    right
        .uow
        .second_factors
        .expect_use_recovery_code()
        .once()
        .withf(|user, digest| *user == CANDIDATE_USER && digest == recovery_digest(3))
        .returning(|_, _| Ok(true));
    expect_stored(&mut right, active());
    expect_notice(&mut right, SecurityChange::RecoveryCodeUsed);
    right.uow.sessions.expect_insert().once().returning(|_, _, _| Ok(()));
    let (accounts, _) = right.wire();
    let code = SecondFactorProof::RecoveryCode(recovery_code(3).expose().to_ascii_uppercase());
    assert!(matches!(accounts.sign_in(&sign_in(Some(code.clone()))), Ok(SignedIn::Granted(_))));

    let mut spent = fixture(Some(blocked));
    spent.uow.second_factors.expect_use_recovery_code().once().with(always(), always()).returning(|_, _| Ok(false));
    let (accounts, _) = spent.wire();
    assert!(matches!(accounts.sign_in(&sign_in(Some(code))), Ok(SignedIn::SecondFactorRefused)));
    let none = SecondFactorProof::RecoveryCode("none".to_owned());
    assert!(matches!(accounts.sign_in(&sign_in(Some(none))), Ok(SignedIn::SecondFactorRefused)));
}

#[test]
fn a_change_of_how_a_user_is_reached_takes_the_factor_too() {
    let broken = |second_factor: Option<SecondFactorProof>| {
        let mut fixture = fixture(Some(active()));
        fixture.uow.second_factors.expect_replace().returning(|_| Ok(()));
        let (accounts, store) = fixture.wire();
        let new = crate::fixtures::email("ann@new.example");
        let broken = violations(accounts.request_email_change(&candidate(), &new, &proof(second_factor)));
        assert_eq!(store.transactions(), [(Access::Read, true), (Access::Write, true)], "a try counts");
        broken
    };
    assert_eq!(broken(None).of("totp"), ["A second factor is required: totp or recovery_code."]);
    assert_eq!(broken(Some(totp("654321"))).of("totp"), ["This code is not accepted."]);
    let none = SecondFactorProof::RecoveryCode("none".to_owned());
    assert_eq!(broken(Some(none)).of("recovery_code"), ["This code is not accepted."]);
}

#[test]
fn a_factor_is_removed_with_itself_and_its_owner_is_told() {
    for (required, keep) in [(vec![], Some("session-present")), (vec![UserType::Candidate], None)] {
        let mut fixture = fixture(Some(active()));
        fixture.settings.require_second_factor = required;
        expect_stored(&mut fixture, used());
        fixture.uow.second_factors.expect_delete().once().with(eq(CANDIDATE_USER)).returning(|_| Ok(true));
        expect_notice(&mut fixture, SecurityChange::SecondFactorRemoved);
        expect_ended(&mut fixture, keep);
        let (accounts, _) = fixture.wire();
        let ended = accounts.remove_second_factor(&candidate(), &proof(Some(totp(CODE)))).unwrap();
        assert_eq!(ended, ["session-other"]);
    }
    let mut pending = fixture(Some(enrolled()));
    pending.uow.second_factors.expect_delete().once().returning(|_| Ok(true));
    let (accounts, _) = pending.wire();
    assert!(accounts.remove_second_factor(&candidate(), &proof(None)).unwrap().is_empty());
    let mut none = fixture(None);
    none.uow.second_factors.expect_delete().returning(|_| Ok(false));
    let (accounts, _) = none.wire();
    assert!(matches!(accounts.remove_second_factor(&candidate(), &proof(None)), Err(Error::NotFound(_))));
}

#[test]
fn new_recovery_codes_take_the_place_of_the_former_ones() {
    let mut active = fixture(Some(active()));
    expect_stored(&mut active, used());
    expect_new_recovery_codes(&mut active);
    expect_notice(&mut active, SecurityChange::RecoveryCodesRenewed);
    let (accounts, _) = active.wire();
    let codes = accounts.renew_recovery_codes(&candidate(), &proof(Some(totp(CODE)))).unwrap();
    assert_eq!(codes, (0..10).map(recovery_code).collect::<Vec<_>>());
    for factor in [None, Some(enrolled())] {
        let (accounts, _) = fixture(factor).wire();
        assert!(matches!(accounts.renew_recovery_codes(&candidate(), &proof(None)), Err(Error::NotFound(_))));
    }
}

#[test]
fn the_operator_removes_a_factor_that_was_lost() {
    let mut lost = fixture(Some(active()));
    lost.uow.second_factors.expect_delete().once().with(eq(CANDIDATE_USER)).returning(|_| Ok(true));
    expect_notice(&mut lost, SecurityChange::SecondFactorRemoved);
    expect_ended(&mut lost, None);
    let (accounts, _) = lost.wire();
    accounts.reset_second_factor(&user().email).unwrap();
    let nobody = crate::fixtures::email("nobody@example.com");
    assert!(matches!(accounts.reset_second_factor(&nobody), Err(Error::NotFound(_))));
    let mut none = fixture(None);
    none.uow.second_factors.expect_delete().returning(|_| Ok(false));
    let (accounts, _) = none.wire();
    assert!(matches!(accounts.reset_second_factor(&user().email), Err(Error::NotFound(_))));
}

#[test]
fn a_session_without_a_factor_that_is_demanded_may_only_enrol() {
    for (required, factor, must_enrol) in [
        (vec![UserType::Candidate], None, true),
        (vec![UserType::Candidate], Some(enrolled()), true),
        (vec![UserType::Employer, UserType::Admin], None, false),
        (vec![], None, false),
    ] {
        let mut fixture = fixture(factor);
        fixture.settings.require_second_factor = required;
        fixture.uow.sessions.expect_insert().returning(|_, _, _| Ok(()));
        fixture.tokens = crate::mocks::MockAccessTokens::new();
        let says = move |claims: &AccessClaims| claims.must_enrol == must_enrol;
        fixture.tokens.expect_issue().once().withf(says).returning(|_| Ok(String::new()));
        let (accounts, _) = fixture.wire();
        assert!(matches!(accounts.sign_in(&sign_in(None)), Ok(SignedIn::Granted(_))));
    }
}

#[test]
fn the_state_tells_how_many_recovery_codes_are_left() {
    for (factor, confirmed_at) in [(None, None), (Some(enrolled()), None), (Some(active()), active().confirmed_at)] {
        let mut fixture = fixture(factor);
        fixture.settings.require_second_factor = vec![UserType::Candidate];
        fixture.uow.second_factors.expect_count_recovery_codes().returning(|_| Ok(7));
        let (accounts, _) = fixture.wire();
        let state = SecondFactorState { confirmed_at, recovery_codes_left: 7, is_required: true };
        assert_eq!(accounts.second_factor(&candidate()).unwrap(), state);
    }
}
