//! Two nodes on one PostgreSQL and one Redis answer as one would, whatever becomes of Redis.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jobportal_tests::app::{PASSWORD, fresh_contact};
use jobportal_tests::client::{Answer, Client};
use jobportal_tests::database::{Backend, TestDatabase};
use jobportal_tests::process::{Program, Running};
use jobportal_tests::redis::{self, RedisServer};
use jobportal_tests::smtp::SmtpSink;
use jobportal_tests::until;
use serde_json::{Value, json};

use crate::common::text;

/// The portal on two nodes.
struct Portal {
    one: Client,
    other: Client,
    redis: RedisServer,
    program: Program,
    _database: TestDatabase,
    _running: [Running; 2],
}

struct Member {
    token: String,
    refresh_token: String,
}

/// Two nodes that hear each other; `None` where a part of it is to be left out.
async fn portal(settings: &[(&str, &str)]) -> Option<Portal> {
    if !Backend::Postgres.is_wanted() || !redis::is_wanted() {
        return None;
    }
    let (database, redis) = (TestDatabase::create_empty(Backend::Postgres), RedisServer::start());
    let url = redis.url();
    let of_nodes = [("redis.url", url.as_str()), ("redis.timeout", "500ms"), ("database.queue_timeout", "60s")];
    let program = Program::new(database.url(), &of_nodes).with(settings);
    let [(first, one), (second, other)] = [program.serve(&["--no-worker"]), program.serve(&["--no-worker"])];
    let portal = Portal { one, other, redis, program, _database: database, _running: [first, second] };
    portal.are_connected().await;
    Some(portal)
}

impl Portal {
    async fn are_connected(&self) {
        let listeners = || self.redis.command(&["PUBSUB", "NUMSUB", "jobportal:nodes"]);
        until("both nodes to listen", || listeners().ends_with('2')).await;
        // What Redis has confirmed has yet to be read.
        tokio::time::sleep(Duration::from_millis(300)).await;
    }

    async fn member(&self, user_type: &str) -> Member {
        let (email, phone_number) = fresh_contact(user_type);
        let body = json!({
            "email": email, "contract_number": phone_number, "user_type": user_type, "password": PASSWORD,
        });
        let otp = post(&self.one, "/account/register/", None, body).await.json["otp"].clone();
        let answer = post(&self.other, "/account/verify_otp/", None, json!({ "email": email, "otp": otp })).await;
        assert_eq!(answer.status, 200, "{}", answer.json);
        let body = json!({ "email_or_phone": email, "password": PASSWORD });
        let tokens = post(&self.one, "/account/login/", None, body).await.json;
        Member { token: text(&tokens["access_token"]), refresh_token: text(&tokens["refresh_token"]) }
    }

    async fn job(&self, employer: &Member) -> i64 {
        let body = json!({
            "title": "Software Engineer", "description": "Develop.", "job_type": "Private",
            "job_subtype": "Full-time", "experience_level": "Mid", "company_name": "Tech", "location": "Dhaka",
            "deadline": "2099-01-01T00:00:00Z",
        });
        post(&self.one, "/job/manage/", Some(&employer.token), body).await.id()
    }

    /// Changes the title of a job on one node; returns how the other one shows it from then on.
    async fn retitled(&self, employer: &Member, job: i64, title: &str) -> Value {
        let path = format!("/job/manage/{job}/");
        let answer = self.one.call("PATCH", &path, Some(&employer.token), Some(json!({ "title": title }))).await;
        assert_eq!(answer.status, 200, "{}", answer.json);
        get(&self.other, &format!("/job/{job}/"), employer).await.json["title"].clone()
    }
}

async fn post(node: &Client, path: &str, token: Option<&str>, body: Value) -> Answer {
    node.call("POST", path, token, Some(body)).await
}

async fn get(node: &Client, path: &str, member: &Member) -> Answer {
    let answer = node.call("GET", path, Some(&member.token), None).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.json);
    answer
}

async fn takes(node: &Client, member: &Member) -> bool {
    node.call("GET", "/account/login-user-info/", Some(&member.token), None).await.status == 200
}

async fn sign_out(node: &Client, member: &Member) {
    let body = json!({ "refresh_token": member.refresh_token });
    assert_eq!(post(node, "/account/logout/", Some(&member.token), body).await.status, 204);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_does_the_other_knows_at_once_also_while_redis_is_away_and_when_it_comes_back() {
    let Some(mut portal) = portal(&[]).await else { return };
    let employer = portal.member("employer").await;
    let job = portal.job(&employer).await;
    for number in 0..20 {
        let title = format!("Title {number}");
        assert_eq!(portal.retitled(&employer, job, &title).await, json!(title));
    }
    for _ in 0..10 {
        let candidate = portal.member("candidate").await;
        assert!(takes(&portal.one, &candidate).await && takes(&portal.other, &candidate).await);
        sign_out(&portal.one, &candidate).await;
        assert!(!takes(&portal.other, &candidate).await, "refused at once");
    }

    portal.redis.command(&["FLUSHALL"]);
    assert_eq!(portal.retitled(&employer, job, "After a flush").await, "After a flush");

    portal.redis.kill();
    for number in 0..5 {
        let title = format!("Away {number}");
        assert_eq!(portal.retitled(&employer, job, &title).await, json!(title));
    }
    let candidate = portal.member("candidate").await;
    sign_out(&portal.one, &candidate).await;
    let since = Instant::now();
    while takes(&portal.other, &candidate).await {
        assert!(since.elapsed() < Duration::from_secs(30), "the database tells it within seconds");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    portal.redis.come_back();
    for number in 0..20 {
        let title = format!("Back {number}");
        assert_eq!(portal.retitled(&employer, job, &title).await, json!(title));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    portal.are_connected().await;
    let candidate = portal.member("candidate").await;
    assert!(takes(&portal.other, &candidate).await);
    sign_out(&portal.one, &candidate).await;
    assert!(!takes(&portal.other, &candidate).await, "refused at once again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kept_answers_about_applications_are_true_on_each_node_whatever_becomes_of_redis() {
    let Some(mut portal) = portal(&[]).await else { return };
    let (employer, other) = (portal.member("employer").await, portal.member("employer").await);
    let candidate = portal.member("candidate").await;
    let job = portal.job(&employer).await;
    let applied = post(&portal.one, &format!("/application/{job}/"), Some(&candidate.token), json!({})).await;
    let (all, one) = (format!("/application/all/{job}/"), format!("/application/status/{}/", applied.id()));

    let mut number = 0;
    let mut is_true = async |portal: &Portal, what: &str| {
        number += 1;
        let name = format!("Name {number}");
        let status = ["selected", "interviewed", "offered"][number % 3];
        let body = json!({ "first_name": name });
        let saved = portal.one.call("PATCH", "/candidate/profile/", Some(&candidate.token), Some(body)).await;
        assert_eq!(saved.status, 200, "{}", saved.json);
        let moved = portal.other.call("PATCH", &one, Some(&employer.token), Some(json!({ "status": status }))).await;
        assert_eq!(moved.status, 200, "{}", moved.json);
        let shown = json!([status, name]);
        for node in [&portal.one, &portal.other] {
            let again = post(node, &format!("/application/{job}/"), Some(&candidate.token), json!({})).await;
            assert_eq!(again.outcome(), (200, json!({ "status": "Already Applied" })), "{what}");
        }
        // The second time it is a kept one, made by either node.
        for node in [&portal.one, &portal.other, &portal.one, &portal.other] {
            for (path, pointer) in [(&all, "/data/0"), (&one, "/data")] {
                let answer = get(node, path, &employer).await;
                let data = answer.json.pointer(pointer).unwrap();
                assert_eq!(json!([data["status"], data["candidate"]["first_name"]]), shown, "{what}: {path}");
                let request = node.request("GET", path, Some(&employer.token));
                let again = request.header("if-none-match", answer.header("etag")).send().await.unwrap();
                assert_eq!(again.status(), 304, "{what}: {path}");
                let stranger = node.call("GET", path, Some(&other.token), None).await;
                assert_eq!(stranger.status, 404, "{what}: {path}");
            }
        }
    };
    for _ in 0..5 {
        is_true(&portal, "with Redis").await;
    }
    for name in ["job_applications_", "job_application_status_", "job_application_[0-9]*_"] {
        assert!(!portal.redis.command(&["KEYS", &format!("jobportal:{name}*")]).is_empty(), "{name}");
    }
    portal.redis.command(&["FLUSHALL"]);
    is_true(&portal, "flushed").await;
    portal.redis.kill();
    is_true(&portal, "without Redis").await;
    portal.redis.come_back();
    for _ in 0..5 {
        is_true(&portal, "it is back").await;
    }
    portal.redis.freeze(true);
    is_true(&portal, "it does not answer").await;
    portal.redis.freeze(false);
    is_true(&portal, "it answers again").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_are_those_of_both_nodes_together() {
    let Some(portal) = portal(&[("limits.enabled", "true")]).await else { return };
    let sign_in = async |node: &Client, number: usize| {
        let body = json!({ "email_or_phone": format!("nobody{number}@example.com"), "password": PASSWORD });
        post(node, "/account/login/", None, body).await
    };
    let began = Instant::now();
    for number in 0..60 {
        let node = if number % 2 == 0 { &portal.one } else { &portal.other };
        assert_eq!(sign_in(node, number).await.status, 400);
    }
    for node in [&portal.one, &portal.other] {
        // A busy machine may have needed more than the minute.
        assert!(sign_in(node, 60).await.status == 429 || began.elapsed() > Duration::from_secs(60));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_every_answer_is_a_good_one_while_redis_freezes_dies_and_comes_back() {
    let Some(mut portal) = portal(&[("redis.timeout", "100ms")]).await else { return };
    let employer = Arc::new(portal.member("employer").await);
    let candidate = portal.member("candidate").await;
    let job = portal.job(&employer).await;
    assert_eq!(post(&portal.one, &format!("/application/{job}/"), Some(&candidate.token), json!({})).await.status, 201);
    let is_over = Arc::new(AtomicBool::new(false));
    let load = (0..8).map(|number| {
        let (node, employer) = (if number % 2 == 0 { &portal.one } else { &portal.other }.clone(), employer.clone());
        let is_over = is_over.clone();
        tokio::spawn(async move {
            let (mut answers, mut slowest) = (0, Duration::ZERO);
            while !is_over.load(Ordering::Relaxed) {
                for path in [format!("/job/{job}/"), format!("/application/all/{job}/")] {
                    let began = Instant::now();
                    get(&node, &path, &employer).await;
                    slowest = slowest.max(began.elapsed());
                    answers += 1;
                }
            }
            (answers, slowest)
        })
    });
    let load: Vec<_> = load.collect();
    let pause = || tokio::time::sleep(Duration::from_millis(700));
    for _ in 0..2 {
        pause().await;
        portal.redis.freeze(true);
        pause().await;
        portal.redis.freeze(false);
        pause().await;
        portal.redis.kill();
        pause().await;
        portal.redis.come_back();
        pause().await;
        portal.redis.command(&["FLUSHALL"]);
    }
    is_over.store(true, Ordering::Relaxed);
    for client in load {
        let (answers, slowest) = client.await.unwrap();
        assert!(answers > 0 && slowest < Duration::from_secs(5), "{answers} answers, the slowest after {slowest:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_hardly_looks_is_woken_by_mail_of_another_process() {
    let smtp = SmtpSink::start().await;
    let settings = [("mail.url", smtp.url()), ("worker.poll_every", "1h")];
    let Some(portal) = portal(&settings).await else { return };
    let _worker = portal.program.start(&["worker"]);
    let listeners = || portal.redis.command(&["PUBSUB", "NUMSUB", "jobportal:nodes"]);
    until("the worker to listen", || listeners().ends_with('3')).await;
    for mails in 1..4 {
        portal.member("candidate").await;
        until("the mail to be sent", || smtp.mails().len() >= mails).await;
    }
}
