mod delivery;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join5;
use jobportal_application::{
    Clock, Documents, Error, FileStore, Jobs, MailSignal, Mailer, Outbox, RequestKey, Result, Schedule, Store,
    Subscriptions, TaskRun, Vault,
};
use jobportal_http::Executor;

use crate::logging::chain;
use crate::metrics::Mails;
use crate::settings::{Settings, time_delta};
use crate::shutdown::Shutdown;

/// The pause after something failed that should work.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// How often, at most, to ask whether a periodic task is due.
const SCHEDULE_POLL: Duration = Duration::from_secs(30);

/// How often the claim of a run is renewed that takes long: well before [`Schedule::LEASE`] is over.
const KEEP_EVERY: Duration = Duration::from_secs(20);

const CLEAN_UP_EVERY: Duration = Duration::from_secs(60 * 60);

/// How long an account may stay unverified; then its address and its number are free again.
const KEEP_UNVERIFIED: TimeDelta = TimeDelta::days(7);

/// How many receipts of requests one transaction of the clean-up deletes.
const RECEIPT_BATCH: u32 = 1_000;

const SWEEP_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// Longer than a request may take from the storing of a content to the commit that refers to it.
const UPLOAD_TIME: TimeDelta = TimeDelta::hours(1);

/// How long what has ended is kept for an operator to look at.
const KEEP_ENDED: TimeDelta = TimeDelta::days(1);

/// How long a network is known from which a user came, and does so no longer.
const KEEP_NETWORKS: TimeDelta = TimeDelta::days(180);

/// Delivers mail and runs periodic tasks. Nothing that fails here ends it.
pub(crate) struct Worker {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) vault: Arc<dyn Vault>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) mailer: Arc<dyn Mailer>,
    pub(crate) signal: Arc<dyn MailSignal>,
    /// Counts what becomes of them.
    pub(crate) mails: Mails,
    pub(crate) documents: Documents,
    pub(crate) files: Arc<dyn FileStore>,
    /// For what takes a moment.
    pub(crate) lane: Executor,
    /// For periodic tasks.
    pub(crate) tasks: Executor,
    pub(crate) settings: Settings,
    /// A name that no other worker has.
    pub(crate) name: String,
}

/// What happened to the part of a periodic task that ran.
enum Progress {
    More,
    Done,
}

type Task = Arc<dyn Fn() -> Result<Progress> + Send + Sync>;

impl Worker {
    /// How many threads record what becomes of mails.
    pub(crate) const DELIVERY_THREADS: u16 = 2;

    /// How many threads it has, each of which uses a connection.
    pub(crate) const THREADS: u16 = Self::DELIVERY_THREADS + 1;

    /// Works until the end is asked for; a mail on its way is finished first.
    pub(crate) async fn run(self, shutdown: Shutdown) {
        let subscriptions = Subscriptions::new(self.store.clone(), self.clock.clone());
        let renewal = in_batches("renewed or ended subscriptions", move || subscriptions.renew_due());
        let jobs = Jobs::new(self.store.clone(), self.clock.clone());
        let closing = in_batches("closed jobs", move || jobs.close_due());
        let (store, clock) = (self.store.clone(), self.clock.clone());
        let access_lifetime = time_delta(self.settings.auth.access_lifetime);
        let clean_up: Task = Arc::new(move || clean_up(&store, &clock, access_lifetime));
        let every = self.settings.worker.renewal_every;
        let renewal =
            self.periodically("renewal", every, || self.run_to_end("renewal", &renewal, &shutdown), &shutdown);
        let every = self.settings.worker.closing_every;
        let closing =
            self.periodically("closing", every, || self.run_to_end("closing", &closing, &shutdown), &shutdown);
        let clean_up = self.periodically(
            "clean-up",
            CLEAN_UP_EVERY,
            || self.run_to_end("clean-up", &clean_up, &shutdown),
            &shutdown,
        );
        let sweep = self.periodically("sweep", SWEEP_EVERY, || self.sweep(), &shutdown);
        join5(self.deliver(&shutdown), renewal, closing, clean_up, sweep).await;
    }

    /// Does `run` once in each `every`, on one of all nodes. What is not done, because it failed, the end was asked for or the
    /// node died, is begun anew.
    async fn periodically<F: Future<Output = Progress>>(
        &self,
        name: &'static str,
        every: Duration,
        run: impl Fn() -> F,
        shutdown: &Shutdown,
    ) {
        let schedule = Schedule::new(self.store.clone(), self.clock.clone(), self.name.clone());
        while !shutdown.is_requested() {
            let claim = schedule.clone();
            let outcome = match self.on_lane(move || claim.claim(name)).await {
                Ok(Some(claimed)) => self.run_claimed(&schedule, claimed, every, run()).await,
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = outcome {
                tracing::error!(task = name, error = chain(&error), "the schedule can't be read or written");
            }
            shutdown.pause(every.min(SCHEDULE_POLL)).await;
        }
    }

    /// Holds the claim of a run as long as the run takes.
    async fn run_claimed(
        &self,
        schedule: &Schedule,
        claimed: TaskRun,
        every: Duration,
        run: impl Future<Output = Progress>,
    ) -> Result<()> {
        let mut run = pin!(run);
        let progress = loop {
            if let Ok(progress) = tokio::time::timeout(KEEP_EVERY, &mut run).await {
                break progress;
            }
            let (keeper, run) = (schedule.clone(), claimed.clone());
            if !self.on_lane(move || keeper.keep(&run)).await.unwrap_or(true) {
                tracing::warn!(task = claimed.task, "another node has taken this run over");
                return Ok(());
            }
        };
        let schedule = schedule.clone();
        self.on_lane(move || match progress {
            Progress::Done => schedule.complete(&claimed, time_delta(every)),
            Progress::More => schedule.release(&claimed),
        })
        .await
    }

    /// Deletes contents of documents that no document has, and that are too old to belong to a request under way.
    async fn sweep(&self) -> Progress {
        let before = self.clock.now() - UPLOAD_TIME;
        let documents = self.documents.clone();
        let orphans = async {
            let keys = self.files.stored_before(before).await?;
            let orphans = self.as_task(move || documents.without_document(&keys)).await?;
            for key in &orphans {
                self.files.delete(key).await?;
            }
            Ok::<_, Error>(orphans.len())
        };
        match orphans.await {
            Ok(count) => {
                tracing::info!(count, "deleted files that no document has");
                Progress::Done
            }
            Err(error) => {
                tracing::error!(error = chain(&error), "files that no document has can't be deleted");
                Progress::More
            }
        }
    }

    async fn run_to_end(&self, name: &str, task: &Task, shutdown: &Shutdown) -> Progress {
        while !shutdown.is_requested() {
            let run = Arc::clone(task);
            match self.as_task(move || run()).await {
                Ok(Progress::Done) => return Progress::Done,
                Ok(Progress::More) => {}
                Err(error) => {
                    tracing::error!(task = name, error = chain(&error), "a periodic task failed");
                    shutdown.pause(RETRY_PAUSE).await;
                }
            }
        }
        Progress::More
    }

    /// Does a part of a periodic task, which may take long: no mail waits for it.
    async fn as_task<T: Send + 'static>(&self, job: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        on(&self.tasks, job).await
    }

    async fn on_lane<T: Send + 'static>(&self, job: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        on(&self.lane, job).await
    }
}

async fn on<T: Send + 'static>(lane: &Executor, job: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    lane.run(job).await.unwrap_or_else(|rejected| Err(Error::Unavailable(rejected.into())))
}

/// A task of batches, each of which tells how much it did; the last one did nothing.
fn in_batches(done: &'static str, batch: impl Fn() -> Result<usize> + Send + Sync + 'static) -> Task {
    Arc::new(move || match batch()? {
        0 => Ok(Progress::Done),
        count => {
            tracing::info!(count, "{done}");
            Ok(Progress::More)
        }
    })
}

/// Deletes what nobody needs any more.
fn clean_up(store: &Arc<dyn Store>, clock: &Arc<dyn Clock>, access_lifetime: TimeDelta) -> Result<Progress> {
    let ended = clock.now() - KEEP_ENDED;
    let unverified = clock.now() - KEEP_UNVERIFIED;
    let (codes, sessions, counts, accounts) = store.write(|uow| {
        let codes = uow.codes().purge(ended)?;
        let sessions = uow.sessions().purge(ended)? + uow.sessions().purge_ended(ended - access_lifetime)?;
        uow.networks().purge(clock.now() - KEEP_NETWORKS)?;
        let counts = uow.usage().purge(ended.date_naive())?;
        Ok((codes, sessions, counts, uow.users().purge_unverified(unverified)?))
    })?;
    let mails = Outbox::new(store.clone(), clock.clone()).purge(Outbox::KEEP_SETTLED)?;
    let answered = clock.now() - RequestKey::LIFETIME;
    let receipts = store.write(|uow| Ok(uow.receipts().purge(answered, RECEIPT_BATCH)?))?;
    tracing::info!(codes, sessions, counts, accounts, mails, receipts, "cleaned up");
    let is_all = receipts < u64::from(RECEIPT_BATCH) && mails < u64::from(Outbox::PURGE_BATCH);
    Ok(if is_all { Progress::Done } else { Progress::More })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use jobportal_application::{
        DeliveryStatus, Mail, MailError, NewNotification, Notification, OutboxFilter, PageRequest,
    };
    use jobportal_domain::EmailAddress;
    use jobportal_files::LocalFiles;
    use jobportal_http::Drain;

    use super::*;
    use crate::composition::{Core, Overrides};

    /// Answers as it is told, and asks for the end when it has no more answers.
    struct ScriptedMailer {
        answers: Mutex<Vec<Result<(), MailError>>>,
        shutdown: Shutdown,
    }

    #[async_trait]
    impl Mailer for ScriptedMailer {
        async fn send(&self, _: &Mail) -> Result<(), MailError> {
            let mut answers = self.answers.lock().unwrap();
            let answer = answers.pop().unwrap();
            if answers.is_empty() {
                self.shutdown.request();
            }
            answer
        }
    }

    /// Runs a worker over an outbox of as many mails as there are answers; returns what became of them, oldest first.
    fn statuses_after(answers: Vec<Result<(), MailError>>, shutdown: &Shutdown) -> Vec<DeliveryStatus> {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", dir.path().join("portal.db").display());
        let settings = Settings::load_from(&[("database.url", &url), ("auth.bcrypt_cost", "4"), ("worker.batch", "1")]);
        let count = answers.len();
        let answers = Mutex::new(answers.into_iter().rev().collect());
        let mailer = Arc::new(ScriptedMailer { answers, shutdown: shutdown.clone() });
        let overrides = Overrides { mailer: Some(mailer), ..Overrides::default() };
        let core = Core::open(settings.unwrap(), Worker::THREADS.into(), overrides).unwrap();
        for _ in 0..count {
            let notification = NewNotification {
                recipient: EmailAddress::parse("ann@example.com").unwrap(),
                content: Notification::PasswordChanged,
                created_at: core.clock.now(),
            };
            core.store.write(|uow| Ok(uow.outbox().enqueue(&notification)?)).unwrap();
        }
        let files = LocalFiles::open(dir.path().join("files")).unwrap();
        let (worker, drain) = core.worker(Arc::new(files), &core.metrics().unwrap().0).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(worker.run(shutdown.clone()));
        drain.into_iter().for_each(Drain::wait);
        let page = Outbox::new(core.store.clone(), core.clock.clone())
            .list(&OutboxFilter::default(), PageRequest::new(1, 10).unwrap());
        page.unwrap().items.iter().rev().map(|entry| entry.status).collect()
    }

    #[test]
    fn each_mail_is_sent_and_its_outcome_recorded() {
        let refused = Err(MailError::Refused("no such user".to_owned()));
        let unavailable = Err(MailError::Unavailable("busy".to_owned()));
        let statuses = statuses_after(vec![Ok(()), refused, unavailable, Ok(())], &Shutdown::new());
        let sent = DeliveryStatus::Sent;
        assert_eq!(statuses, [sent, DeliveryStatus::Dead, DeliveryStatus::Pending, sent]);
    }

    #[test]
    fn receipts_are_deleted_after_a_day_a_batch_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", dir.path().join("portal.db").display());
        let settings = Settings::load_from(&[("database.url", &url), ("auth.bcrypt_cost", "4")]).unwrap();
        let core = Core::open(settings, 1, Overrides::default()).unwrap();
        let now = core.clock.now();
        let insert = |number: u32, at| {
            let (caller, key, fingerprint) = ("user:1".to_owned(), number.to_string(), String::new());
            let key = RequestKey { caller, key, fingerprint };
            core.store.write(|uow| Ok(uow.receipts().insert(&key, "", at, at)?)).unwrap();
        };
        (0..RECEIPT_BATCH).for_each(|number| insert(number, now - RequestKey::LIFETIME));
        insert(RECEIPT_BATCH, now - RequestKey::LIFETIME + TimeDelta::hours(1));
        assert!(matches!(clean_up(&core.store, &core.clock, TimeDelta::minutes(30)), Ok(Progress::More)));
        assert!(matches!(clean_up(&core.store, &core.clock, TimeDelta::minutes(30)), Ok(Progress::Done)));
        let left = core.store.write(|uow| Ok(uow.receipts().purge(now, RECEIPT_BATCH)?)).unwrap();
        assert_eq!(left, 1);
    }

    #[test]
    fn nothing_is_sent_once_the_end_was_asked_for() {
        let shutdown = Shutdown::new();
        shutdown.request();
        assert_eq!(statuses_after(vec![Ok(())], &shutdown), [DeliveryStatus::Pending]);
    }
}
