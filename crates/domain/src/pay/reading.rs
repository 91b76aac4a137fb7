//! Finds the pay in a text.

use super::{Pay, PayPeriod};
use crate::Currency;
use crate::money::decimal;

/// Signs and names that mean one currency, or, as `$` does, one above all others. `¥` is not among them: it is two.
const SIGNS: &[(&str, &str)] = &[
    ("$", "USD"),
    ("US$", "USD"),
    ("A$", "AUD"),
    ("C$", "CAD"),
    ("HK$", "HKD"),
    ("NZ$", "NZD"),
    ("R$", "BRL"),
    ("S$", "SGD"),
    ("€", "EUR"),
    ("£", "GBP"),
    ("₹", "INR"),
    ("৳", "BDT"),
    ("Tk", "BDT"),
    ("₦", "NGN"),
    ("₱", "PHP"),
    ("₩", "KRW"),
    ("₫", "VND"),
    ("₺", "TRY"),
    ("₪", "ILS"),
    ("฿", "THB"),
];

/// Longer texts are not read for a pay.
const MAX_TEXT_BYTES: usize = 200;

/// [`Pay::in_text`].
pub(super) fn read(text: &str) -> Option<Pay> {
    if text.len() > MAX_TEXT_BYTES {
        return None;
    }
    let mut reader = Reader { rest: text };
    let from = reader.word("from");
    let up_to = !from && reader.word("up");
    if up_to && !reader.word("to") {
        return None;
    }
    let mut currencies = Vec::new();
    let mut first = reader.amount(&mut currencies)?;
    let second = if reader.dash() { Some(reader.amount(&mut currencies)?) } else { None };
    let period = reader.period();
    if !reader.is_at_end() || (up_to && second.is_some()) {
        return None;
    }
    let currency = *currencies.first()?;
    if currencies.iter().any(|other| *other != currency) {
        return None;
    }
    // "70-90k": the first figure shares the thousands of the second.
    if second.as_ref().is_some_and(|second| second.thousands) && first.is_short() {
        first.thousands = true;
    }
    let first = first.minor_units(currency)?;
    let (minimum, maximum) = match second {
        Some(second) => (Some(first), Some(second.minor_units(currency)?)),
        None => ((!up_to).then_some(first), (!from).then_some(first)),
    };
    let least_of_a_year = currency.parse_amount("1000").ok()?;
    let smallest = minimum.or(maximum)?;
    let absurd = maximum.is_some_and(|maximum| maximum / 100 > smallest)
        || smallest == 0
        || (period.is_none() && smallest < least_of_a_year);
    if absurd {
        return None;
    }
    Pay::new(minimum, maximum, currency, period.unwrap_or(PayPeriod::Year)).ok()
}

/// The period that a word of a text names.
fn period_of(word: &str) -> Option<PayPeriod> {
    match word {
        "hour" | "hr" | "h" | "hourly" => Some(PayPeriod::Hour),
        "day" | "daily" => Some(PayPeriod::Day),
        "week" | "wk" | "weekly" => Some(PayPeriod::Week),
        "month" | "mo" | "monthly" => Some(PayPeriod::Month),
        "year" | "yr" | "annum" | "yearly" | "annually" => Some(PayPeriod::Year),
        _ => None,
    }
}

/// A number as it was written.
struct Figure {
    whole: String,
    fraction: String,
    /// Whether its only point or comma stands before three digits, and is taken for one between thousands.
    maybe_fraction: bool,
    /// Whether it is followed by a `k`.
    thousands: bool,
}

impl Figure {
    /// Of the digits up to a separator, and each separator with the digits behind it.
    fn of(first: &str, groups: &[(char, &str)]) -> Option<Self> {
        let plain = |fraction: &str, whole: &[(char, &str)]| {
            whole_number(first, whole).map(|whole| Self {
                whole,
                fraction: fraction.to_owned(),
                maybe_fraction: false,
                thousands: false,
            })
        };
        match groups {
            [('.' | ',', fraction)] if fraction.len() != 3 || first.len() > 3 || first.starts_with('0') => {
                plain(fraction, &[])
            }
            [('.' | ',', _)] => plain("", groups).map(|figure| Self { maybe_fraction: true, ..figure }),
            [whole @ .., (last @ ('.' | ','), fraction)] if whole.iter().all(|(separator, _)| separator != last) => {
                plain(fraction, whole)
            }
            _ => plain("", groups),
        }
    }

    /// Whether it looks like one that leaves its thousands to another figure.
    fn is_short(&self) -> bool {
        !self.thousands && self.whole.len() <= 3
    }

    fn minor_units(&self, currency: Currency) -> Option<i64> {
        if self.maybe_fraction && (self.thousands || currency.minor_digits() > 2) {
            return None;
        }
        let places = currency.minor_digits() + if self.thousands { 3 } else { 0 };
        decimal(&format!("{}.{}", self.whole, self.fraction), places).ok()
    }
}

/// The digits of a number whose thousands, or lakhs and crores, are set apart by one kind of separator.
fn whole_number(first: &str, groups: &[(char, &str)]) -> Option<String> {
    let Some(((separator, last), middle)) = groups.split_last() else { return Some(first.to_owned()) };
    let grouped_by = |digits: usize| middle.iter().all(|(_, group)| group.len() == digits);
    let regular = middle.iter().all(|(other, _)| other == separator)
        && last.len() == 3
        && !first.starts_with('0')
        && ((first.len() <= 3 && grouped_by(3)) || (*separator == ',' && first.len() <= 2 && grouped_by(2)));
    regular.then(|| groups.iter().fold(first.to_owned(), |whole, (_, group)| whole + group))
}

/// What is left of a text.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn is_at_end(&mut self) -> bool {
        self.skip_space();
        self.rest.is_empty()
    }

    /// Takes as many characters as satisfy `wanted`.
    fn take(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn take_char(&mut self, wanted: impl Fn(char) -> bool) -> Option<char> {
        let first = self.rest.chars().next().filter(|c| wanted(*c))?;
        self.rest = self.rest.get(first.len_utf8()..).unwrap_or_default();
        Some(first)
    }

    /// Takes the next word if it is `wanted`, in any letter case.
    fn word(&mut self, wanted: &str) -> bool {
        self.skip_space();
        let before = self.rest;
        let found = self.take(char::is_alphabetic).eq_ignore_ascii_case(wanted);
        if !found {
            self.rest = before;
        }
        found
    }

    fn dash(&mut self) -> bool {
        self.skip_space();
        self.take_char(|c| matches!(c, '-' | '–' | '—')).is_some() || self.word("to")
    }

    /// Takes a currency's code, sign or name, if one is next.
    fn currency(&mut self) -> Option<Currency> {
        self.skip_space();
        let before = self.rest;
        let letters = self.take(char::is_alphabetic);
        let sign = self.take_char(|c| !c.is_alphanumeric()).map_or(0, char::len_utf8);
        let with_sign = before.get(..letters.len() + sign)?;
        // Not every three letters are meant as a code: "all" and "top" are words.
        let code = Some(letters).filter(|letters| letters.bytes().all(|b| b.is_ascii_uppercase()));
        let named = |text: &str| SIGNS.iter().find(|(name, _)| *name == text).map(|(_, code)| *code);
        let (code, length) = match (named(with_sign), named(letters), code) {
            (Some(code), _, _) => (code, with_sign.len()),
            (None, Some(code), _) | (None, None, Some(code)) => (code, letters.len()),
            (None, None, None) => ("", 0),
        };
        let currency = Currency::parse(code).ok();
        self.rest = before.get(if currency.is_some() { length } else { 0 }..)?;
        currency
    }

    /// Takes a figure with the currency before it, behind it, or both.
    fn amount(&mut self, currencies: &mut Vec<Currency>) -> Option<Figure> {
        currencies.extend(self.currency());
        self.skip_space();
        let figure = self.figure()?;
        currencies.extend(self.currency());
        Some(figure)
    }

    fn figure(&mut self) -> Option<Figure> {
        let first = self.take(|c| c.is_ascii_digit());
        let mut groups = Vec::new();
        loop {
            let before = self.rest;
            let separator = self.take_char(|c| matches!(c, '.' | ',' | '\'' | '’' | ' ' | '\u{a0}' | '\u{202f}'));
            let digits = self.take(|c| c.is_ascii_digit());
            match separator {
                Some(separator) if !digits.is_empty() => groups.push((separator, digits)),
                _ => {
                    self.rest = before;
                    break;
                }
            }
        }
        let figure = Some(first).filter(|first| !first.is_empty()).and_then(|first| Figure::of(first, &groups))?;
        Some(Figure { thousands: self.word("k"), ..figure })
    }

    /// Takes the period, if a whole one is next.
    fn period(&mut self) -> Option<PayPeriod> {
        self.skip_space();
        let before = self.rest;
        if let Some(rest) = before.strip_prefix("p.a.") {
            self.rest = rest;
            return Some(PayPeriod::Year);
        }
        // The word alone says it too: "monthly".
        let _ = self.take_char(|c| c == '/').is_some() || self.word("per") || self.word("a") || self.word("an");
        self.skip_space();
        let period = period_of(&self.take(char::is_alphabetic).to_ascii_lowercase());
        if period.is_none() {
            self.rest = before;
        }
        period
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(text: &str) -> Option<String> {
        Pay::in_text(text).map(|pay| pay.to_string())
    }

    #[test]
    fn reads_what_a_text_plainly_says() {
        for (text, pay) in [
            ("70,000 - 90,000 USD", "70000 - 90000 USD per year"),
            ("BDT 40,000 - 60,000 per month", "40000 - 60000 BDT per month"),
            ("JPY 3,800,000 - 4,500,000 per year", "3800000 - 4500000 JPY per year"),
            ("$70k-$90k", "70000 - 90000 USD per year"),
            ("$70-90K", "70000 - 90000 USD per year"),
            ("€45.000 – €55.000 a year", "45000 - 55000 EUR per year"),
            ("45 000 € - 55 000 € p.a.", "45000 - 55000 EUR per year"),
            ("45\u{a0}000\u{a0}€", "45000 EUR per year"),
            ("CHF 72'000 to 80’000", "72000 - 80000 CHF per year"),
            ("£25/hour", "25 GBP per hour"),
            ("£12.50 - £14 an hour", "12.50 - 14 GBP per hour"),
            ("50000 USD", "50000 USD per year"),
            ("  USD50,000.00 annually ", "50000 USD per year"),
            ("1.234,56 EUR monthly", "1234.56 EUR per month"),
            ("US$ 1.5k per week", "1500 USD per week"),
            ("INR 12,00,000 per annum", "1200000 INR per year"),
            ("Tk 40,000 per month", "40000 BDT per month"),
            ("HK$300 per day", "300 HKD per day"),
            ("up to 50,000 USD", "up to 50000 USD per year"),
            ("From €3000 / month", "from 3000 EUR per month"),
            ("from 3,000 to 4,000 EUR per month", "3000 - 4000 EUR per month"),
            ("1500 KWD per month", "1500 KWD per month"),
            ("1234.567 KWD per month", "1234.567 KWD per month"),
        ] {
            assert_eq!(told(text).as_deref(), Some(pay), "{text}");
        }
    }

    #[test]
    fn does_not_guess() {
        for text in [
            "",
            "Negotiable",
            "50000",
            "70,000 - 90,000",
            "¥5,000,000",
            "Rs 50,000",
            "50,000 ABC",
            "50,000 all",
            "70,000 USD - 90,000 EUR",
            "$70,000 CAD",
            "90,000 - 70,000 USD",
            "0 USD per hour",
            "50 USD",
            "$5 - $90,000",
            "$500 - $1k",
            "$1.234k",
            "KWD 1.500 per month",
            "1,5000 USD",
            "1,234 567 USD",
            "01,234 USD",
            "1,234.567 USD",
            "12.5 JPY per hour",
            "70,000 - USD",
            "-5000 USD",
            "70,000 - 80,000 - 90,000 USD",
            "up to 70,000 - 90,000 USD",
            "up 70,000 USD",
            "50,000 USD per",
            "50,000 USD per job",
            "50,000 USD plus bonus",
            "50,000 USD per month per person",
            "$9999999999999999999999",
            "৫০০০০ BDT",
            "50,000 USD.",
        ] {
            assert_eq!(told(text), None, "{text}");
        }
        assert_eq!(told(&format!("50000{}USD", " ".repeat(200))), None);
    }

    #[test]
    fn a_sign_names_a_currency() {
        assert!(SIGNS.iter().all(|(_, code)| Currency::parse(code).is_ok()));
    }

    fn pays() -> impl Strategy<Value = Pay> {
        let currencies: Vec<Currency> = Currency::all().collect();
        (
            prop::sample::select(currencies),
            prop::sample::select(PayPeriod::ALL),
            0..=Pay::MAX_AMOUNT,
            0..=Pay::MAX_AMOUNT,
            0..3_u8,
        )
            .prop_map(|(currency, period, one, other, ends)| {
                let (minimum, maximum) = (one.min(other), one.max(other));
                Pay::new((ends != 1).then_some(minimum), (ends != 2).then_some(maximum), currency, period).unwrap()
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn what_is_written_is_read_again_or_not_at_all(pay in pays()) {
            let read = Pay::in_text(&pay.to_string());
            let smallest = pay.minimum().or(pay.maximum()).unwrap_or_default();
            let absurd = smallest == 0 || pay.maximum().is_some_and(|maximum| maximum / 100 > smallest);
            let ambiguous = pay.currency().minor_digits() == 3 && smallest < 1_000_000;
            if absurd || ambiguous {
                prop_assert!(read.is_none() || read == Some(pay));
            } else {
                prop_assert_eq!(read, Some(pay));
            }
        }

        #[test]
        fn no_text_is_too_odd(text in "\\PC{0,60}", pieces in prop::collection::vec("[0-9$€kK.,/ -]{1,4}|USD|per|from|up to|hour", 0..12)) {
            for text in [text, pieces.concat()] {
                if let Some(pay) = Pay::in_text(&text) {
                    prop_assert_eq!(Pay::new(pay.minimum(), pay.maximum(), pay.currency(), pay.period()), Ok(pay));
                }
            }
        }
    }
}
