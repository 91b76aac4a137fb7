use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jobportal_application::{Access, ChangeListener, Error, RepositoryError, Result, Store, Work};

use crate::connection::{Address, Manager, Parameters};
use crate::error::OpenError;
use crate::search::breadth::Breadth;
use crate::session::Session;

/// How often work is tried at most. A server that restarts cuts connections one after the other: the one that replaces a lost
/// one may work when it is tried out, and be cut next.
const ATTEMPTS: usize = 3;

/// Where the database is, and how it is used.
#[derive(Clone)]
pub struct DatabaseSettings {
    /// `sqlite://PATH`, or `postgres://…` as libpq reads it.
    pub url: String,
    /// The most connections at once.
    pub pool_size: u32,
    /// How long to wait for a connection, for another writer of a SQLite file, and for a lock of PostgreSQL.
    pub checkout_timeout: Duration,
    /// When PostgreSQL ends a statement that takes long.
    pub statement_timeout: Duration,
    /// The address is that of a pooler such as `PgBouncer`, which gives each transaction whichever connection to PostgreSQL is free.
    pub is_pooled_by_transaction: bool,
}

impl DatabaseSettings {
    /// Those of a database that is reached without a pooler, with some patience.
    pub fn new(url: impl Into<String>, pool_size: u32) -> Self {
        Self {
            url: url.into(),
            pool_size,
            checkout_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            is_pooled_by_transaction: false,
        }
    }
}

/// Connections to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// All that are open.
    pub open: u32,
    /// Those of them that nobody uses.
    pub idle: u32,
}

/// The store, in SQLite or PostgreSQL.
pub struct DieselStore {
    pool: r2d2::Pool<Manager>,
    /// How many connections were found broken so far.
    losses: Arc<AtomicU64>,
    /// SQLite has one writer at a time. Those of this process queue here, instead of looking again and again.
    turn: Option<Mutex<()>>,
    /// The last wait for a connection was in vain. Until there is one again nobody else waits: one wait after the other would add
    /// up to minutes for whoever is last.
    is_away: AtomicBool,
    checkout_timeout: Duration,
    parameters: Parameters,
    listener: Option<Arc<dyn ChangeListener>>,
    breadth: Breadth,
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
        let store = Self::open_later(settings)?;
        Address::parse(&settings.url)?.connect(settings.checkout_timeout)?;
        Ok(store)
    }

    /// Opens a database that need not be there yet.
    pub(crate) fn open_later(settings: &DatabaseSettings) -> Result<Self, OpenError> {
        let address = Address::parse(&settings.url)?;
        let parameters = Parameters::of(settings);
        let turn = address.is_sqlite().then(Mutex::default);
        let losses = Arc::new(AtomicU64::new(0));
        let pool = r2d2::Pool::builder()
            .max_size(settings.pool_size.max(1))
            .connection_timeout(settings.checkout_timeout)
            .test_on_check_out(true)
            .build_unchecked(Manager::new(address, settings.checkout_timeout, parameters.clone(), losses.clone()));
        Ok(Self {
            pool,
            losses,
            turn,
            is_away: AtomicBool::new(false),
            checkout_timeout: settings.checkout_timeout,
            parameters,
            breadth: Breadth::default(),
            listener: None,
        })
    }

    /// Tells `listener` what its transactions may have changed.
    #[must_use]
    pub fn telling(self, listener: Arc<dyn ChangeListener>) -> Self {
        Self { listener: Some(listener), ..self }
    }

    /// How many connections there are.
    pub fn connections(&self) -> Connections {
        let r2d2::State { connections, idle_connections, .. } = self.pool.state();
        Connections { open: connections, idle: idle_connections }
    }

    fn check_out(&self) -> Result<r2d2::PooledConnection<Manager>> {
        // The pool goes on trying to connect by itself.
        let is_away = self.is_away.load(Ordering::Relaxed);
        let pooled = self.pool.get_timeout(if is_away { Duration::ZERO } else { self.checkout_timeout });
        // Who did not wait and got none has learnt nothing.
        if pooled.is_ok() == is_away {
            self.is_away.store(!is_away, Ordering::Relaxed);
        }
        pooled.map_err(|error| Error::Unavailable(error.into()))
    }

    fn attempt(&self, access: Access, work: &mut dyn FnMut(&mut Session<'_>) -> Result<()>) -> Attempt {
        let turn = self.turn.as_ref().filter(|_| access == Access::Write);
        let _turn = turn.map(|turn| turn.lock().unwrap_or_else(PoisonError::into_inner));
        let mut pooled = match self.check_out() {
            Ok(pooled) => pooled,
            Err(error) => return Attempt { outcome: Err(error), is_lost: false, has_begun: false },
        };
        let access = self.parameters.access(access);
        let parts = (&self.breadth, self.listener.as_deref());
        let transaction =
            Session::transact(&mut pooled.connection, parts, access, self.parameters.of_transaction(), work);
        let has_begun = transaction.is_ok();
        let outcome = transaction.flatten();
        // Diesel overlooks a connection that is cut during a query outside a transaction, unless it is used again.
        let is_lost = matches!(outcome, Err(Error::Unavailable(_) | Error::Internal(_)))
            && (pooled.connection.is_broken() || pooled.connection.ping().is_err());
        if is_lost {
            self.losses.fetch_add(1, Ordering::Relaxed);
        }
        Attempt { outcome, is_lost, has_begun }
    }

    /// Runs `work` in a transaction. A connection that turns out to be lost is replaced, if nothing can have been done on it.
    pub(crate) fn transact(&self, access: Access, work: &mut dyn FnMut(&mut Session<'_>) -> Result<()>) -> Result<()> {
        let mut attempt = self.attempt(access, work);
        for _ in 1..ATTEMPTS {
            if !attempt.is_lost || (access == Access::Write && attempt.has_begun) {
                break;
            }
            tracing::warn!(?access, "a database connection was lost; trying another one");
            attempt = self.attempt(access, work);
        }
        attempt.outcome
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
