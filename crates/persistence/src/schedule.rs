use chrono::{DateTime, TimeDelta, Utc};
use diesel::insert_into;
use diesel::prelude::*;
use diesel::query_dsl::methods::FilterDsl;
use jobportal_application::{RepositoryError, ScheduleRepository};

use crate::schema::schedule;
use crate::session::Session;
use crate::time::At;

impl ScheduleRepository for Session<'_> {
    fn claim(&mut self, task: &str, now: DateTime<Utc>, every: TimeDelta) -> Result<bool, RepositoryError> {
        let next_run_at = schedule::next_run_at.eq(At(now + every));
        let claimed = both!(self, |c| {
            insert_into(schedule::table)
                .values((schedule::task.eq(task), next_run_at))
                .on_conflict(schedule::task)
                .do_update()
                .set(next_run_at)
                .filter(schedule::next_run_at.le(At(now)))
                .execute(c)
        })?;
        Ok(claimed > 0)
    }
}
