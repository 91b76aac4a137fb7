use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::query_dsl::methods::FilterDsl;
use diesel::sql_types::{BigInt, Bool, Text};
use diesel::upsert::excluded;
use diesel::{insert_into, select, sql_query};
use jobportal_application::{ReceiptRepository, RepositoryError, RequestKey, StoredReceipt};

use crate::connection::AnyConnection;
use crate::schema::receipts;
use crate::session::Session;
use crate::time::{At, Instant};

/// The outer condition is for PostgreSQL: a receipt that was replaced meanwhile stays.
const PURGE: &str = "\
    DELETE FROM receipts WHERE created_at <= $1 AND (caller, key) IN ( \
        SELECT caller, key FROM receipts WHERE created_at <= $1 ORDER BY created_at LIMIT $2 \
    )";

impl ReceiptRepository for Session<'_> {
    fn claim(&mut self, key: &RequestKey) -> Result<bool, RepositoryError> {
        let result = match &mut *self.connection {
            AnyConnection::Sqlite(_) => Ok(true),
            AnyConnection::Postgres(c) => {
                let name = format!("{} {}", key.caller, key.key);
                let lock =
                    sql::<Bool>("pg_try_advisory_xact_lock(hashtextextended(").bind::<Text, _>(name).sql(", 0))");
                select(lock).get_result(c)
            }
        };
        self.settle(result)
    }

    fn find(&mut self, key: &RequestKey, after: DateTime<Utc>) -> Result<Option<StoredReceipt>, RepositoryError> {
        let found: Option<(String, String)> = both!(self, |c| {
            QueryDsl::filter(receipts::table.find((&key.caller, &key.key)), receipts::created_at.gt(At(after)))
                .select((receipts::fingerprint, receipts::receipt))
                .get_result(c)
                .optional()
        })?;
        Ok(found.map(|(fingerprint, sealed)| StoredReceipt { fingerprint, sealed }))
    }

    fn insert(
        &mut self,
        key: &RequestKey,
        sealed: &str,
        now: DateTime<Utc>,
        after: DateTime<Utc>,
    ) -> Result<bool, RepositoryError> {
        let row = (
            receipts::caller.eq(&key.caller),
            receipts::key.eq(&key.key),
            receipts::fingerprint.eq(&key.fingerprint),
            receipts::receipt.eq(sealed),
            receipts::created_at.eq(At(now)),
        );
        let stored = both!(self, |c| {
            insert_into(receipts::table)
                .values(row)
                .on_conflict((receipts::caller, receipts::key))
                .do_update()
                .set((
                    receipts::fingerprint.eq(excluded(receipts::fingerprint)),
                    receipts::receipt.eq(excluded(receipts::receipt)),
                    receipts::created_at.eq(excluded(receipts::created_at)),
                ))
                .filter(receipts::created_at.le(At(after)))
                .execute(c)
        })?;
        Ok(stored > 0)
    }

    fn purge(&mut self, after: DateTime<Utc>, limit: u32) -> Result<u64, RepositoryError> {
        let purge = sql_query(PURGE).bind::<Instant, _>(At(after)).bind::<BigInt, _>(i64::from(limit));
        both!(self, |c| purge.execute(c)).map(|count| count as u64)
    }
}
