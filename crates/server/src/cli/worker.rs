use std::sync::Arc;

use jobportal_files::LocalFiles;

use super::Outcome;
use crate::application::drain;
use crate::composition::{Core, Overrides};
use crate::error::StartError;
use crate::settings::Settings;
use crate::shutdown::Shutdown;
use crate::worker::Worker;

pub(super) fn run(settings: Settings) -> Outcome {
    let files = Arc::new(LocalFiles::open(&settings.files.dir).map_err(StartError::Files)?);
    let core = Core::open(settings, Worker::THREADS.into(), Overrides::default())?;
    let (worker, threads) = core.worker(files)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::System)?;
    runtime.block_on(async {
        let shutdown = Shutdown::new();
        shutdown.clone().on_signal().map_err(StartError::System)?;
        tracing::info!("delivering mail and running periodic tasks");
        worker.run(shutdown).await;
        drain(threads).await;
        Ok(())
    })
}
