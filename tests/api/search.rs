//! Finding jobs, suggestions, and jobs that are like another.

use chrono::TimeDelta;
use jobportal_tests::app::{Account, TestApp};
use jobportal_tests::app_tests;
use jobportal_tests::client::{Answer, detail};
use serde_json::{Value, json};

use crate::common::with;
use crate::jobs::search;

async fn post(app: &TestApp, employer: &Account, changes: Value) -> Answer {
    let answer = app.post("/job/manage/", Some(&employer.token), with(app.job_body(), &changes)).await;
    assert_eq!(answer.status, 201, "{}", answer.json);
    answer
}

async fn titled(app: &TestApp, employer: &Account, title: &str) -> i64 {
    post(app, employer, json!({ "title": title })).await.id()
}

app_tests! {
    async fn a_search_filters_by_every_field_and_by_all_of_them_together(app) {
        let (employer, reader) = (app.employer().await, app.candidate().await);
        for (title, location, job_type, job_subtype, experience_level) in [
            ("Rust engineer", "Dhaka", "Private", "Full-time", "Mid"),
            ("Senior rust ENGINEER", "Old Dhaka", "Government", "Contract", "Senior"),
            ("Clerk", "Chittagong", "Government", "Part-time", "Entry"),
        ] {
            let answer = post(&app, &employer, json!({
                "title": title, "location": location, "job_type": job_type, "job_subtype": job_subtype,
                "experience_level": experience_level,
            })).await;
            assert_eq!(answer.status, 201);
        }
        let clerk = app.get("/job/search/?title=clerk", Some(&reader.token)).await.json["data"][0]["id"].clone();
        let (rust, senior, clerk_only) = ("Rust engineer", "Senior rust ENGINEER", ["Clerk"].as_slice());
        for (query, expected) in [
            ("", ["Clerk", senior, rust].as_slice()),
            ("title=&location=", &["Clerk", senior, rust]),
            ("title=engineer", &[senior, rust]),
            ("title=ST+eng", &[senior, rust]),
            ("location=dhaka", &[senior, rust]),
            ("location=old", &[senior]),
            ("job_type=Private", &[rust]),
            ("job_type=Government", &["Clerk", senior]),
            ("job_subtype=Part-time", clerk_only),
            ("experience_level=Senior", &[senior]),
            ("job_type=Government&location=DHAKA&title=rust&job_subtype=Contract&experience_level=Senior", &[senior]),
            ("job_type=Private&location=chittagong", &[]),
            (&format!("id={clerk}"), clerk_only),
            (&format!("id={clerk}&title=rust"), &[]),
            ("id=-1", &[]),
        ] {
            assert_eq!(search(&app, &reader, query).await, expected, "{query}");
        }
    }

    async fn a_search_takes_letters_of_any_script_and_signs_for_themselves(app) {
        let (employer, reader) = (app.employer().await, app.candidate().await);
        let titles = [
            "Ärztin für Öffentlichkeit", "সফটওয়্যার প্রকৌশলী", "100% remote", "100 remote", "snake_case",
            "back\\slash",
        ];
        for title in titles {
            titled(&app, &employer, title).await;
        }
        for (query, expected) in [
            ("title=äRZTIN+FÜR+ö", titles[0]), ("title=প্রকৌশলী", titles[1]), ("title=%25", titles[2]),
            ("title=_", titles[4]), ("title=%5C", titles[5]),
        ] {
            assert_eq!(search(&app, &reader, query).await, [expected], "{query}");
        }
        for nothing in ["title=s%25e", "title=1__", "title='+OR+1=1+--"] {
            assert!(search(&app, &reader, nothing).await.is_empty(), "{nothing}");
        }
    }

    async fn everything_that_is_wrong_with_a_search_is_told_at_once(app) {
        let reader = app.candidate().await;
        let path = "/job/search/?id=x&job_type=Private,Banana&job_subtype=1&experience_level=mid&country=UK&salary_min=x\
            &currency=EUR&sort=best&facets=title&exclude_applied=perhaps&titel=clerk&page=x&page_size=0";
        assert_eq!(app.get(path, Some(&reader.token)).await.outcome(), (400, json!({
            "id": ["A valid integer is required."],
            "job_type": ["\"Banana\" is not a valid choice."],
            "job_subtype": ["\"1\" is not a valid choice."],
            "experience_level": ["\"mid\" is not a valid choice."],
            "country": ["\"UK\" is not a valid choice."],
            "salary_min": ["A valid number is required."],
            "sort": ["\"best\" is not a valid choice."],
            "facets": ["\"title\" is not a valid choice."],
            "exclude_applied": ["Must be a valid boolean."],
            "titel": ["Unknown parameter. Did you mean \"title\"?"],
            "page_size": ["A valid integer of at least 1 is required."],
        })));
    }

    async fn a_search_hides_jobs_from_their_deadline_on(app) {
        let (employer, reader) = (app.employer().await, app.candidate().await);
        let deadline = app.now() + TimeDelta::minutes(5);
        post(&app, &employer, json!({ "title": "Soon over", "deadline": deadline.to_rfc3339() })).await;
        titled(&app, &employer, "Open").await;
        assert_eq!(search(&app, &reader, "").await, ["Open", "Soon over"]);
        app.pass(TimeDelta::minutes(5));
        assert_eq!(search(&app, &reader, "").await, ["Open"]);
    }

    async fn a_search_is_paged_newest_first(app) {
        let (employer, reader) = (app.employer().await, app.candidate().await);
        for number in 1..=12 {
            titled(&app, &employer, &format!("Job {number}")).await;
        }
        let page = async |query: &str| {
            let answer = app.get(&format!("/job/search/?title=job{query}"), Some(&reader.token)).await;
            assert_eq!((answer.status, answer.header("x-total-count")), (200, "12"));
            assert_eq!(answer.json["total_jobs"], 12);
            let jobs = answer.json["data"].as_array().unwrap();
            let titles = jobs.iter().map(|job| job["title"].as_str().unwrap().replace("Job ", "")).collect::<Vec<_>>();
            (titles.join(" "), answer.header("link").replace(&app.client.base, ""))
        };
        let first = ("12 11 10 9 8 7 6 5 4 3".to_owned(), "</job/search/?title=job&page=2>; rel=\"next\"".to_owned());
        assert_eq!(page("").await, first);
        let last = ("2 1".to_owned(), "</job/search/?title=job&page=1>; rel=\"prev\"".to_owned());
        assert_eq!(page("&page=2").await, last);
        let middle = "</job/search/?title=job&page_size=5&page=3>; rel=\"next\", \
            </job/search/?title=job&page_size=5&page=1>; rel=\"prev\"";
        assert_eq!(page("&page_size=5&page=2").await, ("7 6 5 4 3".to_owned(), middle.to_owned()));
        assert_eq!(page("&page_size=1000").await.1, "");
        for wrong in ["page=3", "page=0", "page=-1", "page=abc", "page=4294967296"] {
            let answer = app.get(&format!("/job/search/?{wrong}"), Some(&reader.token)).await;
            assert_eq!(answer.outcome(), detail(404, "Invalid page."), "{wrong}");
        }
        let answer = app.get("/job/search/?page_size=0", Some(&reader.token)).await;
        assert_eq!(answer.outcome(), (400, json!({ "page_size": ["A valid integer of at least 1 is required."] })));
    }
}
