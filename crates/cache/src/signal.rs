use async_trait::async_trait;
use jobportal_application::{ChangeListener, MailSignal, Subject};
use tokio::sync::watch;

/// Wakes the workers of this process, for mail that its store was given and, where it hears other nodes, for that of theirs.
#[derive(Default)]
pub struct MemoryMailSignal {
    arrivals: watch::Sender<u64>,
}

impl ChangeListener for MemoryMailSignal {
    fn changed(&self, subjects: &[Subject]) {
        if subjects.iter().any(|subject| matches!(subject, Subject::Outbox | Subject::Everything)) {
            self.arrivals.send_modify(|arrivals| *arrivals += 1);
        }
    }
}

#[async_trait]
impl MailSignal for MemoryMailSignal {
    fn arrivals(&self) -> u64 {
        *self.arrivals.borrow()
    }

    async fn more_than(&self, arrivals: u64) {
        // It fails only without a sender, and `self` is one.
        let _ = self.arrivals.subscribe().wait_for(|present| *present > arrivals).await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use jobportal_domain::JobId;

    use super::*;

    #[test]
    fn mail_wakes_all_who_looked_before_it_came_and_other_changes_wake_nobody() {
        let signal = MemoryMailSignal::default();
        let looked = signal.arrivals();
        let is_woken = || signal.more_than(looked).now_or_never().is_some();
        signal.changed(&[Subject::Job(JobId(1))]);
        assert!(!is_woken());
        signal.changed(&[Subject::Outbox]);
        assert!(is_woken() && is_woken());
        assert!(signal.more_than(signal.arrivals()).now_or_never().is_none());
    }
}
