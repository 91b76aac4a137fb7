use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Datelike};
use jobportal_application::{Position, SearchPosition, Vault};

/// What is wrong with a cursor. Which part of it is nobody's business: a cursor is passed back as it came.
const INVALID: &str = "Invalid cursor. Pass a `next_cursor` of the same list as it was given.";

/// The same of a cursor of a search.
const INVALID_IN_SEARCH: &str =
    "Invalid cursor. Pass a `next_cursor` of the same search as it was given, with the same filters and order.";

/// The form of all cursors; one of another form is not read.
const FORM: u8 = 1;

/// A list that is read by cursor. A cursor of one is none of another.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum List {
    /// Changes of jobs.
    JobChanges = b'j',
    /// Changes of applications.
    ApplicationChanges = b'a',
}

/// Writes a place in a list as a text that clients pass back. It is neither signed nor sealed: all it can name are places in a
/// list that whoever has it may read anyway.
pub(crate) fn write(list: List, position: Position) -> String {
    encode(list as u8, position.time.timestamp_micros(), position.id)
}

/// Reads what [`write`] wrote for the same list.
pub(crate) fn read(list: List, text: &str) -> Result<Position, &'static str> {
    let (micros, id) = decode(list as u8, text).filter(|(_, id)| *id >= 0).ok_or(INVALID)?;
    // Databases know no times too far off.
    let time = DateTime::from_timestamp_micros(micros).filter(|time| (1970..=9999).contains(&time.year()));
    time.map(|time| Position { time, id }).ok_or(INVALID)
}

/// Writes a place of some kind: what its list is ordered by, and an id.
fn encode(kind: u8, key: i64, id: i64) -> String {
    let mut bytes = vec![FORM, kind];
    bytes.extend(key.to_be_bytes());
    bytes.extend(id.to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads what [`encode`] wrote for the same kind.
fn decode(kind: u8, text: &str) -> Option<(i64, i64)> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (head, rest) = bytes.split_first_chunk::<2>()?;
    let (key, id) = rest.split_first_chunk()?;
    (*head == [FORM, kind]).then_some((i64::from_be_bytes(*key), i64::from_be_bytes(id.try_into().ok()?)))
}

/// What the keyed hash of a cursor of a search is made for.
const SEARCH: &str = "search cursor";

/// The kind of places among what a search finds; no [`List`] has it.
const SEARCH_KIND: u8 = b's';

/// Writes a place among what a search finds. It is signed together with `search`, which says what is looked for and in which order:
/// a cursor is good for its own search alone, and no place that somebody made up gets into a query.
pub(crate) fn write_signed(vault: &dyn Vault, search: &str, position: SearchPosition) -> String {
    let place = encode(SEARCH_KIND, position.key, position.id);
    let signature = vault.digest(SEARCH, &format!("{place} {search}"));
    format!("{place}.{signature}")
}

/// Reads what [`write_signed`] wrote for the same search.
pub(crate) fn read_signed(vault: &dyn Vault, search: &str, text: &str) -> Result<SearchPosition, &'static str> {
    let (place, signature) = text.split_once('.').ok_or(INVALID_IN_SEARCH)?;
    if !vault.matches(SEARCH, &format!("{place} {search}"), signature) {
        return Err(INVALID_IN_SEARCH);
    }
    let (key, id) = decode(SEARCH_KIND, place).ok_or(INVALID_IN_SEARCH)?;
    Ok(SearchPosition { key, id })
}

#[cfg(test)]
pub(crate) mod tests {
    use chrono::{NaiveDate, NaiveTime};

    use super::*;

    /// Hides nothing; enough to see what is signed.
    pub(crate) struct OpenVault;

    impl Vault for OpenVault {
        fn digest(&self, context: &str, secret: &str) -> String {
            format!("{secret} {context}").chars().rev().collect()
        }

        fn matches(&self, context: &str, secret: &str, digest: &str) -> bool {
            self.digest(context, secret) == digest
        }

        fn seal(&self, plain: &str) -> jobportal_application::Result<String> {
            Ok(plain.to_owned())
        }

        fn open(&self, sealed: &str) -> jobportal_application::Result<String> {
            Ok(sealed.to_owned())
        }
    }

    #[test]
    fn a_signed_cursor_is_good_for_its_search_alone() {
        for (key, id) in [(i64::MIN, i64::MAX), (0, 1), (-7, 8)] {
            let position = SearchPosition { key, id };
            let text = write_signed(&OpenVault, "newest rust", position);
            assert_eq!(read_signed(&OpenVault, "newest rust", &text), Ok(position));
            assert_eq!(read_signed(&OpenVault, "newest go", &text), Err(INVALID_IN_SEARCH));
            let (place, signature) = text.split_once('.').unwrap();
            for other in [place, signature, "", ".", &format!("{text}0"), &format!("A{text}"), &text[1..]] {
                assert_eq!(read_signed(&OpenVault, "newest rust", other), Err(INVALID_IN_SEARCH), "{other}");
            }
        }
        // Another form or list, and too short or long, though signed.
        for bytes in [
            [&[0, b's'][..], &[0; 16]].concat(),
            [&[FORM, b'j'][..], &[0; 16]].concat(),
            vec![FORM, b's', 0],
            vec![0; 19],
        ] {
            let place = URL_SAFE_NO_PAD.encode(bytes);
            let signature = OpenVault.digest(SEARCH, &format!("{place} x"));
            assert_eq!(read_signed(&OpenVault, "x", &format!("{place}.{signature}")), Err(INVALID_IN_SEARCH));
        }
    }

    fn position() -> Position {
        Position { time: DateTime::from_timestamp_micros(1_795_521_600_123_456).unwrap(), id: i64::MAX }
    }

    #[test]
    fn a_cursor_comes_back_as_the_place_it_was_made_of() {
        let end = NaiveDate::from_ymd_opt(9999, 12, 31).unwrap().and_time(NaiveTime::from_hms_opt(23, 59, 59).unwrap());
        for position in [Position::default(), position(), Position::before(end.and_utc())] {
            let text = write(List::JobChanges, position);
            assert_eq!(text.len(), 24);
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{text}");
            assert_eq!(read(List::JobChanges, &text), Ok(position));
            assert_eq!(read(List::ApplicationChanges, &text), Err(INVALID));
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let good = write(List::JobChanges, position());
        let bytes = URL_SAFE_NO_PAD.decode(&good).unwrap();
        let changed = |place: usize, value: u8| {
            let mut bytes = bytes.clone();
            bytes[place] = value;
            URL_SAFE_NO_PAD.encode(bytes)
        };
        // Another form and kind, times before 1970 and after 9999, and a negative id.
        for (place, value) in [(0, 0), (0, 2), (1, 0), (2, 0x80), (2, 0x7f), (10, 0x80)] {
            assert_eq!(read(List::JobChanges, &changed(place, value)), Err(INVALID), "{place}");
        }
        for text in
            ["x", "AQ", "=", "ä", " ", &good[..23], &good[1..], &format!("{good}A"), &format!("{good}AAAA"), "\0"]
        {
            assert_eq!(read(List::JobChanges, text), Err(INVALID), "{text}");
        }
    }
}
