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

/// Counts what clients do.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Counts one for `key` under `policy`. Never fails: where the count is away, it allows.
    async fn take(&self, key: &str, policy: &RatePolicy) -> RateDecision;
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
