//! The job portal in one binary: it serves the API, delivers mail and runs periodic tasks.
//!
//! This crate wires the others together and decides nothing that is not about one process: which settings there are
//! ([`Settings`]), which parts are made of them ([`Application`]), how they end ([`Shutdown`]), and which commands an operator
//! has ([`cli`]). Rules live in the domain, SQL in persistence, wire formats in http.

mod application;
mod check;
pub mod cli;
mod composition;
mod error;
mod logging;
mod metrics;
mod operations;
mod process;
mod replicas;
mod seed;
mod sessions;
mod settings;
mod shutdown;
mod telemetry;
mod tls;
mod worker;

pub use application::Application;
pub use check::{Problem, installation, safety};
pub use composition::Overrides;
pub use error::StartError;
pub use jobportal_http::{openapi, permissions, routes};
pub use seed::{PlanError, SeedPlan, Seeded, Seeding};
pub use settings::{
    AccountsSettings, AuthSettings, CacheSettings, DatabaseSettings, Directory, Environment, FilesSettings,
    LimitsSettings, LogFormat, LogSettings, MailSettings, PrivacySettings, Profile, RedisSettings, Secret,
    ServerSettings, Settings, SettingsError, TelemetrySettings, WorkerSettings, environment,
};
pub use shutdown::Shutdown;
