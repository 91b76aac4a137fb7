//! Employers' profiles.

use jobportal_tests::app::{Account, TestApp};
use jobportal_tests::app_tests;
use jobportal_tests::client::{Answer, detail};
use reqwest::multipart::Form;
use serde_json::{Value, json};

use crate::common::{Cast, blank_employer, with};

const PROFILE: &str = "/employer/profile/";

/// What the documented request tells.
fn details() -> Value {
    json!({
        "first_name": "Mr.",
        "last_name": "KKD",
        "address": "Gulshan, Dhaka, Bangladesh",
        "website": "https://www.kkd.ltd.com",
        "company_name": "Kazi & Kong Solutions Ltd",
    })
}

async fn own(app: &TestApp, employer: &Account) -> Value {
    let answer = app.get(PROFILE, Some(&employer.token)).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    answer.json
}

async fn patch(app: &TestApp, employer: &Account, changes: Value) -> Answer {
    app.patch(PROFILE, Some(&employer.token), changes).await
}

app_tests! {
    async fn the_documented_profile_is_shown_in_full_to_anyone(app) {
        let cast = Cast::of(&app).await;
        let employer = &cast.employer;
        let request = with(details(), &json!({ "user": employer.user }));
        let profile = with(blank_employer(employer), &details());
        let answer = app.put(PROFILE, Some(&employer.token), request).await;
        assert_eq!(answer.outcome(), (200, profile.clone()));
        assert_eq!(own(&app, employer).await, profile);

        let everyone = json!([profile, blank_employer(&cast.other_employer)]);
        let path = format!("{PROFILE}{}/", employer.profile);
        for (path, expected) in [(path.as_str(), profile), ("/employer/profiles/", everyone)] {
            for answer in cast.answers(&app, "GET", path, None).await {
                assert_eq!(answer.outcome(), (200, expected.clone()), "{path}");
            }
        }
    }

    async fn a_profile_is_for_its_owner_to_change_and_for_employers_to_have(app) {
        let cast = Cast::of(&app).await;
        for (method, body) in [("GET", None), ("PUT", Some(details())), ("PATCH", Some(json!({})))] {
            let statuses = cast.statuses(&app, method, PROFILE, body).await;
            assert_eq!(statuses, [401, 403, 403, 200, 200, 403], "{method}");
        }
        let wrong_role = app.get(PROFILE, Some(&cast.candidate.token)).await;
        assert_eq!(wrong_role.outcome(), detail(403, "You do not have permission to perform this action."));
    }

    async fn what_a_change_leaves_out_stays(app) {
        let employer = app.employer().await;
        let complete = with(blank_employer(&employer), &details());
        assert_eq!(patch(&app, &employer, details()).await.outcome(), (200, complete.clone()));
        for method in ["PUT", "PATCH"] {
            let body = json!({ "company_name": method });
            let answer = app.client.call(method, PROFILE, Some(&employer.token), Some(body.clone())).await;
            assert_eq!(answer.outcome(), (200, with(complete.clone(), &body)));
        }
    }

    async fn null_and_an_empty_text_take_a_value_away(app) {
        let employer = app.employer().await;
        for empty in [json!(null), json!(""), json!("  ")] {
            assert_eq!(patch(&app, &employer, details()).await.status, 200);
            let keys = details().as_object().unwrap().keys().map(|key| (key.clone(), empty.clone())).collect();
            let answer = patch(&app, &employer, Value::Object(keys)).await;
            assert_eq!(answer.outcome(), (200, blank_employer(&employer)));
        }
    }

    async fn everything_wrong_is_told_at_once(app) {
        let employer = app.employer().await;
        let answer = patch(&app, &employer, json!({
            "first_name": [],
            "last_name": "x".repeat(151),
            "address": "x".repeat(501),
            "website": "javascript:alert(1)",
            "company_name": "x".repeat(201),
            "user": true,
        })).await;
        let body = json!({
            "first_name": ["Not a valid string."],
            "last_name": ["Ensure this field has no more than 150 characters."],
            "address": ["Ensure this field has no more than 500 characters."],
            "website": ["Enter a valid URL."],
            "company_name": ["Ensure this field has no more than 200 characters."],
            "user": ["A valid integer is required."],
        });
        assert_eq!(answer.outcome(), (400, body));
        assert_eq!(own(&app, &employer).await, blank_employer(&employer), "nothing was changed");
    }

    async fn an_id_in_a_body_never_chooses_whose_data_is_written(app) {
        let (employer, victim) = (app.employer().await, app.employer().await);
        for user in [victim.user, 0] {
            let request = with(details(), &json!({ "user": user }));
            for method in ["PUT", "PATCH"] {
                let answer = app.client.call(method, PROFILE, Some(&employer.token), Some(request.clone())).await;
                assert_eq!(answer.outcome(), detail(403, "You may only act for yourself."), "{method}");
            }
        }
        assert_eq!(own(&app, &victim).await, blank_employer(&victim));
        assert_eq!(own(&app, &employer).await, blank_employer(&employer));
    }

    async fn what_the_server_decides_is_ignored(app) {
        let employer = app.employer().await;
        let picture = "/documents/profile_pictures/x.png";
        let forged = json!({ "id": 999_999, "user_type": "admin", "profile_picture": picture });
        assert_eq!(patch(&app, &employer, forged).await.outcome(), (200, blank_employer(&employer)));
    }

    async fn a_form_does_what_json_does(app) {
        let employer = app.employer().await;
        let form = Form::new().text("company_name", "Ærø & Søn").text("website", "https://x.example");
        let answer = app.client.form("PUT", PROFILE, Some(&employer.token), form).await;
        let changes = json!({ "company_name": "Ærø & Søn", "website": "https://x.example" });
        assert_eq!(answer.outcome(), (200, with(blank_employer(&employer), &changes)));
    }

    async fn a_profile_that_is_not_there_is_not_found(app) {
        let employer = app.employer().await;
        let get = async |id: &str| app.get(&format!("{PROFILE}{id}/"), None).await.outcome();
        assert_eq!(get(&(employer.profile + 1).to_string()).await, detail(404, "Employer profile not found."));
        for id in ["0", "-1", "abc", "9223372036854775808"] {
            assert_eq!(get(id).await, detail(404, "Not found."), "{id}");
        }
    }

    async fn the_profiles_are_a_bounded_array_that_tells_where_it_goes_on(app) {
        let none = app.get("/employer/profiles/", None).await;
        assert_eq!((none.status, &none.json, none.header("x-total-count")), (200, &json!([]), "0"));
        let employers = [app.employer().await, app.employer().await];
        let all = app.get("/employer/profiles/", None).await;
        assert_eq!(all.json, json!(employers.each_ref().map(blank_employer)));
        assert_eq!((all.header("x-total-count"), all.header("link")), ("2", ""));
        let first = app.get("/employer/profiles/?page_size=1", None).await;
        let next = format!("<{}/employer/profiles/?page_size=1&page=2>; rel=\"next\"", app.client.base);
        assert_eq!((first.header("x-total-count"), first.header("link")), ("2", next.as_str()));
        let past = app.get("/employer/profiles/?page=2", None).await;
        assert_eq!(past.outcome(), detail(404, "Invalid page."));
    }

    async fn a_profile_shows_no_way_to_reach_its_owner(app) {
        let employer = app.employer().await;
        let shown = app.get(&format!("{PROFILE}{}/", employer.profile), None).await.json.to_string();
        assert!(!shown.contains(&employer.email) && !shown.contains(&employer.phone_number), "{shown}");
    }

    async fn every_path_of_an_employer_works_with_and_without_its_trailing_slash(app) {
        let employer = app.employer().await;
        let one = format!("/employer/profile/{}", employer.profile);
        for path in ["/employer/profile", &one, "/employer/profiles"] {
            let without = app.get(path, Some(&employer.token)).await;
            assert_eq!(without.status, 200, "{path}");
            assert_eq!(app.get(&format!("{path}/"), Some(&employer.token)).await.json, without.json, "{path}");
        }
        for method in ["PUT", "PATCH"] {
            let body = Some(json!({}));
            let answer = app.client.call(method, "/employer/profile", Some(&employer.token), body).await;
            assert_eq!(answer.status, 200, "{method}");
        }
    }
}
