use std::fmt;

use thiserror::Error;

use crate::closed_set::closed_set;
use crate::{Currency, MoneyError};

mod reading;

closed_set! {
    /// The time that a pay is for.
    PayPeriod {
        /// An hour of work.
        Hour = "hour",
        /// A day of work.
        Day = "day",
        /// A week.
        Week = "week",
        /// A month.
        Month = "month",
        /// A year.
        Year = "year",
    }
}

impl PayPeriod {
    /// How many of them a year of full-time work has: 2,080 hours (52 weeks of 40), 260 days (52 weeks of 5), 52 weeks, 12 months.
    pub const fn per_year(self) -> i64 {
        match self {
            Self::Hour => 2_080,
            Self::Day => 260,
            Self::Week => 52,
            Self::Month => 12,
            Self::Year => 1,
        }
    }
}

/// Why a pay was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PayError {
    /// Neither a smallest nor a largest pay.
    #[error("Give the smallest pay, the largest pay, or both.")]
    Missing,
    /// Not a plain decimal number, or below zero.
    #[error(transparent)]
    Amount(MoneyError),
    /// More digits behind the point than the currency has.
    #[error("Ensure that there are no more than {places} decimal places.")]
    TooPrecise {
        /// How many the currency has.
        places: usize,
    },
    /// Over [`Pay::MAX_AMOUNT`].
    #[error("Ensure that there are no more than 14 digits in total.")]
    TooLarge,
    /// The smallest pay is over the largest.
    #[error("The smallest pay is larger than the largest.")]
    Reversed,
}

/// What a job pays: a range that may be open at one end, of one currency, for one period. A single figure is both its ends.
///
/// Written, it is read again by [`Pay::in_text`], which does the same for what people write.
///
/// ```
/// use jobportal_domain::{Pay, PayPeriod};
///
/// let pay = Pay::in_text("BDT 40,000 - 60,000 per month").unwrap();
/// assert_eq!((pay.minimum(), pay.maximum()), (Some(4_000_000), Some(6_000_000)));
/// assert_eq!((pay.currency().as_str(), pay.period()), ("BDT", PayPeriod::Month));
/// assert_eq!(pay.yearly(), (Some(48_000_000), Some(72_000_000)));
/// assert_eq!(pay.to_string(), "40000 - 60000 BDT per month");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pay {
    minimum: Option<i64>,
    maximum: Option<i64>,
    currency: Currency,
    period: PayPeriod,
}

impl Pay {
    /// The largest amount in minor units: 14 digits, so that a year's pay is an `i64` whatever the period.
    pub const MAX_AMOUNT: i64 = 99_999_999_999_999;

    /// A pay of amounts in minor units of `currency`, from 0 to [`Self::MAX_AMOUNT`]; reports the first broken rule.
    pub fn new(
        minimum: Option<i64>,
        maximum: Option<i64>,
        currency: Currency,
        period: PayPeriod,
    ) -> Result<Self, PayError> {
        for amount in [minimum, maximum].into_iter().flatten() {
            match amount {
                i64::MIN..=-1 => return Err(PayError::Amount(MoneyError::Negative)),
                0..=Self::MAX_AMOUNT => {}
                _ => return Err(PayError::TooLarge),
            }
        }
        match (minimum, maximum) {
            (None, None) => Err(PayError::Missing),
            (Some(minimum), Some(maximum)) if minimum > maximum => Err(PayError::Reversed),
            _ => Ok(Self { minimum, maximum, currency, period }),
        }
    }

    /// The smallest pay in minor units; `None` where only the largest is known.
    pub const fn minimum(self) -> Option<i64> {
        self.minimum
    }

    /// The largest pay in minor units; `None` where only the smallest is known.
    pub const fn maximum(self) -> Option<i64> {
        self.maximum
    }

    /// Of both amounts.
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// The time that the amounts are for.
    pub const fn period(self) -> PayPeriod {
        self.period
    }

    /// Smallest and largest pay for a year of full-time work in minor units, by the factors of [`PayPeriod::per_year`]. It makes
    /// pays of one currency comparable, and is no promise.
    pub fn yearly(self) -> (Option<i64>, Option<i64>) {
        let year = |amount: i64| amount.saturating_mul(self.period.per_year());
        (self.minimum.map(year), self.maximum.map(year))
    }

    /// Finds the pay that a text plainly says, and says nothing else: one figure or two, with one currency, and a period unless it
    /// is a year, as in `70,000 - 90,000 USD`, `$70k-$90k`, `€45.000 – €55.000 a year`, `£25/hour`, `up to 50000 USD`.
    ///
    /// What can be meant in two ways is not guessed at: `None` for a sign of several currencies (`¥`; but `$` is the US dollar),
    /// two currencies, none, a point before the three last digits of a currency that has thousandths, figures in the wrong order,
    /// a largest over a hundred times the smallest, under 1,000 a year without the word, any other word, and texts over 200 bytes.
    pub fn in_text(text: &str) -> Option<Self> {
        reading::read(text)
    }
}

impl fmt::Display for Pay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = |amount| {
            let text = self.currency.amount_text(amount);
            match text.split_once('.') {
                Some((whole, fraction)) if fraction.bytes().all(|digit| digit == b'0') => whole.to_owned(),
                _ => text,
            }
        };
        match (self.minimum.map(amount), self.maximum.map(amount)) {
            (Some(minimum), Some(maximum)) if minimum == maximum => write!(f, "{minimum}")?,
            (Some(minimum), Some(maximum)) => write!(f, "{minimum} - {maximum}")?,
            (Some(minimum), None) => write!(f, "from {minimum}")?,
            (None, maximum) => write!(f, "up to {}", maximum.unwrap_or_default())?,
        }
        write!(f, " {} per {}", self.currency, self.period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pay_has_an_end_and_its_ends_are_in_order() {
        let currency = Currency::parse("USD").unwrap();
        let pay = |minimum, maximum| Pay::new(minimum, maximum, currency, PayPeriod::Hour);
        assert_eq!(pay(None, None), Err(PayError::Missing));
        assert_eq!(pay(Some(2), Some(1)), Err(PayError::Reversed));
        assert_eq!(pay(Some(-1), None), Err(PayError::Amount(MoneyError::Negative)));
        assert_eq!(pay(None, Some(Pay::MAX_AMOUNT + 1)), Err(PayError::TooLarge));
        assert_eq!(
            pay(Some(0), Some(Pay::MAX_AMOUNT)).unwrap().yearly(),
            (Some(0), Some(Pay::MAX_AMOUNT * PayPeriod::Hour.per_year()))
        );
        assert_eq!(pay(Some(1_000), None).unwrap().yearly(), (Some(2_080_000), None));
    }
}
