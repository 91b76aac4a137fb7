use chrono::{DateTime, Utc};
use jobportal_domain::{DocumentKind, StoredDocument};
use serde::{Serialize, Serializer};

/// A time as the API writes it: RFC 3339 in UTC, with microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timestamp(pub(crate) DateTime<Utc>);

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.format("%Y-%m-%dT%H:%M:%S%.6fZ"))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_six_digits_and_a_z() {
        let written = serde_json::to_string(&Timestamp(DateTime::UNIX_EPOCH)).unwrap();
        assert_eq!(written, "\"1970-01-01T00:00:00.000000Z\"");
    }
}
