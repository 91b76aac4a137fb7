//! The program as a process: it starts or says why not, ends when told, and loses and doubles nothing when killed.

use std::net::TcpListener;

use jobportal_tests::client::{Answer, Client};
use jobportal_tests::database::{Backend, TestDatabase};
use jobportal_tests::process::{Finished, Program, Running};
use jobportal_tests::smtp::{Behaviour, SmtpSink};
use jobportal_tests::until;
use serde_json::json;

const PASSWORD: &str = "correct horse 7";
const SECRET: &str = "mFz3Q0xV1rT8cKp6WnJd5Ls9Yh2Gb7Ea";

/// Declares tests that get an empty database of each kind.
macro_rules! process_tests {
    ($(async fn $name:ident($database:ident) $body:block)+) => {$(
        async fn $name($database: TestDatabase) $body

        mod $name {
            use jobportal_tests::database::{Backend, TestDatabase};

            #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
            async fn sqlite() {
                super::$name(TestDatabase::create_empty(Backend::Sqlite)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
            async fn postgres() {
                if Backend::Postgres.is_wanted() {
                    super::$name(TestDatabase::create_empty(Backend::Postgres)).await;
                }
            }
        }
    )+};
}
pub(crate) use process_tests;

/// Settings that production takes.
pub(crate) fn production(mail_url: &str) -> Vec<(&str, &str)> {
    vec![
        ("JOBPORTAL_PROFILE", "production"),
        ("auth.jwt_secret", SECRET),
        ("auth.bcrypt_cost", "10"),
        ("mail.url", mail_url),
        ("mail.from", "Job Portal <no-reply@jobs.example>"),
    ]
}

/// Expects that a command failed, and that it said all this and no secret.
pub(crate) fn assert_refused(finished: &Finished, words: &[&str]) {
    let said = &finished.stderr;
    assert!(!finished.success, "{finished:?}");
    for word in words {
        assert!(said.contains(word), "{word} is not in {said}");
    }
    for secret in ["hunter2", SECRET, "panicked", "stack backtrace"] {
        assert!(!said.contains(secret), "{said}");
    }
}

async fn register(client: &Client, name: &str, number: u32) -> Answer {
    let body = json!({
        "email": format!("{name}{number}@example.com"), "contract_number": format!("017{number:08}"),
        "user_type": "candidate", "password": PASSWORD,
    });
    let answer = client.call("POST", "/account/register/", None, Some(body)).await;
    assert_eq!(answer.status, 201, "{}", answer.json);
    answer
}

/// Waits until nothing in the outbox waits any more.
async fn until_sent(database: &TestDatabase) {
    let waiting = "SELECT kind AS value FROM outbox WHERE status = 'pending'";
    until("all mails are sent", || database.values(waiting).is_empty()).await;
}

/// How many mails came to each address, in the order of the addresses.
fn mails_by_recipient(sink: &SmtpSink) -> Vec<(String, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    for mail in sink.mails() {
        *counts.entry(mail.to.join(",")).or_insert(0) += 1;
    }
    counts.into_iter().collect()
}

process_tests! {
    async fn it_starts_answers_and_ends_when_told(database) {
        for signal in ["TERM", "INT"] {
            let program = Program::new(database.url(), &[]);
            let (running, client) = program.serve(&[]);
            let root = client.call("GET", "/", None, None).await;
            assert_eq!((root.status, &root.json["name"]), (200, &json!("Job Portal")));
            assert_eq!(client.call("GET", "/health/", None, None).await.outcome(), (200, json!({ "status": "ok" })));
            running.signal(signal);
            let ended = running.end();
            assert!(ended.success, "{ended:?}");
            assert!(ended.stdout.contains(&format!("{}/docs/", client.base)), "{ended:?}");
            let address = client.base.strip_prefix("http://").unwrap();
            assert!(TcpListener::bind(address).is_ok(), "the port is free again");
        }
    }

    async fn it_can_be_told_to_end_as_soon_as_it_is_ready(database) {
        let program = Program::new(database.url(), &[]);
        for _ in 0..3 {
            let ended = program.serve(&[]).0.terminate();
            assert!(ended.success, "{ended:?}");
        }
    }

    async fn a_mail_outlives_a_kill_between_registration_and_sending(database) {
        let sink = SmtpSink::start().await;
        let program = Program::new(database.url(), &[("mail.url", sink.url())]);
        let (running, client) = program.serve(&["--no-worker"]);
        let otp = register(&client, "ann", 1).await.json["otp"].as_str().unwrap().to_owned();
        running.kill();
        assert!(sink.mails().is_empty());

        let (running, client) = program.serve(&[]);
        let mail = sink.wait_for_mail_to("ann1@example.com").await;
        assert_eq!(mail.code(), otp);
        let body = json!({ "email": "ann1@example.com", "otp": otp });
        assert_eq!(client.call("POST", "/account/verify_otp/", None, Some(body)).await.status, 200);
        until_sent(&database).await;
        assert!(running.terminate().success);
        // Were the first mail still waiting it would go out before the next one.
        let (running, client) = program.serve(&[]);
        register(&client, "bob", 2).await;
        sink.wait_for_mail_to("bob2@example.com").await;
        assert!(running.terminate().success);
        let once = ["ann1@example.com", "bob2@example.com"].map(|address| (address.to_owned(), 1));
        assert_eq!(mails_by_recipient(&sink), once);
    }

    async fn a_mail_outlives_a_kill_while_it_is_being_sent(database) {
        let sink = SmtpSink::start().await;
        let program = Program::new(database.url(), &[("mail.url", sink.url())]);
        sink.behave(Behaviour::Hang);
        let (running, client) = program.serve(&[]);
        let otp = register(&client, "ann", 1).await.json["otp"].as_str().unwrap().to_owned();
        until("the mail is being sent", || sink.connections() > 0).await;
        running.kill();
        sink.behave(Behaviour::Accept);

        let (running, _) = program.serve(&[]);
        // The mail is the dead process's own for some seconds more; these are over now.
        database.execute("UPDATE outbox SET next_attempt_at = '2000-01-01T00:00:00.000000Z' WHERE status = 'pending'");
        assert_eq!(sink.wait_for_mail_to("ann1@example.com").await.code(), otp);
        until_sent(&database).await;
        assert!(running.terminate().success);
        assert_eq!(mails_by_recipient(&sink), [("ann1@example.com".to_owned(), 1)]);
    }

    async fn the_worker_may_be_a_process_of_its_own(database) {
        let sink = SmtpSink::start().await;
        let program = Program::new(database.url(), &[("mail.url", sink.url())]);
        let (portal, client) = program.serve(&["--no-worker"]);
        register(&client, "ann", 1).await;
        let worker = program.start(&["worker"]);
        sink.wait_for_mail_to("ann1@example.com").await;
        let ended = worker.terminate();
        assert!(ended.success, "{ended:?}");
        assert!(portal.terminate().success);
    }

    async fn the_log_of_production_holds_no_secret(database) {
        let sink = SmtpSink::start().await;
        let program = Program::new(database.url(), &production(sink.url())).with(&[("log.filter", "trace")]);
        let (running, client) = program.serve(&[]);
        assert_eq!(register(&client, "ann", 1).await.json, json!({ "status": "OTP has been generated" }));
        let otp = sink.wait_for_mail_to("ann1@example.com").await.code();
        let post = async |path: &str, token: Option<&str>, body| client.call("POST", path, token, Some(body)).await;
        let verified = post("/account/verify_otp/", None, json!({ "email": "ann1@example.com", "otp": otp })).await;
        assert_eq!(verified.status, 200);
        let body = json!({ "email_or_phone": "ann1@example.com", "password": PASSWORD });
        let tokens = post("/account/login/", None, body).await.json;
        let (access, refresh) = (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
        assert_eq!(client.call("GET", "/account/login-user-info/", Some(access), None).await.status, 200);
        assert_eq!(post("/account/logout/", Some(access), json!({ "refresh_token": refresh })).await.status, 204);
        until_sent(&database).await;
        let log = running.terminate().stderr;
        assert!(log.contains("mail sent"), "{log}");
        for (what, secret) in [
            ("password", PASSWORD), ("code", &otp), ("access token", access), ("refresh token", refresh),
            ("key", SECRET),
        ] {
            let line = log.lines().find(|line| line.contains(secret));
            assert!(line.is_none(), "the {what} is in the log: {line:?}");
        }
        let all = log.lines().filter(|line| !line.is_empty());
        let no_json: Vec<_> = all.filter(|line| serde_json::from_str::<serde_json::Value>(line).is_err()).collect();
        assert!(no_json.is_empty(), "{no_json:?}");
    }

    async fn a_database_of_a_newer_version_is_served_and_left_as_it_is(database) {
        let program = Program::new(database.url(), &[]);
        assert!(program.run(&["migrate", "up"]).success);
        database.execute(
            "INSERT INTO __diesel_schema_migrations (version, run_on) VALUES ('99990101000000', CURRENT_TIMESTAMP)",
        );
        assert_refused(&program.run(&["migrate", "down"]), &["newer version", "99990101000000"]);
        for command in ["migrate up", "check"] {
            let command: Vec<_> = command.split(' ').collect();
            let finished = program.run(&command);
            assert!(finished.success, "{finished:?}");
        }
        // As a node of the version before, which starts anew while the others are being replaced.
        let (node, client) = program.serve(&[]);
        assert_eq!(client.call("GET", "/health/", None, None).await.status, 200);
        assert!(node.terminate().stderr.contains("a newer version has migrated the database"));
    }
}

/// More than one transaction of the renewal takes.
const EXPIRED: usize = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn two_processes_on_one_database_share_the_work_and_do_nothing_twice() {
    if !Backend::Postgres.is_wanted() {
        return;
    }
    let (database, sink) = (TestDatabase::create_empty(Backend::Postgres), SmtpSink::start().await);
    let program = Program::new(database.url(), &[("mail.url", sink.url())]);
    let seed = ["seed", "--employers", "0", "--candidates", "301", "--jobs", "0", "--applications", "0"];
    assert!(program.run(&seed).success);
    // All but the last one end.
    database.execute(
        "INSERT INTO subscriptions (user_id, plan_id, started_at, period_ends_at, auto_renew, has_expired, is_active, \
         created_at, updated_at) SELECT id, 2, now() - interval '45 days', now() - interval '15 days', \
         id = (SELECT max(id) FROM users), false, true, now(), now() FROM users",
    );
    let nodes: Vec<(Running, Client)> = (0..2).map(|_| program.serve(&[])).collect();
    for number in 0..20 {
        register(&nodes[number as usize % 2].1, "node", number).await;
    }
    let ended = "SELECT id || '' AS value FROM subscriptions WHERE has_expired AND NOT is_active";
    until("the renewal", || database.values(ended).len() == EXPIRED).await;
    until_sent(&database).await;
    for (running, _) in nodes {
        assert!(running.terminate().success);
    }
    let mails = mails_by_recipient(&sink);
    assert!(mails.iter().all(|(_, count)| *count == 1), "{mails:?}");
    assert_eq!(mails.len(), EXPIRED + 20);
    let renewed = "SELECT (is_active AND period_ends_at = started_at + interval '30 days')::text || ' ' || \
                   extract(day from now() - started_at)::int AS value FROM subscriptions WHERE auto_renew";
    assert_eq!(database.values(renewed), ["true 15"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_one_node_writes_the_other_reads_at_once() {
    if !Backend::Postgres.is_wanted() {
        return;
    }
    let database = TestDatabase::create_empty(Backend::Postgres);
    // As in production: nodes do not tell each other what changed.
    let program = Program::new(database.url(), &[("cache.responses", "false")]);
    let [(_first, first), (_second, second)] = [program.serve(&["--no-worker"]), program.serve(&["--no-worker"])];
    let body = json!({
        "email": "erin@example.com", "contract_number": "01711111111", "user_type": "employer", "password": PASSWORD,
    });
    let otp = first.call("POST", "/account/register/", None, Some(body)).await.json["otp"].clone();
    let body = json!({ "email": "erin@example.com", "otp": otp });
    assert_eq!(second.call("POST", "/account/verify_otp/", None, Some(body)).await.status, 200);
    let body = json!({ "email_or_phone": "erin@example.com", "password": PASSWORD });
    let tokens = first.call("POST", "/account/login/", None, Some(body)).await.json;
    let token = tokens["access_token"].as_str();
    let job = json!({
        "title": "Clerk", "description": "Files.", "job_type": "Private", "job_subtype": "Contract",
        "experience_level": "Entry", "company_name": "ACME", "location": "Dhaka", "deadline": "2099-12-31T23:59:59",
    });
    let path = format!("/job/{}/", first.call("POST", "/job/manage/", token, Some(job)).await.id());
    for title in ["Clerk", "Head clerk", "Chief clerk"] {
        let change = format!("/jobs/manage/{}", path.strip_prefix("/job/").unwrap());
        assert_eq!(first.call("PATCH", &change, token, Some(json!({ "title": title }))).await.status, 200);
        for node in [&second, &first] {
            assert_eq!(node.call("GET", &path, token, None).await.json["title"], title);
            assert_eq!(node.call("GET", "/job/search/", token, None).await.json["data"][0]["title"], title);
        }
    }
    assert_eq!(second.call("DELETE", &path, token, None).await.status, 200);
    assert_eq!(first.call("GET", &path, token, None).await.status, 404);
}

#[test]
fn a_port_in_use_is_named() {
    let database = TestDatabase::create_empty(Backend::Sqlite);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let finished = Program::new(database.url(), &[]).run(&["serve", "--listen", &address]);
    assert_refused(&finished, &[&address, "another program listens there", "--listen"]);
}

#[test]
fn a_place_that_can_not_be_written_is_named() {
    let (database, dir) = (TestDatabase::create_empty(Backend::Sqlite), tempfile::tempdir().unwrap());
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let below = file.join("x").display().to_string();
    let finished = Program::new(database.url(), &[("files.dir", &below)]).run(&["serve"]);
    assert_refused(&finished, &[&below, "`files.dir`"]);
    let url = format!("sqlite://{below}/portal.db");
    assert_refused(&Program::new(&url, &[]).run(&["serve"]), &[&below, "`database.url`"]);
    let mail = format!("file:{below}");
    let finished = Program::new(database.url(), &[("mail.url", &mail)]).run(&["serve"]);
    assert_refused(&finished, &[&below]);
}

#[test]
fn a_database_that_is_away_is_named_without_its_password() {
    // Taken, so that nobody else gets it, and not listening.
    let port = tokio::net::TcpSocket::new_v4().unwrap();
    port.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let closed = format!("postgres://portal:hunter2@{}/portal", port.local_addr().unwrap());
    for url in [&closed, "postgres://portal:hunter2@/portal?host=/nowhere", "mysql://portal:hunter2@localhost/portal"] {
        for command in [["serve"].as_slice(), &["migrate", "up"], &["outbox", "list"]] {
            assert_refused(&Program::new(url, &[]).run(command), &["database", "`database.url`"]);
        }
    }
}
