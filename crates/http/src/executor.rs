use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError};
use jobportal_application::in_request;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntGauge, Opts, Registry};
use thiserror::Error;
use tokio::sync::oneshot;

use crate::hardening;
use crate::metrics::SECONDS;

type Task = Box<dyn FnOnce() + Send>;

/// Why work was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Rejected {
    /// The queue is full, or the work has waited in it for too long.
    #[error("too much is waiting already")]
    Busy,
    /// The work panicked.
    #[error("the work panicked")]
    Panicked,
}

/// A few threads that run blocking work, with a bounded queue before them.
///
/// It takes the place of the runtime's pool of blocking threads. That one starts hundreds of threads, which then wait for one
/// another at the connection pool; here there are as many threads as connections, so each job finds one free.
#[derive(Clone, Debug)]
pub struct Executor {
    lane: Arc<str>,
    queue: Sender<Task>,
    queue_timeout: Duration,
    metrics: Arc<LaneMetrics>,
}

/// What is counted of the work of an [`Executor`].
#[derive(Debug)]
struct LaneMetrics {
    threads: IntGauge,
    busy: IntGauge,
    waiting: IntGauge,
    wait: Histogram,
    full: IntCounter,
    late: IntCounter,
}

impl LaneMetrics {
    fn new(lane: &str, threads: usize) -> prometheus::Result<Self> {
        let options =
            |name: &str, help: &str| Opts::new(format!("jobportal_lane_{name}"), help).const_label("lane", lane);
        let rejected = |reason| {
            let options =
                options("rejected_total", "Work that was not begun: the queue was full, or it waited too long.");
            IntCounter::with_opts(options.const_label("reason", reason))
        };
        let wait = HistogramOpts::from(options("wait_seconds", "How long work waited for a thread."));
        let metrics = Self {
            threads: IntGauge::with_opts(options("threads", "Threads."))?,
            busy: IntGauge::with_opts(options("busy_threads", "Threads that work."))?,
            waiting: IntGauge::with_opts(options("queue_depth", "Work that waits for a thread."))?,
            wait: Histogram::with_opts(wait.buckets(SECONDS.to_vec()))?,
            full: rejected("full")?,
            late: rejected("late")?,
        };
        metrics.threads.set(threads.try_into().unwrap_or(i64::MAX));
        Ok(metrics)
    }
}

/// Which threads get a processor when there are not enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// As all others.
    Normal,
    /// After all others, of which they take about a tenth from each; for work that keeps a processor busy. On Linux; elsewhere
    /// it is [`Self::Normal`].
    Low,
}

impl Priority {
    /// Gives the present thread this priority.
    fn apply(self) {
        #[cfg(target_os = "linux")]
        if self == Self::Low
            && let Err(error) = rustix::process::nice(10)
        {
            tracing::warn!(%error, "a thread keeps its priority");
        }
    }
}

/// The threads of an [`Executor`], to wait for.
#[derive(Debug)]
pub struct Drain(Vec<JoinHandle<()>>);

impl Executor {
    /// Starts `threads` threads, at least one, before which up to `queue` jobs may wait, each for less than `queue_timeout`.
    pub fn start(
        name: &str,
        priority: Priority,
        threads: usize,
        queue: usize,
        queue_timeout: Duration,
    ) -> std::io::Result<(Self, Drain)> {
        let (sender, receiver) = crossbeam_channel::bounded::<Task>(queue);
        let threads = threads.max(1);
        let metrics = Arc::new(LaneMetrics::new(name, threads).map_err(std::io::Error::other)?);
        let threads = (0..threads)
            .map(|number| {
                let receiver = receiver.clone();
                thread::Builder::new().name(format!("{name}-{number}")).spawn(move || {
                    priority.apply();
                    work(&receiver);
                })
            })
            .collect::<std::io::Result<_>>()?;
        Ok((Self { lane: name.into(), queue: sender, queue_timeout, metrics }, Drain(threads)))
    }

    /// Lets `registry` read what is counted of the work.
    pub fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        let LaneMetrics { threads, busy, waiting, wait, full, late } = &*self.metrics;
        for gauge in [threads, busy, waiting] {
            registry.register(Box::new(gauge.clone()))?;
        }
        for counter in [full, late] {
            registry.register(Box::new(counter.clone()))?;
        }
        registry.register(Box::new(wait.clone()))
    }

    /// Runs `job` on one of the threads, in the caller's tracing span.
    ///
    /// It is not begun if it has waited for too long, so that a part which holds up each job does not make the last one in the
    /// queue wait for all before it; nor if the caller has gone meanwhile. What is begun is done.
    pub async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, Rejected> {
        let (reply, mut answer) = oneshot::channel();
        // It is of interest to a trace alone, which shows with it how long the work waited.
        let span = tracing::debug_span!(target: "jobportal::traces", "work", lane = %self.lane);
        let span = if span.is_disabled() { tracing::Span::current() } else { span };
        // Taken by the thread that begins the job, or by the caller who waits no longer.
        let ticket = Arc::new(AtomicBool::new(true));
        let take = |ticket: &AtomicBool| ticket.swap(false, Ordering::AcqRel);
        let (thread_ticket, queued_at, metrics) = (Arc::clone(&ticket), Instant::now(), Arc::clone(&self.metrics));
        let request_id = hardening::current_id();
        let task = Box::new(move || {
            metrics.waiting.dec();
            if !reply.is_closed() && take(&thread_ticket) {
                metrics.wait.observe(queued_at.elapsed().as_secs_f64());
                let _busy = Busy::new(&metrics.busy);
                // The caller may have gone while the job ran.
                let _ = reply.send(span.in_scope(|| in_request(request_id, job)));
            }
        });
        self.metrics.waiting.inc();
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.queue.try_send(task) {
            self.metrics.waiting.dec();
            self.metrics.full.inc();
            return Err(Rejected::Busy);
        }
        // All threads may be held up, so it is no use to leave it to them to look at the time.
        let outcome = match tokio::time::timeout(self.queue_timeout, &mut answer).await {
            Ok(outcome) => outcome,
            Err(_) if take(&ticket) => {
                self.metrics.late.inc();
                return Err(Rejected::Busy);
            }
            Err(_) => answer.await,
        };
        outcome.map_err(|_| Rejected::Panicked)
    }
}

impl Drain {
    /// Waits until every job that was accepted is done or dropped. The last clone of the executor must be dropped before.
    pub fn wait(self) {
        for thread in self.0 {
            // Panics are caught in the loop; there is nothing to learn from a thread that ended.
            let _ = thread.join();
        }
    }
}

/// A thread that works, for as long as this lives; also when the work panics.
struct Busy<'g>(&'g IntGauge);

impl<'g> Busy<'g> {
    fn new(gauge: &'g IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn work(tasks: &Receiver<Task>) {
    while let Ok(task) = tasks.recv() {
        // The panic hook has logged it, and dropping the reply tells the one who waits.
        let _ = catch_unwind(AssertUnwindSafe(task));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use actix_web::rt::task::JoinHandle;

    use super::*;

    const PATIENT: Duration = Duration::MAX;

    /// Puts `job` into the queue of `executor`, whose one thread is busy.
    async fn queued<T: Send + 'static>(
        executor: &Executor,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<Result<T, Rejected>> {
        let lane = executor.clone();
        let waiting = actix_web::rt::spawn(async move { lane.run(job).await });
        while executor.queue.is_empty() {
            tokio::task::yield_now().await;
        }
        waiting
    }

    /// Keeps the one thread of `executor` busy until someone waits at the gate with it.
    async fn held(executor: &Executor) -> (Arc<Barrier>, JoinHandle<Result<i32, Rejected>>) {
        let gate = Arc::new(Barrier::new(2));
        let (started, running) = crossbeam_channel::bounded(1);
        let (lane, job_gate) = (executor.clone(), Arc::clone(&gate));
        let job = move || {
            started.send(()).unwrap();
            job_gate.wait();
            1
        };
        let first = actix_web::rt::spawn(async move { lane.run(job).await });
        while running.try_recv().is_err() {
            tokio::task::yield_now().await;
        }
        (gate, first)
    }

    #[actix_web::test]
    async fn a_full_queue_rejects_and_an_accepted_job_is_done() {
        let (executor, drain) = Executor::start("test", Priority::Normal, 1, 1, PATIENT).unwrap();
        let (gate, first) = held(&executor).await;
        let second = queued(&executor, || 2).await;
        assert_eq!(executor.run(|| 3).await, Err(Rejected::Busy));
        drop(executor);
        gate.wait();
        assert_eq!(first.await.unwrap(), Ok(1));
        assert_eq!(second.await.unwrap(), Ok(2));
        drain.wait();
    }

    #[actix_web::test]
    async fn what_waits_works_and_is_rejected_is_counted() {
        let (executor, drain) = Executor::start("test", Priority::Normal, 1, 1, PATIENT).unwrap();
        let metrics = Arc::clone(&executor.metrics);
        let now = || (metrics.threads.get(), metrics.busy.get(), metrics.waiting.get(), metrics.full.get());
        let (gate, first) = held(&executor).await;
        let second = queued(&executor, || panic!("on purpose")).await;
        assert_eq!(executor.run(|| 3).await, Err(Rejected::Busy));
        assert_eq!(now(), (1, 1, 1, 1));
        drop(executor);
        gate.wait();
        assert_eq!((first.await.unwrap(), second.await.unwrap()), (Ok(1), Err::<(), _>(Rejected::Panicked)));
        drain.wait();
        assert_eq!((now(), metrics.wait.get_sample_count()), ((1, 0, 0, 1), 2));
    }

    #[actix_web::test]
    async fn who_has_waited_for_too_long_is_told_though_all_threads_are_held_up_and_the_job_is_not_begun() {
        let (executor, drain) = Executor::start("test", Priority::Normal, 1, 8, Duration::from_millis(20)).unwrap();
        let (gate, first) = held(&executor).await;
        let (begun, is_begun) = crossbeam_channel::bounded(1);
        assert_eq!(executor.run(move || begun.send(())).await, Err(Rejected::Busy));
        gate.wait();
        assert_eq!(first.await.unwrap(), Ok(1), "what was begun is waited for");
        drop(executor);
        drain.wait();
        assert!(is_begun.try_recv().is_err());
    }

    #[actix_web::test]
    async fn what_nobody_waits_for_any_more_is_not_begun() {
        let (executor, drain) = Executor::start("test", Priority::Normal, 1, 8, PATIENT).unwrap();
        let (gate, first) = held(&executor).await;
        let (begun, is_begun) = crossbeam_channel::bounded(1);
        let abandoned = queued(&executor, move || begun.send(())).await;
        abandoned.abort();
        assert!(abandoned.await.unwrap_err().is_cancelled());
        gate.wait();
        assert_eq!(first.await.unwrap(), Ok(1));
        drop(executor);
        drain.wait();
        assert!(is_begun.try_recv().is_err());
    }

    #[actix_web::test]
    async fn a_panic_ends_the_job_and_not_the_thread() {
        let (executor, _drain) = Executor::start("test", Priority::Normal, 1, 8, PATIENT).unwrap();
        let outcome = executor.run(|| panic!("on purpose")).await;
        assert_eq!(outcome.map(|()| 0), Err(Rejected::Panicked));
        assert_eq!(executor.run(|| 4).await, Ok(4));
    }

    #[cfg(target_os = "linux")]
    #[actix_web::test]
    async fn what_keeps_processors_busy_comes_after_all_else() {
        let (normal, _drain) = Executor::start("test", Priority::Normal, 1, 8, PATIENT).unwrap();
        let (low, _drain) = Executor::start("test", Priority::Low, 1, 8, PATIENT).unwrap();
        let niceness = || rustix::process::getpriority_process(None).unwrap();
        let here = niceness();
        assert_eq!(normal.run(niceness).await, Ok(here));
        assert_eq!(low.run(niceness).await, Ok((here + 10).min(19)));
        assert_eq!(niceness(), here, "it is that of the thread alone");
    }
}
