//! The end of a node under load: it says first that it is about to end, and answers all that came until then.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jobportal_tests::client::Client;
use jobportal_tests::database::TestDatabase;
use jobportal_tests::process::Program;
use jobportal_tests::smtp::{Behaviour, SmtpSink};
use jobportal_tests::until;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::process::process_tests;

const PASSWORD: &str = "correct horse 7";

/// An access token of a new candidate.
async fn sign_up(client: &Client) -> String {
    let post = async |path: &str, body| client.call("POST", path, None, Some(body)).await.json;
    let account = json!({
        "email": "ann@example.com", "contract_number": "01711111111", "user_type": "candidate", "password": PASSWORD,
    });
    let otp = post("/account/register/", account).await["otp"].clone();
    post("/account/verify_otp/", json!({ "email": "ann@example.com", "otp": otp })).await;
    let tokens = post("/account/login/", json!({ "email_or_phone": "ann@example.com", "password": PASSWORD })).await;
    tokens["access_token"].as_str().unwrap().to_owned()
}

fn sign_in() -> String {
    json!({ "email_or_phone": "ann@example.com", "password": PASSWORD }).to_string()
}

/// A request whose body is still to come.
async fn begin_to_sign_in(client: &Client) -> TcpStream {
    let mut stream = TcpStream::connect(client.base.strip_prefix("http://").unwrap()).await.unwrap();
    let length = sign_in().len();
    let head = "POST /account/login/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length:";
    stream.write_all(format!("{head} {length}\r\n\r\n").as_bytes()).await.unwrap();
    // Until it was accepted.
    tokio::time::sleep(Duration::from_millis(200)).await;
    stream
}

async fn finish_to_sign_in(mut stream: TcpStream) {
    stream.write_all(sign_in().as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

process_tests! {
    async fn who_goes_elsewhere_once_a_node_is_not_ready_sees_no_error(database) {
        let program = Program::new(database.url(), &[("server.shutdown_delay", "1s"), ("server.shutdown_timeout", "10s")]);
        let (running, client) = program.serve(&[]);
        let token = sign_up(&client).await;
        let (is_over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
        // Each on a connection that is kept.
        let callers = join_all((0..8).map(|number| {
            let (caller, token, is_over, answered) = (Client::new(client.base.clone()), &token, &is_over, &answered);
            async move {
                while !is_over.load(Ordering::SeqCst) {
                    let bio = json!({ "bio": number.to_string() });
                    let request = match number % 2 {
                        0 => caller.request("GET", "/account/login-user-info/", Some(token)),
                        _ => caller.request("PATCH", "/candidate/profile/", Some(token)).json(&bio),
                    };
                    let answer = caller.try_send(request).await.expect("no connection is reset");
                    assert_eq!(answer.status, 200, "{}", answer.json);
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            }
        }));
        let balancer = async {
            until("there is load", || answered.load(Ordering::SeqCst) > 50).await;
            // Begun before, and ended after.
            let slow = begin_to_sign_in(&client).await;
            running.signal("TERM");
            let before = answered.load(Ordering::SeqCst);
            let stopped = loop {
                let answer = client.call("GET", "/readyz", None, None).await;
                if answer.status == 503 {
                    break answer;
                }
                assert_eq!(answer.status, 200);
            };
            assert_eq!((&stopped.json["status"], stopped.header("connection")), (&json!("stopping"), "close"));
            assert_eq!(client.call("GET", "/livez", None, None).await.status, 200);
            // It still answers who has not noticed.
            until("it answers as before", || answered.load(Ordering::SeqCst) > before + 20).await;
            is_over.store(true, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            finish_to_sign_in(slow).await;
        };
        let started = Instant::now();
        tokio::join!(callers, balancer);
        let ended = running.end();
        assert!(ended.success, "{ended:?}");
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    async fn without_a_delay_requests_under_way_are_answered(database) {
        let sink = SmtpSink::start().await;
        let program = Program::new(database.url(), &[("mail.url", sink.url()), ("mail.timeout", "2s")]);
        let (running, client) = program.serve(&[]);
        sign_up(&client).await;
        sink.behave(Behaviour::HangAfterData);
        let account = json!({ "email": "ann@example.com" });
        assert_eq!(client.call("POST", "/account/password-reset/", None, Some(account)).await.status, 200);
        let begun = join_all((0..8).map(|_| begin_to_sign_in(&client))).await;
        running.signal("TERM");
        tokio::time::sleep(Duration::from_millis(200)).await;
        join_all(begun.into_iter().map(finish_to_sign_in)).await;
        let started = Instant::now();
        let ended = running.end();
        assert!(ended.success, "{ended:?}");
        assert!(started.elapsed() < Duration::from_secs(25), "{:?}", started.elapsed());
    }
}
