//! Short-lived shared state of the job portal in the memory of the process: rate limits, ended sessions, tokens that
//! were verified, and answers that are ready to be sent.
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
//! - None is shared between processes: behind several nodes each counts for itself, and a session ended on one node is
//!   refused by the others when its access token ends.

mod denylist;
mod limiter;
mod responses;
mod tokens;

pub use denylist::MemorySessionDenylist;
pub use limiter::MemoryRateLimiter;
pub use responses::MemoryResponseCache;
pub use tokens::VerifiedTokens;
