use std::sync::{Arc, Barrier};
use std::thread;

use jobportal_application::{Position, SliceRequest, Store};
use jobportal_domain::{JobState, JobStatus, UserType};
use jobportal_persistence::{MigrateError, MigrationState, Migrator};
use jobportal_tests::database::{Backend, TestDatabase};

use crate::fixtures::{after, apply, candidate, employer, job, now, plain_posting, posting, user};

on_both![
    what_was_undone_can_be_done_again,
    nothing_is_done_twice_and_data_survives,
    migrations_of_a_later_release_keep_the_data,
    nodes_that_start_at_once_take_turns,
    a_newer_database_is_refused,
    a_migration_that_fails_leaves_the_database_as_it_was,
    what_was_there_before_changes_were_told_is_told_too,
];

fn tables(db: &TestDatabase) -> Vec<String> {
    db.values(match db.backend() {
        Backend::Sqlite => {
            "SELECT name AS value FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        }
        Backend::Postgres => {
            "SELECT tablename::text AS value FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
        }
    })
}

const BOOKKEEPING: &str = "__diesel_schema_migrations";

fn what_was_undone_can_be_done_again(db: &TestDatabase) {
    let mut migrator = Migrator::connect(db.url()).unwrap();
    let before = tables(db);
    let states = migrator.status().unwrap();
    assert!(!states.is_empty() && states.iter().all(|state| state.applied));
    let names: Vec<_> = states.into_iter().map(|state| state.name).collect();

    let undone = migrator.down(usize::MAX).unwrap();
    assert_eq!(undone, names.iter().rev().cloned().collect::<Vec<_>>());
    assert_eq!(tables(db), [BOOKKEEPING]);
    assert!(migrator.status().unwrap().iter().all(|state| !state.applied));
    assert_eq!(migrator.down(1).unwrap(), [""; 0]);

    assert_eq!(migrator.up().unwrap(), names);
    assert_eq!(tables(db), before);
    assert_eq!(migrator.down(1).unwrap(), names[names.len() - 1..]);
    assert_eq!(migrator.up().unwrap(), names[names.len() - 1..]);
}

fn nothing_is_done_twice_and_data_survives(db: &TestDatabase) {
    let store = db.store();
    let (id, _) = candidate(&*store, 1);
    let job = job(&*store, employer(&*store, 2).1, "Engineer");
    assert_eq!(Migrator::connect(db.url()).unwrap().up().unwrap(), [""; 0]);
    store
        .read(|uow| {
            assert!(uow.users().find(id)?.is_some());
            assert!(uow.jobs().details(job)?.is_some());
            assert_eq!(uow.plans().list()?.len(), 5);
            Ok(())
        })
        .unwrap();
}

fn migrations_of_a_later_release_keep_the_data(db: &TestDatabase) {
    let store = db.store();
    let (user, _) = candidate(&*store, 1);
    let (_, employer) = employer(&*store, 2);
    let posting = plain_posting("Engineer");
    let job = store.write(|uow| Ok(uow.jobs().insert(employer, &posting, JobStatus::Published, now())?.id)).unwrap();
    let before = store.read(|uow| Ok(uow.jobs().details(job)?)).unwrap();
    let mut migrator = Migrator::connect(db.url()).unwrap();
    let later = migrator.status().unwrap().len() - 1;
    assert_eq!(migrator.down(later).unwrap().len(), later);
    assert_eq!(migrator.up().unwrap().len(), later);
    let store = db.store();
    assert_eq!(store.read(|uow| Ok(uow.jobs().details(job)?)).unwrap(), before);
    assert!(store.read(|uow| Ok(uow.candidates().find_by_user(user)?)).unwrap().is_some());
}

fn nodes_that_start_at_once_take_turns(db: &TestDatabase) {
    let empty = TestDatabase::create_empty(db.backend());
    let nodes = 6;
    let barrier = Arc::new(Barrier::new(nodes));
    let start = |_| {
        let (url, barrier) = (empty.url().to_owned(), barrier.clone());
        thread::spawn(move || {
            barrier.wait();
            Migrator::connect(&url).unwrap().up().unwrap().len()
        })
    };
    let threads: Vec<_> = (0..nodes).map(start).collect();
    let applied: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(applied.iter().filter(|count| **count > 0).count(), 1, "{applied:?}");
    assert_eq!(tables(&empty), tables(db));
}

fn a_newer_database_is_refused(db: &TestDatabase) {
    db.execute(&format!("INSERT INTO {BOOKKEEPING} (version) VALUES ('99991231235959')"));
    let mut migrator = Migrator::connect(db.url()).unwrap();
    for outcome in [migrator.up(), migrator.down(1)] {
        let Err(MigrateError::Newer(version)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(version, "99991231235959");
    }
    let last = migrator.status().unwrap().pop();
    assert_eq!(last, Some(MigrationState { name: "99991231235959".to_owned(), applied: true }));
    user(&*db.store(), 1, UserType::Candidate);
}

fn a_migration_that_fails_leaves_the_database_as_it_was(db: &TestDatabase) {
    let empty = TestDatabase::create_empty(db.backend());
    empty.execute("CREATE TABLE schedule (x INTEGER)");
    let mut migrator = Migrator::connect(empty.url()).unwrap();
    assert!(matches!(migrator.up(), Err(MigrateError::Failed(_))));
    assert_eq!(tables(&empty), ["schedule"]);
    empty.execute("DROP TABLE schedule");
    assert!(!migrator.up().unwrap().is_empty());
}

fn what_was_there_before_changes_were_told_is_told_too(db: &TestDatabase) {
    let store = db.store();
    let ((owner, own), (_, other), (_, candidate_id)) =
        (employer(&*store, 1), employer(&*store, 2), candidate(&*store, 3));
    let jobs: Vec<_> = (-3..0)
        .map(|age| {
            store
                .write(|uow| Ok(uow.jobs().insert(own, &posting("Old"), JobStatus::Published, after(age))?.id))
                .unwrap()
        })
        .collect();
    let foreign = job(&*store, other, "Foreign");
    let application = apply(&*store, jobs[1], candidate_id);
    apply(&*store, foreign, candidate_id);

    let mut migrator = Migrator::connect(db.url()).unwrap();
    let states = migrator.status().unwrap();
    let later = states.iter().rev().position(|state| state.name.ends_with("_changes")).unwrap();
    assert!(migrator.down(later + 1).unwrap().last().unwrap().ends_with("_changes"));
    migrator.up().unwrap();

    let store = db.open(1);
    let store: &dyn Store = &store;
    let request = SliceRequest::new(Position::default(), 10).unwrap();
    let changes = store.read(|uow| Ok(uow.changes().jobs(request, now())?)).unwrap();
    let told: Vec<_> = changes.items.iter().map(|change| (change.job.id, change.changed_at)).collect();
    assert_eq!(told, [(jobs[0], after(-3)), (jobs[1], after(-2)), (jobs[2], after(-1)), (foreign, now())]);
    assert!(changes.items.iter().all(|change| change.state == JobState::Published));
    let received = store.read(|uow| Ok(uow.changes().applications(owner, request)?)).unwrap();
    let told: Vec<_> = received.items.iter().map(|change| (change.application.id, change.changed_at)).collect();
    assert_eq!(told, [(application, now())]);
    // The clocks go on from there, whatever a node says.
    let micros = now().timestamp_micros();
    let clocks = db.values("SELECT name || ' ' || last_change AS value FROM change_feeds ORDER BY name");
    assert_eq!(
        clocks,
        [format!("applications/{own} {micros}"), format!("applications/{other} {micros}"), format!("jobs {micros}")]
    );
    let next =
        store.write(|uow| Ok(uow.jobs().insert(own, &posting("New"), JobStatus::Published, after(-9))?.id)).unwrap();
    let request = SliceRequest::new(changes.next, 10).unwrap();
    let news = store.read(|uow| Ok(uow.changes().jobs(request, now())?)).unwrap();
    assert_eq!(news.items.iter().map(|change| change.job.id).collect::<Vec<_>>(), [next]);
}

/// Each column, and whether it may be empty; without the words of jobs, for which each has a way of its own.
fn columns(db: &TestDatabase) -> Vec<String> {
    db.values(match db.backend() {
        Backend::Sqlite => {
            "SELECT t.name || '.' || c.name || CASE WHEN c.\"notnull\" OR c.pk > 0 THEN '' ELSE '?' END AS value \
             FROM sqlite_schema t, pragma_table_info(t.name) c \
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name NOT LIKE '\\_\\_%' ESCAPE '\\' \
             AND t.name NOT LIKE 'job_words%' AND t.name NOT LIKE 'job_parts%' \
             ORDER BY t.name, c.cid"
        }
        Backend::Postgres => {
            "SELECT table_name || '.' || column_name || CASE is_nullable WHEN 'NO' THEN '' ELSE '?' END AS value \
             FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_\\_%' \
             AND data_type <> 'tsvector' \
             ORDER BY table_name, ordinal_position"
        }
    })
}

#[test]
fn both_trees_make_the_same_tables() {
    if Backend::Postgres.is_wanted() {
        let [sqlite, postgres] = [Backend::Sqlite, Backend::Postgres].map(|backend| {
            let mut columns = columns(&TestDatabase::create(backend));
            columns.sort();
            columns
        });
        assert!(sqlite.len() > 100);
        assert_eq!(sqlite, postgres);
    }
}
