//! What must hold of whatever reads hostile bytes, whatever they are. Each function is a fuzz target (`make fuzz`); `cargo test`
//! tries it on the seeds and on what is like them.

use std::fmt::Write as _;

use actix_web::rt::System;
use actix_web::web::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Datelike as _, Utc};
use jobportal_application::{AccessTokens as _, SearchPosition};
use jobportal_domain::{
    MAX_SEARCH_PHRASE_WORDS, MAX_SEARCH_TERMS, MAX_SEARCH_WORD_CHARS, Pay, Period, PeriodError, SearchText, Term,
};
use jobportal_http::fuzzing;
use jobportal_security::{JwtTokens, ServerVault, TokenKeys};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

const SECRET: &str = "a secret of the fuzz targets that nobody guesses";

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn signed(header: &[u8], claims: &[u8]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    format!("{message}.{}", jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap())
}

/// `text` with some bytes changed, each as a pair of `changes` says.
fn changed(text: &str, changes: &[u8]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for change in changes.chunks_exact(2).take(8) {
        let place = usize::from(change[0]) * bytes.len() / 256;
        bytes[place] = change[1];
    }
    bytes
}

/// Access tokens. Nobody makes or changes one without the key, and whatever was signed with it is refused unless it could be issued.
/// The header and the claims are parted by a line break.
pub fn token(data: &[u8]) {
    let tokens = JwtTokens::new(TokenKeys::symmetric(SECRET), "portal", "api");
    assert_eq!(tokens.verify(&String::from_utf8_lossy(data), now()), None);

    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    let (header, claims) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if let Some(read) = tokens.verify(&signed(header, claims), now()) {
        assert!(read.expires_at > now());
        assert_eq!(serde_json::from_slice::<Value>(header).unwrap()["alg"], "HS256");
        let stated: Value = serde_json::from_slice(claims).unwrap();
        assert_eq!((&stated["iss"], &stated["id"]), (&json!("portal"), &json!(read.user_id.0)));
        assert_eq!(tokens.verify(&tokens.issue(&read).unwrap(), now()), Some(read));
    }

    let genuine = signed(br#"{"typ":"JWT","alg":"HS256"}"#, include_bytes!("genuine.json"));
    assert!(tokens.verify(&genuine, now()).is_some());
    let other = String::from_utf8_lossy(&changed(&genuine, data)).into_owned();
    assert!(other == genuine || tokens.verify(&other, now()).is_none(), "{other}");
}

/// The grammar of searches. Whatever is asked is bounded, and written down it is asked again.
pub fn query(data: &[u8]) {
    let search = SearchText::parse(&String::from_utf8_lossy(data));
    let terms = || search.groups().iter().flatten().chain(search.excluded());
    assert!(terms().count() <= MAX_SEARCH_TERMS && search.groups().iter().all(|group| !group.is_empty()));
    assert_eq!(search.is_empty(), terms().count() == 0);
    for term in terms() {
        let words = term.words();
        let most = if matches!(term, Term::Phrase(_)) { 2..=MAX_SEARCH_PHRASE_WORDS } else { 1..=1 };
        assert!(most.contains(&words.len()), "{term}");
        for word in words {
            assert!((1..=MAX_SEARCH_WORD_CHARS).contains(&word.chars().count()));
            assert!(word.starts_with(char::is_alphanumeric), "{word:?}");
            assert!(!word.contains(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric()), "{word:?}");
        }
    }
    assert_eq!(SearchText::parse(&search.to_string()), search);
}

/// Cursors. One text names one place, which a database knows; a signed one is refused with any change, and in another search.
pub fn cursor(data: &[u8]) {
    let vault = ServerVault::new(SECRET).unwrap();
    let text = String::from_utf8_lossy(data);
    if let Some((position, written)) = fuzzing::cursor(&text) {
        assert_eq!(written, text);
        assert!(position.id >= 0 && (1970..=9999).contains(&position.time.year()));
    }
    assert_eq!(fuzzing::signed_cursor(&vault, "", &text), None);

    let mut bytes = data.iter().copied().chain(std::iter::repeat(0));
    let mut number = || i64::from_be_bytes(std::array::from_fn(|_| bytes.next().unwrap_or_default()));
    let position = SearchPosition { key: number(), id: number() };
    let genuine = fuzzing::write_signed_cursor(&vault, &text, position);
    assert_eq!(fuzzing::signed_cursor(&vault, &text, &genuine), Some(position));
    assert_eq!(fuzzing::signed_cursor(&vault, &format!("{text} "), &genuine), None);
    let other = String::from_utf8_lossy(&changed(&genuine, data)).into_owned();
    assert!(other == genuine || fuzzing::signed_cursor(&vault, &text, &other).is_none(), "{other}");
}

/// The pay that a text says. It keeps the rules of one that is stated in figures, and written down it is read again.
pub fn salary(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Some(pay) = Pay::in_text(&text) else { return };
    assert_eq!(Pay::new(pay.minimum(), pay.maximum(), pay.currency(), pay.period()), Ok(pay));
    let (least, most) = pay.yearly();
    assert!(
        least.or(most).is_some_and(|amount| amount > 0)
            && least.is_none_or(|least| most.is_none_or(|most| least <= most))
    );
    // A point before three digits is a fraction or not: such a text is not guessed at.
    let ambiguous = pay.currency().minor_digits() == 3;
    let again = Pay::in_text(&pay.to_string());
    assert!(again == Some(pay) || (ambiguous && again.is_none()), "{text:?} is {pay}, which is {again:?}");
    assert_eq!(Pay::in_text(text.trim()), Some(pay));
}

/// Forms with a file. What is read doesn't depend on how the bytes arrive, and a file arrives as it was sent.
pub fn multipart(data: &[u8]) {
    let Some((size, body)) = data.split_first() else { return };
    let read = |content_type: &str, body: &[u8], size: usize| {
        let chunks = body.chunks(size.max(1)).map(Bytes::copy_from_slice).collect();
        RUNTIME.with(|runtime| runtime.block_on(fuzzing::form(content_type, chunks)))
    };
    for content_type in ["multipart/form-data; boundary=b", "application/json"] {
        let whole = read(content_type, body, body.len());
        assert!(matches!(whole, Ok(_) | Err(400 | 413)), "{whole:?}");
        assert_eq!(read(content_type, body, usize::from(*size)), whole);
    }

    let (boundary, text) = ("a boundary is chosen that is in no part", String::from_utf8_lossy(body));
    if text.contains(boundary) {
        return;
    }
    let mut form = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\n").into_bytes();
    form.extend(text.as_bytes());
    let mut head = String::new();
    write!(head, "\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n").unwrap();
    form.extend(head.as_bytes());
    form.extend(body);
    form.extend(format!("\r\n--{boundary}--\r\n").as_bytes());
    let honest = read(&format!("multipart/form-data; boundary=\"{boundary}\""), &form, usize::from(*size));
    let (keys, file) = honest.unwrap();
    assert_eq!((Value::from(keys), file.as_deref()), (json!({ "text": text }), Some(body)));
}

thread_local! {
    static RUNTIME: actix_web::rt::SystemRunner = System::new();
}

/// Lengths of time. They are within bounds, written down they are read again, and none is below zero.
pub fn duration(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let period = Period::parse(&text);
    let negative = match period {
        Ok(zero) if zero.is_endless() => Ok(zero),
        Ok(_) => Err(PeriodError::Negative),
        Err(error) => Err(error),
    };
    assert_eq!(Period::parse(&format!("-{text}")), negative);
    assert_eq!(Period::parse(&format!("\t{text} ")), period);
    let Ok(period) = period else { return };
    assert!((0..=Period::MAX_SECONDS).contains(&period.seconds()));
    assert_eq!((Period::parse(&period.to_string()), period.as_delta().num_seconds()), (Ok(period), period.seconds()));
}
