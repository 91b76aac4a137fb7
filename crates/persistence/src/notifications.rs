use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};
use diesel::{insert_into, sql_query, update};
use jobportal_application::{
    Backlog, DeliveryAttempt, DeliveryClaim, DeliveryStatus, FailedDelivery, MailPriority, NewNotification,
    OutboxEntry, OutboxFilter, OutboxRepository, Page, PageRequest, QueuedNotification, RepositoryError, Requeue,
    Subject, request_id,
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

/// How long a mail waits that another one to the same recipient holds up, unless that one is settled before.
const HELD_UP: TimeDelta = TimeDelta::seconds(30);

/// How many rows a claim looks at, at most, for each look that it takes.
const MAX_LOOK: usize = 500;

/// How often a claim looks further when what it found is held up.
const LOOKS: usize = 3;

/// Those of a priority that are due the longest, each with whether another mail to the same recipient holds it up. Both parts of
/// that are one step down an index. The numbers are those of the index, and of `DeliveryPolicy::holds_up_until`.
const DUE: &str = "\
    SELECT o.id, o.recipient, o.payload, o.created_at, o.attempts, o.request_id, ( \
        EXISTS ( \
            SELECT 1 FROM outbox f WHERE f.recipient = o.recipient AND f.priority = o.priority \
            AND f.status = 'pending' AND f.claimed_by IS NOT NULL AND f.id <> o.id \
        ) OR EXISTS ( \
            SELECT 1 FROM outbox e WHERE e.recipient = o.recipient AND e.priority = o.priority AND e.id < o.id \
            AND e.status = 'pending' AND e.attempts < 4 AND (e.attempts < 1 OR e.priority <> 'urgent') \
        ) \
    ) AS is_held_up \
    FROM outbox o WHERE o.status = 'pending' AND o.priority = $1 AND o.next_attempt_at <= $2 \
    ORDER BY o.next_attempt_at, o.id LIMIT $3";

/// Others that claim at the same time pass over what one looks at. In SQLite whoever writes is alone.
const PASSED_OVER: &str = " FOR UPDATE OF o SKIP LOCKED";

/// For each of some mails, the first one to the same recipient that waits and holds up others.
const NEXT: &str = "(SELECT n.id FROM outbox n WHERE n.recipient = outbox.recipient AND n.priority = outbox.priority \
    AND n.status = 'pending' AND n.attempts < 4 AND (n.attempts < 1 OR n.priority <> 'urgent') ORDER BY n.id LIMIT 1)";

const PURGE: &str = "\
    DELETE FROM outbox WHERE id IN ( \
        SELECT id FROM outbox WHERE created_at < $1 AND status <> 'pending' ORDER BY created_at LIMIT $2 \
    )";

const BACKLOG: &str = "\
    SELECT count(*) AS number, priority, status, claimed_by IS NOT NULL AS is_claimed, min(created_at) AS oldest \
    FROM outbox WHERE status IN ('pending', 'dead') GROUP BY priority, status, claimed_by IS NOT NULL";

#[derive(QueryableByName)]
struct DueRow {
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
    #[diesel(sql_type = Nullable<Text>)]
    request_id: Option<String>,
    #[diesel(sql_type = Bool)]
    is_held_up: bool,
}

impl TryFrom<DueRow> for QueuedNotification {
    type Error = RepositoryError;

    fn try_from(row: DueRow) -> Result<Self, RepositoryError> {
        Ok(Self {
            id: NotificationId(row.id),
            recipient: stored("outbox.recipient", EmailAddress::parse(&row.recipient))?,
            content: serde_json::from_str(&row.payload).ok(),
            created_at: row.created_at.0,
            attempt: stored("outbox.attempts", row.attempts.saturating_add(1).try_into())?,
            request_id: row.request_id,
        })
    }
}

#[derive(QueryableByName)]
struct BacklogRow {
    #[diesel(sql_type = BigInt)]
    number: i64,
    #[diesel(sql_type = Text)]
    priority: String,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Bool)]
    is_claimed: bool,
    #[diesel(sql_type = Instant)]
    oldest: At,
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
    priority: String,
    claimed_by: Option<String>,
}

impl TryFrom<EntryRow> for OutboxEntry {
    type Error = RepositoryError;

    fn try_from(row: EntryRow) -> Result<Self, RepositoryError> {
        Ok(Self {
            id: NotificationId(row.id),
            kind: row.kind,
            recipient: stored("outbox.recipient", EmailAddress::parse(&row.recipient))?,
            priority: stored("outbox.priority", MailPriority::parse(&row.priority).ok_or(()))?,
            status: stored("outbox.status", DeliveryStatus::parse(&row.status).ok_or(()))?,
            is_claimed: row.claimed_by.is_some(),
            attempts: stored("outbox.attempts", row.attempts.try_into())?,
            created_at: row.created_at.0,
            next_attempt_at: row.next_attempt_at.0,
            sent_at: row.sent_at.map(|at| at.0),
            last_error: row.last_error,
        })
    }
}

/// Narrows a query to what a filter names.
macro_rules! filtered {
    ($query:expr, $filter:expr) => {{
        let mut query = $query.into_boxed();
        if let Some(status) = $filter.status {
            query = query.filter(outbox::status.eq(status.as_str()));
        }
        if let Some(kind) = &$filter.kind {
            query = query.filter(outbox::kind.eq(kind));
        }
        query
    }};
}

/// The rows of these attempts, as far as `owner` still holds them. All have the same number.
macro_rules! held {
    ($owner:expr, $number:expr, $ids:expr) => {
        outbox::table
            .filter(outbox::id.eq_any($ids))
            .filter(outbox::status.eq(PENDING))
            .filter(outbox::claimed_by.eq($owner))
            .filter(outbox::attempts.eq(i32::from($number)))
    };
}

/// The ids of attempts by their number, which nearly all have in common.
fn by_number(attempts: &[DeliveryAttempt]) -> BTreeMap<u16, Vec<i64>> {
    let mut numbers = BTreeMap::<_, Vec<_>>::new();
    for attempt in attempts {
        numbers.entry(attempt.number).or_default().push(attempt.id.0);
    }
    numbers
}

impl Session<'_> {
    fn due(&mut self, claim: &DeliveryClaim, limit: usize) -> Result<Vec<DueRow>, RepositoryError> {
        macro_rules! bound {
            ($sql:expr) => {
                sql_query($sql)
                    .bind::<Text, _>(claim.priority.as_str())
                    .bind::<Instant, _>(At(claim.now))
                    .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
            };
        }
        let result = match &mut *self.connection {
            AnyConnection::Sqlite(c) => bound!(DUE).load(c),
            AnyConnection::Postgres(c) => bound!(format!("{DUE}{PASSED_OVER}")).load(c),
        };
        self.settle(result)
    }

    /// Lets the mails go that were held up by these.
    fn let_next_go(&mut self, settled: &[i64], now: DateTime<Utc>) -> Result<(), RepositoryError> {
        let settled = outbox::table.filter(outbox::id.eq_any(settled));
        let next = settled.select(sql::<Nullable<BigInt>>(NEXT));
        let next: Vec<Option<i64>> = both!(self, |c| next.load(c))?;
        let next: Vec<i64> = next.into_iter().flatten().collect();
        if !next.is_empty() {
            let held_up = outbox::table
                .filter(outbox::id.eq_any(next))
                .filter(outbox::status.eq(PENDING))
                .filter(outbox::attempts.eq(0))
                .filter(outbox::next_attempt_at.gt(At(now)));
            both!(self, |c| update(held_up).set(outbox::next_attempt_at.eq(At(now))).execute(c))?;
        }
        Ok(())
    }
}

impl OutboxRepository for Session<'_> {
    fn enqueue(&mut self, notification: &NewNotification) -> Result<NotificationId, RepositoryError> {
        let payload =
            serde_json::to_string(&notification.content).map_err(|error| RepositoryError::Backend(error.into()))?;
        let row = (
            outbox::kind.eq(notification.content.kind()),
            outbox::priority.eq(notification.content.priority().as_str()),
            outbox::recipient.eq(notification.recipient.as_str()),
            outbox::payload.eq(payload),
            outbox::status.eq(PENDING),
            outbox::attempts.eq(0),
            outbox::next_attempt_at.eq(At(notification.created_at)),
            outbox::created_at.eq(At(notification.created_at)),
            outbox::request_id.eq(request_id()),
        );
        self.changes(Subject::Outbox);
        both!(self, |c| insert_into(outbox::table).values(row).returning(outbox::id).get_result(c)).map(NotificationId)
    }

    fn claim(&mut self, claim: &DeliveryClaim) -> Result<Vec<QueuedNotification>, RepositoryError> {
        let limit = claim.limit as usize;
        let (mut claimed, mut recipients) = (Vec::with_capacity(limit), HashSet::new());
        let mut look = limit;
        for _ in 0..LOOKS {
            let due = self.due(claim, look)?;
            let is_all = due.len() < look;
            // Those that were tried often hold up none, so there may be several of a recipient.
            let (mut free, held_up): (Vec<_>, Vec<_>) =
                due.into_iter().partition(|row| !row.is_held_up && recipients.insert(row.recipient.clone()));
            free.truncate(limit - claimed.len());
            if !free.is_empty() {
                let rows = outbox::table.filter(outbox::id.eq_any(free.iter().map(|row| row.id).collect::<Vec<_>>()));
                let changes = (
                    outbox::attempts.eq(outbox::attempts + 1),
                    outbox::next_attempt_at.eq(At(claim.until)),
                    outbox::claimed_by.eq(Some(&claim.owner)),
                );
                both!(self, |c| update(rows).set(changes).execute(c))?;
                claimed.extend(free);
            }
            if !held_up.is_empty() {
                let rows =
                    outbox::table.filter(outbox::id.eq_any(held_up.iter().map(|row| row.id).collect::<Vec<_>>()));
                let later = outbox::next_attempt_at.eq(At(claim.now + HELD_UP));
                both!(self, |c| update(rows).set(later).execute(c))?;
            }
            if is_all || claimed.len() == limit {
                break;
            }
            look = (4 * look).min(MAX_LOOK);
        }
        claimed.sort_unstable_by_key(|row| row.id);
        claimed.into_iter().map(QueuedNotification::try_from).collect()
    }

    fn mark_sent(
        &mut self,
        owner: &str,
        attempts: &[DeliveryAttempt],
        now: DateTime<Utc>,
    ) -> Result<u64, RepositoryError> {
        let mut count = 0;
        for (number, ids) in by_number(attempts) {
            let changes = (
                outbox::status.eq(SENT),
                outbox::sent_at.eq(Some(At(now))),
                outbox::payload.eq(ERASED),
                outbox::claimed_by.eq(None::<&str>),
            );
            count += both!(self, |c| update(held!(owner, number, &ids)).set(changes).execute(c))? as u64;
            self.let_next_go(&ids, now)?;
        }
        Ok(count)
    }

    fn mark_failed(
        &mut self,
        owner: &str,
        failure: &FailedDelivery,
        now: DateTime<Utc>,
    ) -> Result<bool, RepositoryError> {
        let DeliveryAttempt { id, number } = failure.attempt;
        let ids = [id.0];
        // What a mail server says may hold anything; PostgreSQL takes no NUL.
        let changes = (outbox::last_error.eq(failure.error.replace('\0', "")), outbox::claimed_by.eq(None::<&str>));
        let rows = held!(owner, number, &ids);
        let count = if let Some(at) = failure.next_attempt_at {
            both!(self, |c| update(rows).set((changes, outbox::next_attempt_at.eq(At(at)))).execute(c))?
        } else {
            both!(self, |c| update(rows).set((changes, outbox::status.eq(DEAD))).execute(c))?
        };
        self.let_next_go(&ids, now)?;
        Ok(count > 0)
    }

    fn release(
        &mut self,
        owner: &str,
        attempts: &[DeliveryAttempt],
        reason: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<u64, RepositoryError> {
        let mut count = 0;
        let reason = reason.map(|reason| reason.replace('\0', ""));
        for (number, ids) in by_number(attempts) {
            let rows = held!(owner, number, &ids);
            let changes = (
                outbox::attempts.eq(outbox::attempts - 1),
                outbox::next_attempt_at.eq(At(now)),
                outbox::claimed_by.eq(None::<&str>),
            );
            count += match &reason {
                Some(reason) => both!(self, |c| update(rows).set((changes, outbox::last_error.eq(reason))).execute(c))?,
                None => both!(self, |c| update(rows).set(changes).execute(c))?,
            } as u64;
        }
        Ok(count)
    }

    fn list(&mut self, filter: &OutboxFilter, page: PageRequest) -> Result<Page<OutboxEntry>, RepositoryError> {
        let rows = both!(self, |c| {
            filtered!(outbox::table.select(EntryRow::as_select()), filter)
                .order(outbox::id.desc())
                .limit(page.size().into())
                .offset(page.offset())
                .load(c)
        })?;
        let total = total!(self, rows, page, filtered!(outbox::table.count(), filter));
        let items = rows.into_iter().map(OutboxEntry::try_from).collect::<Result<_, _>>()?;
        Ok(Page::new(items, total, page))
    }

    fn find(&mut self, id: NotificationId) -> Result<Option<OutboxEntry>, RepositoryError> {
        let row = both!(self, |c| { outbox::table.find(id.0).select(EntryRow::as_select()).get_result(c).optional() })?;
        row.map(OutboxEntry::try_from).transpose()
    }

    fn backlog(&mut self) -> Result<Vec<Backlog>, RepositoryError> {
        let rows: Vec<BacklogRow> = both!(self, |c| sql_query(BACKLOG).load(c))?;
        let mut counted = Vec::<Backlog>::new();
        for row in rows {
            let priority = stored("outbox.priority", MailPriority::parse(&row.priority).ok_or(()))?;
            let place = counted.iter().position(|backlog| backlog.priority == priority);
            let mut backlog = match place {
                Some(place) => counted.swap_remove(place),
                None => Backlog { priority, waiting: 0, claimed: 0, dead: 0, oldest_pending: None },
            };
            let number = row.number.unsigned_abs();
            if row.status == DEAD {
                backlog.dead += number;
            } else {
                *if row.is_claimed { &mut backlog.claimed } else { &mut backlog.waiting } += number;
                let oldest = backlog.oldest_pending.map_or(row.oldest.0, |oldest| oldest.min(row.oldest.0));
                backlog.oldest_pending = Some(oldest);
            }
            counted.push(backlog);
        }
        Ok(counted)
    }

    fn requeue(&mut self, which: Requeue, now: DateTime<Utc>) -> Result<u64, RepositoryError> {
        let changes = (outbox::status.eq(PENDING), outbox::attempts.eq(0), outbox::next_attempt_at.eq(At(now)));
        let count = match which {
            Requeue::AllDead => {
                let dead = outbox::table.filter(outbox::status.eq(DEAD));
                both!(self, |c| update(dead).set(changes).execute(c))
            }
            Requeue::One(id) => {
                let is_pending = outbox::status.eq(PENDING).and(outbox::claimed_by.is_null());
                let one = outbox::table.filter(outbox::id.eq(id.0)).filter(outbox::status.eq(DEAD).or(is_pending));
                both!(self, |c| update(one).set(changes).execute(c))
            }
        };
        count.map(|count| count as u64)
    }

    fn purge(&mut self, before: DateTime<Utc>, limit: u32) -> Result<u64, RepositoryError> {
        let purge = sql_query(PURGE).bind::<Instant, _>(At(before)).bind::<BigInt, _>(i64::from(limit));
        both!(self, |c| purge.execute(c)).map(|count| count as u64)
    }
}
