//! Who is there, and who may see how to reach them.

use jobportal_tests::app::{Account, TestApp};
use jobportal_tests::app_tests;
use serde_json::{Value, json};

use crate::common::{Cast, assert_unauthenticated, blank_candidate, blank_employer, contact, with};

/// An entry of the directory.
fn entry(account: &Account, user_type: &str, details: &Value) -> Value {
    with(contact(account, user_type), &json!({ "user_details": details }))
}

/// The accounts whose contact this one sees in the directory.
async fn seen_in_directory(app: &TestApp, viewer: &Account) -> Vec<i64> {
    let answer = app.get("/account/user_info/", Some(&viewer.token)).await;
    assert_eq!(answer.json["count"], 5, "nobody is left out: {}", answer.json);
    shown(answer.json["results"].as_array().unwrap())
}

/// The accounts of entries that show a contact; the others show neither address nor number.
fn shown(entries: &[Value]) -> Vec<i64> {
    let (shown, hidden): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry["email"].is_string());
    assert!(shown.iter().all(|entry| entry["contract_number"].is_string()), "{shown:?}");
    assert!(hidden.iter().all(|entry| entry["email"].is_null() && entry["contract_number"].is_null()), "{hidden:?}");
    shown.iter().map(|entry| entry["id"].as_i64().unwrap()).collect()
}

app_tests! {
    async fn the_directory_lists_every_account_with_its_profile(app) {
        let (candidate, employer, admin) = (app.candidate().await, app.employer().await, app.admin().await);
        let (email, number, _) = app.register("employer").await;
        let answer = app.get("/account/user_info/", Some(&candidate.token)).await;
        let unverified = answer.json["results"][3]["id"].clone();
        let expected = json!({
            "count": 4,
            "next": null,
            "previous": null,
            "results": [
                entry(&candidate, "candidate", &blank_candidate(&candidate)),
                entry(&employer, "employer", &blank_employer(&employer)),
                entry(&admin, "admin", &Value::Null),
                {
                    "id": unverified,
                    "email": email,
                    "contract_number": number,
                    "user_type": "employer",
                    "user_details": null,
                },
            ],
        });
        assert_eq!(answer.outcome(), (200, expected.clone()));
        for viewer in [&employer, &admin] {
            assert_eq!(app.get("/account/user_info/", Some(&viewer.token)).await.json, expected);
        }
        assert_unauthenticated(&app.get("/account/user_info/", None).await);
    }

    async fn the_directory_is_read_page_by_page(app) {
        let candidate = app.candidate().await;
        for _ in 0..11 {
            app.register("employer").await;
        }
        let get = async |query: &str| app.get(&format!("/account/user_info/{query}"), Some(&candidate.token)).await;
        let base = &app.client.base;

        let first = get("").await.json;
        assert_eq!(first["results"].as_array().unwrap().len(), 10);
        assert_eq!((&first["count"], &first["previous"]), (&json!(12), &Value::Null));
        assert_eq!(first["next"], json!(format!("{base}/account/user_info/?page=2")));

        let second = get(first["next"].as_str().unwrap().split_once("user_info/").unwrap().1).await.json;
        assert_eq!(second["results"].as_array().unwrap().len(), 2);
        assert_eq!((&second["count"], &second["next"]), (&json!(12), &Value::Null));
        assert_eq!(second["previous"], json!(format!("{base}/account/user_info/?page=1")));

        let middle = get("?page=2&page_size=5").await.json;
        assert_eq!(middle["results"].as_array().unwrap()[..], first["results"].as_array().unwrap()[5..]);
        assert_eq!(middle["next"], json!(format!("{base}/account/user_info/?page_size=5&page=3")));
        assert_eq!(middle["previous"], json!(format!("{base}/account/user_info/?page_size=5&page=1")));

        assert_eq!(get("?page_size=1000").await.json["results"].as_array().unwrap().len(), 12);
    }

    async fn a_page_that_is_not_there_is_not_found(app) {
        let candidate = app.candidate().await;
        for page in ["2", "0", "-1", "abc", "99999999999999999999"] {
            let answer = app.get(&format!("/account/user_info/?page={page}"), Some(&candidate.token)).await;
            assert_eq!(answer.outcome(), (404, json!({ "detail": "Invalid page." })), "{page}");
        }
        for size in ["0", "-5", "ten"] {
            let answer = app.get(&format!("/account/user_info/?page_size={size}"), Some(&candidate.token)).await;
            let body = json!({ "page_size": ["A valid integer of at least 1 is required."] });
            assert_eq!(answer.outcome(), (400, body), "{size}");
        }
    }

    async fn ones_own_account_comes_with_the_profile_of_its_role(app) {
        let (candidate, employer, admin) = (app.candidate().await, app.employer().await, app.admin().await);
        for (account, expected) in [
            (&candidate, with(contact(&candidate, "candidate"), &json!({ "candidate": blank_candidate(&candidate) }))),
            (&employer, with(contact(&employer, "employer"), &json!({ "employer": blank_employer(&employer) }))),
            (&admin, contact(&admin, "admin")),
        ] {
            let answer = app.get("/account/login-user-info/", Some(&account.token)).await;
            assert_eq!(answer.outcome(), (200, json!({ "data": expected })));
        }
        assert_unauthenticated(&app.get("/account/login-user-info/", None).await);
    }

    async fn an_open_directory_shows_every_contact_to_everyone_signed_in(app) {
        let cast = Cast::of(&app).await;
        for viewer in [&cast.candidate, &cast.employer, &cast.admin] {
            assert_eq!(seen_in_directory(&app, viewer).await.len(), 5);
        }
    }
}

app_tests! {
    with [("privacy.directory", "restricted")];

    async fn a_restricted_directory_shows_contacts_to_those_who_may_know_them(app) {
        let cast = Cast::of(&app).await;
        let job = app.job(&cast.employer).await;
        app.application(&cast.candidate, job).await;
        let all = [&cast.candidate, &cast.other_candidate, &cast.employer, &cast.other_employer, &cast.admin];
        let (applicant, everyone) = (cast.candidate.user, all.map(|account| account.user));
        for (viewer, expected) in [
            (&cast.candidate, &[cast.candidate.user][..]),
            (&cast.other_candidate, &[cast.other_candidate.user]),
            (&cast.employer, &[applicant, cast.employer.user]),
            (&cast.other_employer, &[cast.other_employer.user]),
            (&cast.admin, &everyone),
        ] {
            assert_eq!(seen_in_directory(&app, viewer).await, expected, "{viewer:?}");

            let profile = format!("/candidate/profile/{}/", cast.candidate.profile);
            let profile = app.get(&profile, Some(&viewer.token)).await.json;
            assert_eq!(shown(&[profile]).contains(&applicant), expected.contains(&applicant), "{viewer:?}");

            let profiles = app.get("/candidate/profiles/", Some(&viewer.token)).await.json;
            let profiles = profiles.as_array().unwrap();
            assert_eq!(profiles.len(), 2);
            let candidates = [cast.candidate.user, cast.other_candidate.user];
            let expected: Vec<_> = candidates.into_iter().filter(|user| expected.contains(user)).collect();
            assert_eq!(shown(profiles), expected, "{viewer:?}");

            let own = app.get("/account/login-user-info/", Some(&viewer.token)).await.json;
            assert_eq!(own["data"]["email"], json!(viewer.email), "one's own is never hidden");
        }
    }

    async fn a_hidden_contact_keeps_its_keys(app) {
        let (candidate, stranger) = (app.candidate().await, app.candidate().await);
        let answer = app.get(&format!("/candidate/profile/{}/", candidate.profile), Some(&stranger.token)).await;
        let expected = json!({
            "id": candidate.user,
            "email": null,
            "contract_number": null,
            "user_type": "candidate",
            "candidate": blank_candidate(&candidate),
        });
        assert_eq!(answer.outcome(), (200, expected));
    }
}
