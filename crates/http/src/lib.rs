//! The REST API of the job portal on actix-web.
//!
//! A handler reads its input, runs one use case on an [`Executor`] and writes the answer. What is absent here, by intent:
//! rules (they are in the domain), SQL, and any wait on a thread of the event loop. Wire types and their odd names live here
//! and nowhere else; status codes and error bodies are made in one place, `error.rs`.

mod accounts;
mod applications;
mod audit;
#[doc(hidden)]
pub mod benchmarks;
mod body;
mod candidates;
mod changes;
mod client;
mod conditional;
mod cursor;
mod docs;
mod documents;
mod employers;
mod error;
mod executor;
mod extract;
#[doc(hidden)]
pub mod fuzzing;
mod hardening;
mod health;
mod idempotency;
mod input;
mod jobs;
mod limits;
mod metrics;
mod notifications;
mod openapi;
mod page;
mod permissions;
mod portal;
mod responses;
mod routes;
mod search;
mod subscriptions;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use jobportal_application::{
    AccessTokens, Accounts, Actor, AnswerCache, Applications, Candidates, Changes, Clock, Documents, Employers,
    FileStore, Jobs, Nodes, Outbox, RateLimiter, ResponseCache, Search, SessionDenylist, Store, Subscriptions, Vault,
};
use jobportal_domain::UserType;

pub use client::TrustedProxies;
pub use executor::{Drain, Executor, Priority, Rejected};
pub use hardening::{CorsOrigins, application};
pub use health::{Dependency, Health, Need, probes};
pub use metrics::Metrics;
pub use openapi::openapi;
pub use permissions::{permissions, routes};
pub use responses::Ready;

/// What an operator may choose about the API.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// Whether the answer to a registration holds the one-time code. For development alone.
    pub expose_otp: bool,
    /// The address under which clients reach the API, for links in answers; without it the `Host` header of the request.
    pub public_url: Option<String>,
    /// Whose word about the address of a client is taken.
    pub trusted_proxies: TrustedProxies,
    /// The origins whose pages may call the API.
    pub cors_origins: CorsOrigins,
    /// How long a client may take to send the body of a request.
    pub body_timeout: Duration,
    /// How long an access token lives: so long an ended session has to be remembered.
    pub access_lifetime: Duration,
    /// Whether a request that changes or deletes something must say in `If-Match` which state it has seen.
    pub require_if_match: bool,
}

impl HttpSettings {
    /// Whether clients reach the API by HTTPS, through a proxy that ends it.
    fn is_public_by_https(&self) -> bool {
        self.public_url.as_ref().is_some_and(|url| url.starts_with("https://"))
    }
}

/// A use case that reads, on the primary database and on one that may be a little behind it.
#[derive(Clone)]
pub struct Replicated<U> {
    /// On what is up to date.
    pub primary: U,
    /// On what may be a replica.
    pub replica: U,
}

impl<U> Replicated<U> {
    /// The one for this caller: who may have written what is read finds it, on whichever node it was written.
    pub(crate) fn of(&self, actor: &Actor) -> &U {
        if actor.user_type == UserType::Candidate { &self.replica } else { &self.primary }
    }
}

/// Everything that handlers use.
pub struct App {
    /// Use cases.
    pub accounts: Accounts,
    /// Use cases.
    pub candidates: Candidates,
    /// Use cases.
    pub employers: Employers,
    /// Use cases.
    pub documents: Documents,
    /// Use cases.
    pub jobs: Jobs,
    /// Use cases.
    pub search: Replicated<Search>,
    /// Use cases.
    pub applications: Applications,
    /// Use cases.
    pub changes: Replicated<Changes>,
    /// Use cases.
    pub subscriptions: Subscriptions,
    /// Use cases.
    pub outbox: Outbox,
    /// Reads access tokens.
    pub tokens: Arc<dyn AccessTokens>,
    /// Digests requests, and seals the answers to them that are kept.
    pub vault: Arc<dyn Vault>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Knows ended sessions.
    pub denylist: Arc<dyn SessionDenylist>,
    /// Limits what one client may do; `None`: nothing is limited.
    pub limiter: Option<Arc<dyn RateLimiter>>,
    /// Keeps answers that many ask for; `None`: each is read anew.
    pub responses: Option<Arc<dyn ResponseCache<Arc<Ready>>>>,
    /// Keeps answers that few may have, for those who may.
    pub answers: Arc<dyn AnswerCache>,
    /// The other nodes, whose changes end what is kept; `None`: there are none.
    pub nodes: Option<Arc<dyn Nodes>>,
    /// Keeps the content of documents.
    pub files: Arc<dyn FileStore>,
    /// Makes a request part of the trace that a `traceparent` names; `None`: requests are not traced.
    pub adopt_trace: Option<fn(&tracing::Span, &str)>,
    /// Knows whether the parts work that the node depends on.
    pub health: Arc<Health>,
    /// Counts requests.
    pub metrics: Metrics,
    /// Asked whether the database answers.
    pub store: Arc<dyn Store>,
    /// Runs use cases.
    pub database: Executor,
    /// Runs use cases that hash a password, so that they do not hold up all others.
    pub hashing: Executor,
    /// The same for whom nobody knows: however many they are, they do not hold up those who are known.
    pub strangers: Executor,
    /// What the operator chose.
    pub settings: HttpSettings,
}
