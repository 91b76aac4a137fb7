mod codes;
mod contact;
mod deactivation;
mod directory;
mod networks;
mod passwords;
mod reauthentication;
mod refresh;
mod registration;
mod second_factors;
mod sessions;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use jobportal_domain::{
    CandidateProfile, CodePolicy, CodePurpose, EmailAddress, EmployerProfile, OneTimeCode, PasswordHash, PhoneNumber,
    Session, SessionPolicy, User, UserId, UserType,
};

pub(crate) use directory::redact;
pub use passwords::{ChangePassword, ResetPassword};
pub use reauthentication::Reauthentication;
pub use refresh::Refreshed;
pub use registration::{Register, Registered};
#[cfg(any(test, feature = "mocks"))]
pub use second_factors::MockSecondFactorRepository;
pub use second_factors::{ConfirmedSecondFactor, SecondFactorProof, SecondFactorRepository, SecondFactorState};
pub use sessions::{SignIn, SignedIn, TokenPair};

use crate::{
    AccessTokens, Clock, OneTimePasswords, Page, PageRequest, PasswordHasher, Position, RandomSource, RepositoryError,
    Result, Store, UnitOfWork, Vault,
};

/// An account to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUser {
    /// Unique.
    pub email: EmailAddress,
    /// Unique.
    pub phone_number: PhoneNumber,
    /// What the user is here for.
    pub user_type: UserType,
    /// The hash of the password.
    pub password_hash: PasswordHash,
    /// When the address was verified, if it was.
    pub verified_at: Option<DateTime<Utc>>,
    /// When the account was made.
    pub created_at: DateTime<Utc>,
}

/// How to reach a user, as far as the viewer may know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The account.
    pub user_id: UserId,
    /// Its role.
    pub user_type: UserType,
    /// Its address, if the viewer may know it.
    pub email: Option<EmailAddress>,
    /// Its number, if the viewer may know it.
    pub phone_number: Option<PhoneNumber>,
}

/// The profile that goes with an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountDetails {
    /// A candidate's.
    Candidate(CandidateProfile),
    /// An employer's.
    Employer(EmployerProfile),
    /// None: an admin, or an account that is not verified yet.
    None,
}

/// An account in the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountSummary {
    /// How to reach it.
    pub contact: Contact,
    /// Its profile.
    pub details: AccountDetails,
}

/// Accounts.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait UserRepository {
    /// Stores an account. Conflicts: [`Constraint::UserEmail`](crate::Constraint::UserEmail),
    /// [`Constraint::UserPhoneNumber`](crate::Constraint::UserPhoneNumber).
    fn insert(&mut self, user: &NewUser) -> Result<UserId, RepositoryError>;
    /// Finds an account.
    fn find(&mut self, id: UserId) -> Result<Option<User>, RepositoryError>;
    /// Finds an account by its address.
    fn find_by_email(&mut self, email: &EmailAddress) -> Result<Option<User>, RepositoryError>;
    /// Finds an account by its number.
    fn find_by_phone_number(&mut self, phone_number: &PhoneNumber) -> Result<Option<User>, RepositoryError>;
    /// Holds the account until the end of the transaction, so that writes about one user come one after another. False: gone.
    fn lock(&mut self, id: UserId) -> Result<bool, RepositoryError>;
    /// Records that the address was verified.
    fn mark_verified(&mut self, id: UserId, now: DateTime<Utc>) -> Result<(), RepositoryError>;
    /// Replaces the hash of the password.
    fn set_password(&mut self, id: UserId, hash: &PasswordHash, now: DateTime<Utc>) -> Result<(), RepositoryError>;
    /// Gives the account another address. Conflict: [`Constraint::UserEmail`](crate::Constraint::UserEmail).
    fn set_email(&mut self, id: UserId, email: &EmailAddress, now: DateTime<Utc>) -> Result<(), RepositoryError>;
    /// Gives the account another number. Conflict:
    /// [`Constraint::UserPhoneNumber`](crate::Constraint::UserPhoneNumber).
    fn set_phone_number(
        &mut self,
        id: UserId,
        phone_number: &PhoneNumber,
        now: DateTime<Utc>,
    ) -> Result<(), RepositoryError>;
    /// Takes an account out of use at a time, or puts it back.
    fn set_deactivated(
        &mut self,
        id: UserId,
        deactivated_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<(), RepositoryError>;
    /// One account with its profile.
    fn summary(&mut self, id: UserId) -> Result<Option<AccountSummary>, RepositoryError>;
    /// Accounts that are in use, with their profiles, by id.
    fn list(&mut self, page: PageRequest) -> Result<Page<AccountSummary>, RepositoryError>;
    /// Which of `users` are candidates who applied to a job of the employer with account `employer`.
    fn applicants_among(&mut self, employer: UserId, users: &[UserId]) -> Result<Vec<UserId>, RepositoryError>;
    /// Deletes accounts made before `before` whose address was never verified; returns how many.
    fn purge_unverified(&mut self, before: DateTime<Utc>) -> Result<u64, RepositoryError>;
}

/// One-time codes: at most one per user and purpose.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait CodeRepository {
    /// Stores a code in place of the one for the same user and purpose.
    fn replace(&mut self, code: &OneTimeCode) -> Result<(), RepositoryError>;
    /// Finds the code and holds it until the end of the transaction, so that each try counts.
    fn lock(&mut self, user_id: UserId, purpose: CodePurpose) -> Result<Option<OneTimeCode>, RepositoryError>;
    /// Stores what a try changed.
    fn update(&mut self, code: &OneTimeCode) -> Result<(), RepositoryError>;
    /// Deletes codes that ended before `before`; returns how many.
    fn purge(&mut self, before: DateTime<Utc>) -> Result<u64, RepositoryError>;
}

/// A session that ended, in the order in which they did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedSession {
    /// Its id.
    pub session_id: String,
    /// When it ended, and a number that tells it from others that ended then.
    pub position: Position,
}

/// Signed-in devices, each with the keyed hash of its present refresh token; and what ended of late, for nodes that did not end it
/// themselves.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait SessionRepository {
    /// Stores a session, and ends the user's least recently used ones, so that `keep` are left.
    fn insert(&mut self, session: &Session, digest: &str, keep: u32) -> Result<(), RepositoryError>;
    /// Finds a session.
    fn find(&mut self, id: &str) -> Result<Option<Session>, RepositoryError>;
    /// Finds a session with the hash of its refresh token, and holds it until the end of the transaction, so that a token is
    /// used once.
    fn lock(&mut self, id: &str) -> Result<Option<(Session, String)>, RepositoryError>;
    /// The sessions of a user that are live at `now`, the last used one first.
    fn list(&mut self, user_id: UserId, now: DateTime<Utc>) -> Result<Vec<Session>, RepositoryError>;
    /// Stores when a session was used and when it ends, and the hash of its new refresh token.
    fn renew(&mut self, session: &Session, digest: &str) -> Result<(), RepositoryError>;
    /// Ends sessions, those included that are not there any more.
    fn end(&mut self, ids: &[String], now: DateTime<Utc>) -> Result<(), RepositoryError>;
    /// Ends all sessions of a user but `keep`; returns the ids of those that ended.
    fn end_of_user(
        &mut self,
        user_id: UserId,
        keep: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<Vec<String>, RepositoryError>;
    /// Up to `limit` sessions that ended after a position.
    fn ended_after(&mut self, position: Position, limit: u32) -> Result<Vec<EndedSession>, RepositoryError>;
    /// Deletes sessions that could not be renewed any more before `before`; returns how many.
    fn purge(&mut self, before: DateTime<Utc>) -> Result<u64, RepositoryError>;
    /// Forgets sessions that ended before `before`; returns how many.
    fn purge_ended(&mut self, before: DateTime<Utc>) -> Result<u64, RepositoryError>;
}

/// Networks from which the owner of an account has come, as keyed hashes.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait NetworkRepository {
    /// Notes that the user came from a network, and forgets all but the last `keep`.
    fn remember(&mut self, user_id: UserId, digest: &str, now: DateTime<Utc>, keep: u32)
    -> Result<(), RepositoryError>;
    /// Whether the user came from a network before.
    fn is_known(&mut self, user_id: UserId, digest: &str) -> Result<bool, RepositoryError>;
    /// Forgets networks from which nobody has come since `before`; returns how many.
    fn purge(&mut self, before: DateTime<Utc>) -> Result<u64, RepositoryError>;
}

/// Who may see how to reach a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Directory {
    /// Everyone who is signed in.
    Open,
    /// Admins, the user, and employers the user applied to.
    Restricted,
}

/// What an operator may choose about accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountSettings {
    /// How one-time codes live.
    pub codes: CodePolicy,
    /// How long an access token lives.
    pub access_lifetime: TimeDelta,
    /// How long sessions live.
    pub sessions: SessionPolicy,
    /// Who may see how to reach a user.
    pub directory: Directory,
    /// Of whom a second factor is demanded: without one, their sessions may do nothing but enrol it.
    pub require_second_factor: Vec<UserType>,
}

impl Default for AccountSettings {
    fn default() -> Self {
        Self {
            codes: CodePolicy::default(),
            access_lifetime: TimeDelta::minutes(30),
            sessions: SessionPolicy::default(),
            directory: Directory::Open,
            require_second_factor: Vec::new(),
        }
    }
}

/// Registration, sign-in, passwords and the directory of accounts.
#[derive(Clone)]
pub struct Accounts {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// Hashes passwords.
    pub hasher: Arc<dyn PasswordHasher>,
    /// Signs access tokens.
    pub tokens: Arc<dyn AccessTokens>,
    /// Draws codes and refresh tokens.
    pub random: Arc<dyn RandomSource>,
    /// Hashes codes and refresh tokens, and seals codes for the outbox and keys of authenticator apps.
    pub vault: Arc<dyn Vault>,
    /// Computes the codes of authenticator apps.
    pub totp: Arc<dyn OneTimePasswords>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// What the operator chose.
    pub settings: AccountSettings,
}

/// Holds an account until the end of the transaction, and reads it as it is now: another request may have changed it while
/// this one verified a password or a code.
fn hold(uow: &mut dyn UnitOfWork, id: UserId) -> Result<Option<User>> {
    uow.users().lock(id)?;
    Ok(uow.users().find(id)?)
}

/// Holds an account whose password was verified, unless it has another password by now, or is not in use any more.
fn hold_verified(uow: &mut dyn UnitOfWork, verified: &User) -> Result<bool> {
    let user = hold(uow, verified.id)?;
    Ok(user.is_some_and(|user| user.is_active() && user.password_hash == verified.password_hash))
}
