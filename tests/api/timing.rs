//! The time of an answer does not tell whether an account is there. Each test takes medians of many tries, and needs a machine that
//! does nothing else; so they run when asked: `cargo test -p jobportal-tests --test api -- timing --ignored --test-threads 1`.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use jobportal_tests::app::{Account, TestApp};
use jobportal_tests::database::Backend;
use serde_json::{Value, json};

const TRIES: usize = 60;

/// How far apart the medians may be, in parts of the smaller one.
const TOLERANCE: f64 = 0.1;

async fn time(app: &TestApp, path: &str, body: Value) -> Duration {
    let began = Instant::now();
    let answer = app.post(path, None, body).await;
    assert!([200, 400].contains(&answer.status), "{answer:?}");
    began.elapsed()
}

/// Asks by turns for a name that is an account's and for one that is nobody's, and compares the medians.
async fn assert_alike(app: &TestApp, what: &str, path: &str, names: [&str; 2], body: impl Fn(&str) -> Value) {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..TRIES {
        for (times, name) in times.iter_mut().zip(names) {
            times.push(time(app, path, body(name)).await);
        }
        // So that there is a code to send each time, and one to try.
        app.pass(TimeDelta::minutes(13));
    }
    let [known, unknown] = times.map(|mut times| {
        times.sort();
        times[TRIES / 2].as_secs_f64()
    });
    println!("{what}: {:.2} ms for an account, {:.2} ms for nobody's name", known * 1e3, unknown * 1e3);
    assert!((known - unknown).abs() < known.min(unknown) * TOLERANCE, "{what}");
}

async fn answers_about_accounts_take_the_same_time_for_names_that_are_nobodys(backend: Backend) {
    let app = TestApp::start_with(backend, &[("auth.bcrypt_cost", "8")]).await;
    let Account { email, phone_number, .. } = app.candidate().await;
    // Its hash is from cheaper times: of cost 4.
    let old = app.admin().await;
    app.database.execute(&format!(
        "UPDATE users SET password_hash = '$2b$04$abcdefghijklmnopqrstuuIE5CrQj1lCyxIqCYRaHDU66zTAjiMVK' WHERE id = {}",
        old.user
    ));
    let sign_in = |name: &str| json!({ "email_or_phone": name, "password": "wrong horse 7" });
    let nobody = "nobody123@example.com";
    assert_alike(&app, "sign-in by address", "/account/login/", [&email, nobody], sign_in).await;
    assert_alike(&app, "sign-in by number", "/account/login/", [&phone_number, "01799999999"], sign_in).await;
    assert_alike(&app, "sign-in with an old hash", "/account/login/", [&old.email, nobody], sign_in).await;

    let (unverified, _, _) = app.register("employer").await;
    let asked = |name: &str| json!({ "email": name });
    assert_alike(&app, "another code", "/account/resend_otp/", [&unverified, nobody], asked).await;
    assert_alike(&app, "a reset", "/account/password-reset/", [&email, nobody], asked).await;
    let tried = |name: &str| json!({ "email": name, "otp": "000000" });
    assert_alike(&app, "a wrong code", "/account/verify_otp/", [&unverified, nobody], tried).await;
    let password = "battery staple 8";
    let reset =
        |name: &str| json!({ "email": name, "otp": "000000", "password": password, "confirm_password": password });
    assert_alike(&app, "a wrong code of a reset", "/account/password-reset/confirm/", [&email, nobody], reset).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "it measures time"]
async fn sqlite() {
    answers_about_accounts_take_the_same_time_for_names_that_are_nobodys(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "it measures time"]
async fn postgres() {
    if Backend::Postgres.is_wanted() {
        answers_about_accounts_take_the_same_time_for_names_that_are_nobodys(Backend::Postgres).await;
    }
}
