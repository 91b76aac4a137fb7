#![doc = include_str!("../README.md")]
//!
//! ## Types by topic
//!
//! | Topic | Types |
//! |---|---|
//! | Accounts | [`User`], [`UserType`], [`Session`], [`SessionPolicy`], [`Client`], [`EmailAddress`], [`PhoneNumber`] |
//! | Passwords | [`Password`], [`PasswordHash`], [`is_common_password`], [`MIN_PASSWORD_CHARS`], [`MAX_PASSWORD_BYTES`], [`CONTEXT_WORDS`] |
//! | One-time codes | [`Code`], [`OneTimeCode`], [`CodePolicy`], [`CodePurpose`], [`Verdict`] |
//! | Second factor | [`SecondFactor`], [`TotpSecret`], [`TotpVerdict`], [`RecoveryCode`] |
//! | Candidates | [`CandidateProfile`], [`PersonalDetails`], [`ProfessionalProfile`], [`ProfessionalDetails`], [`Section`], [`MAX_SOCIAL_LINKS`], [`MAX_ENTRIES_PER_SECTION`] |
//! | Employers | [`EmployerProfile`], [`EmployerDetails`] |
//! | Jobs | [`Job`], [`JobPosting`], [`JobStatus`], [`JobState`], [`JobAction`], [`CloseReason`], [`JobType`], [`JobSubtype`], [`ExperienceLevel`], [`Workplace`], [`Skills`], [`MAX_SKILLS`] |
//! | Pay | [`Pay`], [`PayPeriod`], [`Currency`] |
//! | Search | [`SearchText`], [`Term`], [`spelled_out`], [`MAX_SEARCH_TERMS`], [`MAX_SEARCH_WORD_CHARS`], [`MAX_SEARCH_PHRASE_WORDS`], [`MIN_SEARCH_PREFIX_BYTES`] |
//! | Applications | [`JobApplication`], [`ApplicationForm`], [`ApplicationStatus`] |
//! | Plans | [`Plan`], [`PlanName`], [`PlanTerms`], [`Subscription`], [`Renewal`] |
//! | Daily allowance | [`DailyQuota`], [`next_midnight`] |
//! | Documents | [`StoredDocument`], [`DocumentKind`], [`DocumentFormat`] |
//! | Values | [`Text`], [`WebAddress`], [`Money`], [`Period`], [`Country`] |
//! | States | [`Version`] |
//! | Identities | [`UserId`], [`CandidateId`], [`ProfessionalProfileId`], [`EmployerId`], [`JobId`], [`ApplicationId`], [`PlanId`], [`SubscriptionId`], [`DocumentId`], [`NotificationId`] |
//! | Broken rules | [`Violations`] and [`NON_FIELD`] for a whole form; [`EmailError`], [`PhoneError`], [`PasswordError`], [`TextError`], [`WebAddressError`], [`MoneyError`], [`PayError`], [`PeriodError`], [`DocumentError`], [`NotAChoice`] for one value; [`JobError`], [`QuotaExceeded`] for a state |
//! | Events | [`Event`], [`SecurityChange`] |

mod account;
mod application;
mod candidate;
mod closed_set;
mod code;
mod country;
mod currency;
mod document;
mod email;
mod employer;
mod event;
mod id;
mod job;
mod money;
mod password;
mod pay;
mod period;
mod phone;
mod quota;
mod search_text;
mod second_factor;
mod session;
mod skills;
mod subscription;
mod text;
mod version;
mod violations;
mod web_address;
mod workplace;

pub use account::{User, UserType};
pub use application::{ApplicationForm, ApplicationStatus, JobApplication};
pub use candidate::{
    CandidateProfile, MAX_ENTRIES_PER_SECTION, MAX_SOCIAL_LINKS, PersonalDetails, ProfessionalDetails,
    ProfessionalProfile, Section,
};
pub use closed_set::NotAChoice;
pub use code::{Code, CodePolicy, CodePurpose, OneTimeCode, Verdict};
pub use country::Country;
pub use currency::Currency;
pub use document::{DocumentError, DocumentFormat, DocumentKind, StoredDocument};
pub use email::{EmailAddress, EmailError};
pub use employer::{EmployerDetails, EmployerProfile};
pub use event::{Event, SecurityChange};
pub use id::{
    ApplicationId, CandidateId, DocumentId, EmployerId, JobId, NotificationId, PlanId, ProfessionalProfileId,
    SubscriptionId, UserId,
};
pub use job::{
    CloseReason, ExperienceLevel, Job, JobAction, JobError, JobPosting, JobState, JobStatus, JobSubtype, JobType,
};
pub use money::{Money, MoneyError};
pub use password::{
    CONTEXT_WORDS, MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARS, Password, PasswordError, PasswordHash, is_common_password,
};
pub use pay::{Pay, PayError, PayPeriod};
pub use period::{Period, PeriodError};
pub use phone::{PhoneError, PhoneNumber};
pub use quota::{DailyQuota, QuotaExceeded, next_midnight};
pub use search_text::{
    MAX_SEARCH_PHRASE_WORDS, MAX_SEARCH_TERMS, MAX_SEARCH_WORD_CHARS, MIN_SEARCH_PREFIX_BYTES, SearchText, Term,
    spelled_out,
};
pub use second_factor::{RecoveryCode, SecondFactor, TotpSecret, TotpVerdict};
pub use session::{Client, Session, SessionPolicy};
pub use skills::{MAX_SKILLS, Skills};
pub use subscription::{Plan, PlanName, PlanTerms, Renewal, Subscription};
pub use text::{Text, TextError};
pub use version::Version;
pub use violations::{NON_FIELD, Violations};
pub use web_address::{WebAddress, WebAddressError};
pub use workplace::Workplace;
