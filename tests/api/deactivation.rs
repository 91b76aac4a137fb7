//! Accounts that are out of use.

use std::time::Duration;

use jobportal_tests::app::{Account, PASSWORD, TestApp};
use jobportal_tests::app_tests;
use jobportal_tests::client::{Answer, detail};
use jobportal_tests::database::TestDatabase;
use jobportal_tests::process::Program;
use serde_json::{Value, json};

use crate::common::{assert_unauthenticated, mails_to, outbox, text};
use crate::documents::{PNG, patch_picture, put_logo, resume};
use crate::process::{assert_refused, process_tests};
use crate::refresh::refresh;
use crate::sessions::is_good;

async fn deactivate(app: &TestApp, account: &Account, password: &str) -> Answer {
    app.post("/account/deactivate/", Some(&account.token), json!({ "password": password })).await
}

async fn deactivated(app: &TestApp, account: &Account) {
    let answer = deactivate(app, account, PASSWORD).await;
    assert_eq!((answer.status, answer.bytes.len()), (204, 0), "{}", answer.json);
}

/// The ids in a list.
fn ids(list: &Value) -> Vec<i64> {
    list.as_array().unwrap().iter().map(|item| item["id"].as_i64().unwrap()).collect()
}

app_tests! {
    async fn a_deactivated_account_loses_all_its_sessions_at_once(app) {
        let account = app.candidate().await;
        let elsewhere = app.again(&account).await;
        deactivated(&app, &account).await;
        for session in [&account, &elsewhere] {
            assert!(!is_good(&app, &session.token).await);
            assert_unauthenticated(&refresh(&app, &session.refresh_token).await);
        }
        let mails = mails_to(&app, &account.email, 2).await;
        assert!(mails.iter().any(|mail| mail.subject().contains("deactivated")), "its owner is told");
    }

    async fn signing_in_to_a_deactivated_account_is_answered_as_a_wrong_password(app) {
        let account = app.employer().await;
        deactivated(&app, &account).await;
        let right = app.login(&account.email, PASSWORD).await;
        let wrong = app.login(&account.email, "wrong horse 7").await;
        assert_eq!(right.outcome(), wrong.outcome());
        assert_eq!(right.status, 400);
        assert_eq!(app.login(&account.phone_number, PASSWORD).await.outcome(), wrong.outcome());
    }

    async fn a_deactivated_account_gets_no_code_for_a_new_password(app) {
        let account = app.candidate().await;
        let stranger = app.candidate().await;
        let ask = async |email: &str| app.post("/account/password-reset/", None, json!({ "email": email })).await;
        let known = ask(&stranger.email).await.outcome();
        // One that was sent before is of no use after.
        assert_eq!(ask(&account.email).await.outcome(), known);
        let mails = mails_to(&app, &account.email, 2).await;
        let reset = mails.iter().find(|mail| mail.subject().contains("new password")).unwrap();
        let body = reset.text();
        let code = body.split(|c: char| !c.is_ascii_digit()).find(|part| part.len() == 6).unwrap();
        deactivated(&app, &account).await;
        let sent = outbox(&app, &account.email).len();
        assert_eq!(ask(&account.email).await.outcome(), known);
        assert_eq!(outbox(&app, &account.email).len(), sent);
        let body = json!({
            "email": account.email, "otp": code, "password": "battery staple 8",
            "confirm_password": "battery staple 8",
        });
        assert_eq!(app.post("/account/password-reset/confirm/", None, body).await.status, 400);
        assert_eq!(app.login(&account.email, "battery staple 8").await.status, 400);
    }

    async fn a_wrong_or_missing_password_deactivates_nothing(app) {
        let account = app.candidate().await;
        let answer = deactivate(&app, &account, "wrong horse 7").await;
        assert_eq!(answer.outcome(), (400, json!({ "password": ["Password is incorrect."] })));
        let answer = app.post("/account/deactivate/", Some(&account.token), json!({})).await;
        assert_eq!(answer.outcome(), (400, json!({ "password": ["This field is required."] })));
        assert_unauthenticated(&app.post("/account/deactivate/", None, json!({ "password": PASSWORD })).await);
        assert!(is_good(&app, &account.token).await);
    }

    async fn a_deactivated_account_is_in_no_list_and_has_no_profile_to_see(app) {
        let (candidate, employer, admin) = (app.candidate().await, app.employer().await, app.admin().await);
        let token = Some(admin.token.as_str());
        let profiles = [
            format!("/candidate/profile/{}/", candidate.profile), format!("/employer/profile/{}/", employer.profile),
        ];
        for path in &profiles {
            assert_eq!(app.get(path, token).await.status, 200);
        }
        deactivated(&app, &candidate).await;
        deactivated(&app, &employer).await;
        for path in &profiles {
            assert_eq!(app.get(path, token).await.status, 404, "{path}");
        }
        let users = app.get("/account/user_info/", token).await.json;
        assert_eq!((users["count"].as_u64(), ids(&users["results"])), (Some(1), vec![admin.user]));
        for path in ["/candidate/profiles/", "/employer/profiles/"] {
            let answer = app.get(path, token).await;
            assert_eq!((ids(&answer.json), answer.header("x-total-count")), (vec![], "0"), "{path}");
        }
    }

    async fn what_a_deactivated_account_showed_has_no_address_any_more(app) {
        let (candidate, employer, other) = (app.candidate().await, app.employer().await, app.employer().await);
        let others = app.job(&other).await;
        let job = app.job(&employer).await;
        let shown = format!("/job/{job}/");
        assert_eq!(app.post(&format!("/job/manage/{job}/pause/"), Some(&employer.token), json!({})).await.status, 200);
        // Kept ready from now on.
        assert_eq!(app.get(&shown, Some(&other.token)).await.status, 200);
        let logo = put_logo(&app, &employer, PNG).await.json["profile_picture"].clone();
        let picture = patch_picture(&app, &candidate, PNG).await.json["profile_pic"].clone();
        let pictures = [text(&logo), text(&picture)];
        for picture in &pictures {
            assert_eq!(app.get(picture, Some(&other.token)).await.status, 200, "{picture}");
        }
        let resume = resume(&app, &candidate, b"%PDF-1.7\n").await;
        app.application(&candidate, others).await;

        deactivated(&app, &employer).await;
        deactivated(&app, &candidate).await;
        for token in [Some(&other.token), Some(&app.admin().await.token), None] {
            let token = token.map(String::as_str);
            for picture in &pictures {
                assert_eq!(app.get(picture, token).await.status, 404, "{picture}");
            }
        }
        assert_eq!(app.get(&shown, Some(&other.token)).await.status, 404);
        assert_eq!(app.get(&resume, Some(&other.token)).await.status, 200, "who was applied to keeps it");
    }

    async fn the_jobs_of_a_deactivated_employer_are_paused_and_applications_stay(app) {
        let (candidate, employer, other) = (app.candidate().await, app.employer().await, app.employer().await);
        let (job, second, others) = (app.job(&employer).await, app.job(&employer).await, app.job(&other).await);
        let application = app.application(&candidate, others).await;
        assert_eq!(ids(&app.get("/job/search/", Some(&candidate.token)).await.json["data"]), [others, second, job]);
        deactivated(&app, &employer).await;
        assert_eq!(ids(&app.get("/job/search/", Some(&candidate.token)).await.json["data"]), [others]);
        let apply = app.post(&format!("/application/{job}/"), Some(&candidate.token), json!({})).await;
        assert_eq!(apply.status, 409, "{}", apply.json);
        for path in [format!("/job/{job}/"), format!("/job/manage/{job}/"), format!("/job/{job}/similar/")] {
            for token in [&candidate.token, &other.token, &app.admin().await.token] {
                let answer = app.get(&path, Some(token)).await;
                assert_eq!(answer.outcome(), detail(404, "Job not found."), "{path}");
            }
        }
        deactivated(&app, &candidate).await;
        let path = format!("/application/status/{application}/");
        assert_eq!(app.get(&path, Some(&other.token)).await.status, 200, "its employer keeps it");
    }
}

process_tests! {
    async fn an_operator_takes_an_account_out_of_use_and_puts_it_back(database) {
        let program = Program::new(database.url(), &[]);
        let (_running, client) = program.serve(&[]);
        let body = json!({
            "email": "erin@example.com", "contract_number": "01711111111", "user_type": "employer",
            "password": PASSWORD,
        });
        let otp = client.call("POST", "/account/register/", None, Some(body)).await.json["otp"].clone();
        let body = json!({ "email": "erin@example.com", "otp": otp });
        assert_eq!(client.call("POST", "/account/verify_otp/", None, Some(body)).await.status, 200);
        let login = async || {
            let body = json!({ "email_or_phone": "erin@example.com", "password": PASSWORD });
            client.call("POST", "/account/login/", None, Some(body)).await
        };
        let ends = async |token: &str| {
            for _ in 0..200 {
                if client.call("GET", "/account/login-user-info/", Some(token), None).await.status == 401 {
                    return true;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            false
        };

        let token = text(&login().await.json["access_token"]);
        let said = program.run(&["sign-out", "Erin@example.com"]);
        assert_eq!((said.success, said.stdout.as_str()), (true, "1 sessions of erin@example.com have ended.\n"));
        assert!(ends(&token).await, "the process that serves learns what a command ended");

        let token = text(&login().await.json["access_token"]);
        assert!(program.run(&["deactivate", "erin@example.com"]).success);
        assert!(ends(&token).await);
        assert_eq!(login().await.status, 400);
        assert!(program.run(&["deactivate", "erin@example.com"]).success, "once more does no harm");
        assert!(program.run(&["activate", "erin@example.com"]).success);
        assert_eq!(login().await.status, 200);

        for command in ["deactivate", "activate", "sign-out"] {
            assert_refused(&program.run(&[command, "nobody@example.com"]), &["No account has this e-mail address."]);
            assert_refused(&program.run(&[command, "nobody"]), &["email"]);
        }
    }
}
