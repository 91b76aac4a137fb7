//! The SMTP mailer against a mail server.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::time::Duration;

use chrono::DateTime;
use jobportal_application::{Mail, MailError, Mailer, Notification};
use jobportal_domain::{Code, EmailAddress, NotificationId};
use jobportal_notification::SmtpMailer;
use jobportal_tests::smtp::{Behaviour, SmtpSink};
use tokio::net::TcpSocket;

/// Long enough for any answer that comes.
const PATIENT: Duration = Duration::from_secs(20);
/// Short enough to wait for one that does not.
const IMPATIENT: Duration = Duration::from_millis(200);

fn mailer(url: &str, timeout: Duration) -> SmtpMailer {
    SmtpMailer::new(url, "Job Portal <no-reply@jobs.example>", timeout).unwrap()
}

fn mail(content: Notification<Code>) -> Mail {
    Mail {
        id: NotificationId(1),
        recipient: EmailAddress::parse("ann@example.com").unwrap(),
        content,
        created_at: DateTime::from_timestamp(1_795_515_072, 0).unwrap(),
        attempt: 1,
    }
}

fn welcome() -> Mail {
    mail(Notification::Welcome { code: Code::parse("012345").unwrap(), valid_minutes: 10 })
}

fn is_unavailable(outcome: &Result<(), MailError>) -> bool {
    matches!(outcome, Err(MailError::Unavailable(_)))
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
    assert!(is_unavailable(&outcome), "{outcome:?}");
    assert!(!format!("{outcome:?}").contains("hunter2"));
    sink.behave(Behaviour::Accept);
    mailer.send(&welcome()).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_away_is_unavailable() {
    let sink = SmtpSink::start().await;
    sink.behave(Behaviour::Closed);
    assert!(is_unavailable(&mailer(sink.url(), PATIENT).send(&welcome()).await));

    // Taken, so that nobody else gets it, and not listening.
    let port = TcpSocket::new_v4().unwrap();
    port.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("smtp://{}", port.local_addr().unwrap());
    assert!(is_unavailable(&mailer(&url, PATIENT).send(&welcome()).await));
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_unavailable_and_the_next_mail_is_not_mixed_with_the_last() {
    let sink = SmtpSink::start().await;
    let mailer = mailer(sink.url(), IMPATIENT);
    for behaviour in [Behaviour::Hang, Behaviour::HangAfterData] {
        sink.behave(behaviour);
        assert!(is_unavailable(&mailer.send(&welcome()).await), "{behaviour:?}");
    }
    sink.behave(Behaviour::Accept);
    while mailer.send(&welcome()).await.is_err() {}
    let mails = sink.mails();
    assert!(!mails.is_empty() && mails.iter().all(|mail| mail.data.matches("Message-ID").count() == 1), "{mails:#?}");
}

#[tokio::test]
async fn required_encryption_is_not_given_up() {
    let plain = SmtpSink::start().await;
    let outcome = mailer(&format!("{}?tls=required", plain.url()), PATIENT).send(&welcome()).await;
    assert!(is_unavailable(&outcome), "{outcome:?}");
    assert!(plain.mails().is_empty());

    let untrusted = SmtpSink::start_tls().await;
    let outcome = mailer(untrusted.url(), PATIENT).send(&welcome()).await;
    assert!(is_unavailable(&outcome), "{outcome:?}");
    assert!(untrusted.mails().is_empty());
}
