use std::fmt;
use std::io;

use jobportal_cache::RedisError;
use jobportal_notification::MailerError;
use jobportal_persistence::{MigrateError, OpenError};
use jobportal_security::HasherError;
use thiserror::Error;

use crate::check::{Problem, list};
use crate::settings::SettingsError;

/// Why the portal did not start, in words for the operator: what is wrong and what to do about it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// Settings that can't be read.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Settings that are not safe in production.
    #[error("the production profile does not start like this:{}", list(.0))]
    Unsafe(Vec<Problem>),
    /// The database is away, or is none.
    #[error("{}; look at `database.url` ({url}), and at whether the database runs", one_line(.error))]
    Database {
        /// Where it should be, without what must not be shown.
        url: String,
        /// What it said.
        error: OpenError,
    },
    /// The database can't be brought up to date.
    #[error("{error} (`database.url`: {url})")]
    Migration {
        /// Where it is, without what must not be shown.
        url: String,
        /// What went wrong.
        error: MigrateError,
    },
    /// The database is older than the program, and may not be brought up to date at start.
    #[error(
        "the database lacks {}; run `jobportal migrate up`, or let it be done at start with `database.migrate_on_start`",
        .0.join(", ")
    )]
    Pending(Vec<String>),
    /// Documents can't be stored.
    #[error("{0}; make the directory writable, or name another in `files.dir`")]
    Files(io::Error),
    /// Mail can't be sent.
    #[error("`{setting}` {0}", setting = .0.setting())]
    Mailer(#[from] MailerError),
    /// What is named is no Redis.
    #[error("`redis.url` names no Redis: {0}")]
    Redis(RedisError),
    /// Passwords can't be hashed.
    #[error("`auth.bcrypt_cost`: {0}")]
    Hasher(#[from] HasherError),
    /// A key of access tokens can't be used.
    #[error("{0}")]
    TokenKey(Problem),
    /// The keys can't be made.
    #[error("the keys of the server can't be made: {0}")]
    Keys(jobportal_application::Error),
    /// Sessions that have ended can't be read.
    #[error("sessions that have ended can't be read: {0}; look at whether the database runs")]
    Sessions(jobportal_application::Error),
    /// The API can't be served by TLS.
    #[error("{0}")]
    Tls(Problem),
    /// The address can't be listened on.
    #[error("can't listen on {address}: {}", listen_problem(.error))]
    Listen {
        /// Which one.
        address: String,
        /// What the system said.
        error: io::Error,
    },
    /// The address for operators can't be listened on.
    #[error("can't listen on {address}, which `server.metrics_bind` names: {error}")]
    ListenForOperators {
        /// Which one.
        address: String,
        /// What the system said.
        error: io::Error,
    },
    /// Something can't be measured.
    #[error("the metrics can't be made: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The system does not give what every program needs.
    #[error("the system refused a thread or a signal: {0}")]
    System(#[from] io::Error),
}

/// What the database server said may be on several lines.
fn one_line(error: &OpenError) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn listen_problem(error: &io::Error) -> impl fmt::Display + use<> {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program listens there; stop it, or choose another address with --listen or `server.listen`"
                .to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 are for the system; choose another with --listen or `server.listen`".to_owned()
        }
        _ => format!("{error}; choose another address with --listen or `server.listen`"),
    }
}
