use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use async_trait::async_trait;
use deadpool_redis::redis::aio::{PubSubSink, PubSubStream};
use deadpool_redis::redis::{Msg, Value, cmd};
use futures_util::{FutureExt, StreamExt};
use jobportal_application::{ChangeListener, Nodes, SessionDenylist, Subject};
use tokio::sync::{mpsc, oneshot};

use super::{Redis, messages};
use crate::MemorySessionDenylist;

/// The channel on which all nodes tell and listen.
const CHANNEL: &str = "nodes";

/// How often to see whether the connection that listens is still there, while nobody asks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The pause before it is made anew.
const RETRY_PAUSE: Duration = Duration::from_millis(250);

/// How many times as long as a command a node waits for what it tells to be told: the command has to be begun elsewhere.
const PATIENCE: u32 = 2;

type Waiter = oneshot::Sender<()>;

/// Tells the other nodes what happened on this one, before whoever did it is answered, and hears from them.
///
/// A message that is lost is noticed: whoever wants to use what it would have changed asks first whether all was heard
/// ([`Nodes::catch_up`]), and a connection that was cut makes this node forget what it keeps.
pub struct RedisNodes {
    link: Arc<Link>,
    waiters: mpsc::UnboundedSender<Waiter>,
    /// Its threads are this one's alone, so that threads which may wait can tell. `None` when it is dropped.
    runtime: Option<tokio::runtime::Runtime>,
}

struct Link {
    redis: Arc<Redis>,
    /// The name of this node in its messages.
    node: String,
    channel: String,
    listener: Arc<dyn ChangeListener>,
    denylist: Arc<MemorySessionDenylist>,
    is_live: AtomicBool,
    /// Something that changed here was not told.
    is_untold: AtomicBool,
}

impl RedisNodes {
    /// Begins to listen. `node` must be another name for each process; what the others tell reaches `listener` and `denylist`.
    pub fn start(
        redis: Arc<Redis>,
        node: String,
        listener: Arc<dyn ChangeListener>,
        denylist: Arc<MemorySessionDenylist>,
    ) -> io::Result<Self> {
        let (waiters, waiting) = mpsc::unbounded_channel();
        let (is_live, is_untold) = (AtomicBool::new(false), AtomicBool::new(false));
        let channel = redis.name(CHANNEL);
        let link = Arc::new(Link { redis, node, channel, listener, denylist, is_live, is_untold });
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).thread_name("redis").enable_all().build()?;
        runtime.spawn(Arc::clone(&link).listen(waiting));
        Ok(Self { link, waiters, runtime: Some(runtime) })
    }

    /// Whether it hears the other nodes at present.
    pub fn is_live(&self) -> bool {
        self.link.is_live.load(Ordering::SeqCst)
    }
}

impl Drop for RedisNodes {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // It may be dropped where nobody may wait.
            runtime.shutdown_background();
        }
    }
}

impl ChangeListener for RedisNodes {
    /// Waits until it is told, a moment at most.
    fn changed(&self, subjects: &[Subject]) {
        let message = messages::of_changes(&self.link.node, subjects);
        let link = Arc::clone(&self.link);
        let (done, is_done) = sync_channel(1);
        let tell = async move {
            if !link.tell(&message).await {
                link.is_untold.store(true, Ordering::SeqCst);
            }
            // Who waited may have gone.
            let _ = done.send(());
        };
        if let Some(runtime) = &self.runtime {
            runtime.spawn(tell);
            let _ = is_done.recv_timeout(self.link.redis.timeout.saturating_mul(PATIENCE));
        }
    }
}

#[async_trait]
impl Nodes for RedisNodes {
    async fn catch_up(&self) -> bool {
        if !self.is_live() {
            return false;
        }
        let (waiter, is_known) = oneshot::channel();
        self.waiters.send(waiter).is_ok() && self.link.redis.in_time(is_known).await.is_some_and(|known| known.is_ok())
    }
}

#[async_trait]
impl SessionDenylist for RedisNodes {
    async fn deny(&self, session_id: &str, lifetime: Duration) {
        self.link.denylist.deny(session_id, lifetime).await;
        self.link.tell(&messages::of_end(&self.link.node, session_id, lifetime)).await;
    }

    async fn is_denied(&self, session_id: &str) -> bool {
        if self.link.denylist.is_denied(session_id).await {
            return true;
        }
        // Where it is not known whether all was heard, it is known by and by from elsewhere.
        self.catch_up().await;
        self.link.denylist.is_denied(session_id).await
    }
}

impl Link {
    /// Tells the other nodes; whether that is sure to be done. Another node may hear again before this one is known to be heard.
    async fn tell(&self, message: &str) -> bool {
        self.redis.insist::<u64>(cmd("PUBLISH").arg(&self.channel).arg(message)).await.is_some()
    }

    async fn listen(self: Arc<Self>, mut waiting: mpsc::UnboundedReceiver<Waiter>) {
        loop {
            if let Some(Ok(connection)) = self.redis.listen(&self.channel).await {
                // What others changed before is not known here.
                self.listener.changed(&[Subject::Everything]);
                self.is_live.store(true, Ordering::SeqCst);
                let (sink, stream) = connection.split();
                self.hear(sink, stream, &mut waiting).await;
                self.is_live.store(false, Ordering::SeqCst);
                tracing::warn!("the other nodes can't be heard: Redis is away");
            }
            // Who waits is told that it is not known.
            while waiting.try_recv().is_ok() {}
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }

    /// Hears what is told, and tells who waits when they have caught up, until the connection fails.
    ///
    /// The answer to a PING comes after all messages that were published before it was sent; so one PING serves all who waited by then.
    async fn hear(
        &self,
        mut sink: PubSubSink,
        mut stream: PubSubStream,
        waiting: &mut mpsc::UnboundedReceiver<Waiter>,
    ) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            let mut waiters = Vec::new();
            tokio::select! {
                message = stream.next() => match message {
                    Some(message) => {
                        self.heard(&message).await;
                        continue;
                    }
                    None => return,
                },
                first = waiting.recv() => waiters.extend(first),
                _ = look.tick() => {
                    if self.is_untold.swap(false, Ordering::SeqCst)
                        && !self.tell(&messages::of_changes(&self.node, &[Subject::Everything])).await
                    {
                        self.is_untold.store(true, Ordering::SeqCst);
                    }
                }
            }
            while let Ok(waiter) = waiting.try_recv() {
                waiters.push(waiter);
            }
            let Some(Ok(_)) = self.redis.in_time(sink.ping::<Value>()).await else { return };
            while let Some(message) = stream.next().now_or_never() {
                match message {
                    Some(message) => self.heard(&message).await,
                    None => return,
                }
            }
            for waiter in waiters {
                // Who waited may have gone.
                let _ = waiter.send(());
            }
        }
    }

    async fn heard(&self, message: &Msg) {
        let told = messages::read(&message.get_payload::<String>().unwrap_or_default(), &self.node);
        if !told.changed.is_empty() {
            self.listener.changed(&told.changed);
        }
        for (session_id, lifetime) in told.ended {
            self.denylist.deny(&session_id, lifetime).await;
        }
    }
}
