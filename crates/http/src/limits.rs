use std::net::IpAddr;
use std::time::Duration;

use actix_web::HttpRequest;
use jobportal_application::{Actor, Error, RatePolicy};
use jobportal_domain::{EmailAddress, PhoneNumber};

use crate::App;
use crate::error::ApiError;

const fn policy(name: &'static str, quota: u32, seconds: u64) -> RatePolicy {
    RatePolicy { name, quota, window: Duration::from_secs(seconds) }
}

/// Registrations from one address.
pub(crate) const REGISTER: RatePolicy = policy("register", 60, 3_600);
/// Tries to sign in, from one address.
pub(crate) const SIGN_IN: RatePolicy = policy("sign_in", 60, 60);
/// Tries to sign in to one account.
pub(crate) const SIGN_IN_ACCOUNT: RatePolicy = policy("sign_in_account", 10, 60);
/// Tries of the present password by one user who wants another one.
pub(crate) const CHANGE_PASSWORD: RatePolicy = policy("change_password", 10, 60);
/// Everything that one user writes.
const WRITE: RatePolicy = policy("write", 300, 60);
/// Tries of one-time codes, from one address.
pub(crate) const CODE: RatePolicy = policy("code", 60, 60);
/// Tries of one-time codes of one account: with five tries a code, two codes' worth.
pub(crate) const CODE_ACCOUNT: RatePolicy = policy("code_account", 10, 600);
/// Codes asked for, from one address.
pub(crate) const SEND_CODE: RatePolicy = policy("send_code", 30, 3_600);
/// Codes asked for one account: each one is a mail to somebody.
pub(crate) const SEND_CODE_ACCOUNT: RatePolicy = policy("send_code_account", 5, 3_600);

/// Counts a request towards what its network address may do.
pub(crate) async fn by_address(app: &App, request: &HttpRequest, policy: &RatePolicy) -> Result<(), ApiError> {
    match request.peer_addr() {
        Some(address) => take(app, &network(address.ip()), policy).await,
        None => Ok(()),
    }
}

/// What counts as one client: an IPv4 address, or the 64 bits of an IPv6 address that a network gives to one customer.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{:x}/64", address.to_bits() >> 64),
    }
}

/// Counts a request towards what may be done to one account, by the name the client gave for it.
pub(crate) async fn by_account(app: &App, account: &str, policy: &RatePolicy) -> Result<(), ApiError> {
    take(app, &account_key(account), policy).await
}

/// One key for all spellings of an address or a number. What is neither names no account; it is cut, because keys are kept.
fn account_key(name: &str) -> String {
    match (EmailAddress::parse(name), PhoneNumber::parse(name)) {
        (Ok(email), _) => email.to_string(),
        (_, Ok(number)) => number.to_string(),
        _ => name.chars().take(64).collect(),
    }
}

/// Counts a request towards what one user who is signed in may do.
pub(crate) async fn by_user(app: &App, actor: &Actor, policy: &RatePolicy) -> Result<(), ApiError> {
    take(app, &actor.user_id.to_string(), policy).await
}

/// Counts a request that writes, by whoever is signed in.
pub(crate) async fn writes(app: &App, request: &HttpRequest, actor: &Actor) -> Result<(), ApiError> {
    if request.method().is_safe() { Ok(()) } else { by_user(app, actor, &WRITE).await }
}

async fn take(app: &App, key: &str, policy: &RatePolicy) -> Result<(), ApiError> {
    let Some(limiter) = &app.limiter else { return Ok(()) };
    let decision = limiter.take(key, policy).await;
    if decision.allowed {
        return Ok(());
    }
    let seconds = decision.reset_after.as_secs().max(1);
    let message = format!("Request was throttled. Expected available in {seconds} seconds.");
    Err(Error::LimitReached { message, retry_after: decision.reset_after }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_account_has_one_key_in_every_spelling_and_no_key_is_long() {
        assert_eq!(account_key(" Ann@Example.com "), "ann@example.com");
        for spelling in [" 01711111170", "+8801711111170", "8801711111170", "+88001711111170"] {
            assert_eq!(account_key(spelling), "01711111170");
        }
        assert_ne!(account_key("user 1"), account_key("user 2"));
        assert_eq!(account_key(&"ä".repeat(1_000_000)).chars().count(), 64);
    }

    #[test]
    fn one_customer_of_a_network_is_one_client() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("192.0.2.7"), "192.0.2.7");
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    }
}
