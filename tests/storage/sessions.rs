use std::collections::BTreeSet;

use jobportal_application::{EndedSession, Position, RepositoryError, UnitOfWork};
use jobportal_domain::{Client, Session, UserId, UserType};
use jobportal_tests::database::TestDatabase;

use crate::fixtures::{after, now, user};

on_both![
    a_session_comes_back_as_it_was_stored_with_its_present_digest,
    a_user_has_so_many_sessions_and_no_more,
    live_sessions_are_listed_the_last_used_one_first,
    sessions_end_one_by_one_and_together,
    what_ended_is_told_in_its_order_until_it_is_purged,
    what_is_undone_ended_nothing,
];

/// A session that was used last, and ends, so many seconds after the present.
fn session(user_id: UserId, number: i64) -> (Session, String) {
    let client = Client::new(Some("2001:db8:0:1/64".to_owned()), Some("Browser \u{1f600} ä"));
    let (created_at, last_used_at) = (now(), after(number));
    let id = format!("s{number}");
    (Session { id, user_id, client, created_at, last_used_at, expires_at: after(number) }, format!("digest{number}"))
}

fn insert(uow: &mut dyn UnitOfWork, user_id: UserId, number: i64, keep: u32) -> Result<(), RepositoryError> {
    let (session, digest) = session(user_id, number);
    uow.sessions().insert(&session, &digest, keep)
}

/// The ids of what ended at a time or later.
fn ended(uow: &mut dyn UnitOfWork, since: i64) -> Result<BTreeSet<String>, RepositoryError> {
    let ended = uow.sessions().ended_after(Position::before(after(since)), 100)?;
    Ok(ended.into_iter().map(|session| session.session_id).collect())
}

fn set<const N: usize>(ids: [&str; N]) -> BTreeSet<String> {
    ids.map(str::to_owned).into()
}

fn a_session_comes_back_as_it_was_stored_with_its_present_digest(db: &TestDatabase) {
    let store = db.store();
    let user = user(&*store, 1, UserType::Candidate);
    let (mut session, digest) = session(user, 1);
    store
        .write(|uow| {
            uow.sessions().insert(&session, &digest, 5)?;
            assert_eq!(uow.sessions().find("s1")?.as_ref(), Some(&session));
            assert_eq!(uow.sessions().lock("s1")?, Some((session.clone(), digest.clone())));
            session.last_used_at = after(8);
            session.expires_at = after(9);
            uow.sessions().renew(&session, "next")?;
            assert_eq!(uow.sessions().lock("s1")?, Some((session.clone(), "next".to_owned())));
            assert_eq!((uow.sessions().find("s2")?, uow.sessions().lock("s2")?), (None, None));
            let bare = Session { id: "bare".to_owned(), client: Client::default(), ..session.clone() };
            uow.sessions().insert(&bare, "", 5)?;
            assert_eq!(uow.sessions().find("bare")?, Some(bare));
            Ok(())
        })
        .unwrap();
}

fn a_user_has_so_many_sessions_and_no_more(db: &TestDatabase) {
    let store = db.store();
    let (ann, bob) = (user(&*store, 1, UserType::Candidate), user(&*store, 2, UserType::Candidate));
    store
        .write(|uow| {
            insert(uow, bob, 0, 1)?;
            for number in 1..=5 {
                insert(uow, ann, number, 3)?;
            }
            for (number, is_there) in [(0, true), (1, false), (2, false), (3, true), (4, true), (5, true)] {
                assert_eq!(uow.sessions().find(&format!("s{number}"))?.is_some(), is_there, "{number}");
            }
            assert_eq!(ended(uow, 0)?, set(["s1", "s2"]));
            Ok(())
        })
        .unwrap();
}

fn live_sessions_are_listed_the_last_used_one_first(db: &TestDatabase) {
    let store = db.store();
    let (ann, bob) = (user(&*store, 1, UserType::Candidate), user(&*store, 2, UserType::Candidate));
    store
        .write(|uow| {
            for (user, number) in [(ann, 3), (ann, 1), (ann, 2), (bob, 4)] {
                insert(uow, user, number, 9)?;
            }
            let ids = |sessions: Vec<Session>| sessions.into_iter().map(|session| session.id).collect::<Vec<_>>();
            assert_eq!(ids(uow.sessions().list(ann, now())?), ["s3", "s2", "s1"]);
            assert_eq!(ids(uow.sessions().list(ann, after(2))?), ["s3"]);
            Ok(())
        })
        .unwrap();
}

fn sessions_end_one_by_one_and_together(db: &TestDatabase) {
    let store = db.store();
    let (ann, bob) = (user(&*store, 1, UserType::Candidate), user(&*store, 2, UserType::Candidate));
    store
        .write(|uow| {
            for (user, number) in [(ann, 1), (ann, 2), (ann, 3), (ann, 4), (bob, 5)] {
                insert(uow, user, number, 9)?;
            }
            uow.sessions().end(&["s1".to_owned(), "gone".to_owned()], after(1))?;
            assert_eq!(uow.sessions().find("s1")?, None);
            let ended_together = uow.sessions().end_of_user(ann, Some("s3".to_owned()), after(2))?;
            assert_eq!(BTreeSet::from_iter(ended_together), set(["s2", "s4"]));
            assert_eq!(uow.sessions().end_of_user(ann, None, after(3))?, ["s3"]);
            assert_eq!(uow.sessions().end_of_user(ann, None, after(3))?, [""; 0]);
            assert_eq!(ended(uow, 0)?, set(["s1", "gone", "s2", "s4", "s3"]));
            assert_eq!(uow.sessions().purge(after(5))?, 0);
            assert_eq!(uow.sessions().purge(after(6))?, 1);
            Ok(())
        })
        .unwrap();
}

fn what_ended_is_told_in_its_order_until_it_is_purged(db: &TestDatabase) {
    let store = db.store();
    store
        .write(|uow| {
            for (id, at) in [("late", 2), ("early", 1), ("a", 1)] {
                uow.sessions().end(&[id.to_owned()], after(at))?;
            }
            let mut seen = Vec::new();
            let mut position = Position::before(after(1));
            loop {
                let batch = uow.sessions().ended_after(position, 2)?;
                let Some(EndedSession { position: last, .. }) = batch.last() else { break };
                position = *last;
                seen.extend(batch.into_iter().map(|session| (session.session_id, session.position.time)));
            }
            let expected = [("early", 1), ("a", 1), ("late", 2)].map(|(id, at)| (id.to_owned(), after(at)));
            assert_eq!(seen, expected);
            assert_eq!(ended(uow, 2)?, set(["late"]));
            assert_eq!(uow.sessions().purge_ended(after(2))?, 2);
            assert_eq!(ended(uow, 0)?, set(["late"]));
            Ok(())
        })
        .unwrap();
}

fn what_is_undone_ended_nothing(db: &TestDatabase) {
    let store = db.store();
    let user = user(&*store, 1, UserType::Candidate);
    store.write(|uow| Ok(insert(uow, user, 1, 9)?)).unwrap();
    let undone: Result<(), _> = store.write(|uow| {
        uow.sessions().end(&["s1".to_owned()], now())?;
        Err(jobportal_application::Error::NotFound("undone"))
    });
    assert!(undone.is_err());
    store
        .read(|uow| {
            assert!(uow.sessions().find("s1")?.is_some());
            assert_eq!(ended(uow, 0)?, set([]));
            Ok(())
        })
        .unwrap();
}
