use chrono::TimeDelta;
use jobportal_domain::{Money, NotificationId, Version};
use mockall::Sequence;
use mockall::predicate::eq;

use super::*;
use crate::fixtures::{
    CANDIDATE_USER, STRANGER, admin, candidate, clock, employer, now, plan, store, user, violations,
};
use crate::mocks::{MockStore, MockUnitOfWork};
use crate::{Access, NewNotification, Notification, Once};

fn wire(uow: MockUnitOfWork) -> (Subscriptions, Arc<MockStore>) {
    let store = store(uow);
    (Subscriptions::new(store.clone(), clock()), store)
}

fn basic() -> Plan {
    plan(2, PlanName::Basic)
}

fn free() -> Plan {
    plan(1, PlanName::Free)
}

/// The plans that there are.
fn with_plans() -> MockUnitOfWork {
    let mut uow = MockUnitOfWork::default();
    let find = |id| Ok([free(), basic()].into_iter().find(|plan| plan.id == id));
    uow.plans.expect_find().returning(find);
    uow.plans.expect_lock().returning(find);
    uow
}

/// Subscribed to the basic plan `days` ago.
fn subscribed(days: i64) -> Subscription {
    let start = now() - TimeDelta::days(days);
    let subscription = Subscription::start(CANDIDATE_USER, basic().id, basic().terms.duration, start);
    Subscription { id: SubscriptionId(41), ..subscription }
}

#[test]
fn anyone_lists_the_plans() {
    let mut uow = MockUnitOfWork::default();
    uow.plans.expect_list().returning(|| Ok(vec![free(), basic()]));
    assert_eq!(wire(uow).0.plans(PageRequest::new(1, 10).unwrap()).unwrap().items, [free(), basic()]);
}

#[test]
fn plans_are_made_changed_and_deleted_by_admins_alone() {
    for actor in [candidate(), employer()] {
        let (subscriptions, store) = wire(MockUnitOfWork::default());
        assert!(matches!(subscriptions.add_plan(&actor, &basic().terms, Once::unkeyed()), Err(Error::Forbidden(_))));
        let revised = subscriptions.revise_plan(&actor, basic().id, &basic().terms, &Precondition::None);
        assert!(matches!(revised, Err(Error::Forbidden(_))));
        let deleted = subscriptions.delete_plan(&actor, basic().id, &Precondition::None);
        assert!(matches!(deleted, Err(Error::Forbidden(_))));
        assert_eq!(store.transactions(), []);
    }
}

#[test]
fn an_admin_makes_a_plan() {
    let mut uow = MockUnitOfWork::default();
    uow.plans.expect_insert().once().with(eq(basic().terms), eq(now())).returning(|_, _| Ok(basic()));
    assert_eq!(wire(uow).0.add_plan(&admin(), &basic().terms, Once::unkeyed()).unwrap(), basic());
}

#[test]
fn the_name_of_a_plan_is_unique() {
    let taken = || Err(RepositoryError::Conflict(Constraint::PlanName));
    let mut uow = with_plans();
    uow.plans.expect_insert().returning(move |_, _| taken().map(|()| basic()));
    uow.plans.expect_update().returning(move |_| taken());
    let (subscriptions, store) = wire(uow);
    let added = violations(subscriptions.add_plan(&admin(), &basic().terms, Once::unkeyed()));
    let renamed_to_free = PlanTerms { name: PlanName::Free, ..basic().terms };
    let revised = violations(subscriptions.revise_plan(&admin(), basic().id, &renamed_to_free, &Precondition::None));
    for broken in [added, revised] {
        assert_eq!(broken.of("name"), ["Subscription plan with this name already exists."]);
    }
    assert_eq!(store.transactions(), [(Access::Write, false); 2]);
}

#[test]
fn an_admin_changes_the_terms_of_a_plan() {
    let terms = PlanTerms { price: Money::parse("19.99").unwrap(), ..basic().terms };
    let expected = Plan { terms: terms.clone(), updated_at: now(), version: Version(2), ..basic() };
    let mut uow = with_plans();
    uow.plans.expect_update().once().with(eq(expected.clone())).returning(|_| Ok(()));
    let (subscriptions, _) = wire(uow);
    let revise = |id, terms| subscriptions.revise_plan(&admin(), id, terms, &Precondition::None);
    assert_eq!(revise(basic().id, &terms).unwrap(), expected);
    assert!(matches!(revise(PlanId(404), &terms), Err(Error::NotFound(_))));
}

#[test]
fn the_free_plan_keeps_its_name_but_not_its_other_terms() {
    let mut uow = with_plans();
    uow.plans.expect_update().once().withf(|plan| plan.terms.max_job_applications_per_day == 9).returning(|_| Ok(()));
    let (subscriptions, _) = wire(uow);
    let renamed = PlanTerms { name: PlanName::Premium, ..free().terms };
    let revise = |terms| subscriptions.revise_plan(&admin(), free().id, terms, &Precondition::None);
    assert_eq!(violations(revise(&renamed)).of("name").len(), 1);
    let generous = PlanTerms { max_job_applications_per_day: 9, ..free().terms };
    assert!(revise(&generous).is_ok());
}

#[test]
fn a_plan_is_deleted_unless_it_is_free_or_anyone_ever_subscribed_to_it() {
    let delete = |id, outcome: fn(PlanId) -> Result<bool, RepositoryError>| {
        let mut uow = with_plans();
        uow.plans.expect_delete().returning(outcome);
        wire(uow).0.delete_plan(&admin(), id, &Precondition::None)
    };
    assert!(delete(basic().id, |_| Ok(true)).is_ok());
    assert!(matches!(delete(free().id, |_| Ok(true)), Err(Error::Conflict(_))));
    assert!(matches!(delete(PlanId(404), |_| Ok(true)), Err(Error::NotFound(_))));
    let referred_to = delete(basic().id, |_| Err(RepositoryError::Conflict(Constraint::Reference)));
    assert!(matches!(referred_to, Err(Error::Conflict(_))));
    let away = delete(basic().id, |_| Err(RepositoryError::Unavailable("away".into())));
    assert!(matches!(away, Err(Error::Unavailable(_))));
}

#[test]
fn a_plan_that_was_changed_meanwhile_stays_as_it_is() {
    let (subscriptions, store) = wire(with_plans());
    let stale = Precondition::OneOf(vec![Version(2)]);
    let revised = subscriptions.revise_plan(&admin(), basic().id, &basic().terms, &stale);
    assert!(matches!(revised, Err(Error::PreconditionFailed)));
    let deleted = subscriptions.delete_plan(&admin(), basic().id, &stale);
    assert!(matches!(deleted, Err(Error::PreconditionFailed)));
    assert!(matches!(subscriptions.delete_plan(&admin(), PlanId(404), &stale), Err(Error::NotFound(_))));
    assert_eq!(store.transactions(), [(Access::Write, false); 3]);
}

#[test]
fn a_plan_is_there_or_not_found() {
    let (subscriptions, _) = wire(with_plans());
    assert_eq!(subscriptions.plan(basic().id).unwrap(), basic());
    assert!(matches!(subscriptions.plan(PlanId(404)), Err(Error::NotFound(_))));
}

#[test]
fn subscribing_ends_the_former_subscription_before_the_new_one_is_stored() {
    let (mut uow, mut order) = (with_plans(), Sequence::new());
    uow.users.expect_lock().once().in_sequence(&mut order).with(eq(CANDIDATE_USER)).returning(|_| Ok(true));
    uow.subscriptions.expect_lock_active().once().in_sequence(&mut order).returning(|_| Ok(Some(subscribed(3))));
    let ended = Subscription { is_active: false, updated_at: now(), ..subscribed(3) };
    uow.subscriptions.expect_update().once().in_sequence(&mut order).with(eq(ended)).returning(|_| Ok(()));
    let fresh = Subscription { id: SubscriptionId(0), ..subscribed(0) };
    uow.subscriptions
        .expect_insert()
        .once()
        .in_sequence(&mut order)
        .with(eq(fresh.clone()))
        .returning(|_| Ok(SubscriptionId(42)));
    let (subscriptions, store) = wire(uow);
    let subscription =
        subscriptions.subscribe(&candidate(), Some(CANDIDATE_USER.0), basic().id, Once::unkeyed()).unwrap();
    assert_eq!(subscription, Subscription { id: SubscriptionId(42), ..fresh });
    assert_eq!(subscription.period_ends_at, Some(now() + TimeDelta::days(30)));
    assert_eq!(store.transactions(), [(Access::Write, true)]);
}

#[test]
fn a_first_subscription_ends_nothing_and_one_to_the_free_plan_never_ends() {
    let mut uow = with_plans();
    uow.users.expect_lock().returning(|_| Ok(true));
    uow.subscriptions.expect_lock_active().returning(|_| Ok(None));
    uow.subscriptions.expect_update().never();
    uow.subscriptions.expect_insert().once().returning(|_| Ok(SubscriptionId(42)));
    let subscription = wire(uow).0.subscribe(&employer(), None, free().id, Once::unkeyed()).unwrap();
    assert_eq!((subscription.period_ends_at, subscription.is_active), (None, true));
}

#[test]
fn a_subscription_is_for_the_caller_who_exists_and_to_a_plan_that_does() {
    let subscribe = |known, user, plan| {
        let mut uow = with_plans();
        uow.users.expect_lock().returning(move |_| Ok(known));
        wire(uow).0.subscribe(&candidate(), user, plan, Once::unkeyed())
    };
    assert!(matches!(subscribe(true, Some(STRANGER.0), basic().id), Err(Error::Forbidden(_))));
    assert!(matches!(subscribe(false, None, basic().id), Err(Error::Unauthenticated(_))));
    let broken = violations(subscribe(true, None, PlanId(404)));
    assert_eq!(broken.of("plan"), ["Invalid pk \"404\" - object does not exist."]);
}

/// Finds `due` subscriptions to the basic plan.
fn with_due(due: Vec<Subscription>) -> MockUnitOfWork {
    let mut uow = MockUnitOfWork::default();
    uow.subscriptions
        .expect_due()
        .once()
        .with(eq(now()), eq(RENEWAL_BATCH))
        .returning(move |_, _| Ok(due.iter().map(|s| (s.clone(), PlanName::Basic, basic().terms.duration)).collect()));
    uow
}

#[test]
fn a_period_that_ended_is_followed_by_the_next_without_a_mail() {
    let mut uow = with_due(vec![subscribed(31)]);
    let renewed = Subscription {
        started_at: now() - TimeDelta::days(1),
        period_ends_at: Some(now() + TimeDelta::days(29)),
        updated_at: now(),
        ..subscribed(31)
    };
    uow.subscriptions.expect_update().once().with(eq(renewed)).returning(|_| Ok(()));
    uow.outbox.expect_enqueue().never();
    assert_eq!(wire(uow).0.renew_due().unwrap(), 1);
}

#[test]
fn a_period_that_ended_without_renewal_ends_the_subscription_and_tells_its_owner() {
    let last = Subscription { auto_renew: false, ..subscribed(31) };
    let mut uow = with_due(vec![last.clone()]);
    let expired = Subscription { has_expired: true, is_active: false, updated_at: now(), ..last };
    uow.subscriptions.expect_update().once().with(eq(expired)).returning(|_| Ok(()));
    uow.users.expect_find().with(eq(CANDIDATE_USER)).returning(|_| Ok(Some(user())));
    let mail = NewNotification {
        recipient: user().email,
        content: Notification::SubscriptionExpired { plan: "basic".to_owned() },
        created_at: now(),
    };
    uow.outbox.expect_enqueue().once().with(eq(mail)).returning(|_| Ok(NotificationId(1)));
    let (subscriptions, store) = wire(uow);
    assert_eq!(subscriptions.renew_due().unwrap(), 1);
    assert_eq!(store.transactions(), [(Access::Write, true)]);
}

#[test]
fn a_batch_is_renewed_whole_or_not_at_all() {
    let mut uow = with_due(vec![subscribed(31), subscribed(45)]);
    uow.subscriptions.expect_update().once().returning(|_| Ok(()));
    uow.subscriptions.expect_update().once().returning(|_| Err(RepositoryError::Unavailable("away".into())));
    let (subscriptions, store) = wire(uow);
    assert!(subscriptions.renew_due().is_err());
    assert_eq!(store.transactions(), [(Access::Write, false)]);
}

#[test]
fn nothing_due_is_the_end_of_the_run() {
    assert_eq!(wire(with_due(Vec::new())).0.renew_due().unwrap(), 0);
}

/// What the portal tells a candidate who has used so many applications today.
fn usage(active: Option<Subscription>, used: u32) -> PlanUsage {
    let mut uow = MockUnitOfWork::default();
    uow.subscriptions
        .expect_active()
        .with(eq(CANDIDATE_USER))
        .returning(move |_| Ok(active.clone().map(|subscription| (subscription, basic().terms))));
    uow.plans.expect_find_by_name().with(eq(PlanName::Free)).returning(|_| Ok(Some(free())));
    uow.usage
        .expect_applications()
        .once()
        .with(eq(CANDIDATE_USER), eq(now().date_naive()))
        .returning(move |_, _| Ok(used));
    let (subscriptions, store) = wire(uow);
    let usage = subscriptions.usage(&candidate()).unwrap();
    assert_eq!(store.transactions(), [(Access::Read, true)]);
    usage
}

#[test]
fn the_usage_is_that_of_today_under_the_plan_that_holds() {
    let resets_at = now() + TimeDelta::minutes(90);
    let of = |plan, used| PlanUsage { plan, quota: DailyQuota { limit: 3, used }, resets_at };
    assert_eq!(usage(None, 0), of(PlanName::Free, 0));
    assert_eq!(usage(Some(subscribed(3)), 2), of(PlanName::Basic, 2));
    let last = Subscription { auto_renew: false, ..subscribed(31) };
    assert_eq!(usage(Some(last), 9), of(PlanName::Free, 9));
}

#[test]
fn a_portal_without_a_free_plan_can_not_tell_the_usage() {
    let mut uow = MockUnitOfWork::default();
    uow.subscriptions.expect_active().returning(|_| Ok(None));
    uow.plans.expect_find_by_name().returning(|_| Ok(None));
    assert!(matches!(wire(uow).0.usage(&candidate()), Err(Error::Internal(_))));
}
