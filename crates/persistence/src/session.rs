use diesel::QueryResult;
use jobportal_application::{
    Access, ApplicationRepository, BulkRepository, CandidateRepository, ChangeListener, ChangeRepository,
    CodeRepository, DocumentRepository, EmployerRepository, Error, JobRepository, JobSearch, NetworkRepository,
    OutboxRepository, PageRequest, PlanRepository, ReceiptRepository, RepositoryError, Result, ScheduleRepository,
    SecondFactorRepository, SessionRepository, Subject, SubscriptionRepository, UnitOfWork, UsageRepository,
    UserRepository,
};

use crate::connection::AnyConnection;
use crate::error::classify;
use crate::search::breadth::Breadth;

/// Every repository, on the connection of one transaction.
pub(crate) struct Session<'c> {
    pub(crate) connection: &'c mut AnyConnection,
    pub(crate) breadth: &'c Breadth,
    has_failed: bool,
    listener: Option<&'c dyn ChangeListener>,
    changed: Vec<Subject>,
}

/// Runs a query, written once and checked against both databases, on the connection of a [`Session`].
macro_rules! both {
    ($session:expr, |$connection:ident| $query:expr) => {{
        let result = match &mut *$session.connection {
            crate::connection::AnyConnection::Sqlite($connection) => $query,
            crate::connection::AnyConnection::Postgres($connection) => $query,
        };
        $session.settle(result)
    }};
}

/// Finds at most one row and holds it until the end of the transaction; others may still refer to it. SQLite has one writer, who
/// holds everything. For queries of one table: PostgreSQL would hold the rows of all.
macro_rules! hold {
    ($session:expr, $query:expr) => {{
        use diesel::OptionalExtension;
        let result = match &mut *$session.connection {
            crate::connection::AnyConnection::Sqlite(c) => $query.get_result(c).optional(),
            crate::connection::AnyConnection::Postgres(c) => $query.for_no_key_update().get_result(c).optional(),
        };
        $session.settle(result)
    }};
}

/// The length of a list of which `rows` were read for `page`; counted only where they do not tell.
macro_rules! total {
    ($session:expr, $rows:expr, $page:expr, $count:expr) => {
        match crate::session::total_if_last($rows.len(), $page) {
            Some(total) => total,
            None => both!($session, |c| $count.get_result::<i64>(c))?.unsigned_abs(),
        }
    };
}

impl<'c> Session<'c> {
    /// Runs `work` in a transaction that begins with these parameters. The inner result is that of the work; the outer error says that it could not begin.
    pub(crate) fn transact(
        connection: &'c mut AnyConnection,
        (breadth, listener): (&'c Breadth, Option<&'c dyn ChangeListener>),
        access: Access,
        parameters: &str,
        work: &mut dyn FnMut(&mut Session<'_>) -> Result<()>,
    ) -> Result<Result<()>> {
        connection.begin(access, parameters).map_err(classify)?;
        let mut session = Session { connection, breadth, has_failed: false, listener, changed: Vec::new() };
        if access == Access::Statement {
            return Ok(work(&mut session));
        }
        let outcome = work(&mut session).and_then(|()| session.check());
        if access == Access::Write && outcome.is_ok() {
            return Ok(session.connection.commit().map_err(|error| classify(error).into()));
        }
        // A read has nothing to commit. If the connection is lost the pool drops it, and with it the transaction.
        let _ = session.connection.rollback();
        Ok(outcome)
    }

    /// Notes what this transaction may change, for those who are told at its end.
    pub(crate) fn changes(&mut self, subject: Subject) {
        self.changed.push(subject);
    }

    /// Classifies the error of a statement, and remembers that there was one.
    pub(crate) fn settle<T>(&mut self, result: QueryResult<T>) -> Result<T, RepositoryError> {
        result.map_err(|error| {
            self.has_failed = true;
            classify(error)
        })
    }

    /// PostgreSQL undoes a transaction in which a statement failed, and reports its commit as done.
    fn check(&self) -> Result<()> {
        if self.has_failed { Err(Error::Internal("work went on after a failed statement".into())) } else { Ok(()) }
    }

    pub(crate) fn ping(&mut self) -> Result<(), RepositoryError> {
        let result = self.connection.ping();
        self.settle(result)
    }
}

impl Drop for Session<'_> {
    /// The transaction has ended, however it did: one whose commit failed may be done all the same.
    fn drop(&mut self) {
        if let Some(listener) = self.listener.filter(|_| !self.changed.is_empty()) {
            listener.changed(&self.changed);
        }
    }
}

/// The length of a list whose last page has so many `rows`, if this is its last page.
pub(crate) fn total_if_last(rows: usize, page: PageRequest) -> Option<u64> {
    let is_last = rows < page.size() as usize && (rows > 0 || page.number() == 1);
    is_last.then(|| page.offset().cast_unsigned() + rows as u64)
}

impl UnitOfWork for Session<'_> {
    fn users(&mut self) -> &mut dyn UserRepository {
        self
    }

    fn codes(&mut self) -> &mut dyn CodeRepository {
        self
    }

    fn second_factors(&mut self) -> &mut dyn SecondFactorRepository {
        self
    }

    fn sessions(&mut self) -> &mut dyn SessionRepository {
        self
    }

    fn networks(&mut self) -> &mut dyn NetworkRepository {
        self
    }

    fn candidates(&mut self) -> &mut dyn CandidateRepository {
        self
    }

    fn employers(&mut self) -> &mut dyn EmployerRepository {
        self
    }

    fn documents(&mut self) -> &mut dyn DocumentRepository {
        self
    }

    fn jobs(&mut self) -> &mut dyn JobRepository {
        self
    }

    fn search(&mut self) -> &mut dyn JobSearch {
        self
    }

    fn applications(&mut self) -> &mut dyn ApplicationRepository {
        self
    }

    fn changes(&mut self) -> &mut dyn ChangeRepository {
        self
    }

    fn plans(&mut self) -> &mut dyn PlanRepository {
        self
    }

    fn subscriptions(&mut self) -> &mut dyn SubscriptionRepository {
        self
    }

    fn usage(&mut self) -> &mut dyn UsageRepository {
        self
    }

    fn outbox(&mut self) -> &mut dyn OutboxRepository {
        self
    }

    fn receipts(&mut self) -> &mut dyn ReceiptRepository {
        self
    }

    fn schedule(&mut self) -> &mut dyn ScheduleRepository {
        self
    }

    fn bulk(&mut self) -> &mut dyn BulkRepository {
        self
    }
}
