use jobportal_domain::{EmailAddress, PhoneNumber, Session, User};

use super::{Accounts, hold_verified};
use crate::{AccessClaims, Actor, Error, Result};

/// The most sessions a user has; beyond it the oldest ones end.
const MAX_SESSIONS: u32 = 50;

/// What the digest of a refresh token is bound to.
const REFRESH_TOKEN: &str = "refresh_token";

/// Asks to sign in.
#[derive(Clone)]
pub struct SignIn {
    /// An e-mail address or a phone number.
    pub identifier: String,
    /// The password.
    pub password: String,
}

/// What a sign-in came to.
#[derive(Clone, PartialEq, Eq)]
pub enum SignedIn {
    /// It worked.
    Granted(TokenPair),
    /// No account has this identifier and this password.
    Refused,
    /// Both are right; the address is not verified yet.
    Unverified,
}

/// The tokens of a session.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenPair {
    /// For every request, for a short time.
    pub access: String,
    /// For the next pair, once.
    pub refresh: String,
}

impl Accounts {
    /// Signs a user in. Slow: it hashes, and as long for an account that is not there. A wrong password is no error,
    /// but [`SignedIn::Refused`].
    pub fn sign_in(&self, request: &SignIn) -> Result<SignedIn> {
        let user = self.store.read(|uow| {
            Ok(if request.identifier.contains('@') {
                match EmailAddress::parse(&request.identifier) {
                    Ok(email) => uow.users().find_by_email(&email)?,
                    Err(_) => None,
                }
            } else {
                match PhoneNumber::parse(&request.identifier) {
                    Ok(phone_number) => uow.users().find_by_phone_number(&phone_number)?,
                    Err(_) => None,
                }
            })
        })?;
        let Some(user) = user else {
            self.hasher.verify_nothing(&request.password);
            return Ok(SignedIn::Refused);
        };
        if !self.hasher.verify(&request.password, &user.password_hash) {
            return Ok(SignedIn::Refused);
        }
        if !user.is_verified() {
            return Ok(SignedIn::Unverified);
        }
        let expires_at = self.clock.now() + self.settings.session_lifetime;
        let session = Session { id: self.random.public_id()?, user_id: user.id, expires_at };
        let pair = self.tokens_of(&user, &session)?;
        let digest = self.vault.digest(REFRESH_TOKEN, &pair.refresh);
        // A change of password ends all sessions; one that begins with the former password must not come after it.
        let granted = self.store.write(|uow| {
            let unchanged = hold_verified(uow, &user)?;
            if unchanged {
                uow.sessions().insert(&session, &digest, MAX_SESSIONS)?;
            }
            Ok(unchanged)
        })?;
        Ok(if granted { SignedIn::Granted(pair) } else { SignedIn::Refused })
    }

    /// Exchanges a refresh token for a new pair; the old one is dead from then on. Fails with
    /// [`Error::Unauthenticated`] for a token that is spent, past its end or none.
    pub fn refresh(&self, refresh_token: &str) -> Result<TokenPair> {
        const REFUSED: Error = Error::Unauthenticated("Token is invalid or expired.");
        let digest = self.vault.digest(REFRESH_TOKEN, refresh_token);
        let now = self.clock.now();
        self.store.write(|uow| {
            let session = uow.sessions().lock_by_digest(&digest)?.filter(|session| session.is_live(now));
            let Some(mut session) = session else { return Err(REFUSED) };
            let Some(user) = uow.users().find(session.user_id)? else { return Err(REFUSED) };
            session.expires_at = now + self.settings.session_lifetime;
            let pair = self.tokens_of(&user, &session)?;
            uow.sessions().rotate(&session, &self.vault.digest(REFRESH_TOKEN, &pair.refresh))?;
            Ok(pair)
        })
    }

    /// Ends the session that the refresh token belongs to, and the one that is asking. Returns the ids of sessions
    /// whose access tokens must no longer be accepted, for [`SessionDenylist::deny`](crate::SessionDenylist::deny). A
    /// refresh token that is spent, or another's, ends nothing of its own.
    pub fn sign_out(&self, actor: &Actor, refresh_token: &str) -> Result<Vec<String>> {
        let digest = self.vault.digest(REFRESH_TOKEN, refresh_token);
        self.store.write(|uow| {
            let mut ended = vec![actor.session_id.clone()];
            let named = uow.sessions().lock_by_digest(&digest)?;
            if let Some(session) = named.filter(|s| s.user_id == actor.user_id && s.id != actor.session_id) {
                ended.push(session.id);
            }
            for id in &ended {
                uow.sessions().delete(id)?;
            }
            Ok(ended)
        })
    }

    fn tokens_of(&self, user: &User, session: &Session) -> Result<TokenPair> {
        let now = self.clock.now();
        let access = self.tokens.issue(&AccessClaims {
            user_id: user.id,
            user_type: user.user_type,
            email: user.email.clone(),
            phone_number: user.phone_number.clone(),
            session_id: session.id.clone(),
            issued_at: now,
            expires_at: now + self.settings.access_lifetime,
        })?;
        Ok(TokenPair { access, refresh: self.random.token()? })
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use mockall::predicate::{always, eq};

    use super::*;
    use crate::Access;
    use crate::fixtures::{
        AccountsFixture, CANDIDATE_USER, PASSWORD, STRANGER, candidate, digest_of, hash_of, now, unverified, user,
    };

    fn attempt(identifier: &str, password: &str) -> SignIn {
        SignIn { identifier: identifier.to_owned(), password: password.to_owned() }
    }

    fn session(id: &str, user_id: jobportal_domain::UserId) -> Session {
        Session { id: id.to_owned(), user_id, expires_at: now() + TimeDelta::minutes(1) }
    }

    fn renewed(id: &str) -> Session {
        Session { expires_at: now() + TimeDelta::days(14), ..session(id, CANDIDATE_USER) }
    }

    #[test]
    fn signs_in_by_address_and_by_number_in_any_spelling() {
        for identifier in ["ann@example.com", " Ann@Example.COM", "01711111111", "+8801711111111"] {
            let mut fixture = AccountsFixture::default();
            fixture.expect_user(&user());
            fixture
                .uow
                .sessions
                .expect_insert()
                .once()
                .withf(|session, digest, keep| {
                    *session == renewed("session-new")
                        && digest == digest_of("refresh_token", "refresh-new")
                        && *keep == MAX_SESSIONS
                })
                .returning(|_, _, _| Ok(()));
            let (accounts, store) = fixture.wire();
            let SignedIn::Granted(pair) = accounts.sign_in(&attempt(identifier, PASSWORD)).unwrap() else {
                panic!("{identifier} was refused");
            };
            assert_eq!((pair.access.as_str(), pair.refresh.as_str()), ("access of session-new", "refresh-new"));
            assert_eq!(store.transactions(), [(Access::Read, true), (Access::Write, true)]);
        }
    }

    #[test]
    fn an_access_token_says_who_and_until_when() {
        let mut fixture = AccountsFixture::default();
        fixture.expect_user(&user());
        fixture.uow.sessions.expect_insert().returning(|_, _, _| Ok(()));
        fixture.tokens = crate::mocks::MockAccessTokens::new();
        let claims = AccessClaims {
            user_id: CANDIDATE_USER,
            user_type: user().user_type,
            email: user().email,
            phone_number: user().phone_number,
            session_id: "session-new".to_owned(),
            issued_at: now(),
            expires_at: now() + TimeDelta::minutes(30),
        };
        fixture.tokens.expect_issue().once().with(eq(claims)).returning(|_| Ok(String::new()));
        let (accounts, _) = fixture.wire();
        assert!(matches!(accounts.sign_in(&attempt("01711111111", PASSWORD)), Ok(SignedIn::Granted(_))));
    }

    #[test]
    fn an_unknown_account_takes_as_long_as_a_known_one() {
        for identifier in ["nobody@example.com", "ann@", "01799999999", "12", ""] {
            let mut fixture = AccountsFixture::default();
            fixture.expect_user(&user());
            fixture.hasher.expect_verify_nothing().once().with(eq(PASSWORD)).returning(|_| ());
            let (accounts, _) = fixture.wire();
            assert!(matches!(accounts.sign_in(&attempt(identifier, PASSWORD)), Ok(SignedIn::Refused)));
        }
    }

    #[test]
    fn only_the_right_password_learns_that_an_account_is_not_verified() {
        let answer = |password| {
            let mut fixture = AccountsFixture::default();
            fixture.expect_user(&unverified());
            let (accounts, store) = fixture.wire();
            let answer = accounts.sign_in(&attempt("ann@example.com", password)).unwrap();
            assert_eq!(store.transactions(), [(Access::Read, true)]);
            answer
        };
        assert!(matches!(answer(PASSWORD), SignedIn::Unverified));
        assert!(matches!(answer("wrong"), SignedIn::Refused));
    }

    #[test]
    fn a_password_that_was_changed_while_it_was_verified_opens_no_session() {
        let mut fixture = AccountsFixture::default();
        fixture.uow.users.expect_find_by_email().returning(|_| Ok(Some(user())));
        fixture.uow.users.expect_lock().once().returning(|_| Ok(true));
        let changed = User { password_hash: hash_of("changed meanwhile"), ..user() };
        fixture.uow.users.expect_find().returning(move |_| Ok(Some(changed.clone())));
        let (accounts, _) = fixture.wire();
        assert!(matches!(accounts.sign_in(&attempt("ann@example.com", PASSWORD)), Ok(SignedIn::Refused)));
    }

    #[test]
    fn a_refresh_gives_the_session_a_new_token_and_end() {
        let mut fixture = AccountsFixture::default();
        fixture.expect_user(&user());
        fixture
            .uow
            .sessions
            .expect_lock_by_digest()
            .once()
            .withf(|digest| digest == digest_of("refresh_token", "refresh-old"))
            .returning(|_| Ok(Some(session("session-present", CANDIDATE_USER))));
        fixture
            .uow
            .sessions
            .expect_rotate()
            .once()
            .withf(|session, digest| {
                *session == renewed("session-present") && digest == digest_of("refresh_token", "refresh-new")
            })
            .returning(|_, _| Ok(()));
        let (accounts, store) = fixture.wire();
        let pair = accounts.refresh("refresh-old").unwrap();
        assert_eq!((pair.access.as_str(), pair.refresh.as_str()), ("access of session-present", "refresh-new"));
        assert_eq!(store.transactions(), [(Access::Write, true)]);
    }

    #[test]
    fn an_unknown_or_expired_refresh_token_is_refused_and_so_is_one_of_nobody() {
        let expired = Session { expires_at: now(), ..session("session-old", CANDIDATE_USER) };
        for found in [None, Some(expired), Some(session("session-orphan", STRANGER))] {
            let mut fixture = AccountsFixture::default();
            fixture.expect_user(&user());
            fixture.uow.sessions.expect_lock_by_digest().returning(move |_| Ok(found.clone()));
            let (accounts, _) = fixture.wire();
            assert!(matches!(accounts.refresh("refresh-old"), Err(crate::Error::Unauthenticated(_))));
        }
    }

    /// The sessions that end when the refresh token given is that of `named`.
    fn ended(named: Option<Session>) -> Vec<String> {
        let mut fixture = AccountsFixture::default();
        fixture.uow.sessions.expect_lock_by_digest().returning(move |_| Ok(named.clone()));
        let deleted = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let seen = deleted.clone();
        fixture.uow.sessions.expect_delete().with(always()).returning(move |id| {
            seen.lock().unwrap().push(id.to_owned());
            Ok(())
        });
        let (accounts, _) = fixture.wire();
        let told = accounts.sign_out(&candidate(), "refresh").unwrap();
        assert_eq!(*deleted.lock().unwrap(), told);
        told
    }

    #[test]
    fn signing_out_ends_the_session_that_asks_and_the_one_that_is_named() {
        assert_eq!(ended(Some(session("session-present", CANDIDATE_USER))), ["session-present"]);
        assert_eq!(ended(Some(session("session-other", CANDIDATE_USER))), ["session-present", "session-other"]);
        assert_eq!(ended(None), ["session-present"]);
    }

    #[test]
    fn signing_out_never_ends_the_session_of_another_user() {
        assert_eq!(ended(Some(session("session-of-stranger", STRANGER))), ["session-present"]);
    }
}
