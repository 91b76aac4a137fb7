//! What the log tells of who tried what, and what nobody can make it tell.

use chrono::{DateTime, TimeDelta, Utc};
use jobportal_application::{Clock, SystemClock};
use jobportal_domain::TotpSecret;
use jobportal_tests::client::Client;
use jobportal_tests::database::TestDatabase;
use jobportal_tests::process::Program;
use jobportal_tests::smtp::SmtpSink;
use serde_json::{Value, json};

use crate::common::{text, with};
use crate::process::{process_tests, production};
use crate::second_factors::Authenticator;

const PASSWORD: &str = "correct horse 7";

async fn post(client: &Client, path: &str, token: Option<&str>, body: Value) -> (u16, Value) {
    client.call("POST", path, token, Some(body)).await.outcome()
}

/// Registers and signs in a candidate; the access and the refresh token.
async fn sign_in(client: &Client, sink: &SmtpSink) -> (String, String) {
    let body = json!({ "email": "ann@example.com", "contract_number": "01711111111", "user_type": "candidate", "password": PASSWORD });
    assert_eq!(post(client, "/account/register/", None, body).await.0, 201);
    let otp = sink.wait_for_mail_to("ann@example.com").await.code();
    let body = json!({ "email": "ann@example.com", "otp": otp });
    assert_eq!(post(client, "/account/verify_otp/", None, body).await.0, 200);
    let body = json!({ "email_or_phone": "ann@example.com", "password": PASSWORD });
    let (_, tokens) = post(client, "/account/login/", None, body).await;
    (tokens["access_token"].as_str().unwrap().to_owned(), tokens["refresh_token"].as_str().unwrap().to_owned())
}

/// The events of a log in JSON that are for those who watch over the portal.
fn events(log: &str) -> Vec<Value> {
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("{line}")));
    lines.filter(|event| event["target"] == "jobportal::security").collect()
}

process_tests! {
    async fn each_authentication_is_logged_with_who_did_it_and_what_came_of_it(database) {
        let sink = SmtpSink::start().await;
        let program = Program::new(database.url(), &production(sink.url()));
        let (running, client) = program.serve(&[]);
        let (access, refresh) = sign_in(&client, &sink).await;
        for name in ["ann@example.com", " Ann@Example.com", "nobody@example.com"] {
            let body = json!({ "email_or_phone": name, "password": "wrong horse 7" });
            assert_eq!(post(&client, "/login/", None, body).await.0, 400);
        }
        assert_eq!(post(&client, "/account/token/refresh/", None, json!({ "refresh_token": refresh })).await.0, 200);
        assert_eq!(post(&client, "/account/token/refresh/", None, json!({ "refresh_token": "x" })).await.0, 401);
        assert_eq!(post(&client, "/account/logout/", Some(&access), json!({ "refresh_token": refresh })).await.0, 204);
        let finished = running.terminate();
        assert!(!finished.stdout.contains("security"), "the log is on standard error alone: {}", finished.stdout);
        let events = events(&finished.stderr);
        let told: Vec<_> = events.iter().map(|event| json!([event["route"], event["outcome"], event["status"]])).collect();
        let routes = [
            json!(["/account/register", "succeeded", 201]),
            json!(["/account/verify_otp", "succeeded", 200]),
            json!(["/account/login", "succeeded", 200]),
            json!(["/login", "refused", 400]),
            json!(["/login", "refused", 400]),
            json!(["/login", "refused", 400]),
            json!(["/account/token/refresh", "succeeded", 200]),
            json!(["/account/token/refresh", "refused", 401]),
            json!(["/account/logout", "succeeded", 204]),
        ];
        assert_eq!(told, routes);
        let accounts: Vec<_> = (2..6).map(|place| events[place]["account"].as_str().unwrap()).collect();
        assert!(accounts[..3].iter().all(|account| *account == accounts[0]) && accounts[3] != accounts[0], "{accounts:?}");
        let users: Vec<_> = [2, 6, 8].map(|place: usize| events[place]["user_id"].as_i64()).into();
        assert!(users[0].is_some() && users.iter().all(|user| *user == users[0]), "{users:?}");
        for event in events {
            let at: DateTime<Utc> = event["timestamp"].as_str().filter(|at| at.ends_with('Z')).unwrap().parse().unwrap();
            assert!((SystemClock.now() - at).abs() < TimeDelta::minutes(5));
            assert_eq!((&event["network"], &event["method"]), (&json!("127.0.0.1"), &json!("POST")));
            assert!(event["action"].is_string() && event["level"] == "INFO", "{event}");
        }
    }

    async fn second_factors_stolen_tokens_and_the_end_of_an_account_are_told_with_what_happened(database) {
        let sink = SmtpSink::start().await;
        let program = Program::new(database.url(), &production(sink.url()));
        let (running, client) = program.serve(&[]);
        let (access, refresh) = sign_in(&client, &sink).await;
        let with_password = |more: Value| with(json!({ "password": PASSWORD }), &more);
        let (path, token) = ("/account/second-factor/", Some(access.as_str()));
        let (_, enrolled) = post(&client, path, token, with_password(json!({}))).await;
        let app = Authenticator(TotpSecret::parse(enrolled["secret"].as_str().unwrap()).unwrap());
        let body = json!({ "totp": app.code_at(SystemClock.now()) });
        let (_, confirmed) = post(&client, "/account/second-factor/confirm/", token, body).await;
        let codes: Vec<_> = confirmed["recovery_codes"].as_array().unwrap().iter().map(text).collect();
        for (more, status) in [
            (json!({}), 401), (json!({ "totp": "000000" }), 401), (json!({ "recovery_code": codes[0] }), 200),
        ] {
            let body = with(json!({ "email_or_phone": "ann@example.com", "password": PASSWORD }), &more);
            assert_eq!(post(&client, "/account/login/", None, body).await.0, status);
        }
        let body = with_password(json!({ "recovery_code": codes[1] }));
        assert_eq!(post(&client, "/account/second-factor/recovery-codes/", token, body).await.0, 200);
        // Two tokens on, the first is spent for good.
        let mut token = refresh.clone();
        for _ in 0..2 {
            let (status, tokens) = post(&client, "/account/token/refresh/", None, json!({ "refresh_token": token })).await;
            assert_eq!(status, 200);
            token = text(&tokens["refresh_token"]);
        }
        assert_eq!(post(&client, "/account/token/refresh/", None, json!({ "refresh_token": refresh })).await.0, 401);
        for command in ["activate", "deactivate", "sign-out"] {
            let said = program.run(&[command, "ann@example.com"]);
            assert!(said.success);
            let event = &events(&said.stderr)[0];
            assert_eq!((&event["by"], &event["outcome"]), (&json!("operator"), &json!("succeeded")), "{event}");
            assert!(event["user_id"].is_i64() && event["action"].is_string(), "{event}");
        }
        let events = events(&running.terminate().stderr);
        let told: Vec<_> = events[3..].iter().map(|event| {
            let part = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            assert!(event["user_id"].is_i64() || event["account"].is_string(), "{event}");
            (part("route"), part("second_factor"), part("outcome"), part("reason"))
        }).collect();
        let factor = "/account/second-factor";
        let expected = [
            (factor.to_owned(), "", "succeeded", ""),
            (format!("{factor}/confirm"), "", "succeeded", ""),
            ("/account/login".to_owned(), "", "refused", "second_factor_missing"),
            ("/account/login".to_owned(), "totp", "refused", "second_factor_refused"),
            ("/account/login".to_owned(), "recovery_code", "succeeded", ""),
            (format!("{factor}/recovery-codes"), "recovery_code", "succeeded", ""),
            ("/account/token/refresh".to_owned(), "", "succeeded", ""),
            ("/account/token/refresh".to_owned(), "", "succeeded", ""),
            ("/account/token/refresh".to_owned(), "", "refused", "refresh_token_reused"),
        ];
        let expected = expected.map(|(route, factor, outcome, reason)| {
            (route, factor.to_owned(), outcome.to_owned(), reason.to_owned())
        });
        assert_eq!(told, expected);
    }

    async fn each_refusal_is_logged_with_whom_it_met(database) {
        let sink = SmtpSink::start().await;
        let program = Program::new(database.url(), &production(sink.url()));
        let (running, client) = program.serve(&[]);
        let (access, _) = sign_in(&client, &sink).await;
        for (method, path, token, status) in [
            ("GET", "/job/search/", None, 401),
            ("GET", "/job/search/", Some("eyJhbGciOiJub25lIn0.e30."), 401),
            ("POST", "/job/manage/", Some(access.as_str()), 403),
            ("GET", "/job/4711/", Some(&access), 404),
            ("GET", "/job/search/?page=x", Some(&access), 404),
            ("GET", "/job/search/?nonsense=1", Some(&access), 400),
            ("DELETE", "/job/search/", Some(&access), 405),
        ] {
            assert_eq!(client.call(method, path, token, None).await.status, status, "{path}");
        }
        // What nobody is refused is not told.
        assert_eq!(client.call("GET", "/account/login-user-info/", Some(&access), None).await.status, 200);
        for _ in 0..6 {
            let body = json!({ "email": "ann@example.com" });
            post(&client, "/account/password-reset/", None, body).await;
        }
        let all = events(&running.terminate().stderr);
        let refused: Vec<_> = all.iter().filter(|event| event["outcome"] == "refused").collect();
        let told: Vec<_> = refused.iter().map(|event| (event["status"].as_i64().unwrap(), event["user_id"].is_i64())).collect();
        assert_eq!(told[..7], [(401, false), (401, false), (403, true), (404, true), (404, true), (400, true), (405, false)]);
        assert!(told.len() > 7 && told[7..].iter().all(|event| *event == (429, false)), "{told:?}");
        assert!(all.iter().all(|event| event["route"] != "/account/login-user-info/"));
    }

    async fn what_an_admin_does_with_the_outbox_is_logged(database) {
        let sink = SmtpSink::start().await;
        let settings = [("log.format", "json"), ("mail.url", sink.url()), ("JOBPORTAL_SUPERUSER_PASSWORD", PASSWORD)];
        let program = Program::new(database.url(), &settings);
        let make = ["createsuperuser", "--email", "ada@example.com", "--contract-number", "01722222222"];
        assert!(program.run(&make).success);
        let (running, client) = program.serve(&[]);
        let body = json!({ "email_or_phone": "ada@example.com", "password": PASSWORD });
        let tokens = post(&client, "/account/login/", None, body).await.1;
        let token = tokens["access_token"].as_str();
        assert_eq!(client.call("GET", "/outbox/", token, None).await.status, 200);
        assert_eq!(post(&client, "/outbox/purge/", token, json!({})).await.0, 200);
        assert_eq!(post(&client, "/outbox/4711/retry/", token, json!({})).await.0, 404);
        let all = events(&running.terminate().stderr);
        let of_outbox = all.iter().filter(|event| event["route"].as_str().unwrap().starts_with("/outbox"));
        let told: Vec<_> = of_outbox
            .map(|event| (event["route"].as_str().unwrap(), event["outcome"].as_str().unwrap(), event["user_id"].is_i64()))
            .collect();
        assert_eq!(told, [("/outbox/purge", "succeeded", true), ("/outbox/{id}/retry", "refused", true)]);
    }

    async fn nothing_that_a_client_sends_makes_a_line_of_the_log(database) {
        let sink = SmtpSink::start().await;
        for format in ["text", "json"] {
            let settings = [("log.format", format), ("log.filter", "trace,hyper=off"), ("mail.url", sink.url())];
            let program = Program::new(database.url(), &production(sink.url())).with(&settings);
            let (running, client) = program.serve(&[]);
            let forged = "x\n2026-01-01T00:00:00.000000Z ERROR forged: FORGED\r\nFORGED\u{1b}[2J";
            for path in ["/login/", "/account/password-reset/", "/account/register/"] {
                let body = json!({
                    "email": forged, "email_or_phone": forged, "password": forged, "contract_number": forged, "user_type": forged,
                });
                assert_eq!(post(&client, path, None, body).await.0, 400);
            }
            for header in ["user-agent", "x-forwarded-for", "idempotency-key", "authorization", "accept-encoding"] {
                let request = client.request("GET", "/job/search/?q=%0AFORGED%0D%0AFORGED", None).header(header, "a\tFORGED");
                assert_eq!(client.send(request).await.status, 401);
            }
            client.call("GET", "/job/%0AFORGED/", None, None).await;
            client.call("FORGED", "/login/", None, None).await;
            let log = running.terminate().stderr;
            let begun = log.lines().find(|line| line.trim_start().starts_with("FORGED") || line.contains('\u{1b}'));
            assert!(begun.is_none(), "{begun:?}");
            let own_line = log.lines().find(|line| line.contains(" ERROR forged") && !line.contains("\\n"));
            assert!(own_line.is_none(), "{own_line:?}");
        }
    }
}
