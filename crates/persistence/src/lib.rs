//! Keeps everything of the job portal in SQLite or PostgreSQL, on diesel and r2d2.
//!
//! [`DieselStore`] is the [`Store`](jobportal_application::Store) of both; the scheme of the address picks. Each query is
//! written once and checked against both databases by one macro, `both!` (`session.rs`); what only one of them can do stands
//! in a named `match` arm. All errors are classified in `error.rs`, times are one SQL type (`time.rs`), and [`Migrator`]
//! brings a database up to date from the two trees in `migrations/`.

#![expect(clippy::ref_option_ref, reason = "diesel derives `Insertable` by way of them")]

#[macro_use]
mod session;

mod accounts;
mod applications;
mod candidates;
mod changes;
mod connection;
mod documents;
mod employers;
mod error;
mod idempotency;
mod jobs;
mod migrations;
mod networks;
mod notifications;
mod replicas;
mod schedule;
mod schema;
mod search;
mod second_factors;
mod seeding;
mod store;
mod subscriptions;
mod time;

pub use error::{MigrateError, OpenError};
pub use migrations::{MigrationState, Migrator};
pub use replicas::ReplicatedStore;
pub use store::{Connections, DatabaseSettings, DieselStore};
