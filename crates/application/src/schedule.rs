use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{Clock, RepositoryError, Result, Store};

/// When periodic tasks last ran, on whichever node.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait ScheduleRepository {
    /// Claims the run of `task` that is due at `now`, and sets the next one `every` later. False: another node has it,
    /// or it is not due. A task that never ran is due.
    fn claim(&mut self, task: &str, now: DateTime<Utc>, every: TimeDelta) -> Result<bool, RepositoryError>;
}

/// Makes a periodic task run once a period, however many nodes there are.
#[derive(Clone)]
pub struct Schedule {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

impl Schedule {
    /// Wires it.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Whether this node is to run `task` now; if so, no other is until `every` has passed.
    pub fn claim(&self, task: &str, every: TimeDelta) -> Result<bool> {
        let now = self.clock.now();
        self.store.write(|uow| Ok(uow.schedule().claim(task, now, every)?))
    }
}

#[cfg(test)]
mod tests {
    use mockall::predicate::eq;

    use super::*;
    use crate::fixtures::{clock, now, store};
    use crate::mocks::MockUnitOfWork;

    #[test]
    fn a_task_is_claimed_by_one_node_a_period() {
        let every = TimeDelta::minutes(10);
        for claimed in [true, false] {
            let mut uow = MockUnitOfWork::default();
            uow.schedule
                .expect_claim()
                .once()
                .with(eq("renewal"), eq(now()), eq(every))
                .returning(move |_, _, _| Ok(claimed));
            let store = store(uow);
            assert_eq!(Schedule::new(store.clone(), clock()).claim("renewal", every).unwrap(), claimed);
            assert_eq!(store.transactions(), [(crate::Access::Write, true)]);
        }
    }
}
