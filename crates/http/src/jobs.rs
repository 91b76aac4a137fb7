pub(crate) mod lifecycle;
mod posting;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use jobportal_application::{Error, JobDetails, Once, RequestKey, Subject};
use jobportal_domain::{
    CloseReason, Country, ExperienceLevel, Job, JobId, JobState, JobStatus, JobSubtype, JobType, Pay, PayPeriod, Text,
    Violations, Workplace,
};
use serde::Serialize;
use serde_json::json;
use utoipa::{PartialSchema, ToSchema};

use crate::App;
use crate::accounts::RefusedBody;
use crate::body::Body;
use crate::conditional::{IfMatch, versioned};
use crate::employers::EmployerBody;
use crate::error::ApiError;
use crate::extract::{Caller, PathId};
use crate::idempotency::{IdempotencyKey, answer_once};
use crate::openapi::{Operation, one_of, schema_of, several};
use crate::page::{Paging, Query, page_headers};
use crate::responses::Reply;
use crate::wire::Timestamp;

use lifecycle::NotAllowedBody;
use posting::{Completeness, Draft, JobRequest, PostJobRequest, ReviseJobRequest};

type Answer = Result<HttpResponse, ApiError>;

/// The group of what there is to do with jobs.
pub(crate) const TAG: &str = "Jobs";

/// A [`JobType`] on the wire.
pub(crate) struct JobTypeText;

/// A [`JobSubtype`] on the wire.
pub(crate) struct JobSubtypeText;

/// An [`ExperienceLevel`] on the wire.
pub(crate) struct ExperienceLevelText;

/// A [`Workplace`] on the wire.
pub(crate) struct WorkplaceText;

/// A [`PayPeriod`] on the wire.
struct PayPeriodText;

/// A [`JobState`] on the wire.
struct JobStateText;

/// A [`CloseReason`] on the wire.
struct CloseReasonText;

schema_of! {
    JobTypeText as "JobType" => one_of(JobType::ALL.iter().map(|value| value.as_str()));
    JobSubtypeText as "JobSubtype" => one_of(JobSubtype::ALL.iter().map(|value| value.as_str()));
    ExperienceLevelText as "ExperienceLevel" => one_of(ExperienceLevel::ALL.iter().map(|value| value.as_str()));
    WorkplaceText as "Workplace" => one_of(Workplace::ALL.iter().map(|value| value.as_str()));
    PayPeriodText as "PayPeriod" => one_of(PayPeriod::ALL.iter().map(|value| value.as_str()));
    JobStateText as "JobState" => one_of(JobState::ALL.iter().map(|value| value.as_str()));
    CloseReasonText as "CloseReason" => one_of(CloseReason::ALL.iter().map(|value| value.as_str()));
}

/// A job, as the API writes it, without its employer.
#[derive(Serialize, ToSchema)]
struct JobFields {
    #[schema(example = 12)]
    id: i64,
    #[schema(example = "Software Engineer")]
    title: String,
    #[schema(example = "Develop and maintain web applications.")]
    description: String,
    #[schema(value_type = JobTypeText)]
    job_type: &'static str,
    #[schema(value_type = JobSubtypeText)]
    job_subtype: &'static str,
    #[schema(value_type = ExperienceLevelText)]
    experience_level: &'static str,
    #[schema(example = "Tech Solutions Ltd.")]
    company_name: String,
    #[schema(example = "Dhaka")]
    location: String,
    #[schema(example = "70,000 - 90,000 USD")]
    salary_range: Option<String>,
    /// The least pay, if it is told in figures.
    #[schema(example = "70000.00")]
    salary_min: Option<String>,
    /// The most pay.
    #[schema(example = "90000.00")]
    salary_max: Option<String>,
    /// Of the figures, by ISO 4217.
    #[schema(example = "USD")]
    salary_currency: Option<&'static str>,
    /// What the figures are paid for.
    #[schema(value_type = Option<PayPeriodText>)]
    salary_period: Option<&'static str>,
    #[schema(value_type = Option<WorkplaceText>)]
    workplace: Option<&'static str>,
    /// The country of the work, by ISO 3166-1 (two letters).
    #[schema(example = "BD")]
    country: Option<&'static str>,
    #[schema(example = json!(["Rust", "PostgreSQL"]))]
    skills: Vec<String>,
    posted_at: Timestamp,
    /// When its text was last changed, or its state by its employer.
    updated_at: Timestamp,
    /// Applications are taken before it.
    deadline: Timestamp,
    #[schema(example = "https://techsolutions.example/apply")]
    application_link: Option<String>,
    #[schema(example = "jobs@techsolutions.example")]
    application_email: Option<String>,
    is_deleted: bool,
    /// Only a published job is found and takes applications.
    #[schema(value_type = JobStateText)]
    state: &'static str,
    /// Why it is closed, if it is.
    #[schema(value_type = Option<CloseReasonText>)]
    close_reason: Option<&'static str>,
}

impl JobFields {
    fn new(job: Job, now: DateTime<Utc>) -> Self {
        let (is_deleted, state) = (job.is_deleted(), job.state(now).as_str());
        let close_reason = job.close_reason().map(CloseReason::as_str);
        let posting = job.posting;
        let pay = posting.pay;
        let figure = |pay: Pay, amount: Option<i64>| amount.map(|amount| pay.currency().amount_text(amount));
        Self {
            id: job.id.0,
            title: posting.title.into_string(),
            description: posting.description.into_string(),
            job_type: posting.job_type.as_str(),
            job_subtype: posting.job_subtype.as_str(),
            experience_level: posting.experience_level.as_str(),
            company_name: posting.company_name.into_string(),
            location: posting.location.into_string(),
            salary_range: posting.salary_range.map(Text::into_string),
            salary_min: pay.and_then(|pay| figure(pay, pay.minimum())),
            salary_max: pay.and_then(|pay| figure(pay, pay.maximum())),
            salary_currency: pay.map(|pay| pay.currency().as_str()),
            salary_period: pay.map(|pay| pay.period().as_str()),
            workplace: posting.workplace.map(Workplace::as_str),
            country: posting.country.map(Country::as_str),
            skills: posting.skills.iter().map(ToString::to_string).collect(),
            posted_at: Timestamp(job.posted_at),
            updated_at: Timestamp(job.updated_at),
            deadline: Timestamp(posting.deadline),
            application_link: posting.application_link.map(|link| link.to_string()),
            application_email: posting.application_email.map(|email| email.to_string()),
            is_deleted,
            state,
            close_reason,
        }
    }
}

/// A job that names its employer by id.
#[derive(Serialize, ToSchema)]
#[schema(as = Job)]
pub(crate) struct JobBody {
    #[serde(flatten)]
    fields: JobFields,
    /// The id of the employer's profile.
    #[schema(example = 3)]
    employer: i64,
}

impl JobBody {
    /// The job as it is at `now`.
    pub(crate) fn new(job: Job, now: DateTime<Utc>) -> Self {
        Self { employer: job.employer_id.0, fields: JobFields::new(job, now) }
    }
}

/// A job with its employer.
#[derive(Serialize, ToSchema)]
#[schema(as = JobWithEmployer)]
pub(crate) struct JobWithEmployerBody {
    employer: EmployerBody,
    #[serde(flatten)]
    fields: JobFields,
}

impl JobWithEmployerBody {
    /// Puts the two together, as the job is at `now`.
    pub(crate) fn new(job: Job, employer: jobportal_domain::EmployerProfile, now: DateTime<Utc>) -> Self {
        Self { employer: employer.into(), fields: JobFields::new(job, now) }
    }
}

/// A job with its employer and the number of applications.
#[derive(Serialize, ToSchema)]
#[schema(as = JobDetails)]
pub(crate) struct JobDetailsBody {
    /// How many have applied.
    #[schema(example = 2)]
    total_applications: u64,
    #[serde(flatten)]
    job: JobWithEmployerBody,
}

impl JobDetailsBody {
    /// The job as it is at `now`.
    pub(crate) fn new(details: JobDetails, now: DateTime<Utc>) -> Self {
        Self {
            total_applications: details.total_applications,
            job: JobWithEmployerBody::new(details.job, details.employer, now),
        }
    }
}

/// `POST /job/manage/`
pub(crate) async fn post(
    app: Data<App>,
    Caller(actor): Caller,
    key: IdempotencyKey,
    body: Body<PostJobRequest>,
) -> Answer {
    let key = key.of_user(&app, &actor, body.content);
    let (employer, status, draft) = body.value.draft(&actor)?;
    let posting = move |own_company| draft.clone().complete(own_company);
    made_once(&app, key, move |app, once| match status {
        JobStatus::Draft => app.jobs.draft(&actor, employer, posting, once),
        _ => app.jobs.post(&actor, employer, posting, once),
    })
    .await
}

/// Makes a job once for a key, and answers with it.
async fn made_once(
    app: &Data<App>,
    key: Option<RequestKey>,
    make: impl FnOnce(&App, Once<'_, Job>) -> Result<Job, Error> + Send + 'static,
) -> Answer {
    let now = app.clock.now();
    let created = move |job: Job| {
        let version = job.version;
        versioned(HttpResponse::Created().json(JobBody::new(job, now)), version)
    };
    Ok(app.run(move |app| answer_once(app, key, created, |once| make(app, once))).await?.into())
}

pub(crate) fn post_doc() -> Operation {
    Operation::new(TAG, "jobs_post", "Post a job")
        .created::<JobBody>("The job.")
        .versioned()
        .refuses(StatusCode::NOT_FOUND)
        .leads_to("jobs_details", "id")
        .leads_to("jobs_revise", "id")
        .leads_to("jobs_delete", "id")
        .leads_to("applications_of_job", "id")
        .leads_to("applications_submit", "id")
        .leads_to("jobs_actions", "id")
        .leads_to("jobs_publish", "id")
        .leads_to("jobs_pause", "id")
        .leads_to("jobs_close", "id")
        .leads_to("jobs_copy", "id")
}

/// `PATCH /job/manage/{id}/`
pub(crate) async fn patch(
    app: Data<App>,
    caller: Caller,
    id: PathId,
    if_match: IfMatch,
    body: Body<ReviseJobRequest>,
) -> Answer {
    let draft = body.value.0.draft(&caller.0, Completeness::Partial)?;
    revise(&app, caller, id, if_match, draft).await
}

/// `PUT /job/manage/{id}/`
pub(crate) async fn put(
    app: Data<App>,
    caller: Caller,
    id: PathId,
    if_match: IfMatch,
    body: Body<JobRequest>,
) -> Answer {
    let draft = body.value.draft(&caller.0, Completeness::Whole)?;
    revise(&app, caller, id, if_match, draft).await
}

pub(crate) fn patch_doc() -> Operation {
    Operation::new(TAG, "jobs_revise", "Change some of a job")
        .about("What is left out stays.")
        .ok::<JobBody>("The job as it is now.")
        .answers::<NotAllowedBody>(StatusCode::CONFLICT, "The job is closed; what may be done with it is told.")
}

pub(crate) fn put_doc() -> Operation {
    Operation::new(TAG, "jobs_replace", "Change a job")
        .about("Needs what posting a job needs, but for `company_name`. What is left out stays.")
        .ok::<JobBody>("The job as it is now.")
        .answers::<NotAllowedBody>(StatusCode::CONFLICT, "The job is closed; what may be done with it is told.")
}

async fn revise(
    app: &Data<App>,
    Caller(actor): Caller,
    PathId(id): PathId,
    IfMatch(precondition): IfMatch,
    (employer, draft): (Option<i64>, Draft),
) -> Answer {
    let job = app
        .run(move |app| {
            app.jobs.revise(&actor, JobId(id), employer, &precondition, |present| draft.clone().over(present))
        })
        .await?;
    Ok(present(app, job))
}

/// The answer to a change of a job.
fn present(app: &App, job: Job) -> HttpResponse {
    let version = job.version;
    versioned(HttpResponse::Ok().json(JobBody::new(job, app.clock.now())), version)
}

/// `PUT /job/{id}/`, `DELETE /job/{id}/`, `DELETE /job/manage/{id}/`
pub(crate) async fn delete(
    app: Data<App>,
    Caller(actor): Caller,
    PathId(id): PathId,
    IfMatch(precondition): IfMatch,
) -> Answer {
    match app.run(move |app| app.jobs.delete(&actor, JobId(id), &precondition)).await? {
        Ok(job) => {
            let data = JobBody::new(job, app.clock.now());
            Ok(HttpResponse::Ok().json(DeletedBody { error: "Job is deleted.", data }))
        }
        Err(error) => Err(ApiError::Documented {
            status: StatusCode::BAD_REQUEST,
            body: json!({ "error": error.to_string() }),
            detail: "Job is already deleted.",
        }),
    }
}

pub(crate) fn delete_doc() -> Operation {
    Operation::new(TAG, "jobs_delete", "Take a job down")
        .about("It is in no list any more and takes no application; those it got can still be read.")
        .ok::<DeletedBody>("The job is taken down.")
        .answers::<RefusedBody>(StatusCode::BAD_REQUEST, "It was taken down before.")
}

#[derive(Serialize, ToSchema)]
#[schema(as = DeletedJob)]
struct DeletedBody {
    /// No error, in spite of its name.
    #[schema(example = "Job is deleted.")]
    error: &'static str,
    data: JobBody,
}

#[derive(Serialize, ToSchema)]
#[schema(as = OwnJobs)]
struct OwnJobsBody {
    /// How many items all pages have.
    #[serde(rename = "Total Job")]
    #[schema(example = 1)]
    total: u64,
    jobs: Vec<JobBody>,
}

/// `GET /job/`
pub(crate) async fn own(
    app: Data<App>,
    request: HttpRequest,
    Caller(actor): Caller,
    Paging(page): Paging<100>,
) -> Answer {
    let states = states(&Query::of(&request))?;
    let page = app.run(move |app| app.jobs.own(&actor, &states, page)).await?;
    if page.total == 0 {
        return Err(ApiError::Documented {
            status: StatusCode::NOT_FOUND,
            body: json!({ "Total Job": 0, "jobs": [] }),
            detail: "No jobs found.",
        });
    }
    let mut response = page_headers(&request, &page);
    let (total, now) = (page.total, app.clock.now());
    Ok(response.json(OwnJobsBody { total, jobs: page.map(|job| JobBody::new(job, now)).items }))
}

pub(crate) fn own_doc() -> Operation {
    let mut operation = Operation::new(TAG, "jobs_own", "List the own jobs")
        .about("Newest first, drafts too.")
        .ok::<OwnJobsBody>("A page of jobs.")
        .answers::<NoOwnJobsBody>(StatusCode::NOT_FOUND, "There is none, or there is no such page.");
    operation.query(
        "state",
        several(JobStateText::schema()),
        "Only jobs in this state, or in one of several: repeat it, or separate them by commas. Without it all that are not taken down.",
    );
    operation
}

/// Reads `state`.
fn states(query: &Query) -> Result<Vec<JobState>, Violations> {
    let mut violations = Violations::default();
    let states = query.choices("state", Query::MAX_VALUES, &mut violations, JobState::parse);
    violations.into_result().map(|()| states)
}

#[derive(ToSchema)]
#[schema(as = NoOwnJobs)]
#[expect(dead_code, reason = "error.rs writes it")]
struct NoOwnJobsBody {
    #[schema(rename = "Total Job")]
    total: u64,
    jobs: Vec<JobBody>,
    detail: String,
}

/// `GET /job/{id}/`
pub(crate) async fn details(app: Data<App>, Caller(actor): Caller, PathId(id): PathId) -> Answer {
    let render = |details: JobDetails| {
        let (is_draft, deadline) = (details.job.status == JobStatus::Draft, details.job.posting.deadline);
        let (version, shows) =
            (details.job.version, [Subject::Job(details.job.id), Subject::Employer(details.employer.id)]);
        let answer = versioned(HttpResponse::Ok().json(JobDetailsBody::new(details, app.clock.now())), version);
        // A draft is for its employer alone.
        Ok(if is_draft { Reply::to_caller(answer) } else { Reply::to_all(answer, shows).turning_at(deadline) })
    };
    app.answer_all(&format!("/job/{id}"), move |app| app.jobs.details(&actor, JobId(id)), render).await
}

pub(crate) fn details_doc() -> Operation {
    Operation::new(TAG, "jobs_details", "Read a job").ok::<JobDetailsBody>("The job, with its employer.")
}
