//! Mail: what is sent when, and that no mail server holds up a request or loses a mail.

use std::sync::Arc;

use chrono::TimeDelta;
use futures_util::future::join_all;
use jobportal_application::{DeliveryStatus, Outbox, OutboxFilter, PageRequest, SystemClock};
use jobportal_tests::app::{PASSWORD, TestApp};
use jobportal_tests::app_tests;
use jobportal_tests::client::detail;
use jobportal_tests::smtp::Behaviour;
use jobportal_tests::until;
use serde_json::{Value, json};

use crate::common::{mails_to, outbox, outbox_when, text, verify};

/// The outbox in the hands of an operator.
fn operator(app: &TestApp) -> Outbox {
    Outbox::new(app.database.store(), Arc::new(SystemClock))
}

/// What is kept of the contents of mails.
fn contents(app: &TestApp) -> Vec<String> {
    app.database.values("SELECT payload AS value FROM outbox ORDER BY id")
}

app_tests! {
    async fn a_mail_names_the_request_that_caused_it(app) {
        let body = json!({
            "email": "ann@example.com", "contract_number": "01711111111", "user_type": "candidate", "password": PASSWORD,
        });
        let request = app.client.request("POST", "/account/register/", None).header("x-request-id", "one-id").json(&body);
        assert_eq!(app.client.send(request).await.status, 201);
        let mail = app.smtp.wait_for_mail_to("ann@example.com").await;
        assert_eq!(mail.header("X-Request-Id").as_deref(), Some("one-id"));
        assert_eq!(app.database.values("SELECT request_id AS value FROM outbox"), ["one-id"]);
    }

    async fn a_registration_is_welcomed_with_the_code(app) {
        let (email, _, otp) = app.register("candidate").await;
        let mail = mails_to(&app, &email, 1).await.remove(0);
        assert_eq!(mail.to, [email.as_str()]);
        assert_eq!(mail.subject(), "Welcome to the job portal: your verification code");
        assert_eq!(mail.code(), otp);
        let end = outbox(&app, &email)[0].created_at + TimeDelta::minutes(10);
        let end = end.format("good until %H:%M UTC on %-d %B %Y").to_string();
        assert!(mail.text().contains(&end) && mail.html().contains(&end), "{end}: {}", mail.text());
        assert!(mail.html().contains(&otp));
        assert_eq!(verify(&app, &email, &mail.code()).await.status, 200);
    }

    async fn an_employer_is_told_of_each_application_once(app) {
        let (candidate, employer) = (app.candidate().await, app.employer().await);
        mails_to(&app, &employer.email, 1).await;
        let name = json!({ "first_name": "Mr", "last_name": "Abc" });
        app.patch("/candidate/profile/", Some(&candidate.token), name).await;
        let job = app.job(&employer).await;
        app.application(&candidate, job).await;
        let again = app.post(&format!("/application/{job}/"), Some(&candidate.token), json!({})).await;
        assert_eq!(again.outcome(), (200, json!({ "status": "Already Applied" })));

        let mail = mails_to(&app, &employer.email, 2).await.remove(1);
        assert_eq!(mail.subject(), "New application: Software Engineer");
        for words in ["Mr Abc applied for your job", "Software Engineer", &format!("GET /application/all/{job}/")] {
            assert!(mail.text().contains(words), "{words}: {}", mail.text());
        }
        assert_eq!(outbox(&app, &employer.email).len(), 2);
        assert_eq!(outbox(&app, &candidate.email).len(), 1, "the welcome");
    }

    async fn a_candidate_is_told_of_each_change_of_an_applications_status(app) {
        let (candidate, employer) = (app.candidate().await, app.employer().await);
        mails_to(&app, &candidate.email, 1).await;
        let job = app.job(&employer).await;
        let path = format!("/application/status/{}/", app.application(&candidate, job).await);
        // Applied is what it is already, and the second interview changes nothing.
        for (status, mails) in [("applied", 1), ("Interviewed", 2), ("interviewed", 2), ("OFFERED", 3)] {
            let answer = app.patch(&path, Some(&employer.token), json!({ "status": status })).await;
            assert_eq!(answer.status, 200, "{}", answer.json);
            let received = mails_to(&app, &candidate.email, mails).await;
            assert_eq!(outbox(&app, &candidate.email).len(), mails, "{status}");
            if let Some(mail) = received.get(1..).and_then(<[_]>::last) {
                assert_eq!(mail.subject(), "Your application: Software Engineer");
                assert!(mail.text().contains("at Tech Solutions Ltd. is now:"), "{}", mail.text());
                assert!(mail.text().contains(&status.to_lowercase()), "{}", mail.text());
            }
        }
    }

    async fn the_owner_is_told_of_a_changed_password(app) {
        let account = app.candidate().await;
        let body = json!({ "old_password": PASSWORD, "password": "new word 12", "confirm_password": "new word 12" });
        assert_eq!(app.patch("/account/update-password/", Some(&account.token), body).await.status, 200);
        let mail = mails_to(&app, &account.email, 2).await.into_iter().find(|mail| mail.subject().contains("changed"));
        assert_eq!(mail.unwrap().subject(), "Your password was changed");

        app.post("/account/password-reset/", None, json!({ "email": account.email })).await;
        let code = mails_to(&app, &account.email, 3).await.remove(2).code();
        let body = json!({
            "email": account.email, "otp": code, "password": "new word 13", "confirm_password": "new word 13",
        });
        assert_eq!(app.post("/account/password-reset/confirm/", None, body).await.status, 200);
        let mail = mails_to(&app, &account.email, 4).await.remove(3);
        assert_eq!(mail.subject(), "Your password was changed");
        assert!(!mail.data.contains("new word"), "{}", mail.data);
    }

    async fn a_request_that_is_refused_sends_no_mail(app) {
        let account = app.candidate().await;
        let taken = json!({
            "email": account.email,
            "contract_number": account.phone_number,
            "user_type": "candidate",
            "password": PASSWORD,
        });
        assert_eq!(app.post("/account/register/", None, taken).await.status, 400);
        let body = json!({ "old_password": "wrong", "password": "new word 12", "confirm_password": "new word 12" });
        assert_eq!(app.patch("/account/update-password/", Some(&account.token), body).await.status, 400);
        assert_eq!(outbox(&app, &account.email).len(), 1);
    }

    async fn what_a_user_writes_forges_no_header(app) {
        let (candidate, employer) = (app.candidate().await, app.employer().await);
        let mut job = app.job_body();
        job["title"] = json!("Dev\r\nBcc: eve@evil.example\r\n\r\nsoftware");
        let job = app.post("/job/manage/", Some(&employer.token), job).await.id();
        app.application(&candidate, job).await;
        let mails = mails_to(&app, &employer.email, 2).await;
        let mail = mails.iter().find(|mail| mail.subject().contains("Dev")).unwrap();
        assert_eq!(mail.subject(), "New application: Dev Bcc: eve@evil.example software");
        assert_eq!((mail.to.len(), mail.header("Bcc")), (1, None));
    }

    async fn a_code_that_was_mailed_is_erased_from_the_outbox(app) {
        let account = app.candidate().await;
        let entry = outbox_when(&app, &account.email, |entry| entry.status == DeliveryStatus::Sent).await;
        assert_eq!((entry.kind.as_str(), entry.attempts), ("welcome", 1));
        assert!(entry.sent_at.is_some() && entry.last_error.is_none(), "{entry:?}");
        assert_eq!(contents(&app), ["{}"]);
        assert!(operator(&app).retry(entry.id).is_err(), "sent is sent");
    }

    async fn a_mail_is_tried_again_after_a_temporary_failure(app) {
        app.smtp.behave(Behaviour::TemporaryFailure);
        let (email, _, otp) = app.register("candidate").await;
        let entry = outbox_when(&app, &email, |entry| entry.last_error.is_some()).await;
        assert_eq!((entry.status, entry.attempts), (DeliveryStatus::Pending, 1));
        assert!(entry.next_attempt_at >= entry.created_at + TimeDelta::seconds(10), "{entry:?}");
        assert!(entry.last_error.unwrap().contains("try again later"));

        app.smtp.behave(Behaviour::Accept);
        app.pass(TimeDelta::seconds(13));
        assert_eq!(mails_to(&app, &email, 1).await.remove(0).code(), otp);
        let entry = outbox_when(&app, &email, |entry| entry.status == DeliveryStatus::Sent).await;
        assert_eq!(entry.attempts, 2);
    }

    async fn an_outage_loses_no_mail_and_sends_none_twice(app) {
        app.smtp.behave(Behaviour::Closed);
        let accounts = join_all((0..12).map(|_| app.register("employer"))).await;
        let failed = "SELECT last_error AS value FROM outbox WHERE last_error IS NOT NULL";
        until("the outage is noticed", || !app.database.values(failed).is_empty()).await;
        app.smtp.behave(Behaviour::Accept);
        for (email, _, otp) in &accounts {
            let sent = outbox_when(&app, email, |entry| entry.status == DeliveryStatus::Sent).await;
            assert_eq!(sent.attempts, 1, "the outage was not its fault");
            assert_eq!(&mails_to(&app, email, 1).await.remove(0).code(), otp);
        }
        assert_eq!(app.smtp.mails().len(), accounts.len());
    }

    async fn a_mail_that_is_refused_for_good_is_given_up_and_sent_when_an_operator_says_so(app) {
        app.smtp.behave(Behaviour::PermanentFailure);
        let (email, _, otp) = app.register("candidate").await;
        let given_up = outbox_when(&app, &email, |entry| entry.status == DeliveryStatus::Dead).await;
        assert_eq!((given_up.kind.as_str(), given_up.attempts), ("welcome", 1));
        assert!(given_up.last_error.as_ref().unwrap().contains("no such user"), "{given_up:?}");
        let filter = OutboxFilter { status: Some(DeliveryStatus::Dead), kind: None };
        let dead = || operator(&app).list(&filter, PageRequest::new(1, 10).unwrap()).unwrap().items;
        assert_eq!(dead(), std::slice::from_ref(&given_up));

        app.smtp.behave(Behaviour::Accept);
        operator(&app).retry(given_up.id).unwrap();
        assert_eq!(mails_to(&app, &email, 1).await.remove(0).code(), otp);
        outbox_when(&app, &email, |entry| entry.status == DeliveryStatus::Sent).await;
        assert_eq!(dead(), []);
        assert_eq!(operator(&app).retry_all_dead().unwrap(), 0);
    }
}

app_tests! {
    with [("mail.timeout", "5s")];

    async fn a_mail_server_that_hangs_holds_up_no_request(app) {
        app.smtp.behave(Behaviour::Hang);
        let accounts = join_all((0..3).map(|_| app.register("candidate"))).await;
        let (email, _, otp) = &accounts[0];
        assert_eq!(verify(&app, email, otp).await.status, 200);
        assert_eq!(app.login(email, PASSWORD).await.status, 200);
        // All this is done before the first attempt has come to an end.
        assert!(accounts.iter().all(|(email, ..)| outbox(&app, email)[0].last_error.is_none()));

        outbox_when(&app, email, |entry| entry.last_error.is_some()).await;
        app.smtp.behave(Behaviour::Accept);
        app.pass(TimeDelta::minutes(10));
        for (email, _, otp) in &accounts {
            assert_eq!(&mails_to(&app, email, 1).await.remove(0).code(), otp);
        }
    }
}

app_tests! {
    with [("worker.enabled", "false")];

    async fn a_code_that_waits_in_the_outbox_is_encrypted(app) {
        let (email, _, welcome) = app.register("candidate").await;
        app.post("/account/password-reset/", None, json!({ "email": email })).await;
        let waiting = contents(&app);
        assert_eq!(waiting.len(), 2);
        for content in &waiting {
            let content: Value = serde_json::from_str(content).unwrap();
            assert!(text(&content["code"]).len() > 30, "{content}");
        }
        assert!(!waiting.concat().contains(&welcome), "{waiting:?}");
        assert_eq!(verify(&app, &email, &welcome).await.status, 200);
    }

    async fn a_portal_without_a_worker_answers_all_the_same(app) {
        let account = app.candidate().await;
        assert_eq!(outbox(&app, &account.email)[0].attempts, 0);
        let nobody = app.get("/candidate/profile/999999/", Some(&account.token)).await;
        assert_eq!(nobody.outcome(), detail(404, "Candidate profile not found."));
    }
}
