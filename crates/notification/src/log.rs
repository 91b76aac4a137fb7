use async_trait::async_trait;
use jobportal_application::{Mail, MailError, Mailer};

use crate::{Composer, MailerError};

/// Writes each mail to the log and sends nothing. For development.
#[derive(Clone, Debug)]
pub struct LogMailer {
    composer: Composer,
}

impl LogMailer {
    /// A mailer into the log.
    pub fn new(from: &str) -> Result<Self, MailerError> {
        Ok(Self { composer: Composer::new(from)? })
    }
}

#[async_trait]
impl Mailer for LogMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let composed = self.composer.compose(mail)?;
        tracing::info!(recipient = %mail.recipient, subject = composed.subject, "mail\n{}", composed.text);
        Ok(())
    }
}
