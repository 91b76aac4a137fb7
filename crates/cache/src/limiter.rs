use std::time::{Duration, Instant};

use async_trait::async_trait;
use jobportal_application::{RateDecision, RateLimiter, RatePolicy};
use moka::Expiry;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

/// The most counts that are kept: some 40 MB with the longest keys.
const MAX_KEYS: u64 = 100_000;

/// The name of a policy, and the key that is counted under it.
type Key = (&'static str, Box<str>);

/// Counts by fixed windows in this process.
pub struct MemoryRateLimiter {
    windows: Cache<Key, Window>,
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
        self.length.saturating_sub(now.saturating_duration_since(self.started_at))
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
        Self { windows, now: Box::new(now) }
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

    #[tokio::test]
    async fn a_flood_of_keys_does_not_grow_it_without_bound_and_the_newest_still_counts() {
        let (limiter, _) = limiter();
        for n in 0..MAX_KEYS + 5_000 {
            limiter.take(&n.to_string(), &POLICY).await;
        }
        for _ in 0..3 {
            limiter.take("last", &POLICY).await;
        }
        limiter.windows.run_pending_tasks();
        assert!(limiter.windows.entry_count() <= MAX_KEYS);
        assert!(!limiter.take("last", &POLICY).await.allowed);
    }
}
