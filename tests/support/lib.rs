//! Support library of the black-box suites: a portal, a database, a Redis and a mail server of its own for each test.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a test that can't go on has failed"
)]

pub mod app;
pub mod client;
pub mod contract;
pub mod database;
pub mod process;
pub mod redis;
pub mod smtp;

use std::time::{Duration, Instant};

/// Waits until something has happened, and panics if it has not after a generous time.
pub async fn until(what: &str, mut has_happened: impl FnMut() -> bool) {
    const PATIENCE: Duration = Duration::from_secs(60);
    let started = Instant::now();
    while !has_happened() {
        assert!(started.elapsed() < PATIENCE, "{what}: not after {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
