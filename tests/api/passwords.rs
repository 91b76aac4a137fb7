//! Changing a password, and choosing a new one in place of a forgotten one.

use chrono::TimeDelta;
use futures_util::future::join_all;
use jobportal_tests::app::{Account, PASSWORD, TestApp};
use jobportal_tests::app_tests;
use jobportal_tests::client::{Answer, detail};
use serde_json::{Value, json};

use crate::common::{
    assert_code_rejected, assert_unauthenticated, blank_employer, mails_to, other_code, outbox, verify,
};

const NEW: &str = "battery staple 8";
const TOO_SHORT: &str = "This password is too short. It must contain at least 8 characters.";
const MISMATCH: &str = "Password field does not match";

fn changed() -> (u16, Value) {
    detail(200, "Password Change Successfully")
}

async fn change(app: &TestApp, token: &str, old: &str, new: &str, confirm: &str) -> Answer {
    let body = json!({ "old_password": old, "password": new, "confirm_password": confirm });
    app.patch("/account/update-password/", Some(token), body).await
}

async fn ask_for_reset(app: &TestApp, email: &str) -> Answer {
    app.post("/account/password-reset/", None, json!({ "email": email })).await
}

/// Asks for a reset; returns the code that comes after so many other mails.
async fn reset_code(app: &TestApp, email: &str, mails_before: usize) -> String {
    mails_to(app, email, mails_before).await;
    assert_eq!(ask_for_reset(app, email).await.status, 200);
    mails_to(app, email, mails_before + 1).await.remove(mails_before).code()
}

async fn confirm(app: &TestApp, email: &str, otp: &str, new: &str, again: &str) -> Answer {
    let body = json!({ "email": email, "otp": otp, "password": new, "confirm_password": again });
    app.post("/account/password-reset/confirm/", None, body).await
}

/// Asserts whether the tokens of a session are good; a good refresh token is spent.
async fn assert_session(app: &TestApp, account: &Account, lives: bool) {
    let access = app.get("/account/login-user-info/", Some(&account.token)).await;
    let refresh = json!({ "refresh_token": account.refresh_token });
    let refresh = app.post("/account/token/refresh/", None, refresh).await;
    if lives {
        assert_eq!((access.status, refresh.status), (200, 200), "{} {}", access.json, refresh.json);
    } else {
        assert_unauthenticated(&access);
        assert_unauthenticated(&refresh);
    }
}

app_tests! {
    async fn a_change_ends_all_other_sessions(app) {
        for account in [app.candidate().await, app.employer().await, app.admin().await] {
            let elsewhere = [app.again(&account).await, app.again(&account).await];
            assert_eq!(change(&app, &account.token, PASSWORD, NEW, NEW).await.outcome(), changed());
            for other in &elsewhere {
                assert_session(&app, other, false).await;
            }
            assert_session(&app, &account, true).await;
            assert_eq!(app.login(&account.email, PASSWORD).await.status, 400);
            assert_eq!(app.login(&account.email, NEW).await.status, 200);
        }
    }

    async fn every_path_of_a_change_works(app) {
        let account = app.candidate().await;
        let mut old = PASSWORD.to_owned();
        for path in ["update-password/", "update-password", "change-password/", "change-password"] {
            let new = format!("{NEW} {path}");
            let body = json!({ "old_password": old, "password": new, "confirm_password": new });
            let answer = app.patch(&format!("/account/{path}"), Some(&account.token), body).await;
            assert_eq!(answer.outcome(), changed(), "{path}");
            old = new;
        }
    }

    async fn a_change_tells_everything_that_is_wrong_at_once(app) {
        let account = app.candidate().await;
        let answer = change(&app, &account.token, "wrong", "1234", "12345").await;
        let body = json!({
            "old_password": ["Old password is incorrect"],
            "password": [
                MISMATCH,
                TOO_SHORT,
                "This password is too common.",
                "This password is entirely numeric.",
            ],
        });
        assert_eq!(answer.outcome(), (400, body));

        let answer = change(&app, &account.token, "wrong", NEW, NEW).await;
        assert_eq!(answer.outcome(), (400, json!({ "old_password": ["Old password is incorrect"] })));
        let answer = change(&app, &account.token, PASSWORD, NEW, "other").await;
        assert_eq!(answer.outcome(), (400, json!({ "password": [MISMATCH] })));
        let answer = change(&app, &account.token, PASSWORD, &account.email, &account.email).await;
        assert_eq!(answer.outcome(), (400, json!({ "password": ["The password is too similar to the email."] })));
        let long = "aB3$".repeat(19);
        let answer = change(&app, &account.token, PASSWORD, &long, &long).await;
        let too_long = "This password is too long. It must contain at most 72 bytes.";
        assert_eq!(answer.outcome(), (400, json!({ "password": [too_long] })));

        assert_eq!(app.login(&account.email, PASSWORD).await.status, 200, "nothing was changed");
    }

    async fn what_is_missing_in_a_change_is_told(app) {
        let account = app.candidate().await;
        let answer = app.patch("/account/update-password/", Some(&account.token), json!({ "password": null })).await;
        let body = json!({
            "old_password": ["This field is required."],
            "password": ["This field may not be null."],
            "confirm_password": ["This field is required."],
        });
        assert_eq!(answer.outcome(), (400, body));
    }

    async fn a_change_needs_a_token(app) {
        let body = json!({ "old_password": PASSWORD, "password": NEW, "confirm_password": NEW });
        assert_unauthenticated(&app.patch("/account/update-password/", None, body).await);
    }

    async fn of_two_changes_with_one_old_password_at_once_one_succeeds(app) {
        let account = app.candidate().await;
        let answers = join_all((0..4).map(async |number: u32| {
            let new = format!("{NEW} {number}");
            (change(&app, &account.token, PASSWORD, &new, &new).await, new)
        }))
        .await;
        let (made, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|(answer, _)| answer.status == 200);
        assert_eq!((made.len(), refused.len()), (1, 3));
        for (_, new) in &made {
            assert_eq!(app.login(&account.email, new).await.status, 200);
        }
        for (answer, new) in &refused {
            assert_eq!(answer.outcome(), (400, json!({ "old_password": ["Old password is incorrect"] })));
            assert_eq!(app.login(&account.email, new).await.status, 400);
        }
    }

    async fn a_reset_with_the_mailed_code_ends_all_sessions(app) {
        let account = app.candidate().await;
        let elsewhere = app.again(&account).await;
        let code = reset_code(&app, &account.email, 1).await;
        // Neither a sign-in nor a saved profile changes the code.
        assert_session(&app, &app.again(&account).await, true).await;
        let saved = app.patch("/candidate/profile/", Some(&account.token), json!({ "bio": "Hello." })).await;
        assert_eq!(saved.status, 200);
        let answer = confirm(&app, &account.email.to_uppercase(), &code, NEW, NEW).await;
        assert_eq!(answer.outcome(), changed());
        assert_session(&app, &account, false).await;
        assert_session(&app, &elsewhere, false).await;
        assert_eq!(app.login(&account.email, PASSWORD).await.status, 400);
        assert_eq!(app.login(&account.email, NEW).await.status, 200);
        assert_code_rejected(&confirm(&app, &account.email, &code, "another one 9", "another one 9").await);
    }

    async fn asking_for_a_reset_answers_the_same_to_everyone_and_writes_to_the_known_alone(app) {
        let account = app.employer().await;
        for email in [account.email.as_str(), "nobody@example.com"] {
            let answer = ask_for_reset(&app, email).await;
            assert_eq!(answer.outcome(), (200, json!({ "status": "OTP has been generated" })));
        }
        assert_eq!((outbox(&app, &account.email).len(), outbox(&app, "nobody@example.com").len()), (2, 0));
        for (body, message) in [
            (json!({}), "This field is required."),
            (json!({ "email": "x" }), "Enter a valid email address."),
        ] {
            let answer = app.post("/account/password-reset/", None, body).await;
            assert_eq!(answer.outcome(), (400, json!({ "email": [message] })));
        }
    }

    async fn a_reset_code_that_is_not_accepted_gets_one_answer(app) {
        let account = app.candidate().await;
        let code = reset_code(&app, &account.email, 1).await;
        let wrong = other_code(&code);
        assert_code_rejected(&confirm(&app, "nobody@example.com", &code, NEW, NEW).await);
        assert_code_rejected(&confirm(&app, "no address", &code, NEW, NEW).await);
        for malformed in ["", "12345", "abcdef"] {
            assert_code_rejected(&confirm(&app, &account.email, malformed, NEW, NEW).await);
        }
        for _ in 0..5 {
            assert_code_rejected(&confirm(&app, &account.email, wrong, NEW, NEW).await);
        }
        assert_code_rejected(&confirm(&app, &account.email, &code, NEW, NEW).await);

        let code = reset_code(&app, &account.email, 2).await;
        app.pass(TimeDelta::minutes(10));
        assert_code_rejected(&confirm(&app, &account.email, &code, NEW, NEW).await);
        assert_eq!(app.login(&account.email, PASSWORD).await.status, 200, "nothing was changed");
    }

    async fn a_new_password_that_is_refused_costs_no_try(app) {
        let account = app.candidate().await;
        let code = reset_code(&app, &account.email, 1).await;
        for _ in 0..6 {
            let answer = confirm(&app, &account.email, &code, "x9 y8", "other").await;
            assert_eq!(answer.outcome(), (400, json!({ "password": [MISMATCH, TOO_SHORT] })));
        }
        let answer = app.post("/account/password-reset/confirm/", None, json!({})).await;
        let required = ["This field is required."];
        let body = json!({ "email": required, "otp": required, "password": required, "confirm_password": required });
        assert_eq!(answer.outcome(), (400, body));
        assert_eq!(confirm(&app, &account.email, &code, NEW, NEW).await.outcome(), changed());
    }

    /// The rule about the user's own number holds at a reset too, though the request does not name the number.
    async fn a_password_like_ones_own_number_is_refused_at_a_reset(app) {
        let account = app.candidate().await;
        let code = reset_code(&app, &account.email, 1).await;
        let alike = format!("x{}", account.phone_number);
        let answer = confirm(&app, &account.email, &code, &alike, &alike).await;
        let body = json!({ "password": ["The password is too similar to the contract number."] });
        assert_eq!(answer.outcome(), (400, body));
    }

    async fn a_reset_code_is_used_once_however_many_send_it_at_once(app) {
        let account = app.candidate().await;
        let code = reset_code(&app, &account.email, 1).await;
        let answers = join_all((0..6).map(|_| confirm(&app, &account.email, &code, NEW, NEW))).await;
        let (accepted, rejected): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        assert_eq!(accepted.len(), 1);
        rejected.into_iter().for_each(assert_code_rejected);
    }

    async fn a_reset_proves_the_address_of_an_account_that_was_not_verified(app) {
        let (email, phone_number, otp) = app.register("employer").await;
        let code = reset_code(&app, &email, 1).await;
        assert_eq!(confirm(&app, &email, &code, NEW, NEW).await.outcome(), changed());
        // The first code is still right, and there is nothing left to prove.
        assert_eq!(verify(&app, &email, &otp).await.status, 200);

        let tokens = app.login(&email, NEW).await.json;
        let token = tokens["access_token"].as_str().unwrap_or_default();
        let own = app.get("/account/login-user-info/", Some(token)).await.json["data"].clone();
        let id = |value: &Value| value.as_i64().unwrap_or_default();
        let account = Account {
            user: id(&own["id"]),
            profile: id(&own["employer"]["id"]),
            email,
            phone_number,
            token: token.to_owned(),
            refresh_token: String::new(),
        };
        assert_eq!(own["employer"], blank_employer(&account));
        let profiles = app.get("/employer/profiles/", None).await.json;
        assert_eq!(profiles, json!([blank_employer(&account)]), "one profile, not two");
    }
}
