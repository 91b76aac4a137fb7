//! What goes wrong below, told apart in one place.

use std::io;
use std::path::PathBuf;

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};
use jobportal_application::{Constraint, RepositoryError};
use jobportal_domain::{Text, TextError};
use thiserror::Error;

/// Why a database could not be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The address begins with none of the schemes that are known.
    #[error("the address of the database must begin with sqlite:// or postgres://")]
    UnknownScheme,
    /// A SQLite address without a file, or in memory.
    #[error("the address of a SQLite database must name a file, as sqlite://data/jobportal.db does")]
    NoFile,
    /// The directory of a SQLite file is not there and can't be made.
    #[error("the directory {} of the database can't be made: {source}", .path.display())]
    Directory {
        /// Which directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A SQLite file can't be opened.
    #[error("the database file {} can't be opened for writing, together with its directory: {cause}", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What SQLite says.
        cause: String,
    },
    /// A PostgreSQL server can't be reached, or does not let us in.
    #[error("the database can't be reached: {0}")]
    Unreachable(String),
}

/// Why a database could not be migrated.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// The database knows migrations that this program does not.
    #[error("the database was migrated by a newer version of this program, which alone can use it (unknown: {0})")]
    Newer(String),
    /// A migration failed; the database is as it was before.
    #[error("the database can't be migrated: {0}")]
    Failed(String),
}

impl From<DieselError> for MigrateError {
    fn from(error: DieselError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<Box<dyn std::error::Error + Send + Sync>> for MigrateError {
    fn from(error: Box<dyn std::error::Error + Send + Sync>) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Takes the password of `url` out of a message: libpq repeats an address that it can't read, or the part it stumbled over.
pub(crate) fn without_secrets(url: &str, message: &str) -> String {
    let user_info = url.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@')).map_or("", |(user, _)| user);
    let password = user_info.split_once(':').map_or("", |(_, password)| password);
    let parameter = url.split_once("password=").map_or("", |(_, rest)| rest.split('&').next().unwrap_or_default());
    // A password with a bare slash is cut there.
    let secrets = [url, password, parameter].into_iter().chain(password.split('/'));
    let secrets = secrets.filter(|secret| !secret.is_empty());
    secrets.fold(message.trim().to_owned(), |text, secret| text.replace(secret, "***"))
}

/// What SQLite and PostgreSQL say when trying again may help; both tell it by no code that diesel passes on.
const PASSING: [&str; 12] = [
    "database is locked",
    "database table is locked",
    "database schema is locked",
    "database or disk is full",
    "disk I/O error",
    "unable to open database file",
    "deadlock detected",
    "No space left on device",
    "canceling statement due to",
    "terminating connection",
    "the database system is",
    "too many connections",
];

/// Judges an error of diesel by what the caller can do about it.
pub(crate) fn classify(error: DieselError) -> RepositoryError {
    let conflict = match &error {
        DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, info) => Some(violated(&**info)),
        DieselError::DatabaseError(
            DatabaseErrorKind::ForeignKeyViolation | DatabaseErrorKind::RestrictViolation,
            _,
        ) => Some(Constraint::Reference),
        _ => None,
    };
    match conflict {
        Some(constraint) => RepositoryError::Conflict(constraint),
        None if is_passing(&error) => RepositoryError::Unavailable(error.into()),
        None => RepositoryError::Backend(error.into()),
    }
}

/// PostgreSQL names the constraint, SQLite its columns.
fn violated(info: &dyn DatabaseErrorInformation) -> Constraint {
    match info.constraint_name().unwrap_or_else(|| info.message()) {
        "users_email_key" | "UNIQUE constraint failed: users.email" => Constraint::UserEmail,
        "users_phone_number_key" | "UNIQUE constraint failed: users.phone_number" => Constraint::UserPhoneNumber,
        "plans_name_key" | "UNIQUE constraint failed: plans.name" => Constraint::PlanName,
        "subscriptions_active_key" | "UNIQUE constraint failed: subscriptions.user_id" => {
            Constraint::ActiveSubscription
        }
        _ => Constraint::Other,
    }
}

fn is_passing(error: &DieselError) -> bool {
    match error {
        DieselError::BrokenTransactionManager | DieselError::RollbackErrorOnCommit { .. } => true,
        DieselError::DatabaseError(kind, info) => {
            matches!(
                kind,
                DatabaseErrorKind::ClosedConnection
                    | DatabaseErrorKind::UnableToSendCommand
                    | DatabaseErrorKind::SerializationFailure
            ) || PASSING.iter().any(|passing| info.message().contains(passing))
        }
        _ => false,
    }
}

/// A column whose content breaks a rule of the domain. The content itself is nobody's business.
#[derive(Debug, Error)]
#[error("{0} holds what the program does not understand")]
struct Corrupt(&'static str);

/// The value that was read from `column`.
pub(crate) fn stored<T, E>(column: &'static str, parsed: Result<T, E>) -> Result<T, RepositoryError> {
    parsed.map_err(|_| RepositoryError::Backend(Corrupt(column).into()))
}

/// The value that was read from `column`, where there is one.
pub(crate) fn stored_option<T, E>(
    column: &'static str,
    raw: Option<String>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<T>, RepositoryError> {
    raw.map(|raw| stored(column, parse(&raw))).transpose()
}

/// The text that was read from `column`, where there is one.
pub(crate) fn stored_text<const MAX: usize>(
    column: &'static str,
    raw: Option<String>,
) -> Result<Option<Text<MAX>>, RepositoryError> {
    stored_option::<_, TextError>(column, raw, Text::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: DatabaseErrorKind, message: &str) -> RepositoryError {
        classify(DieselError::DatabaseError(kind, Box::new(message.to_owned())))
    }

    #[test]
    fn what_passes_is_told_from_what_stays() {
        let unavailable = |error| matches!(error, RepositoryError::Unavailable(_));
        for message in PASSING {
            assert!(unavailable(of(DatabaseErrorKind::Unknown, &format!("x: {message} y"))), "{message}");
        }
        for kind in [DatabaseErrorKind::ClosedConnection, DatabaseErrorKind::SerializationFailure] {
            assert!(unavailable(of(kind, "")));
        }
        assert!(unavailable(classify(DieselError::BrokenTransactionManager)));
        for kind in [DatabaseErrorKind::CheckViolation, DatabaseErrorKind::NotNullViolation, DatabaseErrorKind::Unknown]
        {
            assert!(matches!(of(kind, "no such table: users"), RepositoryError::Backend(_)));
        }
        assert!(matches!(classify(DieselError::NotFound), RepositoryError::Backend(_)));
    }

    #[test]
    fn a_password_is_not_repeated() {
        let told = |url: &str| without_secrets(url, &format!("can't read \"{url}\", nor s3cret, nor pa"));
        for url in ["postgres://u:s3cret@host/db", "postgres://host/db?user=u&password=s3cret&x=y"] {
            assert!(!told(url).contains("s3cret"), "{}", told(url));
        }
        let cut = without_secrets("postgres://u:pa/s3cret@host/db", "invalid integer value \"pa\" for option \"port\"");
        assert_eq!(cut, "invalid integer value \"***\" for option \"port\"");
        assert_eq!(without_secrets("postgres://host/db", "refused\n"), "refused");
    }

    #[test]
    fn a_column_is_named_without_its_value() {
        let error = stored("jobs.title", Text::<3>::parse("abcd")).unwrap_err();
        let RepositoryError::Backend(source) = error else { panic!("{error}") };
        assert_eq!(source.to_string(), "jobs.title holds what the program does not understand");
    }
}
