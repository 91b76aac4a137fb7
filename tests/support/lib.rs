//! Support library of the black-box suites: a portal, a database and a mail server of its own for each test.
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
pub mod database;
pub mod process;
pub mod smtp;
