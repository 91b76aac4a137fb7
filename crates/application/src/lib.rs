#![doc = include_str!("../README.md")]
//!
//! ## Everything by topic
//!
//! | Topic | Use cases | What goes in and comes out | Ports |
//! |---|---|---|---|
//! | Accounts | [`Accounts`], [`AccountSettings`] | [`Register`], [`Registered`], [`SignIn`], [`SignedIn`], [`Refreshed`], [`TokenPair`], [`ChangePassword`], [`ResetPassword`], [`Reauthentication`], [`SecondFactorProof`], [`SecondFactorState`], [`ConfirmedSecondFactor`], [`AccountSummary`], [`AccountDetails`], [`Contact`], [`Directory`] | [`UserRepository`] with [`NewUser`], [`CodeRepository`], [`NetworkRepository`], [`SecondFactorRepository`], [`SessionRepository`] with [`EndedSession`], [`SessionDenylist`] |
//! | Candidates | [`Candidates`] | [`CandidateAccount`], [`RevisePersonal`], [`ReviseProfessional`], [`Saved`] | [`CandidateRepository`] |
//! | Employers | [`Employers`] | [`ReviseEmployer`], [`Saved`] | [`EmployerRepository`] |
//! | Jobs | [`Jobs`] | [`JobDetails`] | [`JobRepository`] with [`OwnedJob`] |
//! | Search | [`Search`] | [`SearchRequest`], [`JobFilter`], [`PayFilter`], [`JobOrder`], [`SearchStart`], [`SearchPosition`], [`FoundJobs`], [`FoundJob`], [`Facet`], [`FacetCounts`], [`FacetCount`], [`Suggestion`], [`SuggestionKind`] | [`JobSearch`] |
//! | Applications | [`Applications`] | [`ApplyForJob`], [`Submission`], [`ApplicationDetails`], [`JobApplications`], [`ReceivedApplication`], [`JobWithEmployer`] | [`ApplicationRepository`] with [`NewApplication`], [`OwnedApplication`], [`ApplicationParties`], [`ApplicationsState`] |
//! | Changes | [`Changes`] | [`JobChange`], [`ApplicationChange`] | [`ChangeRepository`] |
//! | Plans | [`Subscriptions`] | [`PlanUsage`] | [`PlanRepository`], [`SubscriptionRepository`], [`UsageRepository`] |
//! | Documents | [`Documents`] | [`NewDocument`], [`DocumentChange`] | [`DocumentRepository`], [`FileStore`] with [`FileError`] |
//! | Mail | [`Deliveries`], [`DeliveryPolicy`], [`Outbox`] | [`Notification`], [`Mail`], [`MailPriority`], [`OutboxEntry`], [`OutboxFilter`], [`DeliveryStatus`], [`Backlog`], [`Requeue`] | [`Mailer`] with [`MailError`], [`MailSignal`], [`OutboxRepository`] with [`NewNotification`], [`QueuedNotification`], [`DeliveryClaim`], [`DeliveryAttempt`], [`FailedDelivery`], [`SealedCode`] |
//! | Limits | | [`Allowance`], [`RateDecision`], [`TooEarly`] | [`RateLimiter`] with [`RatePolicy`], [`DelayPolicy`] |
//! | Changes by several people | | [`Precondition`] | |
//! | Repeated requests | [`Once`] | [`RequestKey`], [`Receipt`] | [`ReceiptRepository`] with [`StoredReceipt`] |
//! | Which request work is done for | [`in_request`], [`request_id`] | | |
//! | Periodic tasks | [`Schedule`] | [`TaskRun`] | [`ScheduleRepository`] |
//! | Answers kept ready | | [`Subject`], [`Stamp`], [`Stamped`] | [`ChangeListener`], [`ResponseCache`] with [`Moment`], [`AnswerCache`], [`Nodes`] |
//! | Transactions | | [`Access`], [`Work`] | [`Store`], [`UnitOfWork`] |
//! | Cryptography and time | | [`AccessClaims`] | [`PasswordHasher`], [`AccessTokens`], [`RandomSource`], [`OneTimePasswords`], [`Vault`], [`Clock`] with [`SystemClock`] |
//! | Lists | | [`PageRequest`], [`Page`]; [`SliceRequest`], [`Slice`], [`Position`] | |
//! | Who asks, and what they may do | [`Action`] | [`Actor`], [`Role`], [`Relation`], [`Verdict`] | |
//! | Failures | | [`enum@Error`], [`Result`], [`BoxError`] | [`RepositoryError`], [`Constraint`] |
//! | Made-up data | | [`SeedUser`], [`SeedCandidate`], [`SeedEmployer`], [`SeedJob`], [`SeedApplication`] | [`BulkRepository`] |
//!
//! The modules `mocks` and `samples` are there under the feature `mocks`.

mod accounts;
mod actor;
mod applications;
mod authorization;
mod candidates;
mod changes;
mod clock;
mod documents;
mod employers;
mod error;
mod events;
mod idempotency;
mod jobs;
mod limits;
mod notifications;
mod page;
mod precondition;
mod request_id;
mod responses;
mod schedule;
mod search;
mod security;
mod seeding;
mod signal;
mod store;
mod subscriptions;

pub use accounts::{
    AccountDetails, AccountSettings, AccountSummary, Accounts, ChangePassword, CodeRepository, ConfirmedSecondFactor,
    Contact, Directory, EndedSession, NetworkRepository, NewUser, Reauthentication, Refreshed, Register, Registered,
    ResetPassword, SecondFactorProof, SecondFactorRepository, SecondFactorState, SessionRepository, SignIn, SignedIn,
    TokenPair, UserRepository,
};
pub use actor::Actor;
pub use applications::{
    ApplicationDetails, ApplicationParties, ApplicationRepository, Applications, ApplicationsState, ApplyForJob,
    JobApplications, JobWithEmployer, NewApplication, OwnedApplication, ReceivedApplication, Submission,
};
pub use authorization::{Action, Relation, Role, Verdict};
pub use candidates::{CandidateAccount, CandidateRepository, Candidates, RevisePersonal, ReviseProfessional, Saved};
pub use changes::{ApplicationChange, ChangeRepository, Changes, JobChange};
pub use clock::{Clock, SystemClock};
pub use documents::{DocumentChange, DocumentRepository, Documents, FileError, FileStore, NewDocument};
pub use employers::{EmployerRepository, Employers, ReviseEmployer};
pub use error::{BoxError, Constraint, Error, RepositoryError, Result};
pub use idempotency::{Once, Receipt, ReceiptRepository, RequestKey, StoredReceipt};
pub use jobs::{JobDetails, JobRepository, Jobs, OwnedJob};
pub use limits::{Allowance, DelayPolicy, RateDecision, RateLimiter, RatePolicy, SessionDenylist, TooEarly};
pub use notifications::{
    Backlog, Deliveries, DeliveryAttempt, DeliveryClaim, DeliveryPolicy, DeliveryStatus, FailedDelivery, Mail,
    MailError, MailPriority, Mailer, NewNotification, Notification, Outbox, OutboxEntry, OutboxFilter,
    OutboxRepository, QueuedNotification, Requeue, SealedCode,
};
pub use page::{Page, PageRequest, Position, Slice, SliceRequest};
pub use precondition::Precondition;
pub use request_id::{in_request, request_id};
pub use responses::{AnswerCache, ChangeListener, Moment, Nodes, ResponseCache, Stamp, Stamped, Subject};
pub use schedule::{Schedule, ScheduleRepository, TaskRun};
pub use search::{
    Facet, FacetCount, FacetCounts, FoundJob, FoundJobs, JobFilter, JobOrder, JobSearch, PayFilter, Search,
    SearchPosition, SearchRequest, SearchStart, Suggestion, SuggestionKind,
};
pub use security::{AccessClaims, AccessTokens, OneTimePasswords, PasswordHasher, RandomSource, Vault};
pub use seeding::{BulkRepository, SeedApplication, SeedCandidate, SeedEmployer, SeedJob, SeedUser};
pub use signal::MailSignal;
pub use store::{Access, Store, UnitOfWork, Work};
pub use subscriptions::{PlanRepository, PlanUsage, SubscriptionRepository, Subscriptions, UsageRepository};

#[cfg(test)]
mod fixtures;
#[cfg(any(test, feature = "mocks"))]
pub mod mocks;
#[cfg(any(test, feature = "mocks"))]
pub mod samples;
