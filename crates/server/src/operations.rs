use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::dev::Server;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpResponse, HttpServer, web};
use jobportal_http::{Health, probes};

use crate::error::StartError;
use crate::logging::chain;
use crate::metrics::Metrics;
use crate::settings::ServerSettings;

/// What is answered to operators alone, at `server.metrics_bind`: metrics, and the probes. `None`: it is not.
pub(crate) struct Operations {
    server: Server,
    address: SocketAddr,
}

impl Operations {
    pub(crate) fn listen(
        settings: &ServerSettings,
        health: &Arc<Health>,
        metrics: &Arc<Metrics>,
    ) -> Result<Option<Self>, StartError> {
        let Some(address) = &settings.metrics_bind else { return Ok(None) };
        let failed = |error| StartError::ListenForOperators { address: address.clone(), error };
        let (health, metrics) = (Arc::clone(health), Arc::clone(metrics));
        let server = HttpServer::new(move || {
            let metrics = Arc::clone(&metrics);
            let text = web::get().to(move || text(Arc::clone(&metrics)));
            actix_web::App::new().configure(probes(Arc::clone(&health))).route("/metrics", text)
        });
        let server = server.workers(1).shutdown_timeout(1).disable_signals().bind(address).map_err(failed)?;
        let address = server.addrs().first().copied();
        let address = address.ok_or_else(|| failed(std::io::Error::other("the name stands for no address")))?;
        Ok(Some(Self { server: server.run(), address }))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `end` has come about.
    pub(crate) async fn run_until<T>(operations: Option<Self>, end: impl Future<Output = T>) -> T {
        let Some(Self { server, .. }) = operations else { return end.await };
        let handle = server.handle();
        let server = tokio::spawn(server);
        let outcome = end.await;
        handle.stop(true).await;
        // How it ended matters to nobody any more.
        let _ = server.await;
        outcome
    }
}

async fn text(metrics: Arc<Metrics>) -> HttpResponse {
    match metrics.text().await {
        Ok(text) => HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, prometheus::TEXT_FORMAT))
            .insert_header((CACHE_CONTROL, "no-store"))
            .body(text),
        Err(error) => {
            tracing::error!(error = chain(&error), "the metrics can't be told");
            HttpResponse::new(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}
