//! Candidates' profiles.

use jobportal_tests::app::{Account, TestApp};
use jobportal_tests::app_tests;
use jobportal_tests::client::{Answer, detail};
use reqwest::multipart::Form;
use serde_json::{Value, json};

use crate::common::{Cast, assert_unauthenticated, blank_candidate, contact, with};

const PROFILE: &str = "/candidate/profile/";
const NO_DATE: &str = "Date has wrong format. Use one of these formats instead: YYYY-MM-DD.";

/// The lists of the documented request.
fn lists() -> Value {
    json!({
        "education": [
            "Bachelor of Science in Computer Science - University of Springfield",
            "Master of Science in Software Engineering - Tech University",
        ],
        "experience": ["Software Developer at ABC Corp (2018-2021)", "Lead Developer at XYZ Ltd (2021-Present)"],
        "skills": ["Python", "Django", "SQL"],
        "languages": ["English", "Bangla"],
        "projects": ["E-commerce website development", "Inventory management system"],
        "certificate": ["Certified Python Developer", "AWS Certified Solutions Architect"],
        "awards": ["Employee of the Year 2020", "Best Innovation Award 2021"],
        "club_and_committee": ["Tech Club President", "Open Source Committee Member"],
        "Competitive_exams": ["GRE - Score: 320", "TOEFL - Score: 110"],
    })
}

fn empty_lists() -> Value {
    let keys = lists().as_object().unwrap().keys().map(|key| (key.clone(), json!([]))).collect();
    Value::Object(keys)
}

/// The personal part as documented.
fn personal() -> Value {
    json!({
        "first_name": "Mr",
        "last_name": "Abc",
        "address": "123 Main St, Springfield, USA",
        "bio": "A highly motivated software engineer with a passion for developing innovative programs.",
        "social_links": ["https://linkedin.com/in/johndoe", "https://github.com/johndoe"],
        "gender": "male",
        "birth_date": "1995-06-15",
    })
}

/// A professional part as answers show it.
fn professional(candidate: &Account, id: &Value, lists: &Value) -> Value {
    with(json!({ "id": id, "resume": null, "candidate": candidate.profile }), lists)
}

async fn own(app: &TestApp, candidate: &Account) -> Value {
    let answer = app.get(PROFILE, Some(&candidate.token)).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    answer.json
}

async fn patch(app: &TestApp, candidate: &Account, changes: Value) -> Answer {
    app.patch(PROFILE, Some(&candidate.token), changes).await
}

async fn post(app: &TestApp, candidate: &Account, lists: Value) -> Answer {
    app.post(PROFILE, Some(&candidate.token), lists).await
}

app_tests! {
    async fn the_documented_profile_is_shown_in_full_to_everyone_signed_in(app) {
        let cast = Cast::of(&app).await;
        let candidate = &cast.candidate;
        let own_keys = json!({ "candidate": candidate.profile, "resume": "/documents/resumes/Profile.pdf" });
        let answer = post(&app, candidate, with(lists(), &own_keys)).await;
        let details = professional(candidate, &answer.json["id"], &lists());
        assert_eq!(answer.outcome(), (200, details.clone()));

        let answer = patch(&app, candidate, with(personal(), &json!({ "user": candidate.user }))).await;
        let profile = with(with(blank_candidate(candidate), &personal()), &json!({ "profile_details": details }));
        assert_eq!(answer.outcome(), (200, profile.clone()));

        let account = with(contact(candidate, "candidate"), &json!({ "candidate": profile }));
        assert_eq!(own(&app, candidate).await, account);
        let other = &cast.other_candidate;
        let other = with(contact(other, "candidate"), &json!({ "candidate": blank_candidate(other) }));
        let everyone = json!([account, other]);
        let path = format!("{PROFILE}{}/", candidate.profile);
        for (path, expected) in [(path.as_str(), account), ("/candidate/profiles/", everyone)] {
            let [anonymous, signed_in @ ..] = cast.answers(&app, "GET", path, None).await;
            assert_unauthenticated(&anonymous);
            for answer in signed_in {
                assert_eq!(answer.outcome(), (200, expected.clone()), "{path}");
            }
        }
    }

    async fn a_profile_is_for_its_owner_to_change_and_for_candidates_to_have(app) {
        let cast = Cast::of(&app).await;
        for (method, body) in
            [("GET", None), ("POST", Some(lists())), ("PUT", Some(personal())), ("PATCH", Some(json!({})))]
        {
            let statuses = cast.statuses(&app, method, PROFILE, body).await;
            assert_eq!(statuses, [401, 200, 200, 403, 403, 403], "{method}");
        }
        let wrong_role = app.get(PROFILE, Some(&cast.employer.token)).await;
        assert_eq!(wrong_role.outcome(), detail(403, "You do not have permission to perform this action."));
    }

    async fn posting_replaces_the_professional_part_as_a_whole(app) {
        let candidate = app.candidate().await;
        let first = post(&app, &candidate, lists()).await;
        let id = &first.json["id"];
        let skills = with(empty_lists(), &json!({ "skills": ["Rust", "Rust"] }));
        let second = post(&app, &candidate, json!({ "skills": ["Rust", " Rust "], "awards": null })).await;
        assert_eq!(second.outcome(), (200, professional(&candidate, id, &skills)));
        let none = post(&app, &candidate, json!({})).await;
        assert_eq!(none.outcome(), (200, professional(&candidate, id, &empty_lists())));
        assert_eq!(own(&app, &candidate).await["candidate"]["profile_details"], none.json);
    }

    async fn what_a_change_of_the_personal_part_leaves_out_stays(app) {
        let candidate = app.candidate().await;
        let complete = with(blank_candidate(&candidate), &personal());
        let put = app.put(PROFILE, Some(&candidate.token), personal()).await;
        assert_eq!(put.outcome(), (200, complete.clone()));
        for method in ["PUT", "PATCH"] {
            let body = json!({ "bio": method });
            let answer = app.client.call(method, PROFILE, Some(&candidate.token), Some(body.clone())).await;
            assert_eq!(answer.outcome(), (200, with(complete.clone(), &body)));
        }
        let details = post(&app, &candidate, lists()).await.json;
        let answer = patch(&app, &candidate, json!({ "first_name": "Dr" })).await;
        let changes = json!({ "bio": "PATCH", "first_name": "Dr", "profile_details": details });
        assert_eq!(answer.outcome(), (200, with(complete, &changes)), "the professional part stays too");
    }

    async fn null_and_an_empty_text_take_a_value_away(app) {
        let candidate = app.candidate().await;
        for empty in [json!(null), json!(""), json!("  ")] {
            assert_eq!(patch(&app, &candidate, personal()).await.status, 200);
            let mut changes = personal();
            for (key, value) in changes.as_object_mut().unwrap() {
                *value = if key == "social_links" { json!(null) } else { empty.clone() };
            }
            assert_eq!(patch(&app, &candidate, changes).await.outcome(), (200, blank_candidate(&candidate)));
        }
        patch(&app, &candidate, personal()).await;
        let answer = patch(&app, &candidate, json!({ "social_links": [] })).await;
        assert_eq!(answer.json["social_links"], json!(null));
    }

    async fn everything_wrong_in_the_personal_part_is_told_at_once(app) {
        let candidate = app.candidate().await;
        let answer = patch(&app, &candidate, json!({
            "first_name": "x".repeat(151),
            "last_name": ["Abc"],
            "address": "x".repeat(501),
            "bio": "nul\u{0}",
            "social_links": ["https://github.com/johndoe", "javascript:alert(1)", "github.com"],
            "gender": {},
            "birth_date": "15.06.1995",
            "user": "me",
        })).await;
        let no_text = ["Not a valid string."];
        let body = json!({
            "first_name": ["Ensure this field has no more than 150 characters."],
            "last_name": no_text,
            "address": ["Ensure this field has no more than 500 characters."],
            "bio": ["Control characters are not allowed."],
            "social_links": ["Item 2: Enter a valid URL.", "Item 3: Enter a valid URL."],
            "gender": no_text,
            "birth_date": [NO_DATE],
            "user": ["A valid integer is required."],
        });
        assert_eq!(answer.outcome(), (400, body));
        for (field, value, message) in [
            ("birth_date", json!("1995-02-30"), NO_DATE),
            ("birth_date", json!("2995-06-15"), "The date of birth must be in the past."),
            ("birth_date", json!("1895-06-15"), "The date of birth must be after 1900-01-01."),
            ("social_links", json!("https://x.example"), "Expected a list of items but got type \"str\"."),
            ("social_links", json!([1, {}]), "Not a valid string."),
            ("social_links", json!(vec!["https://x.example"; 21]), "Ensure this field has no more than 20 elements."),
        ] {
            let answer = patch(&app, &candidate, json!({ field: value })).await;
            assert_eq!(answer.outcome(), (400, json!({ field: [message] })));
        }
        assert_eq!(own(&app, &candidate).await["candidate"], blank_candidate(&candidate), "nothing was changed");
    }

    async fn everything_wrong_in_the_professional_part_is_told_at_once(app) {
        let candidate = app.candidate().await;
        post(&app, &candidate, lists()).await;
        let answer = post(&app, &candidate, json!({
            "education": "none",
            "experience": ["fine", "", "x".repeat(501)],
            "skills": vec!["Rust"; 101],
            "languages": { "English": true },
            "Competitive_exams": [null],
            "candidate": 1.5,
        })).await;
        let body = json!({
            "education": ["Expected a list of items but got type \"str\"."],
            "experience": [
                "Item 2: This field may not be blank.",
                "Item 3: Ensure this field has no more than 500 characters.",
            ],
            "skills": ["Ensure this field has no more than 100 elements."],
            "languages": ["Expected a list of items but got type \"dict\"."],
            "Competitive_exams": ["Not a valid string."],
            "candidate": ["A valid integer is required."],
        });
        assert_eq!(answer.outcome(), (400, body));
        assert_eq!(own(&app, &candidate).await["candidate"]["profile_details"]["skills"], lists()["skills"]);
    }

    async fn an_id_in_a_body_never_chooses_whose_data_is_written(app) {
        let (candidate, victim) = (app.candidate().await, app.candidate().await);
        let before = own(&app, &victim).await;
        for answer in [
            post(&app, &candidate, with(lists(), &json!({ "candidate": victim.profile }))).await,
            patch(&app, &candidate, with(personal(), &json!({ "user": victim.user }))).await,
            app.put(PROFILE, Some(&candidate.token), with(personal(), &json!({ "user": victim.user }))).await,
            patch(&app, &candidate, json!({ "user": 0 })).await,
        ] {
            assert_eq!(answer.outcome(), detail(403, "You may only act for yourself."));
        }
        assert_eq!(own(&app, &victim).await, before);
        assert_eq!(own(&app, &candidate).await["candidate"], blank_candidate(&candidate));

        let mine = json!({ "user": candidate.user.to_string(), "bio": "Mine." });
        assert_eq!(patch(&app, &candidate, mine).await.status, 200);
        let mine = json!({ "candidate": candidate.profile, "skills": ["Rust"] });
        assert_eq!(post(&app, &candidate, mine).await.status, 200);
    }

    async fn what_the_server_decides_is_ignored_in_a_profile(app) {
        let candidate = app.candidate().await;
        let forged = json!({ "id": 999_999, "email": "x@example.com", "user_type": "admin", "profile_details": {} });
        assert_eq!(patch(&app, &candidate, forged.clone()).await.outcome(), (200, blank_candidate(&candidate)));
        let answer = post(&app, &candidate, forged).await;
        assert_eq!(answer.outcome(), (200, professional(&candidate, &answer.json["id"], &empty_lists())));
        assert_ne!(answer.json["id"], json!(999_999));
        assert_eq!(own(&app, &candidate).await["email"], json!(candidate.email));
    }

    async fn a_form_does_what_json_does(app) {
        let candidate = app.candidate().await;
        let form = Form::new()
            .text("candidate", candidate.profile.to_string())
            .text("skills", "Rust")
            .text("skills", "SQL")
            .text("languages", "[\"English\", \"Bangla\"]");
        let answer = app.client.form("POST", PROFILE, Some(&candidate.token), form).await;
        let lists = with(empty_lists(), &json!({ "skills": ["Rust", "SQL"], "languages": ["English", "Bangla"] }));
        assert_eq!(answer.outcome(), (200, professional(&candidate, &answer.json["id"], &lists)));

        let form = Form::new().text("first_name", "Søren").text("social_links", "https://x.example");
        let answer = app.client.form("PATCH", PROFILE, Some(&candidate.token), form).await;
        let changes = json!({
            "first_name": "Søren",
            "social_links": ["https://x.example"],
            "profile_details": answer.json["profile_details"],
        });
        assert_eq!(answer.outcome(), (200, with(blank_candidate(&candidate), &changes)));
    }

    async fn a_profile_that_is_not_there_is_not_found(app) {
        let (candidate, employer) = (app.candidate().await, app.employer().await);
        let get = async |id: &str| app.get(&format!("{PROFILE}{id}/"), Some(&employer.token)).await.outcome();
        let next = (candidate.profile + 1).to_string();
        assert_eq!(get(&next).await, detail(404, "Candidate profile not found."));
        for id in ["0", "-1", "abc", "9223372036854775808"] {
            assert_eq!(get(id).await, detail(404, "Not found."), "{id}");
        }
    }

    async fn the_profiles_are_a_bounded_array_that_tells_where_it_goes_on(app) {
        let [viewer, ..] = [app.candidate().await, app.candidate().await, app.candidate().await];
        let get = async |query: &str| app.get(&format!("/candidate/profiles/{query}"), Some(&viewer.token)).await;
        let all = get("").await;
        assert_eq!((all.json.as_array().unwrap().len(), all.header("x-total-count"), all.header("link")), (3, "3", ""));

        let base = format!("{}/candidate/profiles/?page_size=1", app.client.base);
        let middle = get("?page_size=1&page=2").await;
        assert_eq!(middle.json, json!([all.json[1]]));
        assert_eq!(middle.header("x-total-count"), "3");
        let links = format!("<{base}&page=3>; rel=\"next\", <{base}&page=1>; rel=\"prev\"");
        assert_eq!(middle.header("link"), links);
        assert_eq!(get("?page_size=1&page=3").await.header("link"), format!("<{base}&page=2>; rel=\"prev\""));
        assert_eq!(get("?page=2").await.outcome(), detail(404, "Invalid page."));
    }

    async fn every_path_of_a_candidate_works_with_and_without_its_trailing_slash(app) {
        let candidate = app.candidate().await;
        let one = format!("/candidate/profile/{}", candidate.profile);
        for path in ["/candidate/profile", &one, "/candidate/profiles"] {
            let without = app.get(path, Some(&candidate.token)).await;
            assert_eq!(without.status, 200, "{path}");
            assert_eq!(app.get(&format!("{path}/"), Some(&candidate.token)).await.json, without.json, "{path}");
        }
        for method in ["POST", "PUT", "PATCH"] {
            let body = Some(json!({}));
            let answer = app.client.call(method, "/candidate/profile", Some(&candidate.token), body).await;
            assert_eq!(answer.status, 200, "{method}");
        }
    }
}
