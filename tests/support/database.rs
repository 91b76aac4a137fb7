//! A private, migrated database for each test, in `SQLite` or `PostgreSQL`.

use std::cell::RefCell;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use diesel::connection::{Instrumentation, InstrumentationEvent, SimpleConnection, set_default_instrumentation};
use diesel::sql_types::Text;
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query};
use jobportal_application::Store;
use jobportal_persistence::{DatabaseSettings, DieselStore, Migrator};
use tempfile::TempDir;

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A file in a temporary directory.
    Sqlite,
    /// A database of its own on the server that `TEST_DATABASE_URL` names.
    Postgres,
}

impl Backend {
    /// Whether tests on it are wanted: only those on PostgreSQL may be left out, and only by `TEST_SQLITE_ONLY=1`.
    pub fn is_wanted(self) -> bool {
        let wanted = self == Self::Sqlite || variable("TEST_SQLITE_ONLY").is_none_or(|value| value != "1");
        if !wanted {
            println!("skipped: TEST_SQLITE_ONLY=1 leaves PostgreSQL out");
        }
        wanted
    }
}

/// A variable of the environment that is set and not empty.
#[expect(clippy::disallowed_methods, reason = "how tests are run is not a setting of the portal")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A migrated database that is removed when it is dropped.
pub struct TestDatabase {
    backend: Backend,
    url: String,
    store: OnceLock<Arc<DieselStore>>,
    place: Place,
}

enum Place {
    #[expect(dead_code, reason = "held to be dropped")]
    Directory(TempDir),
    #[expect(dead_code, reason = "held to be dropped")]
    Server(ServerDatabase, Option<Arc<ServerDatabase>>),
}

impl TestDatabase {
    /// The most connections of [`Self::store`].
    pub const POOL_SIZE: u32 = 8;

    /// Makes one.
    pub fn create(backend: Backend) -> Self {
        Self::make(backend, true)
    }

    /// Makes one without tables.
    pub fn create_empty(backend: Backend) -> Self {
        Self::make(backend, false)
    }

    fn make(backend: Backend, is_migrated: bool) -> Self {
        let (url, place) = match backend {
            Backend::Sqlite => {
                let directory = tempfile::tempdir().unwrap();
                let url = format!("sqlite://{}", directory.path().join("portal.db").display());
                if is_migrated {
                    Migrator::connect(&url).unwrap().up().unwrap();
                }
                (url, Place::Directory(directory))
            }
            Backend::Postgres => {
                let template = is_migrated.then(template);
                let options = template.as_ref().map(|template| format!(" TEMPLATE {}", template.name));
                let database = ServerDatabase::create(&options.unwrap_or_default());
                (database.url(), Place::Server(database, template))
            }
        };
        Self { backend, url, store: OnceLock::new(), place }
    }

    /// Which database it is in.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A store on it; always the same.
    pub fn store(&self) -> Arc<dyn Store> {
        self.store.get_or_init(|| Arc::new(self.open(Self::POOL_SIZE))).clone()
    }

    /// Another store on it, as another node would have.
    pub fn open(&self, pool_size: u32) -> DieselStore {
        let checkout_timeout = Duration::from_secs(10);
        DieselStore::open(&DatabaseSettings { checkout_timeout, ..DatabaseSettings::new(&self.url, pool_size) })
            .unwrap()
    }

    /// Runs SQL past the store.
    pub fn execute(&self, sql: &str) {
        match self.backend {
            Backend::Sqlite => self.sqlite().batch_execute(sql).unwrap(),
            Backend::Postgres => PgConnection::establish(&self.url).unwrap().batch_execute(sql).unwrap(),
        }
    }

    /// Runs a query past the store, and returns its column `value`, a text.
    pub fn values(&self, sql: &str) -> Vec<String> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Text)]
            value: String,
        }
        let rows: Vec<Row> = match self.backend {
            Backend::Sqlite => sql_query(sql).load(&mut self.sqlite()).unwrap(),
            Backend::Postgres => sql_query(sql).load(&mut PgConnection::establish(&self.url).unwrap()).unwrap(),
        };
        rows.into_iter().map(|row| row.value).collect()
    }

    /// How the database would run a statement that a store made, as it does once it knows that it will run it again and again,
    /// line by line. PostgreSQL reads a table, or an index, of few rows through for reasons of cost; here it does where nothing else will do.
    pub fn plan(&self, sql: &str) -> Vec<String> {
        #[derive(QueryableByName)]
        struct Step {
            #[diesel(sql_type = Text)]
            detail: String,
        }
        #[derive(QueryableByName)]
        struct Line {
            #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
            line: String,
        }
        match self.backend {
            Backend::Sqlite => {
                let steps: Vec<Step> = sql_query(format!("EXPLAIN QUERY PLAN {sql}")).load(&mut self.sqlite()).unwrap();
                steps.into_iter().map(|step| step.detail).collect()
            }
            Backend::Postgres => {
                let mut connection = PgConnection::establish(&self.url).unwrap();
                let settings = "SET plan_cache_mode = force_generic_plan; SET jit = off; SET enable_seqscan = off; \
                                SET enable_mergejoin = off; SET enable_hashjoin = off";
                connection.batch_execute(&format!("{settings}; PREPARE statement AS {sql}")).unwrap();
                let values = (1..).take_while(|number| sql.contains(&format!("${number}"))).map(|_| "NULL");
                let values = values.collect::<Vec<_>>().join(", ");
                let values = if values.is_empty() { values } else { format!("({values})") };
                let explain = format!("EXPLAIN (COSTS OFF) EXECUTE statement{values}");
                let lines: Vec<Line> = sql_query(explain).load(&mut connection).unwrap();
                lines.into_iter().map(|line| line.line).collect()
            }
        }
    }

    /// Ends all connections to a PostgreSQL database and lets nobody in until told otherwise, as a server that is away.
    pub fn set_away(&self, is_away: bool) {
        let Place::Server(database, _) = &self.place else { panic!("a file is never away") };
        database.at_server(&format!("ALTER DATABASE {} ALLOW_CONNECTIONS {}", database.name, !is_away)).unwrap();
        if is_away {
            let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname =";
            database.at_server(&format!("{cut} '{}'", database.name)).unwrap();
        }
    }

    fn sqlite(&self) -> SqliteConnection {
        let mut connection = SqliteConnection::establish(self.url.strip_prefix("sqlite://").unwrap()).unwrap();
        connection.batch_execute("PRAGMA busy_timeout = 10000").unwrap();
        connection
    }
}

/// Does something, and returns the SQL of each statement that the stores of this thread have run for it. Only stores that were
/// opened after the first call tell it.
pub fn statements(work: impl FnOnce()) -> Vec<String> {
    #[expect(clippy::unnecessary_wraps, reason = "diesel asks whether there is one")]
    fn recorder() -> Option<Box<dyn Instrumentation>> {
        Some(Box::new(|event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::StartQuery { query, .. } = event {
                RECORD.with_borrow_mut(|record| record.push(query.to_string()));
            }
        }))
    }
    set_default_instrumentation(recorder).unwrap();
    RECORD.take();
    work();
    let sql = |debug: String| debug.split(" -- binds:").next().unwrap_or_default().trim().to_owned();
    RECORD.take().into_iter().map(sql).collect()
}

thread_local! {
    static RECORD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// A database on the server, dropped with this.
struct ServerDatabase {
    server: String,
    name: String,
}

impl ServerDatabase {
    fn create(options: &str) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let server = variable("TEST_DATABASE_URL").unwrap_or_else(|| {
            panic!(
                "set TEST_DATABASE_URL to a PostgreSQL server on which databases may be made, as in \
                 postgres://user:password@host/postgres, or TEST_SQLITE_ONLY=1 to leave PostgreSQL out"
            )
        });
        // Unique on a server that others test on too.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros();
        let name = format!("jobportal_test_{}_{now}_{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let database = Self { server, name };
        database.at_server(&format!("CREATE DATABASE {}{options}", database.name)).unwrap();
        database
    }

    /// Runs a command of the server about the database.
    fn at_server(&self, command: &str) -> diesel::QueryResult<()> {
        PgConnection::establish(&self.server).unwrap().batch_execute(command)
    }

    /// The address of the server, with the name of the database in it replaced.
    fn url(&self) -> String {
        let (scheme, rest) = self.server.split_once("://").unwrap();
        let (location, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let host = location.split('/').next().unwrap();
        format!("{scheme}://{host}/{}?{parameters}", self.name)
    }
}

impl Drop for ServerDatabase {
    fn drop(&mut self) {
        // Connections of a pool that is just being dropped may still be there.
        if let Err(error) = self.at_server(&format!("DROP DATABASE {} WITH (FORCE)", self.name)) {
            eprintln!("{} is left behind: {error}", self.name);
        }
    }
}

/// The migrated database that all others are copies of; there as long as any of them is.
fn template() -> Arc<ServerDatabase> {
    static TEMPLATE: Mutex<Weak<ServerDatabase>> = Mutex::new(Weak::new());
    let mut shared = TEMPLATE.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let template = Arc::new(ServerDatabase::create(""));
        Migrator::connect(&template.url()).unwrap().up().unwrap();
        *shared = Arc::downgrade(&template);
        template
    })
}
