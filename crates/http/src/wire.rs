use chrono::{DateTime, Utc};
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
        serializer.collect_str(&self.0.format("%Y-%m-%dT%H:%M:%S%.6fZ"))
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
}
