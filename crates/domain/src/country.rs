use std::fmt;

use crate::NotAChoice;

/// The codes of ISO 3166-1 that are officially assigned.
const CODES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY \
    BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD \
    GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN \
    KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE \
    NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM \
    SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT \
    ZA ZM ZW";

/// A country, by its two-letter code of ISO 3166-1.
///
/// ```
/// use jobportal_domain::Country;
///
/// assert_eq!(Country::parse("bd").unwrap().as_str(), "BD");
/// assert!(Country::parse("UK").is_err()); // it is GB
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country(&'static str);

impl Country {
    /// Every country, in the order of the codes.
    pub fn all() -> impl Iterator<Item = Self> {
        CODES.split(' ').map(Self)
    }

    /// Finds the country of a code in any letter case.
    pub fn parse(text: &str) -> Result<Self, NotAChoice> {
        Self::all().find(|known| known.0.eq_ignore_ascii_case(text)).ok_or_else(|| NotAChoice::new(text))
    }

    /// Its code, in capitals.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_all_that_are_assigned() {
        let codes: Vec<&str> = Country::all().map(Country::as_str).collect();
        assert_eq!(codes.len(), 249);
        assert!(codes.is_sorted_by(|one, next| one < next));
        assert!(codes.iter().all(|code| code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase())));
    }

    #[test]
    fn reads_any_letter_case_and_nothing_else() {
        assert_eq!(Country::parse("De"), Country::parse("DE"));
        for text in ["", " ", "D", "DEU", "XX", "ZZ", "AD AE", "DE "] {
            assert!(Country::parse(text).is_err(), "{text}");
        }
    }
}
