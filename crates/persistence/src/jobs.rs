use chrono::{DateTime, Utc};
use diesel::backend::Backend;
use diesel::dsl::{exists, sql};
use diesel::expression::{ValidGrouping, is_aggregate};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{self, BigInt};
use diesel::{delete, insert_into, update};
use jobportal_application::{JobDetails, JobRepository, OwnedJob, Page, PageRequest, RepositoryError, Subject};
use jobportal_domain::{
    Country, Currency, EmailAddress, EmployerId, ExperienceLevel, Job, JobId, JobPosting, JobState, JobStatus,
    JobSubtype, JobType, Pay, PayPeriod, Skills, Text, UserId, Version, WebAddress, Workplace,
};

use crate::changes::Feed;
use crate::connection::AnyConnection;
use crate::documents::document_columns;
use crate::employers::{EmployerRow, employer_columns, with_logo};
use crate::error::{stored, stored_option, stored_text};
use crate::schema::{LOGOS, documents, employers, job_skills, jobs, users};
use crate::search::terms::{Terms, is_counted};
use crate::session::Session;
use crate::time::{At, Instant};

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
    status: String,
    workplace: Option<String>,
    country: Option<String>,
    skills: String,
    salary_minimum: Option<i64>,
    salary_maximum: Option<i64>,
    salary_currency: Option<String>,
    salary_period: Option<String>,
}

impl JobRow {
    fn pay(&self) -> Result<Option<Pay>, RepositoryError> {
        let (Some(currency), Some(period)) = (&self.salary_currency, &self.salary_period) else { return Ok(None) };
        let currency = stored("jobs.salary_currency", Currency::parse(currency))?;
        let period = stored("jobs.salary_period", PayPeriod::parse(period))?;
        stored("jobs.salary_minimum", Pay::new(self.salary_minimum, self.salary_maximum, currency, period)).map(Some)
    }
}

/// Reads the skills of a job, one on each line.
fn skills(lines: &str) -> Result<Skills, RepositoryError> {
    let skills: Vec<_> = stored("jobs.skills", lines.lines().map(Text::parse).collect::<Result<_, _>>())?;
    stored("jobs.skills", Skills::new(skills))
}

impl TryFrom<JobRow> for Job {
    type Error = RepositoryError;

    fn try_from(row: JobRow) -> Result<Self, RepositoryError> {
        let pay = row.pay()?;
        let posting = JobPosting {
            title: stored("jobs.title", Text::parse(&row.title))?,
            description: stored("jobs.description", Text::parse(&row.description))?,
            job_type: stored("jobs.job_type", JobType::parse(&row.job_type))?,
            job_subtype: stored("jobs.job_subtype", JobSubtype::parse(&row.job_subtype))?,
            experience_level: stored("jobs.experience_level", ExperienceLevel::parse(&row.experience_level))?,
            company_name: stored("jobs.company_name", Text::parse(&row.company_name))?,
            location: stored("jobs.location", Text::parse(&row.location))?,
            salary_range: stored_text("jobs.salary_range", row.salary_range)?,
            pay,
            workplace: stored_option("jobs.workplace", row.workplace, Workplace::parse)?,
            country: stored_option("jobs.country", row.country, Country::parse)?,
            skills: skills(&row.skills)?,
            deadline: row.deadline.0,
            application_link: stored_option("jobs.application_link", row.application_link, WebAddress::parse)?,
            application_email: stored_option("jobs.application_email", row.application_email, EmailAddress::parse)?,
        };
        Ok(Self {
            id: JobId(row.id),
            employer_id: EmployerId(row.employer_id),
            posting,
            status: stored("jobs.status", JobStatus::parse(&row.status))?,
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
    company_search: String,
    location: &'a str,
    location_search: String,
    salary_range: Option<&'a str>,
    deadline: At,
    application_link: Option<&'a str>,
    application_email: Option<&'a str>,
    workplace: Option<&'a str>,
    country: Option<&'a str>,
    skills: String,
    salary_minimum: Option<i64>,
    salary_maximum: Option<i64>,
    salary_currency: Option<&'a str>,
    salary_period: Option<&'a str>,
    salary_yearly_minimum: i64,
    salary_yearly_maximum: i64,
}

impl<'a> From<&'a JobPosting> for PostingRow<'a> {
    fn from(posting: &'a JobPosting) -> Self {
        let pay = posting.pay;
        // Where one end is not told, the other one is all that is known.
        let (salary_yearly_minimum, salary_yearly_maximum) = match pay.map(Pay::yearly).unwrap_or_default() {
            (Some(minimum), Some(maximum)) => (minimum, maximum),
            (Some(only), None) | (None, Some(only)) => (only, only),
            (None, None) => (0, 0),
        };
        Self {
            title: posting.title.as_str(),
            title_search: posting.title.as_str().to_lowercase(),
            description: posting.description.as_str(),
            job_type: posting.job_type.as_str(),
            job_subtype: posting.job_subtype.as_str(),
            experience_level: posting.experience_level.as_str(),
            company_name: posting.company_name.as_str(),
            company_search: posting.company_name.as_str().to_lowercase(),
            location: posting.location.as_str(),
            location_search: posting.location.as_str().to_lowercase(),
            salary_range: posting.salary_range.as_ref().map(Text::as_str),
            deadline: At(posting.deadline),
            application_link: posting.application_link.as_ref().map(WebAddress::as_str),
            application_email: posting.application_email.as_ref().map(EmailAddress::as_str),
            workplace: posting.workplace.map(Workplace::as_str),
            country: posting.country.map(Country::as_str),
            skills: posting.skills.iter().map(Text::as_str).collect::<Vec<_>>().join("\n"),
            salary_minimum: pay.and_then(Pay::minimum),
            salary_maximum: pay.and_then(Pay::maximum),
            salary_currency: pay.map(|pay| pay.currency().as_str()),
            salary_period: pay.map(|pay| pay.period().as_str()),
            salary_yearly_minimum,
            salary_yearly_maximum,
        }
    }
}

/// A skill of a job, as it is looked for.
#[derive(Insertable)]
#[diesel(table_name = job_skills)]
pub(crate) struct SkillRow {
    job_id: i64,
    skill: String,
}

/// The rows of a job's skills.
pub(crate) fn skill_rows(job: JobId, skills: &Skills) -> Vec<SkillRow> {
    skills.iter().map(|skill| SkillRow { job_id: job.0, skill: skill.as_str().to_lowercase() }).collect()
}

#[derive(Insertable)]
#[diesel(table_name = jobs)]
pub(crate) struct NewJobRow<'a> {
    employer_id: i64,
    #[diesel(embed)]
    posting: PostingRow<'a>,
    status: &'a str,
    posted_at: At,
    updated_at: At,
    changed_at: At,
}

impl<'a> NewJobRow<'a> {
    /// How many columns it fills.
    pub(crate) const COLUMNS: usize = 28;

    pub(crate) fn new(
        employer: EmployerId,
        posting: &'a JobPosting,
        status: JobStatus,
        posted_at: DateTime<Utc>,
        changed_at: DateTime<Utc>,
    ) -> Self {
        Self {
            employer_id: employer.0,
            posting: PostingRow::from(posting),
            status: status.as_str(),
            posted_at: At(posted_at),
            updated_at: At(posted_at),
            changed_at: At(changed_at),
        }
    }
}

/// The number of applications of a job. The query builder's own subquery would carry a `LIMIT` with a parameter, for which
/// SQLite plans a query anew each time it is run; so a lookup has none either.
#[derive(Clone, Copy, QueryId)]
pub(crate) struct TotalApplications;

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
            $crate::jobs::TotalApplications,
        ))
    };
}
pub(crate) use job_details;

pub(crate) type DetailsRow = (JobRow, EmployerRow, i64);

pub(crate) fn details((job, employer, applications): DetailsRow) -> Result<JobDetails, RepositoryError> {
    Ok(JobDetails {
        job: job.try_into()?,
        employer: employer.try_into()?,
        total_applications: applications.unsigned_abs(),
    })
}

/// Makes the characters that mean something in a pattern stand for themselves.
pub(crate) fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// What [`Job::state`] makes of a row at `now`. As an expression of diesel's own it would take the compiler many minutes.
macro_rules! state {
    ($now:expr) => {
        sql::<sql_types::Text>(
            "CASE WHEN jobs.deleted_at IS NOT NULL THEN 'deleted' WHEN jobs.status = 'draft' THEN 'draft' \
             WHEN jobs.status IN ('filled', 'withdrawn') THEN 'closed' \
             WHEN jobs.closed_at IS NOT NULL OR jobs.deadline <= ",
        )
        .bind::<Instant, _>(At($now))
        .sql(" THEN 'expired' ELSE jobs.status END")
    };
}

/// Narrows a query to the jobs of an account that are in one of `states`, or if there are none in any but deleted.
macro_rules! owned {
    ($query:expr, $owner:expr, $states:expr, $now:expr) => {{
        // A value, and not a join: then the index gives the order.
        let employer = employers::table.filter(employers::user_id.eq($owner.0)).select(employers::id).single_value();
        let query = $query.filter(jobs::employer_id.nullable().eq(employer)).into_boxed();
        if $states.is_empty() {
            query.filter(jobs::deleted_at.is_null())
        } else {
            query.filter(state!($now).eq_any($states.iter().map(|state| state.as_str())))
        }
    }};
}

impl Session<'_> {
    fn insert_skills(&mut self, rows: &[SkillRow]) -> Result<(), RepositoryError> {
        if !rows.is_empty() {
            both!(self, |c| insert_into(job_skills::table).values(rows).execute(c))?;
        }
        Ok(())
    }

    /// Counts what a job says that it did not say before, or not in public, and the other way round.
    fn recount_terms(&mut self, before: Option<&Job>, job: &Job) -> Result<(), RepositoryError> {
        let mut terms = Terms::default();
        for (job, jobs) in [(before, -1), (Some(job), 1)] {
            if let Some(job) = job.filter(|job| is_counted(job)) {
                terms.add(&job.posting, jobs);
            }
        }
        self.adjust_terms(terms)
    }
}

impl JobRepository for Session<'_> {
    fn insert(
        &mut self,
        employer: EmployerId,
        posting: &JobPosting,
        status: JobStatus,
        now: DateTime<Utc>,
    ) -> Result<Job, RepositoryError> {
        let changed_at = self.stamp(Feed::Jobs, now)?;
        let row = NewJobRow::new(employer, posting, status, now, changed_at);
        let id = both!(self, |c| insert_into(jobs::table).values(row).returning(jobs::id).get_result(c))?;
        self.changes(Subject::Job(JobId(id)));
        self.insert_skills(&skill_rows(JobId(id), &posting.skills))?;
        let job = Job {
            id: JobId(id),
            employer_id: employer,
            posting: posting.clone(),
            status,
            posted_at: now,
            updated_at: now,
            deleted_at: None,
            version: Version::FIRST,
            closed_at: None,
        };
        self.recount_terms(None, &job)?;
        Ok(job)
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
        self.changes(Subject::Job(job.id));
        if job.is_deleted() {
            self.stamp_applications(job)?;
        }
        let before = JobRepository::find(self, job.id)?.map(|found| found.job);
        let changes = (
            PostingRow::from(&job.posting),
            jobs::status.eq(job.status.as_str()),
            jobs::posted_at.eq(At(job.posted_at)),
            jobs::updated_at.eq(At(job.updated_at)),
            jobs::deleted_at.eq(job.deleted_at.map(At)),
            jobs::version.eq(job.version.0),
            jobs::closed_at.eq(job.closed_at.map(At)),
            jobs::changed_at.eq(At(self.stamp(Feed::Jobs, job.updated_at)?)),
        );
        both!(self, |c| update(jobs::table.find(job.id.0)).set(changes).execute(c))?;
        if before.as_ref().is_none_or(|before| before.posting.skills != job.posting.skills) {
            both!(self, |c| delete(job_skills::table.filter(job_skills::job_id.eq(job.id.0))).execute(c))?;
            self.insert_skills(&skill_rows(job.id, &job.posting.skills))?;
        }
        self.recount_terms(before.as_ref(), job)
    }

    fn details(&mut self, id: JobId) -> Result<Option<JobDetails>, RepositoryError> {
        let owner_in_use =
            exists(users::table.filter(users::id.eq(employers::user_id)).filter(users::deactivated_at.is_null()));
        let found: Option<DetailsRow> =
            both!(self, |c| job_details!().filter(jobs::id.eq(id.0)).filter(owner_in_use).get_result(c).optional())?;
        found.map(details).transpose()
    }

    fn list_by_owner(
        &mut self,
        owner: UserId,
        states: &[JobState],
        now: DateTime<Utc>,
        page: PageRequest,
    ) -> Result<Page<Job>, RepositoryError> {
        let rows: Vec<JobRow> = both!(self, |c| {
            owned!(jobs::table.select(JobRow::as_select()), owner, states, now)
                .order((jobs::posted_at.desc(), jobs::id.desc()))
                .limit(page.size().into())
                .offset(page.offset())
                .load(c)
        })?;
        let total = total!(self, rows, page, owned!(jobs::table.count(), owner, states, now));
        let items = rows.into_iter().map(Job::try_from).collect::<Result<_, _>>()?;
        Ok(Page::new(items, total, page))
    }

    fn close_due(&mut self, now: DateTime<Utc>, limit: u32) -> Result<usize, RepositoryError> {
        let due = jobs::table
            .filter(jobs::deleted_at.is_null())
            .filter(jobs::closed_at.is_null())
            .filter(jobs::status.eq_any([JobStatus::Published.as_str(), JobStatus::Paused.as_str()]))
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
            let closing = jobs::table.filter(jobs::id.eq_any(&ids));
            let rows = both!(self, |c| closing.select(JobRow::as_select()).load(c))?;
            let mut terms = Terms::default();
            for job in
                rows.into_iter().map(Job::try_from).collect::<Result<Vec<_>, _>>()?.iter().filter(|job| is_counted(job))
            {
                terms.add(&job.posting, -1);
            }
            self.adjust_terms(terms)?;
            let changes = (jobs::closed_at.eq(Some(At(now))), jobs::changed_at.eq(At(changed_at)));
            both!(self, |c| update(jobs::table.filter(jobs::id.eq_any(&ids))).set(changes).execute(c))?;
            for id in &ids {
                self.changes(Subject::Job(JobId(*id)));
            }
        }
        Ok(ids.len())
    }
}
