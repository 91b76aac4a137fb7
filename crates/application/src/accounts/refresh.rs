use jobportal_domain::{Session, UserId};

use super::{Accounts, TokenPair};
use crate::Result;

/// What the digest of a refresh token is bound to.
const REFRESH_TOKEN: &str = "refresh_token";

/// What the proof at the end of a refresh token is bound to.
const PROOF: &str = "refresh_token_proof";

/// What makes a refresh token of the one before it is bound to.
const SUCCESSOR: &str = "refresh_token_successor";

/// What a refresh came to.
#[derive(Clone, PartialEq, Eq)]
pub enum Refreshed {
    /// The session goes on.
    Granted(TokenPair),
    /// The token is none, or its session has ended.
    Refused,
    /// The token was spent before: either the one who sends it or the one who spent it has stolen it, so the session has
    /// ended. Its access tokens must no longer be accepted.
    Reused {
        /// The session, for [`SessionDenylist::deny`](crate::SessionDenylist::deny).
        session_id: String,
        /// Whose it was.
        user_id: UserId,
    },
}

/// A refresh token is `SESSION.SECRET.PROOF`. The proof says that this server made it; so each token that a session ever had is
/// known, and one that is spent is told from a forged one without a list of them. The first secret is drawn, and each later
/// one made of the token before it under a key of the server; so a request that is sent again gets the same token, and a session
/// never has two. Of the present token, the store has a keyed hash.
impl Accounts {
    /// Exchanges a refresh token for a new pair; the old one is spent from then on.
    ///
    /// Within [`Session::REPEAT_GRACE`] it gets the same refresh token again, for a client that lost the answer; after that it
    /// ends the session (RFC 9700, 4.14.2).
    pub fn refresh(&self, refresh_token: &str) -> Result<Refreshed> {
        let Some(id) = self.session_of(refresh_token) else { return Ok(Refreshed::Refused) };
        let next = self.successor(id, refresh_token);
        let now = self.clock.now();
        self.store.write(|uow| {
            let held = uow.sessions().lock(id)?.filter(|(session, _)| session.is_live(now));
            let Some((mut session, digest)) = held else { return Ok(Refreshed::Refused) };
            let is_present = self.vault.matches(REFRESH_TOKEN, refresh_token, &digest);
            let was_present = self.vault.matches(REFRESH_TOKEN, &next, &digest);
            if !(is_present || was_present && session.may_repeat(now)) {
                let Session { id: session_id, user_id, .. } = session;
                uow.sessions().end(std::slice::from_ref(&session_id), now)?;
                return Ok(Refreshed::Reused { session_id, user_id });
            }
            let user = uow.users().find(session.user_id)?.filter(jobportal_domain::User::is_active);
            let Some(user) = user else { return Ok(Refreshed::Refused) };
            if is_present {
                session.renew(self.settings.sessions, now);
                uow.sessions().renew(&session, &self.refresh_digest(&next))?;
            }
            let access = self.access_token(uow, &user, &session)?;
            Ok(Refreshed::Granted(TokenPair { access, refresh: next.clone() }))
        })
    }

    /// The keyed hash of a refresh token, as it is stored.
    pub(super) fn refresh_digest(&self, refresh_token: &str) -> String {
        self.vault.digest(REFRESH_TOKEN, refresh_token)
    }

    /// The refresh token that a session begins with.
    pub(super) fn first_refresh_token(&self, session: &Session) -> Result<String> {
        Ok(self.refresh_token(&session.id, &self.random.token()?))
    }

    /// The session that a refresh token is or was of; `None` for what this server did not make.
    pub(super) fn session_of<'t>(&self, refresh_token: &'t str) -> Option<&'t str> {
        let (body, proof) = refresh_token.rsplit_once('.')?;
        let (session_id, _) = body.split_once('.')?;
        self.vault.matches(PROOF, body, proof).then_some(session_id)
    }

    fn successor(&self, session_id: &str, refresh_token: &str) -> String {
        self.refresh_token(session_id, &self.vault.digest(SUCCESSOR, refresh_token))
    }

    fn refresh_token(&self, session_id: &str, secret: &str) -> String {
        let body = format!("{session_id}.{secret}");
        let proof = self.vault.digest(PROOF, &body);
        format!("{body}.{proof}")
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};

    use super::*;
    use crate::Access;
    use crate::fixtures::{AccountsFixture, STRANGER, digest_of, now, user};
    use crate::samples::session;

    /// A token of [`session`] with this secret.
    fn token(secret: &str) -> String {
        let body = format!("{}.{secret}", session().id);
        format!("{body}.{}", digest_of(PROOF, &body))
    }

    fn next(token_before: &str) -> String {
        token(&digest_of(SUCCESSOR, token_before))
    }

    /// Holds `session` with the digest of its present token.
    fn holding(session: Session, present: &str) -> AccountsFixture {
        let mut fixture = AccountsFixture::default();
        fixture.expect_user(&user());
        let digest = digest_of(REFRESH_TOKEN, present);
        fixture
            .uow
            .sessions
            .expect_lock()
            .returning(move |id| Ok((id == session.id).then(|| (session.clone(), digest.clone()))));
        fixture
    }

    fn used(last_used_at: DateTime<Utc>) -> Session {
        Session { last_used_at, ..session() }
    }

    fn granted(outcome: Result<Refreshed>) -> TokenPair {
        match outcome.unwrap() {
            Refreshed::Granted(pair) => pair,
            Refreshed::Refused => panic!("refused"),
            Refreshed::Reused { session_id, .. } => panic!("{session_id} ended"),
        }
    }

    #[test]
    fn a_refresh_gives_the_session_a_new_token_and_end() {
        let mut fixture = holding(session(), &token("one"));
        let renewed = Session { last_used_at: now(), expires_at: now() + TimeDelta::days(14), ..session() };
        let digest = digest_of(REFRESH_TOKEN, &next(&token("one")));
        fixture
            .uow
            .sessions
            .expect_renew()
            .once()
            .withf(move |session, new| *session == renewed && *new == digest)
            .returning(|_, _| Ok(()));
        let (accounts, store) = fixture.wire();
        let pair = granted(accounts.refresh(&token("one")));
        assert_eq!((pair.access, pair.refresh), ("access of session-present".to_owned(), next(&token("one"))));
        assert_eq!(store.transactions(), [(Access::Write, true)]);
    }

    #[test]
    fn a_spent_refresh_token_gets_the_same_answer_again_for_seconds() {
        for ago in [TimeDelta::zero(), TimeDelta::milliseconds(9_999)] {
            let (accounts, store) = holding(used(now() - ago), &next(&token("one"))).wire();
            assert_eq!(granted(accounts.refresh(&token("one"))).refresh, next(&token("one")));
            assert_eq!(store.transactions(), [(Access::Write, true)]);
        }
    }

    #[test]
    fn a_spent_refresh_token_ends_its_family() {
        let late = used(now() - Session::REPEAT_GRACE);
        let third = next(&next(&token("one")));
        for (session, present) in [(late, next(&token("one"))), (used(now()), third)] {
            let mut fixture = holding(session, &present);
            fixture
                .uow
                .sessions
                .expect_end()
                .once()
                .withf(|ids, at| ids == ["session-present"] && *at == now())
                .returning(|_, _| Ok(()));
            let (accounts, store) = fixture.wire();
            let outcome = accounts.refresh(&token("one")).unwrap();
            assert!(outcome == Refreshed::Reused { session_id: "session-present".to_owned(), user_id: user().id });
            assert_eq!(store.transactions(), [(Access::Write, true)], "the end is committed");
        }
    }

    #[test]
    fn a_forged_refresh_token_ends_nothing_and_asks_no_database() {
        let good = token("one");
        let (body, proof) = good.rsplit_once('.').unwrap();
        let other = format!("session-other.one.{proof}");
        for forged in ["", ".", "..", "one", body, &format!("{body}."), &format!("{body}.{body}"), &other] {
            let (accounts, store) = holding(session(), &good).wire();
            assert!(accounts.refresh(forged).unwrap() == Refreshed::Refused, "{forged}");
            assert_eq!(store.transactions(), []);
        }
    }

    #[test]
    fn a_session_that_is_over_or_of_nobody_is_refused() {
        let over = Session { expires_at: now(), ..session() };
        let orphan = Session { user_id: STRANGER, ..session() };
        let gone = Session { id: "another".to_owned(), ..session() };
        for session in [over, orphan, gone] {
            let (accounts, _) = holding(session, &token("one")).wire();
            assert!(accounts.refresh(&token("one")).unwrap() == Refreshed::Refused);
        }
    }

    #[test]
    fn a_session_of_an_account_that_is_not_in_use_is_refused() {
        let mut fixture = holding(session(), &token("one"));
        fixture.uow.users.checkpoint();
        let user = jobportal_domain::User { deactivated_at: Some(now()), ..user() };
        fixture.expect_user(&user);
        let (accounts, _) = fixture.wire();
        assert!(accounts.refresh(&token("one")).unwrap() == Refreshed::Refused);
    }
}
