use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use jobportal_application::{Error, RepositoryError, Store};
use jobportal_domain::UserType;
use jobportal_persistence::{DatabaseSettings, DieselStore, OpenError};
use jobportal_tests::database::{Backend, TestDatabase};

use crate::fixtures::{at_once, new_user, now, page, user};

on_both![
    an_error_undoes_everything,
    a_panic_undoes_everything_and_harms_no_later_work,
    a_read_sees_one_state,
    a_read_leaves_nothing_behind,
    writers_take_turns,
    an_exhausted_pool_is_unavailable,
    a_row_that_makes_no_sense_names_its_column_and_not_its_value,
    the_database_answers,
];

fn count(store: &dyn Store) -> u64 {
    store.read(|uow| Ok(uow.users().list(page(1, 1))?.total)).unwrap()
}

fn an_error_undoes_everything(db: &TestDatabase) {
    let store = db.store();
    let outcome = store.write(|uow| {
        uow.users().insert(&new_user(1, UserType::Candidate))?;
        Err::<(), _>(Error::NotFound("on purpose"))
    });
    assert!(matches!(outcome, Err(Error::NotFound("on purpose"))));
    assert_eq!(count(&*store), 0);
}

fn a_panic_undoes_everything_and_harms_no_later_work(db: &TestDatabase) {
    // One connection: were it given back with its transaction open, the next work would find it.
    let store: &dyn Store = &db.open(1);
    for _ in 0..3 {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            store.write(|uow| -> Result<(), Error> {
                uow.users().insert(&new_user(1, UserType::Candidate))?;
                panic!("on purpose");
            })
        }));
        assert!(outcome.is_err());
        assert_eq!(count(store), 0);
    }
    user(store, 1, UserType::Candidate);
    assert_eq!(count(store), 1);
}

fn a_read_sees_one_state(db: &TestDatabase) {
    let store = db.store();
    user(&*store, 1, UserType::Candidate);
    let (first, second) = store
        .read(|uow| {
            let first = uow.users().list(page(1, 1))?.total;
            user(&*store, 2, UserType::Candidate);
            Ok((first, uow.users().list(page(1, 1))?.total))
        })
        .unwrap();
    assert_eq!((first, second), (1, 1));
    assert_eq!(count(&*store), 2);
}

fn a_read_leaves_nothing_behind(db: &TestDatabase) {
    let store = db.store();
    let outcome = store.read(|uow| Ok(uow.users().insert(&new_user(1, UserType::Candidate))?));
    assert_eq!(outcome.is_err(), db.backend() == Backend::Postgres);
    assert_eq!(count(&*store), 0);
}

fn writers_take_turns(db: &TestDatabase) {
    // Each reads before it writes, which is where a SQLite transaction fails that did not announce itself as a writer. Two
    // stores stand for two nodes.
    let other = db.open(4);
    let store = db.store();
    let id = user(&*store, 1, UserType::Candidate);
    let take = move |store: &dyn Store| {
        store
            .write(|uow| {
                uow.users().find(id)?;
                Ok(uow.usage().take_application(id, now().date_naive(), 1_000)?)
            })
            .unwrap()
    };
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10).for_each(|_| assert!(take(&other).is_some())));
        }
        at_once(8, &store, move |store, _| (0..10).for_each(|_| assert!(take(store).is_some())));
    });
    assert_eq!(store.read(|uow| Ok(uow.usage().applications(id, now().date_naive())?)).unwrap(), 120);
}

fn an_exhausted_pool_is_unavailable(db: &TestDatabase) {
    let settings =
        DatabaseSettings { checkout_timeout: Duration::from_millis(50), ..DatabaseSettings::new(db.url(), 1) };
    let store: &dyn Store = &DieselStore::open(&settings).unwrap();
    let outcome = store.read(|_| {
        assert!(matches!(store.read(|_| Ok(())), Err(Error::Unavailable(_))));
        assert!(matches!(store.ping(), Err(RepositoryError::Unavailable(_))));
        Ok(())
    });
    assert!(outcome.is_ok());
    assert!(store.ping().is_ok());
}

fn a_row_that_makes_no_sense_names_its_column_and_not_its_value(db: &TestDatabase) {
    let store = db.store();
    let id = user(&*store, 1, UserType::Candidate);
    db.execute("UPDATE users SET phone_number = 'secret'");
    let Err(Error::Internal(source)) = store.read(|uow| Ok(uow.users().find(id)?)) else { panic!("it was read") };
    assert!(source.to_string().contains("users.phone_number"), "{source}");
    assert!(!format!("{source:?}").contains("secret"), "{source:?}");
}

fn the_database_answers(db: &TestDatabase) {
    assert!(db.store().ping().is_ok());
}

/// Ends every other connection to the database, as a server that restarts does.
fn cut_connections(db: &TestDatabase) {
    db.values(
        "SELECT pg_terminate_backend(pid)::text AS value FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
}

/// Fills the pool with connections that work.
fn warm_up(store: &dyn Store, depth: u32) {
    store
        .read(|uow| {
            uow.plans().list()?;
            if depth > 1 {
                warm_up(store, depth - 1);
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn connections_that_were_cut_are_replaced() {
    if !Backend::Postgres.is_wanted() {
        return;
    }
    let db = TestDatabase::create(Backend::Postgres);
    let size = 4;
    let store: &dyn Store = &db.open(size);
    warm_up(store, size);

    cut_connections(&db);
    for _ in 0..size {
        assert_eq!(count(store), 0);
    }
    warm_up(store, size);
    cut_connections(&db);
    for number in 0..size {
        // Nothing was begun on the connection that is found cut, so that even a write can be begun anew.
        user(store, number, UserType::Candidate);
    }
    warm_up(store, size);
    cut_connections(&db);
    assert_eq!(store.read_one(|uow| Ok(uow.plans().list()?.len())).unwrap(), 5);
    warm_up(store, size);
    cut_connections(&db);
    assert!(store.ping().is_ok());
    assert_eq!(count(store), u64::from(size));
}

#[test]
fn a_connection_cut_within_a_transaction_spoils_that_one_alone() {
    if !Backend::Postgres.is_wanted() {
        return;
    }
    let db = TestDatabase::create(Backend::Postgres);
    let store: &dyn Store = &db.open(4);
    let mut reads = 0;
    let read = store.read(|uow| {
        reads += 1;
        uow.plans().list()?;
        if reads == 1 {
            cut_connections(&db);
        }
        Ok(uow.plans().list()?.len())
    });
    assert_eq!((read.unwrap(), reads), (5, 2));

    let mut writes = 0;
    let write = store.write(|uow| {
        writes += 1;
        uow.users().insert(&new_user(1, UserType::Candidate))?;
        cut_connections(&db);
        Ok(uow.users().insert(&new_user(2, UserType::Candidate))?)
    });
    assert!(matches!(write, Err(Error::Unavailable(_))));
    assert_eq!(writes, 1);
    assert_eq!(count(store), 0);
    user(store, 1, UserType::Candidate);

    let commit = store.write(|uow| {
        uow.users().insert(&new_user(2, UserType::Candidate))?;
        cut_connections(&db);
        Ok(())
    });
    assert!(matches!(commit, Err(Error::Unavailable(_))));
    assert_eq!(count(store), 1);
}

#[test]
fn a_deadlock_passes() {
    if !Backend::Postgres.is_wanted() {
        return;
    }
    let db = TestDatabase::create(Backend::Postgres);
    let store = db.store();
    let users = [user(&*store, 1, UserType::Candidate), user(&*store, 2, UserType::Candidate)];
    let (tell, hear): (Vec<_>, Vec<_>) = (0..2).map(|_| mpsc::channel::<()>()).unzip();
    let threads: Vec<_> = hear
        .into_iter()
        .enumerate()
        .map(|(index, hear)| {
            let (store, tell) = (store.clone(), tell[1 - index].clone());
            thread::spawn(move || {
                store.write(|uow| {
                    uow.users().lock(users[index])?;
                    tell.send(()).unwrap();
                    hear.recv().unwrap();
                    Ok(uow.users().lock(users[1 - index])?)
                })
            })
        })
        .collect();
    let outcomes: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(outcomes.iter().any(|outcome| matches!(outcome, Err(Error::Unavailable(_)))));
}

fn open(url: &str) -> Result<DieselStore, OpenError> {
    let settings = DatabaseSettings { checkout_timeout: Duration::from_secs(2), ..DatabaseSettings::new(url, 1) };
    DieselStore::open(&settings)
}

fn refusal(url: &str) -> OpenError {
    open(url).err().unwrap()
}

#[test]
fn an_address_that_can_not_be_opened_says_why() {
    assert!(matches!(refusal("mysql://host/db"), OpenError::UnknownScheme));
    assert!(matches!(refusal("sqlite::memory:"), OpenError::NoFile));
    for url in ["postgres://u:s3cret@127.0.0.1:1/db", "postgres://u:s3cret%zz@127.0.0.1/db", "postgres://u:s3cret@h:x/"]
    {
        let error = refusal(url);
        assert!(matches!(error, OpenError::Unreachable(_)));
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
    assert!(refusal("postgres://u:s3cret@127.0.0.1:1/db").to_string().contains("refused"));
}

#[test]
fn a_file_is_made_with_its_directory_or_the_directory_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("some/where/portal.db");
    let store = open(&format!("sqlite://{}", file.display())).unwrap();
    assert!(store.ping().is_ok());
    assert!(file.is_file());

    let under_a_file = file.join("portal.db");
    assert!(matches!(
        refusal(&format!("sqlite://{}", under_a_file.display())),
        OpenError::Directory { path, .. } if path == file
    ));
    let a_directory = directory.path().join("some");
    assert!(matches!(refusal(&format!("sqlite:{}", a_directory.display())), OpenError::File { .. }));
    let no_database = directory.path().join("text");
    std::fs::write(&no_database, "This is no database.".repeat(100)).unwrap();
    let error = refusal(&format!("sqlite:{}", no_database.display()));
    assert!(error.to_string().contains("not a database"), "{error}");
}
