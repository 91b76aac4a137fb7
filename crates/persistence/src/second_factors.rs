use diesel::prelude::*;
use diesel::{delete, insert_into};
use jobportal_application::{RepositoryError, SecondFactorRepository};
use jobportal_domain::{SecondFactor, UserId};

use crate::error::stored;
use crate::schema::{recovery_codes, second_factors};
use crate::session::Session;
use crate::time::At;

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = second_factors, treat_none_as_default_value = false, treat_none_as_null = true)]
struct SecondFactorRow {
    user_id: i64,
    sealed_secret: String,
    enrolled_at: At,
    confirmed_at: Option<At>,
    last_step: Option<i64>,
    failures: i32,
    blocked_until: Option<At>,
}

impl From<&SecondFactor> for SecondFactorRow {
    fn from(factor: &SecondFactor) -> Self {
        Self {
            user_id: factor.user_id.0,
            sealed_secret: factor.sealed_secret.clone(),
            enrolled_at: At(factor.enrolled_at),
            confirmed_at: factor.confirmed_at.map(At),
            last_step: factor.last_step,
            failures: factor.failures.into(),
            blocked_until: factor.blocked_until.map(At),
        }
    }
}

impl TryFrom<SecondFactorRow> for SecondFactor {
    type Error = RepositoryError;

    fn try_from(row: SecondFactorRow) -> Result<Self, RepositoryError> {
        Ok(Self {
            user_id: UserId(row.user_id),
            sealed_secret: row.sealed_secret,
            enrolled_at: row.enrolled_at.0,
            confirmed_at: row.confirmed_at.map(|at| at.0),
            last_step: row.last_step,
            failures: stored("second_factors.failures", row.failures.try_into())?,
            blocked_until: row.blocked_until.map(|at| at.0),
        })
    }
}

impl SecondFactorRepository for Session<'_> {
    fn find(&mut self, user_id: UserId) -> Result<Option<SecondFactor>, RepositoryError> {
        let query = second_factors::table.find(user_id.0);
        let row = both!(self, |c| query.select(SecondFactorRow::as_select()).get_result(c).optional())?;
        row.map(SecondFactor::try_from).transpose()
    }

    fn lock(&mut self, user_id: UserId) -> Result<Option<SecondFactor>, RepositoryError> {
        let query = second_factors::table.find(user_id.0);
        hold!(self, query.select(SecondFactorRow::as_select()))?.map(SecondFactor::try_from).transpose()
    }

    fn replace(&mut self, factor: &SecondFactor) -> Result<(), RepositoryError> {
        let row = SecondFactorRow::from(factor);
        both!(self, |c| {
            insert_into(second_factors::table)
                .values(&row)
                .on_conflict(second_factors::user_id)
                .do_update()
                .set(&row)
                .execute(c)
        })?;
        Ok(())
    }

    fn delete(&mut self, user_id: UserId) -> Result<bool, RepositoryError> {
        both!(self, |c| delete(second_factors::table.find(user_id.0)).execute(c)).map(|count| count > 0)
    }

    fn replace_recovery_codes(&mut self, user_id: UserId, digests: &[String]) -> Result<(), RepositoryError> {
        let former = recovery_codes::table.filter(recovery_codes::user_id.eq(user_id.0));
        both!(self, |c| delete(former).execute(c))?;
        let rows: Vec<_> = digests
            .iter()
            .map(|digest| (recovery_codes::user_id.eq(user_id.0), recovery_codes::digest.eq(digest)))
            .collect();
        both!(self, |c| insert_into(recovery_codes::table).values(&rows).execute(c))?;
        Ok(())
    }

    fn use_recovery_code(&mut self, user_id: UserId, digest: &str) -> Result<bool, RepositoryError> {
        both!(self, |c| delete(recovery_codes::table.find((user_id.0, digest))).execute(c)).map(|count| count > 0)
    }

    fn count_recovery_codes(&mut self, user_id: UserId) -> Result<u32, RepositoryError> {
        let query = recovery_codes::table.filter(recovery_codes::user_id.eq(user_id.0)).count();
        let count: i64 = both!(self, |c| query.get_result(c))?;
        stored("recovery_codes", count.try_into())
    }
}
