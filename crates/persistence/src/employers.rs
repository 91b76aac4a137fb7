use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::{insert_into, update};
use jobportal_application::{EmployerRepository, Page, PageRequest, RepositoryError, Subject};
use jobportal_domain::{
    DocumentId, EmployerDetails, EmployerId, EmployerProfile, StoredDocument, Text, UserId, Version, WebAddress,
};

use crate::documents::{DocumentRow, document_columns};
use crate::error::{stored_option, stored_text};
use crate::schema::{LOGOS, documents, employers, users};
use crate::session::Session;
use crate::time::At;

/// Adds an employer's picture to a query.
macro_rules! with_logo {
    ($query:expr) => {
        $query.left_join(LOGOS.on(employers::picture_id.eq(LOGOS.field(documents::id).nullable())))
    };
}
pub(crate) use with_logo;

/// The columns of an [`EmployerRow`].
macro_rules! employer_columns {
    () => {
        (
            employers::id,
            employers::user_id,
            employers::first_name,
            employers::last_name,
            employers::address,
            employers::website,
            employers::company_name,
            employers::version,
            LOGOS.fields(document_columns!()).nullable(),
        )
    };
}
pub(crate) use employer_columns;

#[derive(Queryable)]
pub(crate) struct EmployerRow {
    id: i64,
    user_id: i64,
    first_name: Option<String>,
    last_name: Option<String>,
    address: Option<String>,
    website: Option<String>,
    company_name: Option<String>,
    version: i64,
    picture: Option<DocumentRow>,
}

impl TryFrom<EmployerRow> for EmployerProfile {
    type Error = RepositoryError;

    fn try_from(row: EmployerRow) -> Result<Self, RepositoryError> {
        Ok(Self {
            id: EmployerId(row.id),
            user_id: UserId(row.user_id),
            details: EmployerDetails {
                first_name: stored_text("employers.first_name", row.first_name)?,
                last_name: stored_text("employers.last_name", row.last_name)?,
                address: stored_text("employers.address", row.address)?,
                website: stored_option("employers.website", row.website, WebAddress::parse)?,
                company_name: stored_text("employers.company_name", row.company_name)?,
            },
            picture: row.picture.map(StoredDocument::try_from).transpose()?,
            version: Version(row.version),
        })
    }
}

/// What an employer may change.
#[derive(Insertable, AsChangeset)]
#[diesel(table_name = employers, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct DetailsRow<'a> {
    first_name: Option<&'a str>,
    last_name: Option<&'a str>,
    address: Option<&'a str>,
    website: Option<&'a str>,
    company_name: Option<&'a str>,
}

impl<'a> From<&'a EmployerDetails> for DetailsRow<'a> {
    fn from(details: &'a EmployerDetails) -> Self {
        Self {
            first_name: details.first_name.as_ref().map(Text::as_str),
            last_name: details.last_name.as_ref().map(Text::as_str),
            address: details.address.as_ref().map(Text::as_str),
            website: details.website.as_ref().map(WebAddress::as_str),
            company_name: details.company_name.as_ref().map(Text::as_str),
        }
    }
}

impl Session<'_> {
    /// The profiles of these accounts.
    pub(crate) fn employers_of(&mut self, users: &[i64]) -> Result<Vec<EmployerProfile>, RepositoryError> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let query = with_logo!(employers::table).filter(employers::user_id.eq_any(users)).select(employer_columns!());
        let rows: Vec<EmployerRow> = both!(self, |c| query.load(c))?;
        rows.into_iter().map(EmployerProfile::try_from).collect()
    }
}

impl EmployerRepository for Session<'_> {
    fn create(&mut self, user_id: UserId, now: DateTime<Utc>) -> Result<EmployerId, RepositoryError> {
        let row =
            (employers::user_id.eq(user_id.0), employers::created_at.eq(At(now)), employers::updated_at.eq(At(now)));
        both!(self, |c| insert_into(employers::table).values(row).returning(employers::id).get_result(c))
            .map(EmployerId)
    }

    fn find(&mut self, id: EmployerId) -> Result<Option<EmployerProfile>, RepositoryError> {
        let query = with_logo!(employers::table.inner_join(users::table))
            .filter(employers::id.eq(id.0))
            .filter(users::deactivated_at.is_null())
            .select(employer_columns!());
        let found: Option<EmployerRow> = both!(self, |c| query.get_result(c).optional())?;
        found.map(EmployerProfile::try_from).transpose()
    }

    fn find_by_user(&mut self, user_id: UserId) -> Result<Option<EmployerProfile>, RepositoryError> {
        Ok(self.employers_of(&[user_id.0])?.pop())
    }

    fn list(&mut self, page: PageRequest) -> Result<Page<EmployerProfile>, RepositoryError> {
        let query = with_logo!(employers::table.inner_join(users::table))
            .filter(users::deactivated_at.is_null())
            .order(employers::id)
            .limit(page.size().into())
            .offset(page.offset())
            .select(employer_columns!());
        let rows: Vec<EmployerRow> = both!(self, |c| query.load(c))?;
        let active = employers::table.inner_join(users::table).filter(users::deactivated_at.is_null());
        let total = total!(self, rows, page, active.count());
        let items = rows.into_iter().map(EmployerProfile::try_from).collect::<Result<_, _>>()?;
        Ok(Page::new(items, total, page))
    }

    fn update(
        &mut self,
        id: EmployerId,
        details: &EmployerDetails,
        picture: Option<DocumentId>,
        version: Version,
        now: DateTime<Utc>,
    ) -> Result<(), RepositoryError> {
        self.changes(Subject::Employer(id));
        let changes = (
            DetailsRow::from(details),
            employers::picture_id.eq(picture.map(i64::from)),
            employers::version.eq(version.0),
            employers::updated_at.eq(At(now)),
        );
        both!(self, |c| update(employers::table.find(id.0)).set(changes).execute(c))?;
        Ok(())
    }
}
