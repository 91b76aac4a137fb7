use chrono::{DateTime, Utc};
use jobportal_domain::{
    Code, EmailAddress, Password, PasswordHash, PhoneNumber, RecoveryCode, TotpSecret, UserId, UserType,
};

use crate::Result;

/// Hashes passwords with a function made for it (bcrypt, Argon2). Slow by intent: it is called outside transactions.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait PasswordHasher: Send + Sync {
    /// Hashes a new password.
    fn hash(&self, password: &Password) -> Result<PasswordHash>;
    /// Whether `attempt` is the password that `hash` was made of. A malformed hash matches nothing. Takes as long for a hash that
    /// was cheaper to make as for those that are made now, so that time does not tell which accounts are old.
    fn verify(&self, attempt: &str, hash: &PasswordHash) -> bool;
    /// Hashes `verified` anew, the password that `hash` was just verified with, where hashes are made to cost more by now.
    fn renew(&self, verified: &str, hash: &PasswordHash) -> Result<Option<PasswordHash>>;
    /// Takes as long as [`Self::verify`], so that an unknown account answers no faster than a known one.
    fn verify_nothing(&self, attempt: &str);
}

/// What an access token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessClaims {
    /// Whose token it is.
    pub user_id: UserId,
    /// Their role.
    pub user_type: UserType,
    /// Their address.
    pub email: EmailAddress,
    /// Their number.
    pub phone_number: PhoneNumber,
    /// The session it belongs to.
    pub session_id: String,
    /// Whether its bearer may do nothing but enrol a second factor, because the operator demands one.
    pub must_enrol: bool,
    /// When it was made.
    pub issued_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// Makes and reads signed access tokens.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait AccessTokens: Send + Sync {
    /// Signs `claims`; the token is of any form that [`Self::verify`] reads.
    fn issue(&self, claims: &AccessClaims) -> Result<String>;
    /// Reads a token; `None` for one that is forged, malformed or past its end at `now`.
    fn verify(&self, token: &str, now: DateTime<Utc>) -> Option<AccessClaims>;
    /// The public keys that tokens can be checked with, as a JSON Web Key Set (RFC 7517); none where a secret signs them.
    fn public_keys(&self) -> Result<String>;
}

/// Draws secrets from the random source of the operating system.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait RandomSource: Send + Sync {
    /// A one-time code, all equally likely.
    fn code(&self) -> Result<Code>;
    /// 256 random bits as URL-safe text, for a bearer secret.
    fn token(&self) -> Result<String>;
    /// 128 random bits as URL-safe text, for a name that can't be guessed.
    fn public_id(&self) -> Result<String>;
    /// A key for an authenticator app.
    fn totp_secret(&self) -> Result<TotpSecret>;
    /// A recovery code.
    fn recovery_code(&self) -> Result<RecoveryCode>;
}

/// Computes the codes of authenticator apps (RFC 6238: HMAC-SHA-1, six digits).
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait OneTimePasswords: Send + Sync {
    /// Whether `code` is that of the time step `step` under `secret`; takes the same time for every answer.
    fn matches(&self, secret: &TotpSecret, step: i64, code: &Code) -> bool;
}

/// Hashes and seals secrets under keys that only the server has.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait Vault: Send + Sync {
    /// The keyed hash of `secret`; the same secret in another `context` has another one.
    fn digest(&self, context: &str, secret: &str) -> String;
    /// Whether `digest` is the keyed hash of `secret` in `context`; takes the same time for every answer.
    fn matches(&self, context: &str, secret: &str, digest: &str) -> bool;
    /// Encrypts `plain` so that any change to it is noticed.
    fn seal(&self, plain: &str) -> Result<String>;
    /// Decrypts what [`Self::seal`] made; fails for anything else.
    fn open(&self, sealed: &str) -> Result<String>;
}
