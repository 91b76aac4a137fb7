//! Feeds of what changed, and the times they are ordered by.
//!
//! Were rows stamped with the time their request began, a slow transaction could commit a stamp that readers have passed, who would
//! never see its change. So each feed has a clock, a row that a writer moves on and thereby holds until its transaction ends: stamps
//! are committed in their order, whatever the clocks of the nodes say.
//!
//! Locks are taken in one order, so that no two transactions wait for each other: the row of a job, the row of an application, the
//! clock of an employer's applications, the clock of the jobs. One case would turn it round: a job that is deleted stamps its
//! applications, which holds their rows after the clock. There [`Session::share_job`] keeps away who would hold one of them.

use chrono::{DateTime, Utc};
use diesel::dsl::{case_when, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};
use diesel::upsert::excluded;
use diesel::{insert_into, update};
use jobportal_application::{
    ApplicationChange, ChangeRepository, JobChange, Position, RepositoryError, Slice, SliceRequest,
};
use jobportal_domain::{ApplicationId, Job, JobApplication, JobStatus, UserId};

use crate::applications::{ApplicationRow, application_columns, with_attachment};
use crate::connection::AnyConnection;
use crate::documents::document_columns;
use crate::error::stored;
use crate::jobs::JobRow;
use crate::schema::{ATTACHMENTS, applications, change_feeds, documents, employers, jobs};
use crate::session::Session;
use crate::time::{At, Instant};

/// A list of what changed, with a clock of its own.
#[derive(Clone, Copy)]
pub(crate) enum Feed {
    /// All jobs.
    Jobs,
    /// The applications to the jobs of an employer.
    Applications(i64),
}

impl Feed {
    fn name(self) -> String {
        match self {
            Self::Jobs => "jobs".to_owned(),
            Self::Applications(employer) => format!("applications/{employer}"),
        }
    }
}

/// Narrows a query to what comes after a position, in the order of these two columns. As one comparison of both it is a range of
/// their index; diesel knows none.
macro_rules! after {
    ($columns:literal, $position:expr) => {
        sql::<Bool>(concat!("(", $columns, ") > ("))
            .bind::<Instant, _>(At($position.time))
            .sql(", ")
            .bind::<BigInt, _>($position.id)
            .sql(")")
    };
}

impl Session<'_> {
    /// Moves the clock of a feed on, and holds it until the end of the transaction: what changes is to have this time. Take it as
    /// late as possible, since others wait for it.
    pub(crate) fn stamp(&mut self, feed: Feed, now: DateTime<Utc>) -> Result<DateTime<Utc>, RepositoryError> {
        let first = (change_feeds::name.eq(feed.name()), change_feeds::last_change.eq(now.timestamp_micros()));
        let next = case_when(
            excluded(change_feeds::last_change).gt(change_feeds::last_change),
            excluded(change_feeds::last_change),
        )
        .otherwise(change_feeds::last_change + 1_i64);
        let micros = both!(self, |c| {
            insert_into(change_feeds::table)
                .values(first)
                .on_conflict(change_feeds::name)
                .do_update()
                .set(change_feeds::last_change.eq(next))
                .returning(change_feeds::last_change)
                .get_result(c)
        })?;
        stored("change_feeds.last_change", DateTime::from_timestamp_micros(micros).ok_or(()))
    }

    /// Stamps the applications to a job.
    pub(crate) fn stamp_applications(&mut self, job: &Job) -> Result<(), RepositoryError> {
        let changed_at = self.stamp(Feed::Applications(job.employer_id.0), job.updated_at)?;
        let received = applications::table.filter(applications::job_id.eq(job.id.0));
        both!(self, |c| update(received).set(applications::changed_at.eq(At(changed_at))).execute(c))?;
        Ok(())
    }

    /// Keeps the job of an application from changes until the end of the transaction; others may do so too.
    pub(crate) fn share_job(&mut self, application: ApplicationId) -> Result<(), RepositoryError> {
        let AnyConnection::Postgres(connection) = &mut *self.connection else { return Ok(()) };
        let job = applications::table.find(application.0).select(applications::job_id);
        let shared = jobs::table.filter(jobs::id.eq_any(job)).select(jobs::id).for_share().execute(connection);
        self.settle(shared)?;
        Ok(())
    }
}

impl ChangeRepository for Session<'_> {
    fn jobs(&mut self, request: SliceRequest, now: DateTime<Utc>) -> Result<Slice<JobChange>, RepositoryError> {
        // A draft is nobody's but its employer's, and no news.
        let query = jobs::table
            .filter(jobs::status.ne(JobStatus::Draft.as_str()))
            .filter(after!("jobs.changed_at, jobs.id", request.after()))
            .order((jobs::changed_at, jobs::id))
            .limit(request.limit());
        let rows: Vec<(At, JobRow)> = both!(self, |c| query.select((jobs::changed_at, JobRow::as_select())).load(c))?;
        let change = |(changed_at, row): (At, JobRow)| {
            let job = Job::try_from(row)?;
            Ok(JobChange { changed_at: changed_at.0, state: job.state(now), job })
        };
        let changes = rows.into_iter().map(change).collect::<Result<_, RepositoryError>>()?;
        Ok(Slice::new(changes, request, |change| Position { time: change.changed_at, id: change.job.id.0 }))
    }

    fn applications(
        &mut self,
        owner: UserId,
        request: SliceRequest,
    ) -> Result<Slice<ApplicationChange>, RepositoryError> {
        // A value, and not a join: then the index gives the order.
        let employer = employers::table.filter(employers::user_id.eq(owner.0)).select(employers::id).single_value();
        let query = with_attachment!(applications::table.inner_join(jobs::table))
            .filter(applications::employer_id.nullable().eq(employer))
            .filter(after!("applications.changed_at, applications.id", request.after()))
            .order((applications::changed_at, applications::id))
            .limit(request.limit());
        let columns = (applications::changed_at, jobs::deleted_at.is_not_null(), application_columns!());
        let rows: Vec<(At, bool, ApplicationRow)> = both!(self, |c| query.select(columns).load(c))?;
        let change = |(changed_at, is_deleted, row): (At, bool, ApplicationRow)| {
            Ok(ApplicationChange { changed_at: changed_at.0, is_deleted, application: JobApplication::try_from(row)? })
        };
        let changes = rows.into_iter().map(change).collect::<Result<_, RepositoryError>>()?;
        Ok(Slice::new(changes, request, |change| Position { time: change.changed_at, id: change.application.id.0 }))
    }
}
