use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use std::{fs, io};

use diesel::connection::{AnsiTransactionManager, CacheSize, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::r2d2::R2D2Connection;
use diesel::{PgConnection, SqliteConnection};
use jobportal_application::Access;

use crate::error::{OpenError, without_secrets};
use crate::store::DatabaseSettings;

/// A connection to either database.
pub(crate) enum AnyConnection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Where a database is, by the scheme of its address.
pub(crate) enum Address {
    Sqlite(String),
    Postgres(String),
}

impl Address {
    pub(crate) fn parse(url: &str) -> Result<Self, OpenError> {
        let (scheme, rest) = url.split_once(':').unwrap_or_default();
        match scheme {
            "sqlite" => match rest.strip_prefix("//").unwrap_or(rest) {
                // Each connection would have a database of its own.
                "" | ":memory:" => Err(OpenError::NoFile),
                path => Ok(Self::Sqlite(path.to_owned())),
            },
            "postgres" | "postgresql" => Ok(Self::Postgres(url.to_owned())),
            _ => Err(OpenError::UnknownScheme),
        }
    }

    /// Opens a connection; `patience` is how long the network, or another writer of a SQLite file, may take.
    pub(crate) fn connect(&self, patience: Duration) -> Result<AnyConnection, OpenError> {
        match self {
            Self::Sqlite(path) => open_file(path, patience).map(AnyConnection::Sqlite),
            Self::Postgres(url) => {
                let url = with_parameters(url, patience);
                PgConnection::establish(&url)
                    .map(AnyConnection::Postgres)
                    .map_err(|error| OpenError::Unreachable(without_secrets(&url, &error.to_string())))
            }
        }
    }

    pub(crate) const fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }
}

fn open_file(path: &str, patience: Duration) -> Result<SqliteConnection, OpenError> {
    if let Some(directory) = Path::new(path).parent().filter(|directory| !directory.as_os_str().is_empty()) {
        fs::create_dir_all(directory)
            .map_err(|source| OpenError::Directory { path: directory.to_path_buf(), source })?;
    }
    let failed = |cause: String| OpenError::File { path: path.into(), cause };
    make_private(Path::new(path)).map_err(|error| failed(error.to_string()))?;
    let mut connection = SqliteConnection::establish(path).map_err(|error| failed(error.to_string()))?;
    // The timeout comes first: the others may have to wait for another process.
    let patience_ms = patience.as_millis();
    let first = format!("PRAGMA busy_timeout = {patience_ms}; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;");
    connection.batch_execute(&first).map_err(|error| failed(error.to_string()))?;
    // Of those that open a new file at once, SQLite refuses this to some without waiting, lest they wait for each other.
    let start = Instant::now();
    while let Err(error) = connection.batch_execute("PRAGMA journal_mode = WAL") {
        let error = error.to_string();
        if !error.contains("locked") || start.elapsed() > patience {
            return Err(failed(error));
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(connection)
}

/// Makes the file, if it is not there, so that only its owner can read it. SQLite gives the same mode to the files beside it.
fn make_private(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Adds what the operator left out: the name that the server shows, and an end to waiting for it.
fn with_parameters(url: &str, patience: Duration) -> String {
    let mut url = url.to_owned();
    // libpq makes two seconds of one.
    let seconds = patience.as_secs().max(2).to_string();
    let parameters = [
        ("fallback_application_name", "jobportal"),
        ("connect_timeout", seconds.as_str()),
        // A host that is gone answers nothing, and says nothing either.
        ("tcp_user_timeout", "10000"),
        ("keepalives_idle", "30"),
    ];
    for (name, value) in parameters {
        if !url.contains(name) {
            let separator = match url.contains('?') {
                true if url.ends_with(['?', '&']) => "",
                true => "&",
                false => "?",
            };
            url = format!("{url}{separator}{name}={value}");
        }
    }
    url
}

impl AnyConnection {
    /// Begins a transaction, on PostgreSQL with these parameters, in the same round trip.
    pub(crate) fn begin(&mut self, access: Access, parameters: &str) -> QueryResult<()> {
        match (self, access) {
            (_, Access::Statement) => Ok(()),
            (Self::Sqlite(c), Access::Read) => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN"),
            // A transaction that reads first can't become a writer once another one wrote, however long it waits.
            (Self::Sqlite(c), Access::Write) => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN IMMEDIATE"),
            (Self::Postgres(c), Access::Read) => {
                let sql = format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {parameters}");
                AnsiTransactionManager::begin_transaction_sql(c, &sql)
            }
            // Whatever the server's default is: what is read under a lock has to be what the one before has committed.
            (Self::Postgres(c), Access::Write) => {
                let sql = format!("BEGIN ISOLATION LEVEL READ COMMITTED; {parameters}");
                AnsiTransactionManager::begin_transaction_sql(c, &sql)
            }
        }
    }

    /// Keeps no statement prepared on PostgreSQL between two transactions.
    pub(crate) fn forget_statements(&mut self) {
        if let Self::Postgres(c) = self {
            c.set_prepared_statement_cache_size(CacheSize::Disabled);
        }
    }

    pub(crate) fn commit(&mut self) -> QueryResult<()> {
        match self {
            Self::Sqlite(c) => AnsiTransactionManager::commit_transaction(c),
            Self::Postgres(c) => AnsiTransactionManager::commit_transaction(c),
        }
    }

    pub(crate) fn rollback(&mut self) -> QueryResult<()> {
        match self {
            Self::Sqlite(c) => AnsiTransactionManager::rollback_transaction(c),
            Self::Postgres(c) => AnsiTransactionManager::rollback_transaction(c),
        }
    }

    /// Whether the connection is lost, or its transaction could not be ended.
    pub(crate) fn is_broken(&mut self) -> bool {
        match self {
            Self::Sqlite(c) => c.is_broken(),
            Self::Postgres(c) => c.is_broken(),
        }
    }

    pub(crate) fn ping(&mut self) -> QueryResult<()> {
        match self {
            Self::Sqlite(c) => c.ping(),
            // In one round trip: between two a pooler could change the connection.
            Self::Postgres(c) => c.batch_execute("SELECT 1"),
        }
    }
}

/// Opens connections for the pool and judges them.
///
/// A connection is not tried out each time it is taken, which would cost a round trip. But once one is found broken, all that
/// were opened before are suspect (the server has restarted), and each of them is tried out when it is taken next.
pub(crate) struct Manager {
    address: Address,
    patience: Duration,
    parameters: Parameters,
    losses: Arc<AtomicU64>,
}

/// What is set on connections to PostgreSQL; once, or behind a pooler by transaction in each of them.
#[derive(Clone)]
pub(crate) struct Parameters {
    sql: String,
    are_of_transaction: bool,
}

impl Parameters {
    /// So that one which someone forgot keeps no lock, and a statement no thread, for good; that the jobs which a common word is in
    /// fit into a map of single rows, and not of pages that have to be read through; that nothing is compiled for a statement of
    /// milliseconds; and that it is told to no log that a word looked for is none.
    pub(crate) fn of(settings: &DatabaseSettings) -> Self {
        let are_of_transaction = settings.is_pooled_by_transaction;
        let set = if are_of_transaction { "SET LOCAL" } else { "SET" };
        let (lock, statement) = (settings.checkout_timeout.as_millis(), settings.statement_timeout.as_millis());
        let sql = format!(
            "{set} lock_timeout = {lock}; {set} statement_timeout = {statement}; {set} jit = off; \
             {set} client_min_messages = warning; SELECT set_config('work_mem', '32MB', {are_of_transaction}) \
             WHERE pg_size_bytes(current_setting('work_mem')) < pg_size_bytes('32MB')"
        );
        Self { sql, are_of_transaction }
    }

    /// What each transaction begins with.
    pub(crate) fn of_transaction(&self) -> &str {
        if self.are_of_transaction { &self.sql } else { "" }
    }

    /// How to get `access`: only within a transaction does a pooler keep the connection.
    pub(crate) fn access(&self, access: Access) -> Access {
        if self.are_of_transaction && access == Access::Statement { Access::Read } else { access }
    }
}

/// A connection of the pool, and how many connections were lost before it was last known to work.
pub(crate) struct Pooled {
    pub(crate) connection: AnyConnection,
    losses: u64,
}

impl Manager {
    pub(crate) fn new(address: Address, patience: Duration, parameters: Parameters, losses: Arc<AtomicU64>) -> Self {
        Self { address, patience, parameters, losses }
    }
}

impl r2d2::ManageConnection for Manager {
    type Connection = Pooled;
    type Error = OpenError;

    fn connect(&self) -> Result<Pooled, OpenError> {
        let losses = self.losses.load(Ordering::Relaxed);
        let mut connection = self.address.connect(self.patience)?;
        if self.parameters.are_of_transaction {
            connection.forget_statements();
        } else if let AnyConnection::Postgres(c) = &mut connection {
            c.batch_execute(&self.parameters.sql).map_err(|error| OpenError::Unreachable(error.to_string()))?;
        }
        Ok(Pooled { connection, losses })
    }

    fn is_valid(&self, pooled: &mut Pooled) -> Result<(), OpenError> {
        let losses = self.losses.load(Ordering::Relaxed);
        if pooled.losses != losses {
            pooled.connection.ping().map_err(|error| OpenError::Unreachable(error.to_string()))?;
            pooled.losses = losses;
        }
        Ok(())
    }

    fn has_broken(&self, pooled: &mut Pooled) -> bool {
        // Work that panics leaves its transaction open; it must not meet the next one.
        std::thread::panicking() || pooled.connection.is_broken()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_picks_the_database() {
        for (url, path) in [
            ("sqlite://data/portal.db", "data/portal.db"),
            ("sqlite:///var/portal.db", "/var/portal.db"),
            ("sqlite:portal.db", "portal.db"),
        ] {
            assert!(matches!(Address::parse(url), Ok(Address::Sqlite(p)) if p == path), "{url}");
        }
        for url in ["postgres://u:p@host/db", "postgresql:///db?host=/run"] {
            assert!(matches!(Address::parse(url), Ok(Address::Postgres(p)) if p == url), "{url}");
        }
        for url in ["", "portal.db", "mysql://host/db", "Postgres ://x"] {
            assert!(matches!(Address::parse(url), Err(OpenError::UnknownScheme)), "{url}");
        }
        for url in ["sqlite:", "sqlite://", "sqlite::memory:", "sqlite://:memory:"] {
            assert!(matches!(Address::parse(url), Err(OpenError::NoFile)), "{url}");
        }
    }

    #[test]
    fn an_address_keeps_what_the_operator_chose() {
        let patience = Duration::from_millis(10);
        for url in ["postgres://host/db", "postgres://host/db?"] {
            let expected = "postgres://host/db?fallback_application_name=jobportal&connect_timeout=2\
                &tcp_user_timeout=10000&keepalives_idle=30";
            assert_eq!(with_parameters(url, patience), expected);
        }
        assert_eq!(
            with_parameters("postgres://host/db?connect_timeout=9&keepalives_idle=5", patience),
            "postgres://host/db?connect_timeout=9&keepalives_idle=5&fallback_application_name=jobportal\
                &tcp_user_timeout=10000"
        );
    }
}
