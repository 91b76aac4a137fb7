use crate::{
    ApplicationRepository, BulkRepository, CandidateRepository, ChangeRepository, CodeRepository, DocumentRepository,
    EmployerRepository, JobRepository, JobSearch, NetworkRepository, OutboxRepository, PlanRepository,
    ReceiptRepository, RepositoryError, Result, ScheduleRepository, SecondFactorRepository, SessionRepository,
    SubscriptionRepository, UsageRepository, UserRepository,
};

/// The repositories of one transaction. A new one adds a line here, in the mocks and in the adapter's session.
pub trait UnitOfWork {
    /// Accounts.
    fn users(&mut self) -> &mut dyn UserRepository;
    /// One-time codes.
    fn codes(&mut self) -> &mut dyn CodeRepository;
    /// Authenticator apps and recovery codes.
    fn second_factors(&mut self) -> &mut dyn SecondFactorRepository;
    /// Signed-in devices.
    fn sessions(&mut self) -> &mut dyn SessionRepository;
    /// Networks that users came from.
    fn networks(&mut self) -> &mut dyn NetworkRepository;
    /// Candidates' profiles.
    fn candidates(&mut self) -> &mut dyn CandidateRepository;
    /// Employers' profiles.
    fn employers(&mut self) -> &mut dyn EmployerRepository;
    /// Stored documents.
    fn documents(&mut self) -> &mut dyn DocumentRepository;
    /// Jobs.
    fn jobs(&mut self) -> &mut dyn JobRepository;
    /// Finding jobs.
    fn search(&mut self) -> &mut dyn JobSearch;
    /// Applications.
    fn applications(&mut self) -> &mut dyn ApplicationRepository;
    /// What changed.
    fn changes(&mut self) -> &mut dyn ChangeRepository;
    /// Plans.
    fn plans(&mut self) -> &mut dyn PlanRepository;
    /// Subscriptions.
    fn subscriptions(&mut self) -> &mut dyn SubscriptionRepository;
    /// Daily use of allowances.
    fn usage(&mut self) -> &mut dyn UsageRepository;
    /// Notifications.
    fn outbox(&mut self) -> &mut dyn OutboxRepository;
    /// Receipts of requests that may be repeated.
    fn receipts(&mut self) -> &mut dyn ReceiptRepository;
    /// Periodic tasks.
    fn schedule(&mut self) -> &mut dyn ScheduleRepository;
    /// Made-up data.
    fn bulk(&mut self) -> &mut dyn BulkRepository;
}

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads only, one consistent state; may be tried again on a fresh connection if the first one is broken.
    Read,
    /// One statement that reads: it is one consistent state by itself, and needs no transaction and none of its round
    /// trips. May be tried again like [`Access::Read`].
    Statement,
    /// Reads and writes; committed when the work returns `Ok`, undone otherwise.
    Write,
}

/// What is done in a transaction. May be called a second time unless it is for [`Access::Write`].
pub type Work<'a> = dyn FnMut(&mut dyn UnitOfWork) -> Result<()> + 'a;

/// Runs work in transactions. The front page of the crate has an implementation in outline; callers use `read`,
/// `read_one` and `write` of `dyn Store`, which return what the work returns.
pub trait Store: Send + Sync {
    /// Runs `work` on one connection in one transaction, as `access` says. Returns the error of the work as it is,
    /// after undoing what it wrote; a [`RepositoryError`] of the transaction itself becomes an
    /// [`Error`](enum@crate::Error) by `From`.
    fn run(&self, access: Access, work: &mut Work<'_>) -> Result<()>;
    /// Whether the database answers now; for a health check.
    fn ping(&self) -> Result<(), RepositoryError>;
}

impl dyn Store + '_ {
    /// Reads in one consistent state. The work may be called a second time, so it must have no effect outside.
    pub fn read<T>(&self, mut work: impl FnMut(&mut dyn UnitOfWork) -> Result<T>) -> Result<T> {
        self.value_of(Access::Read, &mut work)
    }

    /// Reads with one statement, which needs no transaction. The work may be called a second time.
    pub fn read_one<T>(&self, mut work: impl FnMut(&mut dyn UnitOfWork) -> Result<T>) -> Result<T> {
        self.value_of(Access::Statement, &mut work)
    }

    /// Reads and writes in one transaction; `Ok` commits, `Err` undoes all of it.
    pub fn write<T>(&self, mut work: impl FnMut(&mut dyn UnitOfWork) -> Result<T>) -> Result<T> {
        self.value_of(Access::Write, &mut work)
    }

    fn value_of<T>(&self, access: Access, work: &mut dyn FnMut(&mut dyn UnitOfWork) -> Result<T>) -> Result<T> {
        let mut value = None;
        self.run(access, &mut |uow| {
            value = Some(work(uow)?);
            Ok(())
        })?;
        value.ok_or_else(|| crate::Error::Internal("the store did not run the work".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use crate::fixtures::store;
    use crate::mocks::MockUnitOfWork;

    #[test]
    fn what_fails_is_undone_and_what_works_is_committed() {
        let mock = store(MockUnitOfWork::default());
        let store: &dyn Store = &*mock;
        assert_eq!(store.read(|_| Ok(1)).unwrap(), 1);
        assert_eq!(store.write(|_| Ok(2)).unwrap(), 2);
        assert!(store.write(|_| Err::<(), _>(Error::INVALID_PAGE)).is_err());
        assert_eq!(mock.transactions(), [(Access::Read, true), (Access::Write, true), (Access::Write, false)]);
    }

    #[test]
    fn a_read_that_is_tried_again_gives_its_last_value() {
        struct Twice;
        impl Store for Twice {
            fn run(&self, _: Access, work: &mut Work<'_>) -> Result<()> {
                work(&mut MockUnitOfWork::default())?;
                work(&mut MockUnitOfWork::default())
            }
            fn ping(&self) -> Result<(), RepositoryError> {
                Ok(())
            }
        }
        let (store, mut calls): (&dyn Store, _) = (&Twice, 0);
        let last = store.read(|_| {
            calls += 1;
            Ok(calls)
        });
        assert_eq!(last.unwrap(), 2);
    }

    #[test]
    fn a_store_that_does_nothing_is_a_defect() {
        struct Idle;
        impl Store for Idle {
            fn run(&self, _: Access, _: &mut Work<'_>) -> Result<()> {
                Ok(())
            }
            fn ping(&self) -> Result<(), RepositoryError> {
                Ok(())
            }
        }
        let store: &dyn Store = &Idle;
        assert!(matches!(store.read(|_| Ok(())), Err(Error::Internal(_))));
    }
}
