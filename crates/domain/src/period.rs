use std::fmt;

use chrono::TimeDelta;
use thiserror::Error;

/// Why a duration was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PeriodError {
    /// In none of the accepted forms.
    #[error("Duration has wrong format. Use one of these formats instead: [DD] [HH:[MM:]]ss or ISO 8601 such as P30D.")]
    Malformed,
    /// Below zero.
    #[error("Ensure this value is greater than or equal to 0.")]
    Negative,
    /// Over ten years.
    #[error("Ensure this value is less than or equal to 3650 days.")]
    TooLong,
}

/// A length of time in whole seconds, from zero to 3,650 days; zero means "without end".
///
/// It is written as days and a time, `30 00:00:00`; ISO 8601 durations of days and smaller units are read as well.
///
/// ```
/// use jobportal_domain::Period;
///
/// let month = Period::parse("P30D").unwrap();
/// assert_eq!(month.to_string(), "30 00:00:00");
/// assert_eq!(Period::parse("30 00:00:00").unwrap(), month);
/// assert!(Period::parse("00:00:00").unwrap().is_endless());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(i64);

const DAY: i64 = 86_400;

impl Period {
    /// The longest period, in seconds.
    pub const MAX_SECONDS: i64 = 3_650 * DAY;

    /// A period of so many seconds, from 0 to [`Self::MAX_SECONDS`].
    pub fn from_seconds(seconds: i64) -> Result<Self, PeriodError> {
        match seconds {
            i64::MIN..=-1 => Err(PeriodError::Negative),
            0..=Self::MAX_SECONDS => Ok(Self(seconds)),
            _ => Err(PeriodError::TooLong),
        }
    }

    /// Reads `[days ]HH:MM:SS`, `MM:SS`, a number of seconds, or ISO 8601 without years, months and fractions.
    pub fn parse(raw: &str) -> Result<Self, PeriodError> {
        let text = raw.trim();
        let unsigned = text.trim_start_matches(|c: char| c == '-' || c.is_whitespace());
        let seconds = match unsigned.strip_prefix(['P', 'p']) {
            Some(iso) => iso_seconds(iso)?,
            None => clock_seconds(unsigned)?,
        };
        // A malformed text stays malformed, whatever its sign.
        let period = Self::from_seconds(seconds)?;
        if unsigned.len() < text.len() && seconds > 0 { Err(PeriodError::Negative) } else { Ok(period) }
    }

    /// The length in seconds.
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// Whether what lasts so long never ends.
    pub const fn is_endless(self) -> bool {
        self.0 == 0
    }

    /// The length as a difference of times.
    pub const fn as_delta(self) -> TimeDelta {
        // In range by construction; the fallback can't be reached.
        match TimeDelta::try_seconds(self.0) {
            Some(delta) => delta,
            None => TimeDelta::zero(),
        }
    }
}

fn number(digits: &str) -> Result<i64, PeriodError> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(PeriodError::Malformed);
    }
    digits.parse().map_err(|_| PeriodError::TooLong)
}

fn sum(parts: &[(i64, i64)]) -> Result<i64, PeriodError> {
    parts
        .iter()
        .try_fold(0_i64, |total, (count, unit)| total.checked_add(count.checked_mul(*unit)?))
        .ok_or(PeriodError::TooLong)
}

fn clock_seconds(text: &str) -> Result<i64, PeriodError> {
    let (days, clock) = match text.split_once(' ') {
        Some((days, clock)) => (number(days)?, clock.trim_start()),
        None => (0, text),
    };
    let mut units = [1, 60, 3_600].into_iter();
    let mut parts = vec![(days, DAY)];
    for field in clock.rsplit(':') {
        parts.push((number(field)?, units.next().ok_or(PeriodError::Malformed)?));
    }
    sum(&parts)
}

fn iso_seconds(iso: &str) -> Result<i64, PeriodError> {
    let iso = iso.to_ascii_uppercase();
    let (date, time) = match iso.split_once('T') {
        Some((_, "")) => return Err(PeriodError::Malformed),
        Some((date, time)) => (date, time),
        None => (iso.as_str(), ""),
    };
    if date.is_empty() && time.is_empty() {
        return Err(PeriodError::Malformed);
    }
    let mut parts = iso_fields(date, &[('W', 7 * DAY), ('D', DAY)])?;
    parts.extend(iso_fields(time, &[('H', 3_600), ('M', 60), ('S', 1)])?);
    sum(&parts)
}

fn iso_fields(mut text: &str, units: &[(char, i64)]) -> Result<Vec<(i64, i64)>, PeriodError> {
    let mut parts = Vec::new();
    for (letter, unit) in units {
        if let Some((digits, rest)) = text.split_once(*letter) {
            parts.push((number(digits)?, *unit));
            text = rest;
        }
    }
    if text.is_empty() { Ok(parts) } else { Err(PeriodError::Malformed) }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, rest) = (self.0 / DAY, self.0 % DAY);
        if days > 0 {
            write!(f, "{days} ")?;
        }
        write!(f, "{:02}:{:02}:{:02}", rest / 3_600, rest % 3_600 / 60, rest % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_it_parses() {
        for (text, printed) in [
            ("30 00:00:00", "30 00:00:00"),
            ("00:00:00", "00:00:00"),
            ("0", "00:00:00"),
            ("90", "00:01:30"),
            ("1:30", "00:01:30"),
            ("36:00:00", "1 12:00:00"),
            ("P30D", "30 00:00:00"),
            ("P1W", "7 00:00:00"),
            ("P1DT2H3M4S", "1 02:03:04"),
            ("PT90S", "00:01:30"),
            ("P0D", "00:00:00"),
            ("-0", "00:00:00"),
        ] {
            assert_eq!(Period::parse(text).unwrap().to_string(), printed, "{text}");
        }
    }

    #[test]
    fn refuses_with_the_reason() {
        for (text, error) in [
            ("", PeriodError::Malformed),
            ("abc", PeriodError::Malformed),
            ("1:2:3:4", PeriodError::Malformed),
            ("P", PeriodError::Malformed),
            ("PT", PeriodError::Malformed),
            ("P1Y", PeriodError::Malformed),
            ("P1D2W", PeriodError::Malformed),
            ("30 days", PeriodError::Malformed),
            ("--5", PeriodError::Negative),
            (&"-".repeat(1_000_000), PeriodError::Malformed),
            (&format!("{}5", "- ".repeat(500_000)), PeriodError::Negative),
            ("-1 00:00:00", PeriodError::Negative),
            ("-P30D", PeriodError::Negative),
            ("3651 00:00:00", PeriodError::TooLong),
            ("99999999999999999999", PeriodError::TooLong),
            ("9223372036854775807 00:00:00", PeriodError::TooLong),
        ] {
            assert_eq!(Period::parse(text), Err(error), "{text}");
        }
    }
}
