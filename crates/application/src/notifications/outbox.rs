use std::sync::Arc;

use chrono::TimeDelta;
use jobportal_domain::NotificationId;

use super::{Backlog, DeliveryStatus, MailPriority, OutboxEntry, OutboxFilter, Requeue};
use crate::{Action, Actor, Clock, Error, Page, PageRequest, Result, Store};

/// The outbox in the hands of an operator.
#[derive(Clone)]
pub struct Outbox {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

impl Outbox {
    /// How long a notification that was sent or given up stays listed, unless somebody deletes it before.
    pub const KEEP_SETTLED: TimeDelta = TimeDelta::days(30);

    /// How many notifications [`Self::purge`] deletes at once.
    pub const PURGE_BATCH: u32 = 10_000;

    /// Wires it.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Refuses whom the table of [`Action`] does not let do this with the outbox.
    pub fn asked_by(&self, actor: &Actor, action: Action) -> Result<&Self> {
        actor.require(action)?;
        Ok(self)
    }

    /// Lists notifications, newest first.
    pub fn list(&self, filter: &OutboxFilter, page: PageRequest) -> Result<Page<OutboxEntry>> {
        self.store.read(|uow| Ok(uow.outbox().list(filter, page)?))?.or_invalid()
    }

    /// Finds one.
    pub fn find(&self, id: NotificationId) -> Result<OutboxEntry> {
        self.store.read_one(|uow| Ok(uow.outbox().find(id)?))?.ok_or(MISSING)
    }

    /// How much there is of each priority, the most urgent one first. One statement, which costs in proportion to what waits or was
    /// given up: some 50 milliseconds for a hundred thousand.
    pub fn backlog(&self) -> Result<Vec<Backlog>> {
        let counted = self.store.read_one(|uow| Ok(uow.outbox().backlog()?))?;
        let of = |priority: &MailPriority| {
            let none = Backlog { priority: *priority, waiting: 0, claimed: 0, dead: 0, oldest_pending: None };
            counted.iter().find(|backlog| backlog.priority == *priority).copied().unwrap_or(none)
        };
        Ok(MailPriority::ALL.iter().map(of).collect())
    }

    /// Tries all again that were given up; returns how many.
    pub fn retry_all_dead(&self) -> Result<u64> {
        let now = self.clock.now();
        self.store.write(|uow| Ok(uow.outbox().requeue(Requeue::AllDead, now)?))
    }

    /// Tries one again that was given up, or waits for its next attempt, with all attempts before it. [`Error::Conflict`] if it
    /// was sent, because its content is erased, and while it is being sent.
    pub fn retry(&self, id: NotificationId) -> Result<OutboxEntry> {
        let now = self.clock.now();
        self.store.write(|uow| {
            let requeued = uow.outbox().requeue(Requeue::One(id), now)?;
            let entry = uow.outbox().find(id)?.ok_or(MISSING)?;
            match entry.status {
                _ if requeued > 0 => Ok(entry),
                DeliveryStatus::Sent => Err(Error::Conflict(
                    "This mail was sent, and its content is erased: it can't be sent again.".into(),
                )),
                DeliveryStatus::Pending | DeliveryStatus::Dead => {
                    Err(Error::Conflict("This mail is being sent.".into()))
                }
            }
        })
    }

    /// Deletes what was sent or given up and was made longer ago than `age`, up to [`Self::PURGE_BATCH`]; returns how many.
    pub fn purge(&self, age: TimeDelta) -> Result<u64> {
        let before = self.clock.now() - age;
        self.store.write(|uow| Ok(uow.outbox().purge(before, Self::PURGE_BATCH)?))
    }
}

const MISSING: Error = Error::NotFound("Mail not found.");
