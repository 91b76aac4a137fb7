use thiserror::Error;

use crate::closed_set::closed_set;
use crate::{DocumentId, UserId};

closed_set! {
    /// What a stored document is.
    DocumentKind {
        /// The curriculum vitae of a candidate.
        Resume = "resume",
        /// The picture of a profile.
        ProfilePicture = "profile_picture",
    }
}

impl DocumentKind {
    /// The largest size, in bytes: 5 MiB for a résumé, 2 MiB for a picture.
    pub const fn max_bytes(self) -> usize {
        match self {
            Self::Resume => 5 * 1024 * 1024,
            Self::ProfilePicture => 2 * 1024 * 1024,
        }
    }

    /// The formats that are taken.
    pub const fn formats(self) -> &'static [DocumentFormat] {
        match self {
            Self::Resume => &[DocumentFormat::Pdf, DocumentFormat::Docx, DocumentFormat::Odt],
            Self::ProfilePicture => &[DocumentFormat::Jpeg, DocumentFormat::Png, DocumentFormat::Webp],
        }
    }
}

closed_set! {
    /// The format of a stored document, by its file name extension.
    DocumentFormat {
        /// Portable Document Format.
        Pdf = "pdf",
        /// Office Open XML text.
        Docx = "docx",
        /// `OpenDocument` text.
        Odt = "odt",
        /// JPEG image.
        Jpeg = "jpeg",
        /// PNG image.
        Png = "png",
        /// WebP image.
        Webp = "webp",
    }
}

impl DocumentFormat {
    /// The media type that it is served as.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            Self::Odt => "application/vnd.oasis.opendocument.text",
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
        }
    }

    /// Finds the format by the content alone; the name and the type that a client sends prove nothing.
    fn detect(content: &[u8]) -> Option<Self> {
        if is_docx(content) {
            return Some(Self::Docx);
        }
        let media_type = infer::get(content)?.mime_type();
        Self::ALL.iter().copied().find(|format| format.media_type() == media_type)
    }
}

/// A ZIP archive whose directory names the two parts that every DOCX has (ECMA-376 part 2). Names in that directory are
/// never compressed, and programs differ in the order they write them in.
fn is_docx(content: &[u8]) -> bool {
    let names = |part: &[u8]| content.windows(part.len()).any(|window| window == part);
    content.starts_with(b"PK\x03\x04") && names(b"[Content_Types].xml") && names(b"word/document.xml")
}

/// Why a file was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// No content.
    #[error("The submitted file is empty.")]
    Empty,
    /// Over the limit of its kind.
    #[error("The submitted file is too large. It may be at most {} MiB.", .max_bytes / 1024 / 1024)]
    TooLarge {
        /// The largest size, in bytes.
        max_bytes: usize,
    },
    /// Not a document in one of the formats of its kind.
    #[error("Upload a document in one of these formats: PDF, DOCX, ODT.")]
    NotAResume,
    /// Not an image in one of the formats of its kind.
    #[error("Upload an image in one of these formats: JPEG, PNG, WebP.")]
    NotAPicture,
}

/// A document that is kept for its owner under a name that can't be guessed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDocument {
    /// Its identity inside.
    pub id: DocumentId,
    /// Its random name outside.
    pub public_id: String,
    /// Who put it there.
    pub owner_id: UserId,
    /// What it is.
    pub kind: DocumentKind,
    /// Its format, found by its content.
    pub format: DocumentFormat,
    /// Its size in bytes.
    pub size: u64,
}

impl DocumentKind {
    /// Judges an uploaded file by size and content, and tells its format. A file name and a media type that come with
    /// it play no part. Only the signature of a format is looked at: a file may still be damaged.
    ///
    /// Fails with the first that holds of [`DocumentError::Empty`], [`DocumentError::TooLarge`] (over
    /// [`Self::max_bytes`]), and [`DocumentError::NotAResume`] or [`DocumentError::NotAPicture`] (none of
    /// [`Self::formats`]).
    ///
    /// ```
    /// use jobportal_domain::{DocumentFormat, DocumentKind};
    ///
    /// assert_eq!(DocumentKind::Resume.inspect(b"%PDF-1.7\n"), Ok(DocumentFormat::Pdf));
    /// assert!(DocumentKind::ProfilePicture.inspect(b"%PDF-1.7\n").is_err());
    /// ```
    pub fn inspect(self, content: &[u8]) -> Result<DocumentFormat, DocumentError> {
        if content.is_empty() {
            return Err(DocumentError::Empty);
        }
        if content.len() > self.max_bytes() {
            return Err(DocumentError::TooLarge { max_bytes: self.max_bytes() });
        }
        DocumentFormat::detect(content).filter(|format| self.formats().contains(format)).ok_or(match self {
            Self::Resume => DocumentError::NotAResume,
            Self::ProfilePicture => DocumentError::NotAPicture,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stored (not compressed) entry of a ZIP archive.
    fn zip_entry(name: &str, content: &str) -> Vec<u8> {
        let length = |n: usize| u32::try_from(n).unwrap().to_le_bytes();
        let mut bytes = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
        bytes.extend(length(content.len()));
        bytes.extend(length(content.len()));
        bytes.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        bytes.extend([0, 0]);
        bytes.extend(name.as_bytes());
        bytes.extend(content.as_bytes());
        bytes
    }

    #[test]
    fn knows_each_format_by_its_content() {
        let docx = [
            zip_entry("[Content_Types].xml", "<Types/>"),
            zip_entry("_rels/.rels", "<R/>"),
            zip_entry("word/document.xml", "<w/>"),
        ]
        .concat();
        let odt = zip_entry("mimetype", "application/vnd.oasis.opendocument.text");
        for (kind, content, format) in [
            (DocumentKind::Resume, b"%PDF-1.4\n%".to_vec(), DocumentFormat::Pdf),
            (DocumentKind::Resume, docx, DocumentFormat::Docx),
            (DocumentKind::Resume, odt, DocumentFormat::Odt),
            (DocumentKind::ProfilePicture, b"\xFF\xD8\xFF\xE0\0\x10JFIF".to_vec(), DocumentFormat::Jpeg),
            (DocumentKind::ProfilePicture, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(), DocumentFormat::Png),
            (DocumentKind::ProfilePicture, b"RIFF\x1a\0\0\0WEBPVP8 ".to_vec(), DocumentFormat::Webp),
        ] {
            assert_eq!(kind.inspect(&content), Ok(format));
        }
    }

    #[test]
    fn refuses_other_content_whatever_its_name() {
        let gif = b"GIF89a\x01\0\x01\0";
        let script = b"<?php system($_GET['c']); ?>";
        let zip = zip_entry("evil.exe", "MZ");
        for content in [gif.as_slice(), script, &zip, b"<svg xmlns='http://www.w3.org/2000/svg'/>"] {
            assert_eq!(DocumentKind::ProfilePicture.inspect(content), Err(DocumentError::NotAPicture));
            assert_eq!(DocumentKind::Resume.inspect(content), Err(DocumentError::NotAResume));
        }
        assert_eq!(DocumentKind::Resume.inspect(b"\xFF\xD8\xFF\xE0\0\x10JFIF"), Err(DocumentError::NotAResume));
    }

    #[test]
    fn refuses_nothing_and_too_much() {
        assert_eq!(DocumentKind::Resume.inspect(b""), Err(DocumentError::Empty));
        let mut large = b"%PDF-1.4\n".to_vec();
        large.resize(DocumentKind::Resume.max_bytes() + 1, b' ');
        let error = DocumentKind::Resume.inspect(&large).unwrap_err();
        assert_eq!(error.to_string(), "The submitted file is too large. It may be at most 5 MiB.");
    }
}
