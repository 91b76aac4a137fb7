//! Registration.

use futures_util::future::join_all;
use jobportal_tests::app::{PASSWORD, TestApp, fresh_contact};
use jobportal_tests::app_tests;
use jobportal_tests::client::Answer;
use serde_json::{Value, json};

use crate::common::{mails_to, verify, with};

/// The body of a registration that is accepted.
fn registration() -> Value {
    let (email, number) = fresh_contact("new");
    json!({ "email": email, "contract_number": number, "user_type": "candidate", "password": PASSWORD })
}

/// Registers with some keys changed.
async fn register(app: &TestApp, changes: Value) -> Answer {
    app.post("/account/register/", None, with(registration(), &changes)).await
}

/// Why a password is refused; empty for one that is taken.
async fn objections(app: &TestApp, password: &str) -> Value {
    let answer = register(app, json!({ "password": password })).await;
    match answer.status {
        201 => json!([]),
        400 => {
            assert_eq!(answer.json.as_object().unwrap().len(), 1, "{}", answer.json);
            answer.json["password"].clone()
        }
        _ => answer.json,
    }
}

const TOO_SHORT: &str = "This password is too short. It must contain at least 8 characters.";
const TOO_LONG: &str = "This password is too long. It must contain at most 72 bytes.";
const COMMON: &str = "This password is too common.";
const NUMERIC: &str = "This password is entirely numeric.";
const NO_NUMBER: &str = "Contract number must contain 11 digits (e.g., 01XXXXXXXXX).";
const EMAIL_TAKEN: &str = "A user with this email already exists.";
const NUMBER_TAKEN: &str = "A user with this contract number already exists.";

app_tests! {
    async fn a_registration_in_development_answers_with_the_code(app) {
        for user_type in ["candidate", "employer"] {
            let answer = register(&app, json!({ "user_type": user_type })).await;
            let otp = answer.json["otp"].as_str().unwrap();
            assert!(otp.len() == 6 && otp.bytes().all(|b| b.is_ascii_digit()), "{otp}");
            let body = json!({ "status": "OTP has been generated", "otp": otp });
            assert_eq!(answer.outcome(), (201, body));
        }
    }

    async fn every_wrong_field_is_told_at_once(app) {
        let required = ["This field is required."];
        let not_null = ["This field may not be null."];
        let no_text = ["Not a valid string."];
        for (body, email, number, user_type, password) in [
            (json!({}), required, required, required, required),
            (
                json!({ "email": null, "contract_number": null, "user_type": null, "password": null }),
                not_null, not_null, not_null, not_null,
            ),
            (
                json!({ "email": ["a@b.co"], "contract_number": {}, "user_type": true, "password": [1] }),
                no_text, no_text, no_text, no_text,
            ),
            (
                json!({ "email": "", "contract_number": "", "user_type": "", "password": "" }),
                ["Enter a valid email address."], [NO_NUMBER], ["\"\" is not a valid choice."], [TOO_SHORT],
            ),
            (
                json!({ "email": "a@b", "contract_number": "abc", "user_type": "Candidate", "password": "x9 y8 z" }),
                ["Enter a valid email address."], [NO_NUMBER], ["\"Candidate\" is not a valid choice."], [TOO_SHORT],
            ),
        ] {
            let answer = app.post("/account/register/", None, body).await;
            let expected =
                json!({ "email": email, "contract_number": number, "user_type": user_type, "password": password });
            assert_eq!(answer.outcome(), (400, expected));
        }
    }

    /// The request that the documentation shows has twelve digits, and is the one that it shows to be refused.
    async fn the_twelve_digits_of_the_documented_request_are_refused_as_documented(app) {
        let answer = register(&app, json!({ "contract_number": "017111111111", "password": "1234" })).await;
        let body = json!({ "contract_number": [NO_NUMBER], "password": [TOO_SHORT, COMMON, NUMERIC] });
        assert_eq!(answer.outcome(), (400, body));
    }

    async fn an_admin_can_not_be_registered(app) {
        let answer = register(&app, json!({ "user_type": "admin" })).await;
        let body = json!({ "user_type": ["\"admin\" is not a valid choice."] });
        assert_eq!(answer.outcome(), (400, body));
    }

    async fn a_contract_number_has_one_form_however_it_is_spelt(app) {
        let spellings: [fn(&str) -> String; 5] = [
            |number| format!("+88{number}"),
            |number| format!("88{number}"),
            |number| format!("+880{number}"),
            |number| format!("880{number}"),
            |number| format!("  {number}\n"),
        ];
        for spell in spellings {
            let (email, number) = fresh_contact("spelt");
            let spelt = json!({ "email": email, "contract_number": spell(&number) });
            let registered = register(&app, spelt.clone()).await;
            assert_eq!(registered.status, 201, "{spelt}: {}", registered.json);
            let again = register(&app, json!({ "contract_number": number })).await;
            assert_eq!(again.outcome(), (400, json!({ "contract_number": [NUMBER_TAKEN] })));
            assert_eq!(verify(&app, &email, registered.json["otp"].as_str().unwrap()).await.status, 200);
            let token = app.login(&email, PASSWORD).await.json["access_token"].as_str().unwrap().to_owned();
            let own = app.get("/account/login-user-info/", Some(&token)).await;
            assert_eq!(own.json["data"]["contract_number"], json!(number));
        }
    }

    async fn an_address_and_a_number_are_taken_in_any_spelling(app) {
        let (email, number, _) = app.register("candidate").await;
        let (shouted, international) = (email.to_uppercase(), format!("+88{number}"));
        let answer = register(&app, json!({ "email": shouted, "contract_number": international })).await;
        let body = json!({ "email": [EMAIL_TAKEN], "contract_number": [NUMBER_TAKEN] });
        assert_eq!(answer.outcome(), (400, body));
    }

    async fn a_password_is_judged_by_every_rule(app) {
        assert_eq!(objections(&app, "1234567").await, json!([TOO_SHORT, COMMON, NUMERIC]));
        assert_eq!(objections(&app, "11223344").await, json!([COMMON, NUMERIC]));
        assert_eq!(objections(&app, "80471936250").await, json!([NUMERIC]));
        assert_eq!(objections(&app, "Password1").await, json!([COMMON]));
        // Far down a list of the most common ones.
        assert_eq!(objections(&app, "qwer0987").await, json!([]));
        assert_eq!(objections(&app, &"aB3$".repeat(18)).await, json!([]));
        assert_eq!(objections(&app, &format!("{}x", "aB3$".repeat(18))).await, json!([TOO_LONG]));
        assert_eq!(objections(&app, &"ü9".repeat(25)).await, json!([TOO_LONG]));
        assert_eq!(objections(&app, "nul\0 nul nul").await, json!(["Null characters are not allowed."]));
    }

    async fn a_password_like_the_users_own_address_or_number_is_refused(app) {
        let alike = json!({ "email": "jonathan.swift@example.com", "password": "Jonathan.Swift1" });
        let answer = register(&app, alike).await;
        let body = json!({ "password": ["The password is too similar to the email."] });
        assert_eq!(answer.outcome(), (400, body));
        let answer = register(&app, json!({ "contract_number": "01798765432", "password": "01798765432" })).await;
        let body = json!({ "password": [NUMERIC, "The password is too similar to the contract number."] });
        assert_eq!(answer.outcome(), (400, body));
    }

    async fn a_password_is_never_silently_truncated(app) {
        let longest = "aB3$".repeat(18);
        let registered = register(&app, json!({ "email": "long@example.com", "password": longest })).await;
        assert_eq!(verify(&app, "long@example.com", registered.json["otp"].as_str().unwrap()).await.status, 200);
        assert_eq!(app.login("long@example.com", &longest).await.status, 200);
        for wrong in [&longest[..71], &format!("{longest}x")] {
            assert_eq!(app.login("long@example.com", wrong).await.status, 400, "{wrong}");
        }
    }

    async fn of_many_registrations_of_one_address_or_number_at_once_one_succeeds(app) {
        for (key, value, taken) in
            [("email", "race@example.com", EMAIL_TAKEN), ("contract_number", "01799999999", NUMBER_TAKEN)]
        {
            let answers = join_all((0..8).map(|_| register(&app, json!({ key: value })))).await;
            let (made, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
            assert_eq!((made.len(), refused.len()), (1, 7));
            for answer in refused {
                assert_eq!(answer.outcome(), (400, json!({ key: [taken] })));
            }
        }
    }

    async fn what_the_server_decides_is_ignored_in_a_registration(app) {
        let forged = json!({ "id": 999_999, "is_verified": true, "verified_at": "2024-01-01", "otp": "000000" });
        let (email, _) = fresh_contact("forged");
        let answer = register(&app, with(json!({ "email": email }), &forged)).await;
        assert_eq!(answer.status, 201);
        assert_eq!(app.login(&email, PASSWORD).await.status, 400, "not verified");
        assert_eq!(verify(&app, &email, answer.json["otp"].as_str().unwrap()).await.status, 200);
    }

    async fn every_path_of_an_account_works_with_and_without_its_trailing_slash(app) {
        for (method, path) in [
            ("POST", "/account/register"),
            ("POST", "/account/verify_otp"),
            ("POST", "/account/resend_otp"),
            ("POST", "/account/login"),
            ("POST", "/login"),
            ("POST", "/account/token/refresh"),
            ("POST", "/account/logout"),
            ("POST", "/account/password-reset"),
            ("POST", "/account/password-reset/confirm"),
            ("GET", "/account/user_info"),
            ("GET", "/account/login-user-info"),
            ("PATCH", "/account/update-password"),
            ("PATCH", "/account/change-password"),
        ] {
            let without = app.client.call(method, path, None, Some(json!({}))).await;
            let with = app.client.call(method, &format!("{path}/"), None, Some(json!({}))).await;
            assert!(matches!(with.status, 400 | 401), "{method} {path}: {}", with.json);
            assert_eq!((with.status, with.json), (without.status, without.json), "{method} {path}");
        }
    }
}

app_tests! {
    with [("accounts.expose_otp", "false")];

    async fn the_code_of_a_registration_goes_out_by_mail_alone(app) {
        let (email, _) = fresh_contact("mailed");
        let answer = register(&app, json!({ "email": email })).await;
        assert_eq!(answer.outcome(), (201, json!({ "status": "OTP has been generated" })));
        let code = mails_to(&app, &email, 1).await.remove(0).code();
        assert_eq!(verify(&app, &email, &code).await.status, 200);
    }
}
