use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};
use jobportal_application::{Access, Error, RepositoryError, Result, Store, Work};

use crate::connection::AnyConnection;
use crate::error::OpenError;
use crate::session::Session;
use crate::store::{DatabaseSettings, DieselStore};

/// How long a read waits for a connection to a replica; then the primary is asked.
const CHECKOUT_TIMEOUT: Duration = Duration::from_millis(500);

/// How far the primary has written its log: what a replica that has replayed so much knows.
const WRITTEN: &str = "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::BIGINT AS place";

/// How far a replica has replayed it; nothing, if it is none.
const REPLAYED: &str = "SELECT (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::BIGINT AS place WHERE pg_is_in_recovery()";

/// A place in the log of PostgreSQL, in bytes.
type Place = i64;

/// A store of PostgreSQL whose reads may be a little old: streaming replicas make them, of which each is used while it is
/// known to have all that the primary had so long ago. Writes, and reads that no replica can make, are the primary's.
///
/// How far they are is found out by [`Self::measure`], to be called each second.
pub struct ReplicatedStore {
    primary: Arc<DieselStore>,
    replicas: Vec<Replica>,
    turn: AtomicUsize,
    max_lag: Duration,
    /// How far the primary was, at least, at which times; oldest first.
    written: Mutex<VecDeque<(Instant, Place)>>,
}

struct Replica {
    store: DieselStore,
    /// Since when at most what was written is missing.
    fresh_at: Mutex<Option<Instant>>,
}

impl Replica {
    fn fresh_at(&self) -> Option<Instant> {
        *self.fresh_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_fresh_at(&self, time: Option<Instant>) {
        *self.fresh_at.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }
}

#[derive(QueryableByName)]
struct PlaceRow {
    #[diesel(sql_type = Nullable<BigInt>)]
    place: Option<Place>,
}

impl ReplicatedStore {
    /// A store on a primary and its replicas, none of which need be there yet.
    pub fn open(
        primary: Arc<DieselStore>,
        replicas: &[DatabaseSettings],
        max_lag: Duration,
    ) -> Result<Self, OpenError> {
        let open = |settings: &DatabaseSettings| {
            let settings = DatabaseSettings { checkout_timeout: CHECKOUT_TIMEOUT, ..settings.clone() };
            Ok(Replica { store: DieselStore::open_later(&settings)?, fresh_at: Mutex::default() })
        };
        let replicas = replicas.iter().map(open).collect::<Result<_, _>>()?;
        Ok(Self { primary, replicas, turn: AtomicUsize::default(), max_lag, written: Mutex::default() })
    }

    /// Finds out how far the replicas are. Fails if the primary does not tell: then none is used any more, once the last time
    /// that it did is too long ago.
    pub fn measure(&self) -> Result<()> {
        let now = Instant::now();
        let primary = place(&self.primary, WRITTEN).map(|place| self.note(now, place));
        for replica in &self.replicas {
            match place(&replica.store, REPLAYED) {
                Ok(Some(replayed)) => replica.set_fresh_at(self.written_at(replayed).or(replica.fresh_at())),
                Ok(None) => replica.set_fresh_at(None),
                Err(error) => {
                    replica.set_fresh_at(None);
                    tracing::debug!(%error, "a replica is away");
                }
            }
        }
        primary
    }

    /// How many replicas there are, and how many of them are used.
    pub fn replicas(&self) -> (usize, usize) {
        let fresh = self.replicas.iter().filter(|replica| self.is_fresh(replica)).count();
        (self.replicas.len(), fresh)
    }

    fn note(&self, time: Instant, place: Option<Place>) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        while written.front().is_some_and(|(time, _)| time.elapsed() > self.max_lag) {
            written.pop_front();
        }
        written.extend(place.map(|place| (time, place)));
    }

    /// When no more than this was written, at the latest that is known.
    fn written_at(&self, replayed: Place) -> Option<Instant> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.iter().rev().find(|(_, place)| *place <= replayed).map(|(time, _)| *time)
    }

    fn is_fresh(&self, replica: &Replica) -> bool {
        replica.fresh_at().is_some_and(|time| time.elapsed() <= self.max_lag)
    }

    /// The replica whose turn it is, of those that may be asked.
    fn replica(&self) -> Option<&Replica> {
        let fresh: Vec<_> = self.replicas.iter().filter(|replica| self.is_fresh(replica)).collect();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        fresh.get(turn % fresh.len().max(1)).copied()
    }
}

impl Store for ReplicatedStore {
    fn run(&self, access: Access, work: &mut Work<'_>) -> Result<()> {
        let replica = if access == Access::Write { None } else { self.replica() };
        if let Some(replica) = replica {
            match replica.store.run(access, work) {
                Ok(()) => return Ok(()),
                Err(Error::Unavailable(_)) => replica.set_fresh_at(None),
                // What it does not know yet may be there all the same.
                Err(_) => {}
            }
        }
        self.primary.run(access, work)
    }

    fn ping(&self) -> Result<(), RepositoryError> {
        self.primary.ping()
    }
}

/// The place that `sql` tells.
fn place(store: &DieselStore, sql: &str) -> Result<Option<Place>> {
    let mut place = None;
    store.transact(Access::Statement, &mut |session: &mut Session<'_>| {
        let result = match &mut *session.connection {
            AnyConnection::Postgres(c) => diesel::sql_query(sql).load::<PlaceRow>(c),
            // There is nothing to be behind.
            AnyConnection::Sqlite(_) => Ok(Vec::new()),
        };
        let rows = session.settle(result)?;
        place = rows.first().and_then(|row| row.place);
        Ok(())
    })?;
    Ok(place)
}
