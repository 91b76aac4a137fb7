use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::{delete, insert_into, select};
use jobportal_application::{NetworkRepository, RepositoryError};
use jobportal_domain::UserId;

use crate::schema::known_networks;
use crate::session::Session;
use crate::time::At;

diesel::alias!(known_networks as kept_networks: KeptNetworks);

impl NetworkRepository for Session<'_> {
    fn remember(
        &mut self,
        user_id: UserId,
        digest: &str,
        now: DateTime<Utc>,
        keep: u32,
    ) -> Result<(), RepositoryError> {
        let user = user_id.0;
        let row =
            (known_networks::user_id.eq(user), known_networks::digest.eq(digest), known_networks::seen_at.eq(At(now)));
        let key = (known_networks::user_id, known_networks::digest);
        let seen = known_networks::seen_at.eq(At(now));
        both!(self, |c| insert_into(known_networks::table)
            .values(row)
            .on_conflict(key)
            .do_update()
            .set(seen)
            .execute(c))?;
        let last = kept_networks
            .filter(kept_networks.field(known_networks::user_id).eq(user))
            .order((
                kept_networks.field(known_networks::seen_at).desc(),
                kept_networks.field(known_networks::digest).desc(),
            ))
            .limit(keep.into())
            .select(kept_networks.field(known_networks::digest));
        let oldest =
            known_networks::table.filter(known_networks::user_id.eq(user)).filter(known_networks::digest.ne_all(last));
        both!(self, |c| delete(oldest).execute(c))?;
        Ok(())
    }

    fn is_known(&mut self, user_id: UserId, digest: &str) -> Result<bool, RepositoryError> {
        let known = known_networks::table.find((user_id.0, digest));
        both!(self, |c| select(diesel::dsl::exists(known)).get_result(c))
    }

    fn purge(&mut self, before: DateTime<Utc>) -> Result<u64, RepositoryError> {
        let past = known_networks::table.filter(known_networks::seen_at.lt(At(before)));
        both!(self, |c| delete(past).execute(c)).map(|count| count as u64)
    }
}
