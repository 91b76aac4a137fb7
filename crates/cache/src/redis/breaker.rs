use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How many failures in a row open it.
const THRESHOLD: u32 = 3;

/// How long all calls are spared; then one may try.
const PAUSE: Duration = Duration::from_secs(1);

/// A circuit breaker: after some failures in a row it opens, and nobody waits for what is away; once a second one call tries
/// whether it is back, and closes it.
pub struct Breaker {
    began_at: Instant,
    failures_in_a_row: AtomicU32,
    /// Milliseconds after the beginning.
    next_try_at: AtomicU64,
    failures: AtomicU64,
}

impl Breaker {
    pub(crate) fn new() -> Self {
        Self {
            began_at: Instant::now(),
            failures_in_a_row: AtomicU32::new(0),
            next_try_at: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }
    }

    /// Whether calls are spared, because too many have failed.
    pub fn is_open(&self) -> bool {
        self.failures_in_a_row.load(Ordering::Relaxed) >= THRESHOLD
    }

    /// How many calls have failed since the start; spared ones are none.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Whether a call may be made. Its outcome must be told.
    pub(crate) fn admits(&self) -> bool {
        self.admits_at(Instant::now())
    }

    fn admits_at(&self, now: Instant) -> bool {
        if !self.is_open() {
            return true;
        }
        let (now, next) = (self.millis(now), self.next_try_at.load(Ordering::Relaxed));
        // Of many that come at once, one tries.
        let later = now.saturating_add(u64::try_from(PAUSE.as_millis()).unwrap_or(u64::MAX));
        now >= next && self.next_try_at.compare_exchange(next, later, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    pub(crate) fn succeeded(&self) {
        // Most find it closed: then no cache line is written.
        if self.failures_in_a_row.load(Ordering::Relaxed) > 0
            && self.failures_in_a_row.swap(0, Ordering::Relaxed) >= THRESHOLD
        {
            tracing::info!("Redis answers again");
        }
    }

    pub(crate) fn failed(&self, why: &str) {
        self.failed_at(Instant::now(), why);
    }

    fn failed_at(&self, now: Instant, why: &str) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let pause = now.checked_add(PAUSE).unwrap_or(now);
        self.next_try_at.store(self.millis(pause), Ordering::Relaxed);
        if self.failures_in_a_row.fetch_add(1, Ordering::Relaxed).saturating_add(1) == THRESHOLD {
            tracing::warn!(why, "Redis is away; the portal works without it, and tries it once a second");
        }
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.began_at).as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_since(now: Instant) -> Breaker {
        let breaker = Breaker::new();
        for _ in 0..THRESHOLD {
            assert!(!breaker.is_open() && breaker.admits_at(now));
            breaker.failed_at(now, "away");
        }
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_others_do_not() {
        let breaker = Breaker::new();
        for _ in 0..10 {
            breaker.failed("away");
            breaker.failed("away");
            breaker.succeeded();
        }
        assert!(!breaker.is_open() && breaker.admits());
        assert_eq!(breaker.failures(), 20);
        let breaker = open_since(Instant::now());
        assert!(breaker.is_open() && !breaker.admits());
    }

    #[test]
    fn after_a_pause_one_call_tries_and_its_outcome_decides() {
        let now = Instant::now();
        let breaker = open_since(now);
        let later = now + PAUSE;
        assert_eq!([breaker.admits_at(later), breaker.admits_at(later)], [true, false]);
        breaker.failed_at(later, "still away");
        assert!(!breaker.admits_at(later + PAUSE / 2));
        assert!(breaker.admits_at(later + PAUSE));
        breaker.succeeded();
        assert!(!breaker.is_open() && breaker.admits_at(later + PAUSE));
    }

    #[test]
    fn one_who_tries_and_never_tells_keeps_nobody_from_trying_later() {
        let now = Instant::now();
        let breaker = open_since(now);
        assert!(breaker.admits_at(now + PAUSE));
        assert!(!breaker.admits_at(now + PAUSE));
        assert!(breaker.admits_at(now + 2 * PAUSE));
    }
}
