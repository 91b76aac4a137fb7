//! Refresh tokens: used once, again for a lost answer, and never by two.

use chrono::TimeDelta;
use futures_util::future::join_all;
use jobportal_tests::app::TestApp;
use jobportal_tests::app_tests;
use jobportal_tests::client::{Answer, detail};
use serde_json::json;

use crate::common::{assert_unauthenticated, text};
use crate::sessions::is_good;

pub(crate) async fn refresh(app: &TestApp, token: &str) -> Answer {
    app.post("/account/token/refresh/", None, json!({ "refresh_token": token })).await
}

/// A new pair for a refresh token.
async fn renewed(app: &TestApp, token: &str) -> (String, String) {
    let answer = refresh(app, token).await;
    let (access, next) = (text(&answer.json["access_token"]), text(&answer.json["refresh_token"]));
    assert_eq!(answer.outcome(), (200, json!({ "access_token": access, "refresh_token": next })));
    assert_eq!(answer.header("cache-control"), "no-store");
    (access, next)
}

async fn assert_refused(app: &TestApp, token: &str) {
    let answer = refresh(app, token).await;
    assert_unauthenticated(&answer);
    assert_eq!(answer.outcome(), detail(401, "Token is invalid or expired."));
}

/// Longer than a spent token may be sent again.
const LATER: TimeDelta = TimeDelta::seconds(11);

app_tests! {
    async fn each_refresh_token_leads_to_another(app) {
        let account = app.candidate().await;
        let mut seen = vec![account.refresh_token.clone()];
        for _ in 0..5 {
            let (access, next) = renewed(&app, seen.last().unwrap()).await;
            assert!(is_good(&app, &access).await);
            assert!(!seen.contains(&next));
            seen.push(next);
            app.pass(LATER);
        }
    }

    async fn a_spent_refresh_token_ends_its_family(app) {
        let (account, other) = (app.candidate().await, app.candidate().await);
        let elsewhere = app.again(&account).await;
        let (access, next) = renewed(&app, &account.refresh_token).await;
        app.pass(LATER);
        assert!(is_good(&app, &access).await);
        assert_refused(&app, &account.refresh_token).await;
        for token in [&account.token, &access] {
            assert!(!is_good(&app, token).await, "both who have the token lose it");
        }
        assert_refused(&app, &next).await;
        assert_refused(&app, &account.refresh_token).await;
        for session in [&elsewhere, &other] {
            assert!(is_good(&app, &session.token).await);
            renewed(&app, &session.refresh_token).await;
        }
    }

    async fn any_spent_refresh_token_is_known_however_old(app) {
        let account = app.candidate().await;
        let mut token = account.refresh_token.clone();
        for _ in 0..20 {
            token = renewed(&app, &token).await.1;
        }
        assert_refused(&app, &account.refresh_token).await;
        assert_refused(&app, &token).await;
    }

    async fn a_spent_refresh_token_gets_the_same_one_again_for_seconds(app) {
        let account = app.candidate().await;
        let (_, next) = renewed(&app, &account.refresh_token).await;
        app.pass(TimeDelta::seconds(5));
        let (access, again) = renewed(&app, &account.refresh_token).await;
        assert_eq!(again, next, "a session has one refresh token");
        assert!(is_good(&app, &access).await);
        let (_, third) = renewed(&app, &next).await;
        // The second one is spent by now, so the first one is none that was lost.
        assert_refused(&app, &account.refresh_token).await;
        assert_refused(&app, &third).await;
    }

    async fn of_many_who_use_one_refresh_token_at_once_all_go_on_with_the_same(app) {
        let account = app.candidate().await;
        let pairs = join_all((0..8).map(|_| renewed(&app, &account.refresh_token))).await;
        let (_, next) = &pairs[0];
        assert!(pairs.iter().all(|(_, token)| token == next));
        for (access, _) in &pairs {
            assert!(is_good(&app, access).await);
        }
        app.pass(LATER);
        let chains = join_all((0..8).map(|_| renewed(&app, next))).await;
        app.pass(LATER);
        assert_refused(&app, next).await;
        assert_refused(&app, &chains[0].1).await;
    }

    async fn a_refresh_token_lives_fourteen_days_from_its_last_use(app) {
        let account = app.candidate().await;
        app.pass(TimeDelta::days(13));
        let (_, token) = renewed(&app, &account.refresh_token).await;
        app.pass(TimeDelta::days(13));
        let (_, token) = renewed(&app, &token).await;
        app.pass(TimeDelta::days(14));
        assert_refused(&app, &token).await;
    }

    async fn a_session_ends_ninety_days_after_its_sign_in_however_often_it_is_refreshed(app) {
        let account = app.candidate().await;
        let mut token = account.refresh_token.clone();
        for _ in 0..8 {
            app.pass(TimeDelta::days(11));
            token = renewed(&app, &token).await.1;
        }
        app.pass(TimeDelta::days(2) - TimeDelta::minutes(5));
        let (access, token) = renewed(&app, &token).await;
        assert!(is_good(&app, &access).await);
        app.pass(TimeDelta::minutes(6));
        assert!(!is_good(&app, &access).await, "its access token ends with it");
        assert_refused(&app, &token).await;
    }

    async fn what_is_no_refresh_token_is_refused_and_ends_nothing(app) {
        let account = app.candidate().await;
        let token = &account.refresh_token;
        let parts: Vec<_> = token.split('.').collect();
        let [session, secret, proof] = parts[..] else { panic!("{token}") };
        let other = app.candidate().await.refresh_token;
        let others: Vec<_> = other.split('.').collect();
        for forged in [
            String::new(),
            "x".to_owned(),
            account.token.clone(),
            "A".repeat(6_000),
            "..".to_owned(),
            format!("{session}.{secret}."),
            format!("{session}.{secret}"),
            format!("{session}.{}.{proof}", others[1]),
            format!("{session}.{}.{}", others[1], others[2]),
            format!("{}.{secret}.{proof}", others[0]),
            format!("{token}0"),
            token.to_uppercase(),
        ] {
            assert_refused(&app, &forged).await;
        }
        let answer = app.post("/account/token/refresh/", None, json!({})).await;
        assert_eq!(answer.outcome(), (400, json!({ "refresh_token": ["This field is required."] })));
        renewed(&app, token).await;
    }

    async fn a_refresh_token_is_kept_as_a_keyed_hash_alone(app) {
        let account = app.candidate().await;
        let (_, next) = renewed(&app, &account.refresh_token).await;
        let kept = app.database.values("SELECT id || ' ' || digest AS value FROM sessions");
        assert_eq!(kept.len(), 1);
        for token in [&account.refresh_token, &next] {
            for secret in token.split('.').skip(1) {
                assert!(!kept.concat().contains(secret), "{kept:?}");
            }
        }
    }
}
