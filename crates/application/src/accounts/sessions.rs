use jobportal_domain::{Client, EmailAddress, PhoneNumber, Session, User};

use super::second_factors::Judgement;
use super::{Accounts, EndedSession, SecondFactorProof, hold_verified};
use crate::{AccessClaims, Actor, Error, Position, Result, UnitOfWork};

/// The most sessions a user has; beyond it the least recently used ones end.
const MAX_SESSIONS: u32 = 50;

/// How many ended sessions are told of in one go.
const ENDED_BATCH: u32 = 1_000;

const NO_SESSION: Error = Error::NotFound("Session not found.");

/// Asks to sign in.
#[derive(Clone)]
pub struct SignIn {
    /// An e-mail address or a phone number.
    pub identifier: String,
    /// The password.
    pub password: String,
    /// What asks; its network is known afterwards.
    pub client: Client,
    /// The second factor, for an account that has one.
    pub second_factor: Option<SecondFactorProof>,
}

/// What a sign-in came to.
#[derive(Clone, PartialEq, Eq)]
pub enum SignedIn {
    /// It worked.
    Granted(TokenPair),
    /// No account that is in use has this identifier and this password.
    Refused,
    /// Both are right; the address is not verified yet.
    Unverified,
    /// Both are right; the account has a second factor, and none was given.
    SecondFactorMissing,
    /// Both are right; the second factor is not.
    SecondFactorRefused,
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
    /// but [`SignedIn::Refused`]. Fails with [`Error::LimitReached`] where a second factor was guessed at too often of late.
    pub fn sign_in(&self, request: &SignIn) -> Result<SignedIn> {
        // A second time, where the password was changed meanwhile, or only hashed anew by another sign-in.
        for _ in 0..2 {
            if let Some(outcome) = self.try_to_sign_in(request)? {
                return Ok(outcome);
            }
        }
        Ok(SignedIn::Refused)
    }

    /// `None`: the hash that the password was verified with was replaced meanwhile.
    fn try_to_sign_in(&self, request: &SignIn) -> Result<Option<SignedIn>> {
        let user = self.store.read(|uow| Self::find_by_identifier(uow, &request.identifier))?;
        let Some(user) = user else {
            self.hasher.verify_nothing(&request.password);
            return Ok(Some(SignedIn::Refused));
        };
        if !self.hasher.verify(&request.password, &user.password_hash) || !user.is_active() {
            return Ok(Some(SignedIn::Refused));
        }
        if !user.is_verified() {
            return Ok(Some(SignedIn::Unverified));
        }
        self.begin_session(&user, request)
    }

    /// Opens a session for a user whose password was verified, unless the account has changed meanwhile: a change of password
    /// ends all sessions, and one that begins with the former password must not come after it.
    fn begin_session(&self, user: &User, request: &SignIn) -> Result<Option<SignedIn>> {
        let (now, policy) = (self.clock.now(), self.settings.sessions);
        let session = Session::begin(self.random.public_id()?, user.id, request.client.clone(), policy, now);
        let refresh = self.first_refresh_token(&session)?;
        let digest = self.refresh_digest(&refresh);
        let renewed = self.hasher.renew(&request.password, &user.password_hash)?;
        self.store.write(|uow| {
            if !hold_verified(uow, user)? {
                return Ok(None);
            }
            match self.judge_second_factor(uow, user, request.second_factor.as_ref())? {
                Judgement::Passed => {}
                Judgement::Missing => return Ok(Some(SignedIn::SecondFactorMissing)),
                Judgement::Refused => return Ok(Some(SignedIn::SecondFactorRefused)),
            }
            if let Some(hash) = &renewed {
                uow.users().set_password(user.id, hash, now)?;
            }
            self.remember_network(uow, user.id, request.client.network.as_deref())?;
            uow.sessions().insert(&session, &digest, MAX_SESSIONS)?;
            let access = self.access_token(uow, user, &session)?;
            Ok(Some(SignedIn::Granted(TokenPair { access, refresh: refresh.clone() })))
        })
    }

    /// Finds an account by its address or its number; what is neither names none.
    pub(super) fn find_by_identifier(uow: &mut dyn UnitOfWork, identifier: &str) -> Result<Option<User>> {
        Ok(if identifier.contains('@') {
            match EmailAddress::parse(identifier) {
                Ok(email) => uow.users().find_by_email(&email)?,
                Err(_) => None,
            }
        } else {
            match PhoneNumber::parse(identifier) {
                Ok(phone_number) => uow.users().find_by_phone_number(&phone_number)?,
                Err(_) => None,
            }
        })
    }

    /// Ends the session that the refresh token belongs to, and the one that is asking. Returns the ids of sessions
    /// whose access tokens must no longer be accepted, for [`SessionDenylist::deny`](crate::SessionDenylist::deny). A
    /// refresh token that is another's, or none, ends nothing of its own.
    pub fn sign_out(&self, actor: &Actor, refresh_token: &str) -> Result<Vec<String>> {
        let now = self.clock.now();
        self.store.write(|uow| {
            let mut ended = vec![actor.session_id.clone()];
            if let Some(id) = self.session_of(refresh_token).filter(|id| *id != actor.session_id) {
                let named = uow.sessions().find(id)?.filter(|session| session.user_id == actor.user_id);
                ended.extend(named.map(|session| session.id));
            }
            uow.sessions().end(&ended, now)?;
            Ok(ended)
        })
    }

    /// The sessions of the one who asks, the last used one first; at most 50.
    pub fn sessions(&self, actor: &Actor) -> Result<Vec<Session>> {
        let now = self.clock.now();
        self.store.read_one(|uow| Ok(uow.sessions().list(actor.user_id, now)?))
    }

    /// Ends one session of the one who asks, and returns its id, for
    /// [`SessionDenylist::deny`](crate::SessionDenylist::deny).
    ///
    /// [`Error::NotFound`] for what is no session of theirs; [`Error::Forbidden`] where it is another than the one that is
    /// asking, and that one began too long ago: a stolen token must not keep its owner out.
    pub fn end_session(&self, actor: &Actor, id: &str) -> Result<Vec<String>> {
        let now = self.clock.now();
        self.store.write(|uow| {
            if id != actor.session_id {
                self.require_recent(uow, actor)?;
            }
            let session = uow.sessions().find(id)?.filter(|session| session.user_id == actor.user_id);
            let ended = vec![session.ok_or(NO_SESSION)?.id];
            uow.sessions().end(&ended, now)?;
            Ok(ended)
        })
    }

    /// Ends all sessions of the one who asks but the one that is asking, and returns their ids; [`Error::Forbidden`] as
    /// [`Self::end_session`].
    pub fn end_other_sessions(&self, actor: &Actor) -> Result<Vec<String>> {
        let now = self.clock.now();
        self.store.write(|uow| {
            self.require_recent(uow, actor)?;
            Ok(uow.sessions().end_of_user(actor.user_id, Some(actor.session_id.clone()), now)?)
        })
    }

    /// Sessions that ended after a position, on this node or another, in their order; none: that is all.
    pub fn ended_sessions(&self, after: Position) -> Result<Vec<EndedSession>> {
        self.store.read_one(|uow| Ok(uow.sessions().ended_after(after, ENDED_BATCH)?))
    }

    /// Demands that the one who asks has just signed in.
    fn require_recent(&self, uow: &mut dyn UnitOfWork, actor: &Actor) -> Result<()> {
        let session = uow.sessions().find(&actor.session_id)?;
        if session.is_some_and(|session| session.is_recent(self.clock.now())) {
            Ok(())
        } else {
            Err(Error::Forbidden("Sign in again: this is allowed for 15 minutes from a sign-in on."))
        }
    }

    /// Signs an access token, which never outlives its session.
    pub(super) fn access_token(&self, uow: &mut dyn UnitOfWork, user: &User, session: &Session) -> Result<String> {
        let now = self.clock.now();
        self.tokens.issue(&AccessClaims {
            user_id: user.id,
            user_type: user.user_type,
            email: user.email.clone(),
            phone_number: user.phone_number.clone(),
            session_id: session.id.clone(),
            must_enrol: self.must_enrol(uow, user)?,
            issued_at: now,
            expires_at: session.expires_at.min(now + self.settings.access_lifetime),
        })
    }
}

#[cfg(test)]
mod tests;
