use std::time::Duration;

use async_trait::async_trait;

/// How often something may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RatePolicy {
    /// Its name, as clients see it; counts of different policies are apart.
    pub name: &'static str,
    /// How often within a window.
    pub quota: u32,
    /// How long a window lasts.
    pub window: Duration,
}

/// The answer of a [`RateLimiter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateDecision {
    /// Whether this one may happen.
    pub allowed: bool,
    /// How many more may happen in this window.
    pub remaining: u32,
    /// When the window ends.
    pub reset_after: Duration,
}

/// Where a caller stands under a policy that counts them, for them to know before they are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Which policy.
    pub policy: RatePolicy,
    /// How many more may happen in this window.
    pub remaining: u32,
    /// When the window ends.
    pub reset_after: Duration,
}

/// How far apart tries at a secret must be: the more of them failed, the farther, and never for good. One failure is forgotten
/// with each [`Self::longest`] that passes without a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DelayPolicy {
    /// Its name, as clients see it; counts of different policies are apart.
    pub name: &'static str,
    /// How many tries may follow one another at once.
    pub free: u32,
    /// The first delay; each further failure doubles it.
    pub first: Duration,
    /// The longest delay.
    pub longest: Duration,
}

impl DelayPolicy {
    /// How long a try must come after the last one when so many have failed.
    pub fn after(&self, failures: u32) -> Duration {
        match failures.checked_sub(self.free) {
            None => Duration::ZERO,
            Some(doublings) => {
                let factor = 2_u32.checked_pow(doublings).unwrap_or(u32::MAX);
                self.first.saturating_mul(factor).min(self.longest)
            }
        }
    }
}

/// A try that came too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooEarly {
    /// How far apart tries must be by now.
    pub delay: Duration,
    /// How much of that has yet to pass.
    pub wait: Duration,
}

/// Counts what clients do.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Counts one for `key` under `policy`. Never fails: where the count is away, it allows.
    async fn take(&self, key: &str, policy: &RatePolicy) -> RateDecision;
    /// Counts a try for `key` under `policy` as failed before it is made, so that no two are made at once where one may be; a try
    /// that comes too early is not counted, and must not be made. Where the count is away, it allows.
    async fn attempt(&self, key: &str, policy: &DelayPolicy) -> Result<(), TooEarly>;
    /// Forgets the failures of `key` under `policy`: a try has succeeded.
    async fn succeed(&self, key: &str, policy: &DelayPolicy);
}

/// Knows the sessions whose access tokens must no longer be accepted, although they are not past their end.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait SessionDenylist: Send + Sync {
    /// Refuses the tokens of `session_id` from now on; they are all past their end after `lifetime`.
    async fn deny(&self, session_id: &str, lifetime: Duration);
    /// Whether tokens of `session_id` are refused.
    async fn is_denied(&self, session_id: &str) -> bool;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest() {
        let (first, longest) = (Duration::from_secs(1), Duration::from_secs(900));
        let policy = DelayPolicy { name: "sign_in", free: 5, first, longest };
        let seconds = |failures| policy.after(failures).as_secs();
        assert_eq!([0, 4, 5, 6, 7, 14].map(seconds), [0, 0, 1, 2, 4, 512]);
        assert_eq!([15, 36, 37, 1_000, u32::MAX].map(seconds), [900; 5]);
    }
}
