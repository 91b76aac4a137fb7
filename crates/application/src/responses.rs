//! Answers that are kept ready to be sent, and how who keeps them learns that they are no longer true.
//!
//! A kept answer is not deleted when something changes: whoever reads slowly could put an old state back after that. It
//! remembers from which [`Moment`] on the database was read for it, and is good while nothing it shows changed later.

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use jobportal_domain::{EmployerId, JobId};

/// What an answer shows, and what a transaction may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A job, with the number of its applications.
    Job(JobId),
    /// An employer's profile, with its picture.
    Employer(EmployerId),
    /// Jobs and the employers they are shown with, whichever: changed with each of them.
    Jobs,
    /// The plans.
    Plans,
    /// Mail that waits to be sent: there is more of it.
    Outbox,
    /// All there is.
    Everything,
}

/// Is told what changed.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait ChangeListener: Send + Sync {
    /// A transaction ended that may have changed these; whoever begins to read now sees what became of them. The store calls it
    /// before it answers whoever wrote, also where it does not know what became of the transaction.
    fn changed(&self, subjects: &[Subject]);
}

impl ChangeListener for Vec<std::sync::Arc<dyn ChangeListener>> {
    fn changed(&self, subjects: &[Subject]) {
        for listener in self {
            listener.changed(subjects);
        }
    }
}

/// The other nodes of the portal, which tell this one what they changed.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait Nodes: Send + Sync {
    /// Waits until all is known here that other nodes had told before this call. `false`: whether it is can't be known now, and what is
    /// kept here must not be used.
    async fn catch_up(&self) -> bool;
}

/// A place in the order of all changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

/// Keeps answers of the form `R` that everyone gets who may have them: who may is decided before this is asked.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait ResponseCache<R: Send + Sync + 'static>: Send + Sync {
    /// The moment now; to be taken before the database is read.
    fn moment(&self) -> Moment;
    /// The answer under `key`, if nothing that it shows has changed.
    fn get(&self, key: &str) -> Option<R>;
    /// Keeps what was read from the moment `since` on and shows these `subjects`.
    fn put(&self, key: &str, response: R, subjects: &[Subject], since: Moment);
}

/// Names a state of all that an answer shows: where anything of it changes, the name is another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp(String);

impl Stamp {
    /// The stamp with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What was read, with the stamp of its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamped<T> {
    /// What was read.
    pub value: T,
    /// Its stamp; `None`: it has none that whoever asked may know it by.
    pub stamp: Option<Stamp>,
    /// As of when it is to be shown, where that depends on the time.
    pub read_at: DateTime<Utc>,
}

/// Keeps answers, each with the [`Stamp`] of the state it was made of. Who asks has read the stamp of the present state from the
/// database, so it does not matter who changed what, how late an answer is put here, or what was lost meanwhile.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait AnswerCache: Send + Sync {
    /// The answer kept under `key`, if it was made of this very state.
    async fn get(&self, key: &str, stamp: &Stamp) -> Option<Bytes>;
    /// Keeps an answer that was read in one state of the database with this stamp, in the place of an earlier one.
    async fn put(&self, key: &str, stamp: &Stamp, answer: Bytes);
}
