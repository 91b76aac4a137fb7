use std::sync::Arc;

use chrono::{DateTime, Utc};
use jobportal_domain::{
    CandidateId, CandidateProfile, DocumentId, PersonalDetails, ProfessionalDetails, ProfessionalProfile,
    ProfessionalProfileId, UserId, UserType,
};

use crate::accounts::redact;
use crate::actor::require_own;
use crate::documents::{apply_change, discard};
use crate::{
    Actor, Clock, Contact, Directory, DocumentChange, Error, Page, PageRequest, RepositoryError, Result, Store,
};

const NO_PROFILE: Error = Error::NotFound("Candidate profile not found.");

/// A candidate's profile with the account it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CandidateAccount {
    /// How to reach the candidate.
    pub contact: Contact,
    /// The profile.
    pub profile: CandidateProfile,
}

/// Candidates' profiles.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait CandidateRepository {
    /// Makes an empty profile.
    fn create(&mut self, user_id: UserId, now: DateTime<Utc>) -> Result<CandidateId, RepositoryError>;
    /// Finds a profile.
    fn find(&mut self, id: CandidateId) -> Result<Option<CandidateAccount>, RepositoryError>;
    /// Finds the profile of an account.
    fn find_by_user(&mut self, user_id: UserId) -> Result<Option<CandidateAccount>, RepositoryError>;
    /// Finds the id of the profile of an account.
    fn id_of_user(&mut self, user_id: UserId) -> Result<Option<CandidateId>, RepositoryError>;
    /// Profiles, by id.
    fn list(&mut self, page: PageRequest) -> Result<Page<CandidateAccount>, RepositoryError>;
    /// Replaces the personal part and the picture.
    fn update_personal(
        &mut self,
        id: CandidateId,
        personal: &PersonalDetails,
        picture: Option<DocumentId>,
        now: DateTime<Utc>,
    ) -> Result<(), RepositoryError>;
    /// Makes or replaces the professional part and its résumé.
    fn save_professional(
        &mut self,
        id: CandidateId,
        details: &ProfessionalDetails,
        resume: Option<DocumentId>,
        now: DateTime<Utc>,
    ) -> Result<ProfessionalProfileId, RepositoryError>;
}

/// What a change left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved<T> {
    /// As it is now.
    pub value: T,
    /// Names of contents in the [`FileStore`](crate::FileStore) that nothing refers to any more.
    pub discarded: Vec<String>,
}

/// Changes the personal part of one's own profile. The closure gets the present part and makes the new one of it, so that
/// what a request leaves out stays.
pub struct RevisePersonal<F> {
    /// The `user` of the body, if it has one: must be the caller's own.
    pub user: Option<i64>,
    /// Makes the new part.
    pub revise: F,
    /// What to do with the picture.
    pub picture: DocumentChange,
}

/// Makes or replaces the professional part of one's own profile.
pub struct ReviseProfessional {
    /// The `candidate` of the body, if it has one: must be the caller's own profile.
    pub candidate: Option<i64>,
    /// The new lists.
    pub details: ProfessionalDetails,
    /// What to do with the résumé.
    pub resume: DocumentChange,
}

/// Candidates' profiles.
#[derive(Clone)]
pub struct Candidates {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    directory: Directory,
}

impl Candidates {
    /// Wires it.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, directory: Directory) -> Self {
        Self { store, clock, directory }
    }

    /// One's own profile.
    pub fn own(&self, actor: &Actor) -> Result<CandidateAccount> {
        actor.require(UserType::Candidate)?;
        self.store.read(|uow| uow.candidates().find_by_user(actor.user_id)?.ok_or(NO_PROFILE))
    }

    /// A profile, for anyone who is signed in.
    pub fn find(&self, actor: &Actor, id: CandidateId) -> Result<CandidateAccount> {
        self.store.read(|uow| {
            let mut found = uow.candidates().find(id)?.ok_or(NO_PROFILE)?;
            redact(uow, actor, self.directory, vec![&mut found.contact])?;
            Ok(found)
        })
    }

    /// All profiles, for anyone who is signed in.
    pub fn list(&self, actor: &Actor, page: PageRequest) -> Result<Page<CandidateAccount>> {
        self.store.read(|uow| {
            let mut page = uow.candidates().list(page)?.or_invalid()?;
            let contacts = page.items.iter_mut().map(|account| &mut account.contact).collect();
            redact(uow, actor, self.directory, contacts)?;
            Ok(page)
        })
    }

    /// Changes the personal part of one's own profile.
    pub fn revise_personal(
        &self,
        actor: &Actor,
        request: &RevisePersonal<impl Fn(PersonalDetails) -> PersonalDetails>,
    ) -> Result<Saved<CandidateProfile>> {
        actor.require(UserType::Candidate)?;
        require_own(request.user, actor.user_id)?;
        let now = self.clock.now();
        self.store.write(|uow| {
            uow.users().lock(actor.user_id)?;
            let mut profile = uow.candidates().find_by_user(actor.user_id)?.ok_or(NO_PROFILE)?.profile;
            let personal = (request.revise)(profile.personal);
            personal.validate(now).into_result()?;
            let (picture, replaced) = apply_change(uow, actor.user_id, profile.picture, &request.picture, now)?;
            let picture_id = picture.as_ref().map(|document| document.id);
            uow.candidates().update_personal(profile.id, &personal, picture_id, now)?;
            profile.personal = personal;
            profile.picture = picture;
            Ok(Saved { value: profile, discarded: discard(uow, replaced)? })
        })
    }

    /// Makes or replaces the professional part of one's own profile.
    pub fn revise_professional(
        &self,
        actor: &Actor,
        request: &ReviseProfessional,
    ) -> Result<Saved<(CandidateId, ProfessionalProfile)>> {
        actor.require(UserType::Candidate)?;
        let now = self.clock.now();
        self.store.write(|uow| {
            uow.users().lock(actor.user_id)?;
            let profile = uow.candidates().find_by_user(actor.user_id)?.ok_or(NO_PROFILE)?.profile;
            require_own(request.candidate, profile.id)?;
            let held = profile.professional.and_then(|professional| professional.resume);
            let (resume, replaced) = apply_change(uow, actor.user_id, held, &request.resume, now)?;
            let resume_id = resume.as_ref().map(|document| document.id);
            let id = uow.candidates().save_professional(profile.id, &request.details, resume_id, now)?;
            let value = (profile.id, ProfessionalProfile { id, resume, details: request.details.clone() });
            Ok(Saved { value, discarded: discard(uow, replaced)? })
        })
    }
}
