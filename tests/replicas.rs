//! The portal on a PostgreSQL primary with a streaming replica, and through a pooler by transaction. `tests/replicas.sh` starts them; without
//! them there is nothing to test.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that can't go on has failed")]

use std::sync::Arc;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use futures_util::future::join_all;
use jobportal_application::{PageRequest, Store};
use jobportal_persistence::{DatabaseSettings, DieselStore, Migrator, ReplicatedStore};
use jobportal_tests::app::{Account, TestApp};
use jobportal_tests::database::{Backend, TestDatabase, variable};
use serde_json::json;
use tokio::sync::Mutex;

/// How long to wait for what comes after a while.
const PATIENCE: Duration = Duration::from_secs(30);

/// One test at a time holds up the replica.
static REPLICA: Mutex<()> = Mutex::const_new(());

/// The address of `database` on the server that `name` is the address of.
fn url_at(name: &str, database: &TestDatabase) -> Option<String> {
    let server = variable(name)?;
    let port = server.split_once("port=")?.1.split('&').next()?;
    Some(database.url().replace("port=5432", &format!("port={port}")))
}

/// A database, with the address of it on the replica.
fn replicated() -> Option<(TestDatabase, String)> {
    if variable("TEST_REPLICA_URL").is_none() {
        println!("skipped: tests/replicas.sh starts a replica");
        return None;
    }
    let database = TestDatabase::create(Backend::Postgres);
    let url = url_at("TEST_REPLICA_URL", &database)?;
    Some((database, url))
}

/// Stops or goes on with what makes the replica follow.
fn replay(replica: &str, goes_on: bool) {
    let function = if goes_on { "pg_wal_replay_resume" } else { "pg_wal_replay_pause" };
    PgConnection::establish(replica).unwrap().batch_execute(&format!("SELECT {function}()")).unwrap();
}

/// Waits until `holds`.
async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let start = std::time::Instant::now();
    while !holds().await {
        assert!(start.elapsed() < PATIENCE, "{what}: not after {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn plans(store: &dyn Store) -> usize {
    store.read(|uow| Ok(uow.plans().list()?.len())).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_read_while_it_is_fresh_and_the_primary_otherwise() {
    let Some((database, url)) = replicated() else { return };
    let _alone = REPLICA.lock().await;
    let primary = Arc::new(database.open(2));
    let max_lag = Duration::from_secs(1);
    let store = ReplicatedStore::open(primary, &[DatabaseSettings::new(&url, 2)], max_lag).unwrap();
    assert_eq!(store.replicas(), (1, 0), "nothing is known of it yet");
    assert_eq!(plans(&store), 5);
    eventually("the replica to follow", async || {
        store.measure().unwrap();
        store.replicas() == (1, 1)
    })
    .await;
    replay(&url, false);
    database.execute("DELETE FROM plans WHERE id = (SELECT MAX(id) FROM plans)");
    assert_eq!(plans(&store), 5, "the replica does not know it yet");
    eventually("the replica to be too far behind", async || {
        store.measure().unwrap();
        store.replicas() == (1, 0)
    })
    .await;
    assert_eq!(plans(&store), 4);
    replay(&url, true);
    eventually("the replica to catch up", async || {
        store.measure().unwrap();
        store.replicas() == (1, 1)
    })
    .await;
    assert_eq!(plans(&store), 4);
}

#[test]
fn without_its_replica_the_primary_answers() {
    if variable("TEST_REPLICA_URL").is_none() {
        return;
    }
    let database = TestDatabase::create(Backend::Postgres);
    let away = DatabaseSettings::new("postgres://127.0.0.1:1/away", 2);
    let store = ReplicatedStore::open(Arc::new(database.open(2)), &[away], PATIENCE).unwrap();
    store.measure().unwrap();
    assert_eq!(store.replicas(), (1, 0));
    assert_eq!(plans(&store), 5);
    // What is no replica is not taken for one.
    let other = TestDatabase::create(Backend::Postgres);
    let other = DatabaseSettings::new(other.url(), 2);
    let store = ReplicatedStore::open(Arc::new(database.open(2)), &[other], PATIENCE).unwrap();
    store.measure().unwrap();
    assert_eq!(store.replicas(), (1, 0));
}

/// How many jobs an account finds.
async fn found(app: &TestApp, account: &Account) -> u64 {
    let answer = app.get("/job/search/?title=engineer", Some(&account.token)).await;
    answer.json["total_jobs"].as_u64().unwrap_or_else(|| panic!("{answer:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn who_writes_reads_what_they_wrote_and_others_soon() {
    let Some((database, url)) = replicated() else { return };
    let _alone = REPLICA.lock().await;
    let settings = [("database.replica_urls", url.as_str()), ("database.replica_max_lag", "3s")];
    let app = TestApp::start_on(database, &settings).await;
    let (employer, candidate) = (app.employer().await, app.candidate().await);
    app.job(&employer).await;
    eventually("the replica to have the database", async || PgConnection::establish(&url).is_ok()).await;
    // By then it has been measured.
    tokio::time::sleep(Duration::from_secs(2)).await;
    replay(&url, false);
    for jobs in 2..4 {
        app.job(&employer).await;
        assert_eq!(found(&app, &employer).await, jobs, "their own job");
        assert!(found(&app, &candidate).await <= jobs);
    }
    let is_there = async || found(&app, &candidate).await == 3;
    eventually("the primary to be read", is_there).await;
    replay(&url, true);
    app.job(&employer).await;
    eventually("the replica to have it", async || found(&app, &candidate).await == 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_by_transaction_loses_and_mixes_up_nothing() {
    if variable("TEST_POOLER_URL").is_none() {
        return;
    }
    let database = TestDatabase::create(Backend::Postgres);
    let url = url_at("TEST_POOLER_URL", &database).unwrap();
    assert_eq!(Migrator::connect(&url).unwrap().up().unwrap(), [""; 0]);
    let settings =
        [("database.url", url.as_str()), ("database.is_pooled_by_transaction", "true"), ("database.pool_size", "12")];
    let app = TestApp::start_on(database, &settings).await;
    let employer = app.employer().await;
    let job = app.job(&employer).await;
    // Far more at once than the pooler has connections.
    let journeys = (0..20).map(|_| async {
        let candidate = app.candidate().await;
        app.application(&candidate, job).await;
        assert_eq!(found(&app, &candidate).await, 1);
        let again = app.post(&format!("/application/{job}/"), Some(&candidate.token), json!({})).await;
        assert!(again.status < 500, "{again:?}");
        let own = app.get("/candidate/application/list/", Some(&candidate.token)).await;
        assert_eq!(own.status, 200, "{own:?}");
    });
    join_all(journeys).await;
    let all = app.get(&format!("/application/all/{job}/"), Some(&employer.token)).await;
    assert_eq!(all.status, 200, "{all:?}");
    let count = app.database.values("SELECT CAST(count(*) AS TEXT) AS value FROM applications");
    assert_eq!(count, ["20"]);
    let page = PageRequest::new(1, 10).unwrap();
    let settings = DatabaseSettings { is_pooled_by_transaction: true, ..DatabaseSettings::new(&url, 2) };
    let store: Arc<dyn Store> = Arc::new(DieselStore::open(&settings).unwrap());
    assert_eq!(store.read_one(|uow| Ok(uow.employers().list(page)?)).unwrap().items.len(), 1);
}
