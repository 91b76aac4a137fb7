use std::collections::HashSet;

/// The fewest bytes of a production secret: as many as HMAC-SHA256 gives out (RFC 7518 §3.2).
pub const MIN_SECRET_BYTES: usize = 32;

/// Begins the secret of the development profile, which everyone can read.
const DEVELOPMENT_PREFIX: &str = "development-only";

/// The fewest different characters of a production secret: fewer are a pattern that was typed.
const MIN_DISTINCT_CHARS: usize = 10;

/// Why `secret` is too weak for production, in words that follow the name of its setting; `None`: it is not.
///
/// ```
/// use jobportal_security::weakness;
///
/// assert_eq!(weakness("hunter2"), Some("is shorter than 32 bytes"));
/// assert_eq!(weakness("mFz3Q0xV1rT8cKp6WnJd5Ls9Yh2Gb7Ea"), None);
/// ```
pub fn weakness(secret: &str) -> Option<&'static str> {
    if secret.starts_with(DEVELOPMENT_PREFIX) {
        Some("is the public one of the development profile")
    } else if secret.len() < MIN_SECRET_BYTES {
        Some("is shorter than 32 bytes")
    } else if secret.chars().collect::<HashSet<_>>().len() < MIN_DISTINCT_CHARS {
        Some("has fewer than 10 different characters")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_each_weakness() {
        assert!(weakness("development-only: known to everyone who reads the source").unwrap().contains("development"));
        assert!(weakness("").unwrap().contains("shorter"));
        assert!(weakness("mFz3Q0xV1rT8cKp6WnJd5Ls9Yh2Gb7E").unwrap().contains("shorter"));
        assert!(weakness(&"abc".repeat(40)).unwrap().contains("different"));
        assert_eq!(weakness("0123456789012345678901234567890123456789"), None);
    }
}
