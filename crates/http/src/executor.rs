use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, TrySendError};
use thiserror::Error;
use tokio::sync::oneshot;

type Task = Box<dyn FnOnce() + Send>;

/// Why work was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Rejected {
    /// The queue is full.
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
    queue: Sender<Task>,
}

/// The threads of an [`Executor`], to wait for.
#[derive(Debug)]
pub struct Drain(Vec<JoinHandle<()>>);

impl Executor {
    /// Starts `threads` threads, at least one, before which up to `queue` jobs may wait.
    pub fn start(name: &str, threads: usize, queue: usize) -> std::io::Result<(Self, Drain)> {
        let (sender, receiver) = crossbeam_channel::bounded::<Task>(queue);
        let threads = (0..threads.max(1))
            .map(|number| {
                let receiver = receiver.clone();
                thread::Builder::new().name(format!("{name}-{number}")).spawn(move || work(&receiver))
            })
            .collect::<std::io::Result<_>>()?;
        Ok((Self { queue: sender }, Drain(threads)))
    }

    /// Runs `job` on one of the threads, in the caller's tracing span.
    pub async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, Rejected> {
        let (reply, answer) = oneshot::channel();
        let span = tracing::Span::current();
        let task = Box::new(move || {
            // Nobody waits for the answer of a client that has hung up; the work is done all the same.
            let _ = reply.send(span.in_scope(job));
        });
        match self.queue.try_send(task) {
            Ok(()) => answer.await.map_err(|_| Rejected::Panicked),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(Rejected::Busy),
        }
    }
}

impl Drain {
    /// Waits until every job that was accepted is done. The last clone of the executor must be dropped before.
    pub fn wait(self) {
        for thread in self.0 {
            // Panics are caught in the loop; there is nothing to learn from a thread that ended.
            let _ = thread.join();
        }
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
    use std::sync::{Arc, Barrier};

    use super::*;

    #[actix_web::test]
    async fn a_full_queue_rejects_and_an_accepted_job_is_done() {
        let (executor, drain) = Executor::start("test", 1, 1).unwrap();
        let gate = Arc::new(Barrier::new(2));
        let (started, running) = crossbeam_channel::bounded(1);
        let first = {
            let (executor, gate) = (executor.clone(), Arc::clone(&gate));
            actix_web::rt::spawn(async move {
                executor
                    .run(move || {
                        started.send(()).unwrap();
                        gate.wait();
                        1
                    })
                    .await
            })
        };
        while running.try_recv().is_err() {
            tokio::task::yield_now().await;
        }
        let second = {
            let executor = executor.clone();
            actix_web::rt::spawn(async move { executor.run(|| 2).await })
        };
        while executor.queue.is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(executor.run(|| 3).await, Err(Rejected::Busy));
        drop(executor);
        gate.wait();
        assert_eq!(first.await.unwrap(), Ok(1));
        assert_eq!(second.await.unwrap(), Ok(2));
        drain.wait();
    }

    #[actix_web::test]
    async fn a_panic_ends_the_job_and_not_the_thread() {
        let (executor, _drain) = Executor::start("test", 1, 8).unwrap();
        let outcome = executor.run(|| panic!("on purpose")).await;
        assert_eq!(outcome.map(|()| 0), Err(Rejected::Panicked));
        assert_eq!(executor.run(|| 4).await, Ok(4));
    }
}
