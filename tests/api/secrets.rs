//! No secret is in any log.

use std::collections::BTreeSet;

use jobportal_application::{Clock, SystemClock};
use jobportal_domain::TotpSecret;
use jobportal_tests::client::{Answer, Client};
use jobportal_tests::database::TestDatabase;
use jobportal_tests::process::Program;
use jobportal_tests::until;
use serde_json::{Value, json};

use crate::common::{text, with};
use crate::process::process_tests;
use crate::second_factors::Authenticator;

const JWT_SECRET: &str = "mFz3Q0xV1rT8cKp6WnJd5Ls9Yh2Gb7Ea";
const MAIL_PASSWORD: &str = "hunter2-of-the-mail-server";
const PASSWORD: &str = "correct horse 7";
const NEW: &str = "battery staple 8";

/// What is secret wherever it stands in a body.
const SECRET_KEYS: [&str; 12] = [
    "password",
    "old_password",
    "confirm_password",
    "otp",
    "code",
    "access_token",
    "refresh_token",
    "totp",
    "recovery_code",
    "recovery_codes",
    "secret",
    "otpauth_uri",
];

/// A client that remembers every secret it sends or gets.
struct Journey {
    client: Client,
    secrets: BTreeSet<String>,
}

impl Journey {
    async fn call(&mut self, method: &str, path: &str, token: Option<&str>, body: Value) -> Answer {
        self.secrets.extend(token.map(str::to_owned));
        self.learn(&body);
        let answer = self.client.call(method, path, token, Some(body)).await;
        self.learn(&answer.json);
        answer
    }

    async fn post(&mut self, path: &str, body: Value) -> Answer {
        self.call("POST", path, None, body).await
    }

    fn learn(&mut self, body: &Value) {
        let Some(keys) = body.as_object() else { return };
        let found = keys.iter().filter(|(key, _)| SECRET_KEYS.contains(&key.as_str()));
        let texts = found.flat_map(|(_, value)| match value {
            Value::Array(values) => values.iter().collect(),
            value => vec![value],
        });
        self.secrets.extend(texts.filter_map(Value::as_str).map(str::to_owned));
    }

    /// The next code that is written to a file as a mail, and its long form if it has one.
    async fn mailed_code(&mut self, program: &Program) -> (String, Option<String>) {
        let is_new = |known: &BTreeSet<String>, word: &str| {
            word.len() == 6 && word.bytes().all(|b| b.is_ascii_digit()) && !known.contains(word)
        };
        let find = |known: &BTreeSet<String>| {
            let entries = std::fs::read_dir(program.dir().join("var/mail")).into_iter().flatten();
            let mut mails = entries.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap_or_default());
            mails.find_map(|mail| {
                let code = mail.split_whitespace().find(|word| is_new(known, word))?.to_owned();
                let long = mail.split_whitespace().find(|word| word.split('-').map(str::len).eq([6; 4]));
                Some((code, long.map(str::to_owned)))
            })
        };
        until("the mail is there", || find(&self.secrets).is_some()).await;
        let (code, long) = find(&self.secrets).unwrap();
        self.secrets.insert(code.clone());
        self.secrets.extend(long.clone());
        (code, long)
    }
}

/// Whether a text stands in another as a word of its own: six digits are part of many a number.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    text.match_indices(word).any(|(start, _)| {
        !is_part(text[..start].chars().next_back()) && !is_part(text[start + word.len()..].chars().next())
    })
}

/// From the registration to the end, with all that can go wrong; and back to the start with another password.
async fn journey(journey: &mut Journey, program: &Program, (email, phone_number): (&str, &str), with_mail: bool) {
    let account = json!({
        "email": email, "contract_number": phone_number, "user_type": "candidate", "password": PASSWORD,
    });
    let login = |password: &str| json!({ "email_or_phone": email, "password": password });
    let registered = journey.post("/account/register/", account.clone()).await;
    assert_eq!(registered.status, 201, "{}", registered.json);
    assert_eq!(journey.post("/account/register/", account).await.status, 400);
    assert_eq!(journey.post("/account/login/", login(PASSWORD)).await.status, 400);
    let verify = |otp: &str| json!({ "email": email, "otp": otp });
    assert_eq!(journey.post("/account/verify_otp/", verify("000000")).await.status, 400);
    let otp = registered.json["otp"].as_str().unwrap();
    assert_eq!(journey.post("/account/verify_otp/", verify(otp)).await.status, 200);
    assert_eq!(journey.post("/account/login/", login("wrong staple 9")).await.status, 400);
    let tokens = journey.post("/account/login/", login(PASSWORD)).await.json;
    let (access, refresh) = (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
    let forged = format!("{}x", access.strip_suffix(access.chars().next_back().unwrap()).unwrap());
    for (token, expected) in [(access, 200), (forged.as_str(), 401), ("no-token-at-all", 401)] {
        let own = journey.call("GET", "/account/login-user-info/", Some(token), Value::Null).await;
        assert_eq!(own.status, expected, "{}", own.json);
    }
    let refused = journey.client.request("POST", "/job/manage/", Some(access)).header("x-request-id", "my-request.1");
    assert_eq!(journey.client.send(refused).await.status, 403);
    // What can't be read is not written down either.
    for (media_type, body) in [
        ("application/json", format!("{{\"password\": \"{PASSWORD}\", ")),
        ("application/x-www-form-urlencoded", format!("password={PASSWORD}")),
    ] {
        let answer = journey.client.raw("POST", "/account/login/", None, media_type, body).await;
        assert!([400, 415].contains(&answer.status), "{}", answer.json);
    }
    let spent = json!({ "refresh_token": refresh });
    let renewed = journey.post("/account/token/refresh/", spent).await.json;
    let access = renewed["access_token"].as_str().unwrap().to_owned();
    assert_eq!(journey.post("/account/token/refresh/", json!({ "refresh_token": "made-up-token" })).await.status, 401);
    let change = |old: &str| json!({ "old_password": old, "password": NEW, "confirm_password": NEW });
    for (old, expected) in [("wrong staple 9", 400), (PASSWORD, 200)] {
        let changed = journey.call("PATCH", "/account/update-password/", Some(&access), change(old)).await;
        assert_eq!(changed.status, expected, "{}", changed.json);
    }
    let end = json!({ "refresh_token": renewed["refresh_token"] });
    assert_eq!(journey.call("POST", "/account/logout/", Some(&access), end).await.status, 204);
    assert_eq!(journey.call("GET", "/account/login-user-info/", Some(&access), Value::Null).await.status, 401);
    let mut password = NEW;
    if with_mail {
        assert_eq!(journey.post("/account/password-reset/", json!({ "email": email })).await.status, 200);
        let (_, long_code) = journey.mailed_code(program).await;
        let reset = json!({ "email": email, "otp": long_code, "password": PASSWORD, "confirm_password": PASSWORD });
        assert_eq!(journey.post("/account/password-reset/confirm/", reset).await.status, 200);
        password = PASSWORD;
    }
    second_factor(journey, program, email, password, with_mail).await;
}

/// From the key of an authenticator app to its end; with its codes the account gets another address and another number.
async fn second_factor(journey: &mut Journey, program: &Program, email: &str, password: &str, with_mail: bool) {
    let login = json!({ "email_or_phone": email, "password": password });
    let tokens = journey.post("/account/login/", login.clone()).await.json;
    let access = text(&tokens["access_token"]);
    let own = json!({ "password": password });
    let token = Some(access.as_str());
    let enrolled = journey.call("POST", "/account/second-factor/", token, own.clone()).await.json;
    let app = Authenticator(TotpSecret::parse(&text(&enrolled["secret"])).unwrap());
    let body = json!({ "totp": app.code_at(SystemClock.now()) });
    let confirmed = journey.call("POST", "/account/second-factor/confirm/", token, body).await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.json);
    let mut codes = confirmed.json["recovery_codes"].as_array().unwrap().iter().map(text);
    // What it is told with each code counts too, right or wrong.
    for (key, code, status) in [
        ("totp", "314159".to_owned(), 401),
        ("recovery_code", "abcdef-ghijkl-mnopqr-stuvwx".to_owned(), 401),
        ("recovery_code", codes.next().unwrap(), 200),
    ] {
        assert_eq!(journey.post("/account/login/", with(login.clone(), &json!({ key: code }))).await.status, status);
    }
    let mut with_code =
        |more: Value| with(with(own.clone(), &json!({ "recovery_code": codes.next().unwrap() })), &more);
    for (path, body) in [
        ("/account/change-email/", with_code(json!({ "email": format!("new.{email}") }))),
        ("/account/change-phone/", with_code(json!({ "contract_number": format!("0188{:07}", email.len()) }))),
    ] {
        assert_eq!(journey.call("POST", path, token, body).await.status, 200, "{path}");
        if with_mail {
            let (otp, _) = journey.mailed_code(program).await;
            let changed = journey.call("POST", &format!("{path}confirm/"), token, json!({ "otp": otp })).await;
            assert_eq!(changed.status, 200, "{path}: {}", changed.json);
        }
    }
    let renewed = journey.call("POST", "/account/second-factor/recovery-codes/", token, with_code(json!({}))).await;
    let code = text(&renewed.json["recovery_codes"][0]);
    let removed =
        journey.call("DELETE", "/account/second-factor/", token, with(own, &json!({ "recovery_code": code }))).await;
    assert_eq!(removed.status, 204, "{}", removed.json);
    // Two tokens on, the first is spent, and ends the session.
    let mut next = text(&tokens["refresh_token"]);
    for _ in 0..2 {
        next = text(
            &journey.post("/account/token/refresh/", json!({ "refresh_token": next })).await.json["refresh_token"],
        );
    }
    let spent = json!({ "refresh_token": tokens["refresh_token"] });
    assert_eq!(journey.post("/account/token/refresh/", spent).await.status, 401);
}

process_tests! {
    async fn no_log_of_a_whole_journey_holds_a_secret(database) {
        let mail_server = format!("smtp://mailer:{MAIL_PASSWORD}@127.0.0.1:9");
        // Mail that is delivered to files, and mail that fails.
        for (format, mail_url, contact) in [
            ("text", "file:var/mail", ("carl@example.com", "01722222222")),
            ("json", mail_server.as_str(), ("cora@example.com", "01733333333")),
        ] {
            let settings = [
                ("log.filter", "trace"), ("log.format", format), ("auth.jwt_secret", JWT_SECRET), ("mail.url", mail_url),
            ];
            let program = Program::new(database.url(), &settings);
            let (running, client) = program.serve(&[]);
            let secrets = [JWT_SECRET, MAIL_PASSWORD, PASSWORD, NEW].map(str::to_owned);
            let mut travelled = Journey { client, secrets: secrets.into() };
            journey(&mut travelled, &program, contact, format == "text").await;
            let finished = running.terminate();
            assert!(finished.success, "{}", finished.stderr);
            let log = finished.stderr;
            assert!(log.contains("TRACE"), "the log is not as talkative as it can be");
            for secret in &travelled.secrets {
                assert!(!has_word(&log, secret), "{format}: {secret} is in the log: {}", lines_with(&log, secret));
            }
            // What is told of a request has its id.
            assert!(log.lines().any(|line| line.contains("jobportal") && line.contains("my-request.1")), "{log}");
        }
    }
}

fn lines_with(log: &str, word: &str) -> String {
    log.lines().filter(|line| line.contains(word)).take(3).collect::<Vec<_>>().join("\n")
}
