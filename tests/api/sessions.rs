//! Signing in, tokens, and signing out.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use jobportal_application::{AccessClaims, AccessTokens};
use jobportal_domain::{EmailAddress, PhoneNumber, UserId, UserType};
use jobportal_security::{JwtTokens, TokenKeys};
use jobportal_tests::app::{Account, PASSWORD, TestApp};
use jobportal_tests::app_tests;
use jobportal_tests::client::{Answer, detail};
use serde_json::{Value, json};

use crate::common::{assert_unauthenticated, text};
use crate::refresh::refresh;

/// Whether an access token is good.
pub(crate) async fn is_good(app: &TestApp, token: &str) -> bool {
    let answer = app.get("/account/login-user-info/", Some(token)).await;
    if answer.status == 200 {
        return true;
    }
    assert_unauthenticated(&answer);
    false
}

async fn logout(app: &TestApp, account: &Account) -> Answer {
    app.post("/account/logout/", Some(&account.token), json!({ "refresh_token": account.refresh_token })).await
}

/// The header and the payload of a JSON Web Token.
fn read(token: &str) -> [Value; 2] {
    let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
    [(); 2].map(|()| serde_json::from_slice(&parts.next().unwrap()).unwrap())
}

/// The first two parts of a JSON Web Token, not signed.
fn write(header: &Value, payload: &Value) -> String {
    [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".")
}

fn refused() -> (u16, Value) {
    let body = json!({
        "error": "Token generation failed: Users matching query does not exist.",
        "detail": "No account matches this e-mail or phone number and this password.",
    });
    (400, body)
}

app_tests! {
    async fn signs_in_by_address_and_by_number_in_any_spelling(app) {
        let account = app.candidate().await;
        let number = &account.phone_number;
        for identifier in [
            account.email.clone(),
            account.email.to_uppercase(),
            format!(" {} ", account.email),
            number.clone(),
            format!("+88{number}"),
            format!("88{number}"),
            format!("+880{number}"),
            format!(" {number} "),
        ] {
            let answer = app.login(&identifier, PASSWORD).await;
            let (access, refresh) = (text(&answer.json["access_token"]), text(&answer.json["refresh_token"]));
            let body = json!({ "access_token": access, "refresh_token": refresh });
            assert_eq!(answer.outcome(), (200, body), "{identifier}");
            assert!(is_good(&app, &access).await);
        }
    }

    async fn every_path_of_signing_in_answers_alike(app) {
        let account = app.employer().await;
        for path in ["/account/login/", "/account/login", "/login/", "/login"] {
            let right = json!({ "email_or_phone": account.email, "password": PASSWORD });
            assert_eq!(app.post(path, None, right).await.status, 200, "{path}");
            let wrong = json!({ "email_or_phone": account.email, "password": "wrong" });
            assert_eq!(app.post(path, None, wrong).await.outcome(), refused(), "{path}");
        }
    }

    async fn a_refused_sign_in_tells_not_what_is_wrong(app) {
        let account = app.candidate().await;
        for (identifier, password) in [
            (account.email.as_str(), "wrong horse 7"),
            (&account.phone_number, "wrong horse 7"),
            (&account.email, ""),
            (&account.email, &PASSWORD.to_uppercase()),
            ("nobody@example.com", PASSWORD),
            ("01999999999", PASSWORD),
            ("no address@", PASSWORD),
            ("", PASSWORD),
            ("' OR '1'='1", "' OR '1'='1"),
        ] {
            assert_eq!(app.login(identifier, password).await.outcome(), refused(), "{identifier} {password}");
        }
    }

    async fn only_the_right_password_learns_that_an_account_is_not_verified(app) {
        let (email, number, _) = app.register("employer").await;
        let body = json!({
            "error": "Token generation failed: Account is not verified.",
            "detail": "This account is not verified. Please complete the OTP verification.",
        });
        for identifier in [email, number] {
            assert_eq!(app.login(&identifier, PASSWORD).await.outcome(), (400, body.clone()));
            assert_eq!(app.login(&identifier, "wrong horse 7").await.outcome(), refused());
        }
    }

    async fn what_is_missing_in_a_sign_in_is_told(app) {
        let answer = app.post("/account/login/", None, json!({ "password": null })).await;
        let body = json!({
            "email_or_phone": ["This field is required."],
            "password": ["This field may not be null."],
        });
        assert_eq!(answer.outcome(), (400, body));
    }

    async fn an_access_token_has_the_documented_claims(app) {
        for (account, user_type) in
            [(app.candidate().await, "candidate"), (app.employer().await, "employer"), (app.admin().await, "admin")]
        {
            let [header, payload] = read(&account.token);
            assert_eq!(header, json!({ "typ": "JWT", "alg": "HS256", "kid": text(&header["kid"]) }));
            let issued_at = payload["iat"].as_i64().unwrap();
            assert!((app.now().timestamp() - issued_at).abs() < 300, "{issued_at}");
            let expected = json!({
                "id": account.user,
                "email": account.email,
                "user_type": user_type,
                "contact_number": account.phone_number,
                "exp": issued_at + 30 * 60,
                "iat": issued_at,
                "iss": "jobportal",
                "aud": "jobportal",
                "sub": account.user.to_string(),
                "jti": text(&payload["jti"]),
                "sid": text(&payload["sid"]),
            });
            assert_eq!(payload, expected);
        }
    }

    async fn an_access_token_lives_half_an_hour(app) {
        let account = app.candidate().await;
        app.pass(TimeDelta::minutes(29));
        assert!(is_good(&app, &account.token).await);
        app.pass(TimeDelta::minutes(2));
        let answer = app.get("/account/login-user-info/", Some(&account.token)).await;
        assert_unauthenticated(&answer);
        assert_eq!(answer.outcome(), detail(401, "Given token not valid or expired."));
    }

    async fn what_is_no_good_access_token_is_refused(app) {
        let account = app.candidate().await;
        let [header, payload] = read(&account.token);
        let (signed, signature) = account.token.rsplit_once('.').unwrap();
        let mut promoted = payload.clone();
        promoted["user_type"] = json!("admin");
        let claims = AccessClaims {
            user_id: UserId(account.user),
            user_type: UserType::Admin,
            email: EmailAddress::parse(&account.email).unwrap(),
            phone_number: PhoneNumber::parse(&account.phone_number).unwrap(),
            session_id: text(&payload["sid"]),
            must_enrol: false,
            issued_at: app.now(),
            expires_at: app.now() + TimeDelta::minutes(30),
        };
        let foreign = JwtTokens::new(TokenKeys::symmetric("the secret of another portal"), "jobportal", "jobportal");
        for token in [
            "x".to_owned(),
            "..".to_owned(),
            signed.to_owned(),
            format!("{signed}."),
            format!("{signed}.{}", signature.chars().rev().collect::<String>()),
            format!("{}.{signature}", write(&header, &promoted)),
            format!("{}.", write(&json!({ "typ": "JWT", "alg": "none" }), &promoted)),
            format!("{}.{signature}", write(&json!({ "typ": "JWT", "alg": "none" }), &payload)),
            foreign.issue(&claims).unwrap(),
            account.refresh_token.clone(),
            "A".repeat(6_000),
        ] {
            assert!(!is_good(&app, &token).await, "{token}");
        }
        for header in ["Bearer", "Bearer ", "Basic YTpi", &account.token, &format!("Token {}", account.token)] {
            let request = app.client.request("GET", "/account/login-user-info/", None).header("authorization", header);
            assert_unauthenticated(&app.client.send(request).await);
        }
        let scheme = format!("bearer  {}", account.token);
        let request = app.client.request("GET", "/account/login-user-info/", None).header("authorization", scheme);
        assert_eq!(app.client.send(request).await.status, 200, "a scheme has no letter case (RFC 9110)");
    }

    async fn signing_out_ends_both_tokens_at_once_and_no_other_session(app) {
        let account = app.candidate().await;
        let elsewhere = app.again(&account).await;
        let answer = logout(&app, &account).await;
        assert_eq!((answer.status, answer.bytes.len()), (204, 0));
        assert!(!is_good(&app, &account.token).await);
        assert_unauthenticated(&refresh(&app, &account.refresh_token).await);
        assert!(is_good(&app, &elsewhere.token).await);
        assert_eq!(refresh(&app, &elsewhere.refresh_token).await.status, 200);
    }

    async fn an_access_token_from_before_a_refresh_ends_with_its_session(app) {
        let account = app.candidate().await;
        let renewed = refresh(&app, &account.refresh_token).await.json;
        let renewed = Account {
            token: text(&renewed["access_token"]),
            refresh_token: text(&renewed["refresh_token"]),
            ..account.clone()
        };
        assert!(is_good(&app, &account.token).await);
        assert_eq!(logout(&app, &renewed).await.status, 204);
        assert!(!is_good(&app, &account.token).await);
        assert!(!is_good(&app, &renewed.token).await);
    }

    async fn signing_out_ends_no_session_of_another_user(app) {
        let (account, victim) = (app.candidate().await, app.employer().await);
        let thief = Account { refresh_token: victim.refresh_token.clone(), ..account.clone() };
        assert_eq!(logout(&app, &thief).await.status, 204);
        assert!(!is_good(&app, &account.token).await, "one's own session ends all the same");
        assert!(is_good(&app, &victim.token).await);
        assert_eq!(refresh(&app, &victim.refresh_token).await.status, 200);
    }

    async fn signing_out_is_for_those_who_are_signed_in(app) {
        let account = app.admin().await;
        let body = json!({ "refresh_token": account.refresh_token });
        assert_unauthenticated(&app.post("/account/logout/", None, body).await);
        let answer = app.post("/account/logout/", Some(&account.token), json!({})).await;
        assert_eq!(answer.outcome(), (400, json!({ "refresh_token": ["This field is required."] })));
        assert!(is_good(&app, &account.token).await);
        assert_eq!(logout(&app, &account).await.status, 204);
        assert_unauthenticated(&logout(&app, &account).await);
    }
}
