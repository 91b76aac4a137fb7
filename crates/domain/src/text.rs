use std::fmt;

use thiserror::Error;

/// Why a text was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TextError {
    /// Nothing but white space.
    #[error("This field may not be blank.")]
    Blank,
    /// More characters than the field takes.
    #[error("Ensure this field has no more than {max} characters.")]
    TooLong {
        /// The largest number of characters allowed.
        max: usize,
    },
    /// A NUL or another control character; line breaks and tabs are allowed.
    #[error("Control characters are not allowed.")]
    ControlCharacter,
}

/// A text of 1 to `MAX` characters (Unicode scalar values), trimmed, without control characters other than
/// line breaks and tabs.
///
/// ```
/// use jobportal_domain::{Text, TextError};
///
/// assert_eq!(Text::<5>::parse("  abc ").unwrap().as_str(), "abc");
/// assert_eq!(Text::<5>::parse("   "), Err(TextError::Blank));
/// assert_eq!(Text::<5>::parse("abcdef"), Err(TextError::TooLong { max: 5 }));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    /// Trims and checks `raw`; reports the first broken rule, in the order of [`TextError`].
    pub fn parse(raw: &str) -> Result<Self, TextError> {
        let text = raw.trim();
        if text.is_empty() {
            return Err(TextError::Blank);
        }
        // No text has more characters than bytes.
        if text.len() > MAX && text.chars().nth(MAX).is_some() {
            return Err(TextError::TooLong { max: MAX });
        }
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            return Err(TextError::ControlCharacter);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, owned.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_characters_not_bytes() {
        assert!(Text::<3>::parse("äöü").is_ok());
        assert_eq!(Text::<2>::parse("äöü"), Err(TextError::TooLong { max: 2 }));
    }

    #[test]
    fn refuses_nul_and_keeps_line_breaks() {
        assert_eq!(Text::<9>::parse("a\0b"), Err(TextError::ControlCharacter));
        assert_eq!(Text::<9>::parse("a\nb\tc").unwrap().as_str(), "a\nb\tc");
    }
}
