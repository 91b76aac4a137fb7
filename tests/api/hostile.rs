//! What no honest client sends: never answered with a 5xx, never left hanging, and refused in the one form of errors.

use std::time::Duration;

use jobportal_tests::app::{Account, TestApp};
use jobportal_tests::app_tests;
use jobportal_tests::client::Answer;
use reqwest::multipart::{Form, Part};
use reqwest::{Body, RequestBuilder};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::with;
use crate::permissions::World;

const PATIENCE: Duration = Duration::from_secs(60);

/// A request with a body that is good, or good but for the state of things.
struct Target {
    method: &'static str,
    path: String,
    token: Option<String>,
    body: Value,
    takes_form: bool,
}

/// Every request that has a body.
fn targets(world: &World) -> Vec<Target> {
    let email = "nobody@example.com";
    let (candidate, owner, admin) = (Some(&world.candidate), Some(&world.owner), Some(&world.admin));
    let job = json!({
        "employer": world.owner.profile, "title": "Clerk", "description": "Files.", "job_type": "Private",
        "job_subtype": "Contract", "experience_level": "Entry", "company_name": "ACME", "location": "Dhaka",
        "salary_range": "much", "deadline": "2099-12-31T23:59:59", "application_link": "https://example.com",
        "application_email": email,
    });
    let plan = json!({
        "name": "premium", "price": "1.00", "description": "x", "features": "x", "duration": "P30D",
        "max_job_applications_per_day": 1, "priority_support": true, "career_coaching": true,
    });
    let register = json!({
        "email": "mallory@example.com", "contract_number": "01999999999", "user_type": "candidate",
        "password": "correct horse 7",
    });
    let login = json!({ "email_or_phone": email, "password": "correct horse 7" });
    let reset = json!({ "email": email, "otp": "123456", "password": "staple 12", "confirm_password": "staple 12" });
    let passwords = json!({ "old_password": "wrong", "password": "staple 12", "confirm_password": "staple 12" });
    let professional = json!({
        "candidate": world.candidate.profile, "education": ["a"], "experience": ["a"], "skills": ["a"],
        "languages": ["a"], "projects": ["a"], "certificate": ["a"], "awards": ["a"], "club_and_committee": ["a"],
        "Competitive_exams": ["a"], "resume": "x",
    });
    let personal = json!({
        "user": world.candidate.user, "first_name": "a", "last_name": "a", "address": "a", "bio": "a",
        "social_links": ["https://example.com"], "gender": "a", "birth_date": "2000-01-01", "profile_pic": "x",
    });
    let employer = json!({
        "user": world.owner.user, "first_name": "a", "last_name": "a", "address": "a", "website": "https://example.com",
        "company_name": "a", "profile_picture": "x",
    });
    let application = json!({
        "job": null, "candidate": world.candidate.profile, "cover_letter": "a", "expected_salary": "1",
        "notice_period": "a", "resume": "x",
    });
    let deadline = json!({ "deadline": "2100-01-01T00:00:00Z" });
    let target = |method, path: &str, account: Option<&Account>, body: &Value, takes_form| Target {
        method,
        path: world.path(path),
        token: account.map(|account| account.token.clone()),
        body: body.clone(),
        takes_form,
    };
    vec![
        target("POST", "/account/register/", None, &register, false),
        target("POST", "/account/verify_otp/", None, &json!({ "email": email, "otp": "123456" }), false),
        target("POST", "/account/resend_otp/", None, &json!({ "email": email }), false),
        target("POST", "/account/login/", None, &login, false),
        target("POST", "/account/token/refresh/", None, &json!({ "refresh_token": "x" }), false),
        // It ends the session of whoever asks, so this one asks for nothing else.
        target("POST", "/account/logout/", Some(&world.other), &json!({ "refresh_token": "x" }), false),
        target("POST", "/account/password-reset/", None, &json!({ "email": email }), false),
        target("POST", "/account/password-reset/confirm/", None, &reset, false),
        target("PATCH", "/account/update-password/", candidate, &passwords, false),
        target("POST", "/candidate/profile/", candidate, &professional, true),
        target("PATCH", "/candidate/profile/", candidate, &personal, true),
        target("PUT", "/employer/profile/", owner, &employer, true),
        target("POST", "/job/manage/", owner, &job, false),
        target("PUT", "/job/manage/{job}/", owner, &job, false),
        target("PATCH", "/jobs/manage/{job}/", owner, &job, false),
        target("POST", "/job/manage/{job}/extend/", owner, &deadline, false),
        target("POST", "/application/{job}/", candidate, &application, true),
        target("PATCH", "/application/status/{application}/", owner, &json!({ "status": "offered" }), false),
        target("POST", "/subscription/plan/", admin, &plan, false),
        target("PUT", "/subscription/plan/{plan}/", admin, &plan, false),
        target(
            "POST",
            "/subscription/add/plan/",
            candidate,
            &json!({ "user": world.candidate.user, "plan": 2 }),
            false,
        ),
    ]
}

/// Whether an error is told in the form that all errors have.
fn is_error(body: &Value) -> bool {
    let Some(keys) = body.as_object().filter(|keys| !keys.is_empty()) else { return false };
    let are_messages =
        |value: &Value| value.as_array().is_some_and(|texts| !texts.is_empty() && texts.iter().all(Value::is_string));
    keys.get("detail").map_or_else(|| keys.values().all(are_messages), Value::is_string)
}

/// Sends a request, and sees to it that the answer is a sound one.
async fn send(app: &TestApp, what: &str, request: RequestBuilder) -> Answer {
    let answer = tokio::time::timeout(PATIENCE, app.client.send(request)).await;
    let answer = answer.unwrap_or_else(|_| panic!("{what}: no answer in {PATIENCE:?}"));
    let text = String::from_utf8_lossy(&answer.bytes);
    assert!(answer.status < 500, "{what}: {} {text}", answer.status);
    assert!(answer.status < 400 || is_error(&answer.json), "{what}: {} {text}", answer.status);
    for inside in ["SQL", "diesel", "panicked", "/crates/", "src/"] {
        assert!(!text.contains(inside), "{what}: {text}");
    }
    answer
}

impl Target {
    fn request(&self, app: &TestApp) -> RequestBuilder {
        app.client.request(self.method, &self.path, self.token.as_deref())
    }

    async fn send(&self, app: &TestApp, content_type: &str, what: &str, body: impl Into<Body>) -> Answer {
        let request = self.request(app).header("content-type", content_type).body(body);
        send(app, &format!("{} {} {what}", self.method, self.path), request).await
    }

    /// Sends a body without telling its length before; returns the status.
    async fn send_in_chunks(&self, app: &TestApp, body: &str) -> Option<u16> {
        let host = app.client.base.strip_prefix("http://").unwrap();
        let token = self.token.as_deref().map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let mut request = format!(
            "{} {} HTTP/1.1\r\nHost: {host}\r\n{token}Content-Type: application/json\r\n\
             Transfer-Encoding: chunked\r\n\r\n",
            self.method, self.path
        );
        for chunk in body.as_bytes().chunks(65_536) {
            let chunk = std::str::from_utf8(chunk).unwrap();
            request.extend([&format!("{:x}\r\n", chunk.len()), chunk, "\r\n"]);
        }
        request.push_str("0\r\n\r\n");
        raw_status(host, request.as_bytes()).await
    }
}

async fn is_well(app: &TestApp) {
    assert_eq!(app.get("/health/", None).await.status, 200);
}

/// A few hundred characters of something, to name it by.
fn shown(value: &Value) -> String {
    value.to_string().chars().take(200).collect()
}

fn awkward_values() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(1e308),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(""),
        json!("  "),
        json!("\0"),
        json!("a\0b"),
        json!("\u{202e}\u{feff}\u{fffd}"),
        json!("'; DROP TABLE users; --"),
        json!("%_\\"),
        json!("x".repeat(100_000)),
        json!("💥".repeat(10_000)),
        json!("99999-99-99"),
        json!("-P99999999999999999999D"),
        json!("0000-00-00T25:61:61+99:99"),
        json!("9e999"),
        json!([]),
        json!({}),
        json!([null, 1, {}, [[]]]),
        json!(["\0", "", "x".repeat(600)]),
        json!({ "a": { "b": [] } }),
        json!(vec!["https://example.com"; 1_000]),
        json!("http://[::1"),
        json!("a@b@c.de"),
        json!("banana"),
    ]
}

app_tests! {
    async fn a_body_that_is_no_object_is_refused(app) {
        let (arrays, objects) = ("[".repeat(100_000), "{\"a\":".repeat(100_000));
        let bodies: [(&str, &[u8]); 16] = [
            ("cut off", b"{\"email\": \"a"), ("empty value", b"{\"email\":}"), ("bare word", b"hello"),
            ("array", b"[]"), ("string", b"\"x\""), ("number", b"1"), ("null", b"null"), ("true", b"true"),
            ("no UTF-8", b"{\"email\": \"\xff\"}"), ("NUL", b"\0"), ("half a surrogate", b"{\"email\": \"\\ud800\"}"),
            ("too large a number", b"{\"plan\": 1e400}"), ("two objects", b"{}{}"),
            ("deep arrays", arrays.as_bytes()), ("deep objects", objects.as_bytes()),
            ("trailing comma", b"{\"email\": 1,}"),
        ];
        for target in targets(&World::of(&app).await) {
            for (what, body) in bodies {
                let answer = target.send(&app, "application/json", what, body.to_vec()).await;
                assert_eq!(answer.status, 400, "{} {what}: {}", target.path, answer.json);
            }
            target.send(&app, "application/json", "nothing", "").await;
            let twice = "{\"email\": 1, \"email\": 2, \"plan\": 1, \"plan\": []}";
            target.send(&app, "application/json", "one key twice", twice).await;
        }
        is_well(&app).await;
    }

    async fn every_key_may_hold_anything(app) {
        let values = awkward_values();
        for target in targets(&World::of(&app).await) {
            for key in target.body.as_object().unwrap().keys() {
                for value in &values {
                    let body = with(target.body.clone(), &json!({ key: value }));
                    let what = format!("{key}={}", shown(value));
                    let answer = target.send(&app, "application/json", &what, body.to_string()).await;
                    let is_stranger = target.token.is_none() || target.path == "/account/logout/";
                    assert!(answer.status != 401 || is_stranger, "{what}: {answer:?}");
                    assert!(matches!(answer.status, 200 | 201 | 204 | 400 | 401 | 403), "{what}: {answer:?}");
                }
            }
            if target.path == "/account/logout/" {
                continue;
            }
            let keys = target.body.as_object().unwrap().keys();
            let everything: Value = keys.map(|key| (key.clone(), json!({}))).collect();
            assert_eq!(target.send(&app, "application/json", "all keys", everything.to_string()).await.status, 400);
        }
        is_well(&app).await;
    }

    async fn a_body_of_another_type_is_refused(app) {
        for target in targets(&World::of(&app).await) {
            let body = target.body.to_string();
            let types = ["text/plain", "application/xml", "application/x-www-form-urlencoded", "", ";", "\u{fffd}"];
            for content_type in types {
                let answer = target.send(&app, content_type, content_type, body.clone()).await;
                assert_eq!(answer.status, 415, "{} {content_type}: {}", target.path, answer.json);
            }
            let untyped = send(&app, "no type", target.request(&app).body(body)).await;
            assert_eq!(untyped.status, 415, "{}", target.path);
            if !target.takes_form {
                let form = target.request(&app).multipart(Form::new().text("email", "x"));
                assert_eq!(send(&app, "a form", form).await.status, 415, "{}", target.path);
            }
        }
        is_well(&app).await;
    }

    async fn a_form_that_is_none_is_refused(app) {
        let part = |name: &str, text: &str| {
            format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
        };
        let forms: Vec<(&str, &str, Vec<u8>)> = vec![
            ("no boundary", "multipart/form-data", part("bio", "a").into()),
            ("another boundary", "multipart/form-data; boundary=y", format!("{}--x--\r\n", part("bio", "a")).into()),
            ("cut off", "multipart/form-data; boundary=x", part("bio", "a").into()),
            ("cut off in a header", "multipart/form-data; boundary=x", b"--x\r\nContent-Dispo".to_vec()),
            ("no parts", "multipart/form-data; boundary=x", Vec::new()),
            ("no name", "multipart/form-data; boundary=x", b"--x\r\n\r\na\r\n--x--\r\n".to_vec()),
            ("2,000 fields", "multipart/form-data; boundary=x",
                (part("skills", "a").repeat(2_000) + "--x--\r\n").into()),
            ("no UTF-8", "multipart/form-data; boundary=x",
                b"--x\r\nContent-Disposition: form-data; name=\"gender\"\r\n\r\n\xff\r\n--x--\r\n".to_vec()),
        ];
        for target in targets(&World::of(&app).await).into_iter().filter(|target| target.takes_form) {
            for (what, content_type, body) in &forms {
                let answer = target.send(&app, content_type, what, body.clone()).await;
                assert_eq!(answer.status, 400, "{} {what}: {}", target.path, answer.json);
            }
        }
        is_well(&app).await;
    }

    async fn a_form_may_hold_anything(app) {
        let long = "x".repeat(70_000);
        for target in targets(&World::of(&app).await).into_iter().filter(|target| target.takes_form) {
            for key in target.body.as_object().unwrap().keys() {
                for text in ["", "\0", "[", "[[],{},null]", "[\"\0\"]", "{}", "null", "-1", "9e999", &long] {
                    let form = target.request(&app).multipart(Form::new().text(key.clone(), text.to_owned()));
                    send(&app, &format!("{} {key}", target.path), form).await;
                    let file = Part::bytes(text.as_bytes().to_vec()).file_name("../../../etc/passwd\0.pdf");
                    let form = target.request(&app).multipart(Form::new().part(key.clone(), file));
                    send(&app, &format!("{} {key} as a file", target.path), form).await;
                }
            }
        }
        is_well(&app).await;
    }

    async fn a_large_body_is_refused_before_it_is_read(app) {
        const TEN_MB: usize = 10 * 1024 * 1024;
        for target in targets(&World::of(&app).await) {
            let body = format!("{{\"email\": \"{}\"}}", "x".repeat(TEN_MB));
            let answer = target.send(&app, "application/json", "10 MB", body.clone()).await;
            assert_eq!(answer.status, 413, "{}: {}", target.path, answer.json);
            assert_eq!(target.send_in_chunks(&app, &body).await, Some(413), "{} in chunks", target.path);
            if target.takes_form {
                for file in ["resume", "profile_pic", "profile_picture", "bio", "unknown"] {
                    let part = Part::bytes(vec![b'x'; TEN_MB]).file_name("x.pdf");
                    let form = target.request(&app).multipart(Form::new().part(file, part));
                    assert_eq!(send(&app, file, form).await.status, 413, "{} {file}", target.path);
                }
            }
        }
        is_well(&app).await;
    }

    async fn a_path_names_nothing_that_is_not_there(app) {
        let world = World::of(&app).await;
        for (method, path, account) in [
            ("GET", "/candidate/profile/{}/", &world.owner), ("GET", "/employer/profile/{}/", &world.owner),
            ("GET", "/job/{}/", &world.owner), ("GET", "/job/manage/{}/", &world.owner),
            ("PUT", "/job/{}/", &world.owner), ("DELETE", "/job/{}/", &world.owner),
            ("DELETE", "/job/manage/{}/", &world.owner), ("PUT", "/job/manage/{}/", &world.owner),
            ("GET", "/job/manage/{}/actions/", &world.owner), ("POST", "/job/manage/{}/copy/", &world.owner),
            ("POST", "/job/manage/{}/publish/", &world.owner), ("POST", "/job/manage/{}/close/", &world.owner),
            ("PATCH", "/job/manage/{}/", &world.owner), ("PATCH", "/jobs/manage/{}/", &world.owner),
            ("GET", "/application/all/{}/", &world.owner), ("GET", "/application/status/{}/", &world.owner),
            ("POST", "/application/{}/", &world.candidate), ("DELETE", "/subscription/plan/{}/", &world.admin),
            ("GET", "/documents/resumes/{}.pdf", &world.owner), ("GET", "/documents/profile_pictures/{}", &world.owner),
        ] {
            let long = "9".repeat(3_000);
            for id in [
                "0", "-1", "9223372036854775807", "9223372036854775808", "99999999999999999999", "abc", "1.5", "1e3",
                "%00", "1%00", "%ff%fe", "%F0%9F%92%A5", "..%2f..%2fetc%2fpasswd", "1%20OR%201=1", "%25", "0x1", "১",
                &long,
            ] {
                let path = path.replace("{}", id);
                let answer = send(&app, &path, app.client.request(method, &path, Some(&account.token))).await;
                assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
            }
        }
        is_well(&app).await;
    }

    async fn a_query_may_hold_anything(app) {
        let world = World::of(&app).await;
        let (long, many) = ("x".repeat(30_000), format!("?{}", "a=1&".repeat(5_000)));
        let mut queries = ["?", "?&&==&", "?page=1&page=2", "?%ff=%ff", &many].map(str::to_owned).to_vec();
        for name in [
            "page", "page_size", "id", "title", "location", "job_type", "job_subtype", "experience_level", "cursor",
            "updated_since", "q", "company", "employer", "workplace", "country", "currency", "currency=USD&salary_min",
            "currency=USD&salary_max", "posted_within", "skills", "skills_any", "exclude_applied", "max_per_employer",
            "sort", "facets", "highlight", "kind",
        ] {
            for value in [
                "", "0", "-1", "abc", "%00", "a%00b", "%ff%fe", "4294967295", "9223372036854775808", "1e9", "%25%5C_",
                &long,
            ] {
                queries.push(format!("?{name}={value}"));
            }
        }
        for (path, account) in [
            ("/job/search/", &world.candidate), ("/job/suggest/", &world.candidate), ("/job/", &world.owner), ("/account/user_info/", &world.admin),
            ("/candidate/profiles/", &world.owner), ("/employer/profiles/", &world.owner),
            ("/candidate/application/list/", &world.candidate), ("/application/all/{job}/", &world.owner),
            ("/subscription/plan/", &world.owner), ("/job/changes/", &world.candidate),
            ("/application/changes/", &world.owner),
        ] {
            for query in &queries {
                let path = format!("{}{query}", world.path(path));
                let answer = send(&app, &path, app.client.request("GET", &path, Some(&account.token))).await;
                assert!(matches!(answer.status, 200 | 400 | 404 | 414), "{path}: {answer:?}");
            }
        }
        is_well(&app).await;
    }

    async fn headers_may_hold_anything(app) {
        let long = format!("Bearer {}", "x".repeat(60_000));
        for value in [long.as_bytes(), b"Bearer", b"Bearer ", b"Bearer \xff\xfe", b"bearer\tx", b"\xff"] {
            let request = app.client.request("GET", "/account/login-user-info/", None).header("authorization", value);
            let expected = if value.len() > 16 * 1024 { 431 } else { 401 };
            assert_eq!(send(&app, "authorization", request).await.status, expected);
        }
        let host = app.client.base.strip_prefix("http://").unwrap();
        let flood = "X-Flood: x\r\n".repeat(5_000);
        for raw in [
            format!("GET /health/ HTTP/1.1\r\nHost: {host}\r\nX-Large: {}\r\n\r\n", "x".repeat(1_000_000)),
            format!("GET /health/ HTTP/1.1\r\nHost: {host}\r\n{flood}\r\n"),
            format!("GET /{} HTTP/1.1\r\nHost: {host}\r\n\r\n", "x".repeat(1_000_000)),
            format!("POST /account/login/ HTTP/1.1\r\nHost: {host}\r\nContent-Length: -1\r\n\r\n{{}}"),
            format!("POST /login/ HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"),
            "GET /\0 HTTP/9.9\r\n\r\n".to_owned(), "\0\u{1}\u{2}\r\n\r\n".to_owned(), "\r\n\r\n\r\n\r\n".repeat(10_000),
        ] {
            let status = raw_status(host, raw.as_bytes()).await;
            assert!(status.is_none_or(|status| (400..500).contains(&status)), "{status:?}: {raw:.80}");
        }
        is_well(&app).await;
    }
}

/// Sends bytes as they are; the status of the answer, or none where the connection was closed without one.
async fn raw_status(host: &str, request: &[u8]) -> Option<u16> {
    let mut stream = TcpStream::connect(host).await.unwrap();
    let exchange = async {
        // The portal may hang up before it has read everything.
        let _ = stream.write_all(request).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).split(' ').nth(1)?.parse().ok()
    };
    tokio::time::timeout(PATIENCE, exchange).await.expect("an answer or an end")
}
