use chrono::{DateTime, TimeDelta, Utc};

use crate::UserId;

/// What is known of the client that signed in, for the user to know a session by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// The network it called from: an IPv4 address, or the 64 bits of an IPv6 address that one customer has.
    pub network: Option<String>,
    /// What it calls itself.
    pub user_agent: Option<String>,
}

impl Client {
    /// The most characters that are kept of what a client calls itself.
    pub const MAX_USER_AGENT_CHARS: usize = 256;

    /// A client; what it calls itself is cut.
    pub fn new(network: Option<String>, user_agent: Option<&str>) -> Self {
        let user_agent = user_agent.map(|text| text.chars().take(Self::MAX_USER_AGENT_CHARS).collect());
        Self { network, user_agent }
    }
}

/// How long sessions live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionPolicy {
    /// How long a session lives without being renewed.
    pub lifetime: TimeDelta,
    /// How long it lives however often it is renewed.
    pub max_lifetime: TimeDelta,
}

impl Default for SessionPolicy {
    /// 14 days, and 90.
    fn default() -> Self {
        Self { lifetime: TimeDelta::days(14), max_lifetime: TimeDelta::days(90) }
    }
}

/// A signed-in device: lives as long as its refresh token is renewed, up to a bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// A random name, also in every access token of the session. It opens nothing.
    pub id: String,
    /// Who signed in.
    pub user_id: UserId,
    /// What signed in.
    pub client: Client,
    /// When the user signed in.
    pub created_at: DateTime<Utc>,
    /// When it was renewed last, or else began.
    pub last_used_at: DateTime<Utc>,
    /// When it ends unless it is renewed before.
    pub expires_at: DateTime<Utc>,
}

impl Session {
    /// How long the refresh token before the present one may be sent again: the answer may have been lost, or two parts of one
    /// client may have used it at once.
    pub const REPEAT_GRACE: TimeDelta = TimeDelta::seconds(10);

    /// How long after the sign-in its user counts as having just proven who they are.
    pub const RECENT: TimeDelta = TimeDelta::minutes(15);

    /// Begins a session.
    pub fn begin(id: String, user_id: UserId, client: Client, policy: SessionPolicy, now: DateTime<Utc>) -> Self {
        let mut session = Self { id, user_id, client, created_at: now, last_used_at: now, expires_at: now };
        session.renew(policy, now);
        session
    }

    /// Lets the session live on.
    pub fn renew(&mut self, policy: SessionPolicy, now: DateTime<Utc>) {
        self.last_used_at = now;
        self.expires_at = (now + policy.lifetime).min(self.created_at + policy.max_lifetime);
    }

    /// Whether the session can still be renewed at `now`; not from [`Self::expires_at`] on.
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        now < self.expires_at
    }

    /// Whether the last renewal may be repeated with the token it was asked for with.
    pub fn may_repeat(&self, now: DateTime<Utc>) -> bool {
        now < self.last_used_at + Self::REPEAT_GRACE
    }

    /// Whether the user has signed in just now.
    pub fn is_recent(&self, now: DateTime<Utc>) -> bool {
        now < self.created_at + Self::RECENT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }

    fn session() -> Session {
        Session::begin("s".into(), UserId(1), Client::default(), SessionPolicy::default(), begun())
    }

    #[test]
    fn a_session_ends_at_its_expiry() {
        let end = begun() + TimeDelta::days(14);
        assert!(session().is_live(end - TimeDelta::seconds(1)));
        assert!(!session().is_live(end));
    }

    #[test]
    fn a_session_that_is_always_renewed_ends_at_its_longest_life() {
        let mut session = session();
        for day in 1..=90 {
            let now = begun() + TimeDelta::days(day);
            assert_eq!(session.is_live(now), day < 90, "day {day}");
            session.renew(SessionPolicy::default(), now);
            assert_eq!((session.created_at, session.last_used_at), (begun(), now));
        }
        assert_eq!(session.expires_at, begun() + TimeDelta::days(90));
    }

    #[test]
    fn a_renewal_may_be_repeated_for_seconds_and_a_sign_in_is_recent_for_minutes() {
        let mut session = session();
        let renewed = begun() + TimeDelta::hours(1);
        session.renew(SessionPolicy::default(), renewed);
        assert!(session.may_repeat(renewed + TimeDelta::milliseconds(9_999)));
        assert!(!session.may_repeat(renewed + TimeDelta::seconds(10)));
        assert!(session.is_recent(begun() + TimeDelta::seconds(899)));
        assert!(!session.is_recent(begun() + TimeDelta::minutes(15)));
    }

    #[test]
    fn what_a_client_calls_itself_is_cut() {
        let client = Client::new(None, Some(&"ä".repeat(10_000)));
        assert_eq!(client.user_agent.unwrap().chars().count(), Client::MAX_USER_AGENT_CHARS);
        assert_eq!(Client::new(None, None), Client::default());
    }
}
