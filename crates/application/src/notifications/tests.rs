use mockall::predicate::eq;

use super::*;
use crate::Access;
use crate::fixtures::{CODE, clock, email, now, page, page_of, sealed, store, vault};
use crate::mocks::{MockStore, MockUnitOfWork};

fn wire(uow: MockUnitOfWork) -> (Deliveries, Arc<MockStore>) {
    let store = store(uow);
    (Deliveries::new(store.clone(), vault(), clock(), DeliveryPolicy::default()), store)
}

fn queued(id: i64, content: Notification<SealedCode>) -> QueuedNotification {
    let created_at = now() - TimeDelta::minutes(1);
    QueuedNotification {
        id: NotificationId(id),
        recipient: email("ann@example.com"),
        content: Some(content),
        created_at,
        attempt: 1,
    }
}

fn welcome(code: String) -> Notification<SealedCode> {
    Notification::Welcome { code: SealedCode(code), valid_minutes: 10 }
}

fn failed(id: i64, attempt: u16, error: &MailError, pause: Option<TimeDelta>) -> FailedDelivery {
    let next_attempt_at = pause.map(|pause| now() + pause);
    FailedDelivery { id: NotificationId(id), attempt, error: error.to_string(), next_attempt_at }
}

#[test]
fn each_pause_is_three_times_as_long_up_to_six_hours_and_the_tenth_failure_is_the_last() {
    let pauses: Vec<_> = (1..=11)
        .map(|attempt| DeliveryPolicy::default().next_attempt(attempt, now()).map(|next| (next - now()).num_seconds()))
        .collect();
    let expected = [10, 30, 90, 270, 810, 2_430, 7_290, 21_600, 21_600].map(Some);
    assert_eq!(pauses[..9], expected);
    assert_eq!(pauses[9..], [None, None]);
}

#[test]
fn a_policy_of_extremes_still_tells_a_time() {
    let policy = DeliveryPolicy { max_attempts: u16::MAX, ..DeliveryPolicy::default() };
    assert_eq!(policy.next_attempt(u16::MAX - 1, now()), Some(now() + policy.longest_pause));
    assert_eq!(policy.next_attempt(0, now()), Some(now() + policy.first_pause));
}

#[test]
fn a_claim_hides_mails_for_the_lease_and_opens_their_codes() {
    let mut uow = MockUnitOfWork::default();
    uow.outbox
        .expect_claim()
        .once()
        .with(eq(20), eq(now()), eq(now() + DeliveryPolicy::default().lease))
        .returning(|_, _, _| Ok(vec![queued(1, welcome(sealed(CODE))), queued(2, Notification::PasswordChanged)]));
    let (deliveries, store) = wire(uow);
    let mails = deliveries.claim(20).unwrap();
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
        uow.outbox.expect_claim().returning(move |_, _, _| {
            Ok(vec![queued(1, welcome(unreadable.clone())), queued(2, Notification::PasswordChanged)])
        });
        let failure = failed(1, 1, &MailError::Unavailable("internal error".to_owned()), Some(TimeDelta::seconds(10)));
        uow.outbox.expect_mark_failed().once().with(eq(failure)).returning(|_| Ok(()));
        let (deliveries, store) = wire(uow);
        let mails = deliveries.claim(20).unwrap();
        assert_eq!(mails.iter().map(|mail| mail.id).collect::<Vec<_>>(), [NotificationId(2)]);
        assert_eq!(store.transactions(), [(Access::Write, true); 2]);
    }
}

#[test]
fn every_kind_of_mail_comes_out_of_the_outbox_as_it_went_in() {
    let (job_title, company_name) = ("Engineer".to_owned(), "ACME".to_owned());
    let kinds: [Notification<SealedCode>; 4] = [
        Notification::PasswordReset { code: SealedCode(sealed(CODE)), valid_minutes: 10 },
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
    uow.outbox.expect_claim().returning(move |_, _, _| Ok(kinds.clone().map(|content| queued(1, content)).to_vec()));
    let mails = wire(uow).0.claim(20).unwrap();
    assert_eq!(mails.iter().map(|mail| mail.content.kind()).collect::<Vec<_>>(), names);
}

#[test]
fn what_was_taken_is_sent_and_what_was_not_is_tried_again_or_given_up() {
    let (away, refused) = (MailError::Unavailable("421".to_owned()), MailError::Refused("550".to_owned()));
    let mut uow = MockUnitOfWork::default();
    uow.outbox
        .expect_mark_sent()
        .once()
        .withf(|ids, at| ids == [NotificationId(1), NotificationId(3)] && *at == now())
        .returning(|_, _| Ok(()));
    for failure in [
        failed(2, 1, &away, Some(TimeDelta::seconds(10))),
        failed(4, 3, &away, Some(TimeDelta::seconds(90))),
        failed(5, 10, &away, None),
        failed(6, 1, &refused, None),
    ] {
        uow.outbox.expect_mark_failed().once().with(eq(failure)).returning(|_| Ok(()));
    }
    let (deliveries, store) = wire(uow);
    let outcomes = [
        (1, 1, Ok(())),
        (2, 1, Err(away.clone())),
        (3, 10, Ok(())),
        (4, 3, Err(away.clone())),
        (5, 10, Err(away)),
        (6, 1, Err(refused)),
    ];
    deliveries.settle(&outcomes.map(|(id, attempt, outcome)| (NotificationId(id), attempt, outcome))).unwrap();
    assert_eq!(store.transactions(), [(Access::Write, true)]);
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
    };
    assert!(!format!("{opened:?}").contains(CODE));
}

#[test]
fn a_status_is_found_by_its_name() {
    for status in [DeliveryStatus::Pending, DeliveryStatus::Sent, DeliveryStatus::Dead] {
        assert_eq!(DeliveryStatus::parse(status.as_str()), Some(status));
    }
    assert_eq!(DeliveryStatus::parse("lost"), None);
}

#[test]
fn an_operator_lists_and_requeues() {
    let entry = OutboxEntry {
        id: NotificationId(1),
        kind: "welcome".to_owned(),
        recipient: email("ann@example.com"),
        status: DeliveryStatus::Dead,
        attempts: 10,
        created_at: now(),
        next_attempt_at: now(),
        sent_at: None,
        last_error: Some("not sent: 421".to_owned()),
    };
    let (mut uow, listed) = (MockUnitOfWork::default(), entry.clone());
    uow.outbox
        .expect_list()
        .with(eq(Some(DeliveryStatus::Dead)), eq(page()))
        .returning(move |_, _| Ok(page_of(vec![listed.clone()])));
    uow.outbox.expect_requeue().once().with(eq(Requeue::AllDead), eq(now())).returning(|_, _| Ok(3));
    let store = store(uow);
    let outbox = Outbox::new(store.clone(), clock());
    assert_eq!(outbox.list(Some(DeliveryStatus::Dead), page()).unwrap().items, [entry]);
    assert_eq!(outbox.requeue(Requeue::AllDead).unwrap(), 3);
    assert_eq!(store.transactions(), [(Access::Read, true), (Access::Write, true)]);
}

#[test]
fn a_sent_mail_stays_listed_for_thirty_days() {
    let mut uow = MockUnitOfWork::default();
    uow.outbox.expect_purge().once().with(eq(now() - TimeDelta::days(30))).returning(|_| Ok(2));
    assert_eq!(Outbox::new(store(uow), clock()).purge().unwrap(), 2);
}
