use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use jobportal_application::{Accounts, Clock, Error, Position, Result, SessionDenylist};
use jobportal_http::{Drain, Executor, Priority};

use crate::logging::chain;
use crate::settings::time_delta;
use crate::shutdown::Shutdown;

/// How often to look for sessions that have ended.
const POLL_EVERY: Duration = Duration::from_secs(1);

/// How far each look goes back: a session is stamped before the transaction that ends it commits, by the clock of another node.
const OVERLAP: TimeDelta = TimeDelta::minutes(1);

/// How often a look goes back to all that counts, for transactions that took longer.
const WHOLE_EVERY: Duration = Duration::from_secs(60);

/// Tells the access part of this process which sessions have ended, whoever ended them: it, another node, or a command.
///
/// Nothing is remembered between two looks but what was found, and to find it twice does no harm; so nothing can be missed.
pub(crate) struct EndedSessions {
    accounts: Accounts,
    clock: Arc<dyn Clock>,
    denylist: Arc<dyn SessionDenylist>,
    access_lifetime: Duration,
    lane: Executor,
}

impl EndedSessions {
    /// A part, and the thread it works on: that of requests may be busy.
    pub(crate) fn new(
        accounts: Accounts,
        denylist: Arc<dyn SessionDenylist>,
        access_lifetime: Duration,
    ) -> std::io::Result<(Self, Drain)> {
        let (lane, drain) = Executor::start("sessions", Priority::Normal, 1, 1, Duration::MAX)?;
        Ok((Self { clock: accounts.clock.clone(), accounts, denylist, access_lifetime, lane }, drain))
    }

    /// Looks once for all that counts: before the first request, so that a restart revives no session.
    pub(crate) async fn load(&self) -> Result<()> {
        self.look_back(time_delta(self.access_lifetime).checked_add(&OVERLAP).unwrap_or(TimeDelta::MAX)).await
    }

    /// Looks until the end is asked for.
    pub(crate) async fn run(self, shutdown: Shutdown) {
        let mut loaded_at = Instant::now();
        while !shutdown.is_requested() {
            shutdown.pause(POLL_EVERY).await;
            let is_due = loaded_at.elapsed() >= WHOLE_EVERY;
            let outcome = if is_due { self.load().await } else { self.look_back(OVERLAP).await };
            match outcome {
                Ok(()) if is_due => loaded_at = Instant::now(),
                Ok(()) => {}
                Err(error) => tracing::error!(error = chain(&error), "sessions that have ended can't be read"),
            }
        }
    }

    async fn look_back(&self, by: TimeDelta) -> Result<()> {
        let since = self.clock.now().checked_sub_signed(by).unwrap_or_default();
        let mut position = Position::before(since);
        loop {
            let accounts = self.accounts.clone();
            let look = self.lane.run(move || accounts.ended_sessions(position)).await;
            let ended = look.unwrap_or_else(|rejected| Err(Error::Unavailable(rejected.into())))?;
            let Some(last) = ended.last() else { return Ok(()) };
            position = last.position;
            for session in ended {
                self.denylist.deny(&session.session_id, self.access_lifetime).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use jobportal_application::SystemClock;
    use jobportal_cache::MemorySessionDenylist;

    use super::*;
    use crate::composition::{Core, Overrides};
    use crate::settings::Settings;

    /// Which of two sessions, one ended long ago and one just now, are denied after `look`.
    async fn denied(look: impl AsyncFnOnce(&EndedSessions)) -> [bool; 2] {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", dir.path().join("portal.db").display());
        let settings = Settings::load_from(&[("database.url", &url), ("auth.bcrypt_cost", "4")]).unwrap();
        let core = Core::open(settings, 1, Overrides::default()).unwrap();
        let end = |id: &str, at: DateTime<Utc>| {
            core.store.write(|uow| Ok(uow.sessions().end(&[id.to_owned()], at)?)).unwrap();
        };
        let now = SystemClock.now();
        end("past its tokens", now - TimeDelta::hours(1));
        end("long ago", now - TimeDelta::minutes(29));
        // More than one batch.
        for number in 0..2_500 {
            end(&number.to_string(), now);
        }
        end("just now", now);
        let denylist = Arc::new(MemorySessionDenylist::new());
        let lifetime = core.settings.auth.access_lifetime;
        let (ended, _drain) = EndedSessions::new(core.accounts(), denylist.clone(), lifetime).unwrap();
        look(&ended).await;
        assert!(!denylist.is_denied("past its tokens").await && !denylist.is_denied("other").await);
        [denylist.is_denied("long ago").await, denylist.is_denied("just now").await]
    }

    #[tokio::test]
    async fn a_start_knows_all_that_ended_while_tokens_live() {
        assert_eq!(denied(async |ended| ended.load().await.unwrap()).await, [true, true]);
    }

    #[tokio::test]
    async fn a_look_goes_back_a_little_for_transactions_that_took_long() {
        assert_eq!(denied(async |ended| ended.look_back(OVERLAP).await.unwrap()).await, [false, true]);
    }
}
