use std::fmt;

use crate::money::decimal;
use crate::{MoneyError, NotAChoice, Pay, PayError};

/// The currencies of ISO 4217 that are in use, by the number of digits behind the point. Funds, metals and test codes are none.
const CURRENCIES: &[(usize, &str)] = &[
    (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"),
    (
        2,
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE \
         CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR \
         KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB \
         PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY \
         TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG",
    ),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
];

/// A currency in use, by its alphabetic code of ISO 4217.
///
/// ```
/// use jobportal_domain::Currency;
///
/// let dinar = Currency::parse("kwd").unwrap();
/// assert_eq!((dinar.as_str(), dinar.minor_digits()), ("KWD", 3));
/// assert_eq!(dinar.parse_amount("450.5").unwrap(), 450_500);
/// assert_eq!(dinar.amount_text(450_500), "450.500");
/// assert!(Currency::parse("DEM").is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency {
    code: &'static str,
    minor_digits: usize,
}

impl Currency {
    /// Every currency, in no particular order.
    pub fn all() -> impl Iterator<Item = Self> {
        let of_digits = |(digits, codes): &'static (usize, &'static str)| codes.split(' ').map(|code| (*digits, code));
        CURRENCIES.iter().flat_map(of_digits).map(|(minor_digits, code)| Self { code, minor_digits })
    }

    /// Finds the currency of a code in any letter case.
    pub fn parse(text: &str) -> Result<Self, NotAChoice> {
        Self::all().find(|known| known.code.eq_ignore_ascii_case(text)).ok_or_else(|| NotAChoice::new(text))
    }

    /// Its code, in capitals.
    pub const fn as_str(self) -> &'static str {
        self.code
    }

    /// How many digits stand behind the point: 2 of most, 0 of the yen, 3 of the Kuwaiti dinar.
    pub const fn minor_digits(self) -> usize {
        self.minor_digits
    }

    /// Reads a plain decimal number such as `70000` or `70000.50` as minor units of this currency, of at most
    /// [`Pay::MAX_AMOUNT`].
    pub fn parse_amount(self, raw: &str) -> Result<i64, PayError> {
        let places = self.minor_digits;
        match decimal(raw, places) {
            Ok(amount) if amount <= Pay::MAX_AMOUNT => Ok(amount),
            Ok(_) | Err(MoneyError::TooLarge) => Err(PayError::TooLarge),
            Err(MoneyError::TooPrecise) => Err(PayError::TooPrecise { places }),
            Err(error) => Err(PayError::Amount(error)),
        }
    }

    /// An amount in minor units as a plain decimal number with all digits of this currency; [`Self::parse_amount`] reads it.
    pub fn amount_text(self, amount: i64) -> String {
        if self.minor_digits == 0 {
            return amount.to_string();
        }
        let unit = 10_i64.pow(u32::try_from(self.minor_digits).unwrap_or_default());
        format!("{}.{:0digits$}", amount / unit, amount % unit, digits = self.minor_digits)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_has_the_digits_of_its_currency() {
        let currency = |code| Currency::parse(code).unwrap();
        assert_eq!(currency("usd").parse_amount("70000.5"), Ok(7_000_050));
        assert_eq!(currency("JPY").parse_amount("3800000.00"), Ok(3_800_000));
        assert_eq!(currency("JPY").parse_amount("1.5"), Err(PayError::TooPrecise { places: 0 }));
        assert_eq!(currency("USD").parse_amount("1.005"), Err(PayError::TooPrecise { places: 2 }));
        assert_eq!(currency("USD").parse_amount("999999999999.99"), Ok(Pay::MAX_AMOUNT));
        assert_eq!(currency("USD").parse_amount("1000000000000"), Err(PayError::TooLarge));
        assert_eq!(currency("USD").parse_amount("-1"), Err(PayError::Amount(MoneyError::Negative)));
        assert_eq!(currency("USD").parse_amount("x"), Err(PayError::Amount(MoneyError::Malformed)));
        assert_eq!(currency("JPY").amount_text(0), "0");
        assert_eq!(currency("USD").amount_text(5), "0.05");
        assert_eq!(currency("TND").amount_text(1_234_567), "1234.567");
        assert_eq!(Currency::parse("XXX").unwrap_err().to_string(), "\"XXX\" is not a valid choice.");
    }

    #[test]
    fn codes_are_three_capitals_and_unique() {
        let codes: Vec<&str> = Currency::all().map(Currency::as_str).collect();
        assert!(codes.iter().all(|code| code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase())), "{codes:?}");
        assert_eq!(codes.iter().collect::<std::collections::BTreeSet<_>>().len(), codes.len());
    }
}
