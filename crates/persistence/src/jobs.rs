use chrono::{DateTime, Utc};
use diesel::backend::Backend;
use diesel::expression::{ValidGrouping, is_aggregate};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::BigInt;
use diesel::{insert_into, update};
use jobportal_application::{JobDetails, JobFilter, JobRepository, OwnedJob, Page, PageRequest, RepositoryError};
use jobportal_domain::{
    EmailAddress, EmployerId, ExperienceLevel, Job, JobId, JobPosting, JobSubtype, JobType, Text, UserId, Version,
    WebAddress,
};

use crate::changes::Feed;
use crate::connection::AnyConnection;
use crate::documents::document_columns;
use crate::employers::{EmployerRow, employer_columns, with_logo};
use crate::error::{stored, stored_option, stored_text};
use crate::schema::{LOGOS, documents, employers, jobs};
use crate::session::Session;
use crate::time::At;

#[derive(Queryable, Selectable)]
#[diesel(table_name = jobs)]
pub(crate) struct JobRow {
    id: i64,
    employer_id: i64,
    title: String,
    description: String,
    job_type: String,
    job_subtype: String,
    experience_level: String,
    company_name: String,
    location: String,
    salary_range: Option<String>,
    deadline: At,
    application_link: Option<String>,
    application_email: Option<String>,
    posted_at: At,
    updated_at: At,
    deleted_at: Option<At>,
    version: i64,
    closed_at: Option<At>,
}

impl TryFrom<JobRow> for Job {
    type Error = RepositoryError;

    fn try_from(row: JobRow) -> Result<Self, RepositoryError> {
        let posting = JobPosting {
            title: stored("jobs.title", Text::parse(&row.title))?,
            description: stored("jobs.description", Text::parse(&row.description))?,
            job_type: stored("jobs.job_type", JobType::parse(&row.job_type))?,
            job_subtype: stored("jobs.job_subtype", JobSubtype::parse(&row.job_subtype))?,
            experience_level: stored("jobs.experience_level", ExperienceLevel::parse(&row.experience_level))?,
            company_name: stored("jobs.company_name", Text::parse(&row.company_name))?,
            location: stored("jobs.location", Text::parse(&row.location))?,
            salary_range: stored_text("jobs.salary_range", row.salary_range)?,
            deadline: row.deadline.0,
            application_link: stored_option("jobs.application_link", row.application_link, WebAddress::parse)?,
            application_email: stored_option("jobs.application_email", row.application_email, EmailAddress::parse)?,
        };
        Ok(Self {
            id: JobId(row.id),
            employer_id: EmployerId(row.employer_id),
            posting,
            posted_at: row.posted_at.0,
            updated_at: row.updated_at.0,
            deleted_at: row.deleted_at.map(|at| at.0),
            version: Version(row.version),
            closed_at: row.closed_at.map(|at| at.0),
        })
    }
}

/// What an employer may change of a job.
#[derive(Insertable, AsChangeset)]
#[diesel(table_name = jobs, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct PostingRow<'a> {
    title: &'a str,
    title_search: String,
    description: &'a str,
    job_type: &'a str,
    job_subtype: &'a str,
    experience_level: &'a str,
    company_name: &'a str,
    location: &'a str,
    location_search: String,
    salary_range: Option<&'a str>,
    deadline: At,
    application_link: Option<&'a str>,
    application_email: Option<&'a str>,
}

impl<'a> From<&'a JobPosting> for PostingRow<'a> {
    fn from(posting: &'a JobPosting) -> Self {
        Self {
            title: posting.title.as_str(),
            title_search: posting.title.as_str().to_lowercase(),
            description: posting.description.as_str(),
            job_type: posting.job_type.as_str(),
            job_subtype: posting.job_subtype.as_str(),
            experience_level: posting.experience_level.as_str(),
            company_name: posting.company_name.as_str(),
            location: posting.location.as_str(),
            location_search: posting.location.as_str().to_lowercase(),
            salary_range: posting.salary_range.as_ref().map(Text::as_str),
            deadline: At(posting.deadline),
            application_link: posting.application_link.as_ref().map(WebAddress::as_str),
            application_email: posting.application_email.as_ref().map(EmailAddress::as_str),
        }
    }
}

#[derive(Insertable)]
#[diesel(table_name = jobs)]
pub(crate) struct NewJobRow<'a> {
    employer_id: i64,
    #[diesel(embed)]
    posting: PostingRow<'a>,
    posted_at: At,
    updated_at: At,
    changed_at: At,
}

impl<'a> NewJobRow<'a> {
    /// How many columns it fills.
    pub(crate) const COLUMNS: usize = 17;

    pub(crate) fn new(
        employer: EmployerId,
        posting: &'a JobPosting,
        posted_at: DateTime<Utc>,
        changed_at: DateTime<Utc>,
    ) -> Self {
        Self {
            employer_id: employer.0,
            posting: PostingRow::from(posting),
            posted_at: At(posted_at),
            updated_at: At(posted_at),
            changed_at: At(changed_at),
        }
    }
}

/// The number of applications of a job. The query builder's own subquery would carry a `LIMIT` with a parameter, for which
/// SQLite plans a query anew each time it is run; so a lookup has none either.
#[derive(Clone, Copy, QueryId)]
struct TotalApplications;

impl Expression for TotalApplications {
    type SqlType = BigInt;
}

impl ValidGrouping<()> for TotalApplications {
    type IsAggregate = is_aggregate::Never;
}

impl<DB: Backend> QueryFragment<DB> for TotalApplications {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("(SELECT COUNT(*) FROM applications WHERE applications.job_id = jobs.id)");
        Ok(())
    }
}

impl<Source> AppearsOnTable<Source> for TotalApplications where jobs::id: AppearsOnTable<Source> {}

impl<Source> SelectableExpression<Source> for TotalApplications where jobs::id: SelectableExpression<Source> {}

/// A job with its employer and the number of its applications, in one query.
macro_rules! job_details {
    () => {
        with_logo!(jobs::table.inner_join(employers::table)).filter(jobs::deleted_at.is_null()).select((
            JobRow::as_select(),
            employer_columns!(),
            TotalApplications,
        ))
    };
}

type DetailsRow = (JobRow, EmployerRow, i64);

fn details((job, employer, applications): DetailsRow) -> Result<JobDetails, RepositoryError> {
    Ok(JobDetails {
        job: job.try_into()?,
        employer: employer.try_into()?,
        total_applications: applications.unsigned_abs(),
    })
}

/// Narrows a query to the jobs that are open at `now` and fit the filter.
macro_rules! fitting {
    ($query:expr, $filter:expr, $now:expr) => {{
        let mut query = $query.filter(jobs::deleted_at.is_null()).filter(jobs::deadline.gt(At($now))).into_boxed();
        if let Some(id) = $filter.id {
            query = query.filter(jobs::id.eq(id.0));
        }
        if let Some(title) = &$filter.title {
            query = query.filter(jobs::title_search.like(containing(title)).escape('\\'));
        }
        if let Some(location) = &$filter.location {
            query = query.filter(jobs::location_search.like(containing(location)).escape('\\'));
        }
        if let Some(job_type) = $filter.job_type {
            query = query.filter(jobs::job_type.eq(job_type.as_str()));
        }
        if let Some(job_subtype) = $filter.job_subtype {
            query = query.filter(jobs::job_subtype.eq(job_subtype.as_str()));
        }
        if let Some(experience_level) = $filter.experience_level {
            query = query.filter(jobs::experience_level.eq(experience_level.as_str()));
        }
        query
    }};
}

/// The pattern of texts that contain `needle` in lower case.
fn containing(needle: &str) -> String {
    /// Longer than any title, so that what is cut off can't matter; SQLite refuses patterns of more than 50,000 bytes.
    const LONGEST: usize = 1_000;
    // PostgreSQL takes no NUL; like every control character it is in no title.
    let needle: String = needle.to_lowercase().replace('\0', "\u{1}").chars().take(LONGEST).collect();
    format!("%{}%", escape(&needle))
}

/// Makes the characters that mean something in a pattern stand for themselves.
pub(crate) fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

impl JobRepository for Session<'_> {
    fn insert(
        &mut self,
        employer: EmployerId,
        posting: &JobPosting,
        now: DateTime<Utc>,
    ) -> Result<Job, RepositoryError> {
        let changed_at = self.stamp(Feed::Jobs, now)?;
        let row = NewJobRow::new(employer, posting, now, changed_at);
        let id = both!(self, |c| insert_into(jobs::table).values(row).returning(jobs::id).get_result(c))?;
        Ok(Job {
            id: JobId(id),
            employer_id: employer,
            posting: posting.clone(),
            posted_at: now,
            updated_at: now,
            deleted_at: None,
            version: Version::FIRST,
            closed_at: None,
        })
    }

    fn find(&mut self, id: JobId) -> Result<Option<OwnedJob>, RepositoryError> {
        let query = jobs::table.inner_join(employers::table).filter(jobs::id.eq(id.0));
        let found = both!(self, |c| query.select((JobRow::as_select(), employers::user_id)).get_result(c).optional())?;
        found.map(|(job, owner)| Ok(OwnedJob { job: JobRow::try_into(job)?, owner: UserId(owner) })).transpose()
    }

    fn lock(&mut self, id: JobId) -> Result<Option<OwnedJob>, RepositoryError> {
        let found: Option<i64> = hold!(self, jobs::table.find(id.0).select(jobs::id))?;
        if found.is_some() { JobRepository::find(self, id) } else { Ok(None) }
    }

    fn update(&mut self, job: &Job) -> Result<(), RepositoryError> {
        if job.is_deleted() {
            self.stamp_applications(job)?;
        }
        let changes = (
            PostingRow::from(&job.posting),
            jobs::updated_at.eq(At(job.updated_at)),
            jobs::deleted_at.eq(job.deleted_at.map(At)),
            jobs::version.eq(job.version.0),
            jobs::closed_at.eq(job.closed_at.map(At)),
            jobs::changed_at.eq(At(self.stamp(Feed::Jobs, job.updated_at)?)),
        );
        both!(self, |c| update(jobs::table.find(job.id.0)).set(changes).execute(c))?;
        Ok(())
    }

    fn details(&mut self, id: JobId) -> Result<Option<JobDetails>, RepositoryError> {
        let found: Option<DetailsRow> =
            both!(self, |c| job_details!().filter(jobs::id.eq(id.0)).get_result(c).optional())?;
        found.map(details).transpose()
    }

    fn search(
        &mut self,
        filter: &JobFilter,
        now: DateTime<Utc>,
        page: PageRequest,
    ) -> Result<Page<JobDetails>, RepositoryError> {
        let rows: Vec<DetailsRow> = both!(self, |c| {
            fitting!(job_details!(), filter, now)
                .order((jobs::posted_at.desc(), jobs::id.desc()))
                .limit(page.size().into())
                .offset(page.offset())
                .load(c)
        })?;
        let total = total!(self, rows, page, fitting!(jobs::table.count(), filter, now));
        let items = rows.into_iter().map(details).collect::<Result<_, _>>()?;
        Ok(Page::new(items, total, page))
    }

    fn list_by_owner(&mut self, owner: UserId, page: PageRequest) -> Result<Page<Job>, RepositoryError> {
        let own = jobs::table
            .inner_join(employers::table)
            .filter(employers::user_id.eq(owner.0))
            .filter(jobs::deleted_at.is_null());
        let query =
            own.order((jobs::posted_at.desc(), jobs::id.desc())).limit(page.size().into()).offset(page.offset());
        let rows = both!(self, |c| query.select(JobRow::as_select()).load(c))?;
        let total = total!(self, rows, page, own.count());
        let items = rows.into_iter().map(Job::try_from).collect::<Result<_, _>>()?;
        Ok(Page::new(items, total, page))
    }

    fn close_due(&mut self, now: DateTime<Utc>, limit: u32) -> Result<usize, RepositoryError> {
        let due = jobs::table
            .filter(jobs::deleted_at.is_null())
            .filter(jobs::closed_at.is_null())
            .filter(jobs::deadline.le(At(now)))
            .order(jobs::deadline)
            .limit(limit.into())
            .select(jobs::id);
        let result: QueryResult<Vec<i64>> = match &mut *self.connection {
            AnyConnection::Sqlite(c) => due.load(c),
            AnyConnection::Postgres(c) => due.for_no_key_update().skip_locked().load(c),
        };
        let ids = self.settle(result)?;
        if !ids.is_empty() {
            let changed_at = self.stamp(Feed::Jobs, now)?;
            let changes = (jobs::closed_at.eq(Some(At(now))), jobs::changed_at.eq(At(changed_at)));
            both!(self, |c| update(jobs::table.filter(jobs::id.eq_any(&ids))).set(changes).execute(c))?;
        }
        Ok(ids.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_needle_stands_for_itself() {
        assert_eq!(containing("Ärzte 100%_\\"), "%ärzte 100\\%\\_\\\\%");
        assert_eq!(containing("a\0b"), "%a\u{1}b%");
        assert_eq!(containing(&"%".repeat(100_000)).len(), 2 + 2 * 1_000);
    }
}
