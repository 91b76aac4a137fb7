use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::FutureExt;
use futures_util::future::join_all;
use jobportal_application::{Deliveries, DeliveryAttempt, DeliveryPolicy, Mail, MailError, MailPriority, Mailer};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{RETRY_PAUSE, Worker};
use crate::logging::chain;
use crate::metrics::Mails;
use crate::settings::time_delta;
use crate::shutdown::Shutdown;

/// How many mails of a priority are on their way at the same time, each over its own connection. The end of a mail waits 40
/// milliseconds for the server's kernel (lettre writes it by itself, and Nagle's algorithm holds it back), so it is their number
/// that makes mails fast.
const CONCURRENT_MAILS: usize = 16;

/// How much longer a claim holds than its mails may take: time to record what became of them.
const LEASE_MARGIN: TimeDelta = TimeDelta::seconds(15);

/// What became of an attempt; without an outcome it was not made.
type Attempted = (DeliveryAttempt, Option<Result<(), MailError>>);

/// Whether the mail server is there, as far as the last attempts tell.
///
/// While it is away only one mail of each priority at a time is tried, after pauses that grow: otherwise each of a hundred
/// thousand mails would find out by itself.
#[derive(Default)]
struct Breaker(Mutex<Outage>);

#[derive(Default)]
struct Outage {
    /// How often in a row the server was found away; none: it is there.
    times: u32,
    /// Until when nothing is tried.
    until: Option<Instant>,
}

impl Breaker {
    const FIRST_PAUSE: Duration = Duration::from_millis(500);
    const LONGEST_PAUSE: Duration = Duration::from_secs(30);

    fn note(&self, outcome: &Result<(), MailError>) {
        let mut outage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(outcome, Err(MailError::Away(_))) {
            *outage = Outage::default();
        } else if outage.until.is_none_or(|until| until <= Instant::now()) {
            // Others that were on their way when it went tell nothing new.
            let pause = (Self::FIRST_PAUSE * 2_u32.saturating_pow(outage.times.min(10))).min(Self::LONGEST_PAUSE);
            outage.times += 1;
            outage.until = Some(Instant::now() + pause);
        }
    }

    fn is_away(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).times > 0
    }

    /// How much longer to wait.
    fn pause(&self) -> Duration {
        let until = self.0.lock().unwrap_or_else(PoisonError::into_inner).until;
        until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()))
    }
}

impl Worker {
    /// Delivers mails of each priority by themselves, so that none waits for another, until the end is asked for.
    pub(super) async fn deliver(&self, shutdown: &Shutdown) {
        // A claim outlasts the slowest possible batch, so that no mail is sent twice while the first attempt still runs, and not
        // by much: if this process dies, its mails wait so long. A mail that fails takes up to twice the timeout.
        let rounds = usize::from(self.settings.worker.batch).div_ceil(CONCURRENT_MAILS);
        let rounds = i32::try_from(rounds).unwrap_or(i32::MAX);
        let lease = time_delta(self.settings.mail.timeout) * 2 * rounds + LEASE_MARGIN;
        let policy = DeliveryPolicy { lease, ..DeliveryPolicy::default() };
        let (store, vault, clock) = (self.store.clone(), self.vault.clone(), self.clock.clone());
        let deliveries = Deliveries::new(store, vault, clock, policy, self.name.clone());
        let breaker = Arc::new(Breaker::default());
        join_all(
            MailPriority::ALL.iter().map(|priority| self.deliver_all_of(*priority, &deliveries, &breaker, shutdown)),
        )
        .await;
    }

    /// Keeps up to a batch in hand: claimed, on its way, or not yet recorded. So a process that dies has at most that sent twice.
    async fn deliver_all_of(
        &self,
        priority: MailPriority,
        deliveries: &Deliveries,
        breaker: &Arc<Breaker>,
        shutdown: &Shutdown,
    ) {
        let batch = usize::from(self.settings.worker.batch);
        let connections = Arc::new(Semaphore::new(CONCURRENT_MAILS));
        let mut sending = JoinSet::<Attempted>::new();
        let (mut next_claim, mut arrivals) = (Instant::now(), 0);
        while !(shutdown.is_requested() && sending.is_empty()) {
            let pause = breaker.pause();
            next_claim = next_claim.max(Instant::now() + pause);
            if !shutdown.is_requested() && sending.len() <= batch / 2 && next_claim <= Instant::now() {
                let limit = if breaker.is_away() { 1 } else { batch - sending.len() };
                next_claim = Instant::now() + self.settings.worker.poll_every;
                arrivals = self.signal.arrivals();
                match self.claim(deliveries, priority, limit).await {
                    Ok(mails) => {
                        if mails.len() == limit {
                            next_claim = Instant::now();
                        }
                        for mail in mails {
                            let (mailer, connections) = (self.mailer.clone(), connections.clone());
                            let (breaker, mails, shutdown) = (breaker.clone(), self.mails.clone(), shutdown.clone());
                            sending.spawn(async move {
                                attempt(&mail, &*mailer, &connections, &breaker, &mails, &shutdown).await
                            });
                        }
                    }
                    Err(error) => {
                        tracing::error!(error = chain(&error), "the outbox can't be read");
                        next_claim = Instant::now() + RETRY_PAUSE;
                    }
                }
            }
            let has_room = sending.len() <= batch / 2 && !shutdown.is_requested();
            tokio::select! {
                Some(attempted) = sending.join_next() => {
                    // Whatever else is done by now is recorded with it.
                    let more = std::iter::from_fn(|| sending.join_next().now_or_never().flatten());
                    let attempted = std::iter::once(attempted).chain(more);
                    self.record(deliveries, attempted.filter_map(Result::ok).collect()).await;
                    // The next mails to the same recipients waited for these.
                    next_claim = Instant::now();
                }
                () = tokio::time::sleep_until(next_claim), if has_room => {}
                () = self.signal.more_than(arrivals), if has_room => {
                    arrivals = self.signal.arrivals();
                    next_claim = Instant::now();
                }
                () = shutdown.requested(), if !shutdown.is_requested() => {}
                else => {}
            }
        }
    }

    async fn claim(
        &self,
        deliveries: &Deliveries,
        priority: MailPriority,
        limit: usize,
    ) -> jobportal_application::Result<Vec<Mail>> {
        let (deliveries, limit) = (deliveries.clone(), u32::try_from(limit).unwrap_or(u32::MAX));
        self.on_lane(move || deliveries.claim(priority, limit)).await
    }

    /// Records what became of some attempts. What is not recorded is tried again when its claim is over.
    async fn record(&self, deliveries: &Deliveries, attempted: Vec<Attempted>) {
        const RETRIES: [Duration; 3] = [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(5)];
        let (mut made, mut not_made) = (Vec::new(), Vec::new());
        for (attempt, outcome) in attempted {
            match outcome {
                Some(outcome) => made.push((attempt, outcome)),
                None => not_made.push(attempt),
            }
        }
        let (made, not_made) = (Arc::new(made), Arc::new(not_made));
        for pause in RETRIES.map(Some).into_iter().chain([None]) {
            let (deliveries, made, not_made) = (deliveries.clone(), made.clone(), not_made.clone());
            let recorded = self.on_lane(move || {
                if !not_made.is_empty() {
                    deliveries.release(&not_made)?;
                }
                if made.is_empty() { Ok(0) } else { deliveries.settle(&made) }
            });
            let error = match recorded.await {
                Ok(0) => return,
                Ok(count) => {
                    tracing::warn!(count, "claims were over before their mails were sent; these may come twice");
                    return;
                }
                Err(error) => error,
            };
            tracing::error!(error = chain(&error), "the outcomes of mails can't be recorded");
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
            }
        }
    }
}

/// Sends a mail when there is a connection free, unless the end was asked for or the server went away meanwhile.
async fn attempt(
    mail: &Mail,
    mailer: &dyn Mailer,
    connections: &Semaphore,
    breaker: &Breaker,
    mails: &Mails,
    shutdown: &Shutdown,
) -> Attempted {
    // It is never closed.
    let _connection = connections.acquire().await;
    if shutdown.is_requested() || breaker.pause() > Duration::ZERO {
        return (mail.attempt(), None);
    }
    let outcome = mailer.send(mail).await;
    breaker.note(&outcome);
    let (id, kind, attempt) = (mail.id.0, mail.content.kind(), mail.attempt);
    let request_id = mail.request_id.as_deref();
    mails.count(kind, &outcome);
    match &outcome {
        Ok(()) => tracing::debug!(id, kind, attempt, request_id, "mail sent"),
        Err(error) => tracing::warn!(id, kind, attempt, request_id, %error, "mail not sent"),
    }
    (mail.attempt(), Some(outcome))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_the_server_is_away_pauses_grow_and_one_answer_ends_them() {
        let breaker = Breaker::default();
        assert!(!breaker.is_away() && breaker.pause() == Duration::ZERO);
        let away = Err(MailError::Away("refused".to_owned()));
        let mut longest = Duration::ZERO;
        for doublings in 0..12 {
            // Those that were on their way find out the same.
            for _ in 0..8 {
                breaker.note(&away);
            }
            longest = (Breaker::FIRST_PAUSE * 2_u32.pow(doublings)).min(Breaker::LONGEST_PAUSE);
            let pause = breaker.pause();
            assert!(breaker.is_away() && pause <= longest && pause > longest / 2, "{doublings}: {pause:?}");
            breaker.0.lock().unwrap().until = Some(Instant::now());
        }
        assert_eq!(longest, Breaker::LONGEST_PAUSE);
        breaker.note(&Err(MailError::Refused("no such user".to_owned())));
        assert!(!breaker.is_away() && breaker.pause() == Duration::ZERO);
    }
}
