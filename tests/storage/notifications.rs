use std::collections::HashSet;

use jobportal_application::{
    Backlog, DeliveryAttempt, DeliveryClaim, DeliveryStatus, FailedDelivery, MailPriority, NewNotification,
    Notification, OutboxFilter, QueuedNotification, Requeue, SealedCode, Store, in_request,
};
use jobportal_domain::NotificationId;
use jobportal_tests::database::TestDatabase;

use crate::fixtures::{after, at_once, email, now, page};

on_both![
    a_notification_is_claimed_as_it_was_written,
    a_claim_hides_until_its_lease_ends,
    two_workers_never_claim_the_same,
    mails_to_one_recipient_leave_one_at_a_time_in_their_order,
    workers_that_claim_at_once_never_hold_two_mails_to_one_recipient,
    a_mail_that_backs_off_holds_up_later_ones_for_a_while,
    a_code_does_not_wait_for_one_that_backs_off,
    a_dead_letter_holds_up_nothing,
    a_priority_waits_for_no_other,
    many_mails_to_one_recipient_hold_up_no_other,
    what_was_sent_is_erased,
    a_failure_is_tried_again_or_given_up,
    what_is_settled_after_its_claim_was_over_counts_for_nothing,
    what_is_given_back_counts_no_attempt,
    the_backlog_is_counted_by_priority,
    an_operator_lists_and_requeues,
    what_was_settled_long_ago_is_deleted,
];

const WORKER: &str = "worker-1";
const OTHER: &str = "worker-2";

fn contents() -> Vec<Notification<SealedCode>> {
    let code = || SealedCode("sealed \"€\"".to_owned());
    vec![
        Notification::Welcome { code: code(), valid_minutes: 10 },
        Notification::PasswordReset { code: code(), long_code: Some(code()), valid_minutes: 10 },
        Notification::PasswordChanged,
        Notification::ApplicationReceived {
            application_id: 1,
            job_id: 2,
            job_title: "Ärztin".to_owned(),
            candidate_name: None,
        },
        Notification::ApplicationStatusChanged {
            application_id: 1,
            job_title: "Cook".to_owned(),
            company_name: "ACME".to_owned(),
            status: "offered".to_owned(),
        },
        Notification::SubscriptionExpired { plan: "basic".to_owned() },
    ]
}

/// Mails of each priority.
fn urgent() -> Notification<SealedCode> {
    Notification::PasswordChanged
}

fn normal() -> Notification<SealedCode> {
    let (job_title, candidate_name) = ("Cook".to_owned(), None);
    Notification::ApplicationReceived { application_id: 1, job_id: 2, job_title, candidate_name }
}

fn bulk() -> Notification<SealedCode> {
    Notification::SubscriptionExpired { plan: "basic".to_owned() }
}

fn enqueue_to(store: &dyn Store, name: &str, content: Notification<SealedCode>, seconds: i64) -> NotificationId {
    let recipient = email(&format!("{name}@example.com"));
    let new = NewNotification { recipient, content, created_at: after(seconds) };
    store.write(|uow| Ok(uow.outbox().enqueue(&new)?)).unwrap()
}

/// As many mails, each to somebody else.
fn enqueue(store: &dyn Store, count: usize, seconds: i64) -> Vec<NotificationId> {
    (0..count).map(|number| enqueue_to(store, &format!("user{number}-{seconds}"), urgent(), seconds)).collect()
}

/// Claims at `seconds`, for ten seconds.
fn claim_as(
    owner: &str,
    priority: MailPriority,
    store: &dyn Store,
    limit: u32,
    seconds: i64,
) -> Vec<QueuedNotification> {
    let (owner, now, until) = (owner.to_owned(), after(seconds), after(seconds + 10));
    let claim = DeliveryClaim { owner, priority, limit, now, until };
    store.write(|uow| Ok(uow.outbox().claim(&claim)?)).unwrap()
}

fn claim(store: &dyn Store, limit: u32, seconds: i64) -> Vec<QueuedNotification> {
    claim_as(WORKER, MailPriority::Urgent, store, limit, seconds)
}

fn claim_normal(store: &dyn Store, seconds: i64) -> Vec<NotificationId> {
    ids(&claim_as(WORKER, MailPriority::Normal, store, 10, seconds))
}

fn ids(claimed: &[QueuedNotification]) -> Vec<NotificationId> {
    claimed.iter().map(|queued| queued.id).collect()
}

fn attempt(id: NotificationId, number: u16) -> DeliveryAttempt {
    DeliveryAttempt { id, number }
}

fn sent(store: &dyn Store, attempts: &[DeliveryAttempt], seconds: i64) -> u64 {
    store.write(|uow| Ok(uow.outbox().mark_sent(WORKER, attempts, after(seconds))?)).unwrap()
}

fn fail(store: &dyn Store, id: NotificationId, number: u16, next: Option<i64>) -> bool {
    let error = format!("no. {number}\0");
    let failure = FailedDelivery { attempt: attempt(id, number), error, next_attempt_at: next.map(after) };
    store.write(|uow| Ok(uow.outbox().mark_failed(WORKER, &failure, now())?)).unwrap()
}

fn all() -> OutboxFilter {
    OutboxFilter::default()
}

fn with(status: DeliveryStatus) -> OutboxFilter {
    OutboxFilter { status: Some(status), kind: None }
}

fn a_notification_is_claimed_as_it_was_written(db: &TestDatabase) {
    let store = db.store();
    for (number, content) in contents().into_iter().enumerate() {
        let recipient = email(&format!("user{number}@example.com"));
        let new = NewNotification { recipient, content, created_at: now() };
        let request_id = Some("one-id".to_owned());
        let enqueue = || store.write(|uow| Ok(uow.outbox().enqueue(&new)?)).unwrap();
        let id = in_request(request_id.clone(), enqueue);
        let (recipient, priority) = (new.recipient, new.content.priority());
        let content = Some(new.content);
        let queued = QueuedNotification { id, recipient, content, created_at: now(), attempt: 1, request_id };
        assert_eq!(claim_as(WORKER, priority, &*store, 10, 0), [queued]);
    }
}

fn a_claim_hides_until_its_lease_ends(db: &TestDatabase) {
    let store = db.store();
    let all = enqueue(&*store, 5, 0);
    assert_eq!(claim(&*store, 10, -1), []);
    assert_eq!(ids(&claim(&*store, 2, 0)), all[..2]);
    assert_eq!(ids(&claim(&*store, 10, 5)), all[2..]);
    assert_eq!(claim(&*store, 10, 9), []);
    let again = claim_as(OTHER, MailPriority::Urgent, &*store, 10, 10);
    assert_eq!(ids(&again), all[..2]);
    assert!(again.iter().all(|queued| queued.attempt == 2));
    assert_eq!(claim(&*store, 0, 100), []);
}

fn two_workers_never_claim_the_same(db: &TestDatabase) {
    let store = db.store();
    let all: HashSet<_> = enqueue(&*store, 60, 0).into_iter().collect();
    let claimed = at_once(4, &store, |store, thread| {
        let mut own = Vec::new();
        loop {
            let batch = claim_as(&format!("worker-{thread}"), MailPriority::Urgent, store, 5, 0);
            if batch.is_empty() {
                return own;
            }
            own.extend(ids(&batch));
        }
    });
    let claimed: Vec<_> = claimed.into_iter().flatten().collect();
    assert_eq!(claimed.len(), 60);
    assert_eq!(claimed.into_iter().collect::<HashSet<_>>(), all);
}

fn mails_to_one_recipient_leave_one_at_a_time_in_their_order(db: &TestDatabase) {
    let store = db.store();
    let to_ann: Vec<_> = (0..3).map(|_| enqueue_to(&*store, "ann", normal(), 0)).collect();
    let to_bob = enqueue_to(&*store, "bob", normal(), 0);
    assert_eq!(claim_normal(&*store, 0), [to_ann[0], to_bob]);
    assert_eq!(claim_normal(&*store, 1), []);
    for (seconds, pair) in (2..).zip(to_ann.windows(2)) {
        // When the one before is sent the next one is due at once.
        assert_eq!(sent(&*store, &[attempt(pair[0], 1)], seconds), 1);
        assert_eq!(claim_normal(&*store, seconds), [pair[1]]);
        assert_eq!(claim_normal(&*store, seconds), []);
    }
}

fn workers_that_claim_at_once_never_hold_two_mails_to_one_recipient(db: &TestDatabase) {
    let store = db.store();
    for number in 0..120 {
        enqueue_to(&*store, &format!("user{}", number % 20), normal(), 0);
    }
    // Some were tried so often that they hold up no others.
    db.execute("UPDATE outbox SET attempts = 5 WHERE id % 3 = 0");
    let claimed = at_once(4, &store, |store, thread| {
        let (owner, now, until) = (format!("worker-{thread}"), after(0), after(10));
        let claim = DeliveryClaim { owner, priority: MailPriority::Normal, limit: 4, now, until };
        let mut own = Vec::new();
        for _ in 0..8 {
            // A conflict says that another one was faster.
            own.extend(store.write(|uow| Ok(uow.outbox().claim(&claim)?)).unwrap_or_default());
        }
        own
    });
    let claimed: Vec<_> = claimed.into_iter().flatten().map(|queued| queued.recipient).collect();
    let recipients: HashSet<_> = claimed.iter().cloned().collect();
    assert_eq!((claimed.len(), recipients.len()), (20, 20));
}

fn a_mail_that_backs_off_holds_up_later_ones_for_a_while(db: &TestDatabase) {
    let store = db.store();
    let (first, second) = (enqueue_to(&*store, "ann", normal(), 0), enqueue_to(&*store, "ann", normal(), 1));
    for number in 1..4 {
        let seconds = i64::from(number) * 100;
        assert_eq!(claim_normal(&*store, seconds), [first]);
        assert!(fail(&*store, first, number, Some(seconds + 90)));
        assert_eq!(claim_normal(&*store, seconds + 80), []);
    }
    assert_eq!(claim_normal(&*store, 400), [first]);
    assert!(fail(&*store, first, 4, Some(1_000)));
    assert_eq!(claim_normal(&*store, 500), [second]);
    // Both never are on their way at once, whichever is due.
    assert_eq!(claim_normal(&*store, 505), []);
    assert_eq!(sent(&*store, &[attempt(second, 1)], 506), 1);
    assert_eq!(claim_normal(&*store, 1_000), [first]);
}

fn a_code_does_not_wait_for_one_that_backs_off(db: &TestDatabase) {
    let store = db.store();
    let (first, second) = (enqueue_to(&*store, "ann", urgent(), 0), enqueue_to(&*store, "ann", urgent(), 1));
    assert_eq!(ids(&claim(&*store, 10, 2)), [first]);
    assert_eq!(claim(&*store, 10, 3), []);
    assert!(fail(&*store, first, 1, Some(1_000)));
    assert_eq!(ids(&claim(&*store, 10, 3)), [second]);
}

fn a_dead_letter_holds_up_nothing(db: &TestDatabase) {
    let store = db.store();
    let (first, second) = (enqueue_to(&*store, "ann", normal(), 0), enqueue_to(&*store, "ann", normal(), 0));
    assert_eq!(claim_normal(&*store, 0), [first]);
    assert!(fail(&*store, first, 1, None));
    assert_eq!(claim_normal(&*store, 1), [second]);
}

fn a_priority_waits_for_no_other(db: &TestDatabase) {
    let store = db.store();
    let contents = [bulk(), normal(), urgent()];
    let ids_of = contents.map(|content| (content.priority(), enqueue_to(&*store, "ann", content, 0)));
    for (priority, id) in ids_of {
        assert_eq!(ids(&claim_as(WORKER, priority, &*store, 10, 0)), [id]);
    }
}

fn many_mails_to_one_recipient_hold_up_no_other(db: &TestDatabase) {
    let store = db.store();
    let to_ann: Vec<_> = (0..400).map(|_| enqueue_to(&*store, "ann", bulk(), 0)).collect();
    let to_bob = enqueue_to(&*store, "bob", bulk(), 0);
    let take = |seconds| ids(&claim_as(WORKER, MailPriority::Bulk, &*store, 16, seconds));
    assert_eq!(take(0), [to_ann[0]]);
    assert_eq!(take(0), [to_bob]);
    assert_eq!(sent(&*store, &[attempt(to_ann[0], 1)], 1), 1);
    assert_eq!(take(1), [to_ann[1]]);
}

fn what_was_sent_is_erased(db: &TestDatabase) {
    let store = db.store();
    let secret = Notification::Welcome { code: SealedCode("secret".to_owned()), valid_minutes: 10 };
    let id = enqueue_to(&*store, "ann", secret, 0);
    let waiting = enqueue_to(&*store, "bob", urgent(), 0);
    claim(&*store, 10, 0);
    assert_eq!(sent(&*store, &[attempt(id, 1)], 3), 1);
    // A failure of the same attempt that is reported late changes nothing.
    assert!(!fail(&*store, id, 1, Some(4)));
    assert_eq!(ids(&claim(&*store, 10, 100)), [waiting]);
    assert_eq!(db.values(&format!("SELECT payload AS value FROM outbox WHERE id = {id}")), ["{}"]);
    let list = store.read(|uow| Ok(uow.outbox().list(&with(DeliveryStatus::Sent), page(1, 10))?)).unwrap();
    let entry = &list.items[0];
    assert_eq!((entry.id, entry.kind.as_str(), entry.sent_at), (id, "welcome", Some(after(3))));
    assert_eq!((entry.attempts, entry.last_error.as_deref(), entry.is_claimed), (1, None, false));
}

fn a_failure_is_tried_again_or_given_up(db: &TestDatabase) {
    let store = db.store();
    let id = enqueue(&*store, 1, 0)[0];
    claim(&*store, 1, 0);
    assert!(fail(&*store, id, 1, Some(60)));
    assert_eq!(claim(&*store, 1, 59), []);
    assert_eq!(claim(&*store, 1, 60)[0].attempt, 2);
    assert!(fail(&*store, id, 2, None));
    assert_eq!(claim(&*store, 1, 1_000_000), []);
    let dead = store.read(|uow| Ok(uow.outbox().list(&with(DeliveryStatus::Dead), page(1, 10))?)).unwrap();
    assert_eq!((dead.items[0].id, dead.items[0].last_error.as_deref()), (id, Some("no. 2")));
}

fn what_is_settled_after_its_claim_was_over_counts_for_nothing(db: &TestDatabase) {
    let store = db.store();
    let id = enqueue(&*store, 1, 0)[0];
    claim(&*store, 1, 0);
    assert_eq!(claim_as(OTHER, MailPriority::Urgent, &*store, 1, 10)[0].attempt, 2);
    let state = || {
        let entry = store.read_one(|uow| Ok(uow.outbox().find(id)?)).unwrap().unwrap();
        (entry.status, entry.attempts, entry.is_claimed, entry.last_error)
    };
    let untouched = (DeliveryStatus::Pending, 2, true, None);
    // Neither by the attempt that is over, nor by who does not hold the present one.
    for number in [1, 2] {
        assert!(!fail(&*store, id, number, None));
        assert_eq!(sent(&*store, &[attempt(id, number)], 11), 0);
        let release = [attempt(id, number)];
        let released = store.write(|uow| Ok(uow.outbox().release(WORKER, &release, None, after(11))?));
        assert_eq!((released.unwrap(), state()), (0, untouched.clone()));
    }
    assert_eq!(claim(&*store, 1, 20)[0].attempt, 3);
}

fn what_is_given_back_counts_no_attempt(db: &TestDatabase) {
    let store = db.store();
    let all = enqueue(&*store, 2, 0);
    claim(&*store, 2, 0);
    let release = |id, reason: Option<&str>, seconds| {
        let reason = reason.map(str::to_owned);
        store.write(|uow| Ok(uow.outbox().release(WORKER, &[attempt(id, 1)], reason.clone(), after(seconds))?)).unwrap()
    };
    assert_eq!((release(all[0], None, 1), release(all[1], Some("away\0"), 1)), (1, 1));
    let found = |id| store.read_one(|uow| Ok(uow.outbox().find(id)?)).unwrap().unwrap();
    assert_eq!((found(all[0]).attempts, found(all[0]).last_error), (0, None));
    assert_eq!((found(all[1]).attempts, found(all[1]).last_error.as_deref()), (0, Some("away")));
    let again = claim_as(OTHER, MailPriority::Urgent, &*store, 2, 1);
    assert!(ids(&again) == all && again.iter().all(|queued| queued.attempt == 1), "{again:?}");
}

fn the_backlog_is_counted_by_priority(db: &TestDatabase) {
    let store = db.store();
    let backlog = || {
        let mut all = store.read_one(|uow| Ok(uow.outbox().backlog()?)).unwrap();
        all.sort_by_key(|backlog| backlog.priority.as_str());
        all
    };
    assert_eq!(backlog(), []);
    let urgent = enqueue(&*store, 4, 7);
    enqueue_to(&*store, "ann", bulk(), 3);
    enqueue_to(&*store, "bob", bulk(), 5);
    assert_eq!(ids(&claim(&*store, 3, 10)), urgent[..3]);
    sent(&*store, &[attempt(urgent[0], 1)], 11);
    fail(&*store, urgent[1], 1, None);
    let of = |priority, waiting, claimed, dead, oldest| Backlog {
        priority,
        waiting,
        claimed,
        dead,
        oldest_pending: Some(after(oldest)),
    };
    assert_eq!(backlog(), [of(MailPriority::Bulk, 2, 0, 0, 3), of(MailPriority::Urgent, 1, 1, 1, 7)]);
}

fn an_operator_lists_and_requeues(db: &TestDatabase) {
    let store = db.store();
    let ids_of = enqueue(&*store, 5, 0);
    claim(&*store, 4, 0);
    for id in &ids_of[..3] {
        fail(&*store, *id, 1, None);
    }
    let list = |filter, number, size| {
        let page = store.read(|uow| Ok(uow.outbox().list(&filter, page(number, size))?)).unwrap();
        (page.items.iter().map(|entry| entry.id).collect::<Vec<_>>(), page.total)
    };
    assert_eq!(list(all(), 1, 10), (ids_of.iter().rev().copied().collect(), 5));
    assert_eq!(list(all(), 2, 2), (vec![ids_of[2], ids_of[1]], 5));
    assert_eq!(list(with(DeliveryStatus::Dead), 1, 2), (vec![ids_of[2], ids_of[1]], 3));
    assert_eq!(list(with(DeliveryStatus::Pending), 1, 10), (vec![ids_of[4], ids_of[3]], 2));
    assert_eq!(list(with(DeliveryStatus::Sent), 1, 10), (vec![], 0));
    let of_kind = |kind: &str| OutboxFilter { status: Some(DeliveryStatus::Dead), kind: Some(kind.to_owned()) };
    assert_eq!(list(of_kind("password_changed"), 2, 2), (vec![ids_of[0]], 3));
    assert_eq!(list(of_kind("welcome"), 1, 2), (vec![], 0));

    let requeue = |which| store.write(|uow| Ok(uow.outbox().requeue(which, after(5))?)).unwrap();
    assert_eq!(requeue(Requeue::One(ids_of[3])), 0, "it is being sent");
    assert_eq!(requeue(Requeue::One(NotificationId(99))), 0);
    assert_eq!(requeue(Requeue::One(ids_of[0])), 1);
    assert_eq!(requeue(Requeue::AllDead), 2);
    let claimed = claim(&*store, 10, 5);
    assert_eq!(ids(&claimed), [ids_of[0], ids_of[1], ids_of[2], ids_of[4]]);
    assert!(claimed.iter().all(|queued| queued.attempt == 1));
    // What waits for its next attempt need not.
    fail(&*store, ids_of[0], 1, Some(10_000));
    assert_eq!(requeue(Requeue::One(ids_of[0])), 1);
    assert_eq!(ids(&claim(&*store, 10, 5)), [ids_of[0]]);
}

fn what_was_settled_long_ago_is_deleted(db: &TestDatabase) {
    let store = db.store();
    let [old, new] = [1, 2].map(|seconds| enqueue(&*store, 1, seconds)[0]);
    claim(&*store, 2, 2);
    enqueue(&*store, 1, 0);
    sent(&*store, &[attempt(old, 1), attempt(new, 1)], 2);
    store
        .write(|uow| {
            assert_eq!(uow.outbox().purge(after(2), 10)?, 1);
            assert_eq!(uow.outbox().purge(after(3), 10)?, 1);
            assert_eq!(uow.outbox().purge(after(1_000_000), 10)?, 0);
            assert_eq!(uow.outbox().list(&all(), page(1, 10))?.total, 1);
            Ok(())
        })
        .unwrap();
    let many = enqueue(&*store, 5, 0);
    assert_eq!(claim(&*store, 10, 30).len(), 5, "one of them is that to the same recipient");
    sent(&*store, &many.iter().map(|id| attempt(*id, 1)).collect::<Vec<_>>(), 31);
    let purge = || store.write(|uow| Ok(uow.outbox().purge(after(100), 3)?)).unwrap();
    assert_eq!([purge(), purge(), purge()], [3, 1, 0]);
}
