//! Entities and wiring that the tests of the use cases share.

use std::sync::Arc;

use chrono::TimeDelta;
use jobportal_domain::{
    Code, CodePolicy, CodePurpose, DocumentFormat, DocumentId, DocumentKind, Job, OneTimeCode, PasswordHash,
    RecoveryCode, SecondFactor, StoredDocument, TotpSecret, User, UserId, UserType, Violations,
};

use crate::mocks::{
    MockAccessTokens, MockOneTimePasswords, MockPasswordHasher, MockRandomSource, MockStore, MockUnitOfWork, MockVault,
};
pub(crate) use crate::samples::{
    ADMIN_USER, CANDIDATE, CANDIDATE_USER, EMPLOYER, EMPLOYER_USER, admin, application, candidate, candidate_profile,
    clock, email, employer, employer_profile, job, now, page, page_of, phone_number, plan, posting, text,
};
use crate::{
    AccountDetails, AccountSettings, AccountSummary, Accounts, Actor, ApplicationParties, CandidateAccount, Contact,
    Error, NewDocument, OwnedJob, Page, PageRequest, Result, Vault, samples,
};

/// A user whom no fixture belongs to.
pub(crate) const STRANGER: UserId = UserId(99);

pub(crate) fn store(uow: MockUnitOfWork) -> Arc<MockStore> {
    Arc::new(MockStore::new(uow))
}

/// A page past the end of a list of one.
pub(crate) fn past_the_end<T>() -> Page<T> {
    Page::new(Vec::new(), 1, PageRequest::new(2, 10).unwrap())
}

/// An employer who owns nothing of the fixtures.
pub(crate) fn other_employer() -> Actor {
    Actor { user_id: STRANGER, ..employer() }
}

/// The verified account of a candidate with the password [`PASSWORD`].
pub(crate) fn user() -> User {
    User { password_hash: hash_of(PASSWORD), ..samples::user() }
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

pub(crate) fn candidate_account() -> CandidateAccount {
    CandidateAccount { contact: contact(CANDIDATE_USER, UserType::Candidate), profile: candidate_profile() }
}

pub(crate) fn deleted_job() -> Job {
    Job { deleted_at: Some(now() - TimeDelta::hours(1)), ..job() }
}

pub(crate) fn owned(job: Job) -> OwnedJob {
    OwnedJob { job, owner: EMPLOYER_USER }
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
    code_for(purpose, user().email.as_str())
}

/// A code of [`user`] as it is kept that was issued for `target`.
pub(crate) fn code_for(purpose: CodePurpose, target: &str) -> OneTimeCode {
    let digest = code_digest(CANDIDATE_USER, purpose, target);
    OneTimeCode::issue(CANDIDATE_USER, purpose, target.to_owned(), digest, CodePolicy::default(), now())
}

/// The salted digest of [`CODE`]; that of a reset has a long form, the first [`recovery_code`].
pub(crate) fn code_digest(user_id: UserId, purpose: CodePurpose, target: &str) -> String {
    let context = format!("code:{purpose}:{user_id}:{target}:session-new");
    let digest = format!("session-new.{}", digest_of(&context, CODE));
    match purpose {
        CodePurpose::PasswordReset => format!("{digest}.{}", digest_of(&context, recovery_code(0).expose())),
        _ => digest,
    }
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

/// Without a dot, as real ones are.
pub(crate) fn digest_of(context: &str, secret: &str) -> String {
    format!("digest({context}, {})", scramble(secret)).replace('.', "|")
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

/// The key of every authenticator app.
pub(crate) const TOTP_SECRET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The time step of [`now`], whose code is [`CODE`]; no other step has that code.
pub(crate) fn present_step() -> i64 {
    now().timestamp() / SecondFactor::STEP_SECONDS
}

fn totp() -> Arc<MockOneTimePasswords> {
    let mut totp = MockOneTimePasswords::new();
    totp.expect_matches().returning(|secret, step, code| {
        secret.expose() == TOTP_SECRET && step == present_step() && code.expose() == CODE
    });
    Arc::new(totp)
}

/// Recovery code number so and so.
pub(crate) fn recovery_code(number: usize) -> RecoveryCode {
    let letter = char::from(b'a' + u8::try_from(number).unwrap());
    RecoveryCode::parse(&letter.to_string().repeat(RecoveryCode::CHARS)).unwrap()
}

/// [`Accounts`] on mocks. Every password may be verified; none may be hashed unless a test expects it. Nobody has a second
/// factor unless a test says so.
pub(crate) struct AccountsFixture {
    pub(crate) uow: MockUnitOfWork,
    pub(crate) second_factor: Option<SecondFactor>,
    pub(crate) hasher: MockPasswordHasher,
    pub(crate) tokens: MockAccessTokens,
    pub(crate) settings: AccountSettings,
}

impl Default for AccountsFixture {
    fn default() -> Self {
        let mut hasher = MockPasswordHasher::new();
        hasher.expect_verify().returning(|attempt, hash| *hash == hash_of(attempt));
        hasher.expect_renew().returning(|_, _| Ok(None));
        let mut uow = MockUnitOfWork::default();
        uow.networks.expect_remember().returning(|_, _, _, _| Ok(()));
        let mut tokens = MockAccessTokens::new();
        tokens.expect_issue().returning(|claims| Ok(format!("access of {}", claims.session_id)));
        Self { uow, second_factor: None, hasher, tokens, settings: AccountSettings::default() }
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
    pub(crate) fn wire(mut self) -> (Accounts, Arc<MockStore>) {
        let found = self.second_factor.clone();
        self.uow.second_factors.expect_find().returning(move |_| Ok(found.clone()));
        let found = self.second_factor;
        self.uow.second_factors.expect_lock().returning(move |_| Ok(found.clone()));
        let mut random = MockRandomSource::new();
        random.expect_code().returning(|| Ok(Code::parse(CODE).unwrap()));
        random.expect_token().returning(|| Ok("refresh-new".to_owned()));
        random.expect_public_id().returning(|| Ok("session-new".to_owned()));
        random.expect_totp_secret().returning(|| Ok(TotpSecret::parse(TOTP_SECRET).unwrap()));
        let mut drawn = 0..;
        random.expect_recovery_code().returning(move || Ok(recovery_code(drawn.next().unwrap())));
        let store = store(self.uow);
        let accounts = Accounts {
            store: store.clone(),
            hasher: Arc::new(self.hasher),
            tokens: Arc::new(self.tokens),
            random: Arc::new(random),
            vault: vault(),
            totp: totp(),
            clock: clock(),
            settings: self.settings,
        };
        (accounts, store)
    }
}
