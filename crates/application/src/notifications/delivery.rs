use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use jobportal_domain::{Code, EmailAddress, NotificationId};
use thiserror::Error as ThisError;

use super::{
    DeliveryAttempt, DeliveryClaim, FailedDelivery, MailPriority, Notification, QueuedNotification, SealedCode,
};
use crate::{Clock, Error, Result, Store, Vault};

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
    /// The id of the request that caused it.
    pub request_id: Option<String>,
}

impl Mail {
    /// The attempt that sends it.
    pub const fn attempt(&self) -> DeliveryAttempt {
        DeliveryAttempt { id: self.id, number: self.attempt }
    }
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
    /// The server takes no mail at all now: it is away, or does not let us in. That says nothing about this mail, so its attempt
    /// does not count.
    #[error("the mail server is away: {0}")]
    Away(String),
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
    /// The pause after the first failure; each further one is three times as long, and each up to a quarter longer.
    pub first_pause: TimeDelta,
    /// The longest pause, without that quarter.
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
    /// How often a mail that waits was tried when it no longer holds up later ones to its recipient: after about two minutes.
    /// An urgent one holds up none once it was tried, because it is overtaken by the next code anyway.
    pub const fn holds_up_until(priority: MailPriority) -> u16 {
        match priority {
            MailPriority::Urgent => 1,
            MailPriority::Normal | MailPriority::Bulk => 4,
        }
    }

    /// When to try again what failed; `None`: never. Mails that failed together don't come back together.
    pub fn next_attempt(&self, attempt: DeliveryAttempt, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if attempt.number >= self.max_attempts {
            return None;
        }
        let factor = 3_i32.saturating_pow(u32::from(attempt.number.saturating_sub(1)));
        let pause = self.first_pause.checked_mul(factor).unwrap_or(self.longest_pause).min(self.longest_pause);
        // The golden ratio spreads successive numbers evenly.
        let spread = attempt.id.0.wrapping_mul(0x9E37_79B9).wrapping_add(attempt.number.into()).rem_euclid(256);
        let longer = pause.num_milliseconds() / 4 * spread / 256;
        Some(now + pause + TimeDelta::milliseconds(longer))
    }
}

/// Takes notifications out of the outbox and settles what became of them. The worker awaits the [`Mailer`] in between.
#[derive(Clone)]
pub struct Deliveries {
    store: Arc<dyn Store>,
    vault: Arc<dyn Vault>,
    clock: Arc<dyn Clock>,
    policy: DeliveryPolicy,
    owner: String,
}

impl Deliveries {
    /// Wires it, for the worker `owner`: a name that no other one has, nor had.
    pub fn new(
        store: Arc<dyn Store>,
        vault: Arc<dyn Vault>,
        clock: Arc<dyn Clock>,
        policy: DeliveryPolicy,
        owner: String,
    ) -> Self {
        Self { store, vault, clock, policy, owner }
    }

    /// Claims up to `limit` due mails, those first that are due the longest, and holds them for [`DeliveryPolicy::lease`]: settle
    /// them before that is over, or they are claimed again. One whose content can't be opened is settled as a failure here.
    pub fn claim(&self, priority: MailPriority, limit: u32) -> Result<Vec<Mail>> {
        let now = self.clock.now();
        let claim = DeliveryClaim { owner: self.owner.clone(), priority, limit, now, until: now + self.policy.lease };
        let queued = match self.store.write(|uow| Ok(uow.outbox().claim(&claim)?)) {
            // Another worker was faster by a moment, and its claim can be seen now.
            Err(Error::Conflict(_)) => self.store.write(|uow| Ok(uow.outbox().claim(&claim)?))?,
            claimed => claimed?,
        };
        let mut mails = Vec::with_capacity(queued.len());
        let mut unreadable = Vec::new();
        for QueuedNotification { id, recipient, content, created_at, attempt, request_id } in queued {
            let content = content.ok_or_else(|| Error::Internal("its content can't be read".into()));
            match content.and_then(|content| content.try_map_code(|sealed| self.open(&sealed))) {
                Ok(content) => mails.push(Mail { id, recipient, content, created_at, attempt, request_id }),
                Err(error) => {
                    let attempt = DeliveryAttempt { id, number: attempt };
                    unreadable.push((attempt, Err(MailError::Unavailable(error.to_string()))));
                }
            }
        }
        if !unreadable.is_empty() {
            self.settle(&unreadable)?;
        }
        Ok(mails)
    }

    fn open(&self, sealed: &SealedCode) -> Result<Code> {
        let code = self.vault.open(&sealed.0)?;
        Code::parse(&code).ok_or_else(|| Error::Internal("a sealed code is no code".into()))
    }

    /// Records what became of claimed mails: sent, given up, to be tried again later, or as if it had not been tried. Returns how
    /// many came too late: the claim was over, and another worker has them, or has sent them.
    pub fn settle(&self, outcomes: &[(DeliveryAttempt, Result<(), MailError>)]) -> Result<u64> {
        let now = self.clock.now();
        let sent: Vec<_> =
            outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).map(|(attempt, _)| *attempt).collect();
        self.store.write(|uow| {
            let outbox = uow.outbox();
            let mut counted = if sent.is_empty() { 0 } else { outbox.mark_sent(&self.owner, &sent, now)? };
            for (attempt, outcome) in outcomes {
                let Err(error) = outcome else { continue };
                let reason = error.to_string();
                let next_attempt_at = match error {
                    MailError::Refused(_) => None,
                    MailError::Unavailable(_) => self.policy.next_attempt(*attempt, now),
                    MailError::Away(_) => {
                        counted += outbox.release(&self.owner, &[*attempt], Some(reason), now)?;
                        continue;
                    }
                };
                let failure = FailedDelivery { attempt: *attempt, error: reason, next_attempt_at };
                counted += u64::from(outbox.mark_failed(&self.owner, &failure, now)?);
            }
            Ok((outcomes.len() as u64).saturating_sub(counted))
        })
    }

    /// Gives back mails that were claimed and not tried.
    pub fn release(&self, attempts: &[DeliveryAttempt]) -> Result<()> {
        let now = self.clock.now();
        self.store.write(|uow| {
            uow.outbox().release(&self.owner, attempts, None, now)?;
            Ok(())
        })
    }
}
