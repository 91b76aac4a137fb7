use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use jobportal_domain::{DocumentFormat, DocumentId, DocumentKind, StoredDocument, UserId, UserType, Violations};
use thiserror::Error as ThisError;

use crate::{Action, Actor, BoxError, Error, RandomSource, Relation, RepositoryError, Result, Role, Store, UnitOfWork};

/// A document whose content was judged and that is not stored yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDocument {
    /// Its random name.
    pub public_id: String,
    /// What it is.
    pub kind: DocumentKind,
    /// Its format, found by its content.
    pub format: DocumentFormat,
    /// Its size in bytes.
    pub size: u64,
}

impl NewDocument {
    /// The name of its content in the [`FileStore`].
    pub fn storage_key(&self) -> String {
        storage_key(self.kind, &self.public_id, self.format)
    }
}

/// The random name of a document, in the name of its content.
fn public_id_of(key: &str) -> &str {
    let name = key.rsplit_once('/').map_or(key, |(_, name)| name);
    name.split_once('.').map_or(name, |(id, _)| id)
}

fn storage_key(kind: DocumentKind, public_id: &str, format: DocumentFormat) -> String {
    format!("{kind}/{public_id}.{format}")
}

/// What to do with a document that a profile holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DocumentChange {
    /// Leave it.
    #[default]
    Keep,
    /// Take it away.
    Remove,
    /// Put this one, whose content is stored already, in its place.
    Replace(NewDocument),
}

/// Stored documents.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait DocumentRepository {
    /// Records a document of `owner`.
    fn insert(
        &mut self,
        owner: UserId,
        document: &NewDocument,
        now: DateTime<Utc>,
    ) -> Result<StoredDocument, RepositoryError>;
    /// Finds a document by its random name, with the role of its owner; but no picture of an account out of use.
    fn find(&mut self, public_id: &str) -> Result<Option<(StoredDocument, UserType)>, RepositoryError>;
    /// Whether the candidate who owns it applied to a job of the employer with account `employer`.
    fn owner_applied_to(&mut self, owner: UserId, employer: UserId) -> Result<bool, RepositoryError>;
    /// Which of these random names are those of documents; up to 1,000 at a time.
    fn known(&mut self, public_ids: &[String]) -> Result<Vec<String>, RepositoryError>;
    /// Forgets a document unless a profile or an application refers to it; tells whether it did.
    fn delete_unused(&mut self, id: DocumentId) -> Result<bool, RepositoryError>;
}

/// Why the content of a document could not be stored or read.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum FileError {
    /// There is no content under this name.
    #[error("no such file")]
    Missing,
    /// The place where it is kept is away, full or not ours to write.
    #[error("the file store is unavailable")]
    Unavailable(#[source] BoxError),
}

impl From<FileError> for Error {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Missing => Self::NotFound("Not found."),
            FileError::Unavailable(_) => Self::Unavailable(error.into()),
        }
    }
}

/// Keeps the content of documents, by name.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait FileStore: Send + Sync {
    /// Stores `content`; when it returns, the content survives a crash.
    async fn put(&self, key: &str, content: Bytes) -> Result<(), FileError>;
    /// Reads it back.
    async fn get(&self, key: &str) -> Result<Bytes, FileError>;
    /// The names of all contents that were stored before `before`.
    async fn stored_before(&self, before: DateTime<Utc>) -> Result<Vec<String>, FileError>;
    /// Deletes it; what is not there is deleted already.
    async fn delete(&self, key: &str) -> Result<(), FileError>;
}

/// Judges and finds documents. Content goes through the [`FileStore`], which the program around the use cases awaits.
#[derive(Clone)]
pub struct Documents {
    store: Arc<dyn Store>,
    random: Arc<dyn RandomSource>,
}

impl Documents {
    /// Wires it.
    pub fn new(store: Arc<dyn Store>, random: Arc<dyn RandomSource>) -> Self {
        Self { store, random }
    }

    /// Judges an uploaded file, sent as `field`, and names it at random. Fails with [`Error::Invalid`] under `field`
    /// where [`DocumentKind::inspect`] refuses it. Store the content under [`NewDocument::storage_key`], then hand the
    /// document to the use case that refers to it.
    pub fn prepare(&self, field: &str, kind: DocumentKind, content: &[u8]) -> Result<NewDocument> {
        let format = kind.inspect(content).map_err(|error| Violations::single(field, error))?;
        Ok(NewDocument { public_id: self.random.public_id()?, kind, format, size: content.len() as u64 })
    }

    /// Which of these names of contents no document has: a node died, or lost the database, between the two.
    pub fn without_document(&self, keys: &[String]) -> Result<Vec<String>> {
        const AT_ONCE: usize = 1_000;
        let mut orphans = Vec::new();
        for keys in keys.chunks(AT_ONCE) {
            let ids: Vec<String> = keys.iter().map(|key| public_id_of(key).to_owned()).collect();
            let known: HashSet<String> = self.store.read(|uow| Ok(uow.documents().known(&ids)?))?.into_iter().collect();
            orphans.extend(keys.iter().zip(ids).filter(|(_, id)| !known.contains(id)).map(|(key, _)| key.clone()));
        }
        Ok(orphans)
    }

    /// Finds a document that `viewer` (`None`: anyone) may see, and tells the name of its content in the [`FileStore`].
    ///
    /// [`Action::OpenResume`] and [`Action::OpenPicture`] say who that is. Others are told [`Error::NotFound`] as if it were not
    /// there, or [`Error::Unauthenticated`] where nobody is signed in.
    pub fn open(
        &self,
        viewer: Option<&Actor>,
        kind: DocumentKind,
        public_id: &str,
    ) -> Result<(StoredDocument, String)> {
        const MISSING: Error = Error::NotFound("Not found.");
        self.store.read(|uow| {
            let found = uow.documents().find(public_id)?.filter(|(document, _)| document.kind == kind);
            let Some((document, owner_type)) = found else { return Err(MISSING) };
            let action = match kind {
                DocumentKind::Resume => Action::OpenResume,
                DocumentKind::ProfilePicture => Action::OpenPicture,
            };
            let (owner, role) = (document.owner_id, Role::of(viewer));
            let is_published = kind == DocumentKind::ProfilePicture && owner_type == UserType::Employer;
            let relation = match (Relation::to(owner, viewer), viewer) {
                (Relation::Foreign, Some(viewer))
                    if action.asks_for_applicants(role)
                        && uow.documents().owner_applied_to(owner, viewer.user_id)? =>
                {
                    Relation::Applicant
                }
                (other, _) => other.or_published(is_published),
            };
            action.check(role, relation, MISSING)?;
            let key = storage_key(document.kind, &document.public_id, document.format);
            Ok((document, key))
        })
    }
}

impl From<&StoredDocument> for NewDocument {
    fn from(document: &StoredDocument) -> Self {
        Self {
            public_id: document.public_id.clone(),
            kind: document.kind,
            format: document.format,
            size: document.size,
        }
    }
}

/// Carries out `change` on what a profile holds. Returns what it holds now and, if it held something else before, that.
pub(crate) fn apply_change(
    uow: &mut dyn UnitOfWork,
    owner: UserId,
    held: Option<StoredDocument>,
    change: &DocumentChange,
    now: DateTime<Utc>,
) -> Result<(Option<StoredDocument>, Option<StoredDocument>)> {
    Ok(match change {
        DocumentChange::Keep => (held, None),
        DocumentChange::Remove => (None, held),
        DocumentChange::Replace(document) => (Some(uow.documents().insert(owner, document, now)?), held),
    })
}

/// Forgets a document that a profile no longer holds, and returns the names of contents to delete after the commit.
pub(crate) fn discard(uow: &mut dyn UnitOfWork, document: Option<StoredDocument>) -> Result<Vec<String>> {
    match document {
        Some(document) if uow.documents().delete_unused(document.id)? => {
            Ok(vec![NewDocument::from(&document).storage_key()])
        }
        _ => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use mockall::predicate::eq;

    use super::*;
    use crate::fixtures::{
        CANDIDATE_USER, EMPLOYER_USER, STRANGER, admin, candidate, employer, other_employer, store, stored_document,
        violations,
    };
    use crate::mocks::{MockRandomSource, MockUnitOfWork};

    fn wire(uow: MockUnitOfWork) -> Documents {
        let mut random = MockRandomSource::new();
        random.expect_public_id().returning(|| Ok("random".to_owned()));
        Documents::new(store(uow), Arc::new(random))
    }

    /// Opens a document. The candidate has applied to [`employer`] and to no other.
    fn open(viewer: Option<&Actor>, document: &StoredDocument) -> Result<(StoredDocument, String)> {
        let owner_type = if document.owner_id == EMPLOYER_USER { UserType::Employer } else { UserType::Candidate };
        let (mut uow, stored) = (MockUnitOfWork::default(), document.clone());
        uow.documents.expect_find().returning(move |_| Ok(Some((stored.clone(), owner_type))));
        uow.documents
            .expect_owner_applied_to()
            .withf(|_, employer| [EMPLOYER_USER, STRANGER].contains(employer))
            .returning(|owner, employer| Ok((owner, employer) == (CANDIDATE_USER, EMPLOYER_USER)));
        wire(uow).open(viewer, document.kind, &document.public_id)
    }

    fn resume() -> StoredDocument {
        stored_document(4, DocumentKind::Resume, CANDIDATE_USER)
    }

    #[test]
    fn an_upload_is_judged_by_its_content_and_gets_a_random_name() {
        let documents = wire(MockUnitOfWork::default());
        let prepared = documents.prepare("resume", DocumentKind::Resume, b"%PDF-1.7\n").unwrap();
        assert_eq!((prepared.format, prepared.size), (DocumentFormat::Pdf, 9));
        assert_eq!(prepared.storage_key(), "resume/random.pdf");
        let broken = violations(documents.prepare("profile_pic", DocumentKind::ProfilePicture, b"%PDF-1.7\n"));
        assert_eq!(broken.of("profile_pic").len(), 1);
    }

    #[test]
    fn a_resume_is_for_its_owner_admins_and_employers_its_owner_applied_to() {
        for viewer in [candidate(), admin(), employer()] {
            let (document, key) = open(Some(&viewer), &resume()).unwrap();
            assert_eq!((document, key.as_str()), (resume(), "resume/document-4.pdf"));
        }
        let another_candidate = Actor { user_id: UserId(98), ..candidate() };
        for viewer in [other_employer(), another_candidate] {
            assert!(matches!(open(Some(&viewer), &resume()), Err(Error::NotFound(_))));
        }
        assert!(matches!(open(None, &resume()), Err(Error::Unauthenticated(_))));
    }

    #[test]
    fn a_picture_of_a_candidate_is_for_all_who_are_signed_in() {
        let picture = stored_document(5, DocumentKind::ProfilePicture, CANDIDATE_USER);
        for viewer in [candidate(), other_employer(), admin()] {
            assert!(open(Some(&viewer), &picture).is_ok());
        }
        assert!(matches!(open(None, &picture), Err(Error::Unauthenticated(_))));
    }

    #[test]
    fn a_picture_of_an_employer_is_for_all() {
        let picture = stored_document(6, DocumentKind::ProfilePicture, EMPLOYER_USER);
        assert!(open(None, &picture).is_ok());
        assert!(open(Some(&candidate()), &picture).is_ok());
    }

    #[test]
    fn a_document_is_found_by_its_name_and_kind_together() {
        let mut uow = MockUnitOfWork::default();
        uow.documents.expect_find().with(eq("document-4")).returning(|_| Ok(Some((resume(), UserType::Candidate))));
        uow.documents.expect_find().returning(|_| Ok(None));
        let documents = wire(uow);
        let wrong_kind = documents.open(Some(&candidate()), DocumentKind::ProfilePicture, "document-4");
        assert!(matches!(wrong_kind, Err(Error::NotFound(_))));
        let unknown = documents.open(None, DocumentKind::Resume, "unknown");
        assert!(matches!(unknown, Err(Error::NotFound(_))));
    }

    #[test]
    fn a_file_store_that_is_away_is_not_a_missing_file() {
        assert!(matches!(Error::from(FileError::Missing), Error::NotFound(_)));
        assert!(matches!(Error::from(FileError::Unavailable("full".into())), Error::Unavailable(_)));
    }

    #[test]
    fn contents_without_a_document_are_found() {
        let mut uow = MockUnitOfWork::default();
        uow.documents.expect_known().once().returning(|ids| {
            assert_eq!(ids, ["kept", "lost"]);
            Ok(vec!["kept".to_owned()])
        });
        let documents = Documents::new(Arc::new(crate::mocks::MockStore::new(uow)), Arc::new(MockRandomSource::new()));
        let keys = vec!["resume/kept.pdf".to_owned(), "profile_picture/lost.png".to_owned()];
        assert_eq!(documents.without_document(&keys).unwrap(), ["profile_picture/lost.png"]);
    }
}
