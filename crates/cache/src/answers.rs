use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jobportal_application::{AnswerCache, Stamp};
use moka::sync::Cache;

use crate::responses::OVERHEAD;

/// The answers of this process alone.
pub struct MemoryAnswerCache {
    entries: Cache<Arc<str>, (Stamp, Bytes)>,
}

impl MemoryAnswerCache {
    /// Keeps answers of at most so many bytes together, and each for `lifetime` at most.
    pub fn new(max_bytes: u64, lifetime: Duration) -> Self {
        let weigh = |key: &Arc<str>, (stamp, answer): &(Stamp, Bytes)| {
            u32::try_from(OVERHEAD + key.len() + stamp.as_str().len() + answer.len()).unwrap_or(u32::MAX)
        };
        Self { entries: Cache::builder().max_capacity(max_bytes).weigher(weigh).time_to_live(lifetime).build() }
    }
}

#[async_trait]
impl AnswerCache for MemoryAnswerCache {
    async fn get(&self, key: &str, stamp: &Stamp) -> Option<Bytes> {
        self.entries.get(key).filter(|(kept, _)| kept == stamp).map(|(_, answer)| answer)
    }

    async fn put(&self, key: &str, stamp: &Stamp, answer: Bytes) {
        self.entries.insert(key.into(), (stamp.clone(), answer));
    }
}
