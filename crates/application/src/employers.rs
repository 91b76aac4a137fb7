use std::sync::Arc;

use chrono::{DateTime, Utc};
use jobportal_domain::{DocumentId, EmployerDetails, EmployerId, EmployerProfile, UserId, UserType};

use crate::actor::require_own;
use crate::documents::{apply_change, discard};
use crate::{Actor, Clock, DocumentChange, Error, Page, PageRequest, RepositoryError, Result, Saved, Store};

pub(crate) const NO_PROFILE: Error = Error::NotFound("Employer profile not found.");

/// Employers' profiles.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait EmployerRepository {
    /// Makes an empty profile.
    fn create(&mut self, user_id: UserId, now: DateTime<Utc>) -> Result<EmployerId, RepositoryError>;
    /// Finds a profile.
    fn find(&mut self, id: EmployerId) -> Result<Option<EmployerProfile>, RepositoryError>;
    /// Finds the profile of an account.
    fn find_by_user(&mut self, user_id: UserId) -> Result<Option<EmployerProfile>, RepositoryError>;
    /// Profiles, by id.
    fn list(&mut self, page: PageRequest) -> Result<Page<EmployerProfile>, RepositoryError>;
    /// Replaces what a profile tells, and its picture.
    fn update(
        &mut self,
        id: EmployerId,
        details: &EmployerDetails,
        picture: Option<DocumentId>,
        now: DateTime<Utc>,
    ) -> Result<(), RepositoryError>;
}

/// Changes one's own profile. The closure gets the present details and makes the new ones of them, so that what a request
/// leaves out stays.
pub struct ReviseEmployer<F> {
    /// The `user` of the body, if it has one: must be the caller's own.
    pub user: Option<i64>,
    /// Makes the new details.
    pub revise: F,
    /// What to do with the picture.
    pub picture: DocumentChange,
}

/// Employers' profiles.
#[derive(Clone)]
pub struct Employers {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

impl Employers {
    /// Wires it.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// One's own profile.
    pub fn own(&self, actor: &Actor) -> Result<EmployerProfile> {
        actor.require(UserType::Employer)?;
        self.store.read(|uow| uow.employers().find_by_user(actor.user_id)?.ok_or(NO_PROFILE))
    }

    /// A profile, for anyone.
    pub fn find(&self, id: EmployerId) -> Result<EmployerProfile> {
        self.store.read(|uow| uow.employers().find(id)?.ok_or(NO_PROFILE))
    }

    /// All profiles, for anyone.
    pub fn list(&self, page: PageRequest) -> Result<Page<EmployerProfile>> {
        self.store.read(|uow| uow.employers().list(page)?.or_invalid())
    }

    /// Changes one's own profile.
    pub fn revise(
        &self,
        actor: &Actor,
        request: &ReviseEmployer<impl Fn(EmployerDetails) -> EmployerDetails>,
    ) -> Result<Saved<EmployerProfile>> {
        actor.require(UserType::Employer)?;
        require_own(request.user, actor.user_id)?;
        let now = self.clock.now();
        self.store.write(|uow| {
            uow.users().lock(actor.user_id)?;
            let mut profile = uow.employers().find_by_user(actor.user_id)?.ok_or(NO_PROFILE)?;
            profile.details = (request.revise)(profile.details);
            let (picture, replaced) = apply_change(uow, actor.user_id, profile.picture, &request.picture, now)?;
            let picture_id = picture.as_ref().map(|document| document.id);
            uow.employers().update(profile.id, &profile.details, picture_id, now)?;
            profile.picture = picture;
            Ok(Saved { value: profile, discarded: discard(uow, replaced)? })
        })
    }
}
