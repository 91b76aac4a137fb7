use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use jobportal_application::{Mail, MailError, Mailer};
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::{Error as SmtpError, PoolConfig};
use lettre::{SmtpTransport, Transport};
use url::Url;

use crate::text::shorten;
use crate::{Composer, MailerError};

/// Replies that refuse us and not the mail (RFC 4954 §6, RFC 7504, RFC 5321 §3.8): it must survive a wrong password.
const WE_ARE_REFUSED: [u16; 7] = [421, 521, 530, 532, 534, 535, 538];

/// How many connections stay open for the next mails.
const IDLE_CONNECTIONS: u32 = 48;

/// Sends mail by SMTP, over a few connections that are kept open.
///
/// It drives lettre's blocking transport on blocking threads. The asynchronous one limits the time to connect alone, and
/// when a send is given up midway it puts the connection back among the free ones, where the next mail would be read as
/// the rest of the last.
pub struct SmtpMailer {
    composer: Composer,
    transport: SmtpTransport,
    timeout: Duration,
}

impl SmtpMailer {
    /// A mailer to the server that `url` names (see [`from_url`](crate::from_url)). It does not connect before there is a
    /// mail to send.
    pub fn new(url: &str, from: &str, ca_file: Option<&Path>, timeout: Duration) -> Result<Self, MailerError> {
        let composer = Composer::new(from)?;
        let parsed = Url::parse(url.trim()).map_err(|error| MailerError::Url(error.to_string()))?;
        let Some(host) = parsed.host_str().filter(|host| !host.is_empty()) else {
            return Err(MailerError::Url("it has no host".to_owned()));
        };
        let tls = parsed.query_pairs().find(|(name, _)| name == "tls").map(|(_, value)| value.into_owned());
        if !matches!(tls.as_deref(), None | Some("required" | "opportunistic")) {
            return Err(MailerError::Url("tls has to be required or opportunistic".to_owned()));
        }
        if parsed.username().is_empty() != parsed.password().is_none() {
            return Err(MailerError::Url("a user and a password go together".to_owned()));
        }
        if parsed.scheme() == "smtp" && parsed.password().is_some() && tls.as_deref() != Some("required") {
            tracing::warn!("mail.url lets the password be sent in the clear; add ?tls=required");
        }
        let mut transport =
            SmtpTransport::from_url(parsed.as_str()).map_err(|error| MailerError::Url(error.to_string()))?;
        if let Some(file) = ca_file {
            // The kinds of encryption are those of `from_url`, which trusts the public authorities alone.
            let parameters = trusting(host, file)?;
            transport = match (parsed.scheme(), tls.as_deref()) {
                ("smtps", _) => transport.tls(Tls::Wrapper(parameters)),
                (_, Some("required")) => transport.tls(Tls::Required(parameters)),
                (_, Some(_)) => transport.tls(Tls::Opportunistic(parameters)),
                (_, None) => {
                    tracing::warn!("mail.ca_file is not used: mail.url asks for no TLS; add ?tls=required");
                    transport
                }
            };
        }
        let transport =
            transport.timeout(Some(timeout)).pool_config(PoolConfig::new().max_size(IDLE_CONNECTIONS)).build();
        Ok(Self { composer, transport, timeout })
    }
}

impl Drop for SmtpMailer {
    /// Takes leave of the server on a thread of its own: it waits for an answer, and whoever drops a mailer may not.
    fn drop(&mut self) {
        let transport = self.transport.clone();
        let leaving = std::thread::Builder::new().spawn(move || transport.shutdown());
        if let Err(error) = leaving {
            tracing::warn!(%error, "connections to the mail server are left open");
        }
    }
}

impl SmtpMailer {
    /// Does blocking work with the server; `None`: it is not done in time, or panicked.
    async fn in_time<T: Send + 'static>(&self, work: impl FnOnce(&SmtpTransport) -> T + Send + 'static) -> Option<T> {
        let transport = self.transport.clone();
        let working = tokio::task::spawn_blocking(move || work(&transport));
        tokio::time::timeout(self.timeout, working).await.ok()?.ok()
    }

    /// Whether the server greets us, and lets us in.
    async fn is_there(&self) -> bool {
        matches!(self.in_time(SmtpTransport::test_connection).await, Some(Ok(true)))
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let message = self.composer.compose(mail)?.message;
        let error = match self.in_time(move |transport| transport.send(&message)).await {
            Some(Ok(_)) => return Ok(()),
            Some(Err(error)) => failure(&error, mail),
            None => MailError::Unavailable("the mail server did not answer in time".to_owned()),
        };
        // Whatever it is that failed, it says nothing about the mail if no other one could be sent either.
        Err(match error {
            MailError::Refused(reason) | MailError::Unavailable(reason) if !self.is_there().await => {
                MailError::Away(reason)
            }
            error => error,
        })
    }
}

/// TLS to `host`, with the authorities in `file` beside the public ones.
fn trusting(host: &str, file: &Path) -> Result<TlsParameters, MailerError> {
    let pem =
        std::fs::read(file).map_err(|source| MailerError::UnreadableAuthorities { file: file.to_owned(), source })?;
    let malformed = || MailerError::Authorities(file.to_owned());
    // The parser passes over what is no certificate, and a file without any would be one that changes nothing.
    if !pem.split(|byte| matches!(byte, b'\r' | b'\n')).any(|line| line.starts_with(b"-----BEGIN CERTIFICATE-----")) {
        return Err(malformed());
    }
    let authorities = Certificate::from_pem(&pem).map_err(|_| malformed())?;
    TlsParameters::builder(host.to_owned()).add_root_certificate(authorities).build().map_err(|_| malformed())
}

fn failure(error: &SmtpError, mail: &Mail) -> MailError {
    let reason = reason(&error.to_string(), mail);
    match error.status().map(u16::from) {
        Some(status) if WE_ARE_REFUSED.contains(&status) => MailError::Away(reason),
        Some(_) if error.is_permanent() => MailError::Refused(reason),
        _ => MailError::Unavailable(reason),
    }
}

/// The words of a server, which may quote the mail.
fn reason(words: &str, mail: &Mail) -> String {
    let words = mail.content.codes().fold(words.to_owned(), |words, code| words.replace(code.expose(), "…"));
    shorten(&words, 300)
}

#[cfg(test)]
mod tests {
    use jobportal_application::Notification;
    use jobportal_domain::Code;

    use super::*;
    use crate::compose::tests::{mail, welcome};

    #[test]
    fn a_server_that_quotes_the_mail_does_not_reveal_its_code() {
        let words = "permanent error (554): looks like spam:\r\n012345\r\nIt is good for";
        let code = || Code::parse("012345").unwrap();
        for content in [
            welcome(),
            Notification::EmailChange { code: code(), valid_minutes: 10 },
            Notification::PasswordReset { code: code(), long_code: None, valid_minutes: 10 },
        ] {
            assert_eq!(reason(words, &mail(content)), "permanent error (554): looks like spam: … It is good for");
        }
        let long_code = Code::parse("abcdef-ghijkl-mnopqr-stuvwx");
        let both = Notification::PasswordReset { code: code(), long_code, valid_minutes: 10 };
        assert_eq!(reason("spam: 012345 abcdef-ghijkl-mnopqr-stuvwx", &mail(both)), "spam: … …");
    }
}
