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
    /// Signs a user in. Hashes: keep it off the database lane.
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

    /// Exchanges a refresh token for a new pair; the old one is dead from then on.
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

    /// Ends the session that the refresh token belongs to, and the one that is asking. Returns the ids of sessions whose
    /// access tokens must no longer be accepted. A refresh token that is spent, or another's, ends nothing of its own.
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
