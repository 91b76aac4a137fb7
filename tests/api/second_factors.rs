//! Authenticator apps and recovery codes beside the password.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use jobportal_domain::{RecoveryCode, SecondFactor, TotpSecret};
use jobportal_security::Totp;
use jobportal_tests::app::{Account, PASSWORD, TestApp, fresh_contact};
use jobportal_tests::app_tests;
use jobportal_tests::client::{Answer, detail, time};
use serde_json::{Value, json};

use crate::common::{assert_unauthenticated, mails_titled, other_code, text};
use crate::permissions::ROUTES;

const PATH: &str = "/account/second-factor/";
const CODE: &str = "/account/second-factor/code/";
const CONFIRM: &str = "/account/second-factor/confirm/";
const RECOVERY_CODES: &str = "/account/second-factor/recovery-codes/";

fn missing() -> (u16, Value) {
    demanded("A second factor is required.")
}

fn refused() -> (u16, Value) {
    demanded("The second factor is not accepted.")
}

fn demanded(detail: &str) -> (u16, Value) {
    (401, json!({ "detail": detail, "second_factor": ["totp", "recovery_code"] }))
}

/// An authenticator app with the key of an account.
pub(crate) struct Authenticator(pub(crate) TotpSecret);

impl Authenticator {
    /// A code that was not used yet, because half a minute has passed since the last one.
    fn next_code(&self, app: &TestApp) -> String {
        app.pass(TimeDelta::seconds(SecondFactor::STEP_SECONDS));
        self.code_in(app, 0)
    }

    /// The code that is shown in so many seconds.
    fn code_in(&self, app: &TestApp, seconds: i64) -> String {
        self.code_at(app.now() + TimeDelta::seconds(seconds))
    }

    /// The code that is shown at a time.
    pub(crate) fn code_at(&self, time: DateTime<Utc>) -> String {
        let step = time.timestamp() / SecondFactor::STEP_SECONDS;
        Totp::code(&self.0, step).unwrap().expose().to_owned()
    }
}

async fn enrol(app: &TestApp, account: &Account) -> Authenticator {
    enrol_with(app, account, json!({ "password": PASSWORD })).await
}

async fn enrol_with(app: &TestApp, account: &Account, body: Value) -> Authenticator {
    let answer = app.post(PATH, Some(&account.token), body).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{}", answer.json);
    let secret = text(&answer.json["secret"]);
    let address = account.email.replace('@', "%40");
    let uri = format!(
        "otpauth://totp/Job%20Portal:{address}?secret={secret}&issuer=Job%20Portal&algorithm=SHA1&digits=6&period=30"
    );
    assert_eq!(answer.json, json!({ "secret": secret, "otpauth_uri": uri }));
    Authenticator(TotpSecret::parse(&secret).unwrap())
}

fn recovery_codes(answer: &Answer) -> Vec<String> {
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{}", answer.json);
    let codes: Vec<_> = answer.json["recovery_codes"].as_array().unwrap().iter().map(text).collect();
    assert_eq!(codes.len(), 10);
    codes
}

async fn confirm(app: &TestApp, account: &Account, code: &str) -> Answer {
    app.post(CONFIRM, Some(&account.token), json!({ "totp": code })).await
}

/// Gives an account a second factor; returns it with its recovery codes.
async fn protect(app: &TestApp, account: &Account) -> (Authenticator, Vec<String>) {
    let authenticator = enrol(app, account).await;
    let confirmed = confirm(app, account, &authenticator.next_code(app)).await;
    (authenticator, recovery_codes(&confirmed))
}

async fn login(app: &TestApp, account: &Account, key: &str, code: &str) -> Answer {
    let body = json!({ "email_or_phone": account.email, "password": PASSWORD, key: code });
    app.post("/account/login/", None, body).await
}

async fn state(app: &TestApp, account: &Account) -> Value {
    let answer = app.get(PATH, Some(&account.token)).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    answer.json
}

fn none() -> Value {
    json!({ "active": false, "confirmed_at": null, "recovery_codes_left": 0, "required": false })
}

app_tests! {
    async fn everyone_may_have_a_second_factor_and_sign_in_asks_for_it_once_it_is_confirmed(app) {
        for account in [app.employer().await, app.admin().await, app.candidate().await] {
            assert_eq!(state(&app, &account).await, none());
            let elsewhere = app.again(&account).await;
            let authenticator = enrol(&app, &account).await;
            assert_eq!(state(&app, &account).await, none());
            assert_eq!(app.login(&account.email, PASSWORD).await.status, 200, "not before it is confirmed");

            let confirmed = confirm(&app, &account, &authenticator.next_code(&app)).await;
            assert_eq!(recovery_codes(&confirmed).len(), RecoveryCode::COUNT);
            let now = state(&app, &account).await;
            let since = time(&now["confirmed_at"]);
            assert!(since <= app.now() && since > app.now() - TimeDelta::minutes(1));
            let confirmed_at = &now["confirmed_at"];
            let expected =
                json!({ "active": true, "confirmed_at": confirmed_at, "recovery_codes_left": 10, "required": false });
            assert_eq!(now, expected);
            assert_unauthenticated(&app.get(PATH, Some(&elsewhere.token)).await);
            mails_titled(&app, &account.email, "Your second factor is active", 1).await;

            for identifier in [&account.email, &account.phone_number] {
                let answer = app.login(identifier, PASSWORD).await;
                assert_eq!((answer.outcome(), answer.header("www-authenticate")), (missing(), "Bearer"));
            }
            let answer = login(&app, &account, "totp", &authenticator.next_code(&app)).await;
            assert_eq!(answer.status, 200, "{}", answer.json);
            let token = text(&answer.json["access_token"]);
            assert_eq!(app.get("/account/login-user-info/", Some(&token)).await.status, 200);
        }
    }

    async fn a_code_of_the_app_is_used_once(app) {
        let account = app.employer().await;
        let authenticator = enrol(&app, &account).await;
        let first = authenticator.next_code(&app);
        assert_eq!(confirm(&app, &account, &first).await.status, 200);
        assert_eq!(login(&app, &account, "totp", &first).await.outcome(), refused());
        let code = authenticator.next_code(&app);
        let answers = join_all((0..8).map(|_| login(&app, &account, "totp", &code))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
        // Wrong codes are counted, and after five not looked at.
        assert!(answers.iter().all(|answer| [200, 401, 429].contains(&answer.status)));
    }

    async fn a_code_of_the_app_counts_in_its_own_half_minute_and_the_ones_beside_it(app) {
        let account = app.employer().await;
        let (authenticator, _) = protect(&app, &account).await;
        app.pass(TimeDelta::minutes(5));
        for seconds in [-90, 90] {
            let code = authenticator.code_in(&app, seconds);
            assert_eq!(login(&app, &account, "totp", &code).await.outcome(), refused());
        }
        for seconds in [-30, 30] {
            app.pass(TimeDelta::minutes(5));
            let code = authenticator.code_in(&app, seconds);
            assert_eq!(login(&app, &account, "totp", &code).await.status, 200);
        }
    }

    async fn a_wrong_password_tells_nothing_of_the_second_factor(app) {
        let (plain, account) = (app.employer().await, app.employer().await);
        let (authenticator, codes) = protect(&app, &account).await;
        let expected = app.login(&plain.email, "wrong horse 7").await.outcome();
        let right = [("totp", authenticator.next_code(&app)), ("recovery_code", codes[0].clone())];
        for (key, code) in right.into_iter().chain([("totp", "000000".to_owned())]) {
            let body = json!({ "email_or_phone": account.email, "password": "wrong horse 7", key: code });
            assert_eq!(app.post("/account/login/", None, body).await.outcome(), expected);
        }
        assert_eq!(state(&app, &account).await["recovery_codes_left"], 10);
    }

    async fn after_five_wrong_codes_even_the_right_one_has_to_wait_and_a_recovery_code_need_not(app) {
        let account = app.employer().await;
        let (authenticator, codes) = protect(&app, &account).await;
        let right = authenticator.next_code(&app);
        for _ in 0..5 {
            assert_eq!(login(&app, &account, "totp", other_code(&right)).await.outcome(), refused());
        }
        let blocked = login(&app, &account, "totp", &right).await;
        let seconds: u64 = blocked.header("retry-after").parse().unwrap();
        assert!(blocked.status == 429 && (1..=60).contains(&seconds), "{blocked:?}");
        mails_titled(&app, &account.email, "Somebody guesses at your second factor", 1).await;
        assert_eq!(login(&app, &account, "recovery_code", &codes[0]).await.status, 200);
        assert_eq!(login(&app, &account, "totp", &authenticator.next_code(&app)).await.status, 200);
    }

    async fn the_wait_after_wrong_codes_ends(app) {
        let account = app.employer().await;
        let (authenticator, _) = protect(&app, &account).await;
        let right = authenticator.next_code(&app);
        for _ in 0..5 {
            login(&app, &account, "totp", other_code(&right)).await;
        }
        assert_eq!(login(&app, &account, "totp", &right).await.status, 429);
        app.pass(TimeDelta::minutes(1));
        assert_eq!(login(&app, &account, "totp", &authenticator.next_code(&app)).await.status, 200);
    }

    async fn a_recovery_code_is_used_once_and_its_owner_is_told(app) {
        let account = app.employer().await;
        let (_, codes) = protect(&app, &account).await;
        let answers = join_all((0..8).map(|_| login(&app, &account, "recovery_code", &codes[3]))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
        assert_eq!(answers.iter().filter(|answer| answer.outcome() == refused()).count(), 7);
        let in_capitals = codes[4].to_uppercase().replace('-', " ");
        assert_eq!(login(&app, &account, "recovery_code", &in_capitals).await.status, 200);
        mails_titled(&app, &account.email, "A recovery code was used", 2).await;
        assert_eq!(state(&app, &account).await["recovery_codes_left"], 8);
        for malformed in ["", "abcdef", "' OR 1=1", &"a".repeat(10_000)] {
            assert_eq!(login(&app, &account, "recovery_code", malformed).await.outcome(), refused());
        }
    }

    async fn new_recovery_codes_make_the_former_ones_worthless(app) {
        let account = app.admin().await;
        let (authenticator, former) = protect(&app, &account).await;
        let body = json!({ "password": PASSWORD, "totp": authenticator.next_code(&app) });
        let codes = recovery_codes(&app.post(RECOVERY_CODES, Some(&account.token), body).await);
        assert!(codes.iter().all(|code| !former.contains(code)));
        assert_eq!(login(&app, &account, "recovery_code", &former[0]).await.outcome(), refused());
        assert_eq!(login(&app, &account, "recovery_code", &codes[0]).await.status, 200);
        mails_titled(&app, &account.email, "You have new recovery codes", 1).await;
        let without = app.candidate().await;
        let answer = app.post(RECOVERY_CODES, Some(&without.token), json!({ "password": PASSWORD })).await;
        assert_eq!(answer.outcome(), detail(404, "This account has no second factor."));
    }

    async fn a_second_factor_is_removed_with_the_password_and_itself_alone(app) {
        let account = app.employer().await;
        let remove = async |body: Value| app.client.call("DELETE", PATH, Some(&account.token), Some(body)).await;
        assert_eq!(
            remove(json!({ "password": PASSWORD })).await.outcome(),
            detail(404, "This account has no second factor.")
        );
        let (authenticator, _) = protect(&app, &account).await;
        let code = authenticator.next_code(&app);
        for (body, field, message) in [
            (json!({ "totp": code }), "password", "This field is required."),
            (json!({ "password": "wrong horse 7", "totp": code }), "password", "Password is incorrect."),
            (json!({ "password": PASSWORD }), "totp", "A second factor is required: totp or recovery_code."),
            (json!({ "password": PASSWORD, "totp": other_code(&code) }), "totp", "This code is not accepted."),
            (json!({ "password": PASSWORD, "recovery_code": "x" }), "recovery_code", "This code is not accepted."),
            (json!({ "password": PASSWORD, "totp": [] }), "totp", "Not a valid string."),
        ] {
            assert_eq!(remove(body).await.outcome(), (400, json!({ field: [message] })));
        }
        let elsewhere = login(&app, &account, "totp", &code).await;
        let code = authenticator.next_code(&app);
        assert_eq!(remove(json!({ "password": PASSWORD, "totp": code })).await.status, 204);
        assert_eq!(state(&app, &account).await, none());
        assert_unauthenticated(&app.get(PATH, elsewhere.json["access_token"].as_str()).await);
        assert_eq!(app.login(&account.email, PASSWORD).await.status, 200);
        mails_titled(&app, &account.email, "Your second factor was removed", 1).await;
    }

    async fn an_active_second_factor_is_not_replaced_and_a_wrong_code_confirms_nothing(app) {
        let account = app.employer().await;
        let answer = confirm(&app, &account, "123456").await;
        assert_eq!(answer.outcome(), detail(404, "This account has no second factor."));
        let first = enrol(&app, &account).await;
        let second = enrol(&app, &account).await;
        let not_accepted = (400, json!({ "totp": ["This code is not accepted."] }));
        assert_eq!(confirm(&app, &account, &first.next_code(&app)).await.outcome(), not_accepted);
        assert_eq!(confirm(&app, &account, "12345").await.outcome(), not_accepted);
        let code = second.next_code(&app);
        assert_eq!(confirm(&app, &account, &code).await.status, 200);
        let active = detail(409, "A second factor is active already. Remove it first.");
        assert_eq!(confirm(&app, &account, &second.next_code(&app)).await.outcome(), active);
        let body = json!({ "password": PASSWORD, "totp": second.next_code(&app) });
        assert_eq!(app.post(PATH, Some(&account.token), body).await.outcome(), active);
        let alone = app.post(PATH, Some(&account.token), json!({ "password": PASSWORD })).await;
        let message = "A second factor is required: totp or recovery_code.";
        assert_eq!(alone.outcome(), (400, json!({ "totp": [message] })));
    }

    async fn a_password_reset_does_not_bypass_the_second_factor(app) {
        let account = app.employer().await;
        let (authenticator, _) = protect(&app, &account).await;
        app.post("/account/password-reset/", None, json!({ "email": account.email })).await;
        let otp = mails_titled(&app, &account.email, "Your code for a new password", 1).await.remove(0).code();
        let new = "battery staple 8";
        let body = json!({ "email": account.email, "otp": otp, "password": new, "confirm_password": new });
        let reset = app.post("/account/password-reset/confirm/", None, body).await;
        assert_eq!(reset.outcome(), detail(200, "Password Change Successfully"), "it gives no session");
        assert_eq!(app.login(&account.email, new).await.outcome(), missing());
        let body = json!({ "email_or_phone": account.email, "password": new, "totp": authenticator.next_code(&app) });
        assert_eq!(app.post("/account/login/", None, body).await.status, 200);
    }

    async fn a_new_address_or_number_takes_the_second_factor_too(app) {
        let account = app.employer().await;
        let (authenticator, _) = protect(&app, &account).await;
        let (email, number) = fresh_contact("moved");
        for (path, key, value) in
            [("/account/change-email/", "email", email), ("/account/change-phone/", "contract_number", number)]
        {
            let mut body = json!({ "password": PASSWORD, key: value });
            let alone = app.post(path, Some(&account.token), body.clone()).await;
            let message = "A second factor is required: totp or recovery_code.";
            assert_eq!(alone.outcome(), (400, json!({ "totp": [message] })));
            body["totp"] = json!(authenticator.next_code(&app));
            assert_eq!(app.post(path, Some(&account.token), body).await.status, 200);
        }
    }

    async fn what_is_shown_of_a_second_factor_is_used_up_whatever_becomes_of_the_request(app) {
        let account = app.employer().await;
        let (authenticator, codes) = protect(&app, &account).await;
        for (key, code) in [("totp", authenticator.next_code(&app)), ("recovery_code", codes[0].clone())] {
            let body = json!({ "email": account.email, "password": PASSWORD, key: code });
            let own = app.post("/account/change-email/", Some(&account.token), body).await;
            assert_eq!(own.outcome(), (400, json!({ "email": ["This is the address of your account already."] })));
            let body = json!({ "password": PASSWORD, key: code });
            let again = app.client.call("DELETE", PATH, Some(&account.token), Some(body)).await;
            assert_eq!(again.outcome(), (400, json!({ key: ["This code is not accepted."] })));
            assert_eq!(login(&app, &account, key, &code).await.outcome(), refused());
        }
        assert_eq!(state(&app, &account).await["recovery_codes_left"], 9);
    }

    async fn keys_are_kept_sealed_and_recovery_codes_as_keyed_hashes_alone(app) {
        let account = app.employer().await;
        let (authenticator, codes) = protect(&app, &account).await;
        let sealed = app.database.values("SELECT sealed_secret AS value FROM second_factors").remove(0);
        assert!(sealed.starts_with("v1.") && !sealed.contains(authenticator.0.expose()), "{sealed}");
        let digests = app.database.values("SELECT digest AS value FROM recovery_codes");
        assert_eq!(digests.len(), 10);
        for digest in digests {
            assert!(digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit()), "{digest}");
            assert!(codes.iter().all(|code| !digest.contains(&code.replace('-', ""))));
        }
    }
}

mod demanded {
    use super::*;

    const MUST_ENROL: &str = "Your account must have a second factor. Enrol it first: POST /account/second-factor/code/, then \
                              POST /account/second-factor/.";

    app_tests! {
        with [("auth.require_second_factor", "employer,admin")];

        async fn without_a_second_factor_that_is_demanded_a_session_may_only_enrol(app) {
            let (employer, candidate) = (employer(&app).await, app.candidate().await);
            assert_eq!(app.get("/job/changes/", Some(&candidate.token)).await.status, 200);
            assert_eq!(app.get("/job/changes/", Some(&employer.token)).await.outcome(), detail(403, MUST_ENROL));
            assert_eq!(app.get("/job/changes/", Some(&refreshed(&app, &employer).await)).await.status, 403);

            let mut required = none();
            required["required"] = json!(true);
            assert_eq!(state(&app, &employer).await, required);
            let authenticator = enrol(&app, &employer).await;
            assert_eq!(app.get("/job/changes/", Some(&employer.token)).await.status, 403);
            recovery_codes(&confirm(&app, &employer, &authenticator.next_code(&app)).await);
            // The next access token of the session is a full one.
            let employer = signed_in(&app, &employer.email, Some(&authenticator.next_code(&app))).await;
            assert_eq!(app.get("/job/changes/", Some(&employer.token)).await.status, 200);
            assert_eq!(app.get("/job/changes/", Some(&refreshed(&app, &employer).await)).await.status, 200);
        }

        async fn a_second_factor_that_is_demanded_is_enrolled_with_the_code_of_a_mail_and_not_by_the_password_alone(app) {
            let (employer, candidate) = (employer(&app).await, app.candidate().await);
            let enrol = async |more: Value| {
                let body = crate::common::with(json!({ "password": PASSWORD }), &more);
                app.post(PATH, Some(&employer.token), body).await.outcome()
            };
            let rejected = (400, json!({ "otp": ["OTP does not exist."] }));
            assert_eq!(enrol(json!({})).await, (400, json!({ "otp": ["This field is required."] })));
            assert_eq!(enrol(json!({ "otp": "123456" })).await, rejected);
            // A code for something else is worth nothing here.
            app.post("/account/password-reset/", None, json!({ "email": employer.email })).await;
            let mail = mails_titled(&app, &employer.email, "Your code for a new password", 1).await.remove(0);
            for otp in [mail.code(), mail.long_code()] {
                assert_eq!(enrol(json!({ "otp": otp })).await, rejected);
            }
            let first = enrolment_code(&app, &employer, 1).await;
            for _ in 0..5 {
                assert_eq!(enrol(json!({ "otp": other_code(&first) })).await, rejected);
            }
            assert_eq!(enrol(json!({ "otp": first })).await, rejected, "its tries are used up");
            let otp = enrolment_code(&app, &employer, 2).await;
            let wrong = crate::common::with(json!({ "password": "wrong horse 7" }), &json!({ "otp": otp }));
            let answer = app.post(PATH, Some(&employer.token), wrong).await;
            assert_eq!(answer.outcome(), (400, json!({ "password": ["Password is incorrect."] })));
            assert_eq!(enrol(json!({ "otp": otp })).await.0, 200);
            assert_eq!(enrol(json!({ "otp": otp })).await, rejected, "it is used once");
            assert_eq!(state(&app, &employer).await["active"], false);

            let needless = app.post(CODE, Some(&candidate.token), json!({})).await;
            assert_eq!(needless.outcome(), detail(409, "Your account needs no code to enrol a second factor."));
            protect(&app, &candidate).await;
        }

        async fn a_session_that_enrolled_is_a_full_one_from_its_next_token_on(app) {
            let employer = employer(&app).await;
            let authenticator = enrol(&app, &employer).await;
            recovery_codes(&confirm(&app, &employer, &authenticator.next_code(&app)).await);
            assert_eq!(app.get("/job/changes/", Some(&refreshed(&app, &employer).await)).await.status, 200);
        }

        async fn every_other_route_is_closed_to_a_session_that_may_only_enrol(app) {
            let employer = employer(&app).await;
            for (method, path, body, _) in ROUTES.iter().filter(|(.., statuses)| statuses[0] == 401) {
                // Of ids that are not there.
                let segments = path.split('/').map(|segment| if segment.starts_with('{') { "1" } else { segment });
                let path = segments.collect::<Vec<_>>().join("/");
                let body = (*method != "GET").then(body);
                let answer = app.client.call(method, &path, Some(&employer.token), body).await;
                let is_open = ["/account/logout/", PATH, CODE, CONFIRM].contains(&path.as_str()) && *method != "DELETE";
                assert_eq!(answer.status != 403, is_open, "{method} {path}: {}", answer.json);
            }
        }

        async fn whoever_has_to_have_a_second_factor_signs_in_anew_after_removing_it(app) {
            let employer = employer(&app).await;
            let authenticator = enrol(&app, &employer).await;
            recovery_codes(&confirm(&app, &employer, &authenticator.next_code(&app)).await);
            let employer = signed_in(&app, &employer.email, Some(&authenticator.next_code(&app))).await;
            let body = json!({ "password": PASSWORD, "totp": authenticator.next_code(&app) });
            let removed = app.client.call("DELETE", PATH, Some(&employer.token), Some(body)).await;
            assert_eq!(removed.status, 204, "{}", removed.json);
            assert_unauthenticated(&app.get(PATH, Some(&employer.token)).await);
            let employer = signed_in(&app, &employer.email, None).await;
            assert_eq!(app.get("/job/changes/", Some(&employer.token)).await.outcome(), detail(403, MUST_ENROL));
        }
    }

    /// The code to enrol that is mailed to an account, which gets so many with it.
    async fn enrolment_code(app: &TestApp, account: &Account, count: usize) -> String {
        let asked = app.post(CODE, Some(&account.token), json!({})).await;
        assert_eq!(asked.outcome(), (200, json!({ "status": "OTP has been generated" })));
        mails_titled(app, &account.email, "Your code to enrol a second factor", count).await.pop().unwrap().code()
    }

    async fn enrol(app: &TestApp, account: &Account) -> Authenticator {
        let otp = enrolment_code(app, account, 1).await;
        enrol_with(app, account, json!({ "password": PASSWORD, "otp": otp })).await
    }

    /// An employer who has just registered.
    async fn employer(app: &TestApp) -> Account {
        let (email, _, otp) = app.register("employer").await;
        crate::common::verify(app, &email, &otp).await;
        signed_in(app, &email, None).await
    }

    async fn signed_in(app: &TestApp, email: &str, totp: Option<&str>) -> Account {
        let body = json!({ "email_or_phone": email, "password": PASSWORD, "totp": totp });
        let answer = app.post("/account/login/", None, body).await;
        assert_eq!(answer.status, 200, "{}", answer.json);
        Account {
            user: 0,
            profile: 0,
            email: email.to_owned(),
            phone_number: String::new(),
            token: text(&answer.json["access_token"]),
            refresh_token: text(&answer.json["refresh_token"]),
        }
    }

    /// The next access token of a session.
    async fn refreshed(app: &TestApp, account: &Account) -> String {
        let body = json!({ "refresh_token": account.refresh_token });
        text(&app.post("/account/token/refresh/", None, body).await.json["access_token"])
    }
}
