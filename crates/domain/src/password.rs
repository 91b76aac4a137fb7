use std::collections::HashSet;
use std::fmt;
use std::sync::LazyLock;

use thiserror::Error;

use crate::{EmailAddress, PhoneNumber};

/// The fewest characters of a password (OWASP ASVS 5.0, 6.2.1). Both that and NIST SP 800-63B-4 §3.1.1.2 would rather
/// see 15 where a password is the only factor.
pub const MIN_PASSWORD_CHARS: usize = 8;

/// The most bytes of a password: bcrypt reads no further, and a silently shortened password is a weaker one.
pub const MAX_PASSWORD_BYTES: usize = 72;

/// The share of common characters from which a password counts as similar to what others know of its owner.
const MAX_SIMILARITY: f64 = 0.7;

/// Words that are nearer at hand here than elsewhere: what this is called and about, and who uses it.
pub const CONTEXT_WORDS: &[&str] = &[
    "admin",
    "applicant",
    "application",
    "candidate",
    "career",
    "employer",
    "interview",
    "job portal",
    "job-portal",
    "job_portal",
    "jobportal",
    "recruit",
    "resume",
    "salary",
    "subscription",
    "vacancy",
];

static COMMON: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("../data/common-passwords.txt").lines().collect());

/// A rule that a password breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// Fewer than [`MIN_PASSWORD_CHARS`] characters.
    #[error("This password is too short. It must contain at least 8 characters.")]
    TooShort,
    /// More than [`MAX_PASSWORD_BYTES`] bytes in UTF-8.
    #[error("This password is too long. It must contain at most 72 bytes.")]
    TooLong,
    /// Among the 30,000 passwords that leaks show most often.
    #[error("This password is too common.")]
    Common,
    /// Half of it or more is one of the [`CONTEXT_WORDS`].
    #[error("The password is too similar to the name or the subject of this service.")]
    Contextual,
    /// Nothing but digits.
    #[error("This password is entirely numeric.")]
    Numeric,
    /// Much like the user's e-mail address.
    #[error("The password is too similar to the email.")]
    LikeEmail,
    /// Much like the user's phone number.
    #[error("The password is too similar to the contract number.")]
    LikePhoneNumber,
    /// Holds a NUL, which ends a password early in many hash functions.
    #[error("Null characters are not allowed.")]
    Nul,
}

/// A password in plain text that keeps every rule. `Debug` does not show it.
///
/// ```
/// use jobportal_domain::{EmailAddress, Password, PasswordError, PhoneNumber};
///
/// let email = EmailAddress::parse("ann@example.com").unwrap();
/// let phone = PhoneNumber::parse("01711111111").unwrap();
/// let judge = |raw| Password::choose(raw, Some(&email), Some(&phone));
///
/// assert!(judge("correct horse").is_ok());
/// assert_eq!(
///     judge("1234").unwrap_err(),
///     [PasswordError::TooShort, PasswordError::Common, PasswordError::Numeric]
/// );
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Judges a new password of the user with this address and number, so far as they are known.
    ///
    /// All broken rules are reported, in the order of [`PasswordError`]: it is too short or too long, common
    /// ([`is_common_password`]), for the most part one of the [`CONTEXT_WORDS`], nothing but digits, like the address or the number, or holds a NUL. It is like one of
    /// them if 70 % of the characters of both agree in any order, if it is part of it, or if half of the password or
    /// more is it; letter case does not count, and the address counts with and without its domain. No rule asks for
    /// certain kinds of characters (NIST SP 800-63B-4 §3.1.1.2 forbids such rules). Nothing is trimmed.
    pub fn choose(
        raw: &str,
        email: Option<&EmailAddress>,
        phone_number: Option<&PhoneNumber>,
    ) -> Result<Self, Vec<PasswordError>> {
        let is_too_long = raw.len() > MAX_PASSWORD_BYTES;
        // What is refused for its length is not compared: that would take time in step with it.
        let similar = |known: &str| !is_too_long && is_similar(raw, known);
        let similar_to_email = email.is_some_and(|e| similar(e.as_str()) || similar(e.local_part()));
        let rules = [
            (raw.chars().count() < MIN_PASSWORD_CHARS, PasswordError::TooShort),
            (is_too_long, PasswordError::TooLong),
            (is_common_password(raw), PasswordError::Common),
            (!is_too_long && CONTEXT_WORDS.iter().any(|word| holds_much_of(raw, word)), PasswordError::Contextual),
            (!raw.is_empty() && raw.chars().all(char::is_numeric), PasswordError::Numeric),
            (similar_to_email, PasswordError::LikeEmail),
            (phone_number.is_some_and(|p| similar(p.as_str())), PasswordError::LikePhoneNumber),
            (raw.contains('\0'), PasswordError::Nul),
        ];
        let broken: Vec<_> = rules.into_iter().filter_map(|(broken, rule)| broken.then_some(rule)).collect();
        if broken.is_empty() { Ok(Self(raw.to_owned())) } else { Err(broken) }
    }

    /// The password in plain text, to hash it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Whether `raw`, trimmed and in any letter case, is among the 30,000 passwords that leaks show most often (the list of
/// zxcvbn).
///
/// ```
/// use jobportal_domain::is_common_password;
///
/// assert!(is_common_password("Password1"));
/// assert!(!is_common_password("correct horse battery"));
/// ```
pub fn is_common_password(raw: &str) -> bool {
    COMMON.contains(raw.trim().to_lowercase().as_str())
}

/// Whether most characters of the two agree, or one holds the other. A short `known` says too little to compare.
fn is_similar(password: &str, known: &str) -> bool {
    let (password, known) = (password.to_lowercase(), known.to_lowercase());
    let (a, b) = (password.chars().count(), known.chars().count());
    if a == 0 || b < 4 {
        return false;
    }
    let length = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    known.contains(&password)
        || holds_much_of(&password, &known)
        || 2.0 * length(shared_chars(&password, &known)) / length(a + b) >= MAX_SIMILARITY
}

/// Whether `word`, in lower case, makes up half of the password or more.
fn holds_much_of(password: &str, word: &str) -> bool {
    2 * word.chars().count() >= password.chars().count() && password.to_lowercase().contains(word)
}

/// How many characters the two have in common, each as often as it stands in both, in any order.
fn shared_chars(a: &str, b: &str) -> usize {
    let mut left: Vec<char> = b.chars().collect();
    a.chars().filter(|c| left.iter().position(|l| l == c).map(|at| left.swap_remove(at)).is_some()).count()
}

/// The hash of a password in the modular crypt format. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Wraps a hash that a hasher made. It is not checked: what is no hash matches no password.
    pub fn new(hash: impl Into<String>) -> Self {
        Self(hash.into())
    }

    /// The hash, to store or verify it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(raw: &str) -> Vec<PasswordError> {
        let email = EmailAddress::parse("jonathan.swift@example.com").unwrap();
        let phone = PhoneNumber::parse("01711223344").unwrap();
        Password::choose(raw, Some(&email), Some(&phone)).err().unwrap_or_default()
    }

    #[test]
    fn the_list_is_a_real_one() {
        assert!(COMMON.len() >= 20_000);
        assert!(["password", "QWERTY", "1234", "iloveyou"].into_iter().all(is_common_password));
    }

    #[test]
    fn reports_all_broken_rules_at_once() {
        assert_eq!(judge("1234"), [PasswordError::TooShort, PasswordError::Common, PasswordError::Numeric]);
        assert_eq!(judge("a\0b"), [PasswordError::TooShort, PasswordError::Nul]);
        assert_eq!(judge(""), [PasswordError::TooShort]);
    }

    #[test]
    fn counts_characters_for_the_least_and_bytes_for_the_most() {
        assert!(judge("żółć-ęąś").is_empty());
        assert!(judge(&"aB3$".repeat(18)).is_empty());
        assert_eq!(judge(&format!("{}x", "aB3$".repeat(18))), [PasswordError::TooLong]);
        assert!(judge(&"ü".repeat(37)).contains(&PasswordError::TooLong));
    }

    #[test]
    fn refuses_what_others_know_of_the_owner() {
        assert_eq!(judge("jonathan.swift"), [PasswordError::LikeEmail]);
        assert_eq!(judge("Jonathan.Swift1"), [PasswordError::LikeEmail]);
        assert_eq!(judge("jonathan.swift@example.com"), [PasswordError::LikeEmail]);
        assert_eq!(judge("01711223344"), [PasswordError::Numeric, PasswordError::LikePhoneNumber]);
        assert_eq!(judge("x01711223344"), [PasswordError::LikePhoneNumber]);
    }

    #[test]
    fn refuses_what_is_mostly_a_word_of_this_service() {
        for bad in ["jobportal", "JobPortal2026!", "job portal 123", "my-vacancy-1", "EMPLOYER#007"] {
            assert_eq!(judge(bad), [PasswordError::Contextual], "{bad}");
        }
        assert!(judge("no vacancy at the inn").is_empty());
        assert!(CONTEXT_WORDS.iter().all(|word| *word == word.to_lowercase() && word.len() >= 5));
    }

    #[test]
    fn asks_for_no_kind_of_characters_and_forbids_none() {
        for good in [
            "lowercaseonly",
            "UPPERCASEONLY",
            "!?#$%&()=+*",
            "  spaces   ",
            "日本語のことばは長い",
            "\u{1f40e}\u{1f50b}\u{1f517}\u{1f9f7}abcd",
            "tab\tbell\u{7}s",
        ] {
            assert!(judge(good).is_empty(), "{good:?}: {:?}", judge(good));
        }
    }

    #[test]
    fn accepts_64_characters() {
        assert!(judge(&"aB3$".repeat(16)).is_empty());
    }

    #[test]
    fn accepts_phrases_and_the_documented_example() {
        for good in ["correct horse", "qwer0987", "Tr0ub4dor&3", "a b c d e f g"] {
            assert!(judge(good).is_empty(), "{good}: {:?}", judge(good));
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let password = Password::choose("correct horse", None, None).unwrap();
        assert_eq!(format!("{password:?}"), "Password(…)");
        assert_eq!(format!("{:?}", PasswordHash::new("$2b$12$abc")), "PasswordHash(…)");
    }
}
