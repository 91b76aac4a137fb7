//! Password hashing, access tokens, random secrets and sealed values of the job portal: the adapters of the ports in
//! `jobportal_application`'s security section.
//!
//! # Duty and invariants
//! - [`BcryptHasher`] hashes passwords. A password over 72 bytes matches nothing; it is never shortened. A malformed hash
//!   matches nothing. An unknown account takes as long to refuse as a known one.
//! - [`JwtTokens`] signs and reads access tokens with [`TokenKeys`]: each key has one algorithm, whatever a token says of itself.
//!   Time is what the caller says it is, and a token is dead from the second it ends.
//! - [`Totp`] computes the codes of authenticator apps, and compares them in constant time.
//! - [`OsRandom`] draws from the random source of the operating system; every code is equally likely.
//! - [`ServerVault`] hashes and encrypts under keys of their own, derived from the secret of the server, so that none of
//!   them is of use in place of another or of the key of the tokens.
//! - [`weakness`] tells why a secret must not protect a production server.
//!
//! All cryptography is that of `aws-lc-rs`, `jsonwebtoken` and `bcrypt`. No key, password, code or token is in an error.

mod key;
mod password;
mod random;
mod secret;
mod token;
mod totp;
mod vault;

pub use key::{KeyError, TokenKeys};
pub use password::{BcryptHasher, HasherError};
pub use random::OsRandom;
pub use secret::{MIN_SECRET_BYTES, weakness};
pub use token::JwtTokens;
pub use totp::Totp;
pub use vault::ServerVault;

use jobportal_application::Error;

/// Cryptography that fails says no more than that it failed.
fn failed(what: &'static str) -> Error {
    Error::Internal(what.into())
}
