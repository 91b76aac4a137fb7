use std::io::{self, Write};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use jobportal_application::{Mail, MailError, Mailer};

use crate::{Composer, MailerError};

/// Writes each mail to a file of its own, which a mail program opens. For development.
#[derive(Clone, Debug)]
pub struct FileMailer {
    composer: Composer,
    dir: PathBuf,
    print: bool,
}

impl FileMailer {
    /// A mailer into a directory, made if it is not there; with `print` it writes the texts to the log too.
    pub fn new(dir: impl Into<PathBuf>, from: &str, print: bool) -> Result<Self, MailerError> {
        let composer = Composer::new(from)?;
        let dir = dir.into();
        let probe = || {
            std::fs::create_dir_all(&dir)?;
            tempfile::tempfile_in(&dir)
        };
        match probe() {
            Ok(_) => Ok(Self { composer, dir, print }),
            Err(source) => Err(MailerError::Directory { dir, source }),
        }
    }
}

#[async_trait]
impl Mailer for FileMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let composed = self.composer.compose(mail)?;
        // Sorts by time.
        let time = mail.created_at.format("%Y-%m-%dT%H%M%S%.6fZ");
        let path = self.dir.join(format!("{time}-{:06}-{}.eml", mail.id.0, mail.content.kind()));
        let (dir, target, content) = (self.dir.clone(), path.clone(), composed.message.formatted());
        let written = tokio::task::spawn_blocking(move || write(&dir, &target, &content)).await;
        written
            .map_err(io::Error::other)
            .and_then(|outcome| outcome)
            .map_err(|error| MailError::Unavailable(error.to_string()))?;
        let (recipient, subject, path) = (&mail.recipient, &composed.subject, path.display());
        if self.print {
            tracing::info!(%recipient, subject, %path, "mail written\n{}", composed.text);
        } else {
            tracing::info!(%recipient, subject, %path, "mail written");
        }
        Ok(())
    }
}

/// Under its name a mail is there whole or not at all: others watch the directory.
fn write(dir: &Path, target: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(content)?;
    file.persist(target).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use mailparse::MailHeaderMap;

    use super::*;
    use crate::compose::tests::{FROM, mail, welcome};

    #[tokio::test]
    async fn writes_each_mail_to_a_file_that_sorts_by_time() {
        let dir = tempfile::tempdir().unwrap();
        let mailer = FileMailer::new(dir.path().join("mail"), FROM, true).unwrap();
        mailer.send(&mail(welcome())).await.unwrap();
        mailer.send(&mail(welcome())).await.unwrap();
        let files: Vec<_> = std::fs::read_dir(dir.path().join("mail")).unwrap().map(|entry| entry.unwrap()).collect();
        let names: Vec<_> = files.iter().map(std::fs::DirEntry::file_name).collect();
        assert_eq!(names, ["2026-11-24T101112.123456Z-000042-welcome.eml"]);

        let content = std::fs::read(files[0].path()).unwrap();
        let parsed = mailparse::parse_mail(&content).unwrap();
        let subject = parsed.headers.get_first_value("Subject").unwrap();
        assert_eq!(subject, "Welcome to the job portal: your verification code");
        let types: Vec<_> = parsed.subparts.iter().map(|part| part.ctype.mimetype.as_str()).collect();
        assert_eq!(types, ["text/plain", "text/html"]);
        assert!(parsed.subparts[0].get_body().unwrap().lines().any(|line| line == "012345"));
    }
}
