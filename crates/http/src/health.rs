use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Data, ServiceConfig};
use futures_util::future::join_all;
use jobportal_application::Error;
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;

use crate::conditional::NO_STORE;
use crate::error::ApiError;
use crate::openapi::Operation;
use crate::wire::StatusBody;
use crate::{App, Drain, Executor, Priority};

/// How long what was found is good: however often it is asked for, each part is looked at once in this time.
const KEPT: Duration = Duration::from_secs(1);

/// How long a part may take to answer before it counts as failing.
const PATIENCE: Duration = Duration::from_secs(2);

type Check = Box<dyn Fn() -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync>;

/// A part that the node depends on.
pub struct Dependency {
    name: &'static str,
    need: Need,
    check: Check,
}

/// What a node does without a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing: others should be asked instead.
    Required,
    /// Its work, with something missing.
    Useful,
}

impl Dependency {
    /// A part that tells by itself whether it works.
    pub fn new<F: Future<Output = bool> + Send + 'static>(
        name: &'static str,
        need: Need,
        check: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self {
        Self { name, need, check: Box::new(move || Box::pin(check())) }
    }

    /// A part that is asked on a thread of its own, for it may hang; that holds up neither requests nor the other parts.
    pub fn blocking(
        name: &'static str,
        need: Need,
        check: impl Fn() -> bool + Send + Sync + 'static,
    ) -> std::io::Result<(Self, Drain)> {
        let (lane, drain) = Executor::start(&format!("health-{name}"), Priority::Normal, 1, 1, PATIENCE)?;
        let check = Arc::new(check);
        let asked = move || {
            let (lane, check) = (lane.clone(), Arc::clone(&check));
            async move { lane.run(move || check()).await.unwrap_or(false) }
        };
        Ok((Self::new(name, need, asked), drain))
    }
}

/// Whether the node can work, by what it depends on.
pub struct Health {
    dependencies: Vec<Dependency>,
    is_stopping: AtomicBool,
    found: Mutex<Option<(Instant, Readiness)>>,
}

/// What was found of the parts.
#[derive(Clone, Debug)]
struct Readiness {
    is_ready: bool,
    dependencies: BTreeMap<&'static str, &'static str>,
}

const OK: &str = "ok";
const FAILING: &str = "failing";

impl Health {
    /// Of a node that depends on these parts.
    pub fn new(dependencies: Vec<Dependency>) -> Self {
        Self { dependencies, is_stopping: AtomicBool::new(false), found: Mutex::new(None) }
    }

    /// Says from now on that the node is not ready: it is about to end.
    pub fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the node is about to end.
    pub(crate) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    async fn readiness(&self) -> Readiness {
        // Who comes while the parts are looked at waits for what is found.
        let mut found = self.found.lock().await;
        if let Some((_, readiness)) = found.as_ref().filter(|(at, _)| at.elapsed() < KEPT) {
            return readiness.clone();
        }
        let states = join_all(self.dependencies.iter().map(|dependency| async move {
            let is_ok = tokio::time::timeout(PATIENCE, (dependency.check)()).await.unwrap_or(false);
            (dependency, is_ok)
        }));
        let states = states.await;
        let readiness = Readiness {
            is_ready: states.iter().all(|(dependency, is_ok)| *is_ok || dependency.need == Need::Useful),
            dependencies: states.iter().map(|(part, is_ok)| (part.name, if *is_ok { OK } else { FAILING })).collect(),
        };
        *found = Some((Instant::now(), readiness.clone()));
        readiness
    }
}

/// What a node is ready with.
#[derive(Serialize, ToSchema)]
#[schema(as = Readiness)]
struct ReadinessBody {
    /// `ok`, or `degraded`: the node works, with something missing.
    #[schema(example = "ok")]
    status: &'static str,
    /// Each part that the node depends on: `ok` or `failing`.
    #[schema(example = json!({ "database": "ok", "documents": "ok", "mail": "ok" }))]
    dependencies: BTreeMap<&'static str, &'static str>,
}

/// Why the node is not ready.
#[derive(ToSchema)]
#[schema(as = Unreadiness)]
#[expect(dead_code, reason = "the error writes it")]
struct UnreadinessBody {
    detail: &'static str,
    /// `unavailable`: a part that it can't do without is failing; `stopping`: it is about to end.
    #[schema(example = "unavailable")]
    status: &'static str,
    /// Each part that the node depends on: `ok` or `failing`; none where it is about to end.
    #[schema(example = json!({ "database": "failing", "documents": "ok", "mail": "ok" }))]
    dependencies: BTreeMap<&'static str, &'static str>,
}

async fn probe(health: &Health) -> Result<HttpResponse, ApiError> {
    let not_ready = |status: &str, dependencies| ApiError::NotReady { status: status.to_owned(), dependencies };
    if health.is_stopping() {
        return Err(not_ready("stopping", BTreeMap::new()));
    }
    let Readiness { is_ready, dependencies } = health.readiness().await;
    if !is_ready {
        return Err(not_ready("unavailable", dependencies));
    }
    let status = if dependencies.values().all(|state| *state == OK) { OK } else { "degraded" };
    Ok(HttpResponse::Ok().insert_header(NO_STORE).json(ReadinessBody { status, dependencies }))
}

/// `GET /livez/`
pub(crate) async fn live() -> HttpResponse {
    HttpResponse::Ok().insert_header(NO_STORE).json(StatusBody { status: OK })
}

pub(crate) fn live_doc() -> Operation {
    Operation::new("Portal", "portal_live", "Whether the process answers")
        .about("It looks at nothing. Who gets no answer may start the process anew; for whether to send it requests ask `/readyz`.")
        .ok::<StatusBody>("It does.")
        .no_store()
}

/// `GET /readyz/`
pub(crate) async fn ready(app: Data<App>) -> Result<HttpResponse, ApiError> {
    probe(&app.health).await
}

pub(crate) fn ready_doc() -> Operation {
    Operation::new("Portal", "portal_ready", "Whether requests should be sent here")
        .about("Parts are looked at once a second, however often this is asked.")
        .ok::<ReadinessBody>("They should.")
        .answers::<UnreadinessBody>(
            StatusCode::SERVICE_UNAVAILABLE,
            "They should not: a part that the node can't do without is failing, or it is about to end.",
        )
        .no_store()
}

/// `GET /health/`
pub(crate) async fn health(app: Data<App>) -> Result<HttpResponse, ApiError> {
    app.run(|app| app.store.ping().map_err(Error::from)).await?;
    Ok(HttpResponse::Ok().insert_header(NO_STORE).json(StatusBody { status: OK }))
}

pub(crate) fn health_doc() -> Operation {
    Operation::new("Portal", "portal_health", "Whether the portal can work").ok::<StatusBody>("It can.").no_store()
}

/// Answers probes where the API is not served.
pub fn probes(health: Arc<Health>) -> impl FnOnce(&mut ServiceConfig) {
    let ready = web::get().to(move || {
        let health = Arc::clone(&health);
        async move { probe(&health).await }
    });
    |config| _ = config.route("/livez", web::get().to(live)).route("/readyz", ready)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    fn part(name: &'static str, need: Need, is_ok: bool) -> Dependency {
        Dependency::new(name, need, move || async move { is_ok })
    }

    async fn outcome(dependencies: Vec<Dependency>) -> Result<u16, String> {
        match probe(&Health::new(dependencies)).await {
            Ok(response) => Ok(response.status().as_u16()),
            Err(ApiError::NotReady { status, .. }) => Err(status),
            Err(error) => panic!("{error}"),
        }
    }

    #[actix_web::test]
    async fn only_what_the_node_can_not_do_without_makes_it_not_ready() {
        let parts = |required, useful| vec![part("a", Need::Required, required), part("b", Need::Useful, useful)];
        assert_eq!(outcome(parts(true, true)).await, Ok(200));
        assert_eq!(outcome(parts(true, false)).await, Ok(200));
        assert_eq!(outcome(parts(false, true)).await, Err("unavailable".to_owned()));
    }

    #[actix_web::test]
    async fn a_flood_of_probes_looks_at_each_part_once() {
        let looks = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&looks);
        let part = Dependency::new("a", Need::Required, move || {
            counted.fetch_add(1, Ordering::SeqCst);
            async {
                tokio::task::yield_now().await;
                true
            }
        });
        let health = Health::new(vec![part]);
        let answers = join_all((0..1_000).map(|_| probe(&health))).await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(looks.load(Ordering::SeqCst), 1);
    }

    #[actix_web::test]
    async fn a_part_that_hangs_is_failing_and_holds_up_no_other() {
        let (hang, hung) = crossbeam_channel::bounded::<()>(0);
        let (hanging, drain) = Dependency::blocking("a", Need::Useful, move || hung.recv().is_ok()).unwrap();
        let health = Health::new(vec![hanging, part("b", Need::Required, true)]);
        let Readiness { is_ready, dependencies } = health.readiness().await;
        assert_eq!((is_ready, dependencies), (true, BTreeMap::from([("a", FAILING), ("b", OK)])));
        drop((hang, health));
        drain.wait();
    }

    #[actix_web::test]
    async fn a_node_that_is_about_to_end_is_not_ready_at_once() {
        let health = Health::new(vec![part("a", Need::Required, true)]);
        assert!(probe(&health).await.is_ok());
        health.stop();
        assert!(matches!(probe(&health).await, Err(ApiError::NotReady { status, .. }) if status == "stopping"));
    }
}
