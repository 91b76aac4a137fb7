use chrono::{DateTime, Utc};
use diesel::dsl::{exists, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};
use diesel::{insert_into, select, update};
use jobportal_application::{
    ApplicationDetails, ApplicationParties, ApplicationRepository, ApplicationsState, Constraint, JobWithEmployer,
    NewApplication, OwnedApplication, Page, PageRequest, ReceivedApplication, RepositoryError, SeedApplication,
    Subject,
};
use jobportal_domain::{
    ApplicationForm, ApplicationId, ApplicationStatus, CandidateId, EmailAddress, JobApplication, JobId, Money,
    PersonalDetails, StoredDocument, Text, UserId, Version,
};

use crate::candidates::{CandidateRow, candidate_columns, with_candidate_parts};
use crate::changes::Feed;
use crate::documents::{DocumentRow, document_columns};
use crate::employers::{EmployerRow, employer_columns, with_logo};
use crate::error::{stored, stored_text};
use crate::jobs::JobRow;
use crate::schema::{
    APPLICANTS, ATTACHMENTS, LOGOS, PICTURES, RESUMES, applications, candidates, documents, employers, jobs,
    professional_profiles, users,
};
use crate::session::Session;
use crate::time::At;

/// Adds the résumé of an application to a query.
macro_rules! with_attachment {
    ($query:expr) => {
        $query.left_join(ATTACHMENTS.on(applications::resume_id.eq(ATTACHMENTS.field(documents::id).nullable())))
    };
}

/// The columns of an [`ApplicationRow`].
macro_rules! application_columns {
    () => {
        (
            applications::id,
            applications::job_id,
            applications::candidate_id,
            applications::cover_letter,
            applications::expected_salary,
            applications::notice_period,
            applications::status,
            applications::applied_at,
            applications::updated_at,
            applications::version,
            ATTACHMENTS.fields(document_columns!()).nullable(),
        )
    };
}
pub(crate) use {application_columns, with_attachment};

#[derive(Queryable)]
pub(crate) struct ApplicationRow {
    id: i64,
    job_id: i64,
    candidate_id: i64,
    cover_letter: Option<String>,
    expected_salary: Option<i64>,
    notice_period: Option<String>,
    status: String,
    applied_at: At,
    updated_at: At,
    version: i64,
    resume: Option<DocumentRow>,
}

impl TryFrom<ApplicationRow> for JobApplication {
    type Error = RepositoryError;

    fn try_from(row: ApplicationRow) -> Result<Self, RepositoryError> {
        let salary = |units| stored("applications.expected_salary", Money::from_minor_units(units).ok_or(()));
        Ok(Self {
            id: ApplicationId(row.id),
            job_id: JobId(row.job_id),
            candidate_id: CandidateId(row.candidate_id),
            form: ApplicationForm {
                cover_letter: stored_text("applications.cover_letter", row.cover_letter)?,
                expected_salary: row.expected_salary.map(salary).transpose()?,
                notice_period: stored_text("applications.notice_period", row.notice_period)?,
            },
            resume: row.resume.map(StoredDocument::try_from).transpose()?,
            status: stored("applications.status", ApplicationStatus::parse(&row.status))?,
            applied_at: row.applied_at.0,
            updated_at: row.updated_at.0,
            version: Version(row.version),
        })
    }
}

#[derive(Insertable)]
#[diesel(table_name = applications, treat_none_as_default_value = false)]
pub(crate) struct NewApplicationRow<'a> {
    job_id: i64,
    candidate_id: i64,
    cover_letter: Option<&'a str>,
    expected_salary: Option<i64>,
    notice_period: Option<&'a str>,
    resume_id: Option<i64>,
    status: &'a str,
    applied_at: At,
    updated_at: At,
    employer_id: i64,
    changed_at: At,
}

/// The employer whose feed an application belongs to, and its place there.
#[derive(Clone, Copy)]
pub(crate) struct Placed {
    pub(crate) employer_id: i64,
    pub(crate) changed_at: DateTime<Utc>,
}

impl<'a> NewApplicationRow<'a> {
    /// How many columns it fills.
    pub(crate) const COLUMNS: usize = 11;

    fn new(
        placed: Placed,
        job: JobId,
        candidate: CandidateId,
        form: &'a ApplicationForm,
        status: ApplicationStatus,
        applied_at: DateTime<Utc>,
    ) -> Self {
        Self {
            job_id: job.0,
            candidate_id: candidate.0,
            cover_letter: form.cover_letter.as_ref().map(Text::as_str),
            expected_salary: form.expected_salary.map(Money::minor_units),
            notice_period: form.notice_period.as_ref().map(Text::as_str),
            resume_id: None,
            status: status.as_str(),
            applied_at: At(applied_at),
            updated_at: At(applied_at),
            employer_id: placed.employer_id,
            changed_at: At(placed.changed_at),
        }
    }

    fn sent(new: &'a NewApplication, placed: Placed) -> Self {
        let resume_id = new.resume.map(i64::from);
        let status = ApplicationStatus::Applied;
        Self { resume_id, ..Self::new(placed, new.job_id, new.candidate_id, &new.form, status, new.applied_at) }
    }

    pub(crate) fn seeded(seed: &'a SeedApplication, placed: Placed) -> Self {
        Self::new(placed, seed.job_id, seed.candidate_id, &seed.form, seed.status, seed.applied_at)
    }
}

fn micros(at: At) -> i64 {
    at.0.timestamp_micros()
}

impl ApplicationRepository for Session<'_> {
    fn insert(&mut self, application: &NewApplication) -> Result<Option<ApplicationId>, RepositoryError> {
        self.changes(Subject::Job(application.job_id));
        let employer = jobs::table.find(application.job_id.0).select(jobs::employer_id);
        let found: Option<i64> = both!(self, |c| employer.get_result(c).optional())?;
        let employer_id = found.ok_or(RepositoryError::Conflict(Constraint::Reference))?;
        let changed_at = self.stamp(Feed::Applications(employer_id), application.applied_at)?;
        let row = NewApplicationRow::sent(application, Placed { employer_id, changed_at });
        let id: Option<i64> = both!(self, |c| {
            insert_into(applications::table)
                .values(&row)
                .on_conflict((applications::job_id, applications::candidate_id))
                .do_nothing()
                .returning(applications::id)
                .get_result(c)
                .optional()
        })?;
        Ok(id.map(ApplicationId))
    }

    fn exists(&mut self, job: JobId, candidate: CandidateId) -> Result<bool, RepositoryError> {
        let query = applications::table
            .filter(applications::job_id.eq(job.0))
            .filter(applications::candidate_id.eq(candidate.0));
        both!(self, |c| select(exists(query)).get_result(c))
    }

    fn lock(&mut self, id: ApplicationId) -> Result<Option<OwnedApplication>, RepositoryError> {
        self.share_job(id)?;
        let held: Option<i64> = hold!(self, applications::table.find(id.0).select(applications::id))?;
        if held.is_none() {
            return Ok(None);
        }
        let query = with_attachment!(applications::table.inner_join(jobs::table.inner_join(employers::table)))
            .filter(applications::id.eq(id.0))
            .select((application_columns!(), employers::user_id));
        let found: Option<(ApplicationRow, i64)> = both!(self, |c| query.get_result(c).optional())?;
        found
            .map(|(row, owner)| Ok(OwnedApplication { application: row.try_into()?, job_owner: UserId(owner) }))
            .transpose()
    }

    fn update_status(&mut self, application: &JobApplication) -> Result<(), RepositoryError> {
        let stored = applications::table.find(application.id.0);
        let employer_id = both!(self, |c| stored.select(applications::employer_id).get_result(c))?;
        let changed_at = self.stamp(Feed::Applications(employer_id), application.updated_at)?;
        let changes = (
            applications::status.eq(application.status.as_str()),
            applications::updated_at.eq(At(application.updated_at)),
            applications::version.eq(application.version.0),
            applications::changed_at.eq(At(changed_at)),
        );
        both!(self, |c| update(stored).set(changes).execute(c))?;
        Ok(())
    }

    fn details(&mut self, id: ApplicationId) -> Result<Option<ApplicationDetails>, RepositoryError> {
        let source =
            applications::table.inner_join(jobs::table.inner_join(employers::table)).inner_join(candidates::table);
        let query = with_attachment!(with_logo!(with_candidate_parts!(source))).filter(applications::id.eq(id.0));
        let found = both!(self, |c| {
            let columns = (application_columns!(), JobRow::as_select(), employer_columns!(), candidate_columns!());
            query.select(columns).get_result::<(ApplicationRow, JobRow, EmployerRow, CandidateRow)>(c).optional()
        })?;
        let Some((application, job, employer, candidate)) = found else { return Ok(None) };
        let Some(candidate) = self.candidate_profiles(vec![candidate])?.pop() else { return Ok(None) };
        Ok(Some(ApplicationDetails {
            application: application.try_into()?,
            job: JobWithEmployer { job: job.try_into()?, employer: employer.try_into()? },
            candidate,
        }))
    }

    fn details_state(&mut self, id: ApplicationId) -> Result<Option<ApplicationsState>, RepositoryError> {
        type Row = (i64, At, At, At, i64, i64);
        let query = applications::table
            .inner_join(jobs::table.inner_join(employers::table))
            .inner_join(candidates::table)
            .filter(applications::id.eq(id.0))
            .select((
                employers::user_id,
                jobs::deadline,
                jobs::changed_at,
                applications::changed_at,
                employers::version,
                candidates::version,
            ));
        let found: Option<Row> = both!(self, |c| query.get_result(c).optional())?;
        Ok(found.map(|(owner, deadline, job, application, employer, candidate)| ApplicationsState {
            job_owner: UserId(owner),
            deadline: deadline.0,
            text: format!("{} {} {employer} {candidate}", micros(job), micros(application)),
        }))
    }

    fn list_state(&mut self, job: JobId, page: PageRequest) -> Result<Option<ApplicationsState>, RepositoryError> {
        type Row = (i64, At, At, Option<i64>, Option<i64>);
        // The clock of the feed says that the same applications are shown, each as it was. Versions of profiles are counted up alone:
        // while the same ones are shown, their sum is the same if each of them is.
        let clock = sql::<Nullable<BigInt>>(
            "(SELECT last_change FROM change_feeds WHERE name = 'applications/' || jobs.employer_id)",
        );
        let profiles = sql::<Nullable<BigInt>>(
            "(SELECT CAST(SUM(candidates.version) AS BIGINT) FROM candidates WHERE candidates.id IN \
             (SELECT candidate_id FROM applications WHERE job_id = jobs.id ORDER BY applied_at, id LIMIT ",
        )
        .bind::<BigInt, _>(i64::from(page.size()))
        .sql(" OFFSET ")
        .bind::<BigInt, _>(page.offset())
        .sql("))");
        let query = jobs::table.inner_join(employers::table).filter(jobs::id.eq(job.0)).select((
            employers::user_id,
            jobs::deadline,
            jobs::changed_at,
            clock,
            profiles,
        ));
        let found: Option<Row> = both!(self, |c| query.get_result(c).optional())?;
        Ok(found.map(|(owner, deadline, job, clock, profiles)| ApplicationsState {
            job_owner: UserId(owner),
            deadline: deadline.0,
            text: format!("{} {} {}", micros(job), clock.unwrap_or_default(), profiles.unwrap_or_default()),
        }))
    }

    fn list_by_job(&mut self, job: JobId, page: PageRequest) -> Result<Page<ReceivedApplication>, RepositoryError> {
        let query = with_attachment!(with_candidate_parts!(applications::table.inner_join(candidates::table)))
            .filter(applications::job_id.eq(job.0))
            .order((applications::applied_at, applications::id))
            .limit(page.size().into())
            .offset(page.offset())
            .select((application_columns!(), candidate_columns!()));
        let rows: Vec<(ApplicationRow, CandidateRow)> = both!(self, |c| query.load(c))?;
        let total = total!(self, rows, page, applications::table.filter(applications::job_id.eq(job.0)).count());
        let (applications, candidates): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        let candidates = self.candidate_profiles(candidates)?;
        let received = |(application, candidate): (ApplicationRow, _)| {
            Ok(ReceivedApplication { application: application.try_into()?, candidate })
        };
        let items = applications.into_iter().zip(candidates).map(received).collect::<Result<_, RepositoryError>>()?;
        Ok(Page::new(items, total, page))
    }

    fn list_by_candidate(&mut self, user: UserId, page: PageRequest) -> Result<Page<JobApplication>, RepositoryError> {
        let query = with_attachment!(applications::table.inner_join(candidates::table))
            .filter(candidates::user_id.eq(user.0))
            .order((applications::applied_at, applications::id))
            .limit(page.size().into())
            .offset(page.offset())
            .select(application_columns!());
        let rows: Vec<ApplicationRow> = both!(self, |c| query.load(c))?;
        let total = total!(
            self,
            rows,
            page,
            applications::table.inner_join(candidates::table).filter(candidates::user_id.eq(user.0)).count()
        );
        let items = rows.into_iter().map(JobApplication::try_from).collect::<Result<_, _>>()?;
        Ok(Page::new(items, total, page))
    }

    fn parties(&mut self, id: ApplicationId) -> Result<Option<ApplicationParties>, RepositoryError> {
        type Row = ((String, String), (Option<String>, Option<String>), String, String);
        let query = applications::table
            .inner_join(jobs::table.inner_join(employers::table.inner_join(users::table)))
            .inner_join(candidates::table)
            .inner_join(APPLICANTS.on(APPLICANTS.field(users::id).eq(candidates::user_id)))
            .filter(applications::id.eq(id.0))
            .select((
                (jobs::title, jobs::company_name),
                (candidates::first_name, candidates::last_name),
                APPLICANTS.field(users::email),
                users::email,
            ));
        let found: Option<Row> = both!(self, |c| query.get_result(c).optional())?;
        let Some(((job_title, company_name), (first_name, last_name), candidate_email, employer_email)) = found else {
            return Ok(None);
        };
        let name = PersonalDetails {
            first_name: stored_text("candidates.first_name", first_name)?,
            last_name: stored_text("candidates.last_name", last_name)?,
            ..PersonalDetails::default()
        };
        Ok(Some(ApplicationParties {
            job_title,
            company_name,
            candidate_name: name.full_name(),
            candidate_email: stored("users.email", EmailAddress::parse(&candidate_email))?,
            employer_email: stored("users.email", EmailAddress::parse(&employer_email))?,
        }))
    }
}
