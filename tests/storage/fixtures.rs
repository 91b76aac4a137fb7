//! Rows that most tests need, and how to make many requests at once.

use std::sync::{Arc, Barrier};
use std::thread;

use chrono::{DateTime, TimeDelta, Utc};
use jobportal_application::{NewApplication, NewDocument, NewUser, PageRequest, Store};
use jobportal_domain::{
    ApplicationForm, ApplicationId, CandidateId, Country, Currency, DocumentFormat, DocumentKind, EmailAddress,
    EmployerId, ExperienceLevel, JobId, JobPosting, JobStatus, JobSubtype, JobType, Money, PasswordHash, Pay,
    PayPeriod, PhoneNumber, Skills, Text, UserId, UserType, WebAddress, Workplace,
};

/// A time with microseconds.
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_795_521_600_123_456).unwrap()
}

pub(crate) fn after(seconds: i64) -> DateTime<Utc> {
    now() + TimeDelta::seconds(seconds)
}

pub(crate) fn text<const MAX: usize>(text: &str) -> Text<MAX> {
    Text::parse(text).unwrap()
}

pub(crate) fn email(address: &str) -> EmailAddress {
    EmailAddress::parse(address).unwrap()
}

pub(crate) fn page(number: u32, size: u32) -> PageRequest {
    PageRequest::new(number, size).unwrap()
}

pub(crate) fn new_user(number: u32, user_type: UserType) -> NewUser {
    NewUser {
        email: email(&format!("user{number}@example.com")),
        phone_number: PhoneNumber::parse(&format!("017{number:08}")).unwrap(),
        user_type,
        password_hash: PasswordHash::new(format!("$2b$04${number}")),
        verified_at: Some(now()),
        created_at: now(),
    }
}

pub(crate) fn user(store: &dyn Store, number: u32, user_type: UserType) -> UserId {
    store.write(|uow| Ok(uow.users().insert(&new_user(number, user_type))?)).unwrap()
}

pub(crate) fn candidate(store: &dyn Store, number: u32) -> (UserId, CandidateId) {
    let user = user(store, number, UserType::Candidate);
    (user, store.write(|uow| Ok(uow.candidates().create(user, now())?)).unwrap())
}

pub(crate) fn employer(store: &dyn Store, number: u32) -> (UserId, EmployerId) {
    let user = user(store, number, UserType::Employer);
    (user, store.write(|uow| Ok(uow.employers().create(user, now())?)).unwrap())
}

pub(crate) fn document(kind: DocumentKind, name: &str) -> NewDocument {
    let format = if kind == DocumentKind::Resume { DocumentFormat::Pdf } else { DocumentFormat::Png };
    NewDocument { public_id: name.to_owned(), kind, format, size: 4_711 }
}

pub(crate) fn posting(title: &str) -> JobPosting {
    JobPosting {
        title: text(title),
        description: text("What there is to do.\nAnd what not."),
        job_type: JobType::Private,
        job_subtype: JobSubtype::FullTime,
        experience_level: ExperienceLevel::Mid,
        company_name: text("ACME"),
        location: text("Dhaka"),
        salary_range: Some(text("50k-60k")),
        pay: Pay::new(Some(5_000_000), Some(6_000_000), Currency::parse("USD").unwrap(), PayPeriod::Year).ok(),
        workplace: Some(Workplace::Hybrid),
        country: Country::parse("BD").ok(),
        skills: Skills::new(["Rust", "SQL"].map(text)).unwrap(),
        deadline: after(86_400),
        application_link: WebAddress::parse("https://example.com/apply").ok(),
        application_email: Some(email("jobs@example.com")),
    }
}

/// Such a posting as the first release knew it.
pub(crate) fn plain_posting(title: &str) -> JobPosting {
    JobPosting { pay: None, workplace: None, country: None, skills: Skills::default(), ..posting(title) }
}

pub(crate) fn job(store: &dyn Store, employer: EmployerId, title: &str) -> JobId {
    store.write(|uow| Ok(uow.jobs().insert(employer, &posting(title), JobStatus::Published, now())?.id)).unwrap()
}

pub(crate) fn new_application(job_id: JobId, candidate_id: CandidateId) -> NewApplication {
    let form = ApplicationForm {
        cover_letter: Some(text("Because I can.")),
        expected_salary: Money::parse("75000.50").ok(),
        notice_period: Some(text("1 month")),
    };
    NewApplication { job_id, candidate_id, form, resume: None, applied_at: now() }
}

pub(crate) fn apply(store: &dyn Store, job: JobId, candidate: CandidateId) -> ApplicationId {
    store.write(|uow| Ok(uow.applications().insert(&new_application(job, candidate))?.unwrap())).unwrap()
}

/// Does the same in several threads that begin together; returns what each got.
pub(crate) fn at_once<T: Send + 'static>(
    threads: usize,
    store: &Arc<dyn Store>,
    work: impl Fn(&dyn Store, usize) -> T + Send + Sync + 'static,
) -> Vec<T> {
    let (barrier, work) = (Arc::new(Barrier::new(threads)), Arc::new(work));
    let start = |thread: usize| {
        let (store, barrier, work) = (store.clone(), barrier.clone(), work.clone());
        thread::spawn(move || {
            barrier.wait();
            work(&*store, thread)
        })
    };
    let running: Vec<_> = (0..threads).map(start).collect();
    running.into_iter().map(|thread| thread.join().unwrap()).collect()
}
