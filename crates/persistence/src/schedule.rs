use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::query_dsl::methods::FilterDsl;
use diesel::{insert_into, update};
use jobportal_application::{RepositoryError, ScheduleRepository, TaskRun};

use crate::schema::schedule;
use crate::session::Session;
use crate::time::At;

/// The row of a run that its node still holds.
macro_rules! held {
    ($run:expr) => {
        QueryDsl::filter(schedule::table.find(&$run.task), schedule::claimed_by.eq(&$run.owner))
    };
}

impl ScheduleRepository for Session<'_> {
    fn claim(&mut self, run: &TaskRun, until: DateTime<Utc>) -> Result<bool, RepositoryError> {
        let now = At(run.began_at);
        let claim = (schedule::claimed_by.eq(Some(&run.owner)), schedule::claimed_until.eq(Some(At(until))));
        let is_free = schedule::claimed_by.is_null().or(schedule::claimed_until.assume_not_null().le(now));
        let claimed = both!(self, |c| {
            insert_into(schedule::table)
                .values((schedule::task.eq(&run.task), schedule::next_run_at.eq(now), claim))
                .on_conflict(schedule::task)
                .do_update()
                .set(claim)
                .filter(schedule::next_run_at.le(now).and(is_free))
                .execute(c)
        })?;
        Ok(claimed > 0)
    }

    fn keep(&mut self, run: &TaskRun, until: DateTime<Utc>) -> Result<bool, RepositoryError> {
        let until = schedule::claimed_until.eq(Some(At(until)));
        let kept = both!(self, |c| update(held!(run)).set(until).execute(c))?;
        Ok(kept > 0)
    }

    fn end(&mut self, run: &TaskRun, next_run_at: Option<DateTime<Utc>>) -> Result<(), RepositoryError> {
        let free = (schedule::claimed_by.eq(None::<&str>), schedule::claimed_until.eq(None::<At>));
        match next_run_at {
            Some(at) => both!(self, |c| update(held!(run)).set((free, schedule::next_run_at.eq(At(at)))).execute(c))?,
            None => both!(self, |c| update(held!(run)).set(free).execute(c))?,
        };
        Ok(())
    }
}
