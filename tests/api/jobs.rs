//! Posting, changing, taking down, showing and finding jobs.

use chrono::TimeDelta;
use jobportal_tests::app::{Account, TestApp};
use jobportal_tests::app_tests;
use jobportal_tests::client::{Answer, detail, time};
use serde_json::{Value, json};

use crate::common::with;

/// A time that the portal set in this test.
pub(crate) fn recent(app: &TestApp, value: &Value) -> Value {
    let age = app.now() - time(value);
    assert!(age >= TimeDelta::zero() && age < TimeDelta::minutes(5), "{value}");
    value.clone()
}

/// The job of [`TestApp::job_body`] in answers, without its employer.
pub(crate) fn job_fields(id: i64, posted_at: &Value) -> Value {
    json!({
        "id": id,
        "title": "Software Engineer",
        "description": "Develop and maintain web applications.",
        "job_type": "Private",
        "job_subtype": "Full-time",
        "experience_level": "Mid",
        "company_name": "Tech Solutions Ltd.",
        "location": "New York, NY",
        "salary_range": "70,000 - 90,000 USD",
        "salary_min": "70000.00",
        "salary_max": "90000.00",
        "salary_currency": "USD",
        "salary_period": "year",
        "workplace": null,
        "country": null,
        "skills": [],
        "posted_at": posted_at,
        "updated_at": posted_at,
        "deadline": "2099-12-31T23:59:59.000000Z",
        "application_link": "https://techsolutions.com/careers/software-engineer",
        "application_email": "jobs@techsolutions.com",
        "is_deleted": false,
        "state": "published",
        "close_reason": null,
    })
}

/// An employer whose profile is filled in, and how answers show it.
pub(crate) async fn alice(app: &TestApp) -> (Account, Value) {
    let alice = app.employer().await;
    let details = json!({
        "first_name": "Alice",
        "last_name": "Smith",
        "address": "456 Elm St, Chittagong, Bangladesh",
        "website": "https://www.alicesmithco.com",
        "company_name": "Alice Smith Solutions",
    });
    let answer = app.patch("/employer/profile/", Some(&alice.token), details.clone()).await;
    let profile = with(details.clone(), &json!({ "id": alice.profile, "profile_picture": null, "user": alice.user }));
    assert_eq!(answer.outcome(), (200, profile.clone()));
    (alice, profile)
}

/// Posts the job of [`TestApp::job_body`] with some keys changed.
pub(crate) async fn post(app: &TestApp, employer: &Account, changes: Value) -> Answer {
    app.post("/job/manage/", Some(&employer.token), with(app.job_body(), &changes)).await
}

/// The titles that a search finds, in its order.
pub(crate) async fn search(app: &TestApp, caller: &Account, query: &str) -> Vec<String> {
    let answer = app.get(&format!("/job/search/?page_size=100&{query}"), Some(&caller.token)).await;
    if answer.status == 404 {
        assert_eq!(answer.json, json!({ "total_jobs": 0, "data": [], "detail": "No jobs found." }));
        return Vec::new();
    }
    let jobs = answer.json["data"].as_array().unwrap_or_else(|| panic!("{query}: {answer:?}"));
    assert_eq!((answer.status, &answer.json["total_jobs"]), (200, &json!(jobs.len())));
    jobs.iter().map(|job| job["title"].as_str().unwrap().to_owned()).collect()
}

app_tests! {
    async fn a_job_is_posted(app) {
        let employer = app.employer().await;
        let answer = post(&app, &employer, json!({ "employer": employer.profile })).await;
        let job = job_fields(answer.id(), &recent(&app, &answer.json["posted_at"]));
        assert_eq!(answer.outcome(), (201, with(job.clone(), &json!({ "employer": employer.profile }))));
    }

    async fn an_employer_id_in_the_body_chooses_nobody(app) {
        let (employer, other) = (app.employer().await, app.employer().await);
        let foreign = json!({ "employer": other.profile });
        let refused = detail(403, "You may only act for yourself.");
        assert_eq!(post(&app, &employer, foreign.clone()).await.outcome(), refused);
        let job = app.job(&employer).await;
        assert_eq!(app.patch(&format!("/job/manage/{job}/"), Some(&employer.token), foreign).await.outcome(), refused);
        assert_eq!(app.get("/job/", Some(&other.token)).await.status, 404);
    }

    async fn what_the_server_decides_is_ignored_in_a_body(app) {
        let employer = app.employer().await;
        let answer = post(&app, &employer, json!({
            "id": 4711, "posted_at": "2001-01-01T00:00:00Z", "is_deleted": true, "total_applications": 9, "user": 1,
        })).await;
        let job = job_fields(answer.id(), &recent(&app, &answer.json["posted_at"]));
        assert_eq!(answer.outcome(), (201, with(job.clone(), &json!({ "employer": employer.profile }))));
        assert_ne!(answer.id(), 4711);
    }

    async fn all_missing_fields_are_told_at_once(app) {
        let employer = app.employer().await;
        let required = json!(["This field is required."]);
        let expected = json!({
            "title": required, "description": required, "job_type": required, "job_subtype": required,
            "experience_level": required, "company_name": required, "location": required, "deadline": required,
        });
        assert_eq!(app.post("/job/manage/", Some(&employer.token), json!({})).await.outcome(), (400, expected.clone()));
        let job = app.job(&employer).await;
        let put = app.put(&format!("/job/manage/{job}/"), Some(&employer.token), json!({})).await;
        let mut expected = expected;
        // The job has one already.
        expected.as_object_mut().unwrap().remove("company_name");
        assert_eq!(put.outcome(), (400, expected));
    }

    async fn all_wrong_fields_are_told_at_once(app) {
        let employer = app.employer().await;
        let job = app.job(&employer).await;
        let wrong = json!({
            "employer": "x", "title": " ", "description": {}, "job_type": "Banana", "job_subtype": "full-time",
            "experience_level": null, "company_name": "x".repeat(201), "location": "a\0b", "deadline": "tomorrow",
            "salary_range": "x".repeat(101), "application_link": "javascript:alert(1)", "application_email": "nobody",
        });
        let expected = json!({
            "employer": ["A valid integer is required."],
            "title": ["This field may not be blank."],
            "description": ["Not a valid string."],
            "job_type": ["\"Banana\" is not a valid choice."],
            "job_subtype": ["\"full-time\" is not a valid choice."],
            "experience_level": ["This field may not be null."],
            "company_name": ["Ensure this field has no more than 200 characters."],
            "location": ["Control characters are not allowed."],
            "deadline": ["Datetime has wrong format. Use one of these formats instead: \
                YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."],
            "salary_range": ["Ensure this field has no more than 100 characters."],
            "application_link": ["Enter a valid URL."],
            "application_email": ["Enter a valid email address."],
        });
        assert_eq!(post(&app, &employer, wrong.clone()).await.outcome(), (400, expected.clone()));
        for method in ["PUT", "PATCH"] {
            let path = format!("/job/manage/{job}/");
            let answer = app.client.call(method, &path, Some(&employer.token), Some(wrong.clone())).await;
            assert_eq!(answer.outcome(), (400, expected.clone()), "{method}");
        }
    }

    async fn pay_is_told_in_figures_or_read_from_the_words(app) {
        let employer = app.employer().await;
        let pay = |answer: &Answer| {
            let keys = ["salary_range", "salary_min", "salary_max", "salary_currency", "salary_period"];
            json!(keys.map(|key| answer.json[key].clone()))
        };
        for (sent, expected) in [
            (json!({}), json!(["70,000 - 90,000 USD", "70000.00", "90000.00", "USD", "year"])),
            (json!({ "salary_range": "By agreement" }), json!(["By agreement", null, null, null, null])),
            (json!({ "salary_range": null }), json!([null, null, null, null, null])),
            (
                json!({ "salary_range": null, "salary_min": 15, "salary_currency": "eur", "salary_period": "hour" }),
                json!([null, "15.00", null, "EUR", "hour"]),
            ),
            // What is told in figures counts, whatever the words say.
            (
                json!({ "salary_min": "1", "salary_max": "2.50", "salary_currency": "GBP" }),
                json!(["70,000 - 90,000 USD", "1.00", "2.50", "GBP", "year"]),
            ),
            (
                json!({ "salary_max": "5000000", "salary_currency": "JPY", "salary_period": "month" }),
                json!(["70,000 - 90,000 USD", null, "5000000", "JPY", "month"]),
            ),
        ] {
            let answer = post(&app, &employer, sent.clone()).await;
            assert_eq!((answer.status, pay(&answer)), (201, expected), "{sent}");
        }
        // One after the other on one job.
        let path = format!("/job/manage/{}/", app.job(&employer).await);
        for (sent, expected) in [
            (json!({ "title": "Engineer" }), json!(["70,000 - 90,000 USD", "70000.00", "90000.00", "USD", "year"])),
            (json!({ "salary_max": 95_000 }), json!(["70,000 - 90,000 USD", "70000.00", "95000.00", "USD", "year"])),
            (json!({ "salary_range": "60,000 USD" }), json!(["60,000 USD", "60000.00", "60000.00", "USD", "year"])),
            (json!({ "salary_min": null }), json!(["60,000 USD", null, "60000.00", "USD", "year"])),
            (json!({ "salary_period": "month" }), json!(["60,000 USD", null, "60000.00", "USD", "month"])),
            (json!({ "salary_currency": "" }), json!(["60,000 USD", null, null, null, null])),
            (json!({ "salary_range": null }), json!([null, null, null, null, null])),
        ] {
            let answer = app.patch(&path, Some(&employer.token), sent.clone()).await;
            assert_eq!((answer.status, pay(&answer)), (200, expected.clone()), "{sent}");
            let shown = app.get(&path, Some(&employer.token)).await;
            assert_eq!(pay(&shown), expected, "{sent}");
        }
    }

    async fn all_that_is_wrong_with_pay_and_place_is_told_at_once(app) {
        let employer = app.employer().await;
        let wrong = json!({
            "salary_min": "much", "salary_max": "1.234", "salary_currency": "USD", "salary_period": "decade",
            "workplace": "Remote", "country": "Bangladesh", "skills": ["Rust", "", "x".repeat(51)],
        });
        let expected = json!({
            "salary_min": ["A valid number is required."],
            "salary_max": ["Ensure that there are no more than 2 decimal places."],
            "salary_period": ["\"decade\" is not a valid choice."],
            "workplace": ["\"Remote\" is not a valid choice."],
            "country": ["\"Bangladesh\" is not a valid choice."],
            "skills": [
                "Item 2: This field may not be blank.", "Item 3: Ensure this field has no more than 50 characters.",
            ],
        });
        assert_eq!(post(&app, &employer, wrong.clone()).await.outcome(), (400, expected.clone()));
        let path = format!("/job/manage/{}/", app.job(&employer).await);
        assert_eq!(app.patch(&path, Some(&employer.token), wrong).await.outcome(), (400, expected));
        for (wrong, field, message) in [
            (json!({ "salary_min": 2, "salary_max": 1, "salary_currency": "USD" }), "salary_max",
                "The smallest pay is larger than the largest."),
            (json!({ "salary_min": -1, "salary_currency": "USD" }), "salary_min",
                "Ensure this value is greater than or equal to 0."),
            (json!({ "salary_max": "1.5", "salary_currency": "JPY" }), "salary_max",
                "Ensure that there are no more than 0 decimal places."),
            (json!({ "salary_min": "1e30", "salary_currency": "USD" }), "salary_min", "A valid number is required."),
            (json!({ "salary_min": "9".repeat(15), "salary_currency": "USD" }), "salary_min",
                "Ensure that there are no more than 14 digits in total."),
            (json!({ "salary_min": 1 }), "salary_currency", "This field is required."),
            (json!({ "salary_min": 1, "salary_currency": "XXQ" }), "salary_currency",
                "\"XXQ\" is not a valid choice."),
            (json!({ "skills": "Rust" }), "skills", "Expected a list of items but got type \"str\"."),
            (json!({ "skills": [1] }), "skills", "Not a valid string."),
            (json!({ "skills": vec!["Rust"; 31] }), "skills", "Ensure this field has no more than 30 elements."),
        ] {
            let answer = post(&app, &employer, wrong.clone()).await;
            assert_eq!((answer.status, &answer.json[field]), (400, &json!([message])), "{wrong}: {}", answer.json);
        }
    }

    async fn workplace_country_and_skills_are_set_and_taken_away(app) {
        let employer = app.employer().await;
        for workplace in ["on-site", "hybrid", "remote"] {
            let sent = json!({ "workplace": workplace, "country": "bD", "skills": [" Rust", "SQL", "rust"] });
            let answer = post(&app, &employer, sent).await;
            let told = json!([answer.json["workplace"], answer.json["country"], answer.json["skills"]]);
            assert_eq!((answer.status, told), (201, json!([workplace, "BD", ["Rust", "SQL"]])));
            let path = format!("/job/manage/{}/", answer.id());
            let same = app.patch(&path, Some(&employer.token), json!({ "title": "Engineer" })).await;
            let expected = json!({ "title": "Engineer", "updated_at": same.json["updated_at"] });
            assert_eq!(same.outcome(), (200, with(answer.json.clone(), &expected)));
            let none = json!({ "workplace": null, "country": "", "skills": [] });
            let cleared = app.patch(&path, Some(&employer.token), none).await;
            let expected = json!({
                "workplace": null, "country": null, "skills": [], "updated_at": cleared.json["updated_at"],
            });
            assert_eq!(cleared.outcome(), (200, with(same.json, &expected)));
        }
        let full: Vec<_> = (0..30).map(|number| format!("Skill {number}")).collect();
        let answer = post(&app, &employer, json!({ "skills": full })).await;
        assert_eq!((answer.status, &answer.json["skills"]), (201, &json!(full)));
    }

    async fn a_job_without_a_company_is_of_the_employers_own(app) {
        let ((alice, _), mut body) = (alice(&app).await, app.job_body());
        body.as_object_mut().unwrap().remove("company_name");
        let answer = app.post("/job/manage/", Some(&alice.token), body).await;
        assert_eq!((answer.status, &answer.json["company_name"]), (201, &json!("Alice Smith Solutions")));
    }

    async fn the_owner_changes_a_job_on_either_path(app) {
        let employer = app.employer().await;
        let posted = post(&app, &employer, json!({})).await;
        let mut expected = posted.json.clone();
        for path in ["/job/manage", "/jobs/manage"] {
            let path = format!("{path}/{}/", posted.id());
            let changes = json!({
                "title": format!("Changed at {path}"), "deadline": "2099-12-31T06:00:00+06:00", "salary_range": null,
                "application_link": "", "is_deleted": true, "posted_at": "2001-01-01T00:00:00Z",
            });
            expected = with(expected.clone(), &json!({
                "title": changes["title"], "deadline": "2099-12-31T00:00:00.000000Z", "salary_range": null,
                "application_link": null, "salary_min": null, "salary_max": null, "salary_currency": null,
                "salary_period": null,
            }));
            let answer = app.patch(&path, Some(&employer.token), changes).await;
            expected["updated_at"] = recent(&app, &answer.json["updated_at"]);
            assert_eq!(answer.outcome(), (200, expected.clone()), "PATCH {path}");
            assert_eq!(app.patch(&path, Some(&employer.token), json!({})).await.outcome(), (200, expected));
            let answer = app.put(&path, Some(&employer.token), app.job_body()).await;
            let updated_at = recent(&app, &answer.json["updated_at"]);
            let whole = with(posted.json.clone(), &json!({ "updated_at": updated_at }));
            assert_eq!(answer.outcome(), (200, whole), "PUT {path}");
            expected = answer.json;
        }
    }

    async fn only_its_owner_changes_or_takes_down_a_job(app) {
        let (owner, other, candidate) = (app.employer().await, app.employer().await, app.candidate().await);
        let job = app.job(&owner).await;
        let path = format!("/job/{job}/");
        let shown = app.get(&path, Some(&owner.token)).await;
        for (method, path) in [
            ("PUT", format!("/job/manage/{job}/")), ("PATCH", format!("/job/manage/{job}/")),
            ("PUT", format!("/jobs/manage/{job}/")), ("PATCH", format!("/jobs/manage/{job}/")),
            ("PUT", path.clone()), ("DELETE", path.clone()), ("DELETE", format!("/job/manage/{job}/")),
        ] {
            for (caller, expected) in [
                (&other, detail(404, "Job not found.")),
                (&candidate, detail(403, "You do not have permission to perform this action.")),
            ] {
                let answer = app.client.call(method, &path, Some(&caller.token), Some(app.job_body())).await;
                assert_eq!(answer.outcome(), expected, "{method} {path}");
            }
        }
        assert_eq!(app.get(&path, Some(&owner.token)).await.outcome(), shown.outcome());
    }

    async fn a_job_that_is_taken_down_is_gone_for_good_and_at_once(app) {
        let (owner, reader) = (app.employer().await, app.candidate().await);
        for (method, path) in [("PUT", "/job"), ("DELETE", "/job"), ("DELETE", "/job/manage")] {
            let posted = post(&app, &owner, json!({})).await;
            let id = posted.id();
            // Whatever is remembered of these must not outlive the job.
            assert_eq!(app.get(&format!("/job/{id}/"), Some(&reader.token)).await.status, 200);
            assert_eq!(search(&app, &reader, "").await.len(), 1);
            assert_eq!(app.get("/job/", Some(&owner.token)).await.status, 200);

            let path = format!("{path}/{id}/");
            let answer = app.client.call(method, &path, Some(&owner.token), None).await;
            let updated_at = recent(&app, &answer.json["data"]["updated_at"]);
            let gone = json!({ "is_deleted": true, "state": "deleted", "updated_at": updated_at });
            let data = with(posted.json.clone(), &gone);
            assert_eq!(answer.outcome(), (200, json!({ "error": "Job is deleted.", "data": data })), "{method} {path}");
            let again = app.client.call(method, &path, Some(&owner.token), None).await;
            let already = "Job is already deleted.";
            assert_eq!(again.outcome(), (400, json!({ "error": already, "detail": already })));

            for token in [&owner.token, &reader.token] {
                for path in [format!("/job/{id}/"), format!("/job/manage/{id}/")] {
                    assert_eq!(app.get(&path, Some(token)).await.outcome(), detail(404, "Job not found."));
                }
            }
            assert!(search(&app, &reader, "").await.is_empty());
            assert!(search(&app, &reader, &format!("id={id}")).await.is_empty());
            assert_eq!(app.get("/job/", Some(&owner.token)).await.status, 404);
            let revive = with(app.job_body(), &json!({ "is_deleted": false }));
            for method in ["PUT", "PATCH"] {
                let path = format!("/job/manage/{id}/");
                let answer = app.client.call(method, &path, Some(&owner.token), Some(revive.clone())).await;
                assert_eq!(answer.outcome(), detail(404, "Job not found."), "{method}");
            }
        }
    }

    async fn an_employer_lists_the_own_jobs(app) {
        let (employer, other) = (app.employer().await, app.employer().await);
        let none = json!({ "Total Job": 0, "jobs": [], "detail": "No jobs found." });
        assert_eq!(app.get("/job/", Some(&employer.token)).await.outcome(), (404, none));
        let (first, second) = (post(&app, &employer, json!({})).await, post(&app, &employer, json!({})).await);
        let gone = app.job(&employer).await;
        app.delete(&format!("/job/{gone}/"), Some(&employer.token)).await;
        app.job(&other).await;
        for path in ["/job/", "/job/manage/"] {
            let answer = app.get(path, Some(&employer.token)).await;
            assert_eq!(answer.outcome(), (200, json!({ "Total Job": 2, "jobs": [second.json, first.json] })), "{path}");
            assert_eq!((answer.header("x-total-count"), answer.header("link")), ("2", ""));
        }
        let page = app.get("/job/?page=2&page_size=1", Some(&employer.token)).await;
        assert_eq!(page.outcome(), (200, json!({ "Total Job": 2, "jobs": [first.json] })));
        assert_eq!(page.header("link"), format!("<{}/job/?page_size=1&page=1>; rel=\"prev\"", app.client.base));
        assert_eq!(app.get("/job/?page=2", Some(&employer.token)).await.outcome(), detail(404, "Invalid page."));
        // What has expired is still the employer's.
        app.pass(TimeDelta::days(36_500));
        let again = app.login(&employer.email, jobportal_tests::app::PASSWORD).await;
        let token = again.json["access_token"].as_str().unwrap();
        assert_eq!(app.get("/job/", Some(token)).await.json["Total Job"], 2);
    }

    async fn a_job_is_shown_with_its_employer_and_the_number_of_applications(app) {
        let ((alice, profile), reader) = (alice(&app).await, app.candidate().await);
        let posted = post(&app, &alice, json!({})).await;
        let mut job = job_fields(posted.id(), &posted.json["posted_at"]);
        for applications in 0..3 {
            job = with(job.clone(), &json!({ "employer": profile, "total_applications": applications }));
            for path in ["/job", "/job/manage"] {
                let answer = app.get(&format!("{path}/{}/", posted.id()), Some(&reader.token)).await;
                assert_eq!(answer.outcome(), (200, job.clone()));
            }
            let found = app.get("/job/search/", Some(&reader.token)).await;
            assert_eq!(found.outcome(), (200, json!({
                "total_jobs": 1, "total_is_exact": true, "data": [job], "next_cursor": null, "corrected": null,
            })));
            app.application(&app.candidate().await, posted.id()).await;
        }
        assert_eq!(app.get("/job/4711/", Some(&reader.token)).await.outcome(), detail(404, "Job not found."));
    }
}
