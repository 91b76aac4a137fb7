//! How often one client may try.

use jobportal_tests::app::{PASSWORD, TestApp, fresh_contact};
use jobportal_tests::app_tests;
use jobportal_tests::client::Answer;
use serde_json::json;

use crate::common::{other_code, verify};

pub(crate) fn assert_throttled(answer: &Answer, longest: u64) {
    let seconds: u64 = answer.header("retry-after").parse().unwrap_or_else(|_| panic!("{answer:?}"));
    assert!((1..=longest).contains(&seconds), "{seconds}");
    assert_eq!(answer.status, 429);
    let detail = answer.json["detail"].as_str().unwrap();
    assert!(detail.starts_with("Request was throttled. Expected available in "), "{detail}");
}

/// Where a client stands under one policy.
#[derive(Debug)]
pub(crate) struct Allowance {
    /// The policy with its quota and window, as the headers have it.
    pub(crate) policy: String,
    pub(crate) remaining: u64,
    /// In seconds.
    pub(crate) reset_after: u64,
}

/// What an answer tells of the policies that counted it.
pub(crate) fn told(answer: &Answer) -> Vec<Allowance> {
    let items = |name| answer.header(name).split(", ").filter(|item| !item.is_empty());
    assert_eq!(items("ratelimit-policy").count(), items("ratelimit").count(), "{answer:?}");
    items("ratelimit-policy")
        .zip(items("ratelimit"))
        .map(|(policy, limit)| {
            let (name, values) = limit.split_once(";r=").unwrap();
            let (remaining, reset_after) = values.split_once(";t=").unwrap();
            assert_eq!(policy.split_once(";q=").unwrap().0, name);
            let (remaining, reset_after) = (remaining.parse().unwrap(), reset_after.parse().unwrap());
            Allowance { policy: policy.to_owned(), remaining, reset_after }
        })
        .collect()
}

/// The policies that an answer tells of, with how much is left of each.
fn left(answer: &Answer) -> Vec<(String, u64)> {
    told(answer).into_iter().map(|allowance| (allowance.policy, allowance.remaining)).collect()
}

const WRITE: &str = "\"write\";q=300;w=60";
const SIGN_IN: &str = "\"sign_in\";q=60;w=60";

/// Tries again and again; a slow machine may give time enough for one more try.
async fn until_throttled(attempt: impl AsyncFn() -> Answer) -> Answer {
    loop {
        let answer = attempt().await;
        if answer.status == 429 {
            return answer;
        }
    }
}

async fn ask(app: &TestApp, path: &str, email: &str) -> Answer {
    app.post(path, None, json!({ "email": email })).await
}

app_tests! {
    with [("limits.enabled", "true")];

    async fn five_tries_in_a_row_to_sign_in_to_one_account_in_any_spelling(app) {
        let (account, other) = (app.candidate().await, app.candidate().await);
        let number = &account.phone_number;
        let spellings = [number.clone(), format!("+88{number}"), format!(" 88{number}"), format!("+880{number}")];
        for spelling in spellings.iter().cycle().take(5) {
            assert_eq!(app.login(spelling, "wrong horse 7").await.status, 400);
        }
        assert_throttled(&until_throttled(async || app.login(&spellings[1], "wrong horse 7").await).await, 900);
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

    async fn five_tries_in_a_row_of_one_accounts_codes_whatever_they_are_for(app) {
        let (email, _, otp) = app.register("candidate").await;
        let confirm = async |email: String| {
            let password = "battery staple 8";
            let body = json!({ "email": email, "otp": other_code(&otp), "password": password, "confirm_password": password });
            app.post("/account/password-reset/confirm/", None, body).await
        };
        for _ in 0..2 {
            assert_eq!(verify(&app, &email, other_code(&otp)).await.status, 400);
            assert_eq!(confirm(email.to_uppercase()).await.status, 400);
        }
        assert_eq!(verify(&app, &email, other_code(&otp)).await.status, 400);
        assert_throttled(&until_throttled(async || verify(&app, &email, other_code(&otp)).await).await, 900);
        assert_throttled(&until_throttled(async || confirm(email.clone()).await).await, 900);
    }

    async fn ten_tries_of_the_codes_for_a_change_in_ten_minutes_whatever_they_are_for(app) {
        let account = app.candidate().await;
        for path in ["email", "phone"].iter().cycle().take(10) {
            let path = format!("/account/change-{path}/confirm/");
            assert_eq!(app.post(&path, Some(&account.token), json!({ "otp": "123456" })).await.status, 400);
        }
        for path in ["/account/change-email/confirm/", "/account/change-phone/confirm/"] {
            assert_throttled(&app.post(path, Some(&account.token), json!({ "otp": "123456" })).await, 600);
        }
    }

    async fn sixty_tries_of_codes_a_minute_from_one_client_whatever_accounts_they_are_for(app) {
        for number in 0..60 {
            assert_eq!(verify(&app, &format!("nobody{number}@example.com"), "123456").await.status, 400);
        }
        assert_throttled(&verify(&app, "nobody@example.com", "123456").await, 60);
    }

    async fn three_codes_in_a_row_to_one_new_address_whoever_asks(app) {
        let accounts = [app.candidate().await, app.candidate().await];
        let ask = async |account: &jobportal_tests::app::Account| {
            let body = json!({ "email": "wanted@example.com", "password": PASSWORD });
            app.post("/account/change-email/", Some(&account.token), body).await
        };
        for account in accounts.iter().cycle().take(3) {
            assert_eq!(ask(account).await.status, 200);
        }
        assert_throttled(&ask(&accounts[1]).await, 1_800);
    }

    async fn three_codes_of_a_kind_in_a_row_to_one_address_known_or_not(app) {
        for email in [app.register("candidate").await.0, "nobody@example.com".to_owned()] {
            for path in ["/account/resend_otp/", "/account/password-reset/"] {
                for _ in 0..3 {
                    assert_eq!(ask(&app, path, &email).await.status, 200);
                }
                assert_throttled(&ask(&app, path, &email.to_uppercase()).await, 1_800);
            }
        }
        assert_eq!(ask(&app, "/account/resend_otp/", "somebody@example.com").await.status, 200);
    }

    async fn every_route_of_accounts_tells_its_limits_and_when_to_come_back(app) {
        let email = "nobody@example.com";
        let (number, password) = ("01799999999", "wrong horse 7");
        let reset = json!({ "email": email, "otp": "123456", "password": password, "confirm_password": password });
        // Refused each time: an admin can't be registered.
        let register = json!({ "email": email, "contract_number": number, "user_type": "admin", "password": password });
        for (path, body, by_address, by_account) in [
            ("/account/register/", register, "register", "register_account"),
            ("/account/login/", json!({ "email_or_phone": email, "password": password }), "sign_in", "sign_in_account"),
            ("/account/verify_otp/", json!({ "email": email, "otp": "123456" }), "code", "code_account"),
            ("/account/password-reset/confirm/", reset, "code", "code_account"),
            ("/account/resend_otp/", json!({ "email": email }), "send_code", "send_code_account"),
            ("/account/password-reset/", json!({ "email": email }), "send_code", "send_reset_account"),
        ] {
            let names = |answer: &Answer| -> Vec<String> {
                told(answer).iter().map(|told| told.policy.split('"').nth(1).unwrap().to_owned()).collect()
            };
            let call = async || app.post(path, None, body.clone()).await;
            let first = call().await;
            if first.status != 429 {
                assert_eq!(names(&first), [by_address], "{path}");
            }
            let refused = until_throttled(call).await;
            assert_throttled(&refused, 1_800);
            assert_eq!(names(&refused), [by_address, by_account], "{path}");
        }
    }

    async fn an_answer_tells_of_the_limits_that_counted_its_request(app) {
        let (candidate, employer) = (app.candidate().await, app.employer().await);
        let path = "/candidate/profile/";
        assert_eq!(left(&app.get(path, Some(&candidate.token)).await), [], "reading is not limited");
        for (account, status, remaining) in [(&candidate, 200, 299), (&candidate, 200, 298), (&employer, 403, 299)] {
            let answer = app.patch(path, Some(&account.token), json!({ "bio": "a" })).await;
            assert_eq!((answer.status, left(&answer)), (status, vec![(WRITE.to_owned(), remaining)]));
            assert!((1..=60).contains(&told(&answer)[0].reset_after), "{answer:?}");
        }
        let refused = app.patch(path, Some(&candidate.token), json!({ "birth_date": "x" })).await;
        assert_eq!((refused.status, left(&refused)), (400, vec![(WRITE.to_owned(), 297)]));
        let nobody = app.patch(path, None, json!({ "bio": "a" })).await;
        assert_eq!((nobody.status, left(&nobody)), (401, vec![]));
        let sent = app.post(&format!("/application/{}/", app.job(&employer).await), Some(&candidate.token), json!({})).await;
        let applications = "\"applications\";q=5;w=86400".to_owned();
        assert_eq!((sent.status, left(&sent)), (201, vec![(WRITE.to_owned(), 296), (applications, 4)]));
        // Each of the two has signed in once.
        let body = json!({ "old_password": "wrong", "password": "x", "confirm_password": "y" });
        let answer = app.patch("/account/update-password/", Some(&candidate.token), body).await;
        let change = "\"change_password\";q=10;w=60".to_owned();
        assert_eq!(left(&answer), [(WRITE.to_owned(), 295), (SIGN_IN.to_owned(), 57), (change, 9)]);
    }

    async fn a_limit_on_an_account_is_told_to_whom_it_refuses_and_to_nobody_else(app) {
        let account = app.candidate().await;
        for tried in 1..6 {
            let answer = app.login(&account.email, "wrong horse 7").await;
            assert_eq!((answer.status, left(&answer)), (400, vec![(SIGN_IN.to_owned(), 59 - tried)]));
        }
        let answer = until_throttled(async || app.login(&account.email, "wrong horse 7").await).await;
        assert_throttled(&answer, 900);
        let of_account = &left(&answer)[1];
        assert!(of_account.0.starts_with("\"sign_in_account\";q=1;w=") && of_account.1 == 0, "{of_account:?}");
        assert_eq!(told(&answer)[1].reset_after.to_string(), answer.header("retry-after"));

        let asked = ask(&app, "/account/resend_otp/", &account.email).await;
        assert_eq!(left(&asked), [("\"send_code\";q=30;w=3600".to_owned(), 29)]);
        let tried = verify(&app, &account.email, "000000").await;
        assert_eq!(left(&tried), [("\"code\";q=60;w=60".to_owned(), 58)]);
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
