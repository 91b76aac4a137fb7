use std::fmt;

use thiserror::Error;

/// Why a phone number was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PhoneError {
    /// Not 11 digits once the country code is gone.
    #[error("Contract number must contain 11 digits (e.g., 01XXXXXXXXX).")]
    Malformed,
}

/// A phone number in its national form: 11 digits, without the country code.
///
/// The country code of Bangladesh, `+880` or `880`, is taken off. Written internationally the number has lost the 0
/// that it starts with at home (`+880 1711…` is `01711…`); that 0 is put back.
///
/// ```
/// use jobportal_domain::PhoneNumber;
///
/// let national = PhoneNumber::parse("01711111111").unwrap();
/// assert_eq!(PhoneNumber::parse(" +8801711111111 ").unwrap(), national);
/// assert_eq!(PhoneNumber::parse("88001711111111").unwrap(), national);
/// assert!(PhoneNumber::parse("017111111111").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneNumber(String);

impl PhoneNumber {
    const DIGITS: usize = 11;

    /// Trims, normalises and checks `raw`. Digits are not grouped: a space or a dash between them is
    /// [`PhoneError::Malformed`].
    pub fn parse(raw: &str) -> Result<Self, PhoneError> {
        let number = raw.trim();
        let national = match number.strip_prefix("+880").or_else(|| number.strip_prefix("880")) {
            Some(rest) if rest.len() == Self::DIGITS - 1 => format!("0{rest}"),
            Some(rest) => rest.to_owned(),
            None => number.to_owned(),
        };
        if national.len() == Self::DIGITS && national.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(national))
        } else {
            Err(PhoneError::Malformed)
        }
    }

    /// The 11 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_has_one_form() {
        for spelling in ["01711111170", " 01711111170\n", "+8801711111170", "8801711111170", "+88001711111170"] {
            assert_eq!(PhoneNumber::parse(spelling).unwrap().as_str(), "01711111170", "{spelling}");
        }
    }

    #[test]
    fn refuses_anything_but_eleven_digits() {
        for bad in
            ["", "1234", "017111111111", "0171111111", "+4401711111111", "0171111111a", "০১৭১১১১১১৭০", "0171 111111"]
        {
            assert_eq!(PhoneNumber::parse(bad), Err(PhoneError::Malformed), "{bad}");
        }
    }
}
