//! Mail of the job portal: its texts, and the adapters of the [`Mailer`] port.
//!
//! # Duty and invariants
//! - A mail is rendered from a notification by one pair of templates per kind, text and HTML, in one HTML layout. What users
//!   wrote is escaped in HTML and is one short line everywhere; no header can be slipped in through it.
//! - A mail sent twice has the same `Message-ID` both times.
//! - A mailer fails in one of three ways: *refused* means that the server will never take this mail, *away* that it takes none
//!   from us now, because of a wrong password of ours say, *unavailable* everything else.
//! - Errors hold neither the code that a mail brings nor the password of the mail server.
//! - Only what [`is_for_development`] writes a mail to a file or the log.
//!
//! Where mails go is chosen by URL, see [`from_url`].

mod compose;
mod file;
mod log;
mod smtp;
mod text;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jobportal_application::Mailer;
use thiserror::Error;

pub use file::FileMailer;
pub use log::LogMailer;
pub use smtp::SmtpMailer;

use compose::Composer;

/// Why no mailer was made, in words for the operator that follow the name of the [setting](Self::setting).
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MailerError {
    /// The URL has none of the known forms.
    #[error("has to be smtp://HOST, smtps://HOST, file:DIRECTORY or log:")]
    UnknownForm,
    /// The URL names no mail server.
    #[error("names no mail server: {0}")]
    Url(String),
    /// The sender is no address.
    #[error("is no mail address: it has to look like Job Portal <no-reply@example.com>")]
    Sender,
    /// The directory can't be written.
    #[error("names the directory {}, which can't be written: {source}", .dir.display())]
    Directory {
        /// Which one.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file of authorities can't be read.
    #[error("names {}, which can't be read: {source}", .file.display())]
    UnreadableAuthorities {
        /// Which one.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file of authorities holds no certificates, or bad ones.
    #[error("names {}, which has to hold certificates in PEM", .0.display())]
    Authorities(PathBuf),
}

impl MailerError {
    /// Which setting is to blame.
    pub fn setting(&self) -> &'static str {
        match self {
            Self::UnknownForm | Self::Url(_) | Self::Directory { .. } => "mail.url",
            Self::Sender => "mail.from",
            Self::UnreadableAuthorities { .. } | Self::Authorities(_) => "mail.ca_file",
        }
    }
}

/// Makes the mailer that `url` names, with `from` as the sender of all mails.
///
/// - `smtp://HOST[:PORT]`, with `?tls=required` or `?tls=opportunistic` for STARTTLS, and `smtps://HOST[:PORT]` for TLS from
///   the first byte; `USER:PASSWORD@` before the host where the server wants it. The authorities whose certificates stand
///   in `ca_file` are trusted beside the public ones. `timeout` is the longest time that one mail may take.
/// - `file:DIRECTORY` writes each mail to a file; with `print` it writes the text to the log too.
/// - `log:` writes each mail to the log.
pub fn from_url(
    url: &str,
    from: &str,
    ca_file: Option<&Path>,
    print: bool,
    timeout: Duration,
) -> Result<Arc<dyn Mailer>, MailerError> {
    Ok(match scheme(url) {
        Some(("smtp" | "smtps", _)) => Arc::new(SmtpMailer::new(url, from, ca_file, timeout)?),
        Some(("file", dir)) if !dir.is_empty() => Arc::new(FileMailer::new(dir, from, print)?),
        Some(("log", _)) => Arc::new(LogMailer::new(from)?),
        _ => return Err(MailerError::UnknownForm),
    })
}

/// Whether `url` names a mailer that writes mails, codes included, where a developer can read them.
pub fn is_for_development(url: &str) -> bool {
    matches!(scheme(url), Some(("file" | "log", _)))
}

fn scheme(url: &str) -> Option<(&str, &str)> {
    url.trim().split_once(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: &str = "Job Portal <no-reply@jobs.example>";

    #[test]
    fn the_url_chooses_the_mailer() {
        let dir = tempfile::tempdir().unwrap();
        let file = format!("file:{}", dir.path().join("a/b").display());
        for (url, for_development) in [
            ("smtp://localhost", false),
            ("smtp://127.0.0.1:2525", false),
            ("smtp://mail.example.com?tls=required", false),
            ("smtp://user:p%40ss@mail.example.com:587?tls=opportunistic", false),
            ("smtps://user:secret@mail.example.com", false),
            (file.as_str(), true),
            ("log:", true),
        ] {
            assert!(from_url(url, FROM, None, false, Duration::from_secs(1)).is_ok(), "{url}");
            assert_eq!(is_for_development(url), for_development, "{url}");
        }
        assert!(dir.path().join("a/b").is_dir());
    }

    #[test]
    fn says_what_is_wrong_and_no_password() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        for (url, from, reason) in [
            ("", FROM, "has to be smtp://"),
            ("mail.example.com", FROM, "has to be smtp://"),
            ("http://mail.example.com", FROM, "has to be smtp://"),
            ("smtp:mail.example.com", FROM, "names no mail server"),
            ("smtp://", FROM, "names no mail server"),
            ("smtp://user:hunter2@mail.example.com:port", FROM, "names no mail server"),
            ("smtp://user:hunter2@mail.example.com?tls=yes", FROM, "tls"),
            ("smtps://user@mail.example.com", FROM, "go together"),
            ("smtps://:hunter2@mail.example.com", FROM, "go together"),
            ("smtp://localhost", "", "is no mail address"),
            ("smtp://localhost", "nobody", "is no mail address"),
            ("log:", "a@b.example\r\nBcc: c@d.example", "is no mail address"),
            ("file:", FROM, "has to be smtp://"),
            (&format!("file:{}", file.display()), FROM, "can't be written"),
        ] {
            let Err(error) = from_url(url, from, None, false, Duration::from_secs(1)) else { panic!("{url}") };
            assert_eq!(error.setting(), if from == FROM { "mail.url" } else { "mail.from" });
            let error = error.to_string();
            assert!(error.contains(reason), "{url}: {error}");
            assert!(!error.contains("hunter2") && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn says_what_is_wrong_with_the_file_of_authorities() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem");
        let refusal = || {
            // Without TLS it is of no use yet, but a slip in it is told all the same.
            let urls = ["smtps://localhost", "smtp://localhost?tls=required", "smtp://localhost"];
            let [a, b, c] = urls.map(|url| {
                let Err(error) = from_url(url, FROM, Some(&file), false, Duration::from_secs(1)) else {
                    panic!("{url}")
                };
                assert_eq!(error.setting(), "mail.ca_file");
                error.to_string()
            });
            assert!(a == b && b == c && a.contains("ca.pem") && !a.contains('\n'), "{a}");
            a
        };
        assert!(refusal().contains("can't be read"));
        for text in [
            "",
            "nothing",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "-----BEGIN CERTIFICATE-----\nAAAA\n",
            "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            std::fs::write(&file, text).unwrap();
            assert!(refusal().contains("has to hold certificates in PEM"), "{text}");
        }
    }
}
