//! Short-lived shared state of the job portal in the memory of the process: rate limits and ended sessions.
//!
//! # Duty and invariants
//! - [`MemoryRateLimiter`] counts by fixed windows, one per key and policy. It is exact: of any number of concurrent takes
//!   within a window, exactly as many as the quota are allowed.
//! - [`MemorySessionDenylist`] refuses a session from the moment it is denied until its tokens are past their end.
//! - Both are bounded, whatever clients send. The limiter forgets the key that was quiet for longest; the denylist holds
//!   more sessions than can be ended while a token lives.
//! - Neither is shared between processes: behind several nodes each counts for itself, and a session ended on one node is
//!   refused by the others when its access token ends.

mod denylist;
mod limiter;

pub use denylist::MemorySessionDenylist;
pub use limiter::MemoryRateLimiter;
