use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use deadpool_redis::redis::cmd;
use jobportal_application::{AnswerCache, Stamp};

use super::Redis;

/// The answers that all nodes share.
pub struct RedisAnswerCache {
    redis: Arc<Redis>,
    lifetime: Duration,
}

impl RedisAnswerCache {
    /// Answers are kept for `lifetime` at most.
    pub fn new(redis: Arc<Redis>, lifetime: Duration) -> Self {
        Self { redis, lifetime }
    }
}

#[async_trait]
impl AnswerCache for RedisAnswerCache {
    async fn get(&self, key: &str, stamp: &Stamp) -> Option<Bytes> {
        let kept: Option<Bytes> = self.redis.query(cmd("GET").arg(self.redis.name(key))).await?;
        let mut kept = kept?;
        let length = usize::from(kept.try_get_u16().ok()?);
        let is_of = kept.get(..length)? == stamp.as_str().as_bytes();
        kept.advance(length);
        is_of.then_some(kept)
    }

    async fn put(&self, key: &str, stamp: &Stamp, answer: Bytes) {
        let Ok(length) = u16::try_from(stamp.as_str().len()) else { return };
        let mut entry = BytesMut::with_capacity(2 + usize::from(length) + answer.len());
        entry.put_u16(length);
        entry.put_slice(stamp.as_str().as_bytes());
        entry.put_slice(&answer);
        let mut set = cmd("SET");
        set.arg(self.redis.name(key))
            .arg(&entry[..])
            .arg("PX")
            .arg(u64::try_from(self.lifetime.as_millis()).unwrap_or(1));
        // What is not kept is read anew.
        let _: Option<()> = self.redis.query(&set).await;
    }
}
