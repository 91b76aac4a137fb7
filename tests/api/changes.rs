//! Following what changes, to keep a copy.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use futures_util::future::join_all;
use jobportal_tests::app::{Account, TestApp};
use jobportal_tests::app_tests;
use jobportal_tests::client::{Answer, detail, time};
use serde_json::{Value, json};

use crate::common::{Cast, text, with};
use crate::jobs::{job_fields, recent};

pub(crate) const JOBS: &str = "/job/changes/";
const APPLICATIONS: &str = "/application/changes/";

pub(crate) async fn read(app: &TestApp, path: &str, caller: &Account, query: &str) -> Value {
    let answer = app.get(&format!("{path}?{query}"), Some(&caller.token)).await;
    assert_eq!(answer.status, 200, "{path}?{query}: {}", answer.json);
    let keys: Vec<_> = answer.json.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["changes", "has_more", "next_cursor"]);
    answer.json
}

/// What came since a cursor, and the next one.
pub(crate) async fn news(app: &TestApp, path: &str, caller: &Account, cursor: &str) -> (Vec<Value>, String) {
    let body = read(app, path, caller, &format!("cursor={cursor}")).await;
    assert_eq!(body["has_more"], json!(false));
    (body["changes"].as_array().unwrap().clone(), text(&body["next_cursor"]))
}

fn ids(changes: &[Value]) -> Vec<i64> {
    changes.iter().map(|change| change["id"].as_i64().unwrap()).collect()
}

async fn retitle(app: &TestApp, employer: &Account, job: i64, title: &str) -> Answer {
    app.patch(&format!("/job/manage/{job}/"), Some(&employer.token), json!({ "title": title })).await
}

async fn delete(app: &TestApp, employer: &Account, job: i64) {
    assert_eq!(app.delete(&format!("/job/{job}/"), Some(&employer.token)).await.status, 200);
}

/// Brings a copy up to date with what came since a cursor, as the guide tells consumers to.
async fn sync(app: &TestApp, caller: &Account, copy: &mut BTreeMap<i64, Value>, cursor: &str, size: u32) -> String {
    let mut cursor = cursor.to_owned();
    loop {
        let body = read(app, JOBS, caller, &format!("cursor={cursor}&page_size={size}")).await;
        for change in body["changes"].as_array().unwrap() {
            let id = change["id"].as_i64().unwrap();
            if change["state"] == "open" {
                copy.insert(id, change["job"].clone());
            } else {
                assert_eq!(change["job"], Value::Null);
                copy.remove(&id);
            }
        }
        cursor = text(&body["next_cursor"]);
        if body["has_more"] == json!(false) {
            return cursor;
        }
    }
}

app_tests! {
    async fn a_job_is_told_as_it_is_now_and_a_deleted_one_as_gone(app) {
        let (employer, reader) = (app.employer().await, app.candidate().await);
        let empty = read(&app, JOBS, &reader, "").await;
        assert_eq!((&empty["changes"], &empty["has_more"]), (&json!([]), &json!(false)));
        let cursor = text(&empty["next_cursor"]);

        let job = app.post("/job/manage/", Some(&employer.token), app.job_body()).await;
        let (changes, cursor) = news(&app, JOBS, &reader, &cursor).await;
        let posted_at = recent(&app, &job.json["posted_at"]);
        let body = with(job_fields(job.id(), &posted_at), &json!({ "employer": employer.profile }));
        let changed_at = recent(&app, &changes[0]["changed_at"]);
        let expected = json!({ "id": job.id(), "changed_at": changed_at, "state": "open", "job": body });
        assert_eq!(changes, [expected]);
        assert_eq!(job.json, body);

        let revised = retitle(&app, &employer, job.id(), "Architect").await.json;
        let (changes, cursor) = news(&app, JOBS, &reader, &cursor).await;
        assert_eq!((changes.len(), &changes[0]["job"]), (1, &revised));
        // The same again is no change.
        assert_eq!(retitle(&app, &employer, job.id(), "Architect").await.status, 200);
        let (changes, cursor) = news(&app, JOBS, &reader, &cursor).await;
        assert_eq!(changes, Vec::<Value>::new());

        delete(&app, &employer, job.id()).await;
        let (changes, cursor) = news(&app, JOBS, &reader, &cursor).await;
        let changed_at = recent(&app, &changes[0]["changed_at"]);
        assert_eq!(changes, [json!({ "id": job.id(), "changed_at": changed_at, "state": "deleted", "job": null })]);
        let (changes, same) = news(&app, JOBS, &reader, &cursor).await;
        assert_eq!((changes, &same), (vec![], &cursor));
    }

    async fn a_job_past_its_deadline_is_closed_before_and_after_the_worker_came(app) {
        let (employer, reader) = (app.employer().await, app.candidate().await);
        let deadline = app.now() + TimeDelta::hours(1);
        let body = with(app.job_body(), &json!({ "deadline": deadline.to_rfc3339() }));
        let job = app.post("/job/manage/", Some(&employer.token), body).await.id();
        let far = app.job(&employer).await;
        let cursor = text(&read(&app, JOBS, &reader, "").await["next_cursor"]);

        app.pass(TimeDelta::hours(2));
        let (employer, reader) = (app.again(&employer).await, app.again(&reader).await);
        let all = read(&app, JOBS, &reader, "").await["changes"].as_array().unwrap().clone();
        let state = |id: i64| all.iter().find(|change| change["id"] == id).unwrap()["state"].clone();
        assert_eq!((state(job), state(far)), (json!("closed"), json!("open")));
        let mut changes = Vec::new();
        let mut cursor = cursor;
        for _ in 0..600 {
            (changes, cursor) = news(&app, JOBS, &reader, &cursor).await;
            if !changes.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let changed_at = recent(&app, &changes[0]["changed_at"]);
        assert_eq!(changes, [json!({ "id": job, "changed_at": changed_at, "state": "closed", "job": null })]);
        // It is closed, and otherwise as it was.
        let shown = app.get(&format!("/job/{job}/"), Some(&reader.token)).await;
        assert_eq!((shown.status, &shown.json["is_deleted"]), (200, &json!(false)));

        let later = json!({ "deadline": (app.now() + TimeDelta::hours(1)).to_rfc3339() });
        let revised = app.patch(&format!("/job/manage/{job}/"), Some(&employer.token), later).await;
        let (changes, _) = news(&app, JOBS, &reader, &cursor).await;
        assert_eq!((&changes[0]["state"], &changes[0]["job"]), (&json!("open"), &revised.json));
    }

    async fn an_employer_is_told_of_own_applications(app) {
        let cast = Cast::of(&app).await;
        let (job, foreign) = (app.job(&cast.employer).await, app.job(&cast.other_employer).await);
        let cursor = text(&read(&app, APPLICATIONS, &cast.employer, "").await["next_cursor"]);
        let sent = app
            .post(&format!("/application/{job}/"), Some(&cast.candidate.token), json!({ "cover_letter": "Me!" }))
            .await;
        let other = app.application(&cast.other_candidate, job).await;
        app.application(&cast.candidate, foreign).await;
        let (changes, cursor) = news(&app, APPLICATIONS, &cast.employer, &cursor).await;
        let changed_at = recent(&app, &changes[0]["changed_at"]);
        let expected =
            json!({ "id": sent.id(), "changed_at": changed_at, "state": "live", "application": sent.json });
        assert_eq!((ids(&changes), &changes[0]), (vec![sent.id(), other], &expected));

        let path = format!("/application/status/{}/", sent.id());
        app.patch(&path, Some(&cast.employer.token), json!({ "status": "offered" })).await;
        let (changes, cursor) = news(&app, APPLICATIONS, &cast.employer, &cursor).await;
        assert_eq!((ids(&changes), &changes[0]["application"]["status"]), (vec![sent.id()], &json!("offered")));

        delete(&app, &cast.employer, job).await;
        let (changes, cursor) = news(&app, APPLICATIONS, &cast.employer, &cursor).await;
        let changed_at = recent(&app, &changes[0]["changed_at"]);
        let gone = |id: i64| json!({ "id": id, "changed_at": changed_at, "state": "deleted", "application": null });
        assert_eq!(changes, [gone(sent.id()), gone(other)]);
        // What was sent stays where it is kept.
        let kept = app.get(&format!("/application/all/{job}/"), Some(&cast.employer.token)).await;
        assert_eq!(kept.json["data"].as_array().unwrap().len(), 2);
        // A place in one employer's list says nothing of it to another.
        let (changes, _) = news(&app, APPLICATIONS, &cast.other_employer, &cursor).await;
        assert_eq!(changes, Vec::<Value>::new());
        let all = read(&app, APPLICATIONS, &cast.other_employer, "").await;
        assert_eq!(all["changes"].as_array().unwrap().len(), 1);
    }

    async fn a_reader_may_begin_at_a_time(app) {
        let (employer, reader) = (app.employer().await, app.candidate().await);
        let mut jobs = Vec::new();
        for _ in 0..3 {
            jobs.push(app.job(&employer).await);
        }
        let all = read(&app, JOBS, &reader, "").await["changes"].clone();
        let middle = text(&all[1]["changed_at"]);
        let (portal, caller) = (&app, &reader);
        let since = |query: String| async move {
            ids(read(portal, JOBS, caller, &query).await["changes"].as_array().unwrap())
        };
        assert_eq!(since(format!("updated_since={middle}")).await, jobs[1..]);
        let next = (time(&all[1]["changed_at"]) + TimeDelta::microseconds(1)).to_rfc3339().replace("+00:00", "Z");
        assert_eq!(since(format!("updated_since={next}")).await, jobs[2..]);
        assert_eq!(since("updated_since=1970-01-01T00:00:00Z".to_owned()).await, jobs);
        assert_eq!(since("updated_since=2026-01-01T06:00:00%2B06:00".to_owned()).await, jobs);
        // Nothing has changed since then, and a reader can wait for the first change.
        let future = read(&app, JOBS, &reader, "updated_since=9999-12-31T23:59:59.999999Z").await;
        assert_eq!(ids(future["changes"].as_array().unwrap()), [0; 0]);
        assert_eq!(since(format!("cursor={}", text(&future["next_cursor"]))).await, [0; 0]);
        // A cursor wins, so that the same address can be asked again with a cursor put in.
        let page = read(&app, JOBS, &reader, "page_size=1").await;
        assert_eq!((&page["changes"], &page["has_more"]), (&json!([all[0]]), &json!(true)));
        let cursor = text(&page["next_cursor"]);
        assert_eq!(since(format!("cursor={cursor}&updated_since={next}")).await, jobs[1..]);
    }

    async fn what_is_no_place_in_the_list_is_refused(app) {
        let (employer, reader) = (app.employer().await, app.candidate().await);
        app.job(&employer).await;
        let cursor = text(&read(&app, JOBS, &employer, "").await["next_cursor"]);
        let foreign = text(&read(&app, APPLICATIONS, &employer, "").await["next_cursor"]);
        let invalid = json!(["Invalid cursor. Pass a `next_cursor` of the same list as it was given."]);
        let bytes = URL_SAFE_NO_PAD.decode(&cursor).unwrap();
        for place in 0..10 {
            // The first ten bytes say what it is, and when.
            let mut bytes = bytes.clone();
            bytes[place] ^= 0x80;
            let tampered = URL_SAFE_NO_PAD.encode(bytes);
            let answer = app.get(&format!("{JOBS}?cursor={tampered}"), Some(&reader.token)).await;
            assert!(matches!(answer.status, 200 | 400), "{place}: {answer:?}");
            assert!(place > 2 || answer.outcome() == (400, json!({ "cursor": invalid })), "{place}: {answer:?}");
        }
        for wrong in ["x", "1", "%00", "AQ==", &format!("{cursor}A"), &cursor[1..], &foreign, &cursor.repeat(200)] {
            let answer = app.get(&format!("{JOBS}?cursor={wrong}"), Some(&reader.token)).await;
            assert_eq!(answer.outcome(), (400, json!({ "cursor": invalid })), "{wrong}");
        }
        let wrong = "?cursor=x&updated_since=yesterday&page_size=0";
        for path in [JOBS, APPLICATIONS] {
            let answer = app.get(&format!("{path}{wrong}"), Some(&employer.token)).await;
            let fields: Vec<_> = answer.json.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!((answer.status, fields), (400, vec!["cursor", "page_size", "updated_since"]));
            for time in ["2026-13-01T00:00:00Z", "0001-01-01T00:00:00Z", "%2B300000-01-01T00:00:00Z", "1700000000"] {
                let answer = app.get(&format!("{path}?updated_since={time}"), Some(&employer.token)).await;
                assert_eq!(answer.status, 400, "{time}: {answer:?}");
            }
        }
        // The role comes first.
        let answer = app.get(&format!("{APPLICATIONS}{wrong}"), Some(&reader.token)).await;
        assert_eq!(answer.outcome(), detail(403, "You do not have permission to perform this action."));
    }

    async fn a_copy_kept_while_jobs_change_ends_as_the_portal_is(app) {
        const JOBS_OF_EACH: usize = 125;
        let employers = join_all((0..4).map(|_| app.employer())).await;
        let reader = app.candidate().await;
        let working = AtomicUsize::new(employers.len());
        let (app, employers, reader, working) = (&app, &employers, &reader, &working);
        let writers = employers.iter().enumerate().map(|(number, employer)| async move {
            let mut jobs = Vec::new();
            for round in 0..JOBS_OF_EACH {
                jobs.push(app.job(employer).await);
                // Some of those that are there are changed, some more than once, and some are taken down.
                if round % 3 == 0 {
                    let job = jobs[(round * 7 + number) % jobs.len()];
                    assert_eq!(retitle(app, employer, job, &format!("Round {round}")).await.status, 200);
                }
                if round % 5 == 4 {
                    delete(app, employer, jobs.swap_remove((round * 11) % jobs.len())).await;
                }
            }
            working.fetch_sub(1, Ordering::SeqCst);
        });
        let keep = async move {
            let (mut copy, mut cursor, mut polls) = (BTreeMap::new(), String::new(), 0);
            loop {
                let is_last = working.load(Ordering::SeqCst) == 0;
                cursor = sync(app, reader, &mut copy, &cursor, 17).await;
                polls += 1;
                if is_last {
                    return (copy, polls);
                }
            }
        };
        let (_, (copy, polls)) = futures_util::future::join(join_all(writers), keep).await;
        assert!(polls > 5, "{polls}");

        let mut expected = BTreeMap::new();
        for employer in employers {
            for page in 1.. {
                let answer = app.get(&format!("/job/?page={page}"), Some(&employer.token)).await;
                if answer.status == 404 {
                    break;
                }
                let jobs = answer.json["jobs"].as_array().unwrap();
                expected.extend(jobs.iter().map(|job| (job["id"].as_i64().unwrap(), job.clone())));
            }
        }
        assert_eq!(expected.len(), 4 * (JOBS_OF_EACH - JOBS_OF_EACH / 5));
        assert_eq!(copy, expected);
        let mut fresh = BTreeMap::new();
        sync(app, reader, &mut fresh, "", 100).await;
        assert_eq!(fresh, expected);
    }
}
