use std::future::ready;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use std::{fmt, fs};

use jobportal_application::{
    AccountSettings, Accounts, ChangeListener, Clock, Directory, Documents, FileStore, Mailer, Outbox, PasswordHasher,
    RandomSource, Store, SystemClock, Vault,
};
use jobportal_cache::{
    MemoryMailSignal, MemoryResponseCache, MemorySessionDenylist, Redis, RedisError, RedisNodes, RedisSettings,
};
use jobportal_domain::{CodePolicy, SessionPolicy};
use jobportal_files::LocalFiles;
use jobportal_http::{Dependency, Drain, Executor, Health, Need, Priority, Ready};
use jobportal_notification::from_url;
use jobportal_persistence::{Connections, DatabaseSettings, DieselStore, MigrationState, Migrator, ReplicatedStore};
use jobportal_security::{BcryptHasher, JwtTokens, OsRandom, ServerVault, TokenKeys, Totp};

use crate::check::{Problem, safety};
use crate::error::StartError;
use crate::metrics::{Mails, Metrics};
use crate::settings::{self, AuthSettings, Settings, time_delta, without_secrets};
use crate::worker::Worker;

/// How long a job waits for a connection. There are as many as threads, so this is how long a database may take to answer again.
const CHECKOUT_TIMEOUT: Duration = Duration::from_secs(5);

/// Who makes access tokens, and whom they are for.
const ISSUER: &str = "jobportal";

/// How many outcomes of mails may wait to be recorded.
const WORKER_QUEUE: usize = 64;

/// How long an answer is kept ready at most where other processes, such as commands, can't tell that they changed something; and where
/// they can, for the sake of one that dies before it does.
const KEPT_ALONE: Duration = Duration::from_secs(60);
const KEPT_AMONG_NODES: Duration = Duration::from_secs(5);

/// What a test puts in the place of the real thing.
#[derive(Clone, Default)]
pub struct Overrides {
    /// Tells the time.
    pub clock: Option<Arc<dyn Clock>>,
    /// Draws codes, tokens and names.
    pub random: Option<Arc<dyn RandomSource>>,
    /// Sends mail.
    pub mailer: Option<Arc<dyn Mailer>>,
}

/// The parts that every command works with.
pub(crate) struct Core {
    pub(crate) settings: Settings,
    pub(crate) store: Arc<dyn Store>,
    /// The same database, read from its replicas, where there are some.
    pub(crate) replicas: Option<Arc<ReplicatedStore>>,
    /// The same as what it is.
    database: Arc<DieselStore>,
    /// Learns from the store what changed.
    pub(crate) responses: Option<Arc<MemoryResponseCache<Arc<Ready>>>>,
    /// Knows the sessions that ended on this node, and those it heard of.
    pub(crate) denylist: Arc<MemorySessionDenylist>,
    pub(crate) signal: Arc<MemoryMailSignal>,
    pub(crate) shared: Option<Shared>,
    pub(crate) hasher: Arc<dyn PasswordHasher>,
    pub(crate) tokens: Arc<JwtTokens>,
    pub(crate) vault: Arc<dyn Vault>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn RandomSource>,
    mailer: Option<Arc<dyn Mailer>>,
}

/// What there is besides where the settings name a Redis.
pub(crate) struct Shared {
    pub(crate) redis: Arc<Redis>,
    pub(crate) nodes: Arc<RedisNodes>,
}

impl Core {
    /// Checks the settings, brings the database up to date or sees that it is, and opens it with so many connections.
    pub(crate) fn open(settings: Settings, connections: u32, overrides: Overrides) -> Result<Self, StartError> {
        let problems = safety(&settings);
        if !problems.is_empty() {
            return Err(StartError::Unsafe(problems));
        }
        let cost = settings.auth.bcrypt_cost;
        let responses = settings.cache.responses.then(|| {
            let lifetime = if settings.redis.is_set() { KEPT_AMONG_NODES } else { KEPT_ALONE };
            let responses =
                MemoryResponseCache::new(cache_bytes(&settings), lifetime, |ready: &Arc<Ready>| ready.size());
            let database = &settings.database;
            let is_behind = database.replicas().next().is_some();
            Arc::new(if is_behind { responses.behind(database.replica_max_lag) } else { responses })
        });
        let (denylist, signal) = (Arc::<MemorySessionDenylist>::default(), Arc::<MemoryMailSignal>::default());
        let mut listeners: Vec<Arc<dyn ChangeListener>> = vec![signal.clone()];
        listeners.extend(responses.clone().map(|responses| responses as Arc<dyn ChangeListener>));
        let random = overrides.random.unwrap_or_else(|| Arc::new(OsRandom));
        let shared = match redis(&settings.redis).map_err(StartError::Redis)? {
            Some(redis) => {
                let redis = Arc::new(redis);
                let node = random.public_id().map_err(StartError::Keys)?;
                let listener = Arc::new(listeners.clone());
                let nodes = Arc::new(RedisNodes::start(redis.clone(), node, listener, denylist.clone())?);
                listeners.push(nodes.clone());
                Some(Shared { redis, nodes })
            }
            None => None,
        };
        // A hasher begins with a hash, which takes as long as opening the database does.
        let (hasher, store) = thread::scope(|scope| {
            let hasher = scope.spawn(|| BcryptHasher::new(cost));
            let store = open_database(&settings, connections, Arc::new(listeners));
            (hasher.join(), store)
        });
        let hasher = hasher.map_err(|_| std::io::Error::other("a thread panicked"))??;
        let keys = token_keys(&settings.auth).map_err(StartError::TokenKey)?;
        let vault = ServerVault::new(settings.auth.jwt_secret.expose());
        let vault = settings.auth.former_secrets().fold(vault, |vault, secret| vault?.and_secret(secret));
        let database = store?;
        Ok(Self {
            replicas: open_replicas(&settings, connections, &database)?,
            store: database.clone(),
            database,
            responses,
            denylist,
            signal,
            shared,
            hasher: Arc::new(hasher),
            tokens: Arc::new(JwtTokens::new(keys, ISSUER, ISSUER)),
            vault: Arc::new(vault.map_err(StartError::Keys)?),
            clock: overrides.clock.unwrap_or_else(|| Arc::new(SystemClock)),
            random,
            mailer: overrides.mailer,
            settings,
        })
    }

    pub(crate) fn accounts(&self) -> Accounts {
        Accounts {
            store: self.store.clone(),
            hasher: self.hasher.clone(),
            tokens: self.tokens.clone(),
            random: self.random.clone(),
            vault: self.vault.clone(),
            totp: Arc::new(Totp),
            clock: self.clock.clone(),
            settings: AccountSettings {
                codes: CodePolicy {
                    lifetime: time_delta(self.settings.accounts.otp_lifetime),
                    max_attempts: self.settings.accounts.otp_max_attempts,
                    ..CodePolicy::default()
                },
                access_lifetime: time_delta(self.settings.auth.access_lifetime),
                sessions: SessionPolicy {
                    lifetime: time_delta(self.settings.auth.session_lifetime),
                    max_lifetime: time_delta(self.settings.auth.session_max_lifetime),
                },
                directory: self.directory(),
                require_second_factor: self.settings.auth.require_second_factor.clone(),
            },
        }
    }

    pub(crate) fn documents(&self) -> Documents {
        Documents::new(self.store.clone(), self.random.clone())
    }

    pub(crate) fn directory(&self) -> Directory {
        match self.settings.privacy.directory {
            settings::Directory::Open => Directory::Open,
            settings::Directory::Restricted => Directory::Restricted,
        }
    }

    /// What is measured of the parts, and the thread that reads what has to be read for it.
    pub(crate) fn metrics(&self) -> Result<(Metrics, Drain), StartError> {
        let mut metrics = Metrics::new()?;
        let pool = |count: fn(Connections) -> u32| {
            let database = self.database.clone();
            move || count(database.connections()).into()
        };
        metrics.gauge("jobportal_database_connections", "Connections to the database.", pool(|pool| pool.open))?;
        metrics.gauge("jobportal_database_connections_idle", "Those that nobody uses.", pool(|pool| pool.idle))?;
        if let Some(responses) = self.responses.clone() {
            let help = "What the answers that are kept ready take.";
            metrics.gauge("jobportal_response_cache_bytes", help, move || responses.size())?;
        }
        let (lane, drain) = Executor::start("operations", Priority::Normal, 1, 1, Duration::MAX)?;
        metrics.outbox(Outbox::new(self.store.clone(), self.clock.clone()), self.clock.clone(), lane)?;
        Ok((metrics, drain))
    }

    /// What tells whether the parts work, and the threads that they are asked on.
    pub(crate) fn health(
        &self,
        files: &Arc<LocalFiles>,
        mails: Option<Mails>,
    ) -> Result<(Health, Vec<Drain>), StartError> {
        let (store, files) = (self.store.clone(), files.clone());
        let (database, database_drain) =
            Dependency::blocking("database", Need::Required, move || store.ping().is_ok())?;
        let (documents, documents_drain) =
            Dependency::blocking("documents", Need::Useful, move || files.probe().is_ok())?;
        let mail = mails.map(|mails| Dependency::new("mail", Need::Useful, move || ready(mails.reach_the_server())));
        let dependencies = [database, documents].into_iter().chain(mail).collect();
        Ok((Health::new(dependencies), vec![database_drain, documents_drain]))
    }

    /// A worker, and the threads it works on.
    pub(crate) fn worker(
        &self,
        files: Arc<dyn FileStore>,
        metrics: &Metrics,
    ) -> Result<(Worker, Vec<Drain>), StartError> {
        let mail = &self.settings.mail;
        let mailer = match &self.mailer {
            Some(mailer) => mailer.clone(),
            None => from_url(mail.url.expose(), &mail.from, mail.ca_file.as_deref(), mail.print, mail.timeout)?,
        };
        // What became of a mail is recorded however long it takes.
        let start = |name, threads: u16| {
            Executor::start(name, Priority::Normal, usize::from(threads), WORKER_QUEUE, Duration::MAX)
        };
        let ((lane, drain), (tasks, tasks_drain)) =
            (start("worker", Worker::DELIVERY_THREADS)?, start("tasks", Worker::THREADS - Worker::DELIVERY_THREADS)?);
        for lane in [&lane, &tasks] {
            lane.register(metrics.registry())?;
        }
        let worker = Worker {
            store: self.store.clone(),
            vault: self.vault.clone(),
            clock: self.clock.clone(),
            mailer,
            signal: self.signal.clone(),
            mails: metrics.mails.clone(),
            documents: self.documents(),
            files,
            lane,
            tasks,
            settings: self.settings.clone(),
            name: self.random.public_id().map_err(StartError::Keys)?,
        };
        Ok((worker, vec![drain, tasks_drain]))
    }
}

/// The keys of access tokens, as the settings name them.
pub(crate) fn token_keys(auth: &AuthSettings) -> Result<TokenKeys, Problem> {
    let unusable = |setting, path: &Path, why: &dyn fmt::Display| {
        Problem::new(setting, format!("names {}, which {why}", path.display()))
    };
    let read = |setting, path: &Path| {
        fs::read_to_string(path).map_err(|error| unusable(setting, path, &format_args!("can't be read: {error}")))
    };
    let keys = match &auth.signing_key_file {
        Some(path) => {
            let setting = "auth.signing_key_file";
            TokenKeys::asymmetric(&read(setting, path)?).map_err(|error| unusable(setting, path, &error))?
        }
        None => TokenKeys::symmetric(auth.jwt_secret.expose()),
    };
    let keys = match &auth.public_keys_file {
        Some(path) => {
            let setting = "auth.public_keys_file";
            keys.and_public(&read(setting, path)?).map_err(|error| unusable(setting, path, &error))?
        }
        None => keys,
    };
    Ok(auth.former_secrets().fold(keys, TokenKeys::and_secret))
}

/// The most memory that each kind of kept answers takes.
pub(crate) fn cache_bytes(settings: &Settings) -> u64 {
    u64::from(settings.cache.size_mib) * 1024 * 1024
}

/// The Redis that the settings name, if they do.
pub(crate) fn redis(settings: &settings::RedisSettings) -> Result<Option<Redis>, RedisError> {
    let open = || {
        Redis::new(&RedisSettings {
            url: settings.url.expose().to_owned(),
            prefix: settings.prefix.clone(),
            timeout: settings.timeout,
            pool_size: settings.connections.into(),
        })
    };
    settings.is_set().then(open).transpose()
}

fn open_database(
    settings: &Settings,
    connections: u32,
    listener: Arc<dyn ChangeListener>,
) -> Result<Arc<DieselStore>, StartError> {
    let url = settings.database.url.expose();
    let unopened = |error| StartError::Database { url: without_secrets(url), error };
    migrate(&mut Migrator::connect(url).map_err(unopened)?, settings)?;
    let store = DieselStore::open(&database_settings(settings, url, connections)).map_err(unopened)?;
    Ok(Arc::new(store.telling(listener)))
}

fn database_settings(settings: &Settings, url: &str, connections: u32) -> DatabaseSettings {
    DatabaseSettings {
        url: url.to_owned(),
        pool_size: connections,
        checkout_timeout: CHECKOUT_TIMEOUT,
        statement_timeout: settings.database.statement_timeout,
        is_pooled_by_transaction: settings.database.is_pooled_by_transaction,
    }
}

fn open_replicas(
    settings: &Settings,
    connections: u32,
    primary: &Arc<DieselStore>,
) -> Result<Option<Arc<ReplicatedStore>>, StartError> {
    let database = &settings.database;
    let replicas: Vec<_> = database.replicas().map(|url| database_settings(settings, url, connections)).collect();
    if replicas.is_empty() {
        return Ok(None);
    }
    let unopened = |error| {
        let urls: Vec<_> = database.replicas().map(without_secrets).collect();
        StartError::Database { url: urls.join(" "), error }
    };
    let store = ReplicatedStore::open(Arc::clone(primary), &replicas, database.replica_max_lag).map_err(unopened)?;
    Ok(Some(Arc::new(store)))
}

/// Brings the database up to date, or sees that it is, as the settings say.
fn migrate(migrator: &mut Migrator, settings: &Settings) -> Result<(), StartError> {
    let failed = |error| StartError::Migration { url: without_secrets(settings.database.url.expose()), error };
    if settings.database.migrate_on_start {
        for name in migrator.up().map_err(failed)? {
            tracing::info!(name, "migrated");
        }
    }
    let states = migrator.status().map_err(failed)?;
    let newer: Vec<_> = states.iter().filter(|state| !state.is_known).map(|state| state.name.as_str()).collect();
    if !newer.is_empty() {
        tracing::warn!(?newer, "a newer version has migrated the database; this one still works on it");
    }
    let pending = pending(states);
    if pending.is_empty() { Ok(()) } else { Err(StartError::Pending(pending)) }
}

/// What the database lacks.
pub(crate) fn pending(states: Vec<MigrationState>) -> Vec<String> {
    states.into_iter().filter(|state| !state.is_applied).map(|state| state.name).collect()
}
