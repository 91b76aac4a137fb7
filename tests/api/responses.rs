//! Answers that are kept ready are those that would be made anew, whatever was written; and are sent as small as the client takes.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::GzDecoder;
use futures_util::future::join_all;
use jobportal_tests::app::{Account, TestApp};
use jobportal_tests::app_tests;
use jobportal_tests::client::Answer;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::common::with;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89";

/// Reads twice, so that the second answer is one that was kept if any is.
async fn read(app: &TestApp, path: &str, token: &str) -> Value {
    let [first, second] = [app.get(path, Some(token)).await, app.get(path, Some(token)).await];
    assert_eq!(first.outcome(), second.outcome());
    assert_eq!((first.status, first.header("etag")), (200, second.header("etag")), "{path}: {}", first.json);
    for header in ["content-type", "content-length", "vary", "cache-control", "x-total-count"] {
        assert_eq!(first.header(header), second.header(header), "{path} {header}");
    }
    second.json
}

async fn get_encoded(app: &TestApp, path: &str, account: &Account, headers: &[(&str, &str)]) -> Answer {
    let mut request = app.client.request("GET", path, Some(&account.token));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    // The client makes JSON of a body that it can read.
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, json: Value::Null, bytes: response.bytes().await.unwrap().to_vec() }
}

app_tests! {
    async fn who_may_not_read_gets_nothing_that_is_kept(app) {
        let (employer, candidate) = (app.employer().await, app.candidate().await);
        let job = format!("/job/{}/", app.job(&employer).await);
        for path in [job.as_str(), "/subscription/plan/"] {
            read(&app, path, &candidate.token).await;
            assert_eq!(app.get(path, None).await.status, 401);
            assert_eq!(app.get(path, Some("nonsense")).await.status, 401);
        }
        let ended = json!({ "refresh_token": candidate.refresh_token });
        assert_eq!(app.post("/account/logout/", Some(&candidate.token), ended).await.status, 204);
        assert_eq!(app.get(&job, Some(&candidate.token)).await.status, 401);
    }

    async fn a_draft_that_its_employer_reads_is_kept_for_nobody(app) {
        let (employer, candidate) = (app.employer().await, app.candidate().await);
        let job = format!("/job/{}/", app.job(&employer).await);
        app.database.execute("UPDATE jobs SET status = 'draft'");
        assert_eq!(read(&app, &job, &employer.token).await["state"], "draft");
        assert_eq!(app.get(&job, Some(&candidate.token)).await.status, 404);
    }

    async fn a_job_is_shown_as_it_is_after_each_write(app) {
        let (employer, candidate) = (app.employer().await, app.candidate().await);
        let id = app.job(&employer).await;
        let (job, token) = (format!("/job/{id}/"), Some(employer.token.as_str()));
        let found = async || read(&app, "/job/search/?location=new", &candidate.token).await["data"][0].clone();
        assert_eq!(read(&app, &job, &candidate.token).await["total_applications"], 0);
        assert_eq!(found().await["total_applications"], 0);
        for (number, (method, path)) in [
            ("PATCH", format!("/job/manage/{id}/")),
            ("PUT", format!("/job/manage/{id}/")),
            ("PATCH", format!("/jobs/manage/{id}/")),
            ("PUT", format!("/jobs/manage/{id}/")),
        ]
        .into_iter()
        .enumerate()
        {
            let title = format!("Title {number}");
            let body = with(app.job_body(), &json!({ "title": title }));
            assert_eq!(app.client.call(method, &path, token, Some(body)).await.status, 200);
            assert_eq!(read(&app, &job, &candidate.token).await["title"], title, "{method} {path}");
            assert_eq!(read(&app, &format!("/job/manage/{id}/"), &candidate.token).await["title"], title);
            assert_eq!(found().await["title"], title, "{method} {path}");
        }
        app.application(&candidate, id).await;
        assert_eq!(read(&app, &job, &candidate.token).await["total_applications"], 1);
        assert_eq!(found().await["total_applications"], 1);

        let company = json!({ "company_name": "ACME" });
        assert_eq!(app.patch("/employer/profile/", token, company).await.status, 200);
        let profile = format!("/employer/profile/{}/", employer.profile);
        assert_eq!(read(&app, &job, &candidate.token).await["employer"]["company_name"], "ACME");
        assert_eq!(read(&app, &profile, &candidate.token).await["company_name"], "ACME");
        assert_eq!(found().await["employer"]["company_name"], "ACME");

        let picture = Part::bytes(PNG.to_vec()).file_name("logo.png").mime_str("image/png").unwrap();
        let form = Form::new().part("profile_picture", picture);
        let changed = app.client.form("PATCH", "/employer/profile/", token, form).await;
        let address = &changed.json["profile_picture"];
        assert!(address.is_string(), "{}", changed.json);
        assert_eq!(read(&app, &job, &candidate.token).await["employer"]["profile_picture"], *address);
        assert_eq!(read(&app, &profile, &candidate.token).await["profile_picture"], *address);
        let none = json!({ "profile_picture": null });
        assert_eq!(app.patch("/employer/profile/", token, none).await.status, 200);
        assert_eq!(read(&app, &job, &candidate.token).await["employer"]["profile_picture"], Value::Null);

        for (method, path) in [("PUT", "/job/"), ("DELETE", "/job/"), ("DELETE", "/job/manage/")] {
            let id = app.job(&employer).await;
            let job = format!("/job/{id}/");
            read(&app, &job, &candidate.token).await;
            assert_eq!(found().await["id"], id);
            assert_eq!(app.client.call(method, &format!("{path}{id}/"), token, None).await.status, 200);
            assert_eq!(app.get(&job, Some(&candidate.token)).await.status, 404, "{method} {path}");
            assert_ne!(found().await["id"], id);
        }
    }

    async fn plans_are_shown_as_they_are_after_each_write(app) {
        let (admin, candidate) = (app.admin().await, app.candidate().await);
        let (plans, token) = ("/subscription/plan/?page_size=2&page=2", Some(admin.token.as_str()));
        let body = |price: &str| json!({
            "name": "premium", "price": price, "description": "d", "features": "f", "duration": "30 00:00:00",
            "max_job_applications_per_day": 7,
        });
        let all = async || read(&app, "/subscription/plan/", &candidate.token).await;
        let premium = all().await.as_array().unwrap().iter().find(|plan| plan["name"] == "premium").unwrap()["id"].clone();
        let path = format!("/subscription/plan/{premium}/");
        let second = read(&app, plans, &candidate.token).await;
        assert_eq!(second.as_array().unwrap().len(), 2);
        assert_ne!(second, read(&app, "/subscription/plan/?page_size=2&page=1", &candidate.token).await);

        let count = all().await.as_array().unwrap().len();
        assert_eq!(app.put(&path, token, body("77.00")).await.status, 200);
        assert!(all().await.as_array().unwrap().iter().any(|plan| plan["price"] == "77.00"));
        assert_eq!(app.delete(&path, token).await.status, 204);
        assert_eq!(all().await.as_array().unwrap().len(), count - 1);
        assert_eq!(app.post("/subscription/plan/", token, body("78.00")).await.status, 201);
        assert!(all().await.as_array().unwrap().iter().any(|plan| plan["price"] == "78.00"));
    }

    async fn links_of_a_kept_page_lead_where_the_client_came_from(app) {
        let candidate = app.candidate().await;
        for host in ["one.example", "two.example", "one.example"] {
            let answer = get_encoded(&app, "/subscription/plan/?page_size=2", &candidate, &[("host", host)]).await;
            let link = format!("<http://{host}/subscription/plan/?page_size=2&page=2>; rel=\"next\"");
            assert_eq!(answer.header("link"), link);
        }
    }

    async fn what_one_has_applied_to_is_not_left_out_for_others(app) {
        let (employer, bob, carl) = (app.employer().await, app.candidate().await, app.candidate().await);
        let job = app.job(&employer).await;
        app.application(&bob, job).await;
        let path = "/job/search/?exclude_applied=true";
        for _ in 0..2 {
            assert_eq!(app.get(path, Some(&employer.token)).await.status, 200);
            assert_eq!(app.get(path, Some(&bob.token)).await.status, 404);
            assert_eq!(read(&app, path, &carl.token).await["data"][0]["id"], job);
        }
    }

    async fn what_is_read_is_kept_and_nobody_who_saw_a_write_done_reads_what_was_before(app) {
        let (employer, candidate) = (app.employer().await, app.candidate().await);
        let id = app.job(&employer).await;
        let job = format!("/job/{id}/");
        read(&app, &job, &candidate.token).await;
        app.database.execute("UPDATE jobs SET title = 'past the portal'");
        assert_eq!(read(&app, &job, &candidate.token).await["title"], "Software Engineer");

        let (done, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let write = async {
            for number in 1..=60_u64 {
                let body = json!({ "title": number.to_string() });
                let answer = app.patch(&format!("/job/manage/{id}/"), Some(&employer.token), body).await;
                assert_eq!(answer.status, 200);
                done.store(number, Ordering::SeqCst);
            }
            over.store(1, Ordering::SeqCst);
        };
        let reader = async || {
            let mut reads = 0;
            while over.load(Ordering::SeqCst) == 0 {
                let least = done.load(Ordering::SeqCst);
                let seen = app.get(&job, Some(&candidate.token)).await.json["title"].as_str().unwrap().parse().unwrap_or(0);
                assert!(least <= seen, "{seen} was read after {least} was written");
                reads += 1;
            }
            reads
        };
        let (reads, ()) = futures_util::future::join(join_all((0..6).map(|_| reader())), write).await;
        assert!(reads.iter().sum::<u64>() > 60, "{reads:?}");
        assert_eq!(read(&app, &job, &candidate.token).await["title"], "60");
    }

    async fn a_body_of_some_size_is_compressed_for_who_takes_it(app) {
        let (employer, candidate) = (app.employer().await, app.candidate().await);
        let id = app.job(&employer).await;
        let long = json!({ "description": "Develop and maintain web applications. ".repeat(60) });
        let (manage, token) = (format!("/job/manage/{id}/"), Some(employer.token.as_str()));
        assert_eq!(app.patch(&manage, token, long).await.status, 200);
        let job = format!("/job/{id}/");
        for path in [job.as_str(), "/job/", "/docs/", "/openapi.json", "/docs/swagger-ui.css"] {
            let plain = get_encoded(&app, path, &employer, &[]).await;
            let tag = plain.header("etag");
            for _ in 0..2 {
                let small = get_encoded(&app, path, &employer, &[("accept-encoding", "br, gzip")]).await;
                assert_eq!((small.status, small.header("content-encoding")), (200, "gzip"), "{path}");
                assert_eq!(small.header("content-length"), small.bytes.len().to_string());
                assert_eq!(small.header("vary"), "Authorization, Accept-Encoding");
                let mut text = Vec::new();
                GzDecoder::new(&*small.bytes).read_to_end(&mut text).unwrap();
                assert_eq!(text, plain.bytes, "{path}");
                let small_tag = small.header("etag");
                assert_ne!(small_tag, tag);
                let of = |encoding, tag| [("accept-encoding", encoding), ("if-none-match", tag)];
                for (headers, status) in [
                    (of("gzip", small_tag), 304),
                    (of("gzip", tag), 200),
                    (of("identity", tag), 304),
                    (of("identity", small_tag), 200),
                ] {
                    let again = get_encoded(&app, path, &employer, &headers).await;
                    assert_eq!(again.status, status, "{path} {headers:?}");
                }
            }
        }
        for path in ["/subscription/plan/1/", "/health/", "/docs/page.css", "/docs/favicon-32x32.png"] {
            let answer = get_encoded(&app, path, &candidate, &[("accept-encoding", "gzip")]).await;
            assert_eq!((answer.status, answer.header("content-encoding")), (200, ""), "{path}");
        }
        // A change is made to a version, in whatever form it was read.
        let read = get_encoded(&app, &job, &employer, &[("accept-encoding", "gzip")]).await;
        let change = app.client.request("PATCH", &manage, token).header("if-match", read.header("etag"));
        assert_eq!(app.client.send(change.json(&json!({ "title": "Lead" }))).await.status, 200);
    }
}

mod by_the_clock {
    use chrono::TimeDelta;

    use super::*;

    app_tests! {
        // Nobody closes the job.
        with [("worker.enabled", "false")];

        async fn a_job_is_expired_from_its_deadline_on_without_any_write(app) {
            let (employer, candidate) = (app.employer().await, app.candidate().await);
            let deadline = json!({ "deadline": (app.now() + TimeDelta::minutes(10)).to_rfc3339() });
            let body = with(app.job_body(), &deadline);
            let job = format!("/job/{}/", app.post("/job/manage/", Some(&employer.token), body).await.id());
            assert_eq!(read(&app, &job, &candidate.token).await["state"], "published");
            assert_eq!(read(&app, "/job/search/", &candidate.token).await["total_jobs"], 1);
            app.pass(TimeDelta::minutes(10));
            assert_eq!(read(&app, &job, &candidate.token).await["state"], "expired");
            assert_eq!(app.get("/job/search/", Some(&candidate.token)).await.status, 404);
        }
    }
}

mod without {
    use super::*;

    app_tests! {
        with [("cache.responses", "false")];

        async fn nothing_is_kept_where_the_operator_says_so(app) {
            let (employer, candidate) = (app.employer().await, app.candidate().await);
            let job = format!("/job/{}/", app.job(&employer).await);
            read(&app, &job, &candidate.token).await;
            app.database.execute("UPDATE jobs SET title = 'past the portal'");
            assert_eq!(read(&app, &job, &candidate.token).await["title"], "past the portal");
        }
    }
}
