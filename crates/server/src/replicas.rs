use std::sync::Arc;
use std::time::Duration;

use jobportal_application::Error;
use jobportal_http::{Drain, Executor, Priority};
use jobportal_persistence::ReplicatedStore;

use crate::logging::chain;
use crate::shutdown::Shutdown;

/// How often to find out how far the replicas are.
const MEASURE_EVERY: Duration = Duration::from_secs(1);

/// Keeps an eye on the replicas of the database.
pub(crate) struct Replicas {
    store: Arc<ReplicatedStore>,
    lane: Executor,
}

impl Replicas {
    /// One, and the thread it works on: a replica may not answer for long.
    pub(crate) fn new(store: Arc<ReplicatedStore>) -> std::io::Result<(Self, Drain)> {
        let (lane, drain) = Executor::start("replicas", Priority::Normal, 1, 1, Duration::MAX)?;
        Ok((Self { store, lane }, drain))
    }

    /// Measures until the end is asked for.
    pub(crate) async fn run(self, shutdown: Shutdown) {
        let mut used = None;
        while !shutdown.is_requested() {
            let store = Arc::clone(&self.store);
            let measured = self.lane.run(move || store.measure()).await;
            if let Err(error) = measured.unwrap_or_else(|rejected| Err(Error::Unavailable(rejected.into()))) {
                tracing::warn!(error = chain(&error), "the primary does not tell how far it is");
            }
            let (all, fresh) = self.store.replicas();
            if used.replace(fresh) != Some(fresh) {
                tracing::info!(all, fresh, "replicas in use");
            }
            shutdown.pause(MEASURE_EVERY).await;
        }
    }
}
