//! What operators and load balancers ask: whether the node lives and is ready, and its metrics.
#![expect(clippy::float_cmp, reason = "what is counted is whole")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jobportal_tests::app::{PASSWORD, TestApp};
use jobportal_tests::app_tests;
use jobportal_tests::client::Answer;
use jobportal_tests::database::{Backend, TestDatabase};
use jobportal_tests::process::Program;
use jobportal_tests::smtp::{Behaviour, SmtpSink};
use serde_json::{Value, json};

use crate::outage::lock_jobs;

/// The samples of a text of metrics: by their names with all labels.
pub(crate) fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("{line}")))
    };
    lines.map(sample).collect()
}

async fn read(address: &str) -> BTreeMap<String, f64> {
    let response = reqwest::get(address).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4");
    samples(&response.text().await.unwrap())
}

async fn metrics(app: &TestApp) -> BTreeMap<String, f64> {
    read(app.metrics.as_ref().unwrap()).await
}

/// Asks until what is found is not what was found before.
async fn ready_until(app: &TestApp, status: u16, state: &str) -> Answer {
    let started = Instant::now();
    loop {
        let answer = app.get("/readyz", None).await;
        if answer.status == status && answer.json["status"] == state {
            return answer;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{answer:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn states(database: &str, documents: &str, mail: &str) -> Value {
    json!({ "database": database, "documents": documents, "mail": mail })
}

const FOR_OPERATORS: [(&str, &str); 1] = [("server.metrics_bind", "127.0.0.1:0")];

app_tests! {
    with [("server.metrics_bind", "127.0.0.1:0")];

    async fn the_probes_answer_anyone(app) {
        for path in ["/livez", "/livez/"] {
            let answer = app.get(path, None).await;
            assert_eq!(answer.outcome(), (200, json!({ "status": "ok" })));
            assert_eq!(answer.header("cache-control"), "no-store");
        }
        for path in ["/readyz", "/readyz/"] {
            let expected = json!({ "status": "ok", "dependencies": states("ok", "ok", "ok") });
            assert_eq!(app.get(path, Some("nonsense")).await.outcome(), (200, expected));
        }
        let operators = app.metrics.clone().unwrap();
        for path in ["livez", "readyz"] {
            let response = reqwest::get(operators.replace("metrics", path)).await.unwrap();
            assert_eq!(response.status(), 200, "{path}");
        }
    }

    async fn what_the_node_can_do_without_makes_it_degraded(app) {
        app.smtp.behave(Behaviour::Closed);
        app.register("candidate").await;
        let degraded = ready_until(&app, 200, "degraded").await;
        assert_eq!(degraded.json["dependencies"], states("ok", "ok", "failing"));
        app.smtp.behave(Behaviour::Accept);
        app.database.execute("UPDATE outbox SET next_attempt_at = '2000-01-01T00:00:00.000000Z'");
        ready_until(&app, 200, "ok").await;

        std::fs::remove_dir_all(app.files()).unwrap();
        let degraded = ready_until(&app, 200, "degraded").await;
        assert_eq!(degraded.json["dependencies"], states("ok", "failing", "ok"));
        assert!(!degraded.json.to_string().contains('/'), "{}", degraded.json);
    }

    async fn a_flood_of_probes_costs_nothing_while_the_database_is_busy(app) {
        let employer = app.employer().await;
        let job = app.job(&employer).await;
        let lock = lock_jobs(&app.database);
        let path = format!("/job/manage/{job}/");
        let writes = join_all((0..8).map(|_| app.patch(&path, Some(&employer.token), json!({ "title": "Clerk" }))));
        let probes = async {
            let started = Instant::now();
            for answer in join_all((0..200).map(|_| app.get("/readyz", None))).await {
                assert_eq!(answer.status, 200, "{answer:?}");
            }
            let text = metrics(&app).await;
            assert!(text["jobportal_lane_busy_threads{lane=\"database\"}"] >= 1.0, "{text:?}");
            assert!(started.elapsed() < Duration::from_secs(20));
            drop(lock);
        };
        let (writes, ()) = tokio::join!(writes, probes);
        assert!(writes.iter().all(|answer| answer.status == 200), "{writes:?}");
    }

    async fn requests_are_counted_by_the_template_of_their_route(app) {
        let candidate = app.candidate().await;
        let job = app.job(&app.employer().await).await;
        for path in [format!("/job/{job}/"), format!("/job/{job}"), "/job/999999/".to_owned()] {
            app.get(&path, Some(&candidate.token)).await;
        }
        app.client.call("HEAD", &format!("/job/{job}/"), Some(&candidate.token), None).await;
        for number in 0..50 {
            assert_eq!(app.get(&format!("/nothing/{number}/"), None).await.status, 404);
            app.client.call("BREW", &format!("/job/{number}/"), None, None).await;
        }
        app.get(&format!("/?{}", "x".repeat(9_000)), None).await;
        let found = metrics(&app).await;
        let requests = |labels: &str| found[&format!("jobportal_http_requests_total{{{labels}}}")];
        assert_eq!(requests("method=\"GET\",route=\"/job/{id}\",status=\"2xx\""), 3.0);
        assert_eq!(requests("method=\"GET\",route=\"/job/{id}\",status=\"4xx\""), 1.0);
        assert_eq!(requests("method=\"other\",route=\"/job/{id}\",status=\"4xx\""), 50.0);
        assert_eq!(requests("method=\"other\",route=\"unmatched\",status=\"4xx\""), 51.0);
        let of_route = "method=\"GET\",route=\"/job/{id}\"";
        assert_eq!(found[&format!("jobportal_http_request_duration_seconds_count{{{of_route}}}")], 4.0);
        assert_eq!(found["jobportal_http_requests_in_flight"], 0.0);
        assert!(found.keys().all(|name| !name.contains("nothing") && !name.contains("BREW")));
        // However many more come.
        let (series, names) = (found.len(), found.into_keys().collect::<Vec<_>>());
        app.get("/job/search/", Some(&candidate.token)).await;
        app.get("/nothing/at/all", None).await;
        let found = metrics(&app).await;
        assert!(found.keys().all(|name| names.contains(name)), "{series}");
    }

    async fn each_part_is_measured(app) {
        let candidate = app.candidate().await;
        let wrong = json!({ "email_or_phone": candidate.email, "password": "wrong horse 7" });
        assert!(app.post("/account/login/", None, wrong).await.status >= 400);
        let job = format!("/job/{}/", app.job(&app.employer().await).await);
        for _ in 0..3 {
            assert_eq!(app.get(&job, Some(&candidate.token)).await.status, 200);
        }
        app.smtp.wait_for_mail_to(&candidate.email).await;
        let found = metrics(&app).await;
        for lane in ["database", "hashing", "strangers", "worker"] {
            let of_lane = |name: &str| found[&format!("jobportal_lane_{name}{{lane=\"{lane}\"}}")];
            assert!(of_lane("threads") >= 1.0 && of_lane("queue_depth") >= 0.0, "{lane}");
            assert_eq!(found[&format!("jobportal_lane_rejected_total{{lane=\"{lane}\",reason=\"full\"}}")], 0.0);
        }
        assert!(found["jobportal_lane_wait_seconds_count{lane=\"database\"}"] > 0.0);
        assert_eq!(found["jobportal_response_cache_requests_total{result=\"hit\"}"], 2.0);
        assert!(found["jobportal_response_cache_requests_total{result=\"miss\"}"] >= 1.0);
        assert!(found.contains_key("jobportal_response_cache_bytes"));
        assert!(found["jobportal_database_connections"] >= 1.0);
        assert_eq!(found["jobportal_sign_ins_total{outcome=\"refused\"}"], 1.0);
        assert!(found["jobportal_sign_ins_total{outcome=\"succeeded\"}"] >= 2.0);
        assert!(found["jobportal_mails_total{kind=\"welcome\",outcome=\"sent\"}"] >= 1.0);
        assert_eq!(found["jobportal_outbox_up"], 1.0);
        assert!(found["process_resident_memory_bytes"] > 0.0 && found["process_open_fds"] > 0.0);
        let version = format!("jobportal_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
        assert_eq!(found[&version], 1.0);
        let text = format!("{found:?}");
        assert!(!text.contains(&candidate.email) && !text.contains(PASSWORD));
    }

    async fn metrics_are_not_told_where_the_api_is(app) {
        for path in ["/metrics", "/metrics/"] {
            assert_eq!(app.get(path, None).await.status, 404);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn by_default_metrics_are_told_nowhere() {
    assert_eq!(TestApp::start(Backend::Sqlite).await.metrics, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn limits_that_refuse_are_counted() {
    let settings = [FOR_OPERATORS[0], ("limits.enabled", "true")];
    let app = TestApp::start_with(Backend::Sqlite, &settings).await;
    let login = json!({ "email_or_phone": "nobody@example.com", "password": "wrong horse 7" });
    while app.post("/account/login/", None, login.clone()).await.status != 429 {}
    let found = metrics(&app).await;
    assert_eq!(found["jobportal_limited_requests_total{limit=\"sign_in_account\"}"], 1.0);
    assert_eq!(found["jobportal_sign_ins_total{outcome=\"limited\"}"], 1.0);
    // Probes are limited by nothing.
    for answer in join_all((0..400).map(|_| app.get("/livez", None))).await {
        assert_eq!(answer.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_database_that_is_away_makes_the_node_not_ready_and_its_metrics_are_still_told() {
    if !Backend::Postgres.is_wanted() {
        return;
    }
    let app = TestApp::start_with(Backend::Postgres, &FOR_OPERATORS).await;
    app.candidate().await;
    ready_until(&app, 200, "ok").await;
    app.database.set_away(true);
    let answer = ready_until(&app, 503, "unavailable").await;
    assert_eq!(answer.json["dependencies"], states("failing", "ok", "ok"));
    assert_eq!(answer.json["detail"], "This node is not ready.");
    assert_ne!(answer.header("retry-after"), "");
    assert_eq!(app.get("/livez", None).await.status, 200);
    let started = Instant::now();
    while metrics(&app).await["jobportal_outbox_up"] > 0.0 {
        assert!(started.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    app.database.set_away(false);
    ready_until(&app, 200, "ok").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_worker_of_its_own_is_measured_too() {
    let (database, sink) = (TestDatabase::create(Backend::Sqlite), SmtpSink::start().await);
    // Free when it was asked for.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let settings = [("mail.url", sink.url()), ("server.metrics_bind", address.as_str())];
    let program = Program::new(database.url(), &settings);
    let worker = program.start(&["worker"]);
    let ready = format!("http://{address}/readyz");
    let started = Instant::now();
    while reqwest::get(&ready).await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(60), "{}", worker.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let answer: Value = reqwest::get(&ready).await.unwrap().json().await.unwrap();
    assert_eq!(answer, json!({ "status": "ok", "dependencies": states("ok", "ok", "ok") }));
    assert!(read(&format!("http://{address}/metrics")).await.contains_key("jobportal_lane_threads{lane=\"worker\"}"));
    assert!(worker.terminate().success);
}

/// The names of metrics in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| ["jobportal_", "process_"].iter().any(|prefix| word.starts_with(prefix))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_dashboard_and_the_alerts_ask_for_metrics_that_there_are() {
    let app = TestApp::start_with(Backend::Sqlite, &[FOR_OPERATORS[0], ("limits.enabled", "true")]).await;
    let email = app.candidate().await.email;
    app.smtp.wait_for_mail_to(&email).await;
    let login = json!({ "email_or_phone": "nobody@example.com", "password": "wrong horse 7" });
    while app.post("/account/login/", None, login.clone()).await.status != 429 {}
    let found = metrics(&app).await.into_keys().collect::<Vec<_>>().join("\n");
    let found = names(&found);
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config");
    for file in ["grafana.json", "alerts.yml"] {
        let text = std::fs::read_to_string(config.join(file)).unwrap();
        let asked = names(&text);
        assert!(asked.len() > 5, "{file}: {asked:?}");
        assert!(asked.is_subset(&found), "{file}: {:?}", asked.difference(&found));
    }
}
