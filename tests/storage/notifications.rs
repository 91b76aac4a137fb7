use std::collections::HashSet;

use jobportal_application::{
    DeliveryStatus, FailedDelivery, NewNotification, Notification, QueuedNotification, Requeue, SealedCode, Store,
};
use jobportal_domain::NotificationId;
use jobportal_tests::database::TestDatabase;

use crate::fixtures::{after, at_once, email, now, page};

on_both![
    a_notification_is_claimed_as_it_was_written,
    a_claim_hides_until_its_lease_ends,
    two_workers_never_claim_the_same,
    what_was_sent_is_erased,
    a_failure_is_tried_again_or_given_up,
    a_failure_of_a_former_attempt_counts_for_nothing,
    an_operator_lists_and_requeues,
    what_was_settled_long_ago_is_deleted,
];

fn contents() -> Vec<Notification<SealedCode>> {
    let code = || SealedCode("sealed \"€\"".to_owned());
    vec![
        Notification::Welcome { code: code(), valid_minutes: 10 },
        Notification::PasswordReset { code: code(), valid_minutes: 10 },
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

fn enqueue(store: &dyn Store, seconds: i64) -> NotificationId {
    let content = Notification::PasswordChanged;
    let new = NewNotification { recipient: email("ann@example.com"), content, created_at: after(seconds) };
    store.write(|uow| Ok(uow.outbox().enqueue(&new)?)).unwrap()
}

/// Claims at `seconds`, for ten seconds.
fn claim(store: &dyn Store, limit: u32, seconds: i64) -> Vec<QueuedNotification> {
    store.write(|uow| Ok(uow.outbox().claim(limit, after(seconds), after(seconds + 10))?)).unwrap()
}

fn ids(claimed: &[QueuedNotification]) -> Vec<NotificationId> {
    claimed.iter().map(|queued| queued.id).collect()
}

fn fail(store: &dyn Store, id: NotificationId, attempt: u16, next: Option<i64>) {
    let error = format!("no. {attempt}\0");
    let failure = FailedDelivery { id, attempt, error, next_attempt_at: next.map(after) };
    store.write(|uow| Ok(uow.outbox().mark_failed(&failure)?)).unwrap();
}

fn a_notification_is_claimed_as_it_was_written(db: &TestDatabase) {
    let store = db.store();
    for content in contents() {
        let new = NewNotification { recipient: email("ann@example.com"), content, created_at: now() };
        let id = store.write(|uow| Ok(uow.outbox().enqueue(&new)?)).unwrap();
        let (recipient, content) = (new.recipient, new.content);
        let queued = QueuedNotification { id, recipient, content: Some(content), created_at: now(), attempt: 1 };
        assert_eq!(claim(&*store, 10, 0), [queued]);
    }
}

fn a_claim_hides_until_its_lease_ends(db: &TestDatabase) {
    let store = db.store();
    let all: Vec<_> = (0..5).map(|_| enqueue(&*store, 0)).collect();
    assert_eq!(claim(&*store, 10, -1), []);
    assert_eq!(ids(&claim(&*store, 2, 0)), all[..2]);
    assert_eq!(ids(&claim(&*store, 10, 5)), all[2..]);
    assert_eq!(claim(&*store, 10, 9), []);
    let again = claim(&*store, 10, 10);
    assert_eq!(ids(&again), all[..2]);
    assert!(again.iter().all(|queued| queued.attempt == 2));
    assert_eq!(claim(&*store, 0, 100), []);
}

fn two_workers_never_claim_the_same(db: &TestDatabase) {
    let store = db.store();
    let all: HashSet<_> = (0..60).map(|_| enqueue(&*store, 0)).collect();
    let claimed = at_once(4, &store, |store, _| {
        let mut own = Vec::new();
        loop {
            let batch = claim(store, 5, 0);
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

fn what_was_sent_is_erased(db: &TestDatabase) {
    let store = db.store();
    let secret = Notification::Welcome { code: SealedCode("secret".to_owned()), valid_minutes: 10 };
    let new = NewNotification { recipient: email("ann@example.com"), content: secret, created_at: now() };
    let sent = store.write(|uow| Ok(uow.outbox().enqueue(&new)?)).unwrap();
    let waiting = enqueue(&*store, 0);
    claim(&*store, 10, 0);
    store.write(|uow| Ok(uow.outbox().mark_sent(&[sent], after(3))?)).unwrap();
    // A failure of the same attempt that is reported late changes nothing.
    fail(&*store, sent, 1, Some(4));
    assert_eq!(ids(&claim(&*store, 10, 100)), [waiting]);
    assert_eq!(db.values(&format!("SELECT payload AS value FROM outbox WHERE id = {sent}")), ["{}"]);
    let list = store.read(|uow| Ok(uow.outbox().list(Some(DeliveryStatus::Sent), page(1, 10))?)).unwrap();
    let entry = &list.items[0];
    assert_eq!((entry.id, entry.kind.as_str(), entry.sent_at), (sent, "welcome", Some(after(3))));
    assert_eq!((entry.attempts, entry.last_error.as_deref()), (1, None));
}

fn a_failure_is_tried_again_or_given_up(db: &TestDatabase) {
    let store = db.store();
    let id = enqueue(&*store, 0);
    claim(&*store, 1, 0);
    fail(&*store, id, 1, Some(60));
    assert_eq!(claim(&*store, 1, 59), []);
    assert_eq!(claim(&*store, 1, 60)[0].attempt, 2);
    fail(&*store, id, 2, None);
    assert_eq!(claim(&*store, 1, 1_000_000), []);
    let dead = store.read(|uow| Ok(uow.outbox().list(Some(DeliveryStatus::Dead), page(1, 10))?)).unwrap();
    assert_eq!((dead.items[0].id, dead.items[0].last_error.as_deref()), (id, Some("no. 2")));
}

fn a_failure_of_a_former_attempt_counts_for_nothing(db: &TestDatabase) {
    let store = db.store();
    let id = enqueue(&*store, 0);
    claim(&*store, 1, 0);
    claim(&*store, 1, 10);
    fail(&*store, id, 1, None);
    let list = store.read(|uow| Ok(uow.outbox().list(None, page(1, 10))?)).unwrap();
    assert_eq!((list.items[0].status, list.items[0].last_error.as_deref()), (DeliveryStatus::Pending, None));
    assert_eq!(claim(&*store, 1, 20)[0].attempt, 3);
}

fn an_operator_lists_and_requeues(db: &TestDatabase) {
    let store = db.store();
    let all: Vec<_> = (0..5).map(|_| enqueue(&*store, 0)).collect();
    claim(&*store, 4, 0);
    for id in &all[..3] {
        fail(&*store, *id, 1, None);
    }
    let list = |status, number, size| {
        let page = store.read(|uow| Ok(uow.outbox().list(status, page(number, size))?)).unwrap();
        (page.items.iter().map(|entry| entry.id).collect::<Vec<_>>(), page.total)
    };
    assert_eq!(list(None, 1, 10), (all.iter().rev().copied().collect(), 5));
    assert_eq!(list(None, 2, 2), (vec![all[2], all[1]], 5));
    assert_eq!(list(Some(DeliveryStatus::Dead), 1, 2), (vec![all[2], all[1]], 3));
    assert_eq!(list(Some(DeliveryStatus::Pending), 1, 10), (vec![all[4], all[3]], 2));
    assert_eq!(list(Some(DeliveryStatus::Sent), 1, 10), (vec![], 0));

    let requeue = |which| store.write(|uow| Ok(uow.outbox().requeue(which, after(5))?)).unwrap();
    assert_eq!(requeue(Requeue::One(all[3])), 0);
    assert_eq!(requeue(Requeue::One(all[0])), 1);
    assert_eq!(requeue(Requeue::AllDead), 2);
    let claimed = claim(&*store, 10, 5);
    assert_eq!(ids(&claimed), [all[0], all[1], all[2], all[4]]);
    assert!(claimed.iter().all(|queued| queued.attempt == 1));
}

fn what_was_settled_long_ago_is_deleted(db: &TestDatabase) {
    let store = db.store();
    let (old, new) = (enqueue(&*store, 1), enqueue(&*store, 2));
    enqueue(&*store, 0);
    store
        .write(|uow| {
            uow.outbox().mark_sent(&[old], after(1))?;
            uow.outbox().mark_sent(&[new], after(2))?;
            assert_eq!(uow.outbox().purge(after(2))?, 1);
            assert_eq!(uow.outbox().purge(after(3))?, 1);
            assert_eq!(uow.outbox().purge(after(1_000_000))?, 0);
            assert_eq!(uow.outbox().list(None, page(1, 10))?.total, 1);
            Ok(())
        })
        .unwrap();
}
