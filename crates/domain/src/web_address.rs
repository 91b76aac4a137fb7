use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use thiserror::Error;

use crate::email::is_domain;

/// Why a web address was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WebAddressError {
    /// Not an absolute `http` or `https` address.
    #[error("Enter a valid URL.")]
    Malformed,
    /// Longer than browsers and mail programs handle well.
    #[error("Ensure this field has no more than 500 characters.")]
    TooLong,
}

/// An absolute `http` or `https` address of up to 500 bytes, safe to show as a link: it has no other scheme, no user
/// name (that serves to disguise where a link leads), no white space, and none of ``< > " \ ^ ` { | }``. Whether
/// anything answers there is not asked.
///
/// ```
/// use jobportal_domain::WebAddress;
///
/// assert!(WebAddress::parse("https://example.com/careers?id=7").is_ok());
/// assert!(WebAddress::parse("javascript:alert(1)").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WebAddress(String);

impl WebAddress {
    /// Trims and checks `raw`; the spelling is kept.
    pub fn parse(raw: &str) -> Result<Self, WebAddressError> {
        let address = raw.trim();
        if address.len() > 500 {
            return Err(WebAddressError::TooLong);
        }
        let (scheme, rest) = address.split_once("://").ok_or(WebAddressError::Malformed)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let printable = address.chars().all(|c| !c.is_whitespace() && !c.is_control() && !"<>\"\\^`{|}".contains(c));
        if ["http", "https"].iter().any(|s| scheme.eq_ignore_ascii_case(s)) && is_authority(authority) && printable {
            Ok(Self(address.to_owned()))
        } else {
            Err(WebAddressError::Malformed)
        }
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A host with an optional port; user names are refused, since they serve to disguise a link.
fn is_authority(authority: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_ip = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()),
        None => host.parse::<Ipv4Addr>().is_ok(),
    };
    let is_host = is_ip || host.eq_ignore_ascii_case("localhost") || is_domain(host) || is_international(host);
    is_host && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

fn is_international(host: &str) -> bool {
    !host.is_ascii()
        && host.contains('.')
        && host.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '.')
        && !host.split('.').any(str::is_empty)
}

impl fmt::Display for WebAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_links() {
        for good in [
            "http://example.com",
            "https://sub.example.com:8443/a/b?c=d#e",
            "HTTPS://Example.com/",
            "https://linkedin.com/in/johndoe",
            "http://127.0.0.1:8000/",
            "http://[::1]:80/",
            "https://bücher.example/",
        ] {
            assert!(WebAddress::parse(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn refuses_what_is_no_link_or_a_disguised_one() {
        for bad in [
            "",
            "example.com",
            "ftp://example.com",
            "javascript:alert(1)",
            "https://",
            "https://user@example.com",
            "https://exa mple.com",
            "https://example.com/\0",
            "https://example.com/<script>",
            "https://example.com:99999",
            "https://.com",
            "https://a..b",
            "http://[1.2.3.4",
            "http://[::1",
            "http://::1/",
        ] {
            assert_eq!(WebAddress::parse(bad), Err(WebAddressError::Malformed), "{bad:?}");
        }
    }
}
