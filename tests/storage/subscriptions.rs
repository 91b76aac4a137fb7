use std::sync::{Arc, mpsc};
use std::thread;

use jobportal_application::{
    Actor, Constraint, Error, Precondition, RepositoryError, Store, Subscriptions, SystemClock,
};
use jobportal_domain::{Money, Period, PlanId, PlanName, PlanTerms, Subscription, UserId, UserType, Version};
use jobportal_tests::database::{Backend, TestDatabase};

use crate::fixtures::{after, at_once, now, text, user};

on_both![
    a_new_portal_offers_the_documented_plans,
    a_plan_can_be_changed_deleted_and_made_again,
    of_concurrent_changes_of_one_version_of_a_plan_one_is_made,
    a_name_has_one_plan,
    a_plan_with_subscriptions_stays,
    a_user_has_one_active_subscription,
    of_concurrent_subscriptions_one_is_active,
    subscriptions_are_due_when_their_period_has_ended,
    what_another_transaction_renews_is_passed_over,
    the_days_quota_is_counted_per_user_and_day,
    of_concurrent_applications_no_more_count_than_allowed,
    past_days_are_forgotten,
];

const BASIC: PlanName = PlanName::Basic;

fn plan(store: &dyn Store, name: PlanName) -> PlanId {
    store.read(|uow| Ok(uow.plans().find_by_name(name)?.unwrap().id)).unwrap()
}

fn a_new_portal_offers_the_documented_plans(db: &TestDatabase) {
    let store = db.store();
    let plans = store.read(|uow| Ok(uow.plans().list()?)).unwrap();
    let offered: Vec<_> = plans
        .iter()
        .map(|plan| {
            let terms = &plan.terms;
            let (price, duration) = (terms.price.to_string(), terms.duration.to_string());
            (terms.name.as_str(), price, duration, terms.max_job_applications_per_day, terms.priority_support)
        })
        .collect();
    let month = "30 00:00:00";
    let documented = [
        ("free", "0.00", "00:00:00", 5, false),
        ("basic", "9.99", month, 10, false),
        ("professional", "49.99", month, 20, true),
        ("premium", "99.99", month, 50, true),
        ("enterprise", "199.99", month, 100, true),
    ];
    let documented = documented
        .map(|(name, price, duration, limit, support)| (name, price.to_owned(), duration.to_owned(), limit, support));
    assert_eq!(offered, documented);
    for plan in plans {
        let (by_id, by_name) =
            store.read(|uow| Ok((uow.plans().find(plan.id)?, uow.plans().find_by_name(plan.terms.name)?))).unwrap();
        assert_eq!((by_id.as_ref(), by_name.as_ref()), (Some(&plan), Some(&plan)));
    }
}

fn a_plan_can_be_changed_deleted_and_made_again(db: &TestDatabase) {
    let store = db.store();
    store
        .write(|uow| {
            let mut plan = uow.plans().find_by_name(BASIC)?.unwrap();
            assert_eq!((plan.version, uow.plans().lock(plan.id)?.as_ref()), (Version::FIRST, Some(&plan)));
            let mut terms = plan.terms.clone();
            terms.price = Money::MAX;
            terms.description = text("Other");
            terms.features = text("None");
            terms.duration = Period::from_seconds(Period::MAX_SECONDS).unwrap();
            terms.max_job_applications_per_day = u32::MAX;
            terms.priority_support = true;
            terms.career_coaching = true;
            plan.revise(terms, after(1));
            uow.plans().update(&plan)?;
            assert_eq!((plan.version, uow.plans().find(plan.id)?.as_ref()), (Version(2), Some(&plan)));

            assert!(uow.plans().delete(plan.id)?);
            assert!(!uow.plans().delete(plan.id)?);
            assert_eq!((uow.plans().find(plan.id)?, uow.plans().lock(plan.id)?), (None, None));
            let again = uow.plans().insert(&plan.terms, after(2))?;
            assert_ne!(again.id, plan.id);
            assert_eq!((again.created_at, again.updated_at), (after(2), after(2)));
            assert_eq!(uow.plans().find_by_name(BASIC)?, Some(again));
            Ok(())
        })
        .unwrap();
}

/// The constraint that `work` runs into.
fn conflict<T>(
    store: &dyn Store,
    work: impl Fn(&mut dyn jobportal_application::UnitOfWork) -> Result<T, RepositoryError>,
) -> Option<Constraint> {
    let mut seen = None;
    let outcome = store.write(|uow| {
        work(uow).map_err(|error| {
            if let RepositoryError::Conflict(constraint) = error {
                seen = Some(constraint);
            }
            error.into()
        })
    });
    assert_eq!(outcome.is_err(), seen.is_some());
    seen
}

fn of_concurrent_changes_of_one_version_of_a_plan_one_is_made(db: &TestDatabase) {
    let store = db.store();
    let id = plan(&*store, BASIC);
    let user_id = user(&*store, 1, UserType::Admin);
    let actor = Actor { user_id, user_type: UserType::Admin, session_id: String::new() };
    let terms = store.read(|uow| Ok(uow.plans().find(id)?.unwrap().terms)).unwrap();
    let subscriptions = Subscriptions::new(store.clone(), Arc::new(SystemClock));
    let seen = Precondition::OneOf(vec![Version::FIRST]);
    let changes = at_once(8, &store, move |_, number| {
        let terms = PlanTerms { max_job_applications_per_day: 100 + u32::try_from(number).unwrap(), ..terms.clone() };
        subscriptions.revise_plan(&actor, id, &terms, &seen)
    });
    let (made, refused): (Vec<_>, Vec<_>) = changes.into_iter().partition(Result::is_ok);
    assert!(refused.iter().all(|refusal| matches!(refusal, Err(Error::PreconditionFailed))), "{refused:?}");
    let stored = store.read(|uow| Ok(uow.plans().find(id)?.unwrap())).unwrap();
    assert_eq!(stored.version, Version(2));
    assert_eq!(made.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [stored]);
}

fn a_name_has_one_plan(db: &TestDatabase) {
    let store = db.store();
    let premium = store.read(|uow| Ok(uow.plans().find_by_name(PlanName::Premium)?.unwrap())).unwrap();
    let inserted = conflict(&*store, |uow| uow.plans().insert(&premium.terms, now()));
    assert_eq!(inserted, Some(Constraint::PlanName));
    let mut renamed = premium;
    renamed.terms.name = BASIC;
    assert_eq!(conflict(&*store, |uow| uow.plans().update(&renamed)), Some(Constraint::PlanName));
}

fn subscribe(store: &dyn Store, user: UserId, seconds: i64) -> Subscription {
    let plan = plan(store, BASIC);
    let mut subscription = Subscription::start(user, plan, Period::from_seconds(seconds).unwrap(), now());
    subscription.id = store.write(|uow| Ok(uow.subscriptions().insert(&subscription)?)).unwrap();
    subscription
}

fn a_plan_with_subscriptions_stays(db: &TestDatabase) {
    let store = db.store();
    let user = user(&*store, 1, UserType::Candidate);
    let mut subscription = subscribe(&*store, user, 60);
    subscription.end(after(1));
    store.write(|uow| Ok(uow.subscriptions().update(&subscription)?)).unwrap();
    let deleted = conflict(&*store, |uow| uow.plans().delete(subscription.plan_id));
    assert_eq!(deleted, Some(Constraint::Reference));
}

fn a_user_has_one_active_subscription(db: &TestDatabase) {
    let store = db.store();
    let (ann, bob) = (user(&*store, 1, UserType::Candidate), user(&*store, 2, UserType::Candidate));
    let mut first = subscribe(&*store, ann, 0);
    let active = |user| store.read(|uow| Ok(uow.subscriptions().active(user)?)).unwrap();
    let (found, terms) = active(ann).unwrap();
    assert_eq!((&found, terms.name), (&first, BASIC));
    assert_eq!(active(bob), None);

    let second = Subscription::start(ann, first.plan_id, Period::default(), now());
    let conflict = conflict(&*store, |uow| uow.subscriptions().insert(&second));
    assert_eq!(conflict, Some(Constraint::ActiveSubscription));

    first.end(after(1));
    store.write(|uow| Ok(uow.subscriptions().update(&first)?)).unwrap();
    assert_eq!(active(ann), None);
    let third = subscribe(&*store, ann, 60);
    assert_eq!(active(ann).unwrap().0, third);
    assert_eq!(third.period_ends_at, Some(after(60)));
}

fn of_concurrent_subscriptions_one_is_active(db: &TestDatabase) {
    let store = db.store();
    let (user, plan) = (user(&*store, 1, UserType::Candidate), plan(&*store, BASIC));
    let outcomes = at_once(6, &store, move |store, _| {
        let subscription = Subscription::start(user, plan, Period::default(), now());
        match store.write(|uow| Ok(uow.subscriptions().insert(&subscription)?)) {
            Ok(_) => true,
            Err(Error::Conflict(_)) => false,
            Err(other) => panic!("{other}"),
        }
    });
    assert_eq!(outcomes.into_iter().filter(|is_stored| *is_stored).count(), 1);
}

fn subscriptions_are_due_when_their_period_has_ended(db: &TestDatabase) {
    let store = db.store();
    let mut subscriptions = Vec::new();
    for (number, seconds) in [(1, 30), (2, 10), (3, 20), (4, 0), (5, 40), (6, 5)] {
        subscriptions.push(subscribe(&*store, user(&*store, number, UserType::Candidate), seconds));
    }
    subscriptions[5].end(after(1));
    store.write(|uow| Ok(uow.subscriptions().update(&subscriptions[5])?)).unwrap();
    let due = |seconds, limit| {
        let due = store.write(|uow| Ok(uow.subscriptions().due(after(seconds), limit)?)).unwrap();
        let month = Period::parse("P30D").unwrap();
        assert!(due.iter().all(|(_, plan, duration)| (*plan, *duration) == (BASIC, month)));
        due.into_iter().map(|(subscription, ..)| subscription).collect::<Vec<_>>()
    };
    let expected = [1, 2, 0].map(|index: usize| subscriptions[index].clone());
    assert_eq!(due(9, 10), []);
    assert_eq!(due(30, 10), expected);
    assert_eq!(due(30, 2), expected[..2]);
}

fn what_another_transaction_renews_is_passed_over(db: &TestDatabase) {
    let store = db.store();
    subscribe(&*store, user(&*store, 1, UserType::Candidate), 10);
    if db.backend() == Backend::Sqlite {
        // A second transaction that writes waits for the first, and finds it renewed.
        return;
    }
    let (held, is_held) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let other = store.clone();
    let holder = thread::spawn(move || {
        other
            .write(|uow| {
                let due = uow.subscriptions().due(after(10), 10)?.len();
                held.send(()).unwrap();
                may_go_on.recv().unwrap();
                Ok(due)
            })
            .unwrap()
    });
    is_held.recv().unwrap();
    let due = || store.write(|uow| Ok(uow.subscriptions().due(after(10), 10)?.len())).unwrap();
    assert_eq!(due(), 0);
    go_on.send(()).unwrap();
    assert_eq!(holder.join().unwrap(), 1);
    assert_eq!(due(), 1);
}

fn the_days_quota_is_counted_per_user_and_day(db: &TestDatabase) {
    let store = db.store();
    let (ann, bob) = (user(&*store, 1, UserType::Candidate), user(&*store, 2, UserType::Candidate));
    let (today, tomorrow) = (now().date_naive(), after(86_400).date_naive());
    store
        .write(|uow| {
            for (user, day, limit, counted, used) in [
                (ann, today, 0, None, 0),
                (ann, today, 2, Some(1), 1),
                (ann, today, 2, Some(2), 2),
                (ann, today, 2, None, 2),
                (ann, today, 1, None, 2),
                (ann, today, 3, Some(3), 3),
                (ann, tomorrow, 1, Some(1), 1),
                (bob, today, 1, Some(1), 1),
                (bob, today, u32::MAX, Some(2), 2),
            ] {
                assert_eq!(uow.usage().take_application(user, day, limit)?, counted);
                assert_eq!(uow.usage().applications(user, day)?, used);
            }
            assert_eq!(uow.usage().applications(bob, tomorrow)?, 0);
            Ok(())
        })
        .unwrap();
}

fn of_concurrent_applications_no_more_count_than_allowed(db: &TestDatabase) {
    let store = db.store();
    let (user, today) = (user(&*store, 1, UserType::Candidate), now().date_naive());
    let counted = at_once(8, &store, move |store, _| {
        let take = || store.write(|uow| Ok(uow.usage().take_application(user, today, 5)?)).unwrap();
        [take(), take()]
    });
    let mut counted: Vec<_> = counted.into_iter().flatten().flatten().collect();
    counted.sort_unstable();
    assert_eq!(counted, [1, 2, 3, 4, 5]);
}

fn past_days_are_forgotten(db: &TestDatabase) {
    let store = db.store();
    let user = user(&*store, 1, UserType::Candidate);
    let (today, tomorrow) = (now().date_naive(), after(86_400).date_naive());
    store
        .write(|uow| {
            uow.usage().take_application(user, today, 1)?;
            uow.usage().take_application(user, tomorrow, 1)?;
            assert_eq!(uow.usage().purge(today)?, 0);
            assert_eq!(uow.usage().purge(tomorrow)?, 1);
            assert_eq!(uow.usage().applications(user, today)?, 0);
            assert_eq!(uow.usage().take_application(user, today, 1)?, Some(1));
            assert_eq!(uow.usage().take_application(user, tomorrow, 1)?, None);
            Ok(())
        })
        .unwrap();
}
