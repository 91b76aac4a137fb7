//! Another e-mail address or phone number for an account.

use chrono::TimeDelta;
use futures_util::future::join_all;
use jobportal_tests::app::{Account, PASSWORD, TestApp, fresh_contact};
use jobportal_tests::app_tests;
use jobportal_tests::client::Answer;
use serde_json::{Value, json};

use crate::common::{assert_unauthenticated, mails_titled, other_code, outbox, verify};

fn sent() -> (u16, Value) {
    (200, json!({ "status": "OTP has been generated" }))
}

fn rejected() -> (u16, Value) {
    (400, json!({ "otp": ["OTP does not exist."] }))
}

async fn change_email(app: &TestApp, account: &Account, email: &str) -> Answer {
    let body = json!({ "email": email, "password": PASSWORD });
    app.post("/account/change-email/", Some(&account.token), body).await
}

async fn confirm_email(app: &TestApp, account: &Account, otp: &str) -> Answer {
    app.post("/account/change-email/confirm/", Some(&account.token), json!({ "otp": otp })).await
}

async fn change_phone(app: &TestApp, account: &Account, number: &str) -> Answer {
    let body = json!({ "contract_number": number, "password": PASSWORD });
    app.post("/account/change-phone/", Some(&account.token), body).await
}

async fn confirm_phone(app: &TestApp, account: &Account, otp: &str) -> Answer {
    app.post("/account/change-phone/confirm/", Some(&account.token), json!({ "otp": otp })).await
}

/// What the account is reached by now.
async fn contact(app: &TestApp, account: &Account) -> (String, String) {
    let data = app.get("/account/login-user-info/", Some(&account.token)).await.json["data"].clone();
    let text = |key: &str| data[key].as_str().unwrap().to_owned();
    (text("email"), text("contract_number"))
}

/// The code of the last of so many mails that bring one.
async fn code(app: &TestApp, address: &str, mails: usize) -> String {
    mails_titled(app, address, "Your code for a new ", mails).await.remove(mails - 1).code()
}

async fn assert_ended(app: &TestApp, account: &Account) {
    assert_unauthenticated(&app.get("/account/login-user-info/", Some(&account.token)).await);
    let refresh = json!({ "refresh_token": account.refresh_token });
    assert_unauthenticated(&app.post("/account/token/refresh/", None, refresh).await);
}

app_tests! {
    async fn a_new_address_is_confirmed_there_and_told_to_the_former_one(app) {
        for account in [app.candidate().await, app.employer().await] {
            let elsewhere = app.again(&account).await;
            let (new, _) = fresh_contact("moved");
            assert_eq!(change_email(&app, &account, &new.to_uppercase()).await.outcome(), sent());
            assert_eq!(contact(&app, &account).await.0, account.email, "nothing changes before it is confirmed");
            let otp = code(&app, &new, 1).await;
            let changed = confirm_email(&app, &account, &otp).await;
            assert_eq!(changed.outcome(), (200, json!({ "status": "Email has been changed" })));

            assert_eq!(contact(&app, &account).await, (new.clone(), account.phone_number.clone()));
            assert_ended(&app, &elsewhere).await;
            assert_eq!(app.login(&account.email, PASSWORD).await.status, 400);
            assert_eq!(app.login(&new, PASSWORD).await.status, 200);
            let told = mails_titled(&app, &account.email, "Your e-mail address was changed", 1).await.remove(0);
            assert!(!told.data.contains(&new), "the new address is nobody's business: {}", told.data);
            // The former address is free again.
            let other = app.candidate().await;
            assert_eq!(change_email(&app, &other, &account.email).await.outcome(), sent());
            let otp = code(&app, &account.email, 1).await;
            assert_eq!(confirm_email(&app, &other, &otp).await.status, 200);
        }
    }

    async fn a_new_number_is_confirmed_by_mail(app) {
        let account = app.candidate().await;
        let elsewhere = app.again(&account).await;
        assert_eq!(change_phone(&app, &account, "+8801999999999").await.outcome(), sent());
        let otp = code(&app, &account.email, 1).await;
        let changed = confirm_phone(&app, &account, &otp).await;
        assert_eq!(changed.outcome(), (200, json!({ "status": "Contract number has been changed" })));

        assert_eq!(contact(&app, &account).await, (account.email.clone(), "01999999999".to_owned()));
        assert_ended(&app, &elsewhere).await;
        assert_eq!(app.login(&account.phone_number, PASSWORD).await.status, 400);
        assert_eq!(app.login("01999999999", PASSWORD).await.status, 200);
        mails_titled(&app, &account.email, "Your phone number was changed", 1).await;
    }

    async fn a_change_needs_the_present_password(app) {
        let account = app.employer().await;
        let refused = (400, json!({ "password": ["Password is incorrect."] }));
        let (new, number) = fresh_contact("new");
        for (path, key, value) in [("email", "email", &new), ("phone", "contract_number", &number)] {
            let path = format!("/account/change-{path}/");
            let mut body = json!({ "password": "wrong horse 7" });
            body[key] = json!(value);
            assert_eq!(app.post(&path, Some(&account.token), body.clone()).await.outcome(), refused);
            assert_unauthenticated(&app.post(&path, None, body).await);
            let answer = app.post(&path, Some(&account.token), json!({})).await;
            let required = ["This field is required."];
            let mut missing = json!({ "password": required });
            missing[key] = json!(required);
            assert_eq!(answer.outcome(), (400, missing));
        }
        assert_eq!(outbox(&app, &new).len(), 0);
        assert_eq!(outbox(&app, &account.email).len(), 1, "the welcome alone");
    }

    async fn what_is_malformed_or_already_so_is_told(app) {
        let account = app.candidate().await;
        for (email, message) in [
            ("no address", "Enter a valid email address."),
            (account.email.as_str(), "This is the address of your account already."),
        ] {
            assert_eq!(change_email(&app, &account, email).await.outcome(), (400, json!({ "email": [message] })));
        }
        let own = change_phone(&app, &account, &account.phone_number).await;
        let message = "This is the number of your account already.";
        assert_eq!(own.outcome(), (400, json!({ "contract_number": [message] })));
        assert_eq!(change_phone(&app, &account, "12").await.status, 400);
        for confirmed in [confirm_email(&app, &account, "12345").await, confirm_phone(&app, &account, "x").await] {
            assert_eq!(confirmed.outcome(), rejected());
        }
    }

    async fn a_taken_address_is_not_disclosed_and_its_owner_is_told(app) {
        let (account, owner) = (app.candidate().await, app.employer().await);
        let (free, _) = fresh_contact("free");
        let [taken, free] = [change_email(&app, &account, &owner.email).await, change_email(&app, &account, &free).await];
        assert_eq!(taken.outcome(), sent());
        assert_eq!(taken.outcome(), free.outcome());
        let headers = |answer: &Answer| answer.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(headers(&taken), headers(&free));
        let told = mails_titled(&app, &owner.email, "Somebody asked to use your e-mail address", 1).await.remove(0);
        assert!(!told.data.contains(&account.email), "who asked is nobody's business");
        assert_eq!(contact(&app, &owner).await.0, owner.email);
    }

    async fn an_address_that_was_taken_meanwhile_is_told_to_who_proved_to_own_it(app) {
        let (first, second) = (app.candidate().await, app.candidate().await);
        let (new, number) = fresh_contact("wanted");
        assert_eq!(change_email(&app, &first, &new).await.outcome(), sent());
        let of_first = code(&app, &new, 1).await;
        assert_eq!(change_email(&app, &second, &new).await.outcome(), sent());
        let of_second = code(&app, &new, 2).await;
        assert_eq!(confirm_email(&app, &first, &of_first).await.status, 200);
        let conflict = (400, json!({ "email": ["A user with this email already exists."] }));
        assert_eq!(confirm_email(&app, &second, &of_second).await.outcome(), conflict);
        assert_eq!(contact(&app, &second).await.0, second.email);

        assert_eq!(change_phone(&app, &first, &number).await.outcome(), sent());
        let of_first = code(&app, &new, 3).await;
        assert_eq!(change_phone(&app, &second, &number).await.outcome(), sent());
        let of_second = code(&app, &second.email, 1).await;
        assert_eq!(confirm_phone(&app, &first, &of_first).await.status, 200);
        let conflict = (400, json!({ "contract_number": ["A user with this contract number already exists."] }));
        assert_eq!(confirm_phone(&app, &second, &of_second).await.outcome(), conflict);
    }

    async fn a_code_is_bound_to_its_account_its_purpose_and_its_address(app) {
        let (account, other) = (app.candidate().await, app.candidate().await);
        let [(first, number), (second, _)] = [fresh_contact("first"), fresh_contact("second")];
        change_email(&app, &account, &first).await;
        let for_first = code(&app, &first, 1).await;
        // Of another account, and of another purpose.
        assert_eq!(confirm_email(&app, &other, &for_first).await.outcome(), rejected());
        change_phone(&app, &account, &number).await;
        let for_phone = code(&app, &account.email, 1).await;
        assert_ne!(for_first, for_phone, "one in a million");
        assert_eq!(confirm_phone(&app, &account, &for_first).await.outcome(), rejected());
        assert_eq!(confirm_email(&app, &account, &for_phone).await.outcome(), rejected());
        assert_eq!(verify(&app, &account.email, &for_first).await.status, 400);
        // A new code kills the old one, also where it is for another address.
        change_email(&app, &account, &second).await;
        let for_second = code(&app, &second, 1).await;
        assert_ne!(for_first, for_second, "one in a million");
        assert_eq!(confirm_email(&app, &account, &for_first).await.outcome(), rejected());
        assert_eq!(confirm_email(&app, &account, &for_second).await.status, 200);
        assert_eq!(contact(&app, &account).await.0, second);
    }

    async fn a_reset_code_to_the_former_address_resets_nothing_after_a_change(app) {
        let account = app.candidate().await;
        app.post("/account/password-reset/", None, json!({ "email": account.email })).await;
        let reset = code(&app, &account.email, 1).await;
        let (new, _) = fresh_contact("moved");
        change_email(&app, &account, &new).await;
        let otp = code(&app, &new, 1).await;
        assert_eq!(confirm_email(&app, &account, &otp).await.status, 200);
        for email in [&account.email, &new] {
            let password = "battery staple 8";
            let body = json!({ "email": email, "otp": reset, "password": password, "confirm_password": password });
            assert_eq!(app.post("/account/password-reset/confirm/", None, body).await.status, 400);
        }
        assert_eq!(app.login(&new, PASSWORD).await.status, 200);
    }

    async fn a_code_for_a_change_lives_ten_minutes_and_five_tries(app) {
        let account = app.candidate().await;
        let (new, _) = fresh_contact("moved");
        change_email(&app, &account, &new).await;
        let late = code(&app, &new, 1).await;
        app.pass(TimeDelta::minutes(10));
        assert_eq!(confirm_email(&app, &account, &late).await.outcome(), rejected());
        change_email(&app, &account, &new).await;
        let guessed = code(&app, &new, 2).await;
        for _ in 0..5 {
            assert_eq!(confirm_email(&app, &account, other_code(&guessed)).await.outcome(), rejected());
        }
        assert_eq!(confirm_email(&app, &account, &guessed).await.outcome(), rejected());
    }

    async fn a_code_for_a_change_is_used_once_however_many_send_it_at_once(app) {
        let account = app.candidate().await;
        let (new, _) = fresh_contact("moved");
        change_email(&app, &account, &new).await;
        let otp = code(&app, &new, 1).await;
        let answers = join_all((0..8).map(|_| confirm_email(&app, &account, &otp))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
        assert_eq!(answers.iter().filter(|answer| answer.outcome() == rejected()).count(), 7);
    }

    async fn five_codes_an_hour_are_sent_for_changes_of_one_account(app) {
        let account = app.candidate().await;
        for number in 1..=6 {
            assert_eq!(change_phone(&app, &account, &format!("0190000000{number}")).await.outcome(), sent());
        }
        assert_eq!(outbox(&app, &account.email).len(), 6, "the welcome and five codes");
        let mut mails = 0;
        for _ in 1..=6 {
            let (new, _) = fresh_contact("new");
            assert_eq!(change_email(&app, &account, &new).await.outcome(), sent());
            mails += outbox(&app, &new).len();
        }
        assert_eq!(mails, 5);
    }

    async fn codes_for_changes_are_kept_as_salted_keyed_hashes_alone(app) {
        let (account, (new, number)) = (app.candidate().await, fresh_contact("new"));
        change_email(&app, &account, &new).await;
        change_phone(&app, &account, &number).await;
        let codes = [code(&app, &new, 1).await, code(&app, &account.email, 1).await];
        let kept = app.database.values("SELECT digest AS value FROM one_time_codes WHERE consumed_at IS NULL");
        assert_eq!(kept.len(), 2);
        for digest in &kept {
            let (salt, hash) = digest.split_once('.').unwrap();
            // 128 bits in base64, and HMAC-SHA256 in hexadecimal.
            assert_eq!((salt.len(), hash.len()), (22, 64), "{digest}");
            assert!(codes.iter().all(|code| !salt.contains(code.as_str())), "{digest}");
        }
        assert_ne!(kept[0].split('.').next(), kept[1].split('.').next());
    }
}
