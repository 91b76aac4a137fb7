//! Traces are sent to a collector, and begin where a trusted proxy says.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jobportal_tests::client::Client;
use jobportal_tests::database::{Backend, TestDatabase};
use jobportal_tests::process::Program;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A collector that keeps what it is sent.
async fn collector() -> (String, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, sent) = (format!("http://{}", listener.local_addr().unwrap()), Arc::new(Mutex::new(Vec::new())));
    let kept = sent.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let kept = kept.clone();
            tokio::spawn(async move {
                let mut buffer = vec![0; 65_536];
                while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                    kept.lock().unwrap().extend_from_slice(&buffer[..count]);
                    // Whole requests are small enough to come in one piece or two, and more answers than requests harm nobody.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                    let _ = stream.write_all(answer).await;
                }
            });
        }
    });
    (address, sent)
}

fn holds(sent: &[u8], part: &[u8]) -> bool {
    sent.windows(part.len()).any(|window| window == part)
}

fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// What the collector is sent of one request with a `traceparent`.
async fn traced(trusted_proxies: &str) -> Vec<u8> {
    let (address, sent) = collector().await;
    let database = TestDatabase::create(Backend::Sqlite);
    let settings = [("telemetry.otlp_endpoint", address.as_str()), ("server.trusted_proxies", trusted_proxies)];
    let program = Program::new(database.url(), &settings);
    let (running, client) = program.serve(&[]);
    get(&client, "/job/7/?secret=hunter2").await;
    let ended = tokio::task::spawn_blocking(|| running.terminate()).await.unwrap();
    assert!(ended.success, "{ended:?}");
    let sent = sent.lock().unwrap().clone();
    assert!(holds(&sent, b"POST /v1/traces"), "{ended:?}");
    sent
}

async fn get(client: &Client, path: &str) {
    let request = client.request("GET", path, None);
    let request =
        request.header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01")).header("x-request-id", "one-id");
    assert_eq!(client.send(request).await.status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_part_of_the_trace_that_a_trusted_proxy_has_begun() {
    let sent = traced("127.0.0.1").await;
    for part in ["jobportal", "GET", "/job/{id}", "one-id", "http.route"] {
        assert!(holds(&sent, part.as_bytes()), "{part}");
    }
    assert!(holds(&sent, &bytes_of(TRACE)));
    assert!(!holds(&sent, b"hunter2"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_else_chooses_the_trace_of_a_request() {
    let sent = traced("192.0.2.1").await;
    assert!(holds(&sent, b"/job/{id}") && !holds(&sent, &bytes_of(TRACE)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_holds_up_nothing() {
    let database = TestDatabase::create(Backend::Sqlite);
    let settings = [("telemetry.otlp_endpoint", "http://127.0.0.1:1"), ("log.format", "json")];
    let program = Program::new(database.url(), &settings);
    let (running, client) = program.serve(&[]);
    get(&client, "/job/7/").await;
    let ended = tokio::task::spawn_blocking(|| running.terminate()).await.unwrap();
    assert!(ended.success, "{ended:?}");
    for line in ended.stderr.lines().filter(|line| !line.is_empty()) {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
    }
    let finished = Program::new(database.url(), &[("telemetry.otlp_endpoint", "collector:4318")]).run(&["check"]);
    assert!(!finished.success && finished.stderr.contains("telemetry.otlp_endpoint"), "{finished:?}");
}
