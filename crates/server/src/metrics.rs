use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jobportal_application::{Backlog, Clock, MailError, Outbox, Result};
use jobportal_http::Executor;
use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};
use tokio::sync::Mutex;

use crate::process::ProcessMetrics;

/// How long what was read of the outbox is good, however often it is asked for.
const OUTBOX_KEPT: Duration = Duration::from_secs(5);

/// How long reading it may take; a scrape does not wait for longer.
const OUTBOX_PATIENCE: Duration = Duration::from_secs(1);

/// Reads a gauge when it is asked for.
type Read = Box<dyn Fn() + Send + Sync>;

/// Everything that is measured in this process.
pub(crate) struct Metrics {
    registry: Registry,
    reads: Vec<Read>,
    process: ProcessMetrics,
    pub(crate) mails: Mails,
    outbox: Option<OutboxMetrics>,
}

impl Metrics {
    pub(crate) fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let build = Opts::new("jobportal_build_info", "The version that runs.");
        let build = IntGauge::with_opts(build.const_label("version", env!("CARGO_PKG_VERSION")))?;
        build.set(1);
        registry.register(Box::new(build))?;
        let (process, mails) = (ProcessMetrics::new(&registry)?, Mails::new(&registry)?);
        Ok(Self { registry, reads: Vec::new(), process, mails, outbox: None })
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Adds a gauge that is read when it is asked for.
    pub(crate) fn gauge(
        &mut self,
        name: &str,
        help: &str,
        read: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> prometheus::Result<()> {
        let gauge = IntGauge::new(name, help)?;
        self.registry.register(Box::new(gauge.clone()))?;
        self.reads.push(Box::new(move || gauge.set(read().try_into().unwrap_or(i64::MAX))));
        Ok(())
    }

    /// Adds what waits in the outbox, read on `lane`.
    pub(crate) fn outbox(&mut self, outbox: Outbox, clock: Arc<dyn Clock>, lane: Executor) -> prometheus::Result<()> {
        self.outbox = Some(OutboxMetrics::new(&self.registry, outbox, clock, lane)?);
        Ok(())
    }

    /// Everything in the text format of Prometheus.
    pub(crate) async fn text(&self) -> prometheus::Result<String> {
        self.reads.iter().for_each(|read| read());
        self.process.read();
        if let Some(outbox) = &self.outbox {
            outbox.refresh().await;
        }
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

/// What became of mails.
#[derive(Clone)]
pub(crate) struct Mails {
    attempts: IntCounterVec,
    is_server_away: Arc<AtomicBool>,
}

impl Mails {
    fn new(registry: &Registry) -> prometheus::Result<Self> {
        let options = Opts::new(
            "jobportal_mails_total",
            "Attempts to send a mail: sent, failed (it is tried again, as often as it may be), refused (it is given up) or away: the server takes none.",
        );
        let attempts = IntCounterVec::new(options, &["kind", "outcome"])?;
        registry.register(Box::new(attempts.clone()))?;
        Ok(Self { attempts, is_server_away: Arc::default() })
    }

    /// Counts an attempt.
    pub(crate) fn count(&self, kind: &str, outcome: &std::result::Result<(), MailError>) {
        let label = match outcome {
            Ok(()) => "sent",
            Err(MailError::Refused(_)) => "refused",
            Err(MailError::Away(_)) => "away",
            Err(_) => "failed",
        };
        self.attempts.with_label_values(&[kind, label]).inc();
        self.is_server_away.store(label == "away", Ordering::Relaxed);
    }

    /// Whether the last attempt reached the mail server; there may have been none.
    pub(crate) fn reach_the_server(&self) -> bool {
        !self.is_server_away.load(Ordering::Relaxed)
    }
}

/// What waits in the outbox.
struct OutboxMetrics {
    outbox: Outbox,
    clock: Arc<dyn Clock>,
    lane: Executor,
    mails: IntGaugeVec,
    oldest: IntGaugeVec,
    is_known: IntGauge,
    read_at: Mutex<Option<Instant>>,
}

impl OutboxMetrics {
    fn new(registry: &Registry, outbox: Outbox, clock: Arc<dyn Clock>, lane: Executor) -> prometheus::Result<Self> {
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            let gauges = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(gauges.clone()))?;
            prometheus::Result::Ok(gauges)
        };
        let is_known = IntGauge::new(
            "jobportal_outbox_up",
            "Whether the outbox could be read; where it could not, what is told of it is old.",
        )?;
        registry.register(Box::new(is_known.clone()))?;
        Ok(Self {
            outbox,
            clock,
            lane,
            mails: gauges("jobportal_outbox_mails", "Mails in the outbox that were not sent.", &["priority", "state"])?,
            oldest: gauges(
                "jobportal_outbox_oldest_seconds",
                "How long the mail has waited that has waited the longest.",
                &["priority"],
            )?,
            is_known,
            read_at: Mutex::default(),
        })
    }

    /// Reads the outbox anew, unless it was just read.
    async fn refresh(&self) {
        let mut read_at = self.read_at.lock().await;
        if read_at.is_some_and(|at| at.elapsed() < OUTBOX_KEPT) {
            return;
        }
        let outbox = self.outbox.clone();
        let read = tokio::time::timeout(OUTBOX_PATIENCE, self.lane.run(move || outbox.backlog())).await;
        let backlogs = read.ok().and_then(std::result::Result::ok).and_then(Result::ok);
        self.is_known.set(backlogs.is_some().into());
        *read_at = Some(Instant::now());
        for Backlog { priority, waiting, claimed, dead, oldest_pending } in backlogs.unwrap_or_default() {
            for (state, count) in [("waiting", waiting), ("claimed", claimed), ("dead", dead)] {
                let gauge = self.mails.with_label_values(&[priority.as_str(), state]);
                gauge.set(count.try_into().unwrap_or(i64::MAX));
            }
            let age = oldest_pending.map_or(0, |since| (self.clock.now() - since).num_seconds().max(0));
            self.oldest.with_label_values(&[priority.as_str()]).set(age);
        }
    }
}
