use chrono::{DateTime, Utc};
use jobportal_domain::{
    ApplicationForm, ApplicationStatus, CandidateId, EmailAddress, EmployerDetails, EmployerId, JobId, JobPosting,
    PasswordHash, PersonalDetails, PhoneNumber, ProfessionalDetails, UserId, UserType,
};

use crate::RepositoryError;

/// A verified account to store in bulk.
#[derive(Clone, Debug)]
pub struct SeedUser {
    /// Unique.
    pub email: EmailAddress,
    /// Unique.
    pub phone_number: PhoneNumber,
    /// Candidate or employer.
    pub user_type: UserType,
    /// The hash of its password.
    pub password_hash: PasswordHash,
    /// When it was made and verified.
    pub created_at: DateTime<Utc>,
}

/// A candidate's profile to store in bulk.
#[derive(Clone, Debug)]
pub struct SeedCandidate {
    /// Whose profile it is.
    pub user_id: UserId,
    /// The personal part.
    pub personal: PersonalDetails,
    /// The professional part.
    pub professional: ProfessionalDetails,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// An employer's profile to store in bulk.
#[derive(Clone, Debug)]
pub struct SeedEmployer {
    /// Whose profile it is.
    pub user_id: UserId,
    /// What it tells.
    pub details: EmployerDetails,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// A job to store in bulk.
#[derive(Clone, Debug)]
pub struct SeedJob {
    /// Who posted it.
    pub employer_id: EmployerId,
    /// What it says.
    pub posting: JobPosting,
    /// When it was posted.
    pub posted_at: DateTime<Utc>,
}

/// An application to store in bulk.
#[derive(Clone, Debug)]
pub struct SeedApplication {
    /// Applied to.
    pub job_id: JobId,
    /// Who applied.
    pub candidate_id: CandidateId,
    /// What the candidate says.
    pub form: ApplicationForm,
    /// How far it has come.
    pub status: ApplicationStatus,
    /// When it was sent.
    pub applied_at: DateTime<Utc>,
}

/// Stores many rows at once, for made-up data. Ids come back in the order of the input.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait BulkRepository {
    /// Stores accounts.
    fn insert_users(&mut self, users: &[SeedUser]) -> Result<Vec<UserId>, RepositoryError>;
    /// Stores candidates' profiles.
    fn insert_candidates(&mut self, candidates: &[SeedCandidate]) -> Result<Vec<CandidateId>, RepositoryError>;
    /// Stores employers' profiles.
    fn insert_employers(&mut self, employers: &[SeedEmployer]) -> Result<Vec<EmployerId>, RepositoryError>;
    /// Stores jobs.
    fn insert_jobs(&mut self, jobs: &[SeedJob]) -> Result<Vec<JobId>, RepositoryError>;
    /// Stores applications, passing over those whose job and candidate have one already; returns how many were stored.
    fn insert_applications(&mut self, applications: &[SeedApplication]) -> Result<u64, RepositoryError>;
    /// The number of accounts whose e-mail address ends in `suffix`, so that more can be added beside them.
    fn count_users_with_suffix(&mut self, suffix: &str) -> Result<u64, RepositoryError>;
    /// Deletes everything but the plans.
    fn delete_all(&mut self) -> Result<(), RepositoryError>;
    /// Refreshes what the database knows of the data, so that its plans fit.
    fn analyze(&mut self) -> Result<(), RepositoryError>;
}
