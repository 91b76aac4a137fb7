//! Applying for jobs, and what employers do with applications.

use chrono::{NaiveTime, TimeDelta};
use futures_util::future::join_all;
use jobportal_tests::app::{Account, TestApp};
use jobportal_tests::app_tests;
use jobportal_tests::client::{Answer, detail};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::common::{blank_candidate, with};
use crate::jobs::{alice, job_fields, recent};
use crate::limits::{Allowance, told};

const PDF: &[u8] = b"%PDF-1.4\n1 0 obj <<>> endobj\ntrailer <<>>\n%%EOF\n";
const WRONG_ROLE: &str = "You do not have permission to perform this action.";

pub(crate) async fn apply(app: &TestApp, candidate: &Account, job: i64, body: Value) -> Answer {
    app.post(&format!("/application/{job}/"), Some(&candidate.token), body).await
}

async fn status_of(app: &TestApp, owner: &Account, application: i64) -> Answer {
    app.get(&format!("/application/status/{application}/"), Some(&owner.token)).await
}

pub(crate) async fn jobs(app: &TestApp, count: usize) -> Vec<i64> {
    let employer = app.employer().await;
    let mut jobs = Vec::new();
    for _ in 0..count {
        jobs.push(app.job(&employer).await);
    }
    jobs
}

/// How often each status came.
fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

/// Moves the portal's clock to the next day at one o'clock, far from midnight.
pub(crate) fn start_a_day(app: &TestApp) {
    let tomorrow = app.now().date_naive() + TimeDelta::days(1);
    app.pass(tomorrow.and_time(NaiveTime::MIN).and_utc() + TimeDelta::hours(1) - app.now());
}

/// A candidate whose profile is filled in, and how answers show it.
async fn bob(app: &TestApp) -> (Account, Value) {
    let bob = app.candidate().await;
    let personal = json!({
        "first_name": "Bob", "last_name": "Abc", "address": "123 Main St, Springfield, USA", "bio": "Motivated.",
        "social_links": ["https://github.com/bob"], "gender": "male", "birth_date": "1995-06-15",
    });
    let professional = json!({
        "education": ["Bachelor of Science"], "experience": ["Lead Developer (2021-Present)"],
        "skills": ["Rust", "SQL"], "languages": ["English", "Bangla"], "projects": ["Inventory system"],
        "certificate": ["Certified"], "awards": ["Employee of the Year"], "club_and_committee": ["President"],
        "Competitive_exams": ["GRE - Score: 320"],
    });
    app.patch("/candidate/profile/", Some(&bob.token), personal.clone()).await;
    let details = app.post("/candidate/profile/", Some(&bob.token), professional.clone()).await;
    assert_eq!(details.status, 200);
    let details = with(professional.clone(), &json!({ "id": details.id(), "resume": null, "candidate": bob.profile }));
    let profile = with(blank_candidate(&bob), &personal);
    let profile = with(profile.clone(), &json!({ "profile_details": details }));
    (bob, profile)
}

app_tests! {
    async fn a_candidate_applies(app) {
        let (candidate, employer) = (app.candidate().await, app.employer().await);
        let job = app.job(&employer).await;
        let answer = apply(&app, &candidate, job, json!({
            "job": job, "candidate": candidate.profile, "status": "applied",
            "cover_letter": "I am very excited to apply.", "resume": "path/to/resume.pdf",
            "expected_salary": 75000.00, "notice_period": "1 month",
        })).await;
        assert_eq!(answer.outcome(), (201, json!({
            "id": answer.id(), "application_date": recent(&app, &answer.json["application_date"]), "status": "applied",
            "cover_letter": "I am very excited to apply.", "resume": null, "expected_salary": "75000.00",
            "notice_period": "1 month", "job": job, "candidate": candidate.profile,
        })));
        let own = app.get("/candidate/application/list/", Some(&candidate.token)).await;
        assert_eq!(own.outcome(), (200, json!({ "Total_Application": 1, "data": [answer.json] })));
    }

    async fn a_candidate_applies_with_a_resume(app) {
        let (candidate, employer) = (app.candidate().await, app.employer().await);
        let job = app.job(&employer).await;
        let form = Form::new()
            .text("job", job.to_string())
            .text("cover_letter", "See my résumé.")
            .text("expected_salary", "75000.5")
            .part("resume", Part::bytes(PDF).file_name("../../Profile.PDF"));
        let answer = app.client.form("POST", &format!("/application/{job}/"), Some(&candidate.token), form).await;
        let resume = answer.json["resume"].as_str().expect("a path").to_owned();
        let (_, file) = resume.split_once("/documents/resumes/").expect("a path below that of résumés");
        assert!(file.split_once('.').is_some_and(|(name, format)| name.len() > 20 && format == "pdf"), "{file}");
        assert_eq!(answer.outcome(), (201, json!({
            "id": answer.id(), "application_date": answer.json["application_date"], "status": "applied",
            "cover_letter": "See my résumé.", "resume": resume, "expected_salary": "75000.50",
            "notice_period": null, "job": job, "candidate": candidate.profile,
        })));
        assert_eq!(app.get(&resume, Some(&employer.token)).await.bytes, PDF);
        assert_eq!(status_of(&app, &employer, answer.id()).await.json["data"]["resume"], resume);
    }

    async fn an_application_may_say_nothing(app) {
        let (candidate, job) = (app.candidate().await, jobs(&app, 1).await[0]);
        let answer = app.client.call("POST", &format!("/application/{job}/"), Some(&candidate.token), None).await;
        assert_eq!(answer.outcome(), (201, json!({
            "id": answer.id(), "application_date": answer.json["application_date"], "status": "applied",
            "cover_letter": null, "resume": null, "expected_salary": null, "notice_period": null, "job": job,
            "candidate": candidate.profile,
        })));
    }

    async fn a_salary_is_a_decimal_text_whatever_it_was_sent_as(app) {
        let (candidate, jobs) = (app.candidate().await, jobs(&app, 5).await);
        let sent = [json!(75000), json!(75000.5), json!("75000"), json!("00.50"), json!(0)];
        let shown = ["75000.00", "75000.50", "75000.00", "0.50", "0.00"];
        for ((job, sent), shown) in jobs.into_iter().zip(sent).zip(shown) {
            let answer = apply(&app, &candidate, job, json!({ "expected_salary": sent })).await;
            assert_eq!((answer.status, &answer.json["expected_salary"]), (201, &json!(shown)), "{sent}");
        }
    }

    async fn all_wrong_fields_are_told_at_once(app) {
        let (candidate, job) = (app.candidate().await, jobs(&app, 1).await[0]);
        let answer = apply(&app, &candidate, job, json!({
            "job": "x", "candidate": [], "cover_letter": "x".repeat(10_001), "expected_salary": "a lot",
            "notice_period": {},
        })).await;
        assert_eq!(answer.outcome(), (400, json!({
            "job": ["A valid integer is required."],
            "candidate": ["A valid integer is required."],
            "cover_letter": ["Ensure this field has no more than 10000 characters."],
            "expected_salary": ["A valid number is required."],
            "notice_period": ["Not a valid string."],
        })));
        let form = Form::new().text("expected_salary", "-1").part("resume", Part::bytes(b"MZ").file_name("cv.pdf"));
        let answer = app.client.form("POST", &format!("/application/{job}/"), Some(&candidate.token), form).await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.json.as_object().unwrap().keys().collect::<Vec<_>>(), ["expected_salary", "resume"]);
        for (salary, message) in [
            (json!(-1), "Ensure this value is greater than or equal to 0."),
            (json!("1.005"), "Ensure that there are no more than 2 decimal places."),
            (json!("10000000000"), "Ensure that there are no more than 12 digits in total."),
            (json!("1e3"), "A valid number is required."), (json!("NaN"), "A valid number is required."),
        ] {
            let answer = apply(&app, &candidate, job, json!({ "expected_salary": salary })).await;
            assert_eq!(answer.outcome(), (400, json!({ "expected_salary": [message] })), "{salary}");
        }
    }

    async fn the_second_time_nothing_changes(app) {
        let (candidate, employer) = (app.candidate().await, app.employer().await);
        let job = app.job(&employer).await;
        let first = apply(&app, &candidate, job, json!({ "cover_letter": "First." })).await;
        let already = (200, json!({ "status": "Already Applied" }));
        assert_eq!(apply(&app, &candidate, job, json!({ "cover_letter": "Second." })).await.outcome(), already);
        let own = app.get("/candidate/application/list/", Some(&candidate.token)).await;
        assert_eq!(own.json, json!({ "Total_Application": 1, "data": [first.json] }));
        app.delete(&format!("/job/{job}/"), Some(&employer.token)).await;
        assert_eq!(apply(&app, &candidate, job, json!({})).await.outcome(), already);
    }

    async fn ids_in_the_body_choose_nobody_and_no_other_job(app) {
        let (candidate, other, jobs) = (app.candidate().await, app.candidate().await, jobs(&app, 2).await);
        for foreign in [json!({ "candidate": other.profile }), json!({ "job": jobs[1] })] {
            let answer = apply(&app, &candidate, jobs[0], foreign).await;
            assert_eq!(answer.outcome(), detail(403, "You may only act for yourself."));
        }
        for account in [&candidate, &other] {
            let own = app.get("/candidate/application/list/", Some(&account.token)).await;
            assert_eq!(own.outcome(), (200, json!({ "Total_Application": 0, "data": [] })));
        }
    }

    async fn a_new_application_is_applied_whatever_it_says(app) {
        let (candidate, job) = (app.candidate().await, jobs(&app, 1).await[0]);
        let answer = apply(&app, &candidate, job, json!({
            "id": 4711, "status": "offered", "application_date": "2001-01-01T00:00:00Z",
        })).await;
        assert_eq!((answer.status, &answer.json["status"]), (201, &json!("applied")));
        assert_ne!(answer.id(), 4711);
        recent(&app, &answer.json["application_date"]);
    }

    async fn only_candidates_apply(app) {
        let (employer, admin) = (app.employer().await, app.admin().await);
        let job = app.job(&employer).await;
        for account in [&employer, &admin] {
            assert_eq!(apply(&app, account, job, json!({})).await.outcome(), detail(403, WRONG_ROLE));
        }
    }

    async fn a_job_that_is_not_there_is_not_found_and_one_that_is_over_conflicts(app) {
        let (candidate, employer) = (app.candidate().await, app.employer().await);
        assert_eq!(apply(&app, &candidate, 4711, json!({})).await.outcome(), detail(404, "Job not found."));
        let deleted = app.job(&employer).await;
        app.delete(&format!("/job/{deleted}/"), Some(&employer.token)).await;
        let gone = apply(&app, &candidate, deleted, json!({})).await;
        assert_eq!(gone.outcome(), detail(409, "Job is already deleted."));
        let deadline = (app.now() + TimeDelta::minutes(5)).to_rfc3339();
        let body = with(app.job_body(), &json!({ "deadline": deadline }));
        let job = app.post("/job/manage/", Some(&employer.token), body).await.id();
        app.pass(TimeDelta::minutes(5));
        let late = apply(&app, &candidate, job, json!({})).await;
        assert_eq!(late.outcome(), detail(409, "The deadline for applications has passed."));
    }

    async fn one_application_a_candidate_and_job_holds_under_concurrent_requests(app) {
        let (candidate, employer) = (app.candidate().await, app.employer().await);
        let job = app.job(&employer).await;
        let answers = join_all((0..20).map(|_| apply(&app, &candidate, job, json!({})))).await;
        assert_eq!((count(&answers, 201), count(&answers, 200)), (1, 19));
        let all = app.get(&format!("/application/all/{job}/"), Some(&employer.token)).await;
        assert_eq!(all.json["data"].as_array().unwrap().len(), 1);
        assert_eq!(app.get(&format!("/job/{job}/"), Some(&employer.token)).await.json["total_applications"], 1);
    }

    async fn the_daily_quota_of_the_free_plan_holds_until_midnight(app) {
        start_a_day(&app);
        let (candidate, jobs) = (app.candidate().await, jobs(&app, 7).await);
        let allowance = |answer: &Answer| {
            let allowances = told(answer);
            assert_eq!(allowances.len(), 1, "{allowances:?}");
            let Allowance { policy, remaining, reset_after } = allowances.into_iter().next().unwrap();
            assert_eq!(policy, "\"applications\";q=5;w=86400");
            assert!((82_000..=82_800).contains(&reset_after), "{reset_after}");
            remaining
        };
        for (job, left) in jobs[..5].iter().zip([4, 3, 2, 1, 0]) {
            let answer = apply(&app, &candidate, *job, json!({})).await;
            assert_eq!((answer.status, allowance(&answer)), (201, left));
        }
        let sixth = apply(&app, &candidate, jobs[5], json!({})).await;
        assert_eq!(sixth.outcome(), detail(429, "You have reached your plan's limit of 5 job applications per day."));
        let wait: i64 = sixth.header("retry-after").parse().unwrap();
        assert_eq!((allowance(&sixth), told(&sixth)[0].reset_after), (0, wait.unsigned_abs()));
        // Neither what was refused nor what was sent before counts.
        let again = apply(&app, &candidate, jobs[0], json!({})).await;
        assert_eq!((again.status, told(&again).len()), (200, 0));
        assert_eq!(apply(&app, &app.candidate().await, jobs[5], json!({})).await.status, 201);
        let own = app.get("/candidate/application/list/", Some(&candidate.token)).await;
        assert_eq!(own.json["Total_Application"], 5);
        app.pass(TimeDelta::seconds(wait));
        let candidate = app.again(&candidate).await;
        assert_eq!(apply(&app, &candidate, jobs[5], json!({})).await.status, 201);
    }

    async fn the_daily_quota_holds_under_concurrent_requests(app) {
        start_a_day(&app);
        let (candidate, jobs) = (app.candidate().await, jobs(&app, 20).await);
        let answers = join_all(jobs.iter().map(|job| apply(&app, &candidate, *job, json!({})))).await;
        assert_eq!((count(&answers, 201), count(&answers, 429)), (5, 15));
        let own = app.get("/candidate/application/list/", Some(&candidate.token)).await;
        assert_eq!(own.json["Total_Application"], 5);
    }

    async fn the_daily_quota_is_that_of_the_active_plan(app) {
        start_a_day(&app);
        let (candidate, jobs) = (app.candidate().await, jobs(&app, 12).await);
        let plans = app.get("/subscription/plan/", Some(&candidate.token)).await.json;
        let choose = async |name: &str| {
            let plan = plans.as_array().unwrap().iter().find(|plan| plan["name"] == name).unwrap();
            let body = json!({ "plan": plan["id"] });
            assert_eq!(app.post("/subscription/add/plan/", Some(&candidate.token), body).await.status, 201);
        };
        for job in &jobs[..5] {
            assert_eq!(apply(&app, &candidate, *job, json!({})).await.status, 201);
        }
        choose("basic").await;
        for job in &jobs[5..10] {
            assert_eq!(apply(&app, &candidate, *job, json!({})).await.status, 201);
        }
        let answer = apply(&app, &candidate, jobs[10], json!({})).await;
        assert_eq!(answer.outcome(), detail(429, "You have reached your plan's limit of 10 job applications per day."));
        choose("free").await;
        let answer = apply(&app, &candidate, jobs[10], json!({})).await;
        assert_eq!(answer.outcome(), detail(429, "You have reached your plan's limit of 5 job applications per day."));
    }

    async fn the_owner_of_a_job_sees_its_applications_and_nobody_else(app) {
        let ((alice, _), (bob, bobs_profile)) = (alice(&app).await, bob(&app).await);
        let (blank, other) = (app.candidate().await, app.employer().await);
        let posted = app.post("/job/manage/", Some(&alice.token), app.job_body()).await;
        let path = format!("/application/all/{}/", posted.id());
        let none = json!({ "data": [], "detail": "No applications found for this job." });
        assert_eq!(app.get(&path, Some(&alice.token)).await.outcome(), (404, none));
        let form = json!({ "cover_letter": "Hello.", "expected_salary": "75000", "notice_period": "1 month" });
        let mut applications = Vec::new();
        for (candidate, profile) in [(&bob, bobs_profile), (&blank, blank_candidate(&blank))] {
            let sent = apply(&app, candidate, posted.id(), form.clone()).await.json;
            applications.push(with(sent.clone(), &json!({ "job": posted.json, "candidate": profile })));
        }
        // What the owner has just read is not for others to read after.
        assert_eq!(app.get(&path, Some(&alice.token)).await.outcome(), (200, json!({ "data": applications })));
        assert_eq!(app.get(&path, Some(&other.token)).await.outcome(), detail(404, "Job not found."));
        for account in [&bob, &app.admin().await] {
            assert_eq!(app.get(&path, Some(&account.token)).await.outcome(), detail(403, WRONG_ROLE));
        }
        let second = app.get(&format!("{path}?page=2&page_size=1"), Some(&alice.token)).await;
        assert_eq!(second.outcome(), (200, json!({ "data": [applications[1]] })));
        let previous = format!("<{}{path}?page_size=1&page=1>; rel=\"prev\"", app.client.base);
        assert_eq!((second.header("x-total-count"), second.header("link")), ("2", previous.as_str()));
        let third = app.get(&format!("{path}?page=2"), Some(&alice.token)).await;
        assert_eq!(third.outcome(), detail(404, "Invalid page."));
        let unknown = app.get("/application/all/4711/", Some(&alice.token)).await;
        assert_eq!(unknown.outcome(), detail(404, "Job not found."));
    }

    async fn an_application_is_shown_with_the_names_of_the_list_and_not_skills_or_accepted_salary(app) {
        let ((alice, employer), (bob, candidate)) = (alice(&app).await, bob(&app).await);
        let posted = app.post("/job/manage/", Some(&alice.token), app.job_body()).await;
        let form = json!({ "expected_salary": "75000", "cover_letter": "Hello." });
        let sent = apply(&app, &bob, posted.id(), form).await;
        let job = with(job_fields(posted.id(), &posted.json["posted_at"]), &json!({ "employer": employer }));
        let shown = with(sent.json.clone(), &json!({ "job": job, "candidate": candidate }));
        assert_eq!(status_of(&app, &alice, sent.id()).await.outcome(), (200, json!({ "data": shown })));
        let (other, missing) = (app.employer().await, detail(404, "Job application not found."));
        assert_eq!(status_of(&app, &other, sent.id()).await.outcome(), missing);
        assert_eq!(status_of(&app, &alice, 4711).await.outcome(), missing);
        assert_eq!(status_of(&app, &bob, sent.id()).await.outcome(), detail(403, WRONG_ROLE));
    }

    async fn the_owner_moves_an_application_in_any_letter_case_and_all_see_it_at_once(app) {
        let (owner, candidate) = (app.employer().await, app.candidate().await);
        let application = app.application(&candidate, app.job(&owner).await).await;
        let path = format!("/application/status/{application}/");
        for spelling in ["Selected", "interviewed", "OFFERED", " rejected ", "applied"] {
            let answer = app.patch(&path, Some(&owner.token), json!({ "status": spelling })).await;
            assert_eq!(answer.outcome(), (200, json!({ "message": "Job Application's Status is updated." })));
            let status = spelling.trim().to_lowercase();
            assert_eq!(status_of(&app, &owner, application).await.json["data"]["status"], status);
            let own = app.get("/candidate/application/list/", Some(&candidate.token)).await;
            assert_eq!(own.json["data"][0]["status"], status);
        }
    }

    async fn only_the_owner_moves_an_application_and_only_to_a_known_status(app) {
        let (owner, other, candidate) = (app.employer().await, app.employer().await, app.candidate().await);
        let application = app.application(&candidate, app.job(&owner).await).await;
        let path = format!("/application/status/{application}/");
        let move_to = async |account: &Account, body| app.patch(&path, Some(&account.token), body).await.outcome();
        let selected = json!({ "status": "selected" });
        assert_eq!(move_to(&other, selected.clone()).await, detail(404, "Job application not found."));
        assert_eq!(move_to(&candidate, selected.clone()).await, detail(403, WRONG_ROLE));
        for (body, message) in [
            (json!({ "status": "hired" }), "\"hired\" is not a valid choice."),
            (json!({ "status": "" }), "\"\" is not a valid choice."),
            (json!({ "status": null }), "This field may not be null."),
            (json!({ "status": ["selected"] }), "Not a valid string."),
            (json!({}), "This field is required."),
        ] {
            assert_eq!(move_to(&owner, body).await, (400, json!({ "status": [message] })));
        }
        let unknown = app.patch("/application/status/4711/", Some(&owner.token), selected).await;
        assert_eq!(unknown.outcome(), detail(404, "Job application not found."));
        assert_eq!(status_of(&app, &owner, application).await.json["data"]["status"], "applied");
    }
}
