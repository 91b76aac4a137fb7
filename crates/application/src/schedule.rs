use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{Clock, RepositoryError, Result, Store};

/// A run of a periodic task that a node has claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskRun {
    /// Which task.
    pub task: String,
    /// The node: a name that no other one has.
    pub owner: String,
    /// When it was claimed.
    pub began_at: DateTime<Utc>,
}

/// When periodic tasks are due, and which node runs them.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait ScheduleRepository {
    /// Claims a run for its owner until `until`, if the task is due at [`TaskRun::began_at`] and no other claim holds then. A task
    /// that never ran is due.
    fn claim(&mut self, run: &TaskRun, until: DateTime<Utc>) -> Result<bool, RepositoryError>;
    /// Holds the claim until `until`. False: it is another node's by now.
    fn keep(&mut self, run: &TaskRun, until: DateTime<Utc>) -> Result<bool, RepositoryError>;
    /// Ends the claim, unless it is another node's by now; the task is due next at `next_run_at`, or as before.
    fn end(&mut self, run: &TaskRun, next_run_at: Option<DateTime<Utc>>) -> Result<(), RepositoryError>;
}

/// Makes a periodic task run once a period, however many nodes there are and whichever of them dies. A run that is not
/// [completed](Self::complete) is another node's when its claim is over, so a task must bear to be begun anew.
#[derive(Clone)]
pub struct Schedule {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    owner: String,
}

impl Schedule {
    /// How long a claim holds without being [kept](Self::keep).
    pub const LEASE: TimeDelta = TimeDelta::seconds(60);

    /// Wires it, for the node `owner`: a name that no other one has, nor had.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, owner: String) -> Self {
        Self { store, clock, owner }
    }

    /// Claims the run of `task` that is due, if one is and no other node has it.
    pub fn claim(&self, task: &str) -> Result<Option<TaskRun>> {
        let run = TaskRun { task: task.to_owned(), owner: self.owner.clone(), began_at: self.clock.now() };
        let is_claimed = self.store.write(|uow| Ok(uow.schedule().claim(&run, run.began_at + Self::LEASE)?))?;
        Ok(is_claimed.then_some(run))
    }

    /// Holds a claim for another [`Self::LEASE`]. False: it was over, and the run is another node's.
    pub fn keep(&self, run: &TaskRun) -> Result<bool> {
        let until = self.clock.now() + Self::LEASE;
        self.store.write(|uow| Ok(uow.schedule().keep(run, until)?))
    }

    /// Records that a run is done: the next one is due `every` after its beginning.
    pub fn complete(&self, run: &TaskRun, every: TimeDelta) -> Result<()> {
        self.store.write(|uow| Ok(uow.schedule().end(run, Some(run.began_at + every))?))
    }

    /// Leaves a run that is not done to whoever asks next.
    pub fn release(&self, run: &TaskRun) -> Result<()> {
        self.store.write(|uow| Ok(uow.schedule().end(run, None)?))
    }
}

#[cfg(test)]
mod tests {
    use mockall::predicate::eq;

    use super::*;
    use crate::fixtures::{clock, now, store};
    use crate::mocks::MockUnitOfWork;

    fn run() -> TaskRun {
        TaskRun { task: "renewal".to_owned(), owner: "node-1".to_owned(), began_at: now() }
    }

    fn schedule(uow: MockUnitOfWork) -> Schedule {
        Schedule::new(store(uow), clock(), "node-1".to_owned())
    }

    #[test]
    fn a_run_is_claimed_by_one_node() {
        for is_claimed in [true, false] {
            let mut uow = MockUnitOfWork::default();
            let until = now() + Schedule::LEASE;
            uow.schedule.expect_claim().once().with(eq(run()), eq(until)).returning(move |_, _| Ok(is_claimed));
            assert_eq!(schedule(uow).claim("renewal").unwrap(), is_claimed.then(run));
        }
    }

    #[test]
    fn a_run_that_takes_long_is_kept_and_one_that_was_lost_is_told() {
        for is_kept in [true, false] {
            let mut uow = MockUnitOfWork::default();
            let until = now() + Schedule::LEASE;
            uow.schedule.expect_keep().once().with(eq(run()), eq(until)).returning(move |_, _| Ok(is_kept));
            assert_eq!(schedule(uow).keep(&run()).unwrap(), is_kept);
        }
    }

    #[test]
    fn the_next_run_is_due_a_period_after_the_beginning_of_the_last_one_and_at_once_if_that_is_not_done() {
        let every = TimeDelta::minutes(10);
        let mut uow = MockUnitOfWork::default();
        uow.schedule.expect_end().once().with(eq(run()), eq(Some(now() + every))).returning(|_, _| Ok(()));
        schedule(uow).complete(&run(), every).unwrap();
        let mut uow = MockUnitOfWork::default();
        uow.schedule.expect_end().once().with(eq(run()), eq(None)).returning(|_, _| Ok(()));
        schedule(uow).release(&run()).unwrap();
    }
}
