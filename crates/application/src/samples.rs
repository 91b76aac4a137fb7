//! Entities to start from in a test: one of each, valid, and of one story. Published by the feature `mocks`.
//!
//! A test changes what it is about and takes the rest as it is, so it need not be touched when an entity gets another field:
//!
//! ```
//! use chrono::TimeDelta;
//! use jobportal_application::samples;
//! use jobportal_domain::{Job, JobError};
//!
//! let job = Job { deleted_at: Some(samples::now()), ..samples::job() };
//! assert_eq!(job.check_open(samples::now()), Err(JobError::Deleted));
//! assert_eq!(samples::job().check_open(samples::now()), Ok(()));
//! assert_eq!(samples::job().check_open(samples::now() + TimeDelta::days(1)), Err(JobError::DeadlinePassed));
//! ```
//!
//! The story: the employer ACME has posted a job for an engineer, which is open for another day, and the candidate Ann has
//! applied to it two hours ago. What the values are beyond that may change in any release.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a sample that breaks a rule fails the test that takes it"
)]

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use jobportal_domain::{
    ApplicationForm, ApplicationId, ApplicationStatus, CandidateId, CandidateProfile, Client, EmailAddress,
    EmployerDetails, EmployerId, EmployerProfile, ExperienceLevel, Job, JobApplication, JobId, JobPosting, JobStatus,
    JobSubtype, JobType, Money, PasswordHash, Period, PersonalDetails, PhoneNumber, Plan, PlanId, PlanName, PlanTerms,
    Session, SessionPolicy, Skills, Text, User, UserId, UserType, Version,
};

use crate::mocks::MockClock;
use crate::{Actor, Clock, FoundJob, FoundJobs, JobDetails, Page, PageRequest, SearchPosition};

/// The account of the candidate.
pub const CANDIDATE_USER: UserId = UserId(1);
/// The profile of the candidate.
pub const CANDIDATE: CandidateId = CandidateId(11);
/// The account of the employer.
pub const EMPLOYER_USER: UserId = UserId(2);
/// The profile of the employer.
pub const EMPLOYER: EmployerId = EmployerId(22);
/// The account of the admin.
pub const ADMIN_USER: UserId = UserId(3);

/// The present of the samples: 90 minutes before midnight UTC.
pub fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_404_200, 0).unwrap()
}

/// A clock that stands at [`now`].
pub fn clock() -> Arc<dyn Clock> {
    let mut clock = MockClock::new();
    clock.expect_now().returning(now);
    Arc::new(clock)
}

/// An address; panics unless it is valid.
pub fn email(address: &str) -> EmailAddress {
    EmailAddress::parse(address).unwrap()
}

/// A number; panics unless it is valid.
pub fn phone_number(number: &str) -> PhoneNumber {
    PhoneNumber::parse(number).unwrap()
}

/// A text; panics unless it is valid.
pub fn text<const MAX: usize>(text: &str) -> Text<MAX> {
    Text::parse(text).unwrap()
}

/// The first page of ten.
pub fn page() -> PageRequest {
    PageRequest::new(1, 10).unwrap()
}

/// A list that is on one [`page`] as a whole.
pub fn page_of<T>(items: Vec<T>) -> Page<T> {
    let total = items.len() as u64;
    Page::new(items, total, page())
}

fn actor(user_id: UserId, user_type: UserType) -> Actor {
    Actor { user_id, user_type, session_id: "session-present".to_owned() }
}

/// The candidate, asking.
pub fn candidate() -> Actor {
    actor(CANDIDATE_USER, UserType::Candidate)
}

/// The employer, asking.
pub fn employer() -> Actor {
    actor(EMPLOYER_USER, UserType::Employer)
}

/// The admin, asking.
pub fn admin() -> Actor {
    actor(ADMIN_USER, UserType::Admin)
}

/// The verified account of the candidate. Its password's hash is none; what it matches is up to the mock of the hasher.
pub fn user() -> User {
    User {
        id: CANDIDATE_USER,
        email: email("ann@example.com"),
        phone_number: phone_number("01711111111"),
        user_type: UserType::Candidate,
        password_hash: PasswordHash::new("a hash"),
        verified_at: Some(now() - TimeDelta::days(30)),
        created_at: now() - TimeDelta::days(30),
        deactivated_at: None,
    }
}

/// The session that the candidate asks in, begun five minutes ago.
pub fn session() -> Session {
    let client = Client::new(Some("192.0.2.7".to_owned()), Some("Browser/1.0"));
    let begun = now() - TimeDelta::minutes(5);
    Session::begin(candidate().session_id, CANDIDATE_USER, client, SessionPolicy::default(), begun)
}

/// The profile of the candidate.
pub fn candidate_profile() -> CandidateProfile {
    CandidateProfile {
        id: CANDIDATE,
        user_id: CANDIDATE_USER,
        personal: PersonalDetails { first_name: Some(text("Ann")), bio: Some(text("I build.")), ..Default::default() },
        picture: None,
        professional: None,
        version: Version::FIRST,
    }
}

/// The profile of the employer.
pub fn employer_profile() -> EmployerProfile {
    EmployerProfile {
        id: EMPLOYER,
        user_id: EMPLOYER_USER,
        details: EmployerDetails {
            company_name: Some(text("ACME")),
            address: Some(text("Dhaka")),
            ..Default::default()
        },
        picture: None,
        version: Version::FIRST,
    }
}

/// What the job says.
pub fn posting() -> JobPosting {
    JobPosting {
        title: text("Engineer"),
        description: text("Build."),
        job_type: JobType::Private,
        job_subtype: JobSubtype::FullTime,
        experience_level: ExperienceLevel::Mid,
        company_name: text("ACME"),
        location: text("Dhaka"),
        salary_range: None,
        pay: None,
        workplace: None,
        country: None,
        skills: Skills::default(),
        deadline: now() + TimeDelta::days(1),
        application_link: None,
        application_email: None,
    }
}

/// The job, which is open.
pub fn job() -> Job {
    Job {
        id: JobId(5),
        employer_id: EMPLOYER,
        posting: posting(),
        status: JobStatus::Published,
        posted_at: now() - TimeDelta::days(1),
        updated_at: now() - TimeDelta::days(1),
        deleted_at: None,
        version: Version::FIRST,
        closed_at: None,
    }
}

/// The job, as its readers see it.
pub fn job_details() -> JobDetails {
    JobDetails { job: job(), employer: employer_profile(), total_applications: 1 }
}

/// What a search finds that finds these jobs.
pub fn found_jobs(jobs: Vec<JobDetails>) -> FoundJobs {
    let found = |details: JobDetails| {
        let position = SearchPosition { key: details.job.posted_at.timestamp_micros(), id: details.job.id.0 };
        FoundJob { details, position, highlight: None }
    };
    FoundJobs {
        total: jobs.len() as u64,
        total_is_exact: true,
        jobs: jobs.into_iter().map(found).collect(),
        ..FoundJobs::default()
    }
}

/// The application of the candidate to the job.
pub fn application() -> JobApplication {
    JobApplication {
        id: ApplicationId(7),
        job_id: job().id,
        candidate_id: CANDIDATE,
        form: ApplicationForm::default(),
        resume: None,
        status: ApplicationStatus::Applied,
        applied_at: now() - TimeDelta::hours(2),
        updated_at: now() - TimeDelta::hours(2),
        version: Version::FIRST,
    }
}

/// A plan of three applications a day, with periods of 30 days, or without end if it is the free one.
pub fn plan(id: i64, name: PlanName) -> Plan {
    let duration = if name == PlanName::Free { Period::default() } else { Period::parse("P30D").unwrap() };
    let terms = PlanTerms {
        name,
        price: Money::default(),
        description: text("A plan."),
        features: text("Some."),
        duration,
        max_job_applications_per_day: 3,
        priority_support: false,
        career_coaching: false,
    };
    Plan { id: PlanId(id), terms, created_at: now(), updated_at: now() - TimeDelta::days(1), version: Version::FIRST }
}
