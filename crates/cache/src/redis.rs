//! What the nodes of a portal share through Redis.

mod answers;
mod breaker;
mod limiter;
mod messages;
mod nodes;

use std::time::Duration;

use deadpool_redis::redis::aio::PubSub;
use deadpool_redis::redis::{Client, Cmd, FromRedisValue, RedisResult, cmd};
use deadpool_redis::{Manager, Pool};
use thiserror::Error;

pub use answers::RedisAnswerCache;
pub use breaker::Breaker;
pub use limiter::RedisRateLimiter;
pub use nodes::RedisNodes;

/// Where Redis is, and how it is used.
#[derive(Clone)]
pub struct RedisSettings {
    /// `redis://[USER:PASSWORD@]HOST[:PORT][/NUMBER]`, the same with `rediss` for TLS, or `unix://PATH`.
    pub url: String,
    /// What all names in Redis begin with.
    pub prefix: String,
    /// How long anything may take, connecting included.
    pub timeout: Duration,
    /// The most connections at once, but for one more that listens.
    pub pool_size: usize,
}

/// Why Redis can't be used.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct RedisError(String);

/// The Redis that the nodes share. Whatever is asked of it is answered within its timeout, or is not answered.
pub struct Redis {
    pool: Pool,
    client: Client,
    breaker: Breaker,
    prefix: String,
    timeout: Duration,
}

impl Redis {
    /// Reads the settings; connections are made when they are needed.
    pub fn new(settings: &RedisSettings) -> Result<Self, RedisError> {
        let refused = |error: deadpool_redis::redis::RedisError| RedisError(error.to_string());
        let client = Client::open(settings.url.as_str()).map_err(refused)?;
        let manager = Manager::new(settings.url.as_str()).map_err(refused)?;
        let pool = Pool::builder(manager).max_size(settings.pool_size).build();
        let pool = pool.map_err(|error| RedisError(error.to_string()))?;
        Ok(Self { pool, client, breaker: Breaker::new(), prefix: settings.prefix.clone(), timeout: settings.timeout })
    }

    /// Whether calls are spared at present, and how many have failed.
    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// Asks whether it answers, whatever the breaker says.
    pub async fn ping(&self) -> Result<(), RedisError> {
        self.ask::<()>(&cmd("PING")).await.map_err(RedisError)
    }

    /// The name in Redis of what the portal calls `name`.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}:{name}", self.prefix)
    }

    /// Runs a command, unless Redis is known to be away. `None`: there is no answer, and it may have been done or not.
    pub(crate) async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        if self.breaker.admits() { self.insist(command).await } else { None }
    }

    /// Runs a command also where Redis is known to be away: for what must be done from the moment on when it is back.
    pub(crate) async fn insist<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        match self.ask(command).await {
            Ok(answer) => {
                self.breaker.succeeded();
                Some(answer)
            }
            Err(why) => {
                self.breaker.failed(&why);
                None
            }
        }
    }

    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, String> {
        let answer = async {
            let mut connection = self.pool.get().await.map_err(|error| error.to_string())?;
            command.query_async(&mut connection).await.map_err(|error| error.to_string())
        };
        self.in_time(answer).await.unwrap_or_else(|| Err("no answer in time".to_owned()))
    }

    /// A connection of its own that listens to a channel.
    async fn listen(&self, channel: &str) -> Option<RedisResult<PubSub>> {
        self.in_time(async {
            let mut connection = self.client.get_async_pubsub().await?;
            connection.subscribe(channel).await?;
            Ok(connection)
        })
        .await
    }

    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout(self.timeout, work).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> RedisSettings {
        RedisSettings {
            url: url.to_owned(),
            prefix: "test".to_owned(),
            timeout: Duration::from_millis(50),
            pool_size: 2,
        }
    }

    #[test]
    fn what_is_no_address_of_a_redis_is_refused_without_telling_its_secrets() {
        for url in ["", "localhost", "http://user:hunter2@host", "redis://user:hunter2@host/name", "redis:hunter2"] {
            let Err(error) = Redis::new(&settings(url)) else { panic!("{url} was taken") };
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }

    #[tokio::test]
    async fn who_is_away_is_asked_a_few_times_and_then_spared() {
        // Nobody listens there, and a listener that never answers.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let silent = format!("redis://{}", silent.local_addr().unwrap());
        for url in ["redis://127.0.0.1:1", &silent] {
            let redis = Redis::new(&settings(url)).unwrap();
            for _ in 0..10 {
                assert_eq!(redis.query::<()>(&cmd("PING")).await, None);
            }
            assert!(redis.breaker().is_open());
            assert_eq!(redis.breaker().failures(), 3);
            assert!(redis.ping().await.is_err());
        }
    }
}
