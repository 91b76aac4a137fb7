use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};
use diesel::{delete, insert_into, update};
use jobportal_application::{EndedSession, Position, RepositoryError, SessionRepository};
use jobportal_domain as domain;
use jobportal_domain::{Client, UserId};

use crate::schema::{ended_sessions, sessions};
use crate::session::Session;
use crate::time::{At, Instant};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions, treat_none_as_default_value = false)]
struct SessionRow {
    id: String,
    user_id: i64,
    network: Option<String>,
    user_agent: Option<String>,
    created_at: At,
    last_used_at: At,
    expires_at: At,
}

impl From<&domain::Session> for SessionRow {
    fn from(session: &domain::Session) -> Self {
        Self {
            id: session.id.clone(),
            user_id: session.user_id.0,
            network: session.client.network.clone(),
            user_agent: session.client.user_agent.clone(),
            created_at: At(session.created_at),
            last_used_at: At(session.last_used_at),
            expires_at: At(session.expires_at),
        }
    }
}

impl From<SessionRow> for domain::Session {
    fn from(row: SessionRow) -> Self {
        Self {
            id: row.id,
            user_id: UserId(row.user_id),
            client: Client { network: row.network, user_agent: row.user_agent },
            created_at: row.created_at.0,
            last_used_at: row.last_used_at.0,
            expires_at: row.expires_at.0,
        }
    }
}

diesel::alias!(sessions as kept_sessions: KeptSessions);

impl Session<'_> {
    /// Tells all nodes that these have ended.
    fn tell_ended(&mut self, ids: &[String], now: DateTime<Utc>) -> Result<(), RepositoryError> {
        let rows: Vec<_> =
            ids.iter().map(|id| (ended_sessions::session_id.eq(id), ended_sessions::ended_at.eq(At(now)))).collect();
        if !rows.is_empty() {
            both!(self, |c| insert_into(ended_sessions::table).values(&rows).execute(c))?;
        }
        Ok(())
    }
}

impl SessionRepository for Session<'_> {
    fn insert(&mut self, session: &domain::Session, digest: &str, keep: u32) -> Result<(), RepositoryError> {
        let user = session.user_id.0;
        let newest = kept_sessions
            .filter(kept_sessions.field(sessions::user_id).eq(user))
            .order((kept_sessions.field(sessions::last_used_at).desc(), kept_sessions.field(sessions::id).desc()))
            .limit(keep.saturating_sub(1).into())
            .select(kept_sessions.field(sessions::id));
        let oldest = sessions::table.filter(sessions::user_id.eq(user)).filter(sessions::id.ne_all(newest));
        let ended = both!(self, |c| delete(oldest).returning(sessions::id).get_results(c))?;
        self.tell_ended(&ended, session.created_at)?;
        let row = (SessionRow::from(session), sessions::digest.eq(digest));
        both!(self, |c| insert_into(sessions::table).values(&row).execute(c))?;
        Ok(())
    }

    fn find(&mut self, id: &str) -> Result<Option<domain::Session>, RepositoryError> {
        let query = sessions::table.find(id);
        let found = both!(self, |c| query.select(SessionRow::as_select()).get_result(c).optional())?;
        Ok(found.map(domain::Session::from))
    }

    fn lock(&mut self, id: &str) -> Result<Option<(domain::Session, String)>, RepositoryError> {
        let query = sessions::table.find(id);
        let found: Option<(SessionRow, String)> =
            hold!(self, query.select((SessionRow::as_select(), sessions::digest)))?;
        Ok(found.map(|(row, digest)| (row.into(), digest)))
    }

    fn list(&mut self, user_id: UserId, now: DateTime<Utc>) -> Result<Vec<domain::Session>, RepositoryError> {
        let query = sessions::table
            .filter(sessions::user_id.eq(user_id.0))
            .filter(sessions::expires_at.gt(At(now)))
            .order((sessions::last_used_at.desc(), sessions::id.desc()));
        Ok(both!(self, |c| query.select(SessionRow::as_select()).load(c))?
            .into_iter()
            .map(domain::Session::from)
            .collect())
    }

    fn renew(&mut self, session: &domain::Session, digest: &str) -> Result<(), RepositoryError> {
        let changes = (
            sessions::digest.eq(digest),
            sessions::last_used_at.eq(At(session.last_used_at)),
            sessions::expires_at.eq(At(session.expires_at)),
        );
        both!(self, |c| update(sessions::table.find(&session.id)).set(changes).execute(c))?;
        Ok(())
    }

    fn end(&mut self, ids: &[String], now: DateTime<Utc>) -> Result<(), RepositoryError> {
        both!(self, |c| delete(sessions::table.filter(sessions::id.eq_any(ids))).execute(c))?;
        self.tell_ended(ids, now)
    }

    fn end_of_user(
        &mut self,
        user_id: UserId,
        keep: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<Vec<String>, RepositoryError> {
        let others = sessions::table
            .filter(sessions::user_id.eq(user_id.0))
            // No session has an empty name.
            .filter(sessions::id.ne(keep.unwrap_or_default()));
        let ended = both!(self, |c| delete(others).returning(sessions::id).get_results(c))?;
        self.tell_ended(&ended, now)?;
        Ok(ended)
    }

    fn ended_after(&mut self, position: Position, limit: u32) -> Result<Vec<EndedSession>, RepositoryError> {
        let after = sql::<Bool>("(ended_at, id) > (")
            .bind::<Instant, _>(At(position.time))
            .sql(", ")
            .bind::<BigInt, _>(position.id)
            .sql(")");
        let query = ended_sessions::table
            .filter(after)
            .order((ended_sessions::ended_at, ended_sessions::id))
            .limit(limit.into())
            .select((ended_sessions::session_id, ended_sessions::ended_at, ended_sessions::id));
        let rows: Vec<(String, At, i64)> = both!(self, |c| query.load(c))?;
        let ended = |(session_id, At(time), id)| EndedSession { session_id, position: Position { time, id } };
        Ok(rows.into_iter().map(ended).collect())
    }

    fn purge(&mut self, before: DateTime<Utc>) -> Result<u64, RepositoryError> {
        let ended = sessions::table.filter(sessions::expires_at.lt(At(before)));
        both!(self, |c| delete(ended).execute(c)).map(|count| count as u64)
    }

    fn purge_ended(&mut self, before: DateTime<Utc>) -> Result<u64, RepositoryError> {
        let past = ended_sessions::table.filter(ended_sessions::ended_at.lt(At(before)));
        both!(self, |c| delete(past).execute(c)).map(|count| count as u64)
    }
}
