//! The SMTP mailer against a mail server.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::path::Path;
use std::time::Duration;

use chrono::DateTime;
use jobportal::{Application, Overrides, Settings};
use jobportal_application::{Mail, MailError, Mailer, Notification};
use jobportal_domain::{Code, EmailAddress, NotificationId};
use jobportal_notification::SmtpMailer;
use jobportal_tests::app::TestApp;
use jobportal_tests::database::Backend;
use jobportal_tests::smtp::{Behaviour, Security, SmtpSink};
use tokio::net::TcpSocket;

const FROM: &str = "Job Portal <no-reply@jobs.example>";

/// Long enough for any answer that comes.
const PATIENT: Duration = Duration::from_secs(20);
/// Short enough to wait for one that does not.
const IMPATIENT: Duration = Duration::from_millis(200);

fn mailer(url: &str, timeout: Duration) -> SmtpMailer {
    SmtpMailer::new(url, FROM, None, timeout).unwrap()
}

fn mail(content: Notification<Code>) -> Mail {
    Mail {
        id: NotificationId(1),
        recipient: EmailAddress::parse("ann@example.com").unwrap(),
        content,
        created_at: DateTime::from_timestamp(1_795_515_072, 0).unwrap(),
        attempt: 1,
        request_id: None,
    }
}

fn welcome() -> Mail {
    mail(Notification::Welcome { code: Code::parse("012345").unwrap(), valid_minutes: 10 })
}

fn is_unavailable(outcome: &Result<(), MailError>) -> bool {
    matches!(outcome, Err(MailError::Unavailable(_)))
}

fn is_away(outcome: &Result<(), MailError>) -> bool {
    matches!(outcome, Err(MailError::Away(_)))
}

#[tokio::test]
async fn delivers_a_mail_whole() {
    let sink = SmtpSink::start().await;
    mailer(sink.url(), PATIENT).send(&welcome()).await.unwrap();
    let received = sink.wait_for_mail_to("ann@example.com").await;
    assert_eq!(received.from, "no-reply@jobs.example");
    assert_eq!(received.to, ["ann@example.com"]);
    assert_eq!(received.subject(), "Welcome to the job portal: your verification code");
    assert_eq!(received.header("Message-ID").unwrap(), "<1.1795515072000000@jobs.example>");
    assert_eq!(received.code(), "012345");
    assert!(received.html().contains("012345"));
}

#[tokio::test]
async fn delivers_any_script_and_lines_that_begin_with_a_dot() {
    let sink = SmtpSink::start().await;
    let content = Notification::ApplicationReceived {
        application_id: 1,
        job_id: 2,
        job_title: "সফটওয়্যার প্রকৌশলী".to_owned(),
        candidate_name: Some(".নাম".to_owned()),
    };
    mailer(sink.url(), PATIENT).send(&mail(content)).await.unwrap();
    let received = &sink.mails()[0];
    assert_eq!(received.subject(), "New application: সফটওয়্যার প্রকৌশলী");
    assert!(received.text().starts_with(".নাম applied"), "{}", received.text());
    assert!(received.html().contains("সফটওয়্যার প্রকৌশলী"));
}

#[tokio::test]
async fn sends_the_next_mail_over_the_same_connection() {
    let sink = SmtpSink::start().await;
    let mailer = mailer(sink.url(), PATIENT);
    for _ in 0..3 {
        mailer.send(&welcome()).await.unwrap();
    }
    assert_eq!((sink.mails().len(), sink.connections()), (3, 1));
}

#[tokio::test]
async fn a_temporary_failure_may_be_tried_again() {
    let sink = SmtpSink::start().await;
    let mailer = mailer(sink.url(), PATIENT);
    sink.behave(Behaviour::TemporaryFailure);
    assert!(is_unavailable(&mailer.send(&welcome()).await));
    sink.behave(Behaviour::Accept);
    mailer.send(&welcome()).await.unwrap();
    assert_eq!(sink.mails().len(), 1);
}

#[tokio::test]
async fn a_permanent_failure_is_final() {
    let sink = SmtpSink::start().await;
    sink.behave(Behaviour::PermanentFailure);
    let refused = mailer(sink.url(), PATIENT).send(&welcome()).await.unwrap_err();
    assert!(matches!(&refused, MailError::Refused(reason) if reason.contains("no such user")), "{refused}");
}

#[tokio::test]
async fn a_wrong_password_of_ours_costs_no_mail_and_is_not_shown() {
    let sink = SmtpSink::start().await;
    let url = sink.url().replace("smtp://", "smtp://portal:hunter2@");
    let mailer = mailer(&url, PATIENT);
    sink.behave(Behaviour::SignInRefused);
    let outcome = mailer.send(&welcome()).await;
    assert!(is_away(&outcome), "{outcome:?}");
    assert!(!format!("{outcome:?}").contains("hunter2"));
    sink.behave(Behaviour::Accept);
    mailer.send(&welcome()).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_away_is_told_from_one_that_does_not_take_a_mail() {
    let sink = SmtpSink::start().await;
    sink.behave(Behaviour::Closed);
    assert!(is_away(&mailer(sink.url(), PATIENT).send(&welcome()).await));

    // Taken, so that nobody else gets it, and not listening.
    let port = TcpSocket::new_v4().unwrap();
    port.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("smtp://{}", port.local_addr().unwrap());
    assert!(is_away(&mailer(&url, PATIENT).send(&welcome()).await));
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_away_and_the_next_mail_is_not_mixed_with_the_last() {
    let sink = SmtpSink::start().await;
    let mailer = mailer(sink.url(), IMPATIENT);
    sink.behave(Behaviour::Hang);
    assert!(is_away(&mailer.send(&welcome()).await));
    sink.behave(Behaviour::HangAfterData);
    assert!(mailer.send(&welcome()).await.is_err());
    sink.behave(Behaviour::Accept);
    while mailer.send(&welcome()).await.is_err() {}
    let mails = sink.mails();
    assert!(!mails.is_empty() && mails.iter().all(|mail| mail.data.matches("Message-ID").count() == 1), "{mails:#?}");
}

/// A mailer that signs in to a sink, with these parameters in its URL, and trusts the authority in a file.
fn signing_in(sink: &SmtpSink, parameters: &str, ca_file: Option<&Path>) -> SmtpMailer {
    let url = sink.url().replace("://", "://portal:hunter2@");
    SmtpMailer::new(&format!("{url}{parameters}"), FROM, ca_file, PATIENT).unwrap()
}

#[tokio::test]
async fn delivers_over_tls_of_each_kind_to_a_server_under_a_private_authority() {
    for (security, parameters, in_clear) in [
        (Security::StartTls, "?tls=required", &["EHLO", "STARTTLS"][..]),
        (Security::StartTls, "?tls=opportunistic", &["EHLO", "STARTTLS"]),
        (Security::Tls, "", &[]),
    ] {
        let sink = SmtpSink::start_with(security).await;
        signing_in(&sink, parameters, Some(sink.ca_file())).send(&welcome()).await.unwrap();
        let mails = sink.mails();
        assert!(mails.len() == 1 && mails[0].over_tls && mails[0].code() == "012345", "{security:?}: {mails:#?}");
        assert_eq!(sink.commands_in_clear(), in_clear, "{security:?}{parameters}");
    }
}

#[tokio::test]
async fn a_server_whose_authority_is_not_trusted_gets_nothing() {
    let other = SmtpSink::start().await;
    for (security, parameters) in
        [(Security::StartTls, "?tls=required"), (Security::StartTls, "?tls=opportunistic"), (Security::Tls, "")]
    {
        let sink = SmtpSink::start_with(security).await;
        for ca_file in [None, Some(other.ca_file())] {
            let outcome = signing_in(&sink, parameters, ca_file).send(&welcome()).await;
            assert!(is_away(&outcome), "{outcome:?}");
            let reason = outcome.unwrap_err().to_string();
            assert!(reason.contains("certificate"), "{reason}");
        }
        let in_clear = sink.commands_in_clear();
        assert!(in_clear.iter().all(|verb| ["EHLO", "STARTTLS"].contains(&verb.as_str())), "{in_clear:?}");
        assert!(sink.mails().is_empty());
    }
}

#[tokio::test]
async fn required_encryption_is_not_given_up() {
    let sink = SmtpSink::start().await;
    for ca_file in [None, Some(sink.ca_file())] {
        let outcome = signing_in(&sink, "?tls=required", ca_file).send(&welcome()).await;
        assert!(is_away(&outcome), "{outcome:?}");
    }
    let in_clear = sink.commands_in_clear();
    assert!(in_clear.iter().all(|verb| ["EHLO", "QUIT"].contains(&verb.as_str())), "{in_clear:?}");
}

#[tokio::test]
async fn opportunistic_encryption_is_given_up_where_it_is_not_offered() {
    let sink = SmtpSink::start().await;
    for ca_file in [None, Some(sink.ca_file())] {
        signing_in(&sink, "?tls=opportunistic", ca_file).send(&welcome()).await.unwrap();
    }
    assert_eq!(sink.mails().iter().map(|mail| mail.over_tls).collect::<Vec<_>>(), [false, false]);
}

// The mail server has to answer while the end of the test waits for the portal's.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_settings_lead_the_mail_of_a_registration_over_tls() {
    let sink = SmtpSink::start_with(Security::StartTls).await;
    let (url, ca_file) = (format!("{}?tls=required", sink.url()), sink.ca_file().display().to_string());
    let settings = [("mail.url", url.as_str()), ("mail.ca_file", &ca_file)];
    let app = TestApp::start_with(Backend::Sqlite, &settings).await;
    let (email, _, otp) = app.register("candidate").await;
    let mail = sink.wait_for_mail_to(&email).await;
    assert!(mail.over_tls);
    assert_eq!(mail.code(), otp);
}

#[test]
fn the_portal_does_not_start_without_the_authorities_it_shall_trust() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let settings = Settings::load_from(&[
        ("server.listen", "127.0.0.1:0"),
        ("database.url", &format!("sqlite://{}", path("portal.db"))),
        ("files.dir", &path("files")),
        ("auth.bcrypt_cost", "4"),
        ("mail.url", "smtps://localhost"),
        ("mail.ca_file", &path("ca.pem")),
    ]);
    let started = Application::build_with(settings.unwrap(), Overrides::default());
    let told = started.err().unwrap().to_string();
    assert!(told.starts_with(&format!("`mail.ca_file` names {}, which can't be read: ", path("ca.pem"))), "{told}");
}
