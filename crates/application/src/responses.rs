//! Answers that are kept ready to be sent, and how who keeps them learns that they are no longer true.
//!
//! A kept answer is not deleted when something changes: whoever reads slowly could put an old state back after that. It
//! remembers from which [`Moment`] on the database was read for it, and is good while nothing it shows changed later.

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
