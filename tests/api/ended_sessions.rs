//! Sessions in the hands of their user, and that what has ended has ended everywhere.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use futures_util::future::join_all;
use jobportal_tests::app::{Account, PASSWORD, TestApp};
use jobportal_tests::app_tests;
use jobportal_tests::client::{Answer, Client, detail, time};
use jobportal_tests::database::{Backend, TestDatabase};
use jobportal_tests::process::Program;
use serde_json::{Value, json};

use crate::common::{assert_unauthenticated, text};
use crate::refresh::refresh;
use crate::sessions::is_good;

const SESSIONS: &str = "/account/sessions/";

async fn listed(app: &TestApp, account: &Account) -> Vec<Value> {
    let answer = app.get(SESSIONS, Some(&account.token)).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{}", answer.json);
    answer.json["data"].as_array().unwrap().clone()
}

/// The id of the session that asks.
async fn own_id(app: &TestApp, account: &Account) -> String {
    text(&listed(app, account).await.iter().find(|session| session["is_current"] == true).unwrap()["id"])
}

async fn end(app: &TestApp, account: &Account, id: &str) -> Answer {
    app.delete(&format!("{SESSIONS}{id}/"), Some(&account.token)).await
}

fn sign_in_again() -> (u16, Value) {
    detail(403, "Sign in again: this is allowed for 15 minutes from a sign-in on.")
}

app_tests! {
    async fn a_user_sees_their_sessions_and_nobody_elses(app) {
        let (account, other) = (app.candidate().await, app.candidate().await);
        app.pass(TimeDelta::minutes(1));
        let body = json!({ "email_or_phone": account.email, "password": PASSWORD });
        let request = app.client.request("POST", "/account/login/", None);
        let agent = "Browser/1.0 ".repeat(100);
        let tokens = app.client.send(request.header("user-agent", &agent).json(&body)).await.json;
        app.pass(TimeDelta::minutes(1));
        assert_eq!(refresh(&app, &account.refresh_token).await.status, 200);

        let sessions = listed(&app, &account).await;
        assert_eq!(sessions.len(), 2, "{sessions:?}");
        let [first, second] = &sessions[..] else { panic!() };
        for (session, is_current, user_agent) in [(first, true, Value::Null), (second, false, json!(agent[..256]))] {
            let (begun, used) = (time(&session["created_at"]), time(&session["last_used_at"]));
            let expected = json!({
                "id": text(&session["id"]), "created_at": session["created_at"],
                "last_used_at": session["last_used_at"], "expires_at": session["expires_at"],
                "network": "127.0.0.1", "user_agent": user_agent, "is_current": is_current,
            });
            assert_eq!(*session, expected);
            assert_eq!(time(&session["expires_at"]), used + TimeDelta::days(14));
            assert_eq!(used > begun, is_current, "only the first one was refreshed");
        }
        let of_other = listed(&app, &other).await;
        assert!(of_other.len() == 1 && !sessions.contains(&of_other[0]));
        let again = Account { token: text(&tokens["access_token"]), ..account.clone() };
        assert_eq!(listed(&app, &again).await[1]["is_current"], true);
    }

    async fn the_id_of_a_session_opens_nothing(app) {
        let account = app.candidate().await;
        let id = own_id(&app, &account).await;
        assert_unauthenticated(&refresh(&app, &id).await);
        assert_unauthenticated(&app.get(SESSIONS, Some(&id)).await);
        assert_eq!(end(&app, &app.candidate().await, &id).await.status, 404);
        assert!(is_good(&app, &account.token).await);
    }

    async fn a_session_is_ended_at_once(app) {
        let (account, elsewhere) = (app.candidate().await, app.candidate().await);
        let stolen = app.again(&account).await;
        let id = own_id(&app, &stolen).await;
        let answer = end(&app, &account, &id).await;
        assert_eq!((answer.status, answer.bytes.len()), (204, 0));
        assert!(!is_good(&app, &stolen.token).await);
        assert_unauthenticated(&refresh(&app, &stolen.refresh_token).await);
        assert_eq!(end(&app, &account, &id).await.outcome(), detail(404, "Session not found."));
        assert!(is_good(&app, &account.token).await && is_good(&app, &elsewhere.token).await);

        let own = own_id(&app, &account).await;
        assert_eq!(end(&app, &account, &own).await.status, 204);
        assert!(!is_good(&app, &account.token).await);
    }

    async fn a_session_of_another_user_is_not_there(app) {
        let (account, victim) = (app.employer().await, app.employer().await);
        let id = own_id(&app, &victim).await;
        for id in [id.as_str(), "unknown", &"x".repeat(2_000)] {
            let answer = end(&app, &account, id).await;
            assert_eq!(answer.outcome(), detail(404, "Session not found."), "{id}");
        }
        for id in ["%00", "'", "%C3%A4", "..%2f", "%20"] {
            assert_eq!(end(&app, &account, id).await.outcome(), detail(404, "Not found."), "{id}");
        }
        assert!(is_good(&app, &victim.token).await);
    }

    async fn all_other_sessions_are_ended_at_once(app) {
        let (account, stranger) = (app.candidate().await, app.candidate().await);
        let others = join_all((0..3).map(|_| app.again(&account))).await;
        assert_eq!(app.delete(SESSIONS, Some(&account.token)).await.status, 204);
        for other in &others {
            assert!(!is_good(&app, &other.token).await);
            assert_unauthenticated(&refresh(&app, &other.refresh_token).await);
        }
        assert!(is_good(&app, &account.token).await && is_good(&app, &stranger.token).await);
        assert_eq!(listed(&app, &account).await.len(), 1);
        assert_eq!(refresh(&app, &account.refresh_token).await.status, 200);
    }

    async fn other_sessions_end_after_a_recent_sign_in_alone(app) {
        let (account, other) = (app.candidate().await, app.candidate().await);
        let elsewhere = app.again(&account).await;
        let id = own_id(&app, &elsewhere).await;
        app.pass(TimeDelta::minutes(15));
        for id in [id.as_str(), "unknown", &own_id(&app, &other).await] {
            assert_eq!(end(&app, &account, id).await.outcome(), sign_in_again());
        }
        assert_eq!(app.delete(SESSIONS, Some(&account.token)).await.outcome(), sign_in_again());
        // A refresh is no sign-in.
        let token = text(&refresh(&app, &account.refresh_token).await.json["access_token"]);
        let account = Account { token, ..account };
        assert_eq!(app.delete(SESSIONS, Some(&account.token)).await.outcome(), sign_in_again());
        assert!(is_good(&app, &elsewhere.token).await);
        let signed_in = app.again(&account).await;
        assert_eq!(end(&app, &signed_in, &id).await.status, 204);
        let own = own_id(&app, &account).await;
        assert_eq!(end(&app, &account, &own).await.status, 204, "one's own can always be ended");
    }

    async fn a_further_sign_in_ends_the_least_recently_used_of_fifty_sessions(app) {
        let account = app.candidate().await;
        let second = app.again(&account).await;
        app.pass(TimeDelta::minutes(1));
        for _ in 0..49 {
            app.again(&account).await;
        }
        assert_eq!(listed(&app, &app.again(&account).await).await.len(), 50);
        assert_unauthenticated(&refresh(&app, &second.refresh_token).await);
        // Nobody asked for this, so the other part of the process learns it as another node does.
        let ended = Instant::now();
        while is_good(&app, &second.token).await {
            assert!(ended.elapsed() < Duration::from_secs(10));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Two nodes on one database.
struct Nodes {
    first: Client,
    second: Client,
    _running: [jobportal_tests::process::Running; 2],
}

/// Whether a node takes an access token.
async fn takes(node: &Client, token: &str) -> bool {
    node.call("GET", "/account/login-user-info/", Some(token), None).await.status == 200
}

impl Nodes {
    /// An account that is signed in; both nodes have seen its token.
    async fn signed_in(&self) -> Account {
        let (access, refresh) = self.login().await;
        assert!(takes(&self.first, &access).await && takes(&self.second, &access).await);
        Account {
            user: 0,
            profile: 0,
            email: EMAIL.to_owned(),
            phone_number: String::new(),
            token: access,
            refresh_token: refresh,
        }
    }

    async fn login(&self) -> (String, String) {
        let body = json!({ "email_or_phone": EMAIL, "password": PASSWORD });
        let tokens = self.first.call("POST", "/account/login/", None, Some(body)).await.json;
        (text(&tokens["access_token"]), text(&tokens["refresh_token"]))
    }

    /// Expects the first node to refuse a token at once, and the second within seconds.
    async fn assert_ended(&self, token: &str, what: &str) {
        assert!(!takes(&self.first, token).await, "{what}");
        self.assert_ends(token, what).await;
    }

    /// Expects the second node to refuse a token within seconds.
    async fn assert_ends(&self, token: &str, what: &str) {
        let since = Instant::now();
        while takes(&self.second, token).await {
            assert!(since.elapsed() < Duration::from_secs(10), "{what}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

const EMAIL: &str = "ann@example.com";

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_one_node_ends_has_ended_on_the_other_within_seconds_and_after_a_restart() {
    if !Backend::Postgres.is_wanted() {
        return;
    }
    let database = TestDatabase::create_empty(Backend::Postgres);
    let program = Program::new(database.url(), &[]);
    let [(one, first), (two, second)] = [program.serve(&["--no-worker"]), program.serve(&["--no-worker"])];
    let nodes = Nodes { first, second, _running: [one, two] };
    let body = json!({
        "email": EMAIL, "contract_number": "01711111111", "user_type": "candidate", "password": PASSWORD,
    });
    let otp = nodes.first.call("POST", "/account/register/", None, Some(body)).await.json["otp"].clone();
    let body = json!({ "email": EMAIL, "otp": otp });
    assert_eq!(nodes.first.call("POST", "/account/verify_otp/", None, Some(body)).await.status, 200);
    let call = async |method: &str, path: &str, token: Option<&str>, body: Value| {
        let body = (method != "DELETE").then_some(body);
        let answer = nodes.first.call(method, path, token, body).await;
        assert!(answer.status < 300, "{path}: {answer:?}");
    };

    let account = nodes.signed_in().await;
    call("POST", "/account/logout/", Some(&account.token), json!({ "refresh_token": account.refresh_token })).await;
    nodes.assert_ended(&account.token, "signed out").await;
    let signed_out = account.token;

    let (account, other) = (nodes.signed_in().await, nodes.signed_in().await);
    call("DELETE", SESSIONS, Some(&account.token), Value::Null).await;
    nodes.assert_ended(&other.token, "ended by hand").await;
    assert!(takes(&nodes.second, &account.token).await);

    let other = nodes.signed_in().await;
    let change = json!({ "old_password": PASSWORD, "password": NEW, "confirm_password": NEW });
    call("PATCH", "/account/update-password/", Some(&account.token), change).await;
    nodes.assert_ended(&other.token, "changed password").await;
    assert!(takes(&nodes.second, &account.token).await, "the session that asked goes on");
    let back = json!({ "old_password": NEW, "password": PASSWORD, "confirm_password": PASSWORD });
    call("PATCH", "/account/update-password/", Some(&account.token), back).await;

    // The spent token is the last but one, so that no grace saves it.
    let stolen = nodes.signed_in().await;
    let mut token = stolen.refresh_token.clone();
    for _ in 0..2 {
        let body = json!({ "refresh_token": token });
        let answer = nodes.first.call("POST", "/account/token/refresh/", None, Some(body)).await;
        token = text(&answer.json["refresh_token"]);
    }
    let body = json!({ "refresh_token": stolen.refresh_token });
    assert_unauthenticated(&nodes.first.call("POST", "/account/token/refresh/", None, Some(body)).await);
    nodes.assert_ended(&stolen.token, "reused").await;

    // A transaction that commits long after its stamp.
    let late = nodes.signed_in().await;
    let id = session_id(&late.token);
    database.execute(&format!(
        "INSERT INTO ended_sessions (session_id, ended_at) VALUES ('{id}', now() - interval '45 seconds')"
    ));
    nodes.assert_ends(&late.token, "ended by a slow transaction").await;

    let (_third, third) = program.serve(&["--no-worker"]);
    for (token, what) in [(&signed_out, "signed out"), (&other.token, "changed"), (&stolen.token, "reused")] {
        assert!(!takes(&third, token).await, "{what} before it started");
    }
    assert!(takes(&third, &account.token).await);
}

const NEW: &str = "battery staple 8";

/// The session that an access token is of.
fn session_id(token: &str) -> String {
    use base64::Engine;
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    text(&serde_json::from_slice::<Value>(&payload).unwrap()["sid"])
}
