use std::sync::Arc;

use chrono::{DateTime, Utc};
use jobportal_domain::{
    CandidateId, CandidateProfile, DocumentId, PersonalDetails, ProfessionalDetails, ProfessionalProfileId, UserId,
    Version,
};

use crate::accounts::redact;
use crate::actor::require_own;
use crate::documents::{apply_change, discard};
use crate::{
    Action, Actor, Clock, Contact, Directory, DocumentChange, Error, Page, PageRequest, Precondition, RepositoryError,
    Result, Store,
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
    /// Finds the profile of an account that is in use.
    fn find(&mut self, id: CandidateId) -> Result<Option<CandidateAccount>, RepositoryError>;
    /// Finds the profile of an account.
    fn find_by_user(&mut self, user_id: UserId) -> Result<Option<CandidateAccount>, RepositoryError>;
    /// Finds the id of the profile of an account.
    fn id_of_user(&mut self, user_id: UserId) -> Result<Option<CandidateId>, RepositoryError>;
    /// Profiles of accounts that are in use, by id.
    fn list(&mut self, page: PageRequest) -> Result<Page<CandidateAccount>, RepositoryError>;
    /// Replaces the personal part and the picture; the profile is of `version` then.
    fn update_personal(
        &mut self,
        id: CandidateId,
        personal: &PersonalDetails,
        picture: Option<DocumentId>,
        version: Version,
        now: DateTime<Utc>,
    ) -> Result<(), RepositoryError>;
    /// Makes or replaces the professional part and its résumé; the profile is of `version` then.
    fn save_professional(
        &mut self,
        id: CandidateId,
        details: &ProfessionalDetails,
        resume: Option<DocumentId>,
        version: Version,
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
    /// Which state the profile must be in.
    pub precondition: Precondition,
}

/// Makes or replaces the professional part of one's own profile.
pub struct ReviseProfessional {
    /// The `candidate` of the body, if it has one: must be the caller's own profile.
    pub candidate: Option<i64>,
    /// The new lists.
    pub details: ProfessionalDetails,
    /// What to do with the résumé.
    pub resume: DocumentChange,
    /// Which state the profile must be in.
    pub precondition: Precondition,
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
        actor.require(Action::ReadOwnCandidate)?;
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
        actor.require(Action::ReviseCandidate)?;
        actor.require_own_user(request.user)?;
        let now = self.clock.now();
        self.store.write(|uow| {
            uow.users().lock(actor.user_id)?;
            let mut profile = uow.candidates().find_by_user(actor.user_id)?.ok_or(NO_PROFILE)?.profile;
            request.precondition.check(profile.version)?;
            let personal = (request.revise)(profile.personal.clone());
            personal.validate(now).into_result()?;
            let held = profile.picture.clone();
            let (picture, replaced) = apply_change(uow, actor.user_id, held, &request.picture, now)?;
            let picture_id = picture.as_ref().map(|document| document.id);
            profile.revise_personal(personal, picture);
            uow.candidates().update_personal(profile.id, &profile.personal, picture_id, profile.version, now)?;
            Ok(Saved { value: profile, discarded: discard(uow, replaced)? })
        })
    }

    /// Makes or replaces the professional part of one's own profile.
    pub fn revise_professional(&self, actor: &Actor, request: &ReviseProfessional) -> Result<Saved<CandidateProfile>> {
        actor.require(Action::ReviseCandidate)?;
        let now = self.clock.now();
        self.store.write(|uow| {
            uow.users().lock(actor.user_id)?;
            let mut profile = uow.candidates().find_by_user(actor.user_id)?.ok_or(NO_PROFILE)?.profile;
            require_own(request.candidate, profile.id)?;
            request.precondition.check(profile.version)?;
            let held = profile.professional.as_ref().and_then(|professional| professional.resume.clone());
            let (resume, replaced) = apply_change(uow, actor.user_id, held, &request.resume, now)?;
            let resume_id = resume.as_ref().map(|document| document.id);
            profile.revise_professional(request.details.clone(), resume);
            let id =
                uow.candidates().save_professional(profile.id, &request.details, resume_id, profile.version, now)?;
            if let Some(professional) = &mut profile.professional {
                professional.id = id;
            }
            Ok(Saved { value: profile, discarded: discard(uow, replaced)? })
        })
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use jobportal_domain::{DocumentKind, ProfessionalProfile, Section};
    use mockall::Sequence;
    use mockall::predicate::{always, eq};

    use super::*;
    use crate::fixtures::{
        CANDIDATE, CANDIDATE_USER, admin, candidate, candidate_account, candidate_profile, clock, employer,
        new_document, now, other_employer, page, page_of, past_the_end, store, stored_document, text, violations,
    };
    use crate::mocks::{MockStore, MockUnitOfWork};
    use crate::{Access, NewDocument};

    fn wire(uow: MockUnitOfWork, directory: Directory) -> (Candidates, Arc<MockStore>) {
        let store = store(uow);
        (Candidates::new(store.clone(), clock(), directory), store)
    }

    fn open(uow: MockUnitOfWork) -> Candidates {
        wire(uow, Directory::Open).0
    }

    /// The candidate has this profile; nobody else has one.
    fn with_profile(profile: CandidateProfile) -> MockUnitOfWork {
        let mut uow = MockUnitOfWork::default();
        uow.users.expect_lock().with(eq(CANDIDATE_USER)).returning(|_| Ok(true));
        uow.candidates
            .expect_find_by_user()
            .with(eq(CANDIDATE_USER))
            .returning(move |_| Ok(Some(CandidateAccount { profile: profile.clone(), ..candidate_account() })));
        uow.candidates.expect_find_by_user().returning(|_| Ok(None));
        uow
    }

    fn picture(id: i64) -> jobportal_domain::StoredDocument {
        stored_document(id, DocumentKind::ProfilePicture, CANDIDATE_USER)
    }

    fn with_picture() -> CandidateProfile {
        CandidateProfile { picture: Some(picture(4)), ..candidate_profile() }
    }

    /// A change of the bio alone.
    fn new_bio(picture: DocumentChange) -> RevisePersonal<fn(PersonalDetails) -> PersonalDetails> {
        RevisePersonal {
            user: Some(CANDIDATE_USER.0),
            revise: |present| PersonalDetails { bio: Some(text("I lead.")), ..present },
            picture,
            precondition: Precondition::None,
        }
    }

    fn new_skills(candidate: Option<i64>, resume: DocumentChange) -> ReviseProfessional {
        let mut details = ProfessionalDetails::default();
        details.set(Section::Skills, vec![text("Rust")]).unwrap();
        ReviseProfessional { candidate, details, resume, precondition: Precondition::None }
    }

    #[test]
    fn ones_own_profile_is_for_candidates_who_have_one() {
        assert_eq!(open(with_profile(candidate_profile())).own(&candidate()).unwrap(), candidate_account());
        assert!(matches!(open(MockUnitOfWork::default()).own(&employer()), Err(Error::Forbidden(_))));
        let mut none = MockUnitOfWork::default();
        none.candidates.expect_find_by_user().returning(|_| Ok(None));
        assert!(matches!(open(none).own(&candidate()), Err(Error::NotFound(_))));
    }

    #[test]
    fn a_restricted_directory_hides_the_contact_in_one_profile_and_in_the_list() {
        let shows = |viewer: &Actor, directory| {
            let mut uow = MockUnitOfWork::default();
            uow.candidates.expect_find().with(eq(CANDIDATE)).returning(|_| Ok(Some(candidate_account())));
            uow.candidates.expect_list().returning(|_| Ok(page_of(vec![candidate_account()])));
            let applied_to = employer().user_id;
            uow.users
                .expect_applicants_among()
                .returning(move |employer, users| Ok(if employer == applied_to { users.to_vec() } else { Vec::new() }));
            let candidates = wire(uow, directory).0;
            let one = candidates.find(viewer, CANDIDATE).unwrap().contact;
            let listed = candidates.list(viewer, page()).unwrap().items.remove(0).contact;
            assert_eq!(one, listed);
            one.email.is_some() && one.phone_number.is_some()
        };
        let another = Actor { user_id: crate::fixtures::STRANGER, ..candidate() };
        for viewer in [candidate(), another.clone(), employer(), other_employer(), admin()] {
            assert!(shows(&viewer, Directory::Open));
        }
        for viewer in [candidate(), employer(), admin()] {
            assert!(shows(&viewer, Directory::Restricted));
        }
        for viewer in [another, other_employer()] {
            assert!(!shows(&viewer, Directory::Restricted));
        }
    }

    #[test]
    fn a_profile_or_page_that_is_not_there_is_not_found() {
        let mut uow = MockUnitOfWork::default();
        uow.candidates.expect_find().returning(|_| Ok(None));
        uow.candidates.expect_list().returning(|_| Ok(past_the_end()));
        let candidates = open(uow);
        assert!(matches!(candidates.find(&employer(), CANDIDATE), Err(Error::NotFound(_))));
        assert!(matches!(candidates.list(&employer(), page()), Err(Error::NotFound("Invalid page."))));
    }

    #[test]
    fn what_a_change_leaves_out_stays() {
        let mut uow = with_profile(with_picture());
        let expected = PersonalDetails { bio: Some(text("I lead.")), ..candidate_profile().personal };
        uow.candidates
            .expect_update_personal()
            .once()
            .with(eq(CANDIDATE), eq(expected.clone()), eq(Some(picture(4).id)), eq(Version(2)), eq(now()))
            .returning(|_, _, _, _, _| Ok(()));
        let saved = open(uow).revise_personal(&candidate(), &new_bio(DocumentChange::Keep)).unwrap();
        assert_eq!(saved.value, CandidateProfile { personal: expected, version: Version(2), ..with_picture() });
        assert!(saved.discarded.is_empty());
    }

    #[test]
    fn a_replaced_picture_is_forgotten_only_after_the_profile_holds_the_new_one() {
        let (mut uow, mut order) = (with_profile(with_picture()), Sequence::new());
        uow.documents
            .expect_insert()
            .once()
            .in_sequence(&mut order)
            .withf(|owner, document, _| {
                *owner == CANDIDATE_USER && *document == new_document(DocumentKind::ProfilePicture)
            })
            .returning(|_, _, _| Ok(picture(6)));
        uow.candidates
            .expect_update_personal()
            .once()
            .in_sequence(&mut order)
            .with(always(), always(), eq(Some(picture(6).id)), always(), always())
            .returning(|_, _, _, _, _| Ok(()));
        uow.documents
            .expect_delete_unused()
            .once()
            .in_sequence(&mut order)
            .with(eq(picture(4).id))
            .returning(|_| Ok(true));
        let change = DocumentChange::Replace(new_document(DocumentKind::ProfilePicture));
        let saved = open(uow).revise_personal(&candidate(), &new_bio(change)).unwrap();
        assert_eq!(saved.value.picture, Some(picture(6)));
        assert_eq!(saved.discarded, [NewDocument::from(&picture(4)).storage_key()]);
    }

    #[test]
    fn a_removed_picture_that_something_else_refers_to_keeps_its_content() {
        let mut uow = with_profile(with_picture());
        uow.candidates
            .expect_update_personal()
            .with(always(), always(), eq(None), always(), always())
            .returning(|_, _, _, _, _| Ok(()));
        uow.documents.expect_delete_unused().once().returning(|_| Ok(false));
        let saved = open(uow).revise_personal(&candidate(), &new_bio(DocumentChange::Remove)).unwrap();
        assert_eq!((saved.value.picture, saved.discarded), (None, Vec::new()));
    }

    #[test]
    fn the_personal_part_is_changed_by_its_owner_alone_and_keeps_the_rules() {
        let refused = |actor: &Actor, user| {
            let request = RevisePersonal { user, ..new_bio(DocumentChange::Keep) };
            open(MockUnitOfWork::default()).revise_personal(actor, &request)
        };
        assert!(matches!(refused(&employer(), None), Err(Error::Forbidden(_))));
        assert!(matches!(refused(&candidate(), Some(CANDIDATE.0)), Err(Error::Forbidden(_))));

        let (candidates, store) = wire(with_profile(candidate_profile()), Directory::Open);
        let born_tomorrow = RevisePersonal {
            user: None,
            revise: |present| PersonalDetails { birth_date: NaiveDate::from_ymd_opt(2026, 3, 2), ..present },
            picture: DocumentChange::Keep,
            precondition: Precondition::None,
        };
        let broken = violations(candidates.revise_personal(&candidate(), &born_tomorrow));
        assert_eq!(broken.of("birth_date").len(), 1);
        assert_eq!(store.transactions(), [(Access::Write, false)]);
    }

    #[test]
    fn the_professional_part_is_made_and_later_replaced() {
        let resume = |id| stored_document(id, DocumentKind::Resume, CANDIDATE_USER);
        let before = ProfessionalProfile {
            id: ProfessionalProfileId(31),
            resume: Some(resume(4)),
            details: ProfessionalDetails::default(),
        };
        for (professional, discarded) in
            [(None, Vec::new()), (Some(before), vec![NewDocument::from(&resume(4)).storage_key()])]
        {
            let mut uow = with_profile(CandidateProfile { professional, ..candidate_profile() });
            uow.documents.expect_insert().once().returning(move |_, _, _| Ok(resume(6)));
            uow.candidates
                .expect_save_professional()
                .once()
                .withf(move |id, details, resume_id, version, _| {
                    *id == CANDIDATE
                        && details.section(Section::Skills) == [text("Rust")]
                        && *resume_id == Some(resume(6).id)
                        && *version == Version(2)
                })
                .returning(|_, _, _, _, _| Ok(ProfessionalProfileId(31)));
            uow.documents.expect_delete_unused().with(eq(resume(4).id)).returning(|_| Ok(true));
            let change = DocumentChange::Replace(new_document(DocumentKind::Resume));
            let saved = open(uow).revise_professional(&candidate(), &new_skills(Some(CANDIDATE.0), change)).unwrap();
            let professional = saved.value.professional.unwrap();
            assert_eq!(
                (saved.value.id, professional.id, professional.resume),
                (CANDIDATE, ProfessionalProfileId(31), Some(resume(6)))
            );
            assert_eq!(saved.discarded, discarded);
        }
    }

    #[test]
    fn the_professional_part_is_changed_by_its_owner_alone() {
        let refused = |actor: &Actor, uow| {
            open(uow).revise_professional(actor, &new_skills(Some(CANDIDATE_USER.0), DocumentChange::Keep))
        };
        assert!(matches!(refused(&employer(), MockUnitOfWork::default()), Err(Error::Forbidden(_))));
        assert!(matches!(refused(&candidate(), with_profile(candidate_profile())), Err(Error::Forbidden(_))));
    }

    #[test]
    fn a_profile_that_was_changed_meanwhile_stays_as_it_is() {
        let (candidates, store) = wire(with_profile(candidate_profile()), Directory::Open);
        let precondition = || Precondition::OneOf(vec![Version(2)]);
        // Before what the change says is looked at.
        let unborn = RevisePersonal {
            user: None,
            revise: |_| PersonalDetails { birth_date: NaiveDate::from_ymd_opt(2026, 3, 2), ..Default::default() },
            picture: DocumentChange::Keep,
            precondition: precondition(),
        };
        let personal = candidates.revise_personal(&candidate(), &unborn);
        assert!(matches!(personal, Err(Error::PreconditionFailed)));
        let skills = ReviseProfessional { precondition: precondition(), ..new_skills(None, DocumentChange::Keep) };
        let professional = candidates.revise_professional(&candidate(), &skills);
        assert!(matches!(professional, Err(Error::PreconditionFailed)));
        // Whose profile it is comes first.
        let of_another = ReviseProfessional { candidate: Some(CANDIDATE_USER.0), ..skills };
        let refused = candidates.revise_professional(&candidate(), &of_another);
        assert!(matches!(refused, Err(Error::Forbidden(_))));
        assert_eq!(store.transactions(), [(Access::Write, false); 3]);
    }

    #[test]
    fn a_candidate_without_a_profile_changes_nothing() {
        let without = || {
            let mut uow = MockUnitOfWork::default();
            uow.users.expect_lock().returning(|_| Ok(true));
            uow.candidates.expect_find_by_user().returning(|_| Ok(None));
            open(uow)
        };
        let personal = without().revise_personal(&candidate(), &new_bio(DocumentChange::Keep));
        assert!(matches!(personal, Err(Error::NotFound(_))));
        let professional = without().revise_professional(&candidate(), &new_skills(None, DocumentChange::Keep));
        assert!(matches!(professional, Err(Error::NotFound(_))));
    }
}
