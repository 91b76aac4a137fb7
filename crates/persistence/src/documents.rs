use chrono::{DateTime, Utc};
use diesel::dsl::{exists, not};
use diesel::prelude::*;
use diesel::{delete, insert_into, select};
use jobportal_application::{DocumentRepository, NewDocument, RepositoryError};
use jobportal_domain::{DocumentFormat, DocumentId, DocumentKind, StoredDocument, UserId, UserType};

use crate::error::stored;
use crate::schema::{applications, candidates, documents, employers, jobs, professional_profiles, users};
use crate::session::Session;
use crate::time::At;

/// The columns of a [`DocumentRow`].
macro_rules! document_columns {
    () => {
        (documents::id, documents::public_id, documents::owner_id, documents::kind, documents::format, documents::size)
    };
}
pub(crate) use document_columns;

#[derive(Queryable)]
pub(crate) struct DocumentRow {
    id: i64,
    public_id: String,
    owner_id: i64,
    kind: String,
    format: String,
    size: i64,
}

impl TryFrom<DocumentRow> for StoredDocument {
    type Error = RepositoryError;

    fn try_from(row: DocumentRow) -> Result<Self, RepositoryError> {
        Ok(Self {
            id: DocumentId(row.id),
            public_id: row.public_id,
            owner_id: UserId(row.owner_id),
            kind: stored("documents.kind", DocumentKind::parse(&row.kind))?,
            format: stored("documents.format", DocumentFormat::parse(&row.format))?,
            size: stored("documents.size", row.size.try_into())?,
        })
    }
}

impl DocumentRepository for Session<'_> {
    fn insert(
        &mut self,
        owner: UserId,
        document: &NewDocument,
        now: DateTime<Utc>,
    ) -> Result<StoredDocument, RepositoryError> {
        let row = (
            documents::public_id.eq(&document.public_id),
            documents::owner_id.eq(owner.0),
            documents::kind.eq(document.kind.as_str()),
            documents::format.eq(document.format.as_str()),
            documents::size.eq(document.size.cast_signed()),
            documents::created_at.eq(At(now)),
        );
        let id = both!(self, |c| insert_into(documents::table).values(row).returning(documents::id).get_result(c))?;
        Ok(StoredDocument {
            id: DocumentId(id),
            public_id: document.public_id.clone(),
            owner_id: owner,
            kind: document.kind,
            format: document.format,
            size: document.size,
        })
    }

    fn find(&mut self, public_id: &str) -> Result<Option<(StoredDocument, UserType)>, RepositoryError> {
        // PostgreSQL takes no text with a NUL, which a path can hold and a name can't.
        if public_id.contains('\0') {
            return Ok(None);
        }
        let query = documents::table
            .inner_join(users::table)
            .filter(documents::public_id.eq(public_id))
            // Of an account out of use no profile is shown; what it applied with stays with those who have it.
            .filter(users::deactivated_at.is_null().or(documents::kind.eq(DocumentKind::Resume.as_str())))
            .select((document_columns!(), users::user_type));
        let found: Option<(DocumentRow, String)> = both!(self, |c| query.get_result(c).optional())?;
        found
            .map(|(row, user_type)| Ok((row.try_into()?, stored("users.user_type", UserType::parse(&user_type))?)))
            .transpose()
    }

    fn owner_applied_to(&mut self, owner: UserId, employer: UserId) -> Result<bool, RepositoryError> {
        let query = applications::table
            .inner_join(candidates::table)
            .inner_join(jobs::table.inner_join(employers::table))
            .filter(candidates::user_id.eq(owner.0))
            .filter(employers::user_id.eq(employer.0));
        both!(self, |c| select(exists(query)).get_result(c))
    }

    fn known(&mut self, public_ids: &[String]) -> Result<Vec<String>, RepositoryError> {
        let query = documents::table.filter(documents::public_id.eq_any(public_ids)).select(documents::public_id);
        both!(self, |c| query.load(c))
    }

    fn delete_unused(&mut self, id: DocumentId) -> Result<bool, RepositoryError> {
        let unused = documents::table
            .find(id.0)
            .filter(not(exists(candidates::table.filter(candidates::picture_id.eq(id.0)))))
            .filter(not(exists(professional_profiles::table.filter(professional_profiles::resume_id.eq(id.0)))))
            .filter(not(exists(employers::table.filter(employers::picture_id.eq(id.0)))))
            .filter(not(exists(applications::table.filter(applications::resume_id.eq(id.0)))));
        both!(self, |c| delete(unused).execute(c)).map(|count| count > 0)
    }
}
