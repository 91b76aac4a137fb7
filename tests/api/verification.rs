//! One-time codes that prove an address.

use chrono::TimeDelta;
use futures_util::future::join_all;
use jobportal_tests::app::{Account, PASSWORD, TestApp};
use jobportal_tests::app_tests;
use jobportal_tests::client::Answer;
use serde_json::json;

use crate::common::{
    assert_code_rejected, blank_candidate, blank_employer, contact, mails_to, other_code, outbox, verify,
};

async fn resend(app: &TestApp, email: &str) -> Answer {
    app.post("/account/resend_otp/", None, json!({ "email": email })).await
}

app_tests! {
    async fn a_right_code_makes_the_account_usable_and_its_profile(app) {
        for user_type in ["candidate", "employer"] {
            let (email, number, otp) = app.register(user_type).await;
            assert_eq!(app.login(&email, PASSWORD).await.status, 400);
            let answer = verify(&app, &format!(" {} ", email.to_uppercase()), &format!(" {otp} ")).await;
            assert_eq!(answer.outcome(), (200, json!({ "status": "Registration successful" })));

            let token = app.login(&email, PASSWORD).await.json["access_token"].as_str().unwrap().to_owned();
            let own = app.get("/account/login-user-info/", Some(&token)).await.json;
            let account = Account {
                user: own["data"]["id"].as_i64().unwrap(),
                profile: own["data"][user_type]["id"].as_i64().unwrap(),
                email,
                phone_number: number,
                token,
                refresh_token: String::new(),
            };
            let mut expected = contact(&account, user_type);
            expected[user_type] =
                if user_type == "candidate" { blank_candidate(&account) } else { blank_employer(&account) };
            assert_eq!(own, json!({ "data": expected }));
        }
    }

    async fn a_code_that_is_not_accepted_gets_one_answer_that_tells_nothing(app) {
        let (email, _, otp) = app.register("candidate").await;
        assert_code_rejected(&verify(&app, "nobody@example.com", &otp).await);
        assert_code_rejected(&verify(&app, "no address", &otp).await);
        assert_code_rejected(&verify(&app, &email, other_code(&otp)).await);
        for malformed in ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", "' OR 1=1"] {
            assert_code_rejected(&verify(&app, &email, malformed).await);
        }
        assert_eq!(verify(&app, &email, &otp).await.status, 200);
        assert_code_rejected(&verify(&app, &email, &otp).await);

        let (late, _, otp) = app.register("candidate").await;
        app.pass(TimeDelta::minutes(10));
        assert_code_rejected(&verify(&app, &late, &otp).await);
    }

    async fn a_code_lives_almost_ten_minutes(app) {
        let (email, _, otp) = app.register("candidate").await;
        app.pass(TimeDelta::minutes(9));
        assert_eq!(verify(&app, &email, &otp).await.status, 200);
    }

    async fn after_five_wrong_tries_the_right_code_is_worthless_and_a_new_one_is_not(app) {
        let (email, _, otp) = app.register("candidate").await;
        for _ in 0..5 {
            assert_code_rejected(&verify(&app, &email, other_code(&otp)).await);
        }
        assert_code_rejected(&verify(&app, &email, &otp).await);
        mails_to(&app, &email, 1).await;
        resend(&app, &email).await;
        let code = mails_to(&app, &email, 2).await.remove(1).code();
        assert_eq!(verify(&app, &email, &code).await.status, 200);
    }

    async fn every_try_counts_however_many_come_at_once(app) {
        let (email, _, otp) = app.register("candidate").await;
        let tries = join_all((0..12).map(|_| verify(&app, &email, other_code(&otp)))).await;
        tries.iter().for_each(assert_code_rejected);
        assert_code_rejected(&verify(&app, &email, &otp).await);
    }

    async fn a_code_is_used_once_however_many_send_it_at_once(app) {
        let (email, _, otp) = app.register("candidate").await;
        let answers = join_all((0..8).map(|_| verify(&app, &email, &otp))).await;
        let (accepted, rejected): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        assert_eq!(accepted.len(), 1);
        rejected.into_iter().for_each(assert_code_rejected);
        assert_eq!(app.database.values("SELECT user_type AS value FROM users").len(), 1);
        assert_eq!(app.database.values("SELECT CAST(user_id AS text) AS value FROM candidates").len(), 1);
    }

    async fn what_is_missing_is_told(app) {
        let required = ["This field is required."];
        let answer = app.post("/account/verify_otp/", None, json!({})).await;
        assert_eq!(answer.outcome(), (400, json!({ "email": required, "otp": required })));
        for (body, message) in [
            (json!({}), "This field is required."),
            (json!({ "email": null }), "This field may not be null."),
            (json!({ "email": "no address" }), "Enter a valid email address."),
        ] {
            let answer = app.post("/account/resend_otp/", None, body).await;
            assert_eq!(answer.outcome(), (400, json!({ "email": [message] })));
        }
    }

    async fn a_code_sent_again_takes_the_place_of_the_first(app) {
        let (email, _, first) = app.register("employer").await;
        assert_eq!(mails_to(&app, &email, 1).await.remove(0).code(), first);
        app.pass(TimeDelta::minutes(9));
        resend(&app, &email).await;
        let second = mails_to(&app, &email, 2).await.remove(1).code();
        assert_ne!(first, second, "one in a million");
        assert_code_rejected(&verify(&app, &email, &first).await);
        app.pass(TimeDelta::minutes(9));
        assert_eq!(verify(&app, &email, &second).await.status, 200);
    }

    async fn sending_again_answers_the_same_to_everyone_and_writes_to_the_unverified_alone(app) {
        let (unverified, _, _) = app.register("candidate").await;
        let verified = app.candidate().await;
        for email in [unverified.as_str(), &verified.email, "nobody@example.com"] {
            let answer = resend(&app, email).await;
            assert_eq!(answer.outcome(), (200, json!({ "status": "OTP has been generated" })));
        }
        let mails = |email: &str| outbox(&app, email).len();
        assert_eq!((mails(&unverified), mails(&verified.email), mails("nobody@example.com")), (2, 1, 0));
    }

    async fn a_user_gets_five_codes_an_hour_and_the_answer_tells_nobody(app) {
        let (email, _, _) = app.register("candidate").await;
        for _ in 0..6 {
            let answer = resend(&app, &email).await;
            assert_eq!(answer.outcome(), (200, json!({ "status": "OTP has been generated" })));
        }
        mails_to(&app, &email, 5).await;
        assert_eq!(outbox(&app, &email).len(), 5);
        app.pass(TimeDelta::hours(1));
        resend(&app, &email).await;
        let code = mails_to(&app, &email, 6).await.remove(5).code();
        assert_eq!(verify(&app, &email, &code).await.status, 200);
    }

    async fn nothing_else_changes_or_reveals_a_code(app) {
        let (email, number, otp) = app.register("candidate").await;
        let digests = "SELECT digest AS value FROM one_time_codes WHERE purpose = 'email_verification'";
        let kept = || app.database.values(digests);
        let before = kept();
        assert_eq!(before.len(), 1);
        let again = json!({
            "email": email, "contract_number": number, "user_type": "candidate", "password": PASSWORD,
        });
        let answers = [
            app.login(&email, PASSWORD).await,
            app.login(&number, "wrong").await,
            app.post("/account/register/", None, again).await,
            app.post("/account/password-reset/", None, json!({ "email": email })).await,
        ];
        for answer in &answers {
            assert!(!answer.json.to_string().contains(&otp), "{}", answer.json);
        }
        assert_eq!(kept(), before);
        assert_eq!(verify(&app, &email, &otp).await.status, 200);
    }

    async fn a_code_of_one_purpose_is_worthless_for_the_other(app) {
        let (email, _, welcome) = app.register("candidate").await;
        mails_to(&app, &email, 1).await;
        app.post("/account/password-reset/", None, json!({ "email": email })).await;
        let reset = mails_to(&app, &email, 2).await.remove(1).code();
        assert_ne!(welcome, reset, "one in a million");
        assert_code_rejected(&verify(&app, &email, &reset).await);
        let body = json!({
            "email": email, "otp": welcome, "password": "another good 1", "confirm_password": "another good 1",
        });
        assert_code_rejected(&app.post("/account/password-reset/confirm/", None, body).await);
        assert_eq!(verify(&app, &email, &welcome).await.status, 200);
    }

    async fn a_code_is_kept_as_a_keyed_hash_alone(app) {
        let (_, _, first) = app.register("candidate").await;
        let (_, _, second) = app.register("candidate").await;
        let digests = app.database.values("SELECT digest AS value FROM one_time_codes");
        assert_eq!(digests.len(), 2);
        for digest in &digests {
            assert!(digest.len() >= 32 && !digest.contains(&first) && !digest.contains(&second), "{digest}");
        }
    }
}
