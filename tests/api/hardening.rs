//! What holds for every request and answer: headers, origins, ids, and clients that are slow, large or plain wrong.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jobportal_tests::app::TestApp;
use jobportal_tests::app_tests;
use jobportal_tests::client::{Answer, detail};
use jobportal_tests::database::Backend;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::permissions::{ROUTES, World};

const APP: &str = "https://app.example.com";

async fn connect(app: &TestApp) -> TcpStream {
    TcpStream::connect(app.client.base.strip_prefix("http://").unwrap()).await.unwrap()
}

/// What comes until the server closes the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is an end too.
    let _ = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut bytes)).await.expect("it is closed");
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn raw(app: &TestApp, request: &str) -> String {
    let mut stream = connect(app).await;
    stream.write_all(request.as_bytes()).await.unwrap();
    rest(&mut stream).await
}

async fn from_origin(app: &TestApp, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = app.client.request(method, path, None);
    app.client.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

fn assert_hardened(answer: &Answer, what: &str) {
    for (name, value) in [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer")] {
        assert_eq!(answer.header(name), value, "{what}");
    }
    let policy = answer.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{what}: {policy}");
    assert!(!answer.header("cross-origin-resource-policy").is_empty(), "{what}");
    assert!(!answer.header("cache-control").is_empty(), "{what}");
    assert_eq!(answer.header("x-request-id").len(), 16, "{what}");
    for banner in ["server", "x-powered-by", "strict-transport-security", "access-control-allow-origin"] {
        assert_eq!(answer.header(banner), "", "{what}");
    }
}

app_tests! {
    async fn every_answer_tells_browsers_what_not_to_do_and_none_what_made_it(app) {
        let world = World::of(&app).await;
        let mut ids = BTreeSet::new();
        for (method, path, body, _) in ROUTES {
            for token in [None, Some(world.candidate.token.as_str())] {
                let body = (*method != "GET").then(body);
                let answer = app.client.call(method, &world.path(path), token, body).await;
                assert_hardened(&answer, &format!("{method} {path}"));
                let cache = answer.header("cache-control");
                assert!(*method == "GET" || cache == "no-store", "{method} {path}: {cache}");
                assert!(ids.insert(answer.header("x-request-id").to_owned()), "two requests have one id");
            }
        }
        for (method, path) in [("GET", "/nothing"), ("BREW", "/job/search/"), ("GET", "/job/x/"), ("GET", "//")] {
            assert_hardened(&app.client.call(method, path, None, None).await, path);
        }
        let picture = app.get(&world.path("/documents/profile_pictures/{logo}"), None).await;
        assert_eq!(picture.header("cross-origin-resource-policy"), "cross-origin");
    }

    async fn the_id_of_a_request_comes_back_if_it_is_fit_for_a_log(app) {
        for (given, is_kept) in [("my-request.1", true), ("a b", false), ("x\"}", false), (&*"x".repeat(65), false)] {
            let answer = from_origin(&app, "GET", "/health/", &[("x-request-id", given)]).await;
            assert_eq!(answer.header("x-request-id") == given, is_kept, "{given}");
            assert_ne!(answer.header("x-request-id"), "", "{given}");
        }
    }

    async fn without_origins_there_are_no_headers_for_them(app) {
        let request = [("origin", APP), ("access-control-request-method", "GET")];
        let preflight = from_origin(&app, "OPTIONS", "/job/search/", &request).await;
        assert_eq!(preflight.status, 405);
        let answer = from_origin(&app, "GET", "/health/", &request).await;
        assert_eq!(answer.status, 200);
        for answer in [preflight, answer] {
            assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control-")), "{answer:?}");
        }
    }

    async fn a_head_that_is_too_large_is_refused(app) {
        for (path, header, expected) in [
            ("/health/", 17 * 1024, 431), ("/health/", 100 * 1024, 431), ("/health/", 15 * 1024, 200),
        ] {
            let answer = from_origin(&app, "GET", path, &[("x-large", &"x".repeat(header))]).await;
            assert_eq!(answer.status, expected, "{header}");
        }
        let refused = detail(431, "The headers are too large. They may have at most 16384 bytes.");
        let headers = [("x-large", &*"x".repeat(20_000))];
        assert_eq!(from_origin(&app, "GET", "/health/", &headers).await.outcome(), refused);
        let refused = detail(414, "The address is too long. It may have at most 8192 bytes.");
        assert_eq!(app.get(&format!("/health/?{}", "x".repeat(9_000)), None).await.outcome(), refused);
        // What is beyond the bounds of the server itself gets no further, and an answer without a word.
        for many in ["x: y\r\n".repeat(200), format!("x: {}\r\n", "y".repeat(200_000))] {
            let answer = raw(&app, &format!("GET /health/ HTTP/1.1\r\nHost: x\r\n{many}\r\n")).await;
            let head = answer.to_ascii_lowercase();
            assert!(head.is_empty() || head.starts_with("http/1.1 431 "), "{answer}");
            assert!(!head.contains("server:") && answer.len() < 200, "{answer}");
        }
    }

    async fn what_is_no_http_gets_an_answer_without_a_word(app) {
        for wrong in [
            "\x16\x03\x01\x02\0\x01\0\x01\u{fc}\x03\x03", "GET /health/\r\n\r\n", "GET /health/ HTTP/9\r\n\r\n", "\r\n\r\nx y z\r\n\r\n",
            "GET /health/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "GET /health/ HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
            "POST /account/login/ HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 40\r\n\r\n{}",
        ] {
            let answer = raw(&app, wrong).await;
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{wrong:?}: {answer}");
            assert!(!answer.to_ascii_lowercase().contains("server:") && answer.len() < 200, "{wrong:?}: {answer}");
        }
        assert_eq!(app.get("/health/", None).await.status, 200);
    }
}

mod with_origins {
    use super::*;

    app_tests! {
        with [("server.cors_origins", "https://app.example.com, http://localhost:3000"), ("server.public_url", "https://api.example.com")];

        async fn pages_of_named_origins_may_call(app) {
            for origin in [APP, "http://localhost:3000"] {
                for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
                    let preflight = from_origin(&app, "OPTIONS", "/job/manage/1/", &[
                        ("origin", origin), ("access-control-request-method", method),
                        ("access-control-request-headers", "authorization,content-type,idempotency-key,if-match"),
                    ]).await;
                    assert_eq!(preflight.status, 200, "{origin} {method}");
                    assert_eq!(preflight.header("access-control-allow-origin"), origin);
                    assert_eq!(preflight.header("access-control-max-age"), "3600");
                    assert!(preflight.header("access-control-allow-methods").contains(method));
                    assert_eq!(preflight.header("access-control-allow-credentials"), "");
                }
                let answer = from_origin(&app, "GET", "/health/", &[("origin", origin)]).await;
                assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, origin));
                let exposed: BTreeSet<_> = answer.header("access-control-expose-headers").split(", ").collect();
                for name in [
                    "etag", "ratelimit", "ratelimit-policy", "retry-after", "idempotency-replayed", "location", "x-request-id",
                ] {
                    assert!(exposed.contains(name), "{name}: {exposed:?}");
                }
                assert!(answer.header("vary").contains("Origin"));
                // A refusal can be read there too.
                let refused = from_origin(&app, "GET", "/job/search/", &[("origin", origin)]).await;
                assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, origin));
            }
        }

        async fn pages_of_all_other_origins_may_not(app) {
            for origin in ["https://evil.example.com", "https://app.example.com.evil.com", "http://app.example.com", "null", APP.to_uppercase().as_str()] {
                for asked in [&[("access-control-request-method", "GET")][..], &[]] {
                    let headers = [&[("origin", origin)], asked].concat();
                    let method = if asked.is_empty() { "GET" } else { "OPTIONS" };
                    let answer = from_origin(&app, method, "/health/", &headers).await;
                    assert_eq!(answer.status, if asked.is_empty() { 200 } else { 403 }, "{origin}");
                    assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
                    assert!(asked.is_empty() || answer.outcome() == detail(403, "Pages of this origin may not do that."));
                }
            }
            // Nor may those that are named do anything else.
            for (method, headers) in [("TRACE", "authorization"), ("GET", "cookie")] {
                let answer = from_origin(&app, "OPTIONS", "/health/", &[
                    ("origin", APP), ("access-control-request-method", method), ("access-control-request-headers", headers),
                ]).await;
                assert_eq!(answer.status, 403, "{method} {headers}");
            }
        }

        async fn who_came_by_https_is_to_stay_there(app) {
            for path in ["/health/", "/nothing"] {
                let answer = app.get(path, None).await;
                assert_eq!(answer.header("strict-transport-security"), "max-age=63072000; includeSubDomains", "{path}");
            }
        }
    }
}

mod slow {
    use super::*;

    app_tests! {
        with [("server.header_timeout", "1s"), ("server.body_timeout", "2s"), ("server.keep_alive", "1s")];

        async fn who_sends_a_head_too_slowly_is_cut_off(app) {
            let started = Instant::now();
            let mut stream = connect(&app).await;
            stream.write_all(b"GET /health/ HTTP/1.1\r\nHost: x\r\n").await.unwrap();
            for _ in 0..100 {
                tokio::time::sleep(Duration::from_millis(100)).await;
                if stream.write_all(b"x: y\r\n").await.is_err() {
                    break;
                }
            }
            let answer = rest(&mut stream).await;
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
            assert!(started.elapsed() > Duration::from_millis(900));
        }

        async fn who_says_nothing_is_cut_off(app) {
            assert!(raw(&app, "").await.len() < 200);
            // After an answer too.
            let answer = raw(&app, "GET /health/ HTTP/1.1\r\nHost: x\r\n\r\n").await;
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        }

        async fn who_sends_a_body_too_slowly_is_cut_off(app) {
            let started = Instant::now();
            let mut stream = connect(&app).await;
            let head = "POST /account/login/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{";
            stream.write_all(head.as_bytes()).await.unwrap();
            for _ in 0..200 {
                tokio::time::sleep(Duration::from_millis(50)).await;
                if stream.write_all(b" ").await.is_err() {
                    break;
                }
            }
            let answer = rest(&mut stream).await;
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
            assert!(started.elapsed() > Duration::from_millis(1_900));
            assert_eq!(app.get("/health/", None).await.status, 200);
        }

        async fn many_slow_clients_hold_up_nobody(app) {
            let mut slow = Vec::new();
            for _ in 0..300 {
                let mut stream = connect(&app).await;
                stream.write_all(b"GET /health/ HTTP/1.1\r\nHost: x\r\n").await.unwrap();
                slow.push(stream);
            }
            assert_eq!(app.get("/health/", None).await.outcome(), (200, json!({ "status": "ok" })));
            for mut stream in slow {
                rest(&mut stream).await;
            }
        }
    }

    /// More connections than may be open wait until others are closed.
    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn connections_are_bounded() {
        let settings = [("server.max_connections", "4"), ("server.header_timeout", "2s")];
        let app = TestApp::start_with(Backend::Sqlite, &settings).await;
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(connect(&app).await);
        }
        let answer = async {
            let mut stream = connect(&app).await;
            stream.write_all(b"GET /health/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
            rest(&mut stream).await
        };
        let started = Instant::now();
        assert!(answer.await.starts_with("HTTP/1.1 200 "));
        assert!(started.elapsed() > Duration::from_millis(500), "it did not wait");
        drop(held);
    }
}
