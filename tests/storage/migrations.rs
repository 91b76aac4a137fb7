use std::sync::{Arc, Barrier};
use std::{fs, thread};

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
    a_newer_database_is_left_as_it_is,
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
    assert!(!states.is_empty() && states.iter().all(|state| state.is_applied));
    let names: Vec<_> = states.into_iter().map(|state| state.name).collect();

    let undone = migrator.down(usize::MAX).unwrap();
    assert_eq!(undone, names.iter().rev().cloned().collect::<Vec<_>>());
    assert_eq!(tables(db), [BOOKKEEPING]);
    assert!(migrator.status().unwrap().iter().all(|state| !state.is_applied));
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

fn a_newer_database_is_left_as_it_is(db: &TestDatabase) {
    let mut migrator = Migrator::connect(db.url()).unwrap();
    let undone = migrator.down(1).unwrap();
    db.execute(&format!("INSERT INTO {BOOKKEEPING} (version) VALUES ('99991231235959')"));
    let assert_refused = |outcome| {
        let Err(MigrateError::Newer(version)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(version, "99991231235959");
    };
    assert_refused(migrator.up());
    assert_refused(migrator.down(1));
    let last = migrator.status().unwrap().pop();
    let newer = MigrationState { name: "99991231235959".to_owned(), is_applied: true, is_known: false };
    assert_eq!(last, Some(newer));

    db.execute(&format!("DELETE FROM {BOOKKEEPING} WHERE version = '99991231235959'"));
    assert_eq!(migrator.up().unwrap(), undone);
    db.execute(&format!("INSERT INTO {BOOKKEEPING} (version) VALUES ('99991231235959')"));
    assert_eq!(migrator.up().unwrap(), [""; 0], "it lacks nothing");
    assert_refused(migrator.down(1));
    user(&*db.store(), 1, UserType::Candidate);
}

/// What a node of the version before, that still runs, may not survive, with why. Only on PostgreSQL are there several nodes.
const BREAKING: [(&str, &str); 9] = [
    ("drop table", "it still uses the table"),
    ("drop column", "it still uses the column"),
    ("rename", "it still uses the old name"),
    ("drop default", "it leaves the column out"),
    ("set not null", "it may write nothing there"),
    (" type ", "it reads and writes the old type, and the table is locked while it is written anew"),
    ("lock table", "it has to wait"),
    ("truncate", "it would miss the rows"),
    ("drop function", "triggers of its time call it"),
];

/// Migrations that are older than the first release. Later ones expand what is there; what nobody uses any more is taken away by
/// one that says `-- contract:`, in which version before it was last used.
const OF_THE_FIRST_RELEASE: &str = "2026-11-24-000012";

#[test]
fn migrations_leave_the_version_before_them_working() {
    let mut seen = 0;
    for folder in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations/postgres")).unwrap() {
        let folder = folder.unwrap().path();
        let name = folder.file_name().unwrap().to_str().unwrap();
        seen += 1;
        if name.get(..OF_THE_FIRST_RELEASE.len()).is_some_and(|version| version > OF_THE_FIRST_RELEASE) {
            let sql = fs::read_to_string(folder.join("up.sql")).unwrap();
            assert_eq!(breaks(&sql), None, "{}", folder.display());
        }
    }
    assert!(seen >= 12);
}

/// Why a migration breaks the version before it, if it does.
fn breaks(sql: &str) -> Option<String> {
    let sql = sql.to_lowercase();
    if sql.contains("-- contract:") {
        return None;
    }
    let code: Vec<_> = sql.lines().map(|line| line.split("--").next().unwrap_or_default()).collect();
    let code = code.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
    // A table that the same migration makes is nobody's yet.
    let is_new = |statement: &str| {
        let table = statement.strip_prefix("alter table ").and_then(|rest| rest.split(' ').next());
        table.is_some_and(|table| code.contains(&format!("create table {table} (")))
    };
    let mut statements = code.split(';').map(str::trim);
    statements.by_ref().filter(|statement| !is_new(statement)).find_map(|statement| {
        if let Some((_, why)) = BREAKING.iter().find(|(what, _)| statement.contains(what)) {
            return Some(format!("{statement}: {why}"));
        }
        let adds = statement.starts_with("alter table") && statement.contains(" add ");
        let needs = statement.contains("not null") && !statement.contains("default");
        (adds && needs).then(|| format!("{statement}: it leaves the column out"))
    })
}

#[test]
fn what_breaks_the_version_before_is_found() {
    for (sql, is_breaking) in [
        ("ALTER TABLE jobs ADD COLUMN note TEXT;", false),
        ("ALTER TABLE jobs\n  ADD COLUMN n INTEGER NOT NULL DEFAULT 0;", false),
        ("CREATE TABLE a (id BIGINT); ALTER TABLE a ALTER COLUMN id SET NOT NULL;", false),
        ("CREATE INDEX jobs_idx ON jobs (id); UPDATE jobs SET note = '';", false),
        ("-- contract: note was last used by 0.2\nALTER TABLE jobs DROP COLUMN note;", false),
        ("ALTER TABLE jobs ADD COLUMN n INTEGER NOT NULL;", true),
        ("ALTER TABLE jobs\n  DROP COLUMN note;", true),
        ("ALTER TABLE jobs RENAME COLUMN note TO notes;", true),
        ("ALTER TABLE jobs ALTER COLUMN id TYPE TEXT;", true),
        ("DROP TABLE jobs;", true),
    ] {
        assert_eq!(breaks(sql).is_some(), is_breaking, "{sql}");
    }
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
