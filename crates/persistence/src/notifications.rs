use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Text};
use diesel::{delete, insert_into, sql_query, update};
use jobportal_application::{
    DeliveryStatus, FailedDelivery, NewNotification, OutboxEntry, OutboxRepository, Page, PageRequest,
    QueuedNotification, RepositoryError, Requeue,
};
use jobportal_domain::{EmailAddress, NotificationId};

use crate::connection::AnyConnection;
use crate::error::stored;
use crate::schema::outbox;
use crate::session::Session;
use crate::time::{At, Instant};

const PENDING: &str = DeliveryStatus::Pending.as_str();
const SENT: &str = DeliveryStatus::Sent.as_str();
const DEAD: &str = DeliveryStatus::Dead.as_str();
const ERASED: &str = "{}";

/// Those that have been due longest; others that claim at the same time pass over them.
const CLAIM_IN_POSTGRES: &str = "\
    WITH due AS MATERIALIZED ( \
        SELECT id FROM outbox WHERE status = 'pending' AND next_attempt_at <= $1 \
        ORDER BY next_attempt_at, id LIMIT $2 FOR UPDATE SKIP LOCKED \
    ) \
    UPDATE outbox SET attempts = attempts + 1, next_attempt_at = $3 FROM due WHERE outbox.id = due.id \
    RETURNING outbox.id, recipient, payload, created_at, attempts";

/// The same; whoever writes is alone. SQLite numbers `?1` by its digit, but `$1` by its place in the text.
const CLAIM_IN_SQLITE: &str = "\
    UPDATE outbox SET attempts = attempts + 1, next_attempt_at = ?3 WHERE id IN ( \
        SELECT id FROM outbox WHERE status = 'pending' AND next_attempt_at <= ?1 \
        ORDER BY next_attempt_at, id LIMIT ?2 \
    ) \
    RETURNING id, recipient, payload, created_at, attempts";

#[derive(QueryableByName)]
struct ClaimedRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    recipient: String,
    #[diesel(sql_type = Text)]
    payload: String,
    #[diesel(sql_type = Instant)]
    created_at: At,
    #[diesel(sql_type = Integer)]
    attempts: i32,
}

impl TryFrom<ClaimedRow> for QueuedNotification {
    type Error = RepositoryError;

    fn try_from(row: ClaimedRow) -> Result<Self, RepositoryError> {
        Ok(Self {
            id: NotificationId(row.id),
            recipient: stored("outbox.recipient", EmailAddress::parse(&row.recipient))?,
            content: serde_json::from_str(&row.payload).ok(),
            created_at: row.created_at.0,
            attempt: stored("outbox.attempts", row.attempts.try_into())?,
        })
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = outbox)]
struct EntryRow {
    id: i64,
    kind: String,
    recipient: String,
    status: String,
    attempts: i32,
    next_attempt_at: At,
    created_at: At,
    sent_at: Option<At>,
    last_error: Option<String>,
}

impl TryFrom<EntryRow> for OutboxEntry {
    type Error = RepositoryError;

    fn try_from(row: EntryRow) -> Result<Self, RepositoryError> {
        Ok(Self {
            id: NotificationId(row.id),
            kind: row.kind,
            recipient: stored("outbox.recipient", EmailAddress::parse(&row.recipient))?,
            status: stored("outbox.status", DeliveryStatus::parse(&row.status).ok_or(()))?,
            attempts: stored("outbox.attempts", row.attempts.try_into())?,
            created_at: row.created_at.0,
            next_attempt_at: row.next_attempt_at.0,
            sent_at: row.sent_at.map(|at| at.0),
            last_error: row.last_error,
        })
    }
}

/// Narrows a query to a status, if there is one.
macro_rules! of_status {
    ($query:expr, $status:expr) => {{
        let query = $query.into_boxed();
        match $status {
            Some(status) => query.filter(outbox::status.eq(DeliveryStatus::as_str(status))),
            None => query,
        }
    }};
}

impl OutboxRepository for Session<'_> {
    fn enqueue(&mut self, notification: &NewNotification) -> Result<NotificationId, RepositoryError> {
        let payload =
            serde_json::to_string(&notification.content).map_err(|error| RepositoryError::Backend(error.into()))?;
        let row = (
            outbox::kind.eq(notification.content.kind()),
            outbox::recipient.eq(notification.recipient.as_str()),
            outbox::payload.eq(payload),
            outbox::status.eq(PENDING),
            outbox::attempts.eq(0),
            outbox::next_attempt_at.eq(At(notification.created_at)),
            outbox::created_at.eq(At(notification.created_at)),
        );
        both!(self, |c| insert_into(outbox::table).values(row).returning(outbox::id).get_result(c)).map(NotificationId)
    }

    fn claim(
        &mut self,
        limit: u32,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
    ) -> Result<Vec<QueuedNotification>, RepositoryError> {
        macro_rules! bound {
            ($sql:expr) => {
                sql_query($sql)
                    .bind::<Instant, _>(At(now))
                    .bind::<BigInt, _>(i64::from(limit))
                    .bind::<Instant, _>(At(lease_until))
            };
        }
        let result: QueryResult<Vec<ClaimedRow>> = match &mut *self.connection {
            AnyConnection::Sqlite(c) => bound!(CLAIM_IN_SQLITE).load(c),
            AnyConnection::Postgres(c) => bound!(CLAIM_IN_POSTGRES).load(c),
        };
        let mut rows = self.settle(result)?;
        rows.sort_unstable_by_key(|row| row.id);
        rows.into_iter().map(QueuedNotification::try_from).collect()
    }

    fn mark_sent(&mut self, ids: &[NotificationId], now: DateTime<Utc>) -> Result<(), RepositoryError> {
        let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
        let changes = (outbox::status.eq(SENT), outbox::sent_at.eq(Some(At(now))), outbox::payload.eq(ERASED));
        both!(self, |c| update(outbox::table.filter(outbox::id.eq_any(ids))).set(changes).execute(c))?;
        Ok(())
    }

    fn mark_failed(&mut self, failure: &FailedDelivery) -> Result<(), RepositoryError> {
        let current = outbox::table
            .find(failure.id.0)
            .filter(outbox::status.eq(PENDING))
            .filter(outbox::attempts.eq(i32::from(failure.attempt)));
        // What a mail server says may hold anything; PostgreSQL takes no NUL.
        let last_error = outbox::last_error.eq(failure.error.replace('\0', ""));
        if let Some(at) = failure.next_attempt_at {
            let changes = (last_error, outbox::next_attempt_at.eq(At(at)));
            both!(self, |c| update(current).set(changes).execute(c))?;
        } else {
            let changes = (last_error, outbox::status.eq(DEAD));
            both!(self, |c| update(current).set(changes).execute(c))?;
        }
        Ok(())
    }

    fn list(
        &mut self,
        status: Option<DeliveryStatus>,
        page: PageRequest,
    ) -> Result<Page<OutboxEntry>, RepositoryError> {
        let rows = both!(self, |c| {
            of_status!(outbox::table.select(EntryRow::as_select()), status)
                .order(outbox::id.desc())
                .limit(page.size().into())
                .offset(page.offset())
                .load(c)
        })?;
        let total = total!(self, rows, page, of_status!(outbox::table.count(), status));
        let items = rows.into_iter().map(OutboxEntry::try_from).collect::<Result<_, _>>()?;
        Ok(Page::new(items, total, page))
    }

    fn requeue(&mut self, which: Requeue, now: DateTime<Utc>) -> Result<u64, RepositoryError> {
        let changes = (outbox::status.eq(PENDING), outbox::attempts.eq(0), outbox::next_attempt_at.eq(At(now)));
        let dead = outbox::table.filter(outbox::status.eq(DEAD));
        let count = match which {
            Requeue::AllDead => both!(self, |c| update(dead).set(changes).execute(c)),
            Requeue::One(id) => both!(self, |c| update(dead.filter(outbox::id.eq(id.0))).set(changes).execute(c)),
        };
        count.map(|count| count as u64)
    }

    fn purge(&mut self, before: DateTime<Utc>) -> Result<u64, RepositoryError> {
        // As a parameter, SQLite would not see that it is the condition of the index.
        let is_settled = sql::<Bool>("outbox.status <> 'pending'");
        let past = outbox::table.filter(outbox::created_at.lt(At(before))).filter(is_settled);
        both!(self, |c| delete(past).execute(c)).map(|count| count as u64)
    }
}
