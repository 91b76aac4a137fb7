use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jobportal_application::{Access, Error, RepositoryError, Result, Store, Work};

use crate::connection::{Address, Manager};
use crate::error::OpenError;
use crate::session::Session;

/// Where the database is, and how it is used.
#[derive(Clone)]
pub struct DatabaseSettings {
    /// `sqlite://PATH`, or `postgres://…` as libpq reads it.
    pub url: String,
    /// The most connections at once.
    pub pool_size: u32,
    /// How long to wait for a connection, and for another writer of a SQLite file.
    pub checkout_timeout: Duration,
}

/// The store, in SQLite or PostgreSQL.
pub struct DieselStore {
    pool: r2d2::Pool<Manager>,
    /// How many connections were found broken so far.
    losses: Arc<AtomicU64>,
    /// SQLite has one writer at a time. Those of this process queue here, instead of looking again and again.
    turn: Option<Mutex<()>>,
}

/// What became of one attempt at a transaction.
struct Attempt {
    outcome: Result<()>,
    /// The connection was lost.
    is_lost: bool,
    /// The work was begun.
    has_begun: bool,
}

impl DieselStore {
    /// Opens the database; the first connection is made at once, so that what is wrong is known at once.
    pub fn open(settings: &DatabaseSettings) -> Result<Self, OpenError> {
        let address = Address::parse(&settings.url)?;
        address.connect(settings.checkout_timeout)?;
        let turn = address.is_sqlite().then(Mutex::default);
        let losses = Arc::new(AtomicU64::new(0));
        let pool = r2d2::Pool::builder()
            .max_size(settings.pool_size.max(1))
            .connection_timeout(settings.checkout_timeout)
            .test_on_check_out(true)
            .build_unchecked(Manager::new(address, settings.checkout_timeout, losses.clone()));
        Ok(Self { pool, losses, turn })
    }

    fn attempt(&self, access: Access, work: &mut dyn FnMut(&mut Session<'_>) -> Result<()>) -> Attempt {
        let turn = self.turn.as_ref().filter(|_| access == Access::Write);
        let _turn = turn.map(|turn| turn.lock().unwrap_or_else(PoisonError::into_inner));
        let mut pooled = match self.pool.get() {
            Ok(pooled) => pooled,
            Err(error) => {
                return Attempt { outcome: Err(Error::Unavailable(error.into())), is_lost: false, has_begun: false };
            }
        };
        let transaction = Session::transact(&mut pooled.connection, access, work);
        let has_begun = transaction.is_ok();
        let outcome = transaction.flatten();
        let is_lost = outcome.is_err() && pooled.connection.is_broken();
        if is_lost {
            self.losses.fetch_add(1, Ordering::Relaxed);
        }
        Attempt { outcome, is_lost, has_begun }
    }

    /// Runs `work` in a transaction. A connection that turns out to be lost is replaced once, if nothing can have been done
    /// on it.
    fn transact(&self, access: Access, work: &mut dyn FnMut(&mut Session<'_>) -> Result<()>) -> Result<()> {
        let first = self.attempt(access, work);
        if first.is_lost && (access != Access::Write || !first.has_begun) {
            tracing::warn!(?access, "a database connection was lost; trying another one");
            return self.attempt(access, work).outcome;
        }
        first.outcome
    }
}

impl Store for DieselStore {
    fn run(&self, access: Access, work: &mut Work<'_>) -> Result<()> {
        self.transact(access, &mut |session| work(session))
    }

    fn ping(&self) -> Result<(), RepositoryError> {
        self.transact(Access::Statement, &mut |session| Ok(session.ping()?)).map_err(|error| match error {
            Error::Unavailable(source) => RepositoryError::Unavailable(source),
            other => RepositoryError::Backend(other.into()),
        })
    }
}
