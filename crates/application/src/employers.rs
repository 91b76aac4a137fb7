use std::sync::Arc;

use chrono::{DateTime, Utc};
use jobportal_domain::{DocumentId, EmployerDetails, EmployerId, EmployerProfile, UserId, Version};

use crate::documents::{apply_change, discard};
use crate::{
    Action, Actor, Clock, DocumentChange, Error, Page, PageRequest, Precondition, RepositoryError, Result, Saved, Store,
};

pub(crate) const NO_PROFILE: Error = Error::NotFound("Employer profile not found.");

/// Employers' profiles.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait EmployerRepository {
    /// Makes an empty profile.
    fn create(&mut self, user_id: UserId, now: DateTime<Utc>) -> Result<EmployerId, RepositoryError>;
    /// Finds the profile of an account that is in use.
    fn find(&mut self, id: EmployerId) -> Result<Option<EmployerProfile>, RepositoryError>;
    /// Finds the profile of an account.
    fn find_by_user(&mut self, user_id: UserId) -> Result<Option<EmployerProfile>, RepositoryError>;
    /// Profiles of accounts that are in use, by id.
    fn list(&mut self, page: PageRequest) -> Result<Page<EmployerProfile>, RepositoryError>;
    /// Replaces what a profile tells, and its picture; it is of `version` then.
    fn update(
        &mut self,
        id: EmployerId,
        details: &EmployerDetails,
        picture: Option<DocumentId>,
        version: Version,
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
    /// Which state the profile must be in.
    pub precondition: Precondition,
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
        actor.require(Action::ReadOwnEmployer)?;
        self.store.read_one(|uow| uow.employers().find_by_user(actor.user_id)?.ok_or(NO_PROFILE))
    }

    /// A profile, for anyone.
    pub fn find(&self, id: EmployerId) -> Result<EmployerProfile> {
        self.store.read_one(|uow| uow.employers().find(id)?.ok_or(NO_PROFILE))
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
        actor.require(Action::ReviseEmployer)?;
        actor.require_own_user(request.user)?;
        let now = self.clock.now();
        self.store.write(|uow| {
            uow.users().lock(actor.user_id)?;
            let mut profile = uow.employers().find_by_user(actor.user_id)?.ok_or(NO_PROFILE)?;
            request.precondition.check(profile.version)?;
            let details = (request.revise)(profile.details.clone());
            let held = profile.picture.clone();
            let (picture, replaced) = apply_change(uow, actor.user_id, held, &request.picture, now)?;
            let picture_id = picture.as_ref().map(|document| document.id);
            profile.revise(details, picture);
            uow.employers().update(profile.id, &profile.details, picture_id, profile.version, now)?;
            Ok(Saved { value: profile, discarded: discard(uow, replaced)? })
        })
    }
}

#[cfg(test)]
mod tests {
    use jobportal_domain::DocumentKind;
    use mockall::Sequence;
    use mockall::predicate::{always, eq};

    use super::*;
    use crate::NewDocument;
    use crate::fixtures::{
        EMPLOYER, EMPLOYER_USER, candidate, clock, employer, employer_profile, new_document, now, page, page_of,
        past_the_end, store, stored_document, text,
    };
    use crate::mocks::MockUnitOfWork;

    fn wire(uow: MockUnitOfWork) -> Employers {
        Employers::new(store(uow), clock())
    }

    fn logo(id: i64) -> jobportal_domain::StoredDocument {
        stored_document(id, DocumentKind::ProfilePicture, EMPLOYER_USER)
    }

    fn with_profile() -> MockUnitOfWork {
        let mut uow = MockUnitOfWork::default();
        uow.users.expect_lock().with(eq(EMPLOYER_USER)).returning(|_| Ok(true));
        let profile = EmployerProfile { picture: Some(logo(4)), ..employer_profile() };
        uow.employers.expect_find_by_user().with(eq(EMPLOYER_USER)).returning(move |_| Ok(Some(profile.clone())));
        uow
    }

    fn new_company(picture: DocumentChange) -> ReviseEmployer<fn(EmployerDetails) -> EmployerDetails> {
        ReviseEmployer {
            user: Some(EMPLOYER_USER.0),
            revise: |present| EmployerDetails { company_name: Some(text("ACME Ltd")), ..present },
            picture,
            precondition: Precondition::None,
        }
    }

    #[test]
    fn profiles_are_open_to_all() {
        let mut uow = MockUnitOfWork::default();
        uow.employers.expect_find().with(eq(EMPLOYER)).returning(|_| Ok(Some(employer_profile())));
        uow.employers.expect_list().with(eq(page())).returning(|_| Ok(page_of(vec![employer_profile()])));
        let employers = wire(uow);
        assert_eq!(employers.find(EMPLOYER).unwrap(), employer_profile());
        assert_eq!(employers.list(page()).unwrap().items, [employer_profile()]);
    }

    #[test]
    fn a_profile_or_page_that_is_not_there_is_not_found() {
        let mut uow = MockUnitOfWork::default();
        uow.employers.expect_find().returning(|_| Ok(None));
        uow.employers.expect_find_by_user().returning(|_| Ok(None));
        uow.employers.expect_list().returning(|_| Ok(past_the_end()));
        uow.users.expect_lock().returning(|_| Ok(true));
        let employers = wire(uow);
        assert!(matches!(employers.find(EMPLOYER), Err(Error::NotFound(_))));
        assert!(matches!(employers.own(&employer()), Err(Error::NotFound(_))));
        assert!(matches!(employers.list(page()), Err(Error::NotFound("Invalid page."))));
        let revised = employers.revise(&employer(), &new_company(DocumentChange::Keep));
        assert!(matches!(revised, Err(Error::NotFound(_))));
    }

    #[test]
    fn ones_own_profile_is_for_employers() {
        assert_eq!(wire(with_profile()).own(&employer()).unwrap().id, EMPLOYER);
        assert!(matches!(wire(MockUnitOfWork::default()).own(&candidate()), Err(Error::Forbidden(_))));
    }

    #[test]
    fn what_a_change_leaves_out_stays() {
        let mut uow = with_profile();
        let expected = EmployerDetails { company_name: Some(text("ACME Ltd")), ..employer_profile().details };
        uow.employers
            .expect_update()
            .once()
            .with(eq(EMPLOYER), eq(expected.clone()), eq(Some(logo(4).id)), eq(Version(2)), eq(now()))
            .returning(|_, _, _, _, _| Ok(()));
        let saved = wire(uow).revise(&employer(), &new_company(DocumentChange::Keep)).unwrap();
        assert_eq!((saved.value.details, saved.value.picture), (expected, Some(logo(4))));
        assert!(saved.discarded.is_empty());
    }

    #[test]
    fn a_replaced_picture_is_forgotten_only_after_the_profile_holds_the_new_one() {
        let (mut uow, mut order) = (with_profile(), Sequence::new());
        uow.documents.expect_insert().once().in_sequence(&mut order).returning(|_, _, _| Ok(logo(6)));
        uow.employers
            .expect_update()
            .once()
            .in_sequence(&mut order)
            .with(always(), always(), eq(Some(logo(6).id)), always(), always())
            .returning(|_, _, _, _, _| Ok(()));
        uow.documents
            .expect_delete_unused()
            .once()
            .in_sequence(&mut order)
            .with(eq(logo(4).id))
            .returning(|_| Ok(true));
        let change = DocumentChange::Replace(new_document(DocumentKind::ProfilePicture));
        let saved = wire(uow).revise(&employer(), &new_company(change)).unwrap();
        assert_eq!(saved.value.picture, Some(logo(6)));
        assert_eq!(saved.discarded, [NewDocument::from(&logo(4)).storage_key()]);
    }

    #[test]
    fn a_profile_that_was_changed_meanwhile_stays_as_it_is() {
        let employers = wire(with_profile());
        let stale =
            ReviseEmployer { precondition: Precondition::OneOf(Vec::new()), ..new_company(DocumentChange::Remove) };
        assert!(matches!(employers.revise(&employer(), &stale), Err(Error::PreconditionFailed)));
    }

    #[test]
    fn a_profile_is_changed_by_its_owner_alone() {
        let employers = wire(MockUnitOfWork::default());
        let for_nobody_named = ReviseEmployer { user: None, ..new_company(DocumentChange::Keep) };
        let as_candidate = employers.revise(&candidate(), &for_nobody_named);
        assert!(matches!(as_candidate, Err(Error::Forbidden(_))));
        let for_another = ReviseEmployer { user: Some(EMPLOYER.0), ..new_company(DocumentChange::Keep) };
        assert!(matches!(employers.revise(&employer(), &for_another), Err(Error::Forbidden(_))));
    }
}
