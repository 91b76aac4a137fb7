//! Requests that create something, sent again with the same `Idempotency-Key`: one is done, and all get its answer.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::{join, join_all};
use futures_util::stream::{self, FuturesUnordered, StreamExt};
use jobportal_application::{Clock, NewUser, PasswordHasher, SystemClock};
use jobportal_domain::{
    EmailAddress, ExperienceLevel, JobPosting, JobStatus, JobSubtype, JobType, Password, Period, PhoneNumber, PlanName,
    Skills, Subscription, Text, UserType,
};
use jobportal_security::BcryptHasher;
use jobportal_tests::app::{Account, PASSWORD, TestApp, fresh_contact};
use jobportal_tests::client::{Answer, Client, detail};
use jobportal_tests::database::{Backend, TestDatabase};
use jobportal_tests::process::Program;
use jobportal_tests::{app_tests, until};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::common::{mails_to, outbox, with};
use crate::outage::{count, lock_jobs};

const KEY: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";
const SUBSCRIBE: &str = "/subscription/add/plan/";
const PDF: &[u8] = b"%PDF-1.7\nfirst";
const IN_FLIGHT: &str = "A request with this idempotency key is being answered. Please try again.";

async fn post(app: &TestApp, path: &str, token: Option<&str>, key: &str, body: &Value) -> Answer {
    app.client.send(app.client.request("POST", path, token).header("Idempotency-Key", key).json(body)).await
}

async fn post_text(app: &TestApp, path: &str, token: &str, body: &str) -> Answer {
    let request = app.client.request("POST", path, Some(token)).header("Idempotency-Key", KEY);
    app.client.send(request.header("Content-Type", "application/json").body(body.to_owned())).await
}

async fn apply(app: &TestApp, candidate: &Account, job: i64, key: &str) -> Answer {
    post(app, &format!("/application/{job}/"), Some(&candidate.token), key, &json!({})).await
}

/// What an answer is made of, but for what the server and the replay add.
fn parts(answer: &Answer) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let header = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
        (name.to_string(), value.to_str().unwrap().to_owned())
    };
    let mut headers: Vec<_> = answer.headers.iter().map(header).collect();
    headers.retain(|(name, _)| {
        !["date", "idempotency-replayed", "ratelimit", "ratelimit-policy", "x-request-id"].contains(&name.as_str())
    });
    headers.sort();
    (answer.status, headers, answer.bytes.clone())
}

fn is_replayed(answer: &Answer) -> bool {
    answer.header("idempotency-replayed") == "true"
}

/// Expects that a request was answered as the first time.
fn assert_replayed(again: &Answer, first: &Answer) {
    assert!(is_replayed(again) && !is_replayed(first), "{again:?} {first:?}");
    assert_eq!(parts(again), parts(first));
}

/// Expects that the key was refused because of another request.
fn assert_reused(answer: &Answer) {
    assert_eq!(answer.outcome(), detail(422, "This idempotency key was used for another request."));
}

fn registration() -> Value {
    let (email, number) = fresh_contact("candidate");
    json!({ "email": email, "contract_number": number, "user_type": "candidate", "password": PASSWORD })
}

fn plan() -> Value {
    json!({
        "name": "basic", "price": "1.00", "description": "A plan.", "features": "Some.", "duration": "P30D",
        "max_job_applications_per_day": 10,
    })
}

app_tests! {
    async fn every_request_that_creates_is_done_once(app) {
        let (candidate, employer, admin) = (app.candidate().await, app.employer().await, app.admin().await);
        let job = app.job(&employer).await;
        assert_eq!(app.delete("/subscription/plan/2/", Some(&admin.token)).await.status, 204);
        let application = format!("/application/{job}/");
        let closed = app.job(&employer).await;
        assert_eq!(app.post(&format!("/job/manage/{closed}/close/"), Some(&employer.token), json!({})).await.status, 200);
        let [relist, copy] = ["relist", "copy"].map(|action| format!("/job/manage/{closed}/{action}/"));
        let deadline = json!({ "deadline": "2099-12-31T00:00:00Z" });
        for (path, account, table, body) in [
            ("/account/register/", None, "users", registration()),
            ("/job/manage/", Some(&employer), "jobs", app.job_body()),
            (relist.as_str(), Some(&employer), "jobs", deadline),
            (copy.as_str(), Some(&employer), "jobs", json!({})),
            (application.as_str(), Some(&candidate), "applications", json!({ "cover_letter": "Hello." })),
            ("/subscription/plan/", Some(&admin), "plans", plan()),
            (SUBSCRIBE, Some(&candidate), "subscriptions", json!({ "plan": 3 })),
        ] {
            // One user may not use a key for two requests.
            let key = path;
            let before = count(&app.database, table);
            let token = account.map(|account: &Account| account.token.as_str());
            let first = post(&app, path, token, key, &body).await;
            assert_eq!((first.status, is_replayed(&first)), (201, false), "{path} {}", first.json);
            for path in [path, path.trim_end_matches('/')] {
                assert_replayed(&post(&app, path, token, key, &body).await, &first);
            }
            assert_eq!(count(&app.database, table), before + 1, "{path}");
            let other = with(body.clone(), &json!({ "description": "Another.", "cover_letter": "Another." }));
            assert_reused(&post(&app, path, token, key, &other).await);
            let fresh = post(&app, path, token, "another-key", &body).await;
            assert!(!is_replayed(&fresh), "{path}");
        }
    }

    async fn without_a_key_nothing_is_kept(app) {
        let (candidate, employer) = (app.candidate().await, app.employer().await);
        let (job, second) = (app.job(&employer).await, app.job(&employer).await);
        assert_ne!(job, second);
        app.application(&candidate, job).await;
        let again = app.post(&format!("/application/{job}/"), Some(&candidate.token), json!({})).await;
        assert_eq!(again.outcome(), (200, json!({ "status": "Already Applied" })));
        assert_eq!(count(&app.database, "receipts"), 0);
    }

    async fn a_registration_is_retried_by_whoever_knows_all_of_it(app) {
        let body = registration();
        let email = body["email"].as_str().unwrap().to_owned();
        let first = post(&app, "/account/register/", None, KEY, &body).await;
        assert_eq!(first.status, 201, "{}", first.json);
        assert_replayed(&post(&app, "/account/register/", None, KEY, &body).await, &first);
        let shouted = with(body.clone(), &json!({ "email": email.to_uppercase() }));
        assert_reused(&post(&app, "/account/register/", None, KEY, &shouted).await);
        let guessed = with(body.clone(), &json!({ "password": "battery staple 8" }));
        assert_reused(&post(&app, "/account/register/", None, KEY, &guessed).await);
        // Clients that know nothing of one another may choose the same key.
        let other = registration();
        let others = post(&app, "/account/register/", None, KEY, &other).await;
        assert_eq!((others.status, is_replayed(&others)), (201, false));
        // An address that is none is told as ever, with a key or without.
        let nobody = with(body.clone(), &json!({ "email": "nobody" }));
        for _ in 0..2 {
            let answer = post(&app, "/account/register/", None, KEY, &nobody).await;
            assert_eq!(answer.outcome(), (400, json!({ "email": ["Enter a valid email address."],
                "contract_number": ["A user with this contract number already exists."] })));
        }

        mails_to(&app, &email, 1).await;
        assert_eq!(outbox(&app, &email).len(), 1);
        let otp = first.json["otp"].as_str().unwrap();
        for kept in app.database.values("SELECT caller || ' ' || key || ' ' || fingerprint || ' ' || receipt AS value \
            FROM receipts") {
            for secret in [PASSWORD, otp, "OTP has been generated", "contract_number"] {
                assert!(!kept.contains(secret), "{secret} is in {kept}");
            }
        }
        assert_eq!(app.post("/account/verify_otp/", None, json!({ "email": email, "otp": otp })).await.status, 200);
        assert_replayed(&post(&app, "/account/register/", None, KEY, &body).await, &first);
    }

    async fn another_spelling_of_the_same_body_is_the_same_request(app) {
        let (candidate, employer) = (app.candidate().await, app.employer().await);
        let path = format!("/application/{}/", app.job(&employer).await);
        let body = r#"{"cover_letter": "\u00c4", "expected_salary": 75000.50, "x": {"b": [1, 2], "a": null}}"#;
        let first = post_text(&app, &path, &candidate.token, body).await;
        assert_eq!(first.status, 201, "{}", first.json);
        let again = "{\"x\":{\"a\":null,\"b\":[1,2]},\n\t\"expected_salary\":75000.5,\"cover_letter\":\"Ä\"}";
        assert_replayed(&post_text(&app, &path, &candidate.token, again).await, &first);
        for other in [
            "{}", r#"{"cover_letter": "Ä", "expected_salary": "75000.50", "x": {"b": [1, 2], "a": null}}"#,
            r#"{"cover_letter": "Ä", "expected_salary": 75000.50, "x": {"b": [2, 1], "a": null}}"#,
        ] {
            assert_reused(&post_text(&app, &path, &candidate.token, other).await);
        }
    }

    async fn a_form_is_the_same_with_another_boundary_and_another_one_with_another_file(app) {
        let (candidate, employer) = (app.candidate().await, app.employer().await);
        let path = format!("/application/{}/", app.job(&employer).await);
        let send = async |letter: &'static str, content: &'static [u8]| {
            let form = Form::new().part("resume", Part::bytes(content).file_name("cv.pdf")).text("cover_letter", letter);
            let request = app.client.request("POST", &path, Some(&candidate.token)).header("Idempotency-Key", KEY);
            app.client.send(request.multipart(form)).await
        };
        let files = || std::fs::read_dir(app.files().join("resume")).unwrap().count();
        let first = send("Hello.", PDF).await;
        assert_eq!(first.status, 201, "{}", first.json);
        assert_replayed(&send("Hello.", PDF).await, &first);
        assert_reused(&send("Hello.", b"%PDF-1.7\nsecond").await);
        assert_reused(&send("Bye.", PDF).await);
        assert_eq!((files(), count(&app.database, "documents")), (1, 1));
        let file = app.get(first.json["resume"].as_str().unwrap(), Some(&employer.token)).await;
        assert_eq!(file.bytes, PDF);
    }

    async fn a_key_is_of_one_user_and_for_one_request(app) {
        let (ann, ben, employer) = (app.candidate().await, app.candidate().await, app.employer().await);
        let (job, other_job) = (app.job(&employer).await, app.job(&employer).await);
        let anns = apply(&app, &ann, job, KEY).await;
        let bens = apply(&app, &ben, job, KEY).await;
        assert_eq!([anns.status, bens.status], [201, 201]);
        assert_ne!(anns.id(), bens.id());
        assert_replayed(&apply(&app, &ann, job, KEY).await, &anns);
        assert_replayed(&apply(&app, &ben, job, KEY).await, &bens);
        assert_reused(&apply(&app, &ann, other_job, KEY).await);
        assert_reused(&post(&app, SUBSCRIBE, Some(&ann.token), KEY, &json!({ "plan": 3 })).await);
        assert_eq!(count(&app.database, "applications"), 2);
    }

    async fn a_key_that_can_not_be_read_is_told_after_the_role(app) {
        let (candidate, employer) = (app.candidate().await, app.employer().await);
        let bad = detail(
            400,
            "Idempotency-Key must be given once, with 1 to 255 visible ASCII characters, bare or in double quotes.",
        );
        let long = "x".repeat(256);
        for key in ["", "\"\"", "a b", "\"a", "ä", &long] {
            assert_eq!(post(&app, "/job/manage/", Some(&employer.token), key, &json!({})).await.outcome(), bad, "{key}");
        }
        let twice = app.client.request("POST", "/account/register/", None).header("Idempotency-Key", "a");
        assert_eq!(app.client.send(twice.header("Idempotency-Key", "a").json(&registration())).await.outcome(), bad);
        assert_eq!(post(&app, "/job/manage/", Some(&candidate.token), "", &json!({})).await.status, 403);
        assert_eq!(post(&app, "/job/manage/", None, "", &json!({})).await.status, 401);
        // Where nothing is created the header is of no meaning.
        let patch = app.client.request("PATCH", "/candidate/profile/", Some(&candidate.token));
        let patched = app.client.send(patch.header("Idempotency-Key", "").json(&json!({ "bio": "a" }))).await;
        assert_eq!(patched.status, 200);

        let first = post(&app, "/job/manage/", Some(&employer.token), "\"a\"", &app.job_body()).await;
        assert_eq!(first.status, 201, "{}", first.json);
        assert_replayed(&post(&app, "/job/manage/", Some(&employer.token), "a", &app.job_body()).await, &first);
    }

    async fn a_refusal_is_not_kept_and_a_retry_is_judged_anew(app) {
        let (candidate, employer) = (app.candidate().await, app.employer().await);
        let job = app.job(&employer).await;
        app.database.execute("UPDATE plans SET max_job_applications_per_day = 0");
        for _ in 0..2 {
            assert_eq!(apply(&app, &candidate, job, KEY).await.status, 429);
        }
        app.database.execute("UPDATE plans SET max_job_applications_per_day = 1");
        let wrong = json!({ "expected_salary": "x" });
        let path = format!("/application/{job}/");
        assert_eq!(post(&app, &path, Some(&candidate.token), KEY, &wrong).await.status, 400);
        assert_eq!(apply(&app, &candidate, 404, KEY).await.status, 404);
        assert_eq!(count(&app.database, "receipts"), 0);
        let first = apply(&app, &candidate, job, KEY).await;
        assert_eq!(first.status, 201, "{}", first.json);
        assert_replayed(&apply(&app, &candidate, job, KEY).await, &first);
    }

    async fn a_replay_counts_for_nothing_and_tells_nobody(app) {
        let (candidate, employer) = (app.candidate().await, app.employer().await);
        app.database.execute("UPDATE plans SET max_job_applications_per_day = 2");
        let jobs = join_all((0..3).map(|_| app.job(&employer))).await;
        for job in &jobs[..2] {
            let first = apply(&app, &candidate, *job, &format!("key-{job}")).await;
            assert_eq!(first.status, 201, "{}", first.json);
            for _ in 0..3 {
                assert_replayed(&apply(&app, &candidate, *job, &format!("key-{job}")).await, &first);
            }
        }
        assert_eq!(apply(&app, &candidate, jobs[2], KEY).await.status, 429);
        let notified = outbox(&app, &employer.email);
        assert_eq!(notified.iter().filter(|entry| entry.kind == "application_received").count(), 2);
    }

    async fn an_answer_stays_what_it_was_whatever_became_of_it(app) {
        let (candidate, employer, admin) = (app.candidate().await, app.employer().await, app.admin().await);
        let posted = post(&app, "/job/manage/", Some(&employer.token), KEY, &app.job_body()).await;
        let job = posted.id();
        let applied = apply(&app, &candidate, job, KEY).await;
        let already = apply(&app, &candidate, job, "later").await;
        assert_eq!(already.outcome(), (200, json!({ "status": "Already Applied" })));
        let subscription = json!({ "plan": 3 });
        let subscribed = post(&app, SUBSCRIBE, Some(&candidate.token), "plan", &subscription).await;
        assert_eq!([posted.status, applied.status, subscribed.status], [201, 201, 201]);

        assert_eq!(app.delete(&format!("/job/{job}/"), Some(&employer.token)).await.status, 200);
        assert_eq!(app.post(SUBSCRIBE, Some(&candidate.token), json!({ "plan": 4 })).await.status, 201);
        let terms = with(plan(), &json!({ "name": "professional" }));
        assert_eq!(app.put("/subscription/plan/3/", Some(&admin.token), terms).await.status, 200);

        assert_replayed(&post(&app, "/job/manage/", Some(&employer.token), KEY, &app.job_body()).await, &posted);
        assert_replayed(&apply(&app, &candidate, job, KEY).await, &applied);
        assert_replayed(&apply(&app, &candidate, job, "later").await, &already);
        assert_replayed(&post(&app, SUBSCRIBE, Some(&candidate.token), "plan", &subscription).await, &subscribed);
        assert_eq!(apply(&app, &candidate, job, "new").await.outcome(), (200, json!({ "status": "Already Applied" })));
    }

    async fn a_key_is_forgotten_after_a_day(app) {
        let (candidate, employer) = (app.candidate().await, app.employer().await);
        let job = app.job(&employer).await;
        let first = apply(&app, &candidate, job, KEY).await;
        app.pass(TimeDelta::hours(24) - TimeDelta::seconds(30));
        let candidate = app.again(&candidate).await;
        assert_replayed(&apply(&app, &candidate, job, KEY).await, &first);
        app.pass(TimeDelta::seconds(30));
        let anew = apply(&app, &candidate, job, KEY).await;
        assert_eq!(anew.outcome(), (200, json!({ "status": "Already Applied" })));
        assert!(!is_replayed(&anew));
        assert_replayed(&apply(&app, &candidate, job, KEY).await, &anew);
    }

    async fn of_requests_at_once_one_is_done_and_the_others_wait_or_are_told_to(app) {
        let employer = app.employer().await;
        let lock = lock_jobs(&app.database);
        let body = app.job_body();
        let send = || post(&app, "/job/manage/", Some(&employer.token), KEY, &body);
        let mut both: FuturesUnordered<_> = (0..2).map(|_| send()).collect();
        if app.database.backend() == Backend::Postgres {
            let told = both.next().await.unwrap();
            assert_eq!((told.outcome(), told.header("retry-after")), (detail(409, IN_FLIGHT), "1"));
        }
        drop(lock);
        let mut answers: Vec<Answer> = both.collect().await;
        answers.push(send().await);
        answers.sort_by_key(is_replayed);
        let (first, again) = answers.split_first().unwrap();
        assert_eq!(first.status, 201, "{}", first.json);
        for again in again {
            assert_replayed(again, first);
        }
        assert_eq!(count(&app.database, "jobs"), 1);
    }

    async fn who_hung_up_asks_again_for_the_answer(app) {
        let (candidate, employer) = (app.candidate().await, app.employer().await);
        let job = app.job(&employer).await;
        let connection = apply_unheard(&app.client, job, &candidate.token).await;
        until("the application is stored", || count(&app.database, "applications") == 1).await;
        drop(connection);
        let answer = apply(&app, &candidate, job, KEY).await;
        assert_eq!((answer.status, is_replayed(&answer)), (201, true), "{}", answer.json);
    }
}

/// Applies for a job without reading the answer.
async fn apply_unheard(client: &Client, job: i64, token: &str) -> TcpStream {
    let mut connection = TcpStream::connect(client.base.strip_prefix("http://").unwrap()).await.unwrap();
    let request = format!(
        "POST /application/{job}/ HTTP/1.1\r\nHost: portal\r\nAuthorization: Bearer {token}\r\n\
         Idempotency-Key: {KEY}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}",
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    connection
}

const CANDIDATES: usize = 20;
const JOBS: usize = 50;

/// How many clients call at a time, so that there are fewer connections than a process may have by default.
const AT_A_TIME: usize = 250;

/// Candidates on the largest plan, and open jobs; returns the addresses and the ids.
fn populate(database: &TestDatabase) -> (Vec<String>, Vec<i64>) {
    let now = SystemClock.now();
    let password = Password::choose(PASSWORD, None, None).unwrap();
    let password_hash = BcryptHasher::new(4).unwrap().hash(&password).unwrap();
    let user = |user_type: UserType| {
        let (email, number) = fresh_contact(user_type.as_str());
        NewUser {
            email: EmailAddress::parse(&email).unwrap(),
            phone_number: PhoneNumber::parse(&number).unwrap(),
            user_type,
            password_hash: password_hash.clone(),
            verified_at: Some(now),
            created_at: now,
        }
    };
    let posting = JobPosting {
        title: Text::parse("Clerk").unwrap(),
        description: Text::parse("Files.").unwrap(),
        job_type: JobType::Private,
        job_subtype: JobSubtype::Contract,
        experience_level: ExperienceLevel::Entry,
        company_name: Text::parse("ACME").unwrap(),
        location: Text::parse("Dhaka").unwrap(),
        salary_range: None,
        pay: None,
        workplace: None,
        country: None,
        skills: Skills::default(),
        deadline: now + TimeDelta::days(1),
        application_link: None,
        application_email: None,
    };
    let populated = database.store().write(|uow| {
        let plan = uow.plans().find_by_name(PlanName::Enterprise)?.unwrap();
        let mut emails = Vec::new();
        for _ in 0..CANDIDATES {
            let user = user(UserType::Candidate);
            let id = uow.users().insert(&user)?;
            uow.candidates().create(id, now)?;
            uow.subscriptions().insert(&Subscription::start(id, plan.id, Period::parse("P30D").unwrap(), now))?;
            emails.push(user.email.to_string());
        }
        let employer = uow.users().insert(&user(UserType::Employer))?;
        let employer = uow.employers().create(employer, now)?;
        let mut jobs = Vec::new();
        for _ in 0..JOBS {
            jobs.push(uow.jobs().insert(employer, &posting, JobStatus::Published, now)?.id.0);
        }
        Ok((emails, jobs))
    });
    populated.unwrap()
}

/// What came instead of an answer, or before it.
#[derive(Debug, Default)]
struct Trouble {
    broken: AtomicUsize,
    in_flight: AtomicUsize,
    busy: AtomicUsize,
}

/// Sends an application with a key to one node, and after what may pass to the next one, until it is answered.
async fn apply_at(nodes: &[Client], first: usize, job: i64, token: &str, key: &str, trouble: &Trouble) -> Answer {
    let mut node = first;
    loop {
        let client = &nodes[node % nodes.len()];
        let request = client.request("POST", &format!("/application/{job}/"), Some(token));
        let request = request.header("Idempotency-Key", key).json(&json!({}));
        let count = match client.try_send(request).await {
            Err(_) => &trouble.broken,
            // 408: on a slow machine, from the server, which waited in vain for its own turn to read the request.
            Ok(answer) if [408, 503].contains(&answer.status) => &trouble.busy,
            Ok(answer) if answer.outcome() == detail(409, IN_FLIGHT) => &trouble.in_flight,
            Ok(answer) => return answer,
        };
        count.fetch_add(1, Ordering::Relaxed);
        node += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Signs in; returns the access tokens.
async fn sign_in(node: &Client, emails: &[String]) -> Vec<String> {
    join_all(emails.iter().map(async |email| {
        let body = json!({ "email_or_phone": email, "password": PASSWORD });
        let answer = node.call("POST", "/account/login/", None, Some(body)).await;
        answer.json["access_token"].as_str().unwrap().to_owned()
    }))
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_node_dies_before_or_after_its_commit_and_the_other_one_answers() {
    if !Backend::Postgres.is_wanted() {
        return;
    }
    let database = TestDatabase::create(Backend::Postgres);
    let (emails, jobs) = populate(&database);
    let program = Program::new(database.url(), &[]);
    let (_other, other) = program.serve(&["--no-worker"]);
    let other = [other];
    let (tokens, trouble) = (sign_in(&other[0], &emails[..2]).await, Trouble::default());

    let (mortal, node) = program.serve(&["--no-worker"]);
    let _unheard = apply_unheard(&node, jobs[0], &tokens[0]).await;
    until("the application is stored", || count(&database, "applications") == 1).await;
    mortal.kill();
    let answer = apply_at(&other, 0, jobs[0], &tokens[0], KEY, &trouble).await;
    assert_eq!((answer.status, is_replayed(&answer)), (201, true), "{}", answer.json);

    let (mortal, node) = program.serve(&["--no-worker"]);
    let lock = lock_jobs(&database);
    let _unheard = apply_unheard(&node, jobs[0], &tokens[1]).await;
    // Between two statements its database would notice that it died, and let the key go.
    let waiting = "SELECT claim.pid::text AS value FROM pg_locks AS claim JOIN pg_database ON oid = claim.database \
                   JOIN pg_locks AS wanted ON wanted.pid = claim.pid AND NOT wanted.granted \
                   WHERE claim.locktype = 'advisory' AND datname = current_database()";
    until("whoever claimed the key waits", || !database.values(waiting).is_empty()).await;
    mortal.kill();
    let (answer, ()) = join(apply_at(&other, 0, jobs[0], &tokens[1], KEY, &trouble), async {
        until("the other node is told to wait", || trouble.in_flight.load(Ordering::Relaxed) > 0).await;
        drop(lock);
    })
    .await;
    assert_eq!((answer.status, is_replayed(&answer)), (201, false), "{}", answer.json);
    assert_eq!((count(&database, "applications"), count(&database, "receipts")), (2, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_thousand_applications_outlive_a_node_each_once_with_one_answer() {
    if !Backend::Postgres.is_wanted() {
        return;
    }
    let database = TestDatabase::create(Backend::Postgres);
    let (emails, jobs) = populate(&database);
    let program = Program::new(database.url(), &[]);
    let [(mortal, one), (_other, two)] = [program.serve(&["--no-worker"]), program.serve(&["--no-worker"])];
    let nodes = [one, two];
    let tokens = sign_in(&nodes[0], &emails).await;

    let (trouble, answered, replayed) = (Trouble::default(), AtomicUsize::new(0), AtomicUsize::new(0));
    let started = std::time::Instant::now();
    let all = tokens.iter().flat_map(|token| jobs.iter().map(move |job| (token, *job)));
    let clients = stream::iter(all).map(async |(token, job)| {
        // Of another candidate the same key is another one. The client is impatient: both nodes at once.
        let key = format!("apply-{job}");
        let both =
            join(apply_at(&nodes, 0, job, token, &key, &trouble), apply_at(&nodes, 1, job, token, &key, &trouble));
        let (first, second) = both.await;
        answered.fetch_add(1, Ordering::Relaxed);
        let third = apply_at(&nodes, answered.load(Ordering::Relaxed), job, token, &key, &trouble).await;
        for answer in [&first, &second, &third] {
            assert_eq!(answer.status, 201, "{}", answer.json);
            replayed.fetch_add(usize::from(is_replayed(answer)), Ordering::Relaxed);
        }
        assert!(is_replayed(&third));
        assert_eq!(parts(&first), parts(&second));
        assert_eq!(parts(&first), parts(&third));
        (token, job, parts(&first))
    });
    let kill = async {
        until("half of them are answered", || answered.load(Ordering::Relaxed) >= CANDIDATES * JOBS / 2).await;
        mortal.kill();
    };
    let (first, ()) = join(clients.buffer_unordered(AT_A_TIME).collect::<Vec<_>>(), kill).await;
    println!("{:?}: {trouble:?}, {replayed:?} answers replayed", started.elapsed());

    assert_eq!(first.len(), CANDIDATES * JOBS);
    let each_once = [first.len().to_string()];
    for counted in [
        "count(*)::text AS value FROM applications",
        "count(DISTINCT (job_id, candidate_id))::text AS value FROM applications",
        "count(*)::text AS value FROM outbox WHERE kind = 'application_received'",
        "sum(applications)::text AS value FROM daily_usage",
        "count(*)::text AS value FROM receipts",
    ] {
        assert_eq!(database.values(&format!("SELECT {counted}")), each_once, "{counted}");
    }
    assert!(trouble.broken.load(Ordering::Relaxed) > 0, "the node was killed while it was asked");
    let again = stream::iter(&first).map(async |(token, job, first)| {
        let again = apply_at(&nodes, 1, *job, token, &format!("apply-{job}"), &trouble).await;
        assert!(is_replayed(&again));
        assert_eq!(&parts(&again), first);
    });
    again.buffer_unordered(AT_A_TIME).collect::<Vec<_>>().await;
}
