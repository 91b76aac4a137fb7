use std::thread;
use std::time::Duration;

use jobportal_application::{Error, RequestKey, Store, StoredReceipt};
use jobportal_tests::database::{Backend, TestDatabase};

use crate::fixtures::{after, at_once};

on_both![
    a_receipt_is_found_by_caller_and_key,
    a_receipt_is_undone_with_its_transaction,
    a_receipt_is_replaced_once_it_is_too_old,
    of_concurrent_receipts_one_is_stored,
    old_receipts_are_purged_in_batches,
    a_claim_ends_with_its_transaction,
];

const DAY: i64 = 86_400;

fn key(caller: &str, key: &str) -> RequestKey {
    RequestKey { caller: caller.to_owned(), key: key.to_owned(), fingerprint: format!("of {caller} {key}") }
}

/// Stores a receipt at `seconds`, unless there is one of the last day.
fn insert(store: &dyn Store, key: &RequestKey, sealed: &str, seconds: i64) -> bool {
    store.write(|uow| Ok(uow.receipts().insert(key, sealed, after(seconds), after(seconds - DAY))?)).unwrap()
}

/// Finds a receipt of the last day before `seconds`.
fn find(store: &dyn Store, key: &RequestKey, seconds: i64) -> Option<String> {
    let found = store.read_one(|uow| Ok(uow.receipts().find(key, after(seconds - DAY))?)).unwrap();
    found.map(|StoredReceipt { fingerprint, sealed }| {
        assert_eq!(fingerprint, key.fingerprint);
        sealed
    })
}

fn claim(store: &dyn Store, key: &RequestKey) -> bool {
    store.write(|uow| Ok(uow.receipts().claim(key)?)).unwrap()
}

fn a_receipt_is_found_by_caller_and_key(db: &TestDatabase) {
    let store = db.store();
    let (ann, ben, other) = (key("user:1", "k"), key("user:2", "k"), key("user:1", "l"));
    assert!(insert(&*store, &ann, "Ann's", 0));
    assert!(insert(&*store, &ben, "Ben's", 0));
    assert_eq!(find(&*store, &ann, 0).as_deref(), Some("Ann's"));
    assert_eq!(find(&*store, &ben, 0).as_deref(), Some("Ben's"));
    assert_eq!(find(&*store, &other, 0), None);
}

fn a_receipt_is_undone_with_its_transaction(db: &TestDatabase) {
    let (store, key) = (db.store(), key("user:1", "k"));
    let outcome = store.write(|uow| {
        assert!(uow.receipts().insert(&key, "kept", after(0), after(-DAY))?);
        Err::<(), _>(Error::NotFound("on purpose"))
    });
    assert!(outcome.is_err());
    assert_eq!(find(&*store, &key, 0), None);
    assert!(insert(&*store, &key, "kept", 0));
}

fn a_receipt_is_replaced_once_it_is_too_old(db: &TestDatabase) {
    let (store, first) = (db.store(), key("user:1", "k"));
    let second = RequestKey { fingerprint: "another".to_owned(), ..first.clone() };
    assert!(insert(&*store, &first, "first", 0));
    assert!(!insert(&*store, &second, "second", DAY - 1));
    assert_eq!(find(&*store, &first, DAY - 1).as_deref(), Some("first"));
    assert_eq!(find(&*store, &first, DAY), None);
    assert!(insert(&*store, &second, "second", DAY));
    assert_eq!(find(&*store, &second, DAY).as_deref(), Some("second"));
}

fn of_concurrent_receipts_one_is_stored(db: &TestDatabase) {
    let stored = at_once(8, &db.store(), |store, number| insert(store, &key("user:1", "k"), &number.to_string(), 0));
    assert_eq!(stored.into_iter().filter(|is_stored| *is_stored).count(), 1);
}

fn old_receipts_are_purged_in_batches(db: &TestDatabase) {
    let store = db.store();
    for number in 0..5 {
        assert!(insert(&*store, &key("user:1", &number.to_string()), "kept", number));
    }
    let purge = |seconds, limit| store.write(|uow| Ok(uow.receipts().purge(after(seconds), limit)?)).unwrap();
    assert_eq!(purge(-1, 10), 0);
    assert_eq!(purge(3, 3), 3);
    assert_eq!(find(&*store, &key("user:1", "2"), 4), None);
    assert!(find(&*store, &key("user:1", "3"), 4).is_some());
    assert_eq!(purge(3, 3), 1);
    assert_eq!(purge(3, 3), 0);
    assert!(find(&*store, &key("user:1", "4"), 4).is_some());
}

fn a_claim_ends_with_its_transaction(db: &TestDatabase) {
    let (store, key) = (db.store(), key("user:1", "k"));
    assert!(claim(&*store, &key));
    let undone = store.write(|uow| {
        assert!(uow.receipts().claim(&key)?);
        Err::<(), _>(Error::NotFound("on purpose"))
    });
    assert!(undone.is_err());
    assert!(claim(&*store, &key));
}

/// Writers of a SQLite file take turns, so there nobody meets a claim.
#[test]
fn what_another_node_has_claimed_is_told_at_once_and_seen_when_it_is_done() {
    if !Backend::Postgres.is_wanted() {
        return;
    }
    let db = TestDatabase::create(Backend::Postgres);
    let (node, store, key, other) = (db.store(), db.store(), key("user:1", "k"), key("user:1", "l"));
    store
        .write(|uow| {
            // Begun before the other node commits; reads after the claim see it all the same.
            assert_eq!(uow.receipts().find(&key, after(-DAY))?, None);
            node.write(|uow| {
                assert!(uow.receipts().claim(&key)?);
                assert!(!claim(&*store, &key));
                assert!(claim(&*store, &other));
                uow.receipts().insert(&key, "kept", after(0), after(-DAY)).map_err(Error::from)
            })?;
            assert!(uow.receipts().claim(&key)?);
            assert!(uow.receipts().find(&key, after(-DAY))?.is_some());
            Ok(())
        })
        .unwrap();
}

/// A receipt that is replaced between the choice of a purge and its deletion is none of those it may delete.
#[test]
fn a_purge_leaves_what_is_replaced_meanwhile() {
    if !Backend::Postgres.is_wanted() {
        return;
    }
    let db = TestDatabase::create(Backend::Postgres);
    let (store, key) = (db.store(), key("user:1", "k"));
    assert!(insert(&*store, &key, "old", 0));
    let purge = store
        .write(|uow| {
            assert!(uow.receipts().insert(&key, "new", after(DAY), after(0))?);
            let store = db.store();
            let purge = thread::spawn(move || store.write(|uow| Ok(uow.receipts().purge(after(0), 10)?)).unwrap());
            // Long enough for it to wait for the row; were it later, it would find the row replaced.
            thread::sleep(Duration::from_millis(200));
            Ok(purge)
        })
        .unwrap();
    assert_eq!(purge.join().unwrap(), 0);
    assert_eq!(find(&*store, &key, DAY).as_deref(), Some("new"));
}
