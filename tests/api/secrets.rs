//! No secret is in any log.

use std::collections::BTreeSet;

use jobportal_tests::client::{Answer, Client};
use jobportal_tests::database::TestDatabase;
use jobportal_tests::process::Program;
use jobportal_tests::until;
use serde_json::{Value, json};

use crate::process::process_tests;

const JWT_SECRET: &str = "mFz3Q0xV1rT8cKp6WnJd5Ls9Yh2Gb7Ea";
const MAIL_PASSWORD: &str = "hunter2-of-the-mail-server";
const PASSWORD: &str = "correct horse 7";
const NEW: &str = "battery staple 8";

/// What is secret wherever it stands in a body.
const SECRET_KEYS: [&str; 7] =
    ["password", "old_password", "confirm_password", "otp", "code", "access_token", "refresh_token"];

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
        self.secrets.extend(found.filter_map(|(_, value)| value.as_str()).map(str::to_owned));
    }
}

/// Whether a text stands in another as a word of its own: six digits are part of many a number.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    text.match_indices(word).any(|(start, _)| {
        !is_part(text[..start].chars().next_back()) && !is_part(text[start + word.len()..].chars().next())
    })
}

/// The code that was written to a file as a mail, and is another than this one.
async fn mailed_code(program: &Program, known: &str) -> String {
    let is_other_code = |word: &&str| word.len() == 6 && word.bytes().all(|b| b.is_ascii_digit()) && *word != known;
    let find = || {
        let entries = std::fs::read_dir(program.dir().join("var/mail")).into_iter().flatten();
        let mut mails = entries.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap_or_default());
        mails.find_map(|mail| mail.split_whitespace().find(is_other_code).map(str::to_owned))
    };
    until("the mail is there", || find().is_some()).await;
    find().unwrap()
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
    if with_mail {
        assert_eq!(journey.post("/account/password-reset/", json!({ "email": email })).await.status, 200);
        let otp = mailed_code(program, otp).await;
        let reset = json!({ "email": email, "otp": otp, "password": PASSWORD, "confirm_password": PASSWORD });
        assert_eq!(journey.post("/account/password-reset/confirm/", reset).await.status, 200);
        assert_eq!(journey.post("/account/login/", login(PASSWORD)).await.status, 200);
    }
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
