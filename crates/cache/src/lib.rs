//! Short-lived shared state of the job portal, in the memory of the process or shared by all nodes through Redis: rate limits,
//! ended sessions, tokens that were verified, answers that are kept, and word of what changed.
//!
//! # Duty and invariants
//! - [`MemoryRateLimiter`] counts by fixed windows, one per key and policy. It is exact: of any number of concurrent takes
//!   within a window, exactly as many as the quota are allowed. Tries that fail it spaces farther and farther apart: of any
//!   number of them at once, those that are free are made, or one.
//! - [`MemorySessionDenylist`] refuses a session from the moment it is denied until its tokens are past their end.
//! - [`VerifiedTokens`] accepts exactly the tokens that the part which it remembers the verdicts of accepts.
//! - [`MemoryResponseCache`] gives out no answer that shows what was before a change of which it was told.
//! - All are bounded, whatever clients send. The limiter forgets the key that was quiet for longest; the denylist holds
//!   more sessions than can be ended while a token lives.
//! - [`MemoryAnswerCache`] and [`RedisAnswerCache`] give out an answer for the very state it was made of, and for no other.
//! - [`RedisRateLimiter`] counts as [`MemoryRateLimiter`] does, for all nodes together. While Redis is away each node counts for itself.
//! - What is done on one node is known on all others, by way of [`RedisNodes`], before whoever did it is answered; while Redis is
//!   away a node knows that it does not know, and uses nothing that may be out of date.
//! - Whatever is asked of Redis is answered, or given up, within a timeout. After three failures in a row nobody waits any more,
//!   and one call in a second tries whether it is back ([`Breaker`]).

mod answers;
mod denylist;
mod limiter;
mod redis;
mod responses;
mod signal;
mod tokens;

pub use answers::MemoryAnswerCache;
pub use denylist::MemorySessionDenylist;
pub use limiter::MemoryRateLimiter;
pub use redis::{Breaker, Redis, RedisAnswerCache, RedisError, RedisNodes, RedisRateLimiter, RedisSettings};
pub use responses::MemoryResponseCache;
pub use signal::MemoryMailSignal;
pub use tokens::VerifiedTokens;
