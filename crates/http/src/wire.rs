use chrono::{DateTime, Datelike, NaiveDateTime, SecondsFormat, SubsecRound, Utc};
use jobportal_domain::{DocumentKind, StoredDocument};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;
use utoipa::openapi::KnownFormat;
use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, SchemaType, Type};

use crate::openapi::{schema_of, string};

/// A time as the API writes it: RFC 3339 in UTC, with microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timestamp(pub(crate) DateTime<Utc>);

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

/// An answer that says what was done.
#[derive(Serialize, ToSchema)]
#[schema(as = Status)]
pub(crate) struct StatusBody {
    /// What was done, for people.
    pub(crate) status: &'static str,
}

/// An answer that holds something under `data`.
#[derive(Serialize)]
pub(crate) struct Data<T> {
    /// It.
    pub(crate) data: T,
}

/// Reads a time; without an offset it is in UTC.
pub(crate) fn parse_time(raw: &str) -> Result<DateTime<Utc>, &'static str> {
    const WRONG: &str = "Datetime has wrong format. Use one of these formats instead: \
                         YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].";
    let text = raw.trim();
    let with_offset = || DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    let local = |format| NaiveDateTime::parse_from_str(text, format).map(|time| time.and_utc());
    let time = with_offset()
        .or_else(|_| local("%Y-%m-%dT%H:%M:%S%.f"))
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M%#z").map(|time| time.to_utc()))
        .or_else(|_| local("%Y-%m-%dT%H:%M"))
        .or_else(|_| local("%Y-%m-%d %H:%M:%S%.f"))
        .map_err(|_| WRONG)?;
    if (1970..=9999).contains(&time.year()) {
        Ok(time.trunc_subsecs(6))
    } else {
        Err("Datetime is out of range. The year must be between 1970 and 9999.")
    }
}

/// The folder of the documents of a kind, as their addresses show it.
pub(crate) const fn folder(kind: DocumentKind) -> &'static str {
    match kind {
        DocumentKind::Resume => "resumes",
        DocumentKind::ProfilePicture => "profile_pictures",
    }
}

/// The address of a stored document, below the address of the API.
#[derive(Clone, Debug)]
pub(crate) struct DocumentPath(String);

impl From<&StoredDocument> for DocumentPath {
    fn from(document: &StoredDocument) -> Self {
        Self(format!("/documents/{}/{}.{}", folder(document.kind), document.public_id, document.format))
    }
}

impl Serialize for DocumentPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A number that may come as a text, as in a form; or a text of digits that may come as a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TextOrNumber(pub(crate) String);

/// The id of something, which may come as a text.
pub(crate) struct IdInput;

/// A yes or no, which may come as a text.
pub(crate) struct FlagInput;

fn either(types: [Type; 2]) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::from_iter(types))
}

schema_of! {
    Timestamp as "Timestamp" => string()
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .description(Some("RFC 3339, in UTC, with microseconds."))
        .examples(["2026-11-24T09:30:00.000000Z"]);
    DocumentPath as "DocumentPath" => string()
        .format(Some(SchemaFormat::Custom("uri-reference".to_owned())))
        .description(Some("The address of a file, below that of the API."))
        .examples(["/documents/resumes/q7Zk3xIuTn2oF1cXh0m5sA.pdf"]);
    TextOrNumber as "TextOrNumber" => either([Type::String, Type::Number]);
    IdInput as "IdInput" => either([Type::Integer, Type::String]).pattern(Some("^[0-9]{1,18}$"));
    FlagInput as "FlagInput" => either([Type::Boolean, Type::String]).pattern(Some("^(true|false|1|0)$"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_six_digits_and_a_z() {
        let written = serde_json::to_string(&Timestamp(DateTime::UNIX_EPOCH)).unwrap();
        assert_eq!(written, "\"1970-01-01T00:00:00.000000Z\"");
    }

    #[test]
    fn a_time_without_an_offset_is_in_utc() {
        for text in ["2024-12-31T23:59:59", "2024-12-31T23:59:59Z", "2025-01-01T05:59:59+06:00", "2024-12-31 23:59:59"]
        {
            assert_eq!(parse_time(text).unwrap().to_rfc3339(), "2024-12-31T23:59:59+00:00", "{text}");
        }
        for text in ["2024-12-31T23:59", "2024-12-31T23:59Z", "2025-01-01T05:59+06:00"] {
            assert_eq!(parse_time(text).unwrap().to_rfc3339(), "2024-12-31T23:59:00+00:00", "{text}");
        }
        assert_eq!(parse_time("2024-12-31T23:59:59.123456789Z").unwrap().timestamp_subsec_nanos(), 123_456_000);
    }

    #[test]
    fn what_is_no_time_or_out_of_range_is_refused() {
        for text in ["", "tomorrow", "2024-13-01T00:00:00", "2024-12-31", "1700000000"] {
            assert!(parse_time(text).unwrap_err().starts_with("Datetime has wrong format"), "{text}");
        }
        for text in ["0001-01-01T00:00:00Z", "+12345-01-01T00:00:00", "1969-12-31T23:59:59Z"] {
            assert!(parse_time(text).unwrap_err().starts_with("Datetime"), "{text}");
        }
    }
}
