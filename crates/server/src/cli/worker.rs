use std::sync::Arc;

use jobportal_files::LocalFiles;

use super::Outcome;
use crate::application::drain;
use crate::composition::{Core, Overrides};
use crate::error::StartError;
use crate::operations::Operations;
use crate::settings::Settings;
use crate::shutdown::Shutdown;
use crate::worker::Worker;

pub(super) fn run(settings: Settings) -> Outcome {
    let files = Arc::new(LocalFiles::open(&settings.files.dir).map_err(StartError::Files)?);
    // One for each thread of the worker, for the state of the database and for metrics.
    let core = Core::open(settings, u32::from(Worker::THREADS + 2), Overrides::default())?;
    let (metrics, metrics_drain) = core.metrics()?;
    let (worker, worker_drains) = core.worker(files.clone(), &metrics)?;
    let (health, mut drains) = core.health(&files, Some(metrics.mails.clone()))?;
    drains.extend(worker_drains);
    drains.push(metrics_drain);
    let operations = Operations::listen(&core.settings.server, &Arc::new(health), &Arc::new(metrics))?;
    actix_web::rt::System::new().block_on(async {
        let shutdown = Shutdown::new();
        shutdown.clone().on_signal().map_err(StartError::System)?;
        tracing::info!("delivering mail and running periodic tasks");
        Operations::run_until(operations, Box::pin(worker.run(shutdown))).await;
        drain(drains).await;
        Ok(())
    })
}
