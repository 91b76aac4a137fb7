//! `mockall` mocks of every port, and a store and unit of work made of them.
//!
//! ```
//! use std::sync::Arc;
//!
//! use jobportal_application::mocks::{MockStore, MockUnitOfWork};
//! use jobportal_application::{Jobs, SystemClock, samples};
//! use jobportal_domain::JobId;
//!
//! let mut uow = MockUnitOfWork::default();
//! uow.jobs.expect_details().returning(|_| Ok(None));
//! let jobs = Jobs::new(Arc::new(MockStore::new(uow)), Arc::new(SystemClock));
//! assert!(jobs.details(&samples::candidate(), JobId(1)).is_err());
//! ```

use std::sync::Mutex;

/// The version of `mockall` that the mocks are of, for its predicates and sequences.
pub use mockall;

pub use crate::accounts::{
    MockCodeRepository, MockNetworkRepository, MockSecondFactorRepository, MockSessionRepository, MockUserRepository,
};
pub use crate::applications::MockApplicationRepository;
pub use crate::candidates::MockCandidateRepository;
pub use crate::changes::MockChangeRepository;
pub use crate::clock::MockClock;
pub use crate::documents::{MockDocumentRepository, MockFileStore};
pub use crate::employers::MockEmployerRepository;
pub use crate::idempotency::MockReceiptRepository;
pub use crate::jobs::MockJobRepository;
pub use crate::limits::{MockRateLimiter, MockSessionDenylist};
pub use crate::notifications::{MockMailer, MockOutboxRepository};
pub use crate::responses::{MockAnswerCache, MockChangeListener, MockNodes, MockResponseCache};
pub use crate::schedule::MockScheduleRepository;
pub use crate::search::MockJobSearch;
pub use crate::security::{MockAccessTokens, MockOneTimePasswords, MockPasswordHasher, MockRandomSource, MockVault};
pub use crate::seeding::MockBulkRepository;
pub use crate::signal::MockMailSignal;
pub use crate::subscriptions::{MockPlanRepository, MockSubscriptionRepository, MockUsageRepository};
use crate::{
    Access, ApplicationRepository, BulkRepository, CandidateRepository, ChangeRepository, CodeRepository,
    DocumentRepository, EmployerRepository, JobRepository, JobSearch, NetworkRepository, OutboxRepository,
    PlanRepository, ReceiptRepository, RepositoryError, Result, ScheduleRepository, SecondFactorRepository,
    SessionRepository, Store, SubscriptionRepository, UnitOfWork, UsageRepository, UserRepository, Work,
};

macro_rules! mock_unit_of_work {
    ($($accessor:ident: $mock:ident as $port:ident),+ $(,)?) => {
        /// A unit of work made of mocks; set expectations on its fields.
        #[derive(Default)]
        #[non_exhaustive]
        pub struct MockUnitOfWork {
            $(#[doc = concat!("Mocks [`", stringify!($port), "`].")] pub $accessor: $mock,)+
        }

        impl UnitOfWork for MockUnitOfWork {
            $(fn $accessor(&mut self) -> &mut dyn $port { &mut self.$accessor })+
        }
    };
}

mock_unit_of_work! {
    users: MockUserRepository as UserRepository,
    codes: MockCodeRepository as CodeRepository,
    second_factors: MockSecondFactorRepository as SecondFactorRepository,
    sessions: MockSessionRepository as SessionRepository,
    networks: MockNetworkRepository as NetworkRepository,
    candidates: MockCandidateRepository as CandidateRepository,
    employers: MockEmployerRepository as EmployerRepository,
    documents: MockDocumentRepository as DocumentRepository,
    jobs: MockJobRepository as JobRepository,
    search: MockJobSearch as JobSearch,
    applications: MockApplicationRepository as ApplicationRepository,
    changes: MockChangeRepository as ChangeRepository,
    plans: MockPlanRepository as PlanRepository,
    subscriptions: MockSubscriptionRepository as SubscriptionRepository,
    usage: MockUsageRepository as UsageRepository,
    outbox: MockOutboxRepository as OutboxRepository,
    receipts: MockReceiptRepository as ReceiptRepository,
    schedule: MockScheduleRepository as ScheduleRepository,
    bulk: MockBulkRepository as BulkRepository,
}

/// A store that runs all work on one [`MockUnitOfWork`], and notes what became of each transaction.
#[derive(Default)]
pub struct MockStore {
    uow: Mutex<MockUnitOfWork>,
    transactions: Mutex<Vec<(Access, bool)>>,
}

impl MockStore {
    /// A store over these mocks.
    pub fn new(uow: MockUnitOfWork) -> Self {
        Self { uow: Mutex::new(uow), transactions: Mutex::default() }
    }

    /// The transactions so far: what for, and whether they were committed.
    pub fn transactions(&self) -> Vec<(Access, bool)> {
        self.transactions.lock().map(|t| t.clone()).unwrap_or_default()
    }
}

impl Store for MockStore {
    fn run(&self, access: Access, work: &mut Work<'_>) -> Result<()> {
        let mut uow = self.uow.lock().map_err(|_| crate::Error::Internal("a mock panicked".into()))?;
        let outcome = work(&mut *uow);
        if let Ok(mut transactions) = self.transactions.lock() {
            transactions.push((access, outcome.is_ok()));
        }
        outcome
    }

    fn ping(&self) -> Result<(), RepositoryError> {
        Ok(())
    }
}
