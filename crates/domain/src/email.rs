use std::fmt;

use thiserror::Error;

/// Why an e-mail address was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EmailError {
    /// Not of the form `local@domain`.
    #[error("Enter a valid email address.")]
    Malformed,
    /// Longer than RFC 5321 lets an address be in a mail command.
    #[error("Ensure this field has no more than 254 characters.")]
    TooLong,
}

/// An e-mail address in lower case, so that two spellings of one mailbox are one account.
///
/// The form is that of the HTML standard's `input type=email` with a dot in the domain: what people use, not the whole
/// of RFC 5322. Lengths are those of RFC 5321 (64 before the `@`, 254 in all).
///
/// ```
/// use jobportal_domain::EmailAddress;
///
/// assert_eq!(EmailAddress::parse(" Ann@Example.COM ").unwrap().as_str(), "ann@example.com");
/// assert!(EmailAddress::parse("ann@localhost").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Trims, lower-cases and checks `raw`: [`EmailError::TooLong`] over 254 bytes, else [`EmailError::Malformed`].
    pub fn parse(raw: &str) -> Result<Self, EmailError> {
        let address = raw.trim();
        if address.len() > 254 {
            return Err(EmailError::TooLong);
        }
        let (local, domain) = address.rsplit_once('@').ok_or(EmailError::Malformed)?;
        if is_local_part(local) && is_domain(domain) {
            Ok(Self(address.to_ascii_lowercase()))
        } else {
            Err(EmailError::Malformed)
        }
    }

    /// The address, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the `@`.
    pub fn local_part(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(local, _)| local)
    }
}

fn is_local_part(local: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~.-".contains(c);
    (1..=64).contains(&local.len())
        && local.chars().all(allowed)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
}

pub(crate) fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    domain.contains('.') && domain.len() <= 253 && domain.split('.').all(is_label)
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_people_use() {
        for good in ["a@b.co", "first.last+tag@sub.example.org", "o'neil@example.com", "x_1@ex-ample.io"] {
            assert!(EmailAddress::parse(good).is_ok(), "{good}");
        }
        assert_eq!(EmailAddress::parse("A.B@C.De").unwrap().local_part(), "a.b");
    }

    #[test]
    fn refuses_what_is_not_an_address() {
        let long_local = format!("{}@example.com", "a".repeat(65));
        for bad in [
            "",
            "@",
            "a@",
            "@b.co",
            "a b@c.de",
            "a@b",
            "a@b..c",
            "a..b@c.de",
            ".a@b.co",
            "a@-b.co",
            "a@b.co\r\nBcc: x@y.z",
            "a\0@b.co",
            "<a@b.co>",
            "a@b.c,d",
            long_local.as_str(),
        ] {
            assert_eq!(EmailAddress::parse(bad), Err(EmailError::Malformed), "{bad:?}");
        }
        let long = format!("a@{}.com", "b.".repeat(130));
        assert_eq!(EmailAddress::parse(&long), Err(EmailError::TooLong));
    }
}
