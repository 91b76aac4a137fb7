//! Parts that fail while the portal is under load: what was answered holds, what can't be done is told, and once the part is
//! back all is well without a restart.

use std::any::Any;
use std::fs;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, RunQueryDsl, SqliteConnection, sql_query};
use futures_util::future::{join_all, try_join_all};
use futures_util::stream::{FuturesUnordered, StreamExt};
use jobportal_tests::app::{Account, PASSWORD, TestApp};
use jobportal_tests::app_tests;
use jobportal_tests::client::{Answer, detail};
use jobportal_tests::database::{Backend, TestDatabase};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::common::with;

/// How long a request may take at worst, however many wait for a part that is away.
const PATIENCE: Duration = Duration::from_secs(60);
const CANDIDATE: &str = "/candidate/profile/";
const PDF: &[u8] = b"%PDF-1.7\nresume";

async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what}: not after {PATIENCE:?}"))
}

/// The refusal of what can't be done now, in the one form of errors and without a word about why.
fn assert_unavailable(answer: &Answer) {
    let seconds: u64 = answer.header("retry-after").parse().unwrap_or_else(|_| panic!("{answer:?}"));
    assert!((1..=60).contains(&seconds), "{answer:?}");
    assert_eq!(answer.header("x-request-id").len(), 16, "{answer:?}");
    let text = if answer.json["detail"].as_str().is_some_and(|text| text.contains("busy")) {
        "The service is busy. Please try again."
    } else {
        "The service is temporarily unavailable. Please try again."
    };
    assert_eq!(answer.outcome(), detail(503, text));
}

/// Whether a write was done; one that was not is refused as it must be.
fn is_done(answer: &Answer, status: u16) -> bool {
    if answer.status != status {
        assert_unavailable(answer);
    }
    answer.status == status
}

pub(crate) fn count(database: &TestDatabase, table: &str) -> usize {
    database.values(&format!("SELECT CAST(count(*) AS TEXT) AS value FROM {table}"))[0].parse().unwrap()
}

/// Ends every other connection to a PostgreSQL database, as a server that restarts does; returns how many there were.
fn cut_connections(url: &str) -> usize {
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    sql_query(cut).execute(&mut PgConnection::establish(url).unwrap()).unwrap()
}

/// Keeps everyone else from writing jobs, until it is dropped.
pub(crate) fn lock_jobs(database: &TestDatabase) -> Box<dyn Any> {
    match database.backend() {
        Backend::Sqlite => {
            let path = database.url().strip_prefix("sqlite://").unwrap();
            let mut connection = SqliteConnection::establish(path).unwrap();
            connection.batch_execute("PRAGMA busy_timeout = 10000; BEGIN IMMEDIATE").unwrap();
            Box::new(connection)
        }
        Backend::Postgres => {
            let mut connection = PgConnection::establish(database.url()).unwrap();
            connection.batch_execute("BEGIN; LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE").unwrap();
            Box::new(connection)
        }
    }
}

async fn post_resume(app: &TestApp, candidate: &Account) -> Answer {
    let form = Form::new().part("resume", Part::bytes(PDF).file_name("cv.pdf"));
    app.client.form("POST", CANDIDATE, Some(&candidate.token), form).await
}

/// The résumés that the portal keeps, half written ones included.
fn stored(app: &TestApp) -> usize {
    fs::read_dir(app.files().join("resume")).map_or(0, Iterator::count)
}

/// Begins a request on a connection of its own and sends no more of its body than `part`.
async fn begin(app: &TestApp, account: &Account, head: &str, length: usize, part: &[u8]) -> TcpStream {
    let host = app.client.base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    let head = format!(
        "{head}\r\nHost: {host}\r\nAuthorization: Bearer {}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n",
        account.token
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(part).await.unwrap();
    stream
}

/// The status that comes back on a connection; none where it is closed without one.
async fn status(mut stream: TcpStream) -> Option<u16> {
    let mut answer = Vec::new();
    let _ = in_time("an answer or an end", stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).split(' ').nth(1)?.parse().ok()
}

/// Reads one thing again and again, and says so once it did so many times.
async fn keep_reading(app: &TestApp, account: &Account, path: &str, calls: usize, tell: Option<(&Notify, usize)>) {
    for call in 0..calls {
        if let Some((notify, _)) = tell.filter(|(_, after)| *after == call) {
            notify.notify_one();
        }
        let answer = app.get(path, Some(&account.token)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.json);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn connections_cut_under_load_fail_no_read_and_undo_no_write() {
    const CUTS: usize = 10;
    const CALLS: usize = 8;
    if !Backend::Postgres.is_wanted() {
        return;
    }
    let app = TestApp::start(Backend::Postgres).await;
    app.database.execute("UPDATE plans SET max_job_applications_per_day = 1000000");
    let (applicant, writer, employer, other) =
        (app.candidate().await, app.candidate().await, app.employer().await, app.employer().await);
    let jobs = join_all((0..CUTS * CALLS).map(|_| app.job(&employer))).await;
    let first = format!("/job/{}/", jobs[0]);
    let paths = [first.as_str(), "/job/search/", "/employer/profiles/"];

    // What was answered as done.
    let (mut applied, mut posted, mut bio) = (Vec::new(), Vec::new(), 0);
    for round in 0..CUTS {
        let calls = round * CALLS..(round + 1) * CALLS;
        let midway = Notify::new();
        let readers = join_all((0..8).map(|number| {
            // After a first answer there is a connection to cut again.
            let tell = (number == 0).then_some((&midway, 1 + round % (CALLS - 1)));
            keep_reading(&app, &applicant, paths[number % paths.len()], CALLS, tell)
        }));
        let apply = async {
            for job in &jobs[calls.clone()] {
                let answer = app.post(&format!("/application/{job}/"), Some(&applicant.token), json!({})).await;
                if is_done(&answer, 201) {
                    applied.push(job.to_string());
                }
            }
        };
        let patch = async {
            for call in calls.clone() {
                let answer = app.patch(CANDIDATE, Some(&writer.token), json!({ "bio": call.to_string() })).await;
                if is_done(&answer, 200) {
                    bio = call;
                }
            }
        };
        let post = async |employer: &Account| {
            let mut posted = Vec::new();
            for call in calls.clone() {
                let title = format!("{} {call}", employer.email);
                let body = with(app.job_body(), &json!({ "title": title }));
                if is_done(&app.post("/job/manage/", Some(&employer.token), body).await, 201) {
                    posted.push(title);
                }
            }
            posted
        };
        let cut = async {
            midway.notified().await;
            let url = app.database.url().to_owned();
            tokio::task::spawn_blocking(move || cut_connections(&url)).await.unwrap()
        };
        let (_, (), (), more, others, cut) = tokio::join!(readers, apply, patch, post(&employer), post(&other), cut);
        posted.extend(more.into_iter().chain(others));
        assert!(cut > 0);
    }

    let kept = app.database.values("SELECT job_id::text AS value FROM applications");
    assert!(applied.iter().all(|job| kept.contains(job)), "{applied:?} {kept:?}");
    let mut titles = app.database.values("SELECT title AS value FROM jobs WHERE title LIKE '%@%' ORDER BY title");
    assert!(posted.iter().all(|title| titles.contains(title)), "{posted:?} {titles:?}");
    let with_doubles = titles.len();
    titles.dedup();
    assert_eq!(titles.len(), with_doubles);
    // A write that was refused may have been done: the answer to its commit may be what was lost.
    let own = app.get(CANDIDATE, Some(&writer.token)).await;
    let kept_bio = own.json["candidate"]["bio"].as_str().map_or(0, |bio| bio.parse().unwrap());
    assert!(kept_bio >= bio, "{kept_bio} {bio}");

    app.application(&writer, jobs[0]).await;
    app.smtp.wait_for_mail_to(&employer.email).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_database_that_is_away_is_told_soon_and_is_used_again_once_it_is_back() {
    if !Backend::Postgres.is_wanted() {
        return;
    }
    let app = TestApp::start(Backend::Postgres).await;
    let (candidate, employer) = (app.candidate().await, app.employer().await);
    let job = app.job(&employer).await;
    let (shown, application) = (format!("/job/{job}/"), format!("/application/{job}/"));
    let login = json!({ "email_or_phone": candidate.email, "password": PASSWORD });
    let requests: [(&str, &str, &Account, Option<Value>); 6] = [
        ("GET", "/health/", &candidate, None),
        ("GET", &shown, &candidate, None),
        ("POST", &application, &candidate, Some(json!({}))),
        ("PATCH", CANDIDATE, &candidate, Some(json!({ "bio": "a" }))),
        ("POST", "/job/manage/", &employer, Some(app.job_body())),
        ("POST", "/account/login/", &candidate, Some(login)),
    ];
    let burst = || {
        let four_times = requests.iter().cycle().take(4 * requests.len());
        join_all(
            four_times
                .map(|(method, path, account, body)| app.client.call(method, path, Some(&account.token), body.clone())),
        )
    };

    app.database.set_away(true);
    for answer in in_time("a refusal", burst()).await {
        assert_unavailable(&answer);
    }
    app.database.set_away(false);

    in_time("the portal is well", async {
        while app.get("/health/", None).await.status != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    for answer in burst().await {
        assert!(matches!(answer.status, 200 | 201), "{}", answer.json);
    }
    assert_eq!((count(&app.database, "jobs"), count(&app.database, "applications")), (5, 1));
    app.smtp.wait_for_mail_to(&employer.email).await;
}

app_tests! {
    with [("database.pool_size", "1"), ("database.queue", "1")];

    async fn a_full_queue_is_told_at_once_and_who_waits_is_served(app) {
        const REQUESTS: usize = 20;
        let employer = app.employer().await;
        let lock = lock_jobs(&app.database);
        let mut burst: FuturesUnordered<_> = (0..REQUESTS)
            .map(|_| app.post("/job/manage/", Some(&employer.token), app.job_body()))
            .collect();
        // All but the one that runs and the one that waits.
        for _ in 0..REQUESTS - 2 {
            assert_unavailable(&in_time("a refusal", burst.next()).await.unwrap());
        }
        drop(lock);
        let rest: Vec<_> = in_time("the last answers", burst.collect()).await;
        let done = rest.iter().filter(|answer| is_done(answer, 201)).count();
        assert_eq!(count(&app.database, "jobs"), done);
        app.job(&employer).await;
        assert_eq!(app.get("/health/", None).await.status, 200);
    }
}

app_tests! {
    with [("database.pool_size", "1"), ("database.queue_timeout", "5s")];

    /// The first ones wait for the lock, which takes seconds for each; those behind them are not kept for the sum of it.
    async fn a_lock_that_stays_is_told_soon(app) {
        let employer = app.employer().await;
        let lock = lock_jobs(&app.database);
        let burst = join_all((0..30).map(|_| app.post("/job/manage/", Some(&employer.token), app.job_body())));
        for answer in in_time("a refusal", burst).await {
            assert_unavailable(&answer);
        }
        drop(lock);
        in_time("the database is free", async {
            while app.post("/job/manage/", Some(&employer.token), app.job_body()).await.status != 201 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        assert_eq!(count(&app.database, "jobs"), 1);
        app.job(&employer).await;
    }
}

app_tests! {
    async fn clients_that_stop_within_a_body_hold_nobody_up(app) {
        let (candidate, employer) = (app.candidate().await, app.employer().await);
        let body = app.job_body().to_string();
        let (half, rest) = body.as_bytes().split_at(body.len() / 2);
        let head = "POST /job/manage/ HTTP/1.1\r\nContent-Type: application/json";
        let mut slow = join_all((0..50).map(|_| begin(&app, &employer, head, body.len(), half))).await;

        let served = try_join_all((0..20).map(|_| async {
            tokio::time::timeout(PATIENCE, app.get("/employer/profiles/", None)).await
        }));
        assert!(served.await.unwrap().iter().all(|answer| answer.status == 200));
        assert_eq!(in_time("an upload", post_resume(&app, &candidate)).await.status, 200);
        assert_eq!(count(&app.database, "jobs"), 0);

        let mut last = slow.pop().unwrap();
        last.write_all(rest).await.unwrap();
        assert_eq!(status(last).await, Some(201));
        drop(slow);
        app.job(&employer).await;
        assert_eq!(count(&app.database, "jobs"), 2);
    }

    async fn a_defect_is_told_without_a_word_about_it_and_with_the_id_of_the_request(app) {
        let candidate = app.candidate().await;
        app.database.execute("ALTER TABLE employers RENAME TO gone");
        for (method, path, body) in [("GET", "/employer/profiles/", None), ("POST", "/application/1/", Some(json!({})))] {
            let request = app.client.request(method, path, Some(&candidate.token)).header("x-request-id", "mine.1");
            let answer = app.client.send(body.iter().fold(request, reqwest::RequestBuilder::json)).await;
            assert_eq!(answer.outcome(), detail(500, "Internal server error."), "{path}");
            assert_eq!(answer.header("x-request-id"), "mine.1");
            let answer = app.client.call(method, path, Some(&candidate.token), body).await;
            assert_eq!((answer.status, answer.header("x-request-id").len()), (500, 16), "{path}");
        }
    }

    async fn a_place_for_files_that_is_away_changes_no_profile(app) {
        let candidate = app.candidate().await;
        let skills = json!({ "skills": ["Rust"] });
        assert_eq!(app.post(CANDIDATE, Some(&candidate.token), skills).await.status, 200);
        let before = app.get(CANDIDATE, Some(&candidate.token)).await.json;

        // Permissions would not keep out root.
        let folder = app.files().join("resume");
        fs::write(&folder, "").unwrap();
        assert_unavailable(&post_resume(&app, &candidate).await);
        assert_eq!(app.get(CANDIDATE, Some(&candidate.token)).await.json, before);
        assert_eq!(count(&app.database, "documents"), 0);
        assert_eq!(fs::read_dir(app.files()).unwrap().count(), 1);

        fs::remove_file(&folder).unwrap();
        let answer = post_resume(&app, &candidate).await;
        assert_eq!(answer.status, 200, "{}", answer.json);
        let file = app.get(answer.json["resume"].as_str().unwrap(), Some(&candidate.token)).await;
        assert_eq!((file.status, file.bytes.as_slice()), (200, PDF));
    }

    async fn an_upload_that_breaks_off_leaves_nothing_behind(app) {
        let candidate = app.candidate().await;
        let before = app.get(CANDIDATE, Some(&candidate.token)).await.json;
        let head = "POST /candidate/profile/ HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=x";
        let start = b"--x\r\nContent-Disposition: form-data; name=\"resume\"; filename=\"cv.pdf\"\r\n\r\n";
        let half = [start.as_slice(), PDF, &vec![b'x'; 500_000]].concat();
        for _ in 0..10 {
            let closed = begin(&app, &candidate, head, 1_000_000, &half).await;
            let reset = begin(&app, &candidate, head, 1_000_000, &half).await;
            reset.set_zero_linger().unwrap();
            drop(reset);
            // Half closed, so that the end of the request can be waited for.
            let mut closed = closed;
            closed.shutdown().await.unwrap();
            assert!(matches!(status(closed).await, None | Some(400)));
        }
        assert_eq!((stored(&app), count(&app.database, "documents")), (0, 0));
        assert_eq!(app.get(CANDIDATE, Some(&candidate.token)).await.json, before);

        assert_eq!(post_resume(&app, &candidate).await.status, 200);
        assert_eq!((stored(&app), count(&app.database, "documents")), (1, 1));
    }
}
