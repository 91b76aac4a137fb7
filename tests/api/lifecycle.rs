//! The life of a job: draft, published, paused, closed, expired, deleted; and what each state means to whom.

use std::time::Duration;

use chrono::TimeDelta;
use jobportal_tests::app::{Account, TestApp};
use jobportal_tests::app_tests;
use jobportal_tests::client::{Answer, detail};
use serde_json::{Value, json};

use crate::changes::{JOBS, news, read};
use crate::common::{text, with};
use crate::jobs::{post, recent, search};

/// What a job can be, with what its employer may do with it then.
const STATES: [(&str, &[&str]); 6] = [
    ("draft", &["revise", "publish", "copy"]),
    ("published", &["revise", "pause", "close", "extend", "copy"]),
    ("paused", &["revise", "publish", "close", "extend", "copy"]),
    ("closed", &["relist", "copy"]),
    ("expired", &["revise", "close", "extend", "relist", "copy"]),
    ("deleted", &[]),
];

const NO_JOB: &str = "Job not found.";

/// Does something with a job.
async fn act(app: &TestApp, caller: &Account, job: i64, action: &str, body: Value) -> Answer {
    app.post(&format!("/job/manage/{job}/{action}/"), Some(&caller.token), body).await
}

/// Does something with a job that is possible; gives what it is then.
async fn done(app: &TestApp, caller: &Account, job: i64, action: &str, body: Value) -> Value {
    let answer = act(app, caller, job, action, body).await;
    assert_eq!(answer.status, 200, "{action}: {}", answer.json);
    answer.json
}

async fn actions(app: &TestApp, caller: &Account, job: i64) -> Answer {
    app.get(&format!("/job/manage/{job}/actions/"), Some(&caller.token)).await
}

async fn shown(app: &TestApp, caller: &Account, job: i64) -> Answer {
    app.get(&format!("/job/{job}/"), Some(&caller.token)).await
}

async fn apply(app: &TestApp, candidate: &Account, job: i64) -> Answer {
    app.post(&format!("/application/{job}/"), Some(&candidate.token), json!({})).await
}

/// What the feed of jobs tells of this one since a cursor, which it moves on.
async fn told(app: &TestApp, caller: &Account, job: i64, cursor: &mut String) -> Vec<String> {
    let (changes, next) = news(app, JOBS, caller, cursor).await;
    *cursor = next;
    changes.iter().filter(|change| change["id"] == job).map(|change| text(&change["state"])).collect()
}

fn hence(app: &TestApp, time: TimeDelta) -> String {
    (app.now() + time).to_rfc3339()
}

/// A job that is in this state in two hours' time.
async fn job_in(app: &TestApp, employer: &Account, state: &str) -> i64 {
    let is_draft = state == "draft";
    let deadline = hence(app, TimeDelta::hours(if state == "expired" { 1 } else { 3 }));
    let changes =
        json!({ "title": state, "deadline": deadline, "state": if is_draft { "draft" } else { "published" } });
    let job = post(app, employer, changes).await.id();
    match state {
        "paused" => _ = done(app, employer, job, "pause", json!({})).await,
        "closed" => _ = done(app, employer, job, "close", json!({})).await,
        "deleted" => assert_eq!(app.delete(&format!("/job/{job}/"), Some(&employer.token)).await.status, 200),
        _ => {}
    }
    job
}

app_tests! {
    async fn a_job_is_led_from_draft_to_its_end(app) {
        let (employer, other, reader) = (app.employer().await, app.employer().await, app.candidate().await);
        let mut cursor = text(&read(&app, JOBS, &reader, "").await["next_cursor"]);

        // A draft may lack what a published job may not, and nobody else sees it.
        let lacking = json!({ "state": "draft", "deadline": "2001-01-01T00:00:00Z", "workplace": "hybrid" });
        let draft = post(&app, &employer, lacking).await;
        let job = draft.id();
        assert_eq!((draft.status, &draft.json["state"], &draft.json["close_reason"]), (201, &json!("draft"), &Value::Null));
        assert_eq!(shown(&app, &employer, job).await.json["state"], "draft");
        for caller in [&reader, &other] {
            assert_eq!(shown(&app, caller, job).await.outcome(), detail(404, NO_JOB));
        }
        assert_eq!(apply(&app, &reader, job).await.outcome(), detail(404, NO_JOB));
        assert!(search(&app, &reader, "").await.is_empty());
        assert_eq!(told(&app, &reader, job, &mut cursor).await, [""; 0]);
        let refused = act(&app, &employer, job, "publish", json!({})).await;
        assert_eq!(refused.outcome(), (400, json!({
            "deadline": ["The deadline must be in the future."],
            "country": ["This field is required for on-site and hybrid work."],
        })));
        assert_eq!(shown(&app, &employer, job).await.json["state"], "draft");

        // Published, it is as new as that.
        let deadline = hence(&app, TimeDelta::days(2));
        let completed = json!({ "deadline": deadline, "country": "BD" });
        assert_eq!(app.patch(&format!("/job/manage/{job}/"), Some(&employer.token), completed).await.status, 200);
        app.pass(TimeDelta::minutes(6));
        let published = done(&app, &employer, job, "publish", json!({})).await;
        let posted_at = recent(&app, &published["posted_at"]);
        assert_eq!((&published["state"], &published["updated_at"]), (&json!("published"), &posted_at));
        assert_eq!(told(&app, &reader, job, &mut cursor).await, ["open"]);
        assert_eq!(search(&app, &reader, "").await.len(), 1);
        assert_eq!(apply(&app, &reader, job).await.status, 201);

        // Paused, it keeps what it has.
        let paused = done(&app, &employer, job, "pause", json!({})).await;
        assert_eq!(paused, with(published.clone(), &json!({ "state": "paused", "updated_at": paused["updated_at"] })));
        assert_eq!(told(&app, &reader, job, &mut cursor).await, ["closed"]);
        assert!(search(&app, &reader, "").await.is_empty());
        let seen = shown(&app, &reader, job).await;
        assert_eq!((seen.status, &seen.json["state"], &seen.json["total_applications"]), (200, &json!("paused"), &json!(1)));
        let late = app.candidate().await;
        assert_eq!(apply(&app, &late, job).await.outcome(), detail(409, "The job does not take applications."));
        assert_eq!(apply(&app, &reader, job).await.outcome(), (200, json!({ "status": "Already Applied" })));
        let back = done(&app, &employer, job, "publish", json!({})).await;
        assert_eq!((&back["state"], &back["posted_at"]), (&json!("published"), &posted_at));
        assert_eq!(told(&app, &reader, job, &mut cursor).await, ["open"]);

        // Past its deadline it has expired, whether or not the worker has come.
        app.pass(TimeDelta::days(3));
        let (employer, reader, late) = (app.again(&employer).await, app.again(&reader).await, app.again(&late).await);
        assert_eq!(shown(&app, &reader, job).await.json["state"], "expired");
        assert!(search(&app, &reader, "").await.is_empty());
        assert_eq!(apply(&app, &late, job).await.outcome(), detail(409, "The deadline for applications has passed."));
        let mut heard = Vec::new();
        for _ in 0..600 {
            heard = told(&app, &reader, job, &mut cursor).await;
            if !heard.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(heard, ["closed"]);

        // Extended, it is back, whatever the worker recorded.
        let deadline = hence(&app, TimeDelta::days(1));
        let extended = done(&app, &employer, job, "extend", json!({ "deadline": deadline })).await;
        assert_eq!(extended["state"], "published");
        assert_eq!(told(&app, &reader, job, &mut cursor).await, ["open"]);
        assert_eq!(search(&app, &reader, "").await.len(), 1);
        assert_eq!(apply(&app, &late, job).await.status, 201);

        // Closed, it is over, and what is listed in its place is another job.
        let closed = done(&app, &employer, job, "close", json!({ "reason": "filled" })).await;
        assert_eq!((&closed["state"], &closed["close_reason"]), (&json!("closed"), &json!("filled")));
        assert_eq!(told(&app, &reader, job, &mut cursor).await, ["closed"]);
        assert!(search(&app, &reader, "").await.is_empty());
        assert_eq!(shown(&app, &reader, job).await.json["total_applications"], 2);
        let third = app.candidate().await;
        assert_eq!(apply(&app, &third, job).await.outcome(), detail(409, "The job does not take applications."));
        let deadline = "2098-01-01T00:00:00.000000Z";
        let relisted = act(&app, &employer, job, "relist", json!({ "deadline": deadline })).await;
        assert_eq!((relisted.status, relisted.header("etag")), (201, "\"1\""));
        let now = recent(&app, &relisted.json["posted_at"]);
        assert_eq!(relisted.json, with(closed.clone(), &json!({
            "id": relisted.id(), "deadline": deadline, "posted_at": now, "updated_at": now, "state": "published",
            "close_reason": null,
        })));
        assert_ne!(relisted.id(), job);
        assert_eq!(told(&app, &reader, relisted.id(), &mut cursor).await, ["open"]);
        assert_eq!(apply(&app, &third, relisted.id()).await.status, 201);

        // A copy is a draft of its own.
        let copy = act(&app, &employer, job, "copy", json!({})).await;
        let now = recent(&app, &copy.json["posted_at"]);
        assert_eq!(copy.outcome(), (201, with(closed, &json!({
            "id": copy.id(), "posted_at": now, "updated_at": now, "state": "draft", "close_reason": null,
        }))));
        assert_eq!(shown(&app, &reader, copy.id()).await.status, 404);
        assert_eq!(told(&app, &reader, copy.id(), &mut cursor).await, [""; 0]);
    }

    async fn each_state_allows_what_it_allows_and_a_refusal_tells_it(app) {
        let employer = app.employer().await;
        let bodies = |action: &str| match action {
            "extend" | "relist" => json!({ "deadline": "2099-12-31T00:00:00Z" }),
            _ => json!({}),
        };
        let mut jobs = Vec::new();
        for (state, allowed) in STATES {
            for action in ["revise", "publish", "pause", "close", "extend", "relist", "copy"] {
                jobs.push((state, allowed, action, job_in(&app, &employer, state).await));
            }
        }
        app.pass(TimeDelta::hours(2));
        let employer = app.again(&employer).await;
        for (state, allowed, action, job) in jobs {
            let told = actions(&app, &employer, job).await;
            let expected =
                if state == "deleted" { detail(404, NO_JOB) } else { (200, json!({ "state": state, "allowed": allowed })) };
            assert_eq!(told.outcome(), expected, "{state}");
            let answer = match action {
                "revise" => {
                    let path = format!("/job/manage/{job}/");
                    app.patch(&path, Some(&employer.token), json!({ "title": "Another" })).await
                }
                _ => act(&app, &employer, job, action, bodies(action)).await,
            };
            if state == "deleted" {
                assert_eq!(answer.outcome(), detail(404, NO_JOB), "{action}");
            } else if allowed.contains(&action) {
                let created = ["relist", "copy"].contains(&action);
                assert_eq!(answer.status, if created { 201 } else { 200 }, "{state} {action}: {}", answer.json);
            } else {
                let article = if state == "expired" { "An" } else { "A" };
                let done = match action {
                    "revise" => "changed".to_owned(),
                    "publish" => "published".to_owned(),
                    other => format!("{}ed", other.trim_end_matches('e')),
                };
                let possible = allowed.join(", ");
                let refusal = format!("{article} {state} job can't be {done}. Possible: {possible}.");
                let expected = (409, json!({ "detail": refusal, "allowed": allowed }));
                assert_eq!(answer.outcome(), expected, "{state} {action}");
                assert_eq!(shown(&app, &employer, job).await.json["state"], state, "{action}");
            }
            let gone = app.delete(&format!("/job/{job}/"), Some(&employer.token)).await;
            assert_eq!(gone.status, if state == "deleted" { 400 } else { 200 }, "{state}");
        }
    }

    async fn nobody_else_leads_a_job_or_learns_of_it(app) {
        let (employer, other, candidate) = (app.employer().await, app.employer().await, app.candidate().await);
        for state in ["draft", "published", "closed"] {
            let job = job_in(&app, &employer, state).await;
            let before = shown(&app, &employer, job).await;
            for action in ["publish", "pause", "close", "extend", "relist", "copy"] {
                let body = json!({ "deadline": "2099-12-31T00:00:00Z" });
                let foreign = act(&app, &other, job, action, body.clone()).await;
                assert_eq!(foreign.outcome(), detail(404, NO_JOB), "{state} {action}");
                assert_eq!(act(&app, &candidate, job, action, body).await.status, 403, "{state} {action}");
            }
            assert_eq!(actions(&app, &other, job).await.outcome(), detail(404, NO_JOB));
            assert_eq!(actions(&app, &candidate, job).await.status, 403);
            assert_eq!(shown(&app, &employer, job).await.outcome(), before.outcome());
        }
    }

    async fn what_a_step_asks_for_is_told_where_it_is_wrong(app) {
        let employer = app.employer().await;
        let job = app.job(&employer).await;
        let answer = async |action: &str, body: Value| act(&app, &employer, job, action, body).await.outcome();
        let required = (400, json!({ "deadline": ["This field is required."] }));
        for action in ["extend", "relist"] {
            assert_eq!(answer(action, json!({})).await, required, "{action}");
            for wrong in [json!(null), json!(1), json!("soon"), json!("10000-01-01T00:00:00Z")] {
                assert_eq!(answer(action, json!({ "deadline": wrong })).await.0, 400, "{action} {wrong}");
            }
        }
        let (later, ahead) = ("The deadline must be later than the present one.", "The deadline must be in the future.");
        for (deadline, expected) in [
            ("2099-12-31T23:59:59Z", json!([later])), ("2001-01-01T00:00:00Z", json!([later, ahead])),
        ] {
            assert_eq!(answer("extend", json!({ "deadline": deadline })).await, (400, json!({ "deadline": expected })));
        }
        let no_reason = json!({ "reason": ["\"expired\" is not a valid choice."] });
        assert_eq!(answer("close", json!({ "reason": "expired" })).await, (400, no_reason));
        assert_eq!(answer("close", json!({ "reason": 1 })).await.0, 400);
        assert_eq!(shown(&app, &employer, job).await.json["state"], "published");
        assert_eq!(done(&app, &employer, job, "close", json!({ "reason": null })).await["close_reason"], "withdrawn");
        let past = answer("relist", json!({ "deadline": "2001-01-01T00:00:00Z" })).await;
        assert_eq!(past, (400, json!({ "deadline": [ahead] })));

        // What is posted at once may lack what publishing asks for, as ever.
        let lax = json!({ "state": "published", "deadline": "2001-01-01T00:00:00Z", "workplace": "on-site" });
        let lax = post(&app, &employer, lax).await;
        assert_eq!((lax.status, &lax.json["state"]), (201, &json!("expired")));
        assert_eq!(post(&app, &employer, json!({ "state": null })).await.json["state"], "published");
        for wrong in ["paused", "filled", "Draft", "deleted"] {
            let refused = post(&app, &employer, json!({ "state": wrong, "title": "" })).await;
            let expected = json!({
                "state": [format!("\"{wrong}\" is not a valid choice.")], "title": ["This field may not be blank."],
            });
            assert_eq!(refused.outcome(), (400, expected));
        }
        // A job that was read can be sent back with its state, which says nothing there.
        let paused = job_in(&app, &employer, "paused").await;
        let body = shown(&app, &employer, paused).await.json;
        let body = with(body, &json!({ "employer": employer.profile, "state": "draft" }));
        let put = app.put(&format!("/job/manage/{paused}/"), Some(&employer.token), body).await;
        assert_eq!((put.status, &put.json["state"]), (200, &json!("paused")));
    }

    async fn a_step_is_made_from_the_state_that_was_seen(app) {
        let employer = app.employer().await;
        let job = app.job(&employer).await;
        let step = async |action: &str, tag: &str| {
            let path = format!("/job/manage/{job}/{action}/");
            let request = app.client.request("POST", &path, Some(&employer.token)).header("if-match", tag);
            let answer = app.client.send(request.json(&json!({ "deadline": "2100-01-01T00:00:00Z" }))).await;
            (answer.status, answer.header("etag").to_owned())
        };
        let seen = actions(&app, &employer, job).await.header("etag").to_owned();
        let (status, paused) = step("pause", &seen).await;
        assert_eq!((status, paused.as_str()), (200, "\"2\""));
        for action in ["publish", "pause", "close", "extend"] {
            assert_eq!(step(action, &seen).await.0, 412, "{action}");
            assert_eq!(step(action, "2").await.0, 400, "{action}");
        }
        let (status, extended) = step("extend", &paused).await;
        assert_eq!((status, extended.as_str()), (200, "\"3\""));
        assert_eq!(step("publish", shown(&app, &employer, job).await.header("etag")).await.0, 200);
        assert_eq!(step("close", "*").await.0, 200);
    }

    async fn an_employer_lists_own_jobs_by_their_state(app) {
        let (employer, other) = (app.employer().await, app.employer().await);
        let mut jobs = Vec::new();
        for (state, _) in STATES {
            jobs.push((state, job_in(&app, &employer, state).await));
            job_in(&app, &other, state).await;
        }
        app.pass(TimeDelta::hours(2));
        let employer = app.again(&employer).await;
        let list = async |query: &str| {
            let answer = app.get(&format!("/job/manage/?{query}"), Some(&employer.token)).await;
            let jobs = answer.json["jobs"].as_array().unwrap_or_else(|| panic!("{query}: {answer:?}"));
            assert_eq!((answer.status, &answer.json["Total Job"]), (200, &json!(jobs.len())), "{query}");
            jobs.iter().map(|job| (text(&job["state"]), job["id"].as_i64().unwrap())).collect::<Vec<_>>()
        };
        let expected = |states: &[&str]| {
            let wanted = jobs.iter().rev().filter(|(state, _)| states.contains(state));
            wanted.map(|(state, id)| ((*state).to_owned(), *id)).collect::<Vec<_>>()
        };
        let all = ["draft", "published", "paused", "closed", "expired"];
        assert_eq!(list("").await, expected(&all));
        assert_eq!(list("state=").await, expected(&all));
        for (state, _) in STATES {
            assert_eq!(list(&format!("state={state}")).await, expected(&[state]));
        }
        assert_eq!(list("state=draft,%20expired,draft&state=deleted").await, expected(&["draft", "expired", "deleted"]));
        let page = app.get("/job/?state=draft,paused,closed&page_size=2&page=2", Some(&employer.token)).await;
        assert_eq!((&page.json["Total Job"], &page.json["jobs"][0]["state"]), (&json!(3), &json!("draft")));
        let wrong = app.get("/job/?state=open,draft,x", Some(&employer.token)).await;
        let messages = json!(["\"open\" is not a valid choice.", "\"x\" is not a valid choice."]);
        assert_eq!(wrong.outcome(), (400, json!({ "state": messages })));
        let none = app.get("/job/?state=draft", Some(&app.employer().await.token)).await;
        assert_eq!(none.outcome(), (404, json!({ "Total Job": 0, "jobs": [], "detail": "No jobs found." })));
    }
}
