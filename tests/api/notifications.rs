//! The outbox in the hands of an admin.

use chrono::TimeDelta;
use jobportal_application::DeliveryStatus;
use jobportal_tests::app::TestApp;
use jobportal_tests::app_tests;
use jobportal_tests::client::detail;
use jobportal_tests::smtp::Behaviour;
use serde_json::{Value, json};

use crate::common::{mails_to, outbox_when, text};

/// A mail as an admin reads it.
async fn read(app: &TestApp, token: &str, id: i64) -> Value {
    let answer = app.get(&format!("/outbox/{id}/"), Some(token)).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    answer.json
}

app_tests! {
    async fn an_admin_sees_what_was_given_up_and_has_it_sent(app) {
        let admin = app.admin().await;
        app.smtp.behave(Behaviour::PermanentFailure);
        let (email, _, otp) = app.register("candidate").await;
        let id = outbox_when(&app, &email, |entry| entry.status == DeliveryStatus::Dead).await.id.0;
        let list = app.get("/outbox/?status=dead&kind=welcome", Some(&admin.token)).await;
        assert_eq!((list.status, list.header("x-total-count")), (200, "1"));
        let mail = &list.json[0];
        assert_eq!(*mail, read(&app, &admin.token, id).await);
        assert!(text(&mail["last_error"]).contains("no such user"), "{mail}");
        assert_eq!(*mail, json!({
            "id": id, "kind": "welcome", "priority": "urgent", "recipient": email, "status": "dead",
            "is_being_sent": false, "attempts": 1, "created_at": mail["created_at"], "next_attempt_at": null,
            "sent_at": null, "last_error": mail["last_error"],
        }));
        assert!(!list.json.to_string().contains(&otp), "{}", list.json);

        app.smtp.behave(Behaviour::Accept);
        let path = format!("/outbox/{id}/retry/");
        let retried = app.post(&path, Some(&admin.token), json!({})).await;
        assert_eq!((retried.status, &retried.json["status"], &retried.json["attempts"]), (200, &json!("pending"), &json!(0)));
        assert_eq!(mails_to(&app, &email, 1).await.remove(0).code(), otp);
        outbox_when(&app, &email, |entry| entry.status == DeliveryStatus::Sent).await;
        let again = app.post(&path, Some(&admin.token), json!({})).await;
        let refusal = "This mail was sent, and its content is erased: it can't be sent again.";
        assert_eq!(again.outcome(), detail(409, refusal));
        let mail = read(&app, &admin.token, id).await;
        assert_eq!((&mail["status"], mail["sent_at"].is_string(), mail["next_attempt_at"].is_null()), (&json!("sent"), true, true));
    }

    async fn what_waits_for_its_next_attempt_need_not(app) {
        let admin = app.admin().await;
        app.smtp.behave(Behaviour::TemporaryFailure);
        let (email, ..) = app.register("candidate").await;
        let id = outbox_when(&app, &email, |entry| entry.last_error.is_some()).await.id.0;
        assert!(read(&app, &admin.token, id).await["next_attempt_at"].is_string());
        app.smtp.behave(Behaviour::Accept);
        assert_eq!(app.post(&format!("/outbox/{id}/retry/"), Some(&admin.token), json!({})).await.status, 200);
        outbox_when(&app, &email, |entry| entry.status == DeliveryStatus::Sent).await;
    }

    async fn the_past_is_deleted_and_what_waits_is_not(app) {
        let account = app.candidate().await;
        outbox_when(&app, &account.email, |entry| entry.status == DeliveryStatus::Sent).await;
        app.smtp.behave(Behaviour::TemporaryFailure);
        let (waiting, ..) = app.register("candidate").await;
        outbox_when(&app, &waiting, |entry| entry.last_error.is_some()).await;
        app.pass(TimeDelta::seconds(1));
        let admin = app.admin().await;
        let purge = async |body| app.post("/outbox/purge/", Some(&admin.token), body).await.outcome();
        assert_eq!(purge(json!({})).await, (200, json!({ "deleted": 0, "is_complete": true })));
        let one = json!({ "deleted": 1, "is_complete": true });
        assert_eq!(purge(json!({ "older_than_days": 0 })).await, (200, one));
        let list = app.get("/outbox/", Some(&admin.token)).await;
        assert_eq!((list.json.as_array().unwrap().len(), &list.json[0]["recipient"]), (1, &json!(waiting)));
        for days in [json!(-1), json!(36_501), json!("x"), json!(i64::MAX), json!(1.5)] {
            let (status, refusal) = purge(json!({ "older_than_days": days })).await;
            assert!(status == 400 && refusal["older_than_days"].is_array(), "{days}: {refusal}");
        }
    }

    async fn a_filter_that_makes_no_sense_is_told(app) {
        let admin = app.admin().await;
        for (query, field) in [
            ("status=lost", "status"), ("status=DEAD", "status"), ("kind=%00", "kind"),
            (&*format!("kind={}", "x".repeat(101)), "kind"),
        ] {
            let answer = app.get(&format!("/outbox/?{query}"), Some(&admin.token)).await;
            assert!(answer.status == 400 && answer.json[field].is_array(), "{query}: {}", answer.json);
        }
        assert_eq!(app.get("/outbox/?kind=nothing", Some(&admin.token)).await.outcome(), (200, json!([])));
        assert_eq!(app.get("/outbox/?page=2", Some(&admin.token)).await.outcome(), detail(404, "Invalid page."));
        for path in ["/outbox/999999/", "/outbox/9223372036854775807/"] {
            assert_eq!(app.get(path, Some(&admin.token)).await.outcome(), detail(404, "Mail not found."));
            let retried = app.post(&format!("{path}retry/"), Some(&admin.token), json!({})).await;
            assert_eq!(retried.outcome(), detail(404, "Mail not found."));
        }
    }
}

app_tests! {
    with [("worker.enabled", "false")];

    async fn the_backlog_is_told_by_priority(app) {
        let admin = app.admin().await;
        let none = |priority: &str| json!({
            "priority": priority, "waiting": 0, "being_sent": 0, "dead": 0, "oldest": null,
        });
        let backlog = async || app.get("/outbox/backlog/", Some(&admin.token)).await.outcome();
        assert_eq!(backlog().await, (200, json!([none("urgent"), none("normal"), none("bulk")])));
        app.register("candidate").await;
        let (_, told) = backlog().await;
        let oldest = &told[0]["oldest"];
        let urgent = json!({ "priority": "urgent", "waiting": 1, "being_sent": 0, "dead": 0, "oldest": oldest });
        assert!(oldest.is_string());
        assert_eq!(told, json!([urgent, none("normal"), none("bulk")]));
    }
}
