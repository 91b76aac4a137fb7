use std::sync::Arc;

use chrono::TimeDelta;
use jobportal_domain::Code;
use mockall::predicate::eq;

use super::*;
use crate::fixtures::{CODE, admin, candidate, clock, email, now, page, page_of, sealed, store, vault};
use crate::mocks::{MockStore, MockUnitOfWork};
use crate::{Access, Action, Constraint, Error};

fn wire(uow: MockUnitOfWork) -> (Deliveries, Arc<MockStore>) {
    let store = store(uow);
    (Deliveries::new(store.clone(), vault(), clock(), DeliveryPolicy::default(), WORKER.to_owned()), store)
}

const WORKER: &str = "worker-1";

fn attempt(id: i64, number: u16) -> DeliveryAttempt {
    DeliveryAttempt { id: NotificationId(id), number }
}

/// What a worker asks for that wants up to twenty urgent mails.
fn urgent() -> DeliveryClaim {
    let (owner, until) = (WORKER.to_owned(), now() + DeliveryPolicy::default().lease);
    DeliveryClaim { owner, priority: MailPriority::Urgent, limit: 20, now: now(), until }
}

fn queued(id: i64, content: Notification<SealedCode>) -> QueuedNotification {
    let created_at = now() - TimeDelta::minutes(1);
    QueuedNotification {
        id: NotificationId(id),
        recipient: email("ann@example.com"),
        content: Some(content),
        created_at,
        attempt: 1,
        request_id: None,
    }
}

fn welcome(code: String) -> Notification<SealedCode> {
    Notification::Welcome { code: SealedCode(code), valid_minutes: 10 }
}

/// A failure that is tried again as the policy says, or given up.
fn failed(id: i64, number: u16, error: &MailError, is_final: bool) -> FailedDelivery {
    let next = DeliveryPolicy::default().next_attempt(attempt(id, number), now());
    let next_attempt_at = next.filter(|_| !is_final);
    FailedDelivery { attempt: attempt(id, number), error: error.to_string(), next_attempt_at }
}

#[test]
fn each_pause_is_three_times_as_long_up_to_six_hours_and_the_tenth_failure_is_the_last() {
    let policy = DeliveryPolicy::default();
    for id in 1..200 {
        let pauses: Vec<_> = (1..=11)
            .map(|number| policy.next_attempt(attempt(id, number), now()).map(|next| (next - now()).as_seconds_f64()))
            .collect();
        for (pause, least) in pauses.iter().zip([10.0, 30.0, 90.0, 270.0, 810.0, 2_430.0, 7_290.0, 21_600.0, 21_600.0])
        {
            let pause = pause.unwrap();
            assert!((least..least * 1.25).contains(&pause), "{id}: {pause}");
        }
        assert_eq!(pauses[9..], [None, None]);
    }
}

#[test]
fn mails_that_failed_together_do_not_come_back_together() {
    let policy = DeliveryPolicy::default();
    let times: std::collections::BTreeSet<_> =
        (1..=100).map(|id| policy.next_attempt(attempt(id, 1), now()).unwrap()).collect();
    assert!(times.len() > 80, "{}", times.len());
    let span = *times.last().unwrap() - *times.first().unwrap();
    assert!(span > TimeDelta::seconds(2), "{span}");
}

#[test]
fn a_policy_of_extremes_still_tells_a_time() {
    let policy = DeliveryPolicy { max_attempts: u16::MAX, ..DeliveryPolicy::default() };
    let longest = now() + policy.longest_pause..now() + policy.longest_pause * 5 / 4;
    assert!(longest.contains(&policy.next_attempt(attempt(i64::MAX, u16::MAX - 1), now()).unwrap()));
    assert!(policy.next_attempt(attempt(1, 0), now()).unwrap() >= now() + policy.first_pause);
}

#[test]
fn a_claim_that_meets_another_ones_is_made_again() {
    let mut uow = MockUnitOfWork::default();
    let mut calls = 0;
    uow.outbox.expect_claim().times(2).with(eq(urgent())).returning(move |_| {
        calls += 1;
        if calls == 1 { Err(RepositoryError::Conflict(Constraint::Other)) } else { Ok(vec![]) }
    });
    let (deliveries, store) = wire(uow);
    assert_eq!(deliveries.claim(MailPriority::Urgent, 20).unwrap(), []);
    assert_eq!(store.transactions(), [(Access::Write, false), (Access::Write, true)]);
}

#[test]
fn a_claim_hides_mails_for_the_lease_and_opens_their_codes() {
    let mut uow = MockUnitOfWork::default();
    uow.outbox
        .expect_claim()
        .once()
        .with(eq(urgent()))
        .returning(|_| Ok(vec![queued(1, welcome(sealed(CODE))), queued(2, Notification::PasswordChanged)]));
    let (deliveries, store) = wire(uow);
    let mails = deliveries.claim(MailPriority::Urgent, 20).unwrap();
    let Notification::Welcome { code, valid_minutes } = &mails[0].content else { panic!("another mail") };
    assert_eq!((code.expose(), *valid_minutes), (CODE, 10));
    assert_eq!((mails[1].id, &mails[1].content), (NotificationId(2), &Notification::PasswordChanged));
    assert_eq!(mails[0].created_at, now() - TimeDelta::minutes(1));
    assert_eq!(store.transactions(), [(Access::Write, true)]);
}

#[test]
fn an_unreadable_code_is_a_failed_attempt_and_holds_up_no_other_mail() {
    // Not sealed under this key; and sealed, but no code.
    for unreadable in ["forged".to_owned(), sealed("12345")] {
        let mut uow = MockUnitOfWork::default();
        uow.outbox.expect_claim().returning(move |_| {
            Ok(vec![queued(1, welcome(unreadable.clone())), queued(2, Notification::PasswordChanged)])
        });
        let failure = failed(1, 1, &MailError::Unavailable("internal error".to_owned()), false);
        uow.outbox.expect_mark_failed().once().with(eq(WORKER), eq(failure), eq(now())).returning(|_, _, _| Ok(true));
        let (deliveries, store) = wire(uow);
        let mails = deliveries.claim(MailPriority::Urgent, 20).unwrap();
        assert_eq!(mails.iter().map(|mail| mail.id).collect::<Vec<_>>(), [NotificationId(2)]);
        assert_eq!(store.transactions(), [(Access::Write, true); 2]);
    }
}

#[test]
fn every_kind_of_mail_comes_out_of_the_outbox_as_it_went_in() {
    let (job_title, company_name) = ("Engineer".to_owned(), "ACME".to_owned());
    let kinds: [Notification<SealedCode>; 4] = [
        Notification::PasswordReset { code: SealedCode(sealed(CODE)), long_code: None, valid_minutes: 10 },
        Notification::ApplicationReceived {
            application_id: 7,
            job_id: 5,
            job_title: job_title.clone(),
            candidate_name: None,
        },
        Notification::ApplicationStatusChanged {
            application_id: 7,
            job_title,
            company_name,
            status: "offered".to_owned(),
        },
        Notification::SubscriptionExpired { plan: "basic".to_owned() },
    ];
    let names = kinds.each_ref().map(Notification::kind);
    let mut uow = MockUnitOfWork::default();
    uow.outbox.expect_claim().returning(move |_| Ok(kinds.clone().map(|content| queued(1, content)).to_vec()));
    let mails = wire(uow).0.claim(MailPriority::Urgent, 20).unwrap();
    assert_eq!(mails.iter().map(|mail| mail.content.kind()).collect::<Vec<_>>(), names);
}

#[test]
fn what_was_taken_is_sent_and_what_was_not_is_tried_again_or_given_up() {
    let (busy, refused) = (MailError::Unavailable("450".to_owned()), MailError::Refused("550".to_owned()));
    let away = MailError::Away("421".to_owned());
    let mut uow = MockUnitOfWork::default();
    uow.outbox
        .expect_mark_sent()
        .once()
        .withf(|owner, sent, at| owner == WORKER && sent == [attempt(1, 1), attempt(3, 10)] && *at == now())
        .returning(|_, _, _| Ok(2));
    for failure in [
        failed(2, 1, &busy, false),
        failed(4, 3, &busy, false),
        failed(5, 10, &busy, true),
        failed(6, 1, &refused, true),
    ] {
        uow.outbox.expect_mark_failed().once().with(eq(WORKER), eq(failure), eq(now())).returning(|_, _, _| Ok(true));
    }
    // It was not its fault, so it does not count, however often.
    uow.outbox
        .expect_release()
        .once()
        .withf(|owner, attempts, reason, at| {
            let told = reason.as_deref() == Some("the mail server is away: 421");
            owner == WORKER && attempts == [attempt(7, 10)] && told && *at == now()
        })
        .returning(|_, _, _, _| Ok(1));
    let (deliveries, store) = wire(uow);
    let outcomes = [
        (attempt(1, 1), Ok(())),
        (attempt(2, 1), Err(busy.clone())),
        (attempt(3, 10), Ok(())),
        (attempt(4, 3), Err(busy.clone())),
        (attempt(5, 10), Err(busy)),
        (attempt(6, 1), Err(refused)),
        (attempt(7, 10), Err(away)),
    ];
    assert_eq!(deliveries.settle(&outcomes).unwrap(), 0);
    assert_eq!(store.transactions(), [(Access::Write, true)]);
}

#[test]
fn what_is_settled_too_late_is_told() {
    let mut uow = MockUnitOfWork::default();
    uow.outbox.expect_mark_sent().returning(|_, _, _| Ok(1));
    uow.outbox.expect_mark_failed().returning(|_, _, _| Ok(false));
    let busy = Err(MailError::Unavailable("450".to_owned()));
    let outcomes = [(attempt(1, 1), Ok(())), (attempt(2, 1), Ok(())), (attempt(3, 1), busy)];
    assert_eq!(wire(uow).0.settle(&outcomes).unwrap(), 2);
}

#[test]
fn what_was_not_tried_is_given_back() {
    let mut uow = MockUnitOfWork::default();
    uow.outbox
        .expect_release()
        .once()
        .withf(|owner, attempts, reason, at| {
            owner == WORKER && attempts == [attempt(1, 2)] && reason.is_none() && *at == now()
        })
        .returning(|_, _, _, _| Ok(1));
    wire(uow).0.release(&[attempt(1, 2)]).unwrap();
}

#[test]
fn a_waiting_mail_never_shows_its_code() {
    let notification =
        NewNotification { recipient: email("ann@example.com"), content: welcome(sealed(CODE)), created_at: now() };
    assert!(!format!("{notification:?}").contains(CODE));
    let opened = Mail {
        id: NotificationId(1),
        recipient: email("ann@example.com"),
        content: Notification::Welcome { code: Code::parse(CODE).unwrap(), valid_minutes: 10 },
        created_at: now(),
        attempt: 1,
        request_id: None,
    };
    assert!(!format!("{opened:?}").contains(CODE));
}

#[test]
fn a_status_and_a_priority_are_found_by_their_names() {
    for status in DeliveryStatus::ALL {
        assert_eq!(DeliveryStatus::parse(status.as_str()), Some(*status));
    }
    for priority in MailPriority::ALL {
        assert_eq!(MailPriority::parse(priority.as_str()), Some(*priority));
    }
    assert_eq!((DeliveryStatus::parse("lost"), MailPriority::parse("Urgent")), (None, None));
}

fn entry(status: DeliveryStatus) -> OutboxEntry {
    OutboxEntry {
        id: NotificationId(1),
        kind: "welcome".to_owned(),
        priority: MailPriority::Urgent,
        recipient: email("ann@example.com"),
        status,
        is_claimed: status == DeliveryStatus::Pending,
        attempts: 10,
        created_at: now(),
        next_attempt_at: now(),
        sent_at: None,
        last_error: Some("not sent: 450".to_owned()),
    }
}

#[test]
fn an_operator_lists_and_retries() {
    let (mut uow, entry) = (MockUnitOfWork::default(), entry(DeliveryStatus::Dead));
    let filter = OutboxFilter { status: Some(DeliveryStatus::Dead), kind: Some("welcome".to_owned()) };
    let listed = entry.clone();
    uow.outbox
        .expect_list()
        .with(eq(filter.clone()), eq(page()))
        .returning(move |_, _| Ok(page_of(vec![listed.clone()])));
    uow.outbox.expect_requeue().once().with(eq(Requeue::AllDead), eq(now())).returning(|_, _| Ok(3));
    let store = store(uow);
    let outbox = Outbox::new(store.clone(), clock());
    assert_eq!(outbox.list(&filter, page()).unwrap().items, [entry]);
    assert_eq!(outbox.retry_all_dead().unwrap(), 3);
    assert_eq!(store.transactions(), [(Access::Read, true), (Access::Write, true)]);
}

#[test]
fn what_was_sent_or_is_being_sent_is_not_sent_again() {
    for (found, requeued, expected) in [
        (Some(DeliveryStatus::Pending), 1, Ok(())),
        (Some(DeliveryStatus::Sent), 0, Err("This mail was sent, and its content is erased: it can't be sent again.")),
        (Some(DeliveryStatus::Pending), 0, Err("This mail is being sent.")),
        (None, 0, Err("Mail not found.")),
    ] {
        let mut uow = MockUnitOfWork::default();
        let one = Requeue::One(NotificationId(1));
        uow.outbox.expect_requeue().once().with(eq(one), eq(now())).returning(move |_, _| Ok(requeued));
        uow.outbox.expect_find().with(eq(NotificationId(1))).returning(move |_| Ok(found.map(entry)));
        let outcome = Outbox::new(store(uow), clock()).retry(NotificationId(1));
        assert_eq!(outcome.map(|_| ()).map_err(|error| error.to_string()), expected.map_err(str::to_owned));
    }
}

#[test]
fn the_backlog_tells_of_each_priority() {
    let bulk = Backlog { priority: MailPriority::Bulk, waiting: 5, claimed: 1, dead: 2, oldest_pending: Some(now()) };
    let mut uow = MockUnitOfWork::default();
    uow.outbox.expect_backlog().once().returning(move || Ok(vec![bulk]));
    let store = store(uow);
    let backlog = Outbox::new(store.clone(), clock()).backlog().unwrap();
    assert_eq!(backlog.iter().map(|one| one.priority).collect::<Vec<_>>(), MailPriority::ALL);
    assert_eq!((backlog[0].waiting, backlog[0].oldest_pending, backlog[2]), (0, None, bulk));
    assert_eq!(store.transactions(), [(Access::Statement, true)]);
}

#[test]
fn an_admin_alone_asks_for_the_outbox() {
    let outbox = Outbox::new(store(MockUnitOfWork::default()), clock());
    for action in [Action::ReadOutbox, Action::ManageOutbox] {
        assert!(outbox.asked_by(&admin(), action).is_ok());
        assert!(matches!(outbox.asked_by(&candidate(), action), Err(Error::Forbidden(_))));
    }
}

#[test]
fn a_purge_deletes_what_is_older_than_it_is_told_and_so_much_at_once() {
    let mut uow = MockUnitOfWork::default();
    uow.outbox
        .expect_purge()
        .once()
        .with(eq(now() - TimeDelta::days(30)), eq(Outbox::PURGE_BATCH))
        .returning(|_, _| Ok(2));
    assert_eq!(Outbox::new(store(uow), clock()).purge(Outbox::KEEP_SETTLED).unwrap(), 2);
}
