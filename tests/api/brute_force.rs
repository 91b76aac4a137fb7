//! Guesses at passwords and codes from many addresses: none succeeds, and none keeps the owner out.

use std::time::Duration;

use futures_util::future::{join, join_all};
use futures_util::stream::{self, StreamExt};
use jobportal_tests::app::{PASSWORD, TestApp};
use jobportal_tests::app_tests;
use jobportal_tests::client::Answer;
use reqwest::header::HeaderValue;
use serde_json::{Value, json};

use crate::common::{assert_code_rejected, mails_to, text, verify};
use crate::limits::assert_throttled;

/// How many guess at once.
const AT_ONCE: usize = 16;
const ADDRESSES: usize = 1_000;
const GUESSES: usize = 10_000;

/// The guesser with such a number has an IPv4 address of their own, every third an IPv6 network.
fn address(guesser: usize) -> String {
    match guesser % 3 {
        0 => format!("2001:db8:0:{guesser:x}::7"),
        _ => format!("198.18.{}.{}", guesser / 256, guesser % 256),
    }
}

/// Where owners come from in these tests when they do not come from where they registered.
const CAFE: &str = "203.0.113.5";

async fn from(app: &TestApp, address: &str, path: &str, body: Value) -> Answer {
    let address = HeaderValue::from_bytes(address.as_bytes()).unwrap();
    app.client.send(app.client.request("POST", path, None).header("x-forwarded-for", address).json(&body)).await
}

async fn sign_in(app: &TestApp, address: &str, name: &str, password: &str) -> Answer {
    from(app, address, "/account/login/", json!({ "email_or_phone": name, "password": password })).await
}

/// What became of guesses.
#[derive(Debug, Default, PartialEq, Eq)]
struct Guesses {
    granted: usize,
    refused: usize,
    throttled: usize,
}

/// Sends guesses to a path, each from the next of the [`ADDRESSES`]; the bodies are made from the guess's number.
async fn guess(app: &TestApp, path: &str, count: usize, body: impl Fn(usize) -> Value) -> Guesses {
    let guesses = stream::iter(0..count).map(|number| {
        let body = body(number);
        async move { from(app, &address(number % ADDRESSES), path, body).await }
    });
    let mut seen = Guesses::default();
    for answer in guesses.buffered(AT_ONCE).collect::<Vec<_>>().await {
        match answer.status {
            200 => seen.granted += 1,
            400 => seen.refused += 1,
            _ => {
                assert_throttled(&answer, 900);
                seen.throttled += 1;
            }
        }
    }
    println!("{path}: {seen:?}");
    seen
}

/// Guesses on until strangers must wait for so many seconds, so that it is sure what the next of them is answered.
async fn guess_until_strangers_wait(app: &TestApp, path: &str, body: Value, least: u64) {
    let wait =
        async |guesser: usize| from(app, &address(guesser), path, body.clone()).await.header("retry-after").parse();
    let mut guesser = 0;
    while !wait(guesser % ADDRESSES).await.is_ok_and(|seconds: u64| seconds >= least) {
        guesser += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Guesses at the password of an account whose owner goes on to sign in.
async fn passwords_are_guessed(app: &TestApp, count: usize) {
    let (owner, path) = (app.candidate().await, "/account/login/");
    let body = |password: String| json!({ "email_or_phone": owner.email, "password": password });
    let attack = guess(app, path, count, |number| body(format!("guess number {number}")));
    let owners = async { app.login(&owner.email, PASSWORD).await.status };
    let (guesses, during) = join(attack, owners).await;
    assert_eq!((guesses.granted, during), (0, 200), "the owner gets in, nobody else does");
    assert!((5..25).contains(&guesses.refused), "{guesses:?}");
    assert_eq!(app.login(&owner.phone_number, PASSWORD).await.status, 200);

    // Where the owner never was before, the others' guesses count: even the right password is not looked at. Mail opens a way.
    guess_until_strangers_wait(app, path, body("wrong horse 7".to_owned()), 4).await;
    assert_throttled(&sign_in(app, CAFE, &owner.email, PASSWORD).await, 900);
    let asked = from(app, CAFE, RESET, json!({ "email": owner.email })).await;
    assert_eq!(asked.status, 200);
    let code = mails_to(app, &owner.email, 2).await[1].code();
    let confirmed = from(app, CAFE, CONFIRM, reset(&owner.email, &code)).await;
    assert_eq!(confirmed.status, 200, "{confirmed:?}");
    assert_eq!(sign_in(app, CAFE, &owner.email, NEW_PASSWORD).await.status, 200);
    assert_eq!(app.login(&owner.email, NEW_PASSWORD).await.status, 200);
}

const RESET: &str = "/account/password-reset/";
const CONFIRM: &str = "/account/password-reset/confirm/";
const NEW_PASSWORD: &str = "a new staple 9";

fn reset(email: &str, code: &str) -> Value {
    json!({ "email": email, "otp": code, "password": NEW_PASSWORD, "confirm_password": NEW_PASSWORD })
}

/// A code that is not this one.
fn wrong(number: usize, right: &str) -> String {
    let code = format!("{number:06}");
    if code == right { "999999".to_owned() } else { code }
}

/// Guesses at the code of a registration, and then at that of a reset.
async fn codes_are_guessed(app: &TestApp, count: usize) {
    let (email, _, otp) = app.register("employer").await;
    let (path, again) = ("/account/verify_otp/", json!({ "email": email }));
    let body = |otp: String| json!({ "email": email, "otp": otp });
    let guesses = guess(app, path, count, |number| body(wrong(number, &otp))).await;
    assert_eq!(guesses.granted, 0);
    assert!((5..25).contains(&guesses.refused), "{guesses:?}");
    guess_until_strangers_wait(app, path, body(wrong(0, &otp)), 4).await;
    // The guesses have used up the first code; the next one is the owner's alone.
    assert_eq!(app.post("/account/resend_otp/", None, again.clone()).await.status, 200);
    let otp = mails_to(app, &email, 2).await[1].code();
    assert_throttled(&from(app, &address(1), path, body(otp.clone())).await, 900);
    assert_eq!(verify(app, &email, &otp).await.status, 200);

    assert_eq!(app.post(RESET, None, again).await.status, 200);
    let otp = mails_to(app, &email, 3).await[2].code();
    let guesses = guess(app, CONFIRM, count, |number| reset(&email, &wrong(number, &otp))).await;
    assert_eq!(guesses.granted, 0);
    assert!(guesses.refused < 5, "{guesses:?}");
    assert_eq!(app.login(&email, PASSWORD).await.status, 200, "the password is what it was");
    assert_eq!(app.post(CONFIRM, None, reset(&email, &otp)).await.status, 200);
    assert_eq!(app.login(&email, NEW_PASSWORD).await.status, 200);
}

app_tests! {
    with [("limits.enabled", "true"), ("server.trusted_proxies", "127.0.0.1")];

    async fn ten_thousand_guesses_at_a_password_from_a_thousand_addresses_are_in_vain_and_keep_its_owner_out_nowhere(app) {
        passwords_are_guessed(&app, GUESSES).await;
    }

    async fn ten_thousand_guesses_at_a_code_from_a_thousand_addresses_are_in_vain_and_keep_its_owner_out_nowhere(app) {
        codes_are_guessed(&app, GUESSES).await;
    }

    async fn who_guesses_without_end_keeps_nobody_out_who_reads_the_accounts_mail(app) {
        let owner = app.candidate().await;
        // Strangers take every turn to sign in, to try a code and to ask for one; what they ask for is sent to the owner.
        let asked = json!({ "email": owner.email });
        let mut mails = 1;
        for guesser in 0..3 {
            assert_eq!(from(&app, &address(guesser), RESET, asked.clone()).await.status, 200);
            mails += 1;
            mails_to(&app, &owner.email, mails).await;
        }
        let mail = mails_to(&app, &owner.email, mails).await.pop().unwrap();
        let (code, long_code) = (mail.code(), mail.long_code());
        let guesses = [
            ("/account/login/", json!({ "email_or_phone": owner.email, "password": "wrong horse 7" })),
            (CONFIRM, reset(&owner.email, &wrong(0, &code))),
            (RESET, asked.clone()),
            ("/account/resend_otp/", asked.clone()),
        ];
        join_all(guesses.clone().map(|(path, body)| guess_until_strangers_wait(&app, path, body, 8))).await;
        let guess_on = async {
            for guesser in 0.. {
                let (path, body) = guesses[guesser % guesses.len()].clone();
                assert_ne!(from(&app, &address(guesser % ADDRESSES), path, body).await.status, 200, "{path}");
            }
        };
        let owners = async {
            assert_throttled(&sign_in(&app, CAFE, &owner.email, PASSWORD).await, 900);
            assert_throttled(&from(&app, CAFE, RESET, asked.clone()).await, 1_800);
            assert_throttled(&from(&app, CAFE, CONFIRM, reset(&owner.email, &code)).await, 900);
            let other = "abcdef-ghijkl-mnopqr-stuvwx";
            assert_code_rejected(&from(&app, CAFE, CONFIRM, reset(&owner.email, other)).await);
            let confirmed = from(&app, CAFE, CONFIRM, reset(&owner.email, &long_code)).await;
            assert_eq!(confirmed.status, 200, "{confirmed:?}");
            assert_eq!(sign_in(&app, CAFE, &owner.email, NEW_PASSWORD).await.status, 200);
            assert_code_rejected(&from(&app, CAFE, CONFIRM, reset(&owner.email, &long_code)).await);
        };
        tokio::select! {
            () = guess_on => unreachable!("they go on"),
            () = owners => {}
        }
    }

    async fn an_account_that_is_not_there_is_throttled_like_one_that_is(app) {
        let account = app.candidate().await;
        let tries = async |name: &str| {
            let mut all = Vec::new();
            for guesser in 0..12 {
                let answer = sign_in(&app, &address(guesser), name, "wrong horse 7").await;
                all.push((answer.status, answer.header("ratelimit-policy").to_owned()));
            }
            all
        };
        let known = tries(&account.email).await;
        assert_eq!(known[4].0, 400);
        assert_eq!(known[5], (429, "\"sign_in\";q=60;w=60, \"sign_in_account\";q=1;w=1".to_owned()));
        assert_eq!(tries("nobody@example.com").await, known);
        assert_eq!(tries("no address at all").await, known);
    }

    async fn who_mistypes_at_home_waits_at_home_and_nowhere_else_and_not_after_a_success(app) {
        let account = app.candidate().await;
        assert_eq!(sign_in(&app, CAFE, &account.email, PASSWORD).await.status, 200);
        for _ in 0..2 {
            for _ in 0..4 {
                assert_eq!(app.login(&account.email, "wrong horse 7").await.status, 400);
            }
            assert_eq!(app.login(&account.email, PASSWORD).await.status, 200);
        }
        let status = async || app.login(&account.email, "wrong horse 7").await.status;
        while status().await == 400 {}
        assert_eq!(app.login(&account.email, PASSWORD).await.status, 429);
        assert_eq!(sign_in(&app, CAFE, &account.email, PASSWORD).await.status, 200);
        assert_eq!(sign_in(&app, "192.0.2.1", &account.email, PASSWORD).await.status, 200);
    }

    async fn strangers_leave_a_code_an_hour_to_the_owner(app) {
        let (email, _, _) = app.register("candidate").await;
        let mut asked = Vec::new();
        for guesser in 0..5 {
            asked.push(from(&app, &address(guesser), "/account/resend_otp/", json!({ "email": email })).await.status);
        }
        assert_eq!(asked, [200, 200, 200, 429, 429]);
        assert_eq!(app.post("/account/resend_otp/", None, json!({ "email": email })).await.status, 200);
        let otp = mails_to(&app, &email, 5).await[4].code();
        assert_eq!(verify(&app, &email, &otp).await.status, 200);
    }

    async fn what_clients_claim_to_be_changes_nothing_but_who_they_are(app) {
        let long = "192.0.2.1, ".repeat(900);
        for (number, claim) in ["", "unknown", ",,,", "💥", "127.0.0.1", "[::1]:99999", &long].into_iter().enumerate() {
            let name = format!("nobody{number}@example.com");
            assert_eq!(sign_in(&app, claim, &name, PASSWORD).await.status, 400, "{claim}");
            let body = json!({ "email": name, "otp": "123456" });
            assert_code_rejected(&from(&app, claim, "/account/verify_otp/", body).await);
        }
    }
}

mod without_a_proxy {
    use super::*;

    app_tests! {
        with [("limits.enabled", "true")];

        async fn nobody_is_believed_to_be_somebody_else(app) {
            for guesser in 0..60 {
                let name = format!("nobody{guesser}@example.com");
                assert_eq!(sign_in(&app, &address(guesser), &name, PASSWORD).await.status, 400);
            }
            assert_eq!(sign_in(&app, CAFE, "somebody@example.com", PASSWORD).await.status, 429);
        }
    }
}

mod rising_cost {
    use super::*;

    app_tests! {
        with [("auth.bcrypt_cost", "5")];

        async fn a_sign_in_hashes_an_old_password_anew_and_old_and_new_sign_ins_go_on(app) {
            // Its hash has cost 4.
            let admin = app.admin().await;
            let hash = || app.database.values(&format!("SELECT password_hash AS value FROM users WHERE id = {}", admin.user));
            let renewed = hash();
            assert!(renewed[0].starts_with("$2b$05$"), "{renewed:?}");
            let again = app.login(&admin.email, PASSWORD).await;
            assert_eq!((again.status, hash()), (200, renewed));
            let old = app.get("/account/login-user-info/", Some(&admin.token)).await;
            assert_eq!((old.status, text(&old.json["data"]["email"])), (200, admin.email.clone()));
            assert_eq!(app.login(&admin.email, "wrong horse 7").await.status, 400);
        }
    }
}

mod flood {
    use super::*;

    app_tests! {
        with [("limits.enabled", "true"), ("server.trusted_proxies", "127.0.0.1"), ("auth.bcrypt_cost", "9")];

        async fn strangers_who_sign_in_to_all_accounts_at_once_hold_up_each_other_and_no_owner(app) {
            let owner = app.candidate().await;
            let flood = (0..400).map(|number| {
                let app = &app;
                async move { sign_in(app, &address(number), &format!("nobody{number}@example.com"), PASSWORD).await.status }
            });
            let owners = async {
                let mut statuses = Vec::new();
                for _ in 0..5 {
                    statuses.push(app.login(&owner.email, PASSWORD).await.status);
                }
                statuses
            };
            let (strangers, owners) = join(join_all(flood), owners).await;
            assert!(strangers.contains(&503), "their queue was full");
            assert!(strangers.iter().all(|status| [400, 503].contains(status)), "{strangers:?}");
            assert_eq!(owners, [200; 5]);
        }
    }
}
