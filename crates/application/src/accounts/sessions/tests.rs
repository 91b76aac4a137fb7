use chrono::TimeDelta;
use jobportal_domain::SessionPolicy;
use mockall::predicate::{always, eq};

use super::*;
use crate::Access;
use crate::fixtures::{
    AccountsFixture, CANDIDATE_USER, PASSWORD, STRANGER, candidate, digest_of, hash_of, now, unverified, user,
};
use crate::samples::session;

fn client() -> Client {
    Client::new(Some("192.0.2.7".to_owned()), Some("Browser/1.0"))
}

fn attempt(identifier: &str, password: &str) -> SignIn {
    SignIn { identifier: identifier.to_owned(), password: password.to_owned(), client: client(), second_factor: None }
}

/// A session of the candidate.
fn named(id: &str) -> Session {
    Session { id: id.to_owned(), ..session() }
}

/// A refresh token of a session, as the mocked vault makes it.
fn token_of(session_id: &str) -> String {
    let body = format!("{session_id}.refresh-new");
    format!("{body}.{}", digest_of("refresh_token_proof", &body))
}

#[test]
fn signs_in_by_address_and_by_number_in_any_spelling() {
    for identifier in ["ann@example.com", " Ann@Example.COM", "01711111111", "+8801711111111"] {
        let mut fixture = AccountsFixture::default();
        fixture.expect_user(&user());
        let begun = Session::begin("session-new".to_owned(), CANDIDATE_USER, client(), SessionPolicy::default(), now());
        fixture
            .uow
            .sessions
            .expect_insert()
            .once()
            .withf(move |session, digest, keep| {
                *session == begun
                    && digest == digest_of("refresh_token", &token_of("session-new"))
                    && *keep == MAX_SESSIONS
            })
            .returning(|_, _, _| Ok(()));
        let (accounts, store) = fixture.wire();
        let SignedIn::Granted(pair) = accounts.sign_in(&attempt(identifier, PASSWORD)).unwrap() else {
            panic!("{identifier} was refused");
        };
        assert_eq!((pair.access, pair.refresh), ("access of session-new".to_owned(), token_of("session-new")));
        assert_eq!(store.transactions(), [(Access::Read, true), (Access::Write, true)]);
    }
}

/// What the access token of a sign-in says, where sessions live so long.
fn claims(policy: SessionPolicy) -> AccessClaims {
    let mut fixture = AccountsFixture::default();
    fixture.expect_user(&user());
    fixture.uow.sessions.expect_insert().returning(|_, _, _| Ok(()));
    fixture.settings.sessions = policy;
    let told = std::sync::Arc::new(std::sync::Mutex::new(None));
    let seen = told.clone();
    fixture.tokens = crate::mocks::MockAccessTokens::new();
    fixture.tokens.expect_issue().once().returning(move |claims| {
        *seen.lock().unwrap() = Some(claims.clone());
        Ok(String::new())
    });
    let (accounts, _) = fixture.wire();
    assert!(matches!(accounts.sign_in(&attempt("01711111111", PASSWORD)), Ok(SignedIn::Granted(_))));
    told.lock().unwrap().take().unwrap()
}

#[test]
fn an_access_token_says_who_and_until_when() {
    let expected = AccessClaims {
        user_id: CANDIDATE_USER,
        user_type: user().user_type,
        email: user().email,
        phone_number: user().phone_number,
        session_id: "session-new".to_owned(),
        must_enrol: false,
        issued_at: now(),
        expires_at: now() + TimeDelta::minutes(30),
    };
    assert_eq!(claims(SessionPolicy::default()), expected);
}

#[test]
fn an_access_token_does_not_outlive_its_session() {
    let short = SessionPolicy { max_lifetime: TimeDelta::minutes(5), ..SessionPolicy::default() };
    assert_eq!(claims(short).expires_at, now() + TimeDelta::minutes(5));
}

#[test]
fn an_unknown_account_takes_as_long_as_a_known_one() {
    for identifier in ["nobody@example.com", "ann@", "01799999999", "12", ""] {
        let mut fixture = AccountsFixture::default();
        fixture.expect_user(&user());
        fixture.hasher.expect_verify_nothing().once().with(eq(PASSWORD)).returning(|_| ());
        let (accounts, _) = fixture.wire();
        assert!(matches!(accounts.sign_in(&attempt(identifier, PASSWORD)), Ok(SignedIn::Refused)));
    }
}

#[test]
fn only_the_right_password_learns_that_an_account_is_not_verified() {
    let answer = |password| {
        let mut fixture = AccountsFixture::default();
        fixture.expect_user(&unverified());
        let (accounts, store) = fixture.wire();
        let answer = accounts.sign_in(&attempt("ann@example.com", password)).unwrap();
        assert_eq!(store.transactions(), [(Access::Read, true)]);
        answer
    };
    assert!(matches!(answer(PASSWORD), SignedIn::Unverified));
    assert!(matches!(answer("wrong"), SignedIn::Refused));
}

#[test]
fn an_account_that_is_not_in_use_is_refused_as_a_wrong_password_is() {
    for account in [user(), unverified()] {
        let mut fixture = AccountsFixture::default();
        fixture.expect_user(&User { deactivated_at: Some(now()), ..account });
        let (accounts, store) = fixture.wire();
        assert!(matches!(accounts.sign_in(&attempt("ann@example.com", PASSWORD)), Ok(SignedIn::Refused)));
        assert_eq!(store.transactions(), [(Access::Read, true)]);
    }
}

#[test]
fn an_account_that_changed_while_its_password_was_verified_gets_no_session() {
    let other_password = User { password_hash: hash_of("changed meanwhile"), ..user() };
    let deactivated = User { deactivated_at: Some(now()), ..user() };
    for changed in [other_password, deactivated] {
        let mut fixture = AccountsFixture::default();
        fixture.uow.users.expect_find_by_email().returning(|_| Ok(Some(user())));
        fixture.uow.users.expect_lock().times(2).returning(|_| Ok(true));
        fixture.uow.users.expect_find().returning(move |_| Ok(Some(changed.clone())));
        let (accounts, _) = fixture.wire();
        assert!(matches!(accounts.sign_in(&attempt("ann@example.com", PASSWORD)), Ok(SignedIn::Refused)));
    }
}

#[test]
fn a_hash_from_cheaper_times_is_replaced_with_the_session_that_begins() {
    let mut fixture = AccountsFixture::default();
    fixture.expect_user(&user());
    fixture.hasher = crate::mocks::MockPasswordHasher::new();
    fixture.hasher.expect_verify().returning(|attempt, hash| *hash == hash_of(attempt));
    let renewed = || hash_of("the same, at a higher cost");
    let renewal = fixture.hasher.expect_renew().once();
    renewal.with(eq(PASSWORD), eq(hash_of(PASSWORD))).returning(move |_, _| Ok(Some(renewed())));
    let stored = fixture.uow.users.expect_set_password().once();
    stored.with(eq(CANDIDATE_USER), eq(renewed()), eq(now())).returning(|_, _, _| Ok(()));
    fixture.uow.sessions.expect_insert().once().returning(|_, _, _| Ok(()));
    let (accounts, store) = fixture.wire();
    assert!(matches!(accounts.sign_in(&attempt("ann@example.com", PASSWORD)), Ok(SignedIn::Granted(_))));
    assert_eq!(store.transactions(), [(Access::Read, true), (Access::Write, true)]);
}

#[test]
fn who_signs_in_while_another_sign_in_renews_the_hash_is_let_in_by_the_new_one() {
    let mut fixture = AccountsFixture::default();
    let renewed = User { password_hash: hash_of("the same, at a higher cost"), ..user() };
    let mut found = [user(), renewed.clone()].into_iter();
    fixture.uow.users.expect_find_by_email().times(2).returning(move |_| Ok(found.next()));
    fixture.uow.users.expect_lock().returning(|_| Ok(true));
    fixture.uow.users.expect_find().returning(move |_| Ok(Some(renewed.clone())));
    fixture.hasher = crate::mocks::MockPasswordHasher::new();
    fixture.hasher.expect_verify().times(2).returning(|_, _| true);
    fixture.hasher.expect_renew().returning(|_, _| Ok(None));
    fixture.uow.sessions.expect_insert().once().returning(|_, _, _| Ok(()));
    let (accounts, _) = fixture.wire();
    assert!(matches!(accounts.sign_in(&attempt("ann@example.com", PASSWORD)), Ok(SignedIn::Granted(_))));
}

#[test]
fn a_network_is_known_once_its_user_has_signed_in_and_not_before() {
    let sign_in = |password: &str, known: usize| {
        let mut fixture = AccountsFixture::default();
        fixture.expect_user(&user());
        fixture.uow.networks = crate::mocks::MockNetworkRepository::new();
        let digest = digest_of(&format!("network:{CANDIDATE_USER}"), "192.0.2.7");
        let remembered = fixture.uow.networks.expect_remember().times(known);
        remembered.with(eq(CANDIDATE_USER), eq(digest), eq(now()), always()).returning(|_, _, _, _| Ok(()));
        fixture.uow.sessions.expect_insert().returning(|_, _, _| Ok(()));
        let (accounts, _) = fixture.wire();
        accounts.sign_in(&attempt("ann@example.com", password)).unwrap();
    };
    sign_in(PASSWORD, 1);
    sign_in("wrong", 0);
}

/// Knows some sessions, and expects these to end.
fn ending(sessions: Vec<Session>, ended: &'static [&'static str]) -> AccountsFixture {
    let mut fixture = AccountsFixture::default();
    fixture
        .uow
        .sessions
        .expect_find()
        .returning(move |id| Ok(sessions.iter().find(|session| session.id == id).cloned()));
    fixture
        .uow
        .sessions
        .expect_end()
        .times(usize::from(!ended.is_empty()))
        .withf(move |ids, at| ids == ended && *at == now())
        .returning(|_, _| Ok(()));
    fixture
}

/// The sessions that end when the candidate signs out with a refresh token of `session_id`.
fn signed_out(session_id: &str, sessions: Vec<Session>, ended: &'static [&'static str]) {
    let (accounts, _) = ending(sessions, ended).wire();
    assert_eq!(accounts.sign_out(&candidate(), &token_of(session_id)).unwrap(), ended);
}

#[test]
fn signing_out_ends_the_session_that_asks_and_the_one_that_is_named() {
    signed_out("session-present", vec![], &["session-present"]);
    signed_out("session-other", vec![named("session-other")], &["session-present", "session-other"]);
    signed_out("session-gone", vec![], &["session-present"]);
    let (accounts, _) = ending(vec![], &["session-present"]).wire();
    assert_eq!(accounts.sign_out(&candidate(), "no token").unwrap(), ["session-present"]);
}

fn of_stranger() -> Session {
    Session { user_id: STRANGER, ..named("session-of-stranger") }
}

#[test]
fn signing_out_never_ends_the_session_of_another_user() {
    signed_out("session-of-stranger", vec![of_stranger()], &["session-present"]);
}

fn begun(minutes_ago: i64) -> Session {
    Session { created_at: now() - TimeDelta::minutes(minutes_ago), ..session() }
}

#[test]
fn ones_own_sessions_are_listed() {
    let mut fixture = AccountsFixture::default();
    fixture.uow.sessions.expect_list().once().with(eq(CANDIDATE_USER), eq(now())).returning(|_, _| Ok(vec![session()]));
    let (accounts, store) = fixture.wire();
    assert_eq!(accounts.sessions(&candidate()).unwrap(), [session()]);
    assert_eq!(store.transactions(), [(Access::Statement, true)]);
}

#[test]
fn the_own_session_can_be_ended_at_any_time_and_another_after_a_recent_sign_in() {
    let (accounts, _) = ending(vec![begun(60)], &["session-present"]).wire();
    assert_eq!(accounts.end_session(&candidate(), "session-present").unwrap(), ["session-present"]);
    let (accounts, _) = ending(vec![begun(14), named("other")], &["other"]).wire();
    assert_eq!(accounts.end_session(&candidate(), "other").unwrap(), ["other"]);
    let (accounts, _) = ending(vec![begun(15), named("other")], &[]).wire();
    assert!(matches!(accounts.end_session(&candidate(), "other"), Err(Error::Forbidden(_))));
}

#[test]
fn a_session_of_another_user_is_not_found() {
    for id in ["session-of-stranger", "unknown", ""] {
        let (accounts, store) = ending(vec![session(), of_stranger()], &[]).wire();
        assert!(matches!(accounts.end_session(&candidate(), id), Err(Error::NotFound("Session not found."))));
        assert_eq!(store.transactions(), [(Access::Write, false)]);
    }
}

#[test]
fn all_other_sessions_end_after_a_recent_sign_in_alone() {
    let with = |present: Option<Session>, times| {
        let mut fixture = ending(present.into_iter().collect(), &[]);
        fixture
            .uow
            .sessions
            .expect_end_of_user()
            .times(times)
            .with(eq(CANDIDATE_USER), eq(Some("session-present".to_owned())), eq(now()))
            .returning(|_, _, _| Ok(vec!["other".to_owned()]));
        fixture.wire().0.end_other_sessions(&candidate())
    };
    assert_eq!(with(Some(session()), 1).unwrap(), ["other"]);
    assert!(matches!(with(Some(begun(15)), 0), Err(Error::Forbidden(_))));
    assert!(matches!(with(None, 0), Err(Error::Forbidden(_))), "it has ended meanwhile");
}

#[test]
fn what_ended_is_told_a_batch_at_a_time() {
    let position = Position { time: now(), id: 7 };
    let ended = EndedSession { session_id: "s".to_owned(), position };
    let (after, batch) = (Position::before(now()), vec![ended]);
    let mut fixture = AccountsFixture::default();
    let told = batch.clone();
    fixture
        .uow
        .sessions
        .expect_ended_after()
        .once()
        .with(eq(after), eq(ENDED_BATCH))
        .returning(move |_, _| Ok(told.clone()));
    assert_eq!(fixture.wire().0.ended_sessions(after).unwrap(), batch);
}
