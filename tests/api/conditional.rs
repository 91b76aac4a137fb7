//! What a client has is not sent again, and what it has not seen is not overwritten.

use futures_util::future::join_all;
use jobportal_tests::app::TestApp;
use jobportal_tests::app_tests;
use jobportal_tests::client::{Answer, detail};
use serde_json::{Value, json};

use crate::common::with;
use crate::permissions::{ROUTES, World};

const CHANGED: &str = "This was changed since you read it. Read it again before you change it.";
const MALFORMED: &str = "If-Match must be the ETag of what you read, with its quotes, or *.";
const REQUIRED: &str = "Others may have changed this: send If-Match with the ETag of what you read, or *.";

async fn send(
    app: &TestApp,
    (method, path): (&str, &str),
    token: Option<&str>,
    header: (&str, &str),
    body: Option<&Value>,
) -> Answer {
    let request = app.client.request(method, path, token).header(header.0, header.1);
    let request = match body {
        Some(body) => request.json(body),
        None => request,
    };
    app.client.send(request).await
}

/// The tag that a `GET` answers.
async fn tag(app: &TestApp, path: &str, token: &str) -> String {
    let answer = app.get(path, Some(token)).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.json);
    answer.header("etag").to_owned()
}

/// The part of a tag that tells the version.
fn version(tag: &str) -> &str {
    tag.trim_matches('"').split('.').next().unwrap()
}

/// A request that changes something, and where that is read.
struct Change {
    method: &'static str,
    path: String,
    read: String,
    token: String,
    /// A body that changes something anew for each number.
    body: Box<dyn Fn(usize) -> Value>,
}

impl Change {
    async fn send(&self, app: &TestApp, if_match: &str, number: usize) -> Answer {
        let body = (self.body)(number);
        send(app, (self.method, &self.path), Some(&self.token), ("if-match", if_match), Some(&body)).await
    }
}

/// Every route that changes something which stays.
fn changes(app: &TestApp, world: &World) -> Vec<Change> {
    let change = |method, path: &str, read: &str, token: &str, body: Box<dyn Fn(usize) -> Value>| {
        let (path, read) = (world.path(path), world.path(read));
        Change { method, path, read, token: token.to_owned(), body }
    };
    let mut changes = Vec::new();
    let (owner, candidate, admin) = (&world.owner.token, &world.candidate.token, &world.admin.token);
    for (method, path) in [
        ("PATCH", "/job/manage/{job}/"),
        ("PUT", "/job/manage/{job}/"),
        ("PATCH", "/jobs/manage/{job}/"),
        ("PUT", "/jobs/manage/{job}/"),
    ] {
        let job = app.job_body();
        let body = move |number| with(job.clone(), &json!({ "title": format!("{method} {number}") }));
        changes.push(change(method, path, "/job/{job}/", owner, Box::new(body)));
    }
    for method in ["PATCH", "PUT"] {
        let named = move |number| json!({ "last_name": format!("{method} {number}") });
        changes.push(change(method, "/candidate/profile/", "/candidate/profile/", candidate, Box::new(named)));
        changes.push(change(method, "/employer/profile/", "/employer/profile/", owner, Box::new(named)));
    }
    let skilled = |number| json!({ "skills": [format!("skill {number}")] });
    changes.push(change("POST", "/candidate/profile/", "/candidate/profile/", candidate, Box::new(skilled)));
    let moved = |number| {
        let status = ["selected", "interviewed", "offered", "rejected"][number % 4];
        json!({ "status": status })
    };
    let application = "/application/status/{application}/";
    changes.push(change("PATCH", application, application, owner, Box::new(moved)));
    let priced = |number| {
        json!({
            "name": "premium", "price": format!("{number}.00"), "description": "x", "features": "x", "duration": "P30D",
            "max_job_applications_per_day": 1,
        })
    };
    changes.push(change("PUT", "/subscription/plan/{plan}/", "/subscription/plan/{plan}/", admin, Box::new(priced)));
    changes
}

/// Every route that takes something away.
fn deletions(world: &World) -> Vec<(&'static str, String, String)> {
    [
        ("DELETE", "/job/manage/{first job}/", &world.owner),
        ("DELETE", "/job/{second job}/", &world.owner),
        ("PUT", "/job/{third job}/", &world.owner),
        ("DELETE", "/subscription/plan/{plan}/", &world.admin),
    ]
    .map(|(method, path, account)| (method, world.path(path), account.token.clone()))
    .into()
}

app_tests! {
    async fn every_get_has_a_strong_tag_and_is_not_sent_again(app) {
        let world = World::of(&app).await;
        let mut checked = 0;
        for (_, path, ..) in ROUTES.iter().filter(|(method, ..)| *method == "GET") {
            let path = &world.path(path);
            for token in [None, Some(&world.owner.token), Some(&world.candidate.token), Some(&world.admin.token)] {
                let token = token.map(String::as_str);
                let get = app.get(path, token).await;
                let tag = get.header("etag");
                if get.header("cache-control") == "no-store" || path == "/account/sessions/" || get.status != 200 {
                    assert_eq!(tag, "", "{path}");
                    continue;
                }
                checked += 1;
                assert!(tag.len() > 20 && tag.starts_with('"') && tag.ends_with('"'), "{path}: {tag}");
                let is_text = ["application/json", "text/"].iter().any(|text| get.header("content-type").starts_with(text));
                let varies_by = if is_text { "Authorization, Accept-Encoding" } else { "Authorization" };
                assert_eq!(get.header("vary"), varies_by, "{path}");
                let kept = match path.split('/').nth(1).unwrap() {
                    "documents" => "private, max-age=3600",
                    "docs" => "no-cache",
                    ".well-known" => "public, max-age=300",
                    _ => "private, no-cache",
                };
                assert_eq!(get.header("cache-control"), kept, "{path}");

                let weak = format!("W/{tag}");
                for (method, known) in
                    [("GET", tag), ("GET", "*"), ("GET", &weak), ("GET", &format!("\"x\", {tag}")), ("HEAD", tag)]
                {
                    let again = send(&app, (method, path), token, ("if-none-match", known), None).await;
                    assert_eq!((again.status, again.bytes.len()), (304, 0), "{method} {path} {known}");
                    for header in ["etag", "cache-control", "vary", "link", "x-total-count"] {
                        assert_eq!(again.header(header), get.header(header), "{path} {header}");
                    }
                    assert_eq!(again.header("content-type"), "", "{path}");
                }
                for (method, body) in [("GET", get.bytes.as_slice()), ("HEAD", b"")] {
                    let other = send(&app, (method, path), token, ("if-none-match", "\"x\""), None).await;
                    assert_eq!((other.status, other.bytes.as_slice()), (200, body), "{method} {path}");
                    for header in ["etag", "cache-control", "vary", "content-type", "content-length"] {
                        assert_eq!(other.header(header), get.header(header), "{method} {path} {header}");
                    }
                }
            }
        }
        assert!(checked > 50, "{checked}");
        assert_eq!(app.get("/health/", None).await.header("cache-control"), "no-store");
    }

    async fn a_tag_changes_with_what_is_shown_and_its_version_with_what_is_changed(app) {
        let (employer, candidate, admin) = (app.employer().await, app.candidate().await, app.admin().await);
        let job = format!("/job/{}/", app.job(&employer).await);
        let of_job = async || tag(&app, &job, &candidate.token).await;
        let new = of_job().await;
        app.application(&candidate, job.split('/').nth(2).unwrap().parse().unwrap()).await;
        let applied_to = of_job().await;
        let company = json!({ "company_name": "ACME" });
        assert_eq!(app.patch("/employer/profile/", Some(&employer.token), company).await.header("etag"), "\"2\"");
        let of_acme = of_job().await;
        assert_eq!([version(&new), version(&applied_to), version(&of_acme)], ["1"; 3]);
        assert!(new != applied_to && applied_to != of_acme);
        // Who sees more than another gets another tag.
        let everyone = "/account/user_info/";
        let before = tag(&app, everyone, &admin.token).await;
        app.candidate().await;
        assert_ne!(before, tag(&app, everyone, &admin.token).await);

        // One version for both parts of a candidate's profile, wherever it is shown.
        let own = "/candidate/profile/";
        let patched = app.patch(own, Some(&candidate.token), json!({ "bio": "I build." })).await;
        let posted = app.post(own, Some(&candidate.token), json!({ "skills": ["Rust"] })).await;
        assert_eq!((patched.header("etag"), posted.header("etag")), ("\"2\"", "\"3\""));
        for path in [own, "/account/login-user-info/", &format!("{own}{}/", candidate.profile)] {
            assert_eq!(version(&tag(&app, path, &candidate.token).await), "3", "{path}");
        }
        // What changes nothing leaves the version.
        let patched = app.patch(own, Some(&candidate.token), json!({ "bio": "I build." })).await;
        let posted = app.post(own, Some(&candidate.token), json!({ "skills": ["Rust"], "awards": [] })).await;
        assert_eq!((patched.header("etag"), posted.header("etag")), ("\"3\"", "\"3\""));
    }

    async fn what_is_made_tells_its_version(app) {
        let (employer, candidate, admin) = (app.employer().await, app.candidate().await, app.admin().await);
        let job = app.post("/job/manage/", Some(&employer.token), app.job_body()).await;
        let application = app.post(&format!("/application/{}/", job.id()), Some(&candidate.token), json!({})).await;
        let mut plan = app.get("/subscription/plan/5/", Some(&admin.token)).await.json;
        assert_eq!(plan["name"], "enterprise");
        assert_eq!(app.delete("/subscription/plan/5/", Some(&admin.token)).await.status, 204);
        let gone = app.get("/subscription/plan/5/", Some(&admin.token)).await;
        assert_eq!(gone.outcome(), detail(404, "Subscription plan not found."));
        plan["price"] = json!("1.00");
        let plan = app.post("/subscription/plan/", Some(&admin.token), plan).await;
        for made in [job, application, plan] {
            assert_eq!((made.status, made.header("etag")), (201, "\"1\""), "{made:?}");
        }
    }

    async fn a_change_is_made_to_the_state_it_was_meant_for_and_to_no_other(app) {
        let world = World::of(&app).await;
        for (number, change) in changes(&app, &world).iter().enumerate() {
            let name = format!("{} {}", change.method, change.path);
            let seen = tag(&app, &change.read, &change.token).await;
            for stale in ["\"99\"", "\"99.x\"", "\"x\"", &format!("W/{seen}"), "W/\"1\", \"0\""] {
                let refused = change.send(&app, stale, number).await;
                assert_eq!(refused.outcome(), detail(412, CHANGED), "{name} {stale}");
                assert_eq!(refused.header("etag"), "", "{name}");
            }
            for malformed in ["1", "\"1", "", "*, *"] {
                let refused = change.send(&app, malformed, number).await;
                assert_eq!(refused.outcome(), detail(400, MALFORMED), "{name} {malformed}");
            }
            assert_eq!(tag(&app, &change.read, &change.token).await, seen, "{name}");

            let changed = change.send(&app, &format!("\"x\", {seen}"), number).await;
            assert_eq!(changed.status, 200, "{name}: {}", changed.json);
            let next = tag(&app, &change.read, &change.token).await;
            assert_ne!(version(&next), version(&seen), "{name}");
            // The state after a PUT is not the body that was sent, so that its answer has no tag (RFC 9110 §9.3.4).
            let told = if change.method == "PUT" { String::new() } else { format!("\"{}\"", version(&next)) };
            assert_eq!(changed.header("etag"), told, "{name}");
            assert_eq!(change.send(&app, &seen, number + 1).await.outcome(), detail(412, CHANGED), "{name}");
            assert_eq!(change.send(&app, "*", number + 1).await.status, 200, "{name}");
        }
        for (method, path, token) in deletions(&world) {
            let call = async |tag: &str| send(&app, (method, &path), Some(&token), ("if-match", tag), None).await;
            let seen = tag(&app, &path, &token).await;
            assert_eq!(call("\"99\"").await.outcome(), detail(412, CHANGED), "{method} {path}");
            assert_eq!(call("99").await.outcome(), detail(400, MALFORMED), "{method} {path}");
            let deleted = call(&seen).await;
            assert!([200, 204].contains(&deleted.status), "{method} {path}: {}", deleted.json);
            assert_eq!(deleted.header("etag"), "", "{method} {path}");
            // What is gone is gone, whatever state was meant.
            assert!([400, 404].contains(&call("\"99\"").await.status), "{method} {path}");
        }
    }

    async fn whoever_may_not_change_it_does_not_learn_its_version(app) {
        let world = World::of(&app).await;
        for (method, path, body, [nobody, candidate, _, other, admin]) in ROUTES {
            if !["PUT", "PATCH", "DELETE"].contains(method) || path.contains("account") {
                continue;
            }
            for (token, expected) in [
                (None, nobody), (Some(&world.candidate.token), candidate), (Some(&world.other.token), other),
                (Some(&world.admin.token), admin),
            ] {
                // The own profiles of others, and bodies that are not looked into here.
                if [200, 204, 400].contains(expected) {
                    continue;
                }
                let (path, token) = (world.path(path), token.map(String::as_str));
                let body = match (*method, path.starts_with("/job")) {
                    ("PUT", true) => app.job_body(),
                    _ => body(),
                };
                let answer = send(&app, (method, &path), token, ("if-match", "\"99\""), Some(&body)).await;
                assert_eq!(answer.status, *expected, "{method} {path}: {}", answer.json);
            }
        }
    }

    async fn of_concurrent_changes_of_one_state_one_is_made(app) {
        let world = World::of(&app).await;
        for change in changes(&app, &world) {
            let seen = tag(&app, &change.read, &change.token).await;
            let answers = join_all((1..=6).map(|number| change.send(&app, &seen, number))).await;
            let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 412, 412, 412, 412, 412], "{} {}", change.method, change.path);
        }
    }

    async fn a_document_that_the_client_has_is_not_even_read_but_for_those_who_may_see_it(app) {
        let world = World::of(&app).await;
        let path = &world.path("/documents/resumes/{resume}");
        let seen = tag(&app, path, &world.candidate.token).await;
        for entry in std::fs::read_dir(app.files().join("resume")).unwrap() {
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
        let again = async |token: Option<&str>| {
            send(&app, ("GET", path), token, ("if-none-match", &seen), None).await.status
        };
        assert_eq!(app.get(path, Some(&world.candidate.token)).await.status, 404);
        assert_eq!(again(Some(&world.candidate.token)).await, 304);
        assert_eq!(again(Some(&world.owner.token)).await, 304);
        assert_eq!(again(Some(&world.other.token)).await, 404);
        assert_eq!(again(None).await, 401);
    }
}

mod where_it_is_required {
    use super::*;

    app_tests! {
        with [("server.require_if_match", "true")];

        async fn a_change_without_a_condition_is_refused(app) {
            let world = World::of(&app).await;
            for (number, change) in changes(&app, &world).iter().enumerate() {
                let body = (change.body)(number);
                let answer = app.client.call(change.method, &change.path, Some(&change.token), Some(body)).await;
                if change.method == "POST" {
                    assert_eq!(answer.status, 200, "{}", answer.json);
                    continue;
                }
                assert_eq!(answer.outcome(), detail(428, REQUIRED), "{} {}", change.method, change.path);
                let seen = tag(&app, &change.read, &change.token).await;
                assert_eq!(change.send(&app, &seen, number).await.status, 200, "{} {}", change.method, change.path);
            }
            for (method, path, token) in deletions(&world) {
                let answer = app.client.call(method, &path, Some(&token), None).await;
                assert_eq!(answer.outcome(), detail(428, REQUIRED), "{method} {path}");
                // The role comes first.
                let answer = app.client.call(method, &path, Some(&world.candidate.token), None).await;
                assert_eq!(answer.status, 403, "{method} {path}");
                let answer = send(&app, (method, &path), Some(&token), ("if-match", "*"), None).await;
                assert!([200, 204].contains(&answer.status), "{method} {path}: {}", answer.json);
            }
        }
    }
}
