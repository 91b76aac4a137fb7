mod notification;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use jobportal_domain::{Code, EmailAddress, NotificationId};
use serde::{Deserialize, Serialize};
use thiserror::Error as ThisError;

pub use notification::Notification;

use crate::{Clock, Page, PageRequest, RepositoryError, Result, Store, Vault};

/// A one-time code encrypted by the [`Vault`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SealedCode(pub String);

/// A notification to put into the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewNotification {
    /// To whom.
    pub recipient: EmailAddress,
    /// What it tells.
    pub content: Notification<SealedCode>,
    /// Since when it waits.
    pub created_at: DateTime<Utc>,
}

/// A notification that a worker has claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedNotification {
    /// Its identity.
    pub id: NotificationId,
    /// To whom.
    pub recipient: EmailAddress,
    /// What it tells; `None`: this version can't read it, but a newer one may.
    pub content: Option<Notification<SealedCode>>,
    /// Since when it waits.
    pub created_at: DateTime<Utc>,
    /// Which attempt this is, from 1.
    pub attempt: u16,
}

/// How far a notification has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// Waits for its first or next attempt, or is being sent.
    Pending,
    /// Taken by the mail server; its content is erased.
    Sent,
    /// Given up; an operator can requeue it.
    Dead,
}

impl DeliveryStatus {
    /// Its name in the outbox.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Dead => "dead",
        }
    }

    /// Finds a status by its name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Sent, Self::Dead].into_iter().find(|status| status.as_str() == text)
    }
}

/// A notification as an operator sees it: without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxEntry {
    /// Its identity.
    pub id: NotificationId,
    /// What it is about.
    pub kind: String,
    /// To whom.
    pub recipient: EmailAddress,
    /// How far it has come.
    pub status: DeliveryStatus,
    /// How often it was tried.
    pub attempts: u16,
    /// Since when it waits.
    pub created_at: DateTime<Utc>,
    /// When it is tried next, while it waits.
    pub next_attempt_at: DateTime<Utc>,
    /// When the mail server took it.
    pub sent_at: Option<DateTime<Utc>>,
    /// What the last failed attempt came to.
    pub last_error: Option<String>,
}

/// An attempt that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedDelivery {
    /// The notification.
    pub id: NotificationId,
    /// The attempt; a later one may be under way already, and then this one no longer counts.
    pub attempt: u16,
    /// Why.
    pub error: String,
    /// When to try again; `None` gives up.
    pub next_attempt_at: Option<DateTime<Utc>>,
}

/// Which given-up notifications to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requeue {
    /// All of them.
    AllDead,
    /// This one.
    One(NotificationId),
}

/// The outbox: notifications written in the transaction of what they tell, and sent after it.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait OutboxRepository {
    /// Adds a notification, due at once.
    fn enqueue(&mut self, notification: &NewNotification) -> Result<NotificationId, RepositoryError>;
    /// Claims up to `limit` due notifications, oldest first: counts an attempt on each and hides them from others until
    /// `lease_until`.
    fn claim(
        &mut self,
        limit: u32,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
    ) -> Result<Vec<QueuedNotification>, RepositoryError>;
    /// Records that these were sent, and erases their content.
    fn mark_sent(&mut self, ids: &[NotificationId], now: DateTime<Utc>) -> Result<(), RepositoryError>;
    /// Records a failed attempt, unless a later one has begun or the notification was sent.
    fn mark_failed(&mut self, failure: &FailedDelivery) -> Result<(), RepositoryError>;
    /// Lists notifications, newest first.
    fn list(&mut self, status: Option<DeliveryStatus>, page: PageRequest)
    -> Result<Page<OutboxEntry>, RepositoryError>;
    /// Makes given-up notifications due at once, with all their attempts before them; returns how many.
    fn requeue(&mut self, which: Requeue, now: DateTime<Utc>) -> Result<u64, RepositoryError>;
    /// Deletes notifications made before `before` that were sent or given up; returns how many.
    fn purge(&mut self, before: DateTime<Utc>) -> Result<u64, RepositoryError>;
}

/// A mail ready to be written out and sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Identifies the mail, also if it is sent twice.
    pub id: NotificationId,
    /// To whom.
    pub recipient: EmailAddress,
    /// What it tells.
    pub content: Notification<Code>,
    /// When what it tells happened.
    pub created_at: DateTime<Utc>,
    /// Which attempt this is, from 1.
    pub attempt: u16,
}

/// Why a mail was not sent.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum MailError {
    /// The server will never take it: it is given up at once.
    #[error("refused: {0}")]
    Refused(String),
    /// It may be taken later: it is tried again, as the [`DeliveryPolicy`] says.
    #[error("not sent: {0}")]
    Unavailable(String),
}

/// Sends mail. A mail may come twice, when the program ended between its sending and [`Deliveries::settle`]; give both
/// the same `Message-ID`, made of [`Mail::id`].
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands a mail to the mail server; `Ok` when the server has taken it.
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;
}

/// How deliveries are attempted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryPolicy {
    /// The number of attempts after which a notification is given up.
    pub max_attempts: u16,
    /// The pause after the first failure; each further one is three times as long.
    pub first_pause: TimeDelta,
    /// The longest pause.
    pub longest_pause: TimeDelta,
    /// How long a claim holds: longer than an attempt may take.
    pub lease: TimeDelta,
}

impl Default for DeliveryPolicy {
    /// 10 attempts over about 15 hours.
    fn default() -> Self {
        Self {
            max_attempts: 10,
            first_pause: TimeDelta::seconds(10),
            longest_pause: TimeDelta::hours(6),
            lease: TimeDelta::seconds(60),
        }
    }
}

impl DeliveryPolicy {
    /// When to try again after failed attempt number `attempt`; `None`: never.
    pub fn next_attempt(&self, attempt: u16, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if attempt >= self.max_attempts {
            return None;
        }
        let factor = 3_i32.saturating_pow(u32::from(attempt.saturating_sub(1)));
        let pause = self.first_pause.checked_mul(factor).unwrap_or(self.longest_pause);
        Some(now + pause.min(self.longest_pause))
    }
}

/// Takes notifications out of the outbox and settles what became of them. The worker awaits the [`Mailer`] in between.
#[derive(Clone)]
pub struct Deliveries {
    store: Arc<dyn Store>,
    vault: Arc<dyn Vault>,
    clock: Arc<dyn Clock>,
    policy: DeliveryPolicy,
}

impl Deliveries {
    /// Wires it.
    pub fn new(store: Arc<dyn Store>, vault: Arc<dyn Vault>, clock: Arc<dyn Clock>, policy: DeliveryPolicy) -> Self {
        Self { store, vault, clock, policy }
    }

    /// Claims up to `limit` due mails, oldest first, and holds them for [`DeliveryPolicy::lease`]: settle them before
    /// that is over, or they are claimed again. One whose content can't be opened is settled as a failure here.
    pub fn claim(&self, limit: u32) -> Result<Vec<Mail>> {
        let now = self.clock.now();
        let queued = self.store.write(|uow| Ok(uow.outbox().claim(limit, now, now + self.policy.lease)?))?;
        let mut mails = Vec::with_capacity(queued.len());
        let mut unreadable = Vec::new();
        for QueuedNotification { id, recipient, content, created_at, attempt } in queued {
            let content = content.ok_or_else(|| crate::Error::Internal("its content can't be read".into()));
            match content.and_then(|content| content.try_map_code(|sealed| self.open(&sealed))) {
                Ok(content) => mails.push(Mail { id, recipient, content, created_at, attempt }),
                Err(error) => unreadable.push((id, attempt, Err(MailError::Unavailable(error.to_string())))),
            }
        }
        if !unreadable.is_empty() {
            self.settle(&unreadable)?;
        }
        Ok(mails)
    }

    fn open(&self, sealed: &SealedCode) -> Result<Code> {
        let code = self.vault.open(&sealed.0)?;
        Code::parse(&code).ok_or_else(|| crate::Error::Internal("a sealed code is no code".into()))
    }

    /// Records what became of claimed mails, by id and attempt ([`Mail::id`], [`Mail::attempt`]): sent, given up, or to
    /// be tried again later.
    pub fn settle(&self, outcomes: &[(NotificationId, u16, Result<(), MailError>)]) -> Result<()> {
        let now = self.clock.now();
        let sent: Vec<_> = outcomes.iter().filter(|(_, _, outcome)| outcome.is_ok()).map(|(id, ..)| *id).collect();
        self.store.write(|uow| {
            if !sent.is_empty() {
                uow.outbox().mark_sent(&sent, now)?;
            }
            for (id, attempt, outcome) in outcomes {
                if let Err(error) = outcome {
                    let next_attempt_at = match error {
                        MailError::Refused(_) => None,
                        MailError::Unavailable(_) => self.policy.next_attempt(*attempt, now),
                    };
                    let (id, attempt, error) = (*id, *attempt, error.to_string());
                    uow.outbox().mark_failed(&FailedDelivery { id, attempt, error, next_attempt_at })?;
                }
            }
            Ok(())
        })
    }
}

/// The outbox in the hands of an operator.
#[derive(Clone)]
pub struct Outbox {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

impl Outbox {
    /// How long a notification that was sent or given up stays listed.
    pub const KEEP_SETTLED: TimeDelta = TimeDelta::days(30);

    /// Wires it.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Lists notifications, newest first.
    pub fn list(&self, status: Option<DeliveryStatus>, page: PageRequest) -> Result<Page<OutboxEntry>> {
        self.store.read(|uow| Ok(uow.outbox().list(status, page)?))
    }

    /// Tries given-up notifications again; returns how many.
    pub fn requeue(&self, which: Requeue) -> Result<u64> {
        let now = self.clock.now();
        self.store.write(|uow| Ok(uow.outbox().requeue(which, now)?))
    }

    /// Deletes what was sent or given up and is older than [`Self::KEEP_SETTLED`]; returns how many.
    pub fn purge(&self) -> Result<u64> {
        let before = self.clock.now() - Self::KEEP_SETTLED;
        self.store.write(|uow| Ok(uow.outbox().purge(before)?))
    }
}

#[cfg(test)]
mod tests;
