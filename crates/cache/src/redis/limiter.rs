use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use deadpool_redis::redis::cmd;
use jobportal_application::{DelayPolicy, RateDecision, RateLimiter, RatePolicy, TooEarly};

use crate::MemoryRateLimiter;
use crate::redis::Redis;

/// Counts one in a window that begins with its first one. Answers how many there are, and how many milliseconds are left.
const TAKE: &str = "
local taken = redis.call('INCR', KEYS[1])
if taken == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {taken, redis.call('PTTL', KEYS[1])}
";

/// A try, as `MemoryRateLimiter::attempt` judges it, by the clock of Redis in milliseconds. Answers the delay and what is left of it.
const ATTEMPT: &str = "
local free, first, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local function after(failures)
    if failures < free then return 0 end
    return math.min(first * 2 ^ math.min(failures - free, 40), longest)
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local kept = redis.call('HMGET', KEYS[1], 'count', 'last_at')
local count, passed = 0, math.huge
if kept[1] then
    passed = math.max(now - kept[2], 0)
    count = math.max(kept[1] - math.floor(passed / longest), 0)
end
local delay = after(count)
if passed < delay then return {delay, delay - passed} end
if delay < longest then count = count + 1 end
redis.call('HSET', KEYS[1], 'count', count, 'last_at', now)
redis.call('PEXPIRE', KEYS[1], longest * count)
return {delay, 0}
";

/// Counts for all nodes together. Each node counts for itself as well, so that its own counts hold while Redis is away.
pub struct RedisRateLimiter {
    redis: Arc<Redis>,
    own: MemoryRateLimiter,
}

impl RedisRateLimiter {
    /// A limiter that shares its counts with all that have the same prefix.
    pub fn new(redis: Arc<Redis>) -> Self {
        Self { redis, own: MemoryRateLimiter::new() }
    }

    fn key(&self, kind: &str, policy: &str, key: &str) -> String {
        self.redis.name(&format!("{kind}:{policy}:{key}"))
    }
}

fn millis(duration: Duration) -> u64 {
    // Redis counts in 64 bits with a sign.
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).min(i64::MAX.cast_unsigned() / 2)
}

#[async_trait]
impl RateLimiter for RedisRateLimiter {
    async fn take(&self, key: &str, policy: &RatePolicy) -> RateDecision {
        let own = self.own.take(key, policy).await;
        let mut take = cmd("EVAL");
        take.arg(TAKE).arg(1).arg(self.key("rate", policy.name, key)).arg(millis(policy.window).max(1));
        let Some((taken, left)) = self.redis.query::<(u64, u64)>(&take).await else { return own };
        RateDecision {
            allowed: taken <= policy.quota.into(),
            remaining: u32::try_from(u64::from(policy.quota).saturating_sub(taken)).unwrap_or(u32::MAX),
            reset_after: Duration::from_millis(left),
        }
    }

    async fn attempt(&self, key: &str, policy: &DelayPolicy) -> Result<(), TooEarly> {
        let mut attempt = cmd("EVAL");
        attempt.arg(ATTEMPT).arg(1).arg(self.key("tries", policy.name, key));
        attempt.arg(policy.free).arg(millis(policy.first)).arg(millis(policy.longest).max(1));
        match self.redis.query::<(u64, u64)>(&attempt).await {
            None => self.own.attempt(key, policy).await,
            Some((_, 0)) => {
                // Counted here too; whether it was too early says Redis, which knows of all.
                let _ = self.own.attempt(key, policy).await;
                Ok(())
            }
            Some((delay, wait)) => {
                Err(TooEarly { delay: Duration::from_millis(delay), wait: Duration::from_millis(wait) })
            }
        }
    }

    async fn succeed(&self, key: &str, policy: &DelayPolicy) {
        self.own.succeed(key, policy).await;
        // Where it is away its failures are forgotten by and by.
        let _: Option<u64> = self.redis.query(cmd("DEL").arg(self.key("tries", policy.name, key))).await;
    }
}
