use std::time::SystemTime;

use askama::Template;
use jobportal_application::{Mail, MailError};
use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};

use crate::MailerError;
use crate::text::{HtmlBody, TextBody, subject, until};

/// Writes mails of one sender.
#[derive(Clone, Debug)]
pub(crate) struct Composer {
    from: Mailbox,
}

/// A mail in writing.
pub(crate) struct Composed {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) message: Message,
}

impl Composer {
    pub(crate) fn new(from: &str) -> Result<Self, MailerError> {
        let from = from.parse().map_err(|_| MailerError::Sender)?;
        Ok(Self { from })
    }

    /// Writes a mail. What can't be written now never can.
    pub(crate) fn compose(&self, mail: &Mail) -> Result<Composed, MailError> {
        let content = &mail.content;
        let refused = |reason: &str| MailError::Refused(reason.to_owned());
        let subject = subject(content).ok_or_else(|| refused("there is no template for this kind of mail"))?;
        let until = until(mail);
        let render_failed = |_| refused("a template failed");
        let text = TextBody { content, until: &until }.render().map_err(render_failed)?;
        let html = HtmlBody { subject: &subject, content, until: &until }.render().map_err(render_failed)?;
        let recipient = mail.recipient.as_str().parse().map_err(|_| refused("the recipient is no mail address"))?;
        let header = |name, value: &str| HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned());
        let builder = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, recipient))
            .subject(&*subject)
            .date(SystemTime::from(mail.created_at))
            .message_id(Some(self.message_id(mail)))
            // RFC 3834: out-of-office replies and mailing lists leave it alone.
            .raw_header(header("Auto-Submitted", "auto-generated"));
        let builder = match &mail.request_id {
            Some(id) => builder.raw_header(header("X-Request-Id", id)),
            None => builder,
        };
        let message = builder
            .multipart(MultiPart::alternative_plain_html(text.clone(), html))
            .map_err(|_| refused("the message could not be put together"))?;
        Ok(Composed { subject, text, message })
    }

    /// The same for every attempt at a mail, so that a duplicate can be recognised. Ids alone begin anew with a new
    /// database.
    fn message_id(&self, mail: &Mail) -> String {
        format!("<{}.{}@{}>", mail.id, mail.created_at.timestamp_micros(), self.from.email.domain())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use chrono::DateTime;
    use jobportal_application::Notification;
    use jobportal_domain::{Code, EmailAddress, NotificationId, SecurityChange};

    use super::*;

    pub(crate) const FROM: &str = "Job Portal <no-reply@jobs.example>";

    pub(crate) fn mail(content: Notification<Code>) -> Mail {
        Mail {
            id: NotificationId(42),
            recipient: EmailAddress::parse("ann@example.com").unwrap(),
            content,
            created_at: DateTime::from_timestamp_micros(1_795_515_072_123_456).unwrap(),
            attempt: 1,
            request_id: Some("one-id".to_owned()),
        }
    }

    pub(crate) fn welcome() -> Notification<Code> {
        Notification::Welcome { code: Code::parse("012345").unwrap(), valid_minutes: 10 }
    }

    fn received(job_title: &str, candidate_name: Option<&str>) -> Notification<Code> {
        let candidate_name = candidate_name.map(str::to_owned);
        Notification::ApplicationReceived {
            application_id: 1,
            job_id: 9,
            job_title: job_title.to_owned(),
            candidate_name,
        }
    }

    fn compose(content: Notification<Code>) -> Composed {
        Composer::new(FROM).unwrap().compose(&mail(content)).unwrap()
    }

    fn html(content: &Notification<Code>) -> String {
        HtmlBody { subject: &subject(content).unwrap(), content, until: "06:40 UTC on 24 November 2026" }
            .render()
            .unwrap()
    }

    fn source(composed: &Composed) -> String {
        String::from_utf8(composed.message.formatted()).unwrap()
    }

    fn headers(composed: &Composed) -> String {
        source(composed).split("\r\n\r\n").next().unwrap().to_owned()
    }

    #[test]
    fn every_kind_says_what_it_is_about_in_text_and_html() {
        let code = || Code::parse("012345").unwrap();
        let status_changed = Notification::ApplicationStatusChanged {
            application_id: 1,
            job_title: "Rust developer".to_owned(),
            company_name: "ACME".to_owned(),
            status: "interviewed".to_owned(),
        };
        let security_changed =
            |change: SecurityChange| Notification::SecurityChanged { change: change.as_str().to_owned() };
        let kinds: [(Notification<Code>, &str, &[&str]); 20] = [
            (welcome(), "Welcome", &["012345", "until ", "POST /account/verify_otp/", "POST /account/resend_otp/"]),
            (
                Notification::PasswordReset { code: code(), long_code: None, valid_minutes: 10 },
                "new password",
                &["012345", "until ", "POST /account/password-reset/confirm/"],
            ),
            (
                Notification::PasswordReset {
                    code: code(),
                    long_code: Code::parse("abcdef-ghijkl-mnopqr-stuvwx"),
                    valid_minutes: 10,
                },
                "new password",
                &["012345", "abcdef-ghijkl-mnopqr-stuvwx"],
            ),
            (
                Notification::EmailChange { code: code(), valid_minutes: 10 },
                "new e-mail address",
                &["012345", "until ", "POST /account/change-email/confirm/"],
            ),
            (
                Notification::PhoneNumberChange { code: code(), valid_minutes: 10 },
                "new phone number",
                &["012345", "until ", "POST /account/change-phone/confirm/"],
            ),
            (
                Notification::SecondFactorEnrolment { code: code(), valid_minutes: 10 },
                "enrol a second factor",
                &["012345", "until ", "POST /account/second-factor/"],
            ),
            (Notification::EmailTaken, "asked to use", &["nothing was changed", "POST /account/password-reset/"]),
            (
                security_changed(SecurityChange::EmailChanged),
                "e-mail address was changed",
                &["the new one", "whoever runs this portal"],
            ),
            (
                security_changed(SecurityChange::PhoneNumberChanged),
                "phone number was changed",
                &["phone number", "POST /account/password-reset/"],
            ),
            (security_changed(SecurityChange::SecondFactorEnrolled), "is active", &["authenticator", "recovery code"]),
            (security_changed(SecurityChange::SecondFactorRemoved), "was removed", &["the password alone"]),
            (security_changed(SecurityChange::RecoveryCodesRenewed), "new recovery codes", &["worthless"]),
            (security_changed(SecurityChange::RecoveryCodeUsed), "recovery code was used", &["was used in place of"]),
            (security_changed(SecurityChange::SecondFactorGuessed), "guesses", &["They did not get in"]),
            (
                security_changed(SecurityChange::Deactivated),
                "account was deactivated",
                &["Nobody can sign in", "whoever runs this portal"],
            ),
            (Notification::PasswordChanged, "changed", &["was changed", "POST /account/password-reset/"]),
            (
                received("Rust developer", Some("Ann Lee")),
                "New application: Rust developer",
                &["Ann Lee applied", "Rust developer", "GET /application/all/9/"],
            ),
            (received("Rust developer", None), "New application", &["A candidate applied", "Rust developer"]),
            (status_changed, "Your application: Rust developer", &["Rust developer", "ACME", "interviewed"]),
            (Notification::SubscriptionExpired { plan: "premium".to_owned() }, "premium", &["premium", "free"]),
        ];
        for (content, subject, words) in kinds {
            let html = html(&content);
            let composed = compose(content);
            assert!(composed.subject.contains(subject), "{}", composed.subject);
            for word in words {
                assert!(composed.text.contains(word), "{word} in {}", composed.text);
                assert!(html.contains(word), "{word} in {html}");
            }
            assert!(!composed.text.starts_with(char::is_whitespace), "{}", composed.text);
            assert!(!composed.text.contains("\n\n\n"), "{}", composed.text);
            assert!(composed.text.lines().all(|line| line.len() < 76), "{}", composed.text);
            assert!(html.starts_with("<!DOCTYPE html>") && html.contains("</html>"), "{html}");
        }
    }

    #[test]
    fn the_code_stands_on_a_line_of_its_own() {
        let composed = compose(welcome());
        assert_eq!(composed.text.lines().filter(|line| *line == "012345").count(), 1);
        assert!(source(&composed).contains("\r\n012345\r\n"));
    }

    #[test]
    fn what_users_wrote_is_escaped_in_html_alone() {
        let content = received("<script>alert('x')</script> & Co", Some("<b>Ann</b>"));
        let html = html(&content);
        assert!(!html.contains("<script>") && !html.contains("<b>"), "{html}");
        assert!(html.contains("script") && html.contains("Ann"), "{html}");
        assert!(compose(content).text.contains("<script>alert('x')</script> & Co"));
    }

    #[test]
    fn no_header_can_be_slipped_in() {
        for evil in [
            "Dev\r\nBcc: eve@evil.example",
            "Dev\nBcc: eve@evil.example",
            "Dev\rBcc: eve@evil.example",
            "Dev ä\r\n\r\nBcc: x",
        ] {
            let composed = compose(received(evil, Some(evil)));
            assert!(!composed.subject.contains(['\r', '\n']));
            assert!(
                !headers(&composed).lines().any(|line| line.to_lowercase().starts_with("bcc")),
                "{}",
                headers(&composed)
            );
            assert!(!composed.text.lines().any(|line| line.starts_with("Bcc")), "{}", composed.text);
            assert_eq!(composed.message.envelope().to().len(), 1);
        }
    }

    #[test]
    fn a_long_title_is_cut_in_the_subject() {
        assert!(compose(received(&"long ".repeat(50), None)).subject.chars().count() < 120);
    }

    #[test]
    fn has_the_headers_of_an_automatic_mail() {
        let headers = headers(&compose(welcome()));
        for header in [
            "From: \"Job Portal\" <no-reply@jobs.example>",
            "To: ann@example.com",
            "Subject: Welcome to the job portal: your verification code",
            "Date: Tue, 24 Nov 2026 10:11:12 +0000",
            "Message-ID: <42.1795515072123456@jobs.example>",
            "Auto-Submitted: auto-generated",
            "X-Request-Id: one-id",
            "MIME-Version: 1.0",
            "Content-Type: multipart/alternative;",
        ] {
            assert!(headers.contains(header), "{header} in\n{headers}");
        }
    }

    #[test]
    fn a_mail_sent_twice_is_recognisable_and_another_is_not_taken_for_it() {
        let composer = Composer::new(FROM).unwrap();
        let first = mail(welcome());
        let second = Mail { attempt: 2, ..first.clone() };
        assert_eq!(composer.message_id(&first), composer.message_id(&second));
        let other = Mail { id: NotificationId(43), ..first.clone() };
        let other_database = Mail { created_at: DateTime::UNIX_EPOCH, ..first.clone() };
        for other in [other, other_database] {
            assert_ne!(composer.message_id(&first), composer.message_id(&other));
        }
    }
}
