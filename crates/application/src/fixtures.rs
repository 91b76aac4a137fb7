//! Entities and wiring that the tests of the use cases share.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use jobportal_domain::{
    ApplicationForm, ApplicationId, ApplicationStatus, CandidateId, CandidateProfile, Code, CodePolicy, CodePurpose,
    DocumentFormat, DocumentId, DocumentKind, EmailAddress, EmployerDetails, EmployerId, EmployerProfile,
    ExperienceLevel, Job, JobApplication, JobId, JobPosting, JobSubtype, JobType, Money, OneTimeCode, PasswordHash,
    Period, PersonalDetails, PhoneNumber, Plan, PlanId, PlanName, PlanTerms, StoredDocument, Text, User, UserId,
    UserType, Violations,
};

use crate::mocks::{
    MockAccessTokens, MockClock, MockPasswordHasher, MockRandomSource, MockStore, MockUnitOfWork, MockVault,
};
use crate::{
    AccountDetails, AccountSettings, AccountSummary, Accounts, Actor, ApplicationParties, CandidateAccount, Clock,
    Contact, Error, NewDocument, OwnedJob, Page, PageRequest, Result, Vault,
};

pub(crate) const CANDIDATE_USER: UserId = UserId(1);
pub(crate) const CANDIDATE: CandidateId = CandidateId(11);
pub(crate) const EMPLOYER_USER: UserId = UserId(2);
pub(crate) const EMPLOYER: EmployerId = EmployerId(22);
pub(crate) const ADMIN_USER: UserId = UserId(3);
/// A user whom no fixture belongs to.
pub(crate) const STRANGER: UserId = UserId(99);

/// 90 minutes before midnight UTC.
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_404_200, 0).unwrap()
}

pub(crate) fn clock() -> Arc<dyn Clock> {
    let mut clock = MockClock::new();
    clock.expect_now().returning(now);
    Arc::new(clock)
}

pub(crate) fn store(uow: MockUnitOfWork) -> Arc<MockStore> {
    Arc::new(MockStore::new(uow))
}

pub(crate) fn page() -> PageRequest {
    PageRequest::new(1, 10).unwrap()
}

pub(crate) fn page_of<T>(items: Vec<T>) -> Page<T> {
    let total = items.len() as u64;
    Page::new(items, total, page())
}

/// A page past the end of a list of one.
pub(crate) fn past_the_end<T>() -> Page<T> {
    Page::new(Vec::new(), 1, PageRequest::new(2, 10).unwrap())
}

fn actor(user_id: UserId, user_type: UserType) -> Actor {
    Actor { user_id, user_type, session_id: "session-present".to_owned() }
}

pub(crate) fn candidate() -> Actor {
    actor(CANDIDATE_USER, UserType::Candidate)
}

pub(crate) fn employer() -> Actor {
    actor(EMPLOYER_USER, UserType::Employer)
}

pub(crate) fn admin() -> Actor {
    actor(ADMIN_USER, UserType::Admin)
}

/// An employer who owns nothing of the fixtures.
pub(crate) fn other_employer() -> Actor {
    actor(STRANGER, UserType::Employer)
}

pub(crate) fn email(address: &str) -> EmailAddress {
    EmailAddress::parse(address).unwrap()
}

pub(crate) fn phone_number(number: &str) -> PhoneNumber {
    PhoneNumber::parse(number).unwrap()
}

pub(crate) fn text<const MAX: usize>(text: &str) -> Text<MAX> {
    Text::parse(text).unwrap()
}

/// The verified account of a candidate with the password [`PASSWORD`].
pub(crate) fn user() -> User {
    User {
        id: CANDIDATE_USER,
        email: email("ann@example.com"),
        phone_number: phone_number("01711111111"),
        user_type: UserType::Candidate,
        password_hash: hash_of(PASSWORD),
        verified_at: Some(now() - TimeDelta::days(30)),
        created_at: now() - TimeDelta::days(30),
    }
}

pub(crate) fn unverified() -> User {
    User { verified_at: None, ..user() }
}

pub(crate) fn contact(user_id: UserId, user_type: UserType) -> Contact {
    Contact {
        user_id,
        user_type,
        email: Some(email(&format!("user{user_id}@example.com"))),
        phone_number: Some(phone_number("01711111111")),
    }
}

pub(crate) fn summary(user_id: UserId, user_type: UserType) -> AccountSummary {
    AccountSummary { contact: contact(user_id, user_type), details: AccountDetails::None }
}

pub(crate) fn candidate_profile() -> CandidateProfile {
    CandidateProfile {
        id: CANDIDATE,
        user_id: CANDIDATE_USER,
        personal: PersonalDetails { first_name: Some(text("Ann")), bio: Some(text("I build.")), ..Default::default() },
        picture: None,
        professional: None,
    }
}

pub(crate) fn candidate_account() -> CandidateAccount {
    CandidateAccount { contact: contact(CANDIDATE_USER, UserType::Candidate), profile: candidate_profile() }
}

pub(crate) fn employer_profile() -> EmployerProfile {
    EmployerProfile {
        id: EMPLOYER,
        user_id: EMPLOYER_USER,
        details: EmployerDetails {
            company_name: Some(text("ACME")),
            address: Some(text("Dhaka")),
            ..Default::default()
        },
        picture: None,
    }
}

pub(crate) fn posting() -> JobPosting {
    JobPosting {
        title: text("Engineer"),
        description: text("Build."),
        job_type: JobType::Private,
        job_subtype: JobSubtype::FullTime,
        experience_level: ExperienceLevel::Mid,
        company_name: text("ACME"),
        location: text("Dhaka"),
        salary_range: None,
        deadline: now() + TimeDelta::days(1),
        application_link: None,
        application_email: None,
    }
}

/// An open job of [`EMPLOYER`].
pub(crate) fn job() -> Job {
    Job {
        id: JobId(5),
        employer_id: EMPLOYER,
        posting: posting(),
        posted_at: now() - TimeDelta::days(1),
        updated_at: now() - TimeDelta::days(1),
        deleted_at: None,
    }
}

pub(crate) fn deleted_job() -> Job {
    Job { deleted_at: Some(now() - TimeDelta::hours(1)), ..job() }
}

pub(crate) fn owned(job: Job) -> OwnedJob {
    OwnedJob { job, owner: EMPLOYER_USER }
}

pub(crate) fn application() -> JobApplication {
    JobApplication {
        id: ApplicationId(7),
        job_id: job().id,
        candidate_id: CANDIDATE,
        form: ApplicationForm::default(),
        resume: None,
        status: ApplicationStatus::Applied,
        applied_at: now() - TimeDelta::hours(2),
        updated_at: now() - TimeDelta::hours(2),
    }
}

pub(crate) fn parties() -> ApplicationParties {
    ApplicationParties {
        job_title: "Engineer".to_owned(),
        company_name: "ACME".to_owned(),
        candidate_name: Some("Ann".to_owned()),
        candidate_email: email("ann@example.com"),
        employer_email: email("jobs@acme.example"),
    }
}

/// A plan with periods of 30 days, or without end if it is the free one.
pub(crate) fn plan(id: i64, name: PlanName) -> Plan {
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
    Plan { id: PlanId(id), terms, created_at: now(), updated_at: now() - TimeDelta::days(1) }
}

pub(crate) fn new_document(kind: DocumentKind) -> NewDocument {
    let format = match kind {
        DocumentKind::Resume => DocumentFormat::Pdf,
        DocumentKind::ProfilePicture => DocumentFormat::Png,
    };
    NewDocument { public_id: "new".to_owned(), kind, format, size: 10 }
}

pub(crate) fn stored_document(id: i64, kind: DocumentKind, owner_id: UserId) -> StoredDocument {
    let NewDocument { format, size, .. } = new_document(kind);
    StoredDocument { id: DocumentId(id), public_id: format!("document-{id}"), owner_id, kind, format, size }
}

/// The broken rules that a use case reports.
pub(crate) fn violations<T>(result: Result<T>) -> Violations {
    match result {
        Err(Error::Invalid(violations)) => violations,
        Err(other) => panic!("{other:?} instead of broken rules"),
        Ok(_) => panic!("no broken rule"),
    }
}

pub(crate) const PASSWORD: &str = "correct horse";
pub(crate) const CODE: &str = "123456";

pub(crate) fn hash_of(password: &str) -> PasswordHash {
    PasswordHash::new(format!("hash of {password}"))
}

/// Stands in for encryption and hashing: what comes out no longer holds the secret as it was.
fn scramble(secret: &str) -> String {
    secret.chars().rev().collect()
}

/// A code of [`user`] as it is kept: the digest of [`CODE`].
pub(crate) fn kept_code(purpose: CodePurpose) -> OneTimeCode {
    let digest = digest_of(&format!("code:{purpose}:{CANDIDATE_USER}"), CODE);
    OneTimeCode::issue(CANDIDATE_USER, purpose, digest, CodePolicy::default(), now())
}

/// A code that holds no longer, for each reason there is.
pub(crate) fn dead_codes(purpose: CodePurpose) -> [OneTimeCode; 3] {
    let code = kept_code(purpose);
    [
        OneTimeCode { expires_at: now(), ..code.clone() },
        OneTimeCode { consumed_at: Some(now()), ..code.clone() },
        OneTimeCode { attempts_left: 0, ..code },
    ]
}

pub(crate) fn digest_of(context: &str, secret: &str) -> String {
    format!("digest({context}, {})", scramble(secret))
}

pub(crate) fn sealed(plain: &str) -> String {
    format!("sealed({})", scramble(plain))
}

pub(crate) fn vault() -> Arc<dyn Vault> {
    let mut vault = MockVault::new();
    vault.expect_digest().returning(digest_of);
    vault.expect_matches().returning(|context, secret, digest| digest == digest_of(context, secret));
    vault.expect_seal().returning(|plain| Ok(sealed(plain)));
    vault.expect_open().returning(|text| match text.strip_prefix("sealed(").and_then(|t| t.strip_suffix(')')) {
        Some(scrambled) => Ok(scramble(scrambled)),
        None => Err(Error::Internal("not sealed by this vault".into())),
    });
    Arc::new(vault)
}

/// [`Accounts`] on mocks. Every password may be verified; none may be hashed unless a test expects it.
pub(crate) struct AccountsFixture {
    pub(crate) uow: MockUnitOfWork,
    pub(crate) hasher: MockPasswordHasher,
    pub(crate) tokens: MockAccessTokens,
    pub(crate) settings: AccountSettings,
}

impl Default for AccountsFixture {
    fn default() -> Self {
        let mut hasher = MockPasswordHasher::new();
        hasher.expect_verify().returning(|attempt, hash| *hash == hash_of(attempt));
        let mut tokens = MockAccessTokens::new();
        tokens.expect_issue().returning(|claims| Ok(format!("access of {}", claims.session_id)));
        Self { uow: MockUnitOfWork::default(), hasher, tokens, settings: AccountSettings::default() }
    }
}

impl AccountsFixture {
    /// Expects one password to be hashed.
    pub(crate) fn expect_hash(&mut self) {
        self.hasher.expect_hash().once().returning(|password| Ok(hash_of(password.expose())));
    }

    /// Holds `user` under its identity, its address and its number, and no other account.
    pub(crate) fn expect_user(&mut self, user: &User) {
        let users = &mut self.uow.users;
        let found = user.clone();
        users.expect_find_by_email().returning(move |email| Ok((*email == found.email).then(|| found.clone())));
        let found = user.clone();
        users
            .expect_find_by_phone_number()
            .returning(move |number| Ok((*number == found.phone_number).then(|| found.clone())));
        let found = user.clone();
        users.expect_find().returning(move |id| Ok((id == found.id).then(|| found.clone())));
        let held = user.id;
        users.expect_lock().returning(move |id| Ok(id == held));
    }

    /// Wires the use cases, and gives the store to look at afterwards.
    pub(crate) fn wire(self) -> (Accounts, Arc<MockStore>) {
        let mut random = MockRandomSource::new();
        random.expect_code().returning(|| Ok(Code::parse(CODE).unwrap()));
        random.expect_token().returning(|| Ok("refresh-new".to_owned()));
        random.expect_public_id().returning(|| Ok("session-new".to_owned()));
        let store = store(self.uow);
        let accounts = Accounts {
            store: store.clone(),
            hasher: Arc::new(self.hasher),
            tokens: Arc::new(self.tokens),
            random: Arc::new(random),
            vault: vault(),
            clock: clock(),
            settings: self.settings,
        };
        (accounts, store)
    }
}
