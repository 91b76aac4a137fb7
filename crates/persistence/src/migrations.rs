use std::collections::HashSet;
use std::time::Duration;

use diesel::backend::Backend;
use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use jobportal_application::Access;

use crate::connection::{Address, AnyConnection};
use crate::error::{MigrateError, OpenError};

const FOR_SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");
const FOR_POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// How long to wait for the server, or for another node that migrates the same SQLite file.
const PATIENCE: Duration = Duration::from_secs(30);

/// Keeps several nodes from migrating one PostgreSQL database at once, until the transaction ends. The number stands for
/// nothing else.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7020437158213)";

/// A migration, and whether the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationState {
    /// Its name; of one that this program does not know, its version.
    pub name: String,
    /// Whether the database has it.
    pub is_applied: bool,
    /// Whether this program has it; else a newer version applied it.
    pub is_known: bool,
}

/// Brings a database up to date, on a connection of its own. Each call is one transaction, and nodes that start at once take
/// turns.
pub struct Migrator {
    connection: AnyConnection,
}

impl Migrator {
    /// Connects to the database.
    pub fn connect(url: &str) -> Result<Self, OpenError> {
        let mut connection = Address::parse(url)?.connect(PATIENCE)?;
        // A pooler may give the next transaction another connection to PostgreSQL.
        connection.forget_statements();
        Ok(Self { connection })
    }

    /// Applies what the database lacks; returns the names. Refuses to, where a newer version has migrated the database otherwise;
    /// one that lacks nothing is left alone, since migrations leave the version before them working.
    pub fn up(&mut self) -> Result<Vec<String>, MigrateError> {
        self.transaction(|connection| match connection {
            AnyConnection::Sqlite(c) => up(c, &FOR_SQLITE),
            AnyConnection::Postgres(c) => up(c, &FOR_POSTGRES),
        })
    }

    /// Undoes the last `steps` migrations, and with them the data they made room for; returns the names.
    pub fn down(&mut self, steps: usize) -> Result<Vec<String>, MigrateError> {
        self.transaction(|connection| match connection {
            AnyConnection::Sqlite(c) => down(c, &FOR_SQLITE, steps),
            AnyConnection::Postgres(c) => down(c, &FOR_POSTGRES, steps),
        })
    }

    /// All migrations, oldest first.
    pub fn status(&mut self) -> Result<Vec<MigrationState>, MigrateError> {
        self.transaction(|connection| match connection {
            AnyConnection::Sqlite(c) => status(c, &FOR_SQLITE),
            AnyConnection::Postgres(c) => status(c, &FOR_POSTGRES),
        })
    }

    fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut AnyConnection) -> Result<T, MigrateError>,
    ) -> Result<T, MigrateError> {
        self.connection.begin(Access::Write, "")?;
        let outcome = lock(&mut self.connection).and_then(|()| work(&mut self.connection));
        match outcome {
            Ok(value) => {
                self.connection.commit()?;
                Ok(value)
            }
            Err(error) => {
                self.connection.rollback()?;
                Err(error)
            }
        }
    }
}

fn lock(connection: &mut AnyConnection) -> Result<(), MigrateError> {
    match connection {
        // Whoever begins to write is alone.
        AnyConnection::Sqlite(_) => Ok(()),
        AnyConnection::Postgres(c) => Ok(c.batch_execute(LOCK)?),
    }
}

/// The migrations that the program has, oldest first.
type Known<DB> = Vec<Box<dyn Migration<DB>>>;

/// The versions that the database has.
type Applied = HashSet<MigrationVersion<'static>>;

fn compare<DB: Backend>(
    connection: &mut impl MigrationHarness<DB>,
    source: &EmbeddedMigrations,
) -> Result<(Known<DB>, Applied), MigrateError>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    let mut known = MigrationSource::<DB>::migrations(source)?;
    known.sort_by(|a, b| a.name().version().cmp(&b.name().version()));
    Ok((known, connection.applied_migrations()?.into_iter().collect()))
}

/// Refuses a database that has a migration which the program does not.
fn refuse_newer<DB: Backend>(known: &Known<DB>, applied: &Applied) -> Result<(), MigrateError> {
    let is_unknown = |version: &&MigrationVersion<'_>| known.iter().all(|known| known.name().version() != **version);
    match applied.iter().find(is_unknown) {
        Some(unknown) => Err(MigrateError::Newer(unknown.to_string())),
        None => Ok(()),
    }
}

fn up<DB: Backend>(
    connection: &mut impl MigrationHarness<DB>,
    source: &EmbeddedMigrations,
) -> Result<Vec<String>, MigrateError>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    let (known, applied) = compare(connection, source)?;
    let mut names = Vec::new();
    for migration in known.iter().filter(|migration| !applied.contains(&migration.name().version())) {
        refuse_newer(&known, &applied)?;
        connection.run_migration(migration)?;
        names.push(migration.name().to_string());
    }
    Ok(names)
}

fn down<DB: Backend>(
    connection: &mut impl MigrationHarness<DB>,
    source: &EmbeddedMigrations,
    steps: usize,
) -> Result<Vec<String>, MigrateError>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    let (known, applied) = compare(connection, source)?;
    refuse_newer(&known, &applied)?;
    let mut names = Vec::new();
    let newest_first = known.iter().rev().filter(|migration| applied.contains(&migration.name().version()));
    for migration in newest_first.take(steps) {
        connection.revert_migration(migration)?;
        names.push(migration.name().to_string());
    }
    Ok(names)
}

fn status<DB: Backend>(
    connection: &mut impl MigrationHarness<DB>,
    source: &EmbeddedMigrations,
) -> Result<Vec<MigrationState>, MigrateError>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    let (known, mut applied) = compare(connection, source)?;
    let mut states = Vec::new();
    for migration in known {
        let is_applied = applied.remove(&migration.name().version().as_owned());
        states.push(MigrationState { name: migration.name().to_string(), is_applied, is_known: true });
    }
    let newer = applied.iter().map(ToString::to_string);
    states.extend(newer.map(|name| MigrationState { name, is_applied: true, is_known: false }));
    Ok(states)
}
