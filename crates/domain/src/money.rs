use std::fmt;

use thiserror::Error;

/// Why an amount was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MoneyError {
    /// Not a plain decimal number.
    #[error("A valid number is required.")]
    Malformed,
    /// Below zero.
    #[error("Ensure this value is greater than or equal to 0.")]
    Negative,
    /// More than two digits after the point that are not zero.
    #[error("Ensure that there are no more than 2 decimal places.")]
    TooPrecise,
    /// More than ten digits before the point.
    #[error("Ensure that there are no more than 12 digits in total.")]
    TooLarge,
}

/// An amount of at least zero in hundredths of a currency's unit (cents), at most 9,999,999,999.99: 12 digits, 2 of
/// them after the point. It knows no currency.
///
/// ```
/// use jobportal_domain::Money;
///
/// let price = Money::parse("75000.5").unwrap();
/// assert_eq!(price.minor_units(), 7_500_050);
/// assert_eq!(price.to_string(), "75000.50");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i64);

impl Money {
    /// The largest amount.
    pub const MAX: Self = Self(999_999_999_999);

    /// An amount from its hundredths; `None` outside the range.
    pub fn from_minor_units(units: i64) -> Option<Self> {
        (0..=Self::MAX.0).contains(&units).then_some(Self(units))
    }

    /// Reads a plain decimal number such as `9.99`, without separators or an exponent; more zeros behind the point are
    /// accepted.
    pub fn parse(raw: &str) -> Result<Self, MoneyError> {
        let units = decimal(raw, 2)?;
        Self::from_minor_units(units).ok_or(MoneyError::TooLarge)
    }

    /// The amount in hundredths.
    pub const fn minor_units(self) -> i64 {
        self.0
    }
}

/// Reads a plain decimal number as a whole number of its last place, of `places` behind the point.
pub(crate) fn decimal(raw: &str, places: usize) -> Result<i64, MoneyError> {
    let text = raw.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return Err(MoneyError::Malformed);
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > places {
        return Err(MoneyError::TooPrecise);
    }
    let units: i64 =
        format!("{}{fraction:0<places$}", whole.trim_start_matches('0')).parse().map_err(|_| MoneyError::TooLarge)?;
    if negative && units > 0 {
        return Err(MoneyError::Negative);
    }
    Ok(units)
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_it_parses() {
        for (text, printed) in [
            ("0", "0.00"),
            ("0.00", "0.00"),
            ("9.99", "9.99"),
            ("75000.0", "75000.00"),
            (".5", "0.50"),
            ("007", "7.00"),
            ("1.230000", "1.23"),
            ("-0", "0.00"),
            ("9999999999.99", "9999999999.99"),
        ] {
            assert_eq!(Money::parse(text).unwrap().to_string(), printed, "{text}");
        }
    }

    #[test]
    fn refuses_with_the_reason() {
        for (text, error) in [
            ("", MoneyError::Malformed),
            (".", MoneyError::Malformed),
            ("abc", MoneyError::Malformed),
            ("1e5", MoneyError::Malformed),
            ("1,000", MoneyError::Malformed),
            ("NaN", MoneyError::Malformed),
            ("-1", MoneyError::Negative),
            ("1.005", MoneyError::TooPrecise),
            ("10000000000", MoneyError::TooLarge),
            ("99999999999999999999999999", MoneyError::TooLarge),
        ] {
            assert_eq!(Money::parse(text), Err(error), "{text}");
        }
    }
}
