//! The API, called from outside like any client does, on both databases.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that can't go on has failed"
)]

mod accounts;
mod applications;
mod brute_force;
mod candidates;
mod changes;
mod commands;
mod common;
mod conditional;
mod contact;
mod contract;
mod deactivation;
mod delivery;
mod directory;
mod docs;
mod documents;
mod employers;
mod ended_sessions;
mod hardening;
mod hostile;
mod idempotency;
mod jobs;
mod keys;
mod lifecycle;
mod limits;
mod mail;
mod mailers;
mod nodes;
mod notifications;
mod operations;
mod outage;
mod passwords;
mod permissions;
mod process;
mod readme;
mod refresh;
mod responses;
mod search;
mod second_factors;
mod secrets;
mod security_log;
mod sessions;
mod shutdown;
mod subscriptions;
mod telemetry;
mod timing;
mod tls;
mod verification;
