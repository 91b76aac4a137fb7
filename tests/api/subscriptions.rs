//! Plans, and who subscribes to them until when.

use chrono::TimeDelta;
use futures_util::future::join_all;
use jobportal_domain::{Subscription, UserId};
use jobportal_tests::app::{Account, TestApp};
use jobportal_tests::client::{Answer, detail, time};
use jobportal_tests::smtp::ReceivedMail;
use jobportal_tests::{app_tests, until};
use serde_json::{Value, json};

use crate::applications::{apply, jobs, start_a_day};
use crate::common::with;
use crate::jobs::recent;

const PLANS: &str = "/subscription/plan/";
const WRONG_ROLE: &str = "You do not have permission to perform this action.";

/// The plans of a new portal, without their times.
fn plans() -> Vec<Value> {
    let plan = |id: i64, name, price, description, features, duration, per_day: i64, more: bool| {
        json!({
            "id": id, "name": name, "price": price, "description": description, "features": features,
            "duration": duration, "max_job_applications_per_day": per_day, "priority_support": more,
            "career_coaching": more,
        })
    };
    let (never, month) = ("00:00:00", "30 00:00:00");
    vec![
        plan(
            1,
            "free",
            "0.00",
            "Free plan with basic access to job portal features.",
            "Limited job applications, No priority support, No career coaching",
            never,
            5,
            false,
        ),
        plan(
            2,
            "basic",
            "9.99",
            "Basic plan with access to essential features.",
            "10 job applications per day, No priority support, No career coaching",
            month,
            10,
            false,
        ),
        plan(
            3,
            "professional",
            "49.99",
            "Professional plan with advanced features.",
            "20 job applications per day, Priority support, Career coaching",
            month,
            20,
            true,
        ),
        plan(
            4,
            "premium",
            "99.99",
            "Premium plan with exclusive features.",
            "50 job applications per day, Priority support, Career coaching, Resume review",
            month,
            50,
            true,
        ),
        plan(
            5,
            "enterprise",
            "199.99",
            "Enterprise plan for large organizations with all-inclusive features.",
            "Unlimited job applications per day, 24/7 priority support, Career coaching, Resume review, Analytics",
            month,
            100,
            true,
        ),
    ]
}

/// A plan that an admin may send.
fn premium() -> Value {
    with(plans()[3].clone(), &json!({ "price": "89.00", "duration": "P14D", "max_job_applications_per_day": 40 }))
}

/// What the API answers to [`premium`].
fn stored_premium(answer: &Answer) -> Value {
    let times = json!({ "create_at": answer.json["create_at"], "update_at": answer.json["update_at"] });
    with(with(premium(), &json!({ "id": answer.id(), "duration": "14 00:00:00" })), &times)
}

async fn subscribe(app: &TestApp, account: &Account, plan: i64) -> Answer {
    app.post("/subscription/add/plan/", Some(&account.token), json!({ "plan": plan })).await
}

/// What the portal tells an account of its use of the day.
async fn usage(app: &TestApp, account: &Account) -> Value {
    let answer = app.get("/subscription/usage/", Some(&account.token)).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    answer.json
}

/// The same as it must be.
fn used(app: &TestApp, plan: &str, limit: i64, used: i64) -> Value {
    let midnight = app.now().date_naive() + TimeDelta::days(1);
    json!({
        "plan": plan, "limit": limit, "used": used, "remaining": (limit - used).max(0),
        "reset": format!("{midnight}T00:00:00.000000Z"),
    })
}

fn active(app: &TestApp, account: &Account) -> Option<Subscription> {
    let user = UserId(account.user);
    app.database.store().read(|uow| Ok(uow.subscriptions().active(user)?)).unwrap().map(|(found, _)| found)
}

/// `id`, `is_active` and `has_expired` of all subscriptions of an account.
fn rows(app: &TestApp, account: &Account) -> Vec<String> {
    app.database.values(&format!(
        "SELECT id || CASE WHEN is_active THEN ' active' ELSE '' END || \
         CASE WHEN has_expired THEN ' expired' ELSE '' END AS value FROM subscriptions WHERE user_id = {} ORDER BY id",
        account.user
    ))
}

app_tests! {
    async fn a_new_portal_has_five_plans(app) {
        let account = app.candidate().await;
        let at = "2026-11-24T00:00:00.000000Z";
        let expected: Vec<_> =
            plans().into_iter().map(|plan| with(plan, &json!({ "create_at": at, "update_at": at }))).collect();
        let all = app.get(PLANS, Some(&account.token)).await;
        assert_eq!((all.outcome(), all.header("x-total-count")), ((200, json!(expected)), "5"));
        let last = app.get("/subscription/plan/?page=3&page_size=2", Some(&account.token)).await;
        assert_eq!(last.outcome(), (200, json!(expected[4..])));
        let previous = format!("<{}/subscription/plan/?page_size=2&page=2>; rel=\"prev\"", app.client.base);
        assert_eq!((last.header("x-total-count"), last.header("link")), ("5", previous.as_str()));
        let beyond = app.get("/subscription/plan/?page=2", Some(&account.token)).await;
        assert_eq!(beyond.outcome(), detail(404, "Invalid page."));
    }

    async fn an_admin_deletes_adds_and_changes_a_plan_and_the_answer_is_the_plan(app) {
        let admin = app.admin().await;
        let deleted = app.delete("/subscription/plan/4/", Some(&admin.token)).await;
        assert_eq!((deleted.status, deleted.bytes.len()), (204, 0));
        let path = "/subscription/plan/4/";
        assert_eq!(app.delete(path, Some(&admin.token)).await.outcome(), detail(404, "Subscription plan not found."));
        let put = app.put(path, Some(&admin.token), premium()).await;
        assert_eq!(put.outcome(), detail(404, "Subscription plan not found."));

        let long_ago = "2001-01-01T00:00:00Z";
        let sent = with(premium(), &json!({ "create_at": long_ago, "update_at": long_ago }));
        let added = app.post(PLANS, Some(&admin.token), sent).await;
        assert_eq!(added.outcome(), (201, stored_premium(&added)));
        assert_eq!(recent(&app, &added.json["create_at"]), recent(&app, &added.json["update_at"]));

        app.pass(TimeDelta::minutes(1));
        let changes = json!({ "price": 5, "duration": "36:00:00", "priority_support": false, "id": 4711 });
        let changed = app.put(&format!("{PLANS}{}/", added.id()), Some(&admin.token), with(premium(), &changes)).await;
        let expected = with(added.json.clone(), &json!({
            "price": "5.00", "duration": "1 12:00:00", "priority_support": false,
            "update_at": recent(&app, &changed.json["update_at"]),
        }));
        assert_eq!(changed.outcome(), (200, expected));
        assert!(time(&changed.json["update_at"]) > time(&changed.json["create_at"]));
        let all = app.get(PLANS, Some(&admin.token)).await.json;
        assert_eq!(all.as_array().unwrap().last(), Some(&changed.json));
    }

    async fn plans_are_for_admins_to_change(app) {
        for account in [app.candidate().await, app.employer().await] {
            let one = "/subscription/plan/4/";
            for (method, path) in [("POST", PLANS), ("PUT", one), ("DELETE", one)] {
                let answer = app.client.call(method, path, Some(&account.token), Some(premium())).await;
                assert_eq!(answer.outcome(), detail(403, WRONG_ROLE), "{method}");
            }
        }
    }

    async fn a_plan_name_is_unique(app) {
        let admin = app.admin().await;
        let taken = (400, json!({ "name": ["Subscription plan with this name already exists."] }));
        assert_eq!(app.post(PLANS, Some(&admin.token), premium()).await.outcome(), taken);
        assert_eq!(app.put("/subscription/plan/2/", Some(&admin.token), premium()).await.outcome(), taken);
    }

    async fn the_free_plan_stays_and_so_does_one_that_somebody_chose(app) {
        let (admin, user) = (app.admin().await, app.candidate().await);
        let free = app.delete("/subscription/plan/1/", Some(&admin.token)).await;
        assert_eq!(free.outcome(), detail(409, "The free plan can't be deleted."));
        let renamed = app.put("/subscription/plan/1/", Some(&admin.token), premium()).await;
        let keeps = "The free plan holds where no other was chosen; it keeps its name.";
        assert_eq!(renamed.outcome(), (400, json!({ "name": [keeps] })));
        subscribe(&app, &user, 2).await;
        subscribe(&app, &user, 3).await;
        for plan in [2, 3] {
            let chosen = app.delete(&format!("{PLANS}{plan}/"), Some(&admin.token)).await;
            assert_eq!(chosen.outcome(), detail(409, "The plan has subscriptions and can't be deleted."));
        }
    }

    async fn all_wrong_fields_of_a_plan_are_told_at_once(app) {
        let admin = app.admin().await;
        let required = json!(["This field is required."]);
        let missing = json!({
            "name": required, "price": required, "description": required, "features": required, "duration": required,
            "max_job_applications_per_day": required,
        });
        let sent = json!({
            "name": "gold", "price": "-1", "description": "", "features": [], "duration": "a month",
            "max_job_applications_per_day": -1, "priority_support": "perhaps", "career_coaching": 2,
        });
        let wrong = json!({
            "name": ["\"gold\" is not a valid choice."],
            "price": ["Ensure this value is greater than or equal to 0."],
            "description": ["This field may not be blank."],
            "features": ["Not a valid string."],
            "duration": ["Duration has wrong format. Use one of these formats instead: [DD] [HH:[MM:]]ss or ISO 8601 \
                such as P30D."],
            "max_job_applications_per_day": ["Ensure this value is greater than or equal to 0."],
            "priority_support": ["Must be a valid boolean."],
            "career_coaching": ["Must be a valid boolean."],
        });
        for (method, path) in [("POST", PLANS), ("PUT", "/subscription/plan/4/")] {
            for (sent, expected) in [(&json!({}), &missing), (&sent, &wrong)] {
                let answer = app.client.call(method, path, Some(&admin.token), Some(sent.clone())).await;
                assert_eq!(answer.outcome(), (400, expected.clone()), "{method}");
            }
        }
        let many = with(premium(), &json!({ "max_job_applications_per_day": 9_000_000_000_i64 }));
        let answer = app.post(PLANS, Some(&admin.token), many).await;
        let message = "Ensure this value is less than or equal to 100000.";
        assert_eq!(answer.outcome(), (400, json!({ "max_job_applications_per_day": [message] })));
    }

    async fn a_duration_is_read_in_both_forms(app) {
        let admin = app.admin().await;
        for (sent, shown) in [
            ("30 00:00:00", "30 00:00:00"), ("P30D", "30 00:00:00"), ("P1W", "7 00:00:00"), ("PT36H", "1 12:00:00"),
            ("00:00:00", "00:00:00"), ("P0D", "00:00:00"), ("3650 00:00:00", "3650 00:00:00"),
        ] {
            let body = with(premium(), &json!({ "duration": sent }));
            let answer = app.put("/subscription/plan/4/", Some(&admin.token), body).await;
            assert_eq!((answer.status, &answer.json["duration"]), (200, &json!(shown)), "{sent}");
        }
        for (sent, message) in [
            ("P1Y", "Duration has wrong format. Use one of these formats instead: [DD] [HH:[MM:]]ss or ISO 8601 such \
                as P30D."),
            ("-1 00:00:00", "Ensure this value is greater than or equal to 0."),
            ("3651 00:00:00", "Ensure this value is less than or equal to 3650 days."),
        ] {
            let body = with(premium(), &json!({ "duration": sent }));
            let answer = app.put("/subscription/plan/4/", Some(&admin.token), body).await;
            assert_eq!(answer.outcome(), (400, json!({ "duration": [message] })), "{sent}");
        }
    }

    async fn a_subscription_begins_now_and_trial_start_date_is_the_end_of_the_paid_period(app) {
        for (account, plan) in [(app.candidate().await, 2), (app.employer().await, 1), (app.admin().await, 5)] {
            let ignored = json!({ "is_active": false, "auto_renew": false, "id": 4711 });
            let body = with(ignored, &json!({ "user": account.user, "plan": plan }));
            let answer = app.post("/subscription/add/plan/", Some(&account.token), body).await;
            let start = recent(&app, &answer.json["start_date"]);
            let end = (plan != 1).then(|| {
                (time(&start) + TimeDelta::days(30)).format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
            });
            assert_eq!(answer.outcome(), (201, json!({
                "id": answer.id(), "start_date": start, "auto_renew": true, "has_expired": false, "is_active": true,
                "trial_start_date": end, "created_at": start, "updated_at": start, "user": account.user, "plan": plan,
            })));
            assert_eq!(rows(&app, &account), [format!("{} active", answer.id())]);
        }
    }

    async fn a_subscription_is_for_the_caller_alone(app) {
        let (account, other) = (app.candidate().await, app.employer().await);
        let body = json!({ "user": other.user, "plan": 2 });
        let answer = app.post("/subscription/add/plan/", Some(&account.token), body).await;
        assert_eq!(answer.outcome(), detail(403, "You may only act for yourself."));
        assert_eq!((rows(&app, &account).len(), rows(&app, &other).len()), (0, 0));
    }

    async fn a_subscription_is_to_a_plan_that_is_there(app) {
        let account = app.candidate().await;
        for (plan, message) in [
            (json!(4711), "Invalid pk \"4711\" - object does not exist."),
            (json!("basic"), "A valid integer is required."), (json!(null), "This field may not be null."),
        ] {
            let body = json!({ "plan": plan });
            let answer = app.post("/subscription/add/plan/", Some(&account.token), body).await;
            assert_eq!(answer.outcome(), (400, json!({ "plan": [message] })));
        }
        let answer = app.post("/subscription/add/plan/", Some(&account.token), json!({ "user": "me" })).await;
        assert_eq!(answer.outcome(), (400, json!({
            "user": ["A valid integer is required."], "plan": ["This field is required."],
        })));
        assert!(rows(&app, &account).is_empty());
    }

    async fn choosing_another_plan_ends_the_active_one(app) {
        let account = app.candidate().await;
        let (first, second) = (subscribe(&app, &account, 2).await.id(), subscribe(&app, &account, 3).await.id());
        assert_eq!(rows(&app, &account), [first.to_string(), format!("{second} active")]);
    }

    async fn at_most_one_subscription_is_active_under_concurrent_requests(app) {
        let account = app.candidate().await;
        let answers = join_all((0..10).map(|number| subscribe(&app, &account, 1 + number % 5))).await;
        assert!(answers.iter().all(|answer| answer.status == 201), "{answers:?}");
        let rows = rows(&app, &account);
        assert_eq!(rows.len(), 10);
        assert_eq!(rows.iter().filter(|row| row.ends_with(" active")).count(), 1, "{rows:?}");
    }

    async fn a_period_that_has_ended_is_followed_by_the_next_and_one_that_has_not_stays(app) {
        let (early, late, free) = (app.candidate().await, app.candidate().await, app.candidate().await);
        subscribe(&app, &free, 1).await;
        subscribe(&app, &early, 2).await;
        let begun = active(&app, &early).unwrap();
        app.pass(TimeDelta::days(15));
        let late = app.again(&late).await;
        subscribe(&app, &late, 2).await;
        let (untouched, endless) = (active(&app, &late), active(&app, &free));
        for period in 1..=2 {
            app.pass(TimeDelta::days(if period == 1 { 16 } else { 13 + 17 }));
            let started_at = begun.started_at + TimeDelta::days(30 * period);
            until("the renewal", || active(&app, &early).unwrap().started_at == started_at).await;
            let renewed = active(&app, &early).unwrap();
            let expected = Subscription {
                started_at, period_ends_at: Some(started_at + TimeDelta::days(30)), updated_at: renewed.updated_at,
                ..begun.clone()
            };
            assert_eq!(renewed, expected);
            if period == 1 {
                assert_eq!(active(&app, &late), untouched);
            }
        }
        app.pass(TimeDelta::days(3_650));
        until("the renewal", || active(&app, &early).unwrap().period_ends_at.unwrap() > app.now()).await;
        assert_eq!(active(&app, &free), endless);
    }

    async fn without_renewal_a_subscription_expires_and_the_user_is_told(app) {
        let (user, renewing) = (app.candidate().await, app.candidate().await);
        subscribe(&app, &user, 4).await;
        subscribe(&app, &renewing, 4).await;
        let subscription = Subscription { auto_renew: false, ..active(&app, &user).unwrap() };
        app.database.store().write(|uow| Ok(uow.subscriptions().update(&subscription)?)).unwrap();
        app.pass(TimeDelta::days(31));
        until("the end", || active(&app, &user).is_none()).await;
        assert_eq!(rows(&app, &user), [format!("{} expired", subscription.id)]);
        let is_end = |mail: &ReceivedMail| mail.subject() == "Your subscription has ended: premium";
        let mail = app.smtp.wait_for(is_end).await;
        assert_eq!(mail.to, [user.email]);
        until("the renewal", || active(&app, &renewing).unwrap().period_ends_at.unwrap() > app.now()).await;
        assert_eq!(app.smtp.mails().into_iter().filter(is_end).count(), 1);
    }

    async fn the_usage_counts_what_was_sent_today_under_the_plan_that_holds(app) {
        start_a_day(&app);
        let (candidate, jobs) = (app.candidate().await, jobs(&app, 7).await);
        assert_eq!(usage(&app, &candidate).await, used(&app, "free", 5, 0));
        for job in [jobs[0], jobs[0], jobs[1], 4711] {
            apply(&app, &candidate, job, json!({})).await;
        }
        assert_eq!(usage(&app, &candidate).await, used(&app, "free", 5, 2));
        for job in &jobs[2..6] {
            apply(&app, &candidate, *job, json!({})).await;
        }
        assert_eq!(usage(&app, &candidate).await, used(&app, "free", 5, 5));
        subscribe(&app, &candidate, 2).await;
        assert_eq!(apply(&app, &candidate, jobs[5], json!({})).await.status, 201);
        assert_eq!(usage(&app, &candidate).await, used(&app, "basic", 10, 6));
        subscribe(&app, &candidate, 1).await;
        assert_eq!(usage(&app, &candidate).await, used(&app, "free", 5, 6));

        app.pass(TimeDelta::days(1));
        let candidate = app.again(&candidate).await;
        assert_eq!(usage(&app, &candidate).await, used(&app, "free", 5, 0));
        assert_eq!(apply(&app, &candidate, jobs[6], json!({})).await.status, 201);
        assert_eq!(usage(&app, &candidate).await, used(&app, "free", 5, 1));
        for other in [app.candidate().await, app.employer().await, app.admin().await] {
            assert_eq!(usage(&app, &other).await, used(&app, "free", 5, 0));
        }
    }

    async fn a_plan_that_has_ended_leaves_the_usage_of_the_free_one(app) {
        let account = app.employer().await;
        subscribe(&app, &account, 4).await;
        let subscription = Subscription { auto_renew: false, ..active(&app, &account).unwrap() };
        app.database.store().write(|uow| Ok(uow.subscriptions().update(&subscription)?)).unwrap();
        assert_eq!(usage(&app, &account).await, used(&app, "premium", 50, 0));
        app.pass(TimeDelta::days(30));
        let account = app.again(&account).await;
        assert_eq!(usage(&app, &account).await, used(&app, "free", 5, 0));
    }
}
