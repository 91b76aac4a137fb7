//! How often one client may try.

use jobportal_tests::app::{PASSWORD, TestApp, fresh_contact};
use jobportal_tests::app_tests;
use jobportal_tests::client::Answer;
use serde_json::json;

use crate::common::{other_code, verify};

fn assert_throttled(answer: &Answer, longest: u64) {
    let seconds: u64 = answer.header("retry-after").parse().unwrap_or_else(|_| panic!("{answer:?}"));
    assert!((1..=longest).contains(&seconds), "{seconds}");
    assert_eq!(answer.status, 429);
    let detail = answer.json["detail"].as_str().unwrap();
    assert!(detail.starts_with("Request was throttled. Expected available in "), "{detail}");
}

async fn ask(app: &TestApp, path: &str, email: &str) -> Answer {
    app.post(path, None, json!({ "email": email })).await
}

app_tests! {
    with [("limits.enabled", "true")];

    async fn ten_tries_a_minute_to_sign_in_to_one_account_in_any_spelling(app) {
        let (account, other) = (app.candidate().await, app.candidate().await);
        let number = &account.phone_number;
        let spellings = [number.clone(), format!("+88{number}"), format!(" 88{number}"), format!("+880{number}")];
        for spelling in spellings.iter().cycle().take(10) {
            assert_eq!(app.login(spelling, "wrong horse 7").await.status, 400);
        }
        for spelling in &spellings {
            assert_throttled(&app.login(spelling, PASSWORD).await, 60);
        }
        assert_eq!(app.login(&other.phone_number, PASSWORD).await.status, 200);
    }

    async fn a_password_is_not_guessed_with_a_stolen_token_either(app) {
        let account = app.employer().await;
        let body = json!({ "old_password": "wrong", "password": "x", "confirm_password": "y" });
        for _ in 0..10 {
            assert_eq!(app.patch("/account/update-password/", Some(&account.token), body.clone()).await.status, 400);
        }
        assert_throttled(&app.patch("/account/change-password", Some(&account.token), body).await, 60);
    }

    async fn ten_tries_of_one_accounts_codes_in_ten_minutes_whatever_they_are_for(app) {
        let (email, _, otp) = app.register("candidate").await;
        let confirm = |email: String| {
            let password = "battery staple 8";
            json!({ "email": email, "otp": other_code(&otp), "password": password, "confirm_password": password })
        };
        for _ in 0..5 {
            assert_eq!(verify(&app, &email, other_code(&otp)).await.status, 400);
            let confirmed = app.post("/account/password-reset/confirm/", None, confirm(email.to_uppercase())).await;
            assert_eq!(confirmed.status, 400);
        }
        assert_throttled(&verify(&app, &email, &otp).await, 600);
        let confirmed = app.post("/account/password-reset/confirm/", None, confirm(email)).await;
        assert_throttled(&confirmed, 600);
    }

    async fn five_codes_an_hour_to_one_address_known_or_not(app) {
        for email in [app.register("candidate").await.0, "nobody@example.com".to_owned()] {
            for path in ["/account/resend_otp/", "/account/password-reset/"].iter().cycle().take(5) {
                assert_eq!(ask(&app, path, &email).await.status, 200);
            }
            assert_throttled(&ask(&app, "/account/resend_otp/", &email).await, 3_600);
            assert_throttled(&ask(&app, "/account/password-reset/", &email.to_uppercase()).await, 3_600);
        }
        assert_eq!(ask(&app, "/account/resend_otp/", "somebody@example.com").await.status, 200);
    }

    async fn sixty_registrations_an_hour_from_one_client(app) {
        let register = async || {
            let (email, number) = fresh_contact("crowd");
            // Too short, so that none of them costs a hash.
            let body = json!({ "email": email, "contract_number": number, "user_type": "candidate", "password": "x" });
            app.post("/account/register/", None, body).await
        };
        for _ in 0..60 {
            assert_eq!(register().await.status, 400);
        }
        assert_throttled(&register().await, 3_600);
        assert_eq!(app.get("/employer/profiles/", None).await.status, 200, "reading is not limited");
    }
}
