use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// Tells parts that run side by side to finish what they are doing and end.
#[derive(Clone, Debug)]
pub struct Shutdown(Arc<watch::Sender<bool>>);

impl Shutdown {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Asks all parts to end.
    pub fn request(&self) {
        self.0.send_replace(true);
    }

    pub(crate) fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    pub(crate) async fn requested(&self) {
        // It fails only without a sender, and `self` holds one.
        let _ = self.0.subscribe().wait_for(|requested| *requested).await;
    }

    /// Waits for `pause`, or less if the end is asked for.
    pub(crate) async fn pause(&self, pause: Duration) {
        let _ = tokio::time::timeout(pause, self.requested()).await;
    }

    /// Asks all parts to end when the operator or the system does, by Ctrl-C or SIGTERM. Signals count from this call on; it
    /// must be made in a runtime.
    pub(crate) fn on_signal(self) -> io::Result<()> {
        let signal = signal()?;
        tokio::spawn(async move {
            signal.await;
            tracing::info!("stopping");
            self.request();
        });
        Ok(())
    }
}

#[cfg(unix)]
fn signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
