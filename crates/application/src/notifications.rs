mod delivery;
mod notification;
mod outbox;

use chrono::{DateTime, Utc};
use jobportal_domain::{EmailAddress, NotificationId};
use serde::{Deserialize, Serialize};

#[cfg(any(test, feature = "mocks"))]
pub use delivery::MockMailer;
pub use delivery::{Deliveries, DeliveryPolicy, Mail, MailError, Mailer};
pub use notification::Notification;
pub use outbox::Outbox;

use crate::{Page, PageRequest, RepositoryError};

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
    /// The id of the request that caused it.
    pub request_id: Option<String>,
}

/// What a mail may overtake. Each priority is delivered by itself, so that none waits for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MailPriority {
    /// Someone waits for it before a screen, or has to know of it at once: codes, and what concerns the security of an account.
    Urgent,
    /// It is about something that one person did.
    Normal,
    /// It comes in masses.
    Bulk,
}

impl MailPriority {
    /// Every priority, the most urgent one first.
    pub const ALL: &[Self] = &[Self::Urgent, Self::Normal, Self::Bulk];

    /// Its name in the outbox.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::Normal => "normal",
            Self::Bulk => "bulk",
        }
    }

    /// Finds a priority by its name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|priority| priority.as_str() == text)
    }
}

/// How far a notification has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// Waits for its first or next attempt, or is being sent.
    Pending,
    /// Taken by the mail server; its content is erased.
    Sent,
    /// Given up; an operator can try it again.
    Dead,
}

impl DeliveryStatus {
    /// Every status.
    pub const ALL: &[Self] = &[Self::Pending, Self::Sent, Self::Dead];

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
        Self::ALL.iter().copied().find(|status| status.as_str() == text)
    }
}

/// A notification as an operator sees it: without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxEntry {
    /// Its identity.
    pub id: NotificationId,
    /// What it is about ([`Notification::kind`]).
    pub kind: String,
    /// What it may overtake.
    pub priority: MailPriority,
    /// To whom.
    pub recipient: EmailAddress,
    /// How far it has come.
    pub status: DeliveryStatus,
    /// Whether a worker holds it now.
    pub is_claimed: bool,
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

/// Which notifications to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboxFilter {
    /// Those that have come so far; `None`: all.
    pub status: Option<DeliveryStatus>,
    /// Those of a kind ([`Notification::kind`]); `None`: all.
    pub kind: Option<String>,
}

/// How much of a priority is in the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Which priority.
    pub priority: MailPriority,
    /// How many wait for their first or next attempt.
    pub waiting: u64,
    /// How many a worker holds.
    pub claimed: u64,
    /// How many were given up.
    pub dead: u64,
    /// Since when the one waits, or is held, that is there the longest.
    pub oldest_pending: Option<DateTime<Utc>>,
}

/// What a worker wants to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryClaim {
    /// Who asks: a name that no other worker has.
    pub owner: String,
    /// Of which priority.
    pub priority: MailPriority,
    /// How many at most.
    pub limit: u32,
    /// The present time.
    pub now: DateTime<Utc>,
    /// Until when it is the worker's own; then another may claim it.
    pub until: DateTime<Utc>,
}

/// An attempt of a worker at a notification. It counts for nothing once the worker has lost its claim: another attempt may be
/// under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryAttempt {
    /// The notification.
    pub id: NotificationId,
    /// Which attempt it is, from 1.
    pub number: u16,
}

/// An attempt that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedDelivery {
    /// The attempt.
    pub attempt: DeliveryAttempt,
    /// Why.
    pub error: String,
    /// When to try again; `None` gives up.
    pub next_attempt_at: Option<DateTime<Utc>>,
}

/// Which notifications to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requeue {
    /// All that were given up.
    AllDead,
    /// This one, given up or waiting for its next attempt.
    One(NotificationId),
}

/// The outbox: notifications written in the transaction of what they tell, and sent after it.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait OutboxRepository {
    /// Adds a notification, due at once, with the id of the present request ([`request_id`](crate::request_id)).
    fn enqueue(&mut self, notification: &NewNotification) -> Result<NotificationId, RepositoryError>;
    /// Claims due notifications, those first that are due the longest, and counts an attempt on each. Of a recipient's of this
    /// priority it takes one, and none while another is claimed, or an earlier one waits that was tried less often than
    /// [`holds_up_until`](DeliveryPolicy::holds_up_until) says. [`RepositoryError::Conflict`]: another worker claimed one of the
    /// same recipient at the same moment.
    fn claim(&mut self, claim: &DeliveryClaim) -> Result<Vec<QueuedNotification>, RepositoryError>;
    /// Records that these attempts of `owner` sent their notifications, and erases the contents; returns how many of them still
    /// counted.
    fn mark_sent(
        &mut self,
        owner: &str,
        attempts: &[DeliveryAttempt],
        now: DateTime<Utc>,
    ) -> Result<u64, RepositoryError>;
    /// Records a failed attempt of `owner`; returns whether it still counted.
    fn mark_failed(
        &mut self,
        owner: &str,
        failure: &FailedDelivery,
        now: DateTime<Utc>,
    ) -> Result<bool, RepositoryError>;
    /// Takes these attempts of `owner` back: they don't count, and the notifications are due at once. With a reason, it is kept.
    /// Returns how many there were to take back.
    fn release(
        &mut self,
        owner: &str,
        attempts: &[DeliveryAttempt],
        reason: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<u64, RepositoryError>;
    /// Lists notifications, newest first.
    fn list(&mut self, filter: &OutboxFilter, page: PageRequest) -> Result<Page<OutboxEntry>, RepositoryError>;
    /// Finds one.
    fn find(&mut self, id: NotificationId) -> Result<Option<OutboxEntry>, RepositoryError>;
    /// Counts what waits, is claimed and was given up, by priority, in one statement that reads none that were sent. Priorities
    /// of which there is nothing may be left out.
    fn backlog(&mut self) -> Result<Vec<Backlog>, RepositoryError>;
    /// Makes notifications due at once, with all their attempts before them; returns how many.
    fn requeue(&mut self, which: Requeue, now: DateTime<Utc>) -> Result<u64, RepositoryError>;
    /// Deletes up to `limit` notifications made before `before` that were sent or given up; returns how many.
    fn purge(&mut self, before: DateTime<Utc>, limit: u32) -> Result<u64, RepositoryError>;
}

#[cfg(test)]
mod tests;
