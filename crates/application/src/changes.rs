use std::sync::Arc;

use chrono::{DateTime, Utc};
use jobportal_domain::{Job, JobApplication, JobState, UserId};

use crate::{Action, Actor, Clock, RepositoryError, Result, Slice, SliceRequest, Store};

/// A job as it is now, in its place among those that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobChange {
    /// When it last changed, by the clock of the feed.
    pub changed_at: DateTime<Utc>,
    /// Its state now.
    pub state: JobState,
    /// The job.
    pub job: Job,
}

/// An application as it is now, in its place among those that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationChange {
    /// When it last changed, by the clock of the feed.
    pub changed_at: DateTime<Utc>,
    /// Its job was taken down.
    pub is_deleted: bool,
    /// The application.
    pub application: JobApplication,
}

/// What changed, ordered by the last change of each thing and then by its id.
///
/// The times of changes are stamped by the store so that they are committed in their order: once a reader has seen one, no
/// change before it is still to come. A thing that changes again moves to the end.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait ChangeRepository {
    /// Jobs, deleted ones too, with their state at `now`.
    fn jobs(&mut self, request: SliceRequest, now: DateTime<Utc>) -> Result<Slice<JobChange>, RepositoryError>;
    /// Applications to jobs, deleted ones too, of the employer with account `owner`.
    fn applications(
        &mut self,
        owner: UserId,
        request: SliceRequest,
    ) -> Result<Slice<ApplicationChange>, RepositoryError>;
}

/// Tells those who keep a copy what changed.
#[derive(Clone)]
pub struct Changes {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

impl Changes {
    /// Wires it.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Jobs that changed, for anyone who is signed in.
    pub fn jobs(&self, request: SliceRequest) -> Result<Slice<JobChange>> {
        let now = self.clock.now();
        self.store.read_one(|uow| Ok(uow.changes().jobs(request, now)?))
    }

    /// Applications to the caller's jobs that changed.
    pub fn applications(&self, actor: &Actor, request: SliceRequest) -> Result<Slice<ApplicationChange>> {
        actor.require(Action::ReadApplications)?;
        self.store.read_one(|uow| Ok(uow.changes().applications(actor.user_id, request)?))
    }
}

#[cfg(test)]
mod tests {
    use mockall::predicate::eq;

    use super::*;
    use crate::fixtures::{EMPLOYER_USER, admin, candidate, clock, employer, now, store};
    use crate::mocks::MockUnitOfWork;
    use crate::{Access, Error, Position};

    fn request() -> SliceRequest {
        SliceRequest::new(Position::before(now()), 10).unwrap()
    }

    fn nothing<T>() -> Slice<T> {
        Slice::new(Vec::new(), request(), |_| Position::default())
    }

    #[test]
    fn jobs_are_read_as_they_are_now_by_one_statement() {
        let mut uow = MockUnitOfWork::default();
        uow.changes.expect_jobs().once().with(eq(request()), eq(now())).returning(|_, _| Ok(nothing()));
        let store = store(uow);
        assert_eq!(Changes::new(store.clone(), clock()).jobs(request()).unwrap(), nothing());
        assert_eq!(store.transactions(), [(Access::Statement, true)]);
    }

    #[test]
    fn applications_are_for_the_employer_they_were_sent_to() {
        let mut uow = MockUnitOfWork::default();
        let own = |_, _| Ok(nothing());
        uow.changes.expect_applications().once().with(eq(EMPLOYER_USER), eq(request())).returning(own);
        let changes = Changes::new(store(uow), clock());
        assert_eq!(changes.applications(&employer(), request()).unwrap(), nothing());
        for other in [candidate(), admin()] {
            assert!(matches!(changes.applications(&other, request()), Err(Error::Forbidden(_))));
        }
    }
}
