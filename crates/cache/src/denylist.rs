use std::time::{Duration, Instant};

use async_trait::async_trait;
use jobportal_application::SessionDenylist;
use moka::Expiry;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

/// The most sessions that are remembered.
const MAX_SESSIONS: u64 = 1_000_000;

/// The denied sessions of this process.
pub struct MemorySessionDenylist {
    sessions: Cache<Box<str>, Lifetime>,
}

#[derive(Clone, Copy)]
struct Lifetime(Duration);

struct ByLifetime;

impl Expiry<Box<str>, Lifetime> for ByLifetime {
    fn expire_after_create(&self, _: &Box<str>, lifetime: &Lifetime, _: Instant) -> Option<Duration> {
        Some(lifetime.0)
    }

    fn expire_after_update(
        &self,
        _: &Box<str>,
        lifetime: &Lifetime,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(lifetime.0)
    }
}

impl MemorySessionDenylist {
    /// An empty list.
    pub fn new() -> Self {
        Self {
            sessions: Cache::builder()
                .max_capacity(MAX_SESSIONS)
                // The default policy may turn a new entry away.
                .eviction_policy(EvictionPolicy::lru())
                .expire_after(ByLifetime)
                .build(),
        }
    }
}

impl Default for MemorySessionDenylist {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl SessionDenylist for MemorySessionDenylist {
    async fn deny(&self, session_id: &str, lifetime: Duration) {
        self.sessions.insert(session_id.into(), Lifetime(lifetime));
    }

    async fn is_denied(&self, session_id: &str) -> bool {
        self.sessions.contains_key(session_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn denies_what_was_denied_and_nothing_else() {
        let denylist = MemorySessionDenylist::new();
        denylist.deny("ended", Duration::from_secs(1800)).await;
        assert!(denylist.is_denied("ended").await);
        assert!(!denylist.is_denied("other").await);
    }

    #[tokio::test]
    async fn forgets_a_session_when_its_tokens_are_past_their_end() {
        let denylist = MemorySessionDenylist::new();
        denylist.deny("ended", Duration::ZERO).await;
        assert!(!denylist.is_denied("ended").await);
        denylist.deny("ended", Duration::from_secs(1800)).await;
        assert!(denylist.is_denied("ended").await);
    }

    #[tokio::test]
    async fn holds_many() {
        let denylist = MemorySessionDenylist::new();
        for n in 0..20_000 {
            denylist.deny(&n.to_string(), Duration::from_secs(1800)).await;
        }
        denylist.sessions.run_pending_tasks();
        for n in 0..20_000 {
            assert!(denylist.is_denied(&n.to_string()).await);
        }
    }
}
