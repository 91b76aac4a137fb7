use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::{HttpServer, web};
use jobportal_application::{
    Applications, Candidates, Changes, Employers, Jobs, Nodes, Outbox, RateLimiter, ResponseCache, Search,
    SessionDenylist, Store, Subscriptions,
};
use jobportal_cache::{MemoryAnswerCache, MemoryRateLimiter, RedisAnswerCache, RedisRateLimiter, VerifiedTokens};
use jobportal_files::LocalFiles;
use jobportal_http::{App, Drain, Executor, Health, HttpSettings, Priority, Ready, Replicated};

use crate::composition::{Core, Overrides, cache_bytes};
use crate::error::StartError;
use crate::operations::Operations;
use crate::replicas::Replicas;
use crate::sessions::EndedSessions;
use crate::settings::{ServerSettings, Settings};
use crate::shutdown::Shutdown;
use crate::telemetry;
use crate::tls;
use crate::worker::Worker;

/// How many requests that hash a password may wait for a thread; each takes a third of a second.
const HASHING_QUEUE: usize = 64;

/// How long an answer is kept at most for those few who may have it. It is never given out for another state than its own; this is for
/// the memory that it takes.
const ANSWER_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// How long, at most, to wait for work that was accepted before the end was asked for.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// The portal in one process: the API, and the worker if the settings say so.
pub struct Application {
    server: Server,
    address: SocketAddr,
    operations: Option<Operations>,
    health: Arc<Health>,
    shutdown_delay: Duration,
    worker: Option<Worker>,
    ended_sessions: EndedSessions,
    replicas: Option<Replicas>,
    drains: Vec<Drain>,
    shutdown: Shutdown,
}

impl Application {
    /// Opens everything and listens; requests are answered from [`Self::run`] on.
    pub fn build(settings: Settings) -> Result<Self, StartError> {
        Self::build_with(settings, Overrides::default())
    }

    /// The same with some parts replaced.
    pub fn build_with(settings: Settings, overrides: Overrides) -> Result<Self, StartError> {
        let pool_size = settings.database.pool_size;
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        // One for each thread: of the database lane, of the worker, of the two hashing lanes, and for ended sessions, for replicas, for the
        // state of the database and for metrics.
        let connections = u32::from(pool_size + Worker::THREADS + 4) + u32::try_from(2 * cores).unwrap_or(2);
        let files = Arc::new(LocalFiles::open(&settings.files.dir).map_err(StartError::Files)?);
        let core = Core::open(settings, connections, overrides)?;
        let settings = &core.settings;

        let [(database, database_drain), (hashing, hashing_drain), (strangers, strangers_drain)] =
            lanes(settings, cores)?;
        let lifetime = settings.auth.access_lifetime;
        let (ended_sessions, ended_drain) = EndedSessions::new(core.accounts(), core.denylist.clone(), lifetime)?;
        let (metrics, metrics_drain) = core.metrics()?;
        let mut drains = vec![database_drain, hashing_drain, strangers_drain, ended_drain, metrics_drain];
        let worker = if settings.worker.enabled {
            let (worker, threads) = core.worker(files.clone(), &metrics)?;
            drains.extend(threads);
            Some(worker)
        } else {
            None
        };
        let (health, health_drains) = core.health(&files, worker.as_ref().map(|_| metrics.mails.clone()))?;
        drains.extend(health_drains);
        let health = Arc::new(health);
        for lane in [&database, &hashing, &strangers] {
            lane.register(metrics.registry())?;
        }

        let shared = core.shared.as_ref();
        let denylist: Arc<dyn SessionDenylist> = match shared {
            Some(shared) => shared.nodes.clone(),
            None => core.denylist.clone(),
        };
        let limiter = || -> Arc<dyn RateLimiter> {
            match shared {
                Some(shared) => Arc::new(RedisRateLimiter::new(shared.redis.clone())),
                None => Arc::new(MemoryRateLimiter::new()),
            }
        };
        let replicas = core.replicas.clone().map(Replicas::new).transpose()?;
        let (replicas, replicas_drain) = replicas.unzip();
        drains.extend(replicas_drain);

        let (store, clock) = (&core.store, &core.clock);
        let reads = core.replicas.clone().map_or_else(|| store.clone(), |replicas| replicas as Arc<dyn Store>);
        let app = web::Data::new(App {
            accounts: core.accounts(),
            candidates: Candidates::new(store.clone(), clock.clone(), core.directory()),
            employers: Employers::new(store.clone(), clock.clone()),
            documents: core.documents(),
            jobs: Jobs::new(store.clone(), clock.clone()),
            search: Replicated {
                primary: Search::new(store.clone(), clock.clone()),
                replica: Search::new(reads.clone(), clock.clone()),
            },
            applications: Applications::new(store.clone(), clock.clone()),
            changes: Replicated {
                primary: Changes::new(store.clone(), clock.clone()),
                replica: Changes::new(reads, clock.clone()),
            },
            subscriptions: Subscriptions::new(store.clone(), clock.clone()),
            outbox: Outbox::new(store.clone(), clock.clone()),
            tokens: Arc::new(VerifiedTokens::new(core.tokens.clone())),
            vault: core.vault.clone(),
            clock: clock.clone(),
            denylist,
            limiter: settings.limits.enabled.then(limiter),
            responses: core.responses.clone().map(|responses| responses as Arc<dyn ResponseCache<Arc<Ready>>>),
            answers: match shared {
                Some(shared) => Arc::new(RedisAnswerCache::new(shared.redis.clone(), ANSWER_LIFETIME)),
                None => Arc::new(MemoryAnswerCache::new(cache_bytes(settings), ANSWER_LIFETIME)),
            },
            nodes: shared.map(|shared| shared.nodes.clone() as Arc<dyn Nodes>),
            files,
            adopt_trace: settings.telemetry.otlp_endpoint.as_ref().map(|_| telemetry::adopt as fn(&_, &_)),
            health: health.clone(),
            metrics: jobportal_http::Metrics::new(metrics.registry())?,
            store: store.clone(),
            database,
            hashing,
            strangers,
            settings: http_settings(settings),
        });
        let operations = Operations::listen(&settings.server, &health, &Arc::new(metrics))?;
        let shutdown_delay = settings.server.shutdown_delay;
        let (server, address) = listen(settings, cores, app)?;
        let shutdown = Shutdown::new();
        Ok(Self {
            server,
            address,
            operations,
            health,
            shutdown_delay,
            worker,
            ended_sessions,
            replicas,
            drains,
            shutdown,
        })
    }

    /// The port that the API listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The address that the API listens on; the first one, where a name stands for several.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address where operators read metrics, if they do.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.operations.as_ref().map(Operations::address)
    }

    /// Ends [`Self::run`] from anywhere.
    pub fn shutdown(&self) -> Shutdown {
        self.shutdown.clone()
    }

    /// Answers requests and works until the end is asked for, then finishes what was accepted.
    pub async fn run(self) -> Result<(), StartError> {
        let Self {
            server, operations, health, shutdown_delay, worker, ended_sessions, replicas, drains, shutdown, ..
        } = self;
        ended_sessions.load().await.map_err(StartError::Sessions)?;
        let served = Shutdown::new();
        let ended_sessions = tokio::spawn(ended_sessions.run(served.clone()));
        let replicas = replicas.map(|replicas| tokio::spawn(replicas.run(shutdown.clone())));
        let worker = worker.map(|worker| tokio::spawn(worker.run(shutdown.clone())));
        let handle = server.handle();
        let stop = tokio::spawn({
            let shutdown = shutdown.clone();
            async move {
                shutdown.requested().await;
                health.stop();
                tokio::time::sleep(shutdown_delay).await;
                handle.stop(true).await;
            }
        });
        let serve_and_finish = async {
            let outcome = server.await;
            shutdown.request();
            served.request();
            // All end by themselves now; a panic in them has been logged.
            let _ = stop.await;
            let _ = ended_sessions.await;
            if let Some(replicas) = replicas {
                let _ = replicas.await;
            }
            if let Some(worker) = worker {
                let _ = worker.await;
            }
            outcome
        };
        let outcome = Operations::run_until(operations, serve_and_finish).await;
        drain(drains).await;
        Ok(outcome?)
    }
}

/// The database lane, and the hashing lanes for who is known and for strangers.
fn lanes(settings: &Settings, cores: usize) -> std::io::Result<[(Executor, Drain); 3]> {
    let queue = usize::try_from(settings.database.queue).unwrap_or(usize::MAX);
    let (threads, queue_timeout) = (usize::from(settings.database.pool_size), settings.database.queue_timeout);
    let hashing_timeout = settings.auth.hashing_timeout;
    let hashing = |name| Executor::start(name, Priority::Low, cores, HASHING_QUEUE, hashing_timeout);
    Ok([
        Executor::start("database", Priority::Normal, threads, queue, queue_timeout)?,
        hashing("hashing")?,
        hashing("strangers")?,
    ])
}

/// What the operator chose about the API.
fn http_settings(settings: &Settings) -> HttpSettings {
    HttpSettings {
        expose_otp: settings.accounts.expose_otp,
        public_url: settings.server.public_url.clone(),
        trusted_proxies: settings.server.trusted_proxies.clone(),
        access_lifetime: settings.auth.access_lifetime,
        require_if_match: settings.server.require_if_match,
        cors_origins: settings.server.cors_origins.clone(),
        body_timeout: settings.server.body_timeout,
    }
}

/// Waits for the last jobs; the parts that hand them out are gone.
pub(crate) async fn drain(drains: Vec<Drain>) {
    let done = tokio::task::spawn_blocking(|| drains.into_iter().for_each(Drain::wait));
    if tokio::time::timeout(DRAIN_TIMEOUT, done).await.is_err() {
        tracing::warn!("some work was not finished in time");
    }
}

fn listen(settings: &Settings, cores: usize, app: web::Data<App>) -> Result<(Server, SocketAddr), StartError> {
    let workers = match settings.server.workers {
        0 => cores,
        workers => usize::from(workers),
    };
    let address = &settings.server.listen;
    let failed = |error| StartError::Listen { address: address.clone(), error };
    let ServerSettings { header_timeout, keep_alive, max_connections, shutdown_timeout, .. } = settings.server;
    let server = HttpServer::new(move || jobportal_http::application(app.clone()))
        .workers(workers)
        .keep_alive(keep_alive)
        .client_request_timeout(header_timeout)
        .tls_handshake_timeout(header_timeout)
        // Each worker counts its own.
        .max_connections((max_connections as usize).div_ceil(workers))
        .shutdown_timeout(shutdown_timeout.as_secs())
        .disable_signals();
    let server = match tls::config(&settings.server).map_err(StartError::Tls)? {
        Some(config) => server.bind_rustls_0_23(address, config),
        None => server.bind(address),
    };
    let server = server.map_err(failed)?;
    let bound = server.addrs().first().copied();
    let bound = bound.ok_or_else(|| failed(std::io::Error::other("the name stands for no address")))?;
    Ok((server.run(), bound))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(dir: &std::path::Path, listen: &str) -> Settings {
        let below = |name: &str| dir.join(name).display().to_string();
        Settings::load_from(&[
            ("server.listen", listen),
            ("database.url", &format!("sqlite://{}", below("portal.db"))),
            ("files.dir", &below("files")),
            ("mail.url", "log:"),
            ("auth.bcrypt_cost", "4"),
        ])
        .unwrap()
    }

    #[test]
    fn it_starts_on_an_empty_directory_and_ends_when_asked() {
        let dir = tempfile::tempdir().unwrap();
        let application = Application::build(settings(dir.path(), "127.0.0.1:0")).unwrap();
        assert_ne!(application.port(), 0);
        application.shutdown().request();
        actix_web::rt::System::new().block_on(application.run()).unwrap();
    }

    #[test]
    fn a_port_in_use_is_told_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = taken.local_addr().unwrap().to_string();
        let Err(error) = Application::build(settings(dir.path(), &listen)) else { panic!("it started") };
        let error = error.to_string();
        assert!(error.contains(&listen) && error.contains("`server.listen`"), "{error}");
    }
}
