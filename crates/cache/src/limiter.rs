use std::time::{Duration, Instant};

use async_trait::async_trait;
use jobportal_application::{DelayPolicy, RateDecision, RateLimiter, RatePolicy, TooEarly};
use moka::Expiry;
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

/// The most counts of each kind that are kept: some 40 MB with the longest keys.
const MAX_KEYS: u64 = 100_000;

/// The name of a policy, and the key that is counted under it.
type Key = (&'static str, Box<str>);

/// Counts by fixed windows, and spaces tries that fail, in this process.
pub struct MemoryRateLimiter {
    windows: Cache<Key, Window>,
    failures: Cache<Key, Failures>,
    now: Box<dyn Fn() -> Instant + Send + Sync>,
}

#[derive(Clone, Copy)]
struct Window {
    started_at: Instant,
    length: Duration,
    taken: u32,
}

impl Window {
    fn time_left(&self, now: Instant) -> Duration {
        self.length.saturating_sub(elapsed(self.started_at, now))
    }
}

/// Frees the memory of windows that are over; that they are over is judged by [`MemoryRateLimiter::now`] alone.
struct ByWindow;

impl Expiry<Key, Window> for ByWindow {
    fn expire_after_create(&self, _: &Key, window: &Window, at: Instant) -> Option<Duration> {
        Some(window.time_left(at))
    }

    fn expire_after_update(&self, _: &Key, window: &Window, at: Instant, _: Option<Duration>) -> Option<Duration> {
        Some(window.time_left(at))
    }
}

/// Tries that failed, as far as they are not forgotten.
#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    last_at: Instant,
    policy: DelayPolicy,
}

impl Failures {
    /// What is not forgotten at `now`.
    fn left(&self, now: Instant) -> u32 {
        let forgotten = elapsed(self.last_at, now).as_millis().checked_div(self.policy.longest.as_millis());
        self.count.saturating_sub(forgotten.and_then(|count| count.try_into().ok()).unwrap_or(u32::MAX))
    }

    /// Counts one more. The longest delay takes all further failures for one, or they would be remembered for days.
    fn and_one(count: u32, last_at: Instant, policy: DelayPolicy) -> Self {
        let is_longest = policy.after(count) == policy.longest;
        Self { count: if is_longest { count } else { count + 1 }, last_at, policy }
    }

    /// How long it takes, from the last try on, until all is forgotten.
    fn lifetime(&self) -> Duration {
        self.policy.longest.saturating_mul(self.count)
    }
}

fn elapsed(since: Instant, now: Instant) -> Duration {
    now.saturating_duration_since(since)
}

/// Frees the memory of failures that are forgotten.
struct ByFailures;

impl Expiry<Key, Failures> for ByFailures {
    fn expire_after_create(&self, _: &Key, failures: &Failures, at: Instant) -> Option<Duration> {
        Some(failures.lifetime().saturating_sub(elapsed(failures.last_at, at)))
    }

    fn expire_after_update(
        &self,
        key: &Key,
        failures: &Failures,
        at: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        self.expire_after_create(key, failures, at)
    }
}

impl MemoryRateLimiter {
    /// A limiter by the clock of the machine.
    pub fn new() -> Self {
        Self::with_clock(Instant::now)
    }

    /// A limiter by another clock, which must not run behind that of the machine.
    pub fn with_clock(now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        let windows = Cache::builder()
            .max_capacity(MAX_KEYS)
            // The default policy may turn a new key away, and then would never count it.
            .eviction_policy(EvictionPolicy::lru())
            .expire_after(ByWindow)
            .build();
        let failures = Cache::builder()
            .max_capacity(MAX_KEYS)
            .eviction_policy(EvictionPolicy::lru())
            .expire_after(ByFailures)
            .build();
        Self { windows, failures, now: Box::new(now) }
    }
}

impl Default for MemoryRateLimiter {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl RateLimiter for MemoryRateLimiter {
    async fn take(&self, key: &str, policy: &RatePolicy) -> RateDecision {
        let now = (self.now)();
        let window = self
            .windows
            .entry((policy.name, key.into()))
            .and_upsert_with(|kept| match kept.map(moka::Entry::into_value) {
                Some(window) if !window.time_left(now).is_zero() => {
                    Window { taken: window.taken.saturating_add(1), ..window }
                }
                _ => Window { started_at: now, length: policy.window, taken: 1 },
            })
            .into_value();
        RateDecision {
            allowed: window.taken <= policy.quota,
            remaining: policy.quota.saturating_sub(window.taken),
            reset_after: window.time_left(now),
        }
    }

    async fn attempt(&self, key: &str, policy: &DelayPolicy) -> Result<(), TooEarly> {
        let now = (self.now)();
        let mut outcome = Ok(());
        self.failures.entry((policy.name, key.into())).and_compute_with(|kept| {
            let kept = kept.map(moka::Entry::into_value);
            let count = kept.map_or(0, |failures| failures.left(now));
            let delay = policy.after(count);
            let passed = kept.map_or(delay, |failures| elapsed(failures.last_at, now));
            if passed < delay {
                outcome = Err(TooEarly { delay, wait: delay.saturating_sub(passed) });
                return Op::Nop;
            }
            Op::Put(Failures::and_one(count, now, *policy))
        });
        outcome
    }

    async fn succeed(&self, key: &str, policy: &DelayPolicy) {
        self.failures.invalidate(&(policy.name, Box::from(key)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    const POLICY: RatePolicy = RatePolicy { name: "sign_in", quota: 3, window: Duration::from_secs(60) };

    /// A limiter whose clock is so many seconds ahead.
    fn limiter() -> (MemoryRateLimiter, Arc<AtomicU64>) {
        let (start, ahead) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let clock = Arc::clone(&ahead);
        let now = move || start + Duration::from_secs(clock.load(Ordering::Relaxed));
        (MemoryRateLimiter::with_clock(now), ahead)
    }

    #[tokio::test]
    async fn allows_the_quota_and_tells_how_much_is_left() {
        let (limiter, ahead) = limiter();
        for remaining in [2, 1, 0] {
            let decision = limiter.take("a", &POLICY).await;
            assert_eq!(decision, RateDecision { allowed: true, remaining, reset_after: POLICY.window });
        }
        ahead.store(15, Ordering::Relaxed);
        let decision = limiter.take("a", &POLICY).await;
        let refused = RateDecision { allowed: false, remaining: 0, reset_after: Duration::from_secs(45) };
        assert_eq!(decision, refused);
    }

    #[tokio::test]
    async fn a_new_window_begins_when_the_last_one_is_over() {
        let (limiter, ahead) = limiter();
        for _ in 0..10 {
            limiter.take("a", &POLICY).await;
        }
        ahead.store(59, Ordering::Relaxed);
        assert!(!limiter.take("a", &POLICY).await.allowed);
        ahead.store(60, Ordering::Relaxed);
        let decision = limiter.take("a", &POLICY).await;
        assert_eq!(decision, RateDecision { allowed: true, remaining: 2, reset_after: POLICY.window });
    }

    #[tokio::test]
    async fn counts_keys_and_policies_apart() {
        let (limiter, _) = limiter();
        let other = RatePolicy { name: "register", ..POLICY };
        for _ in 0..3 {
            limiter.take("a", &POLICY).await;
        }
        assert!(!limiter.take("a", &POLICY).await.allowed);
        assert!(limiter.take("b", &POLICY).await.allowed);
        assert!(limiter.take("a", &other).await.allowed);
    }

    #[tokio::test]
    async fn a_quota_of_nothing_allows_nothing() {
        let (limiter, _) = limiter();
        assert!(!limiter.take("a", &RatePolicy { quota: 0, ..POLICY }).await.allowed);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn concurrent_takes_are_allowed_exactly_as_often_as_the_quota_says() {
        let limiter = Arc::new(MemoryRateLimiter::new());
        let policy = RatePolicy { quota: 100, window: Duration::from_secs(3600), ..POLICY };
        let takes: Vec<_> = (0..1000)
            .map(|_| {
                let limiter = Arc::clone(&limiter);
                tokio::spawn(async move { limiter.take("a", &policy).await.allowed })
            })
            .collect();
        let mut allowed = 0;
        for take in takes {
            allowed += u32::from(take.await.unwrap());
        }
        assert_eq!(allowed, 100);
    }

    const SECOND: Duration = Duration::from_secs(1);
    const MINUTE: Duration = Duration::from_secs(60);
    const DELAYS: DelayPolicy = DelayPolicy { name: "sign_in", free: 3, first: SECOND, longest: MINUTE };

    /// When the tries of someone succeed to be made who tries each second, all in vain.
    async fn tries_of_an_eager_guesser(limiter: &MemoryRateLimiter, ahead: &AtomicU64, seconds: u64) -> Vec<u64> {
        let mut made = Vec::new();
        let start = ahead.load(Ordering::Relaxed);
        for second in 0..seconds {
            ahead.store(start + second, Ordering::Relaxed);
            while limiter.attempt("a", &DELAYS).await.is_ok() {
                made.push(second);
            }
        }
        made
    }

    #[tokio::test]
    async fn tries_that_fail_must_be_twice_as_far_apart_each_time_and_never_farther_than_the_longest_delay() {
        let (limiter, ahead) = limiter();
        let made = tries_of_an_eager_guesser(&limiter, &ahead, 250).await;
        assert_eq!(made, [0, 0, 0, 1, 3, 7, 15, 31, 63, 123, 183, 243]);
    }

    #[tokio::test]
    async fn a_try_that_comes_too_early_is_told_how_long_to_wait_and_costs_nothing() {
        let (limiter, ahead) = limiter();
        for _ in 0..4 {
            limiter.attempt("a", &DELAYS).await.ok();
            ahead.fetch_add(1, Ordering::Relaxed);
        }
        for wait in [1, 1] {
            let too_early = TooEarly { delay: 2 * SECOND, wait: wait * SECOND };
            assert_eq!(limiter.attempt("a", &DELAYS).await, Err(too_early));
        }
        ahead.fetch_add(1, Ordering::Relaxed);
        assert_eq!(limiter.attempt("a", &DELAYS).await, Ok(()));
    }

    #[tokio::test]
    async fn failures_are_forgotten_one_by_one_and_by_a_success_at_once() {
        let (limiter, ahead) = limiter();
        let began = tries_of_an_eager_guesser(&limiter, &ahead, 40).await.len();
        ahead.fetch_add(4 * 60, Ordering::Relaxed);
        let later = tries_of_an_eager_guesser(&limiter, &ahead, 1).await.len();
        assert_eq!((began, later), (8, 1), "after four minutes there are four failures left of eight");
        ahead.fetch_add(60 * 60, Ordering::Relaxed);
        assert_eq!(tries_of_an_eager_guesser(&limiter, &ahead, 1).await.len(), 3);
        limiter.succeed("a", &DELAYS).await;
        assert_eq!(tries_of_an_eager_guesser(&limiter, &ahead, 1).await.len(), 3);
    }

    #[tokio::test]
    async fn tries_for_other_keys_and_other_policies_have_their_own_delays() {
        let (limiter, _) = limiter();
        let other = DelayPolicy { name: "code", ..DELAYS };
        while limiter.attempt("a", &DELAYS).await.is_ok() {}
        assert_eq!(limiter.attempt("b", &DELAYS).await, Ok(()));
        assert_eq!(limiter.attempt("a", &other).await, Ok(()));
        limiter.succeed("b", &DELAYS).await;
        assert!(limiter.attempt("a", &DELAYS).await.is_err());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn of_many_tries_at_once_only_the_free_ones_are_made() {
        let limiter = Arc::new(limiter().0);
        let tries: Vec<_> = (0..1000)
            .map(|_| {
                let limiter = Arc::clone(&limiter);
                tokio::spawn(async move { limiter.attempt("a", &DELAYS).await.is_ok() })
            })
            .collect();
        let mut made = 0;
        for one in tries {
            made += u32::from(one.await.unwrap());
        }
        assert_eq!(made, 3);
    }

    #[tokio::test]
    async fn a_flood_of_keys_does_not_grow_it_without_bound_and_the_newest_still_counts() {
        let (limiter, _) = limiter();
        for n in 0..MAX_KEYS + 5_000 {
            limiter.take(&n.to_string(), &POLICY).await;
            limiter.attempt(&n.to_string(), &DELAYS).await.unwrap();
        }
        for _ in 0..3 {
            limiter.take("last", &POLICY).await;
            limiter.attempt("last", &DELAYS).await.unwrap();
        }
        limiter.windows.run_pending_tasks();
        limiter.failures.run_pending_tasks();
        assert!(limiter.windows.entry_count() <= MAX_KEYS);
        assert!(limiter.failures.entry_count() <= MAX_KEYS);
        assert!(!limiter.take("last", &POLICY).await.allowed);
        assert!(limiter.attempt("last", &DELAYS).await.is_err());
    }
}
