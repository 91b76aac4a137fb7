use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use jobportal_application::{
    ApplicationDetails, ApplyForJob, DocumentChange, NewDocument, Page, ReceivedApplication, Saved, Stamp, Submission,
};
use jobportal_domain::{
    ApplicationForm, ApplicationId, ApplicationStatus, DocumentKind, Job, JobApplication, JobId, Money, Text,
    Violations,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::body::{Body, Request};
use crate::candidates::CandidateBody;
use crate::conditional::{IfMatch, versioned};
use crate::documents::{run_with_upload, upload};
use crate::error::ApiError;
use crate::extract::{Caller, PathId};
use crate::idempotency::{IdempotencyKey, answer_once};
use crate::input::Input;
use crate::jobs::{JobBody, JobWithEmployerBody};
use crate::openapi::{Operation, one_of, schema_of};
use crate::page::{Paging, page_headers};
use crate::responses::Kept;
use crate::wire::{self, DocumentPath, IdInput, StatusBody, TextOrNumber, Timestamp};
use crate::{App, limits};

type Answer = Result<HttpResponse, ApiError>;

const TAG: &str = "Applications";

/// An [`ApplicationStatus`] on the wire.
struct StatusText;

schema_of! {
    StatusText as "ApplicationStatus" => one_of(ApplicationStatus::ALL.iter().map(|value| value.as_str()));
}

/// An application, as the API writes it, without what it refers to.
#[derive(Serialize, ToSchema)]
struct ApplicationFields {
    #[schema(example = 31)]
    id: i64,
    application_date: Timestamp,
    #[schema(value_type = StatusText)]
    status: &'static str,
    #[schema(example = "I have built three job portals.")]
    cover_letter: Option<String>,
    resume: Option<DocumentPath>,
    #[schema(example = "75000.00")]
    expected_salary: Option<String>,
    #[schema(example = "30 days")]
    notice_period: Option<String>,
}

impl From<JobApplication> for ApplicationFields {
    fn from(application: JobApplication) -> Self {
        let ApplicationForm { cover_letter, expected_salary, notice_period } = application.form;
        Self {
            id: application.id.0,
            application_date: Timestamp(application.applied_at),
            status: application.status.as_str(),
            cover_letter: cover_letter.map(Text::into_string),
            resume: application.resume.as_ref().map(DocumentPath::from),
            expected_salary: expected_salary.map(|salary| salary.to_string()),
            notice_period: notice_period.map(Text::into_string),
        }
    }
}

/// An application that names job and candidate by id.
#[derive(Serialize, ToSchema)]
#[schema(as = Application)]
pub(crate) struct ApplicationBody {
    #[serde(flatten)]
    fields: ApplicationFields,
    /// The id of the job.
    #[schema(example = 12)]
    job: i64,
    /// The id of the candidate's profile.
    #[schema(example = 4)]
    candidate: i64,
}

impl From<JobApplication> for ApplicationBody {
    fn from(application: JobApplication) -> Self {
        Self { job: application.job_id.0, candidate: application.candidate_id.0, fields: application.into() }
    }
}

/// An application with its job and its candidate.
#[derive(Serialize, ToSchema)]
#[schema(as = ReceivedApplication)]
struct ReceivedBody {
    #[serde(flatten)]
    fields: ApplicationFields,
    job: JobBody,
    candidate: CandidateBody,
}

/// An application with its job, the employer and the candidate.
#[derive(Serialize, ToSchema)]
#[schema(as = ApplicationDetails)]
struct DetailsBody {
    #[serde(flatten)]
    fields: ApplicationFields,
    job: JobWithEmployerBody,
    candidate: CandidateBody,
}

fn received(received: ReceivedApplication, job: &Job, now: DateTime<Utc>) -> ReceivedBody {
    let job = JobBody::new(job.clone(), now);
    ReceivedBody { fields: received.application.into(), job, candidate: received.candidate.into() }
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = Apply)]
pub(crate) struct ApplyRequest {
    /// The id of the caller's account, if given.
    #[schema(value_type = Option<IdInput>)]
    user: Input<i64>,
    /// The id in the path, if given.
    #[schema(value_type = Option<IdInput>)]
    job: Input<i64>,
    /// The id of the caller's profile, if given.
    #[schema(value_type = Option<IdInput>)]
    candidate: Input<i64>,
    #[schema(value_type = Option<String>, max_length = 10_000, example = "I have built three job portals.")]
    cover_letter: Input<String>,
    /// A decimal number with at most two places.
    #[schema(value_type = Option<TextOrNumber>, example = "75000.00")]
    expected_salary: Input<TextOrNumber>,
    #[schema(value_type = Option<String>, max_length = 100, example = "30 days")]
    notice_period: Input<String>,
}

impl Request for ApplyRequest {
    const FILE: Option<&'static str> = Some("resume");
}

/// `POST /application/{job_id}/`
pub(crate) async fn submit(
    app: Data<App>,
    request: HttpRequest,
    Caller(actor): Caller,
    PathId(id): PathId,
    key: IdempotencyKey,
    body: Body<ApplyRequest>,
) -> Answer {
    let key = key.of_user(&app, &actor, body.content);
    let mut violations = Violations::default();
    let ApplyRequest { user, job, candidate, cover_letter, expected_salary, notice_period } = body.value;
    let user = user.optional("user", &mut violations);
    let job = job.optional("job", &mut violations);
    let candidate = candidate.optional("candidate", &mut violations);
    let form = ApplicationForm {
        cover_letter: cover_letter.change_text("cover_letter", &mut violations).apply(None),
        expected_salary: expected_salary.text().change("expected_salary", &mut violations, Money::parse).apply(None),
        notice_period: notice_period.change_text("notice_period", &mut violations).apply(None),
    };
    let resume = upload(&app, "resume", DocumentKind::Resume, body.file, &mut violations)?;
    violations.into_result()?;
    actor.require_own_user(user)?;
    let answer = |submission| match submission {
        Submission::Sent(application, _) => {
            let version = application.version;
            versioned(HttpResponse::Created().json(ApplicationBody::from(*application)), version)
        }
        Submission::AlreadyApplied => HttpResponse::Ok().json(StatusBody { status: "Already Applied" }),
    };
    // What is kept says no more than that it is worth to look.
    let (known, applied) = (format!("job_application_{}_{id}", actor.user_id), Stamp::new("applied"));
    let is_believed_repeated = app.answers.get(&known, &applied).await.is_some();
    let (answer, allowance) = run_with_upload(&app, resume, move |app, resume| {
        let resume = match resume {
            DocumentChange::Replace(document) => Some(document),
            DocumentChange::Keep | DocumentChange::Remove => None,
        };
        let unused = resume.as_ref().map(NewDocument::storage_key);
        let command = ApplyForJob { job_id: JobId(id), job, candidate, form, resume, is_believed_repeated };
        let (mut allowance, mut discarded) = (None, Vec::new());
        let answer = answer_once(app, key, answer, |once| {
            let submission = app.applications.submit(&actor, &command, once)?;
            match submission {
                Submission::Sent(_, left) => allowance = Some(left),
                Submission::AlreadyApplied => discarded.extend(unused),
            }
            Ok(submission)
        })?;
        Ok(Saved { value: (answer, allowance), discarded })
    })
    .await?;
    if !is_believed_repeated {
        app.answers.put(&known, &applied, Bytes::new()).await;
    }
    limits::tell(&request, allowance);
    Ok(answer.into())
}

pub(crate) fn submit_doc() -> Operation {
    Operation::new(TAG, "applications_submit", "Apply for a job")
        .about(
            "Once per job, while it is open, and within the day's quota of the candidate's plan (days are UTC). A résumé is PDF, DOCX \
             or ODT of at most 5 MiB.",
        )
        .created::<ApplicationBody>("The application is sent.")
        .versioned()
        .ok::<StatusBody>("The candidate has applied to this job before; nothing changed.")
        .refuses(StatusCode::CONFLICT)
}

#[derive(Serialize, ToSchema)]
#[schema(as = OwnApplications)]
struct OwnApplicationsBody {
    /// How many items all pages have.
    #[serde(rename = "Total_Application")]
    #[schema(example = 1)]
    total: u64,
    data: Vec<ApplicationBody>,
}

/// `GET /candidate/application/list/`
pub(crate) async fn own(
    app: Data<App>,
    request: HttpRequest,
    Caller(actor): Caller,
    Paging(page): Paging<100>,
) -> Answer {
    let page = app.run(move |app| app.applications.own(&actor, page)).await?;
    let mut response = page_headers(&request, &page);
    let total = page.total;
    Ok(response.json(OwnApplicationsBody { total, data: page.map(ApplicationBody::from).items }))
}

pub(crate) fn own_doc() -> Operation {
    Operation::new(TAG, "applications_own", "List the own applications")
        .about("Oldest first.")
        .ok::<OwnApplicationsBody>("A page of applications.")
}

/// `GET /application/all/{job_id}/`
pub(crate) async fn of_job(
    app: Data<App>,
    request: HttpRequest,
    Caller(actor): Caller,
    PathId(id): PathId,
    Paging(page): Paging<100>,
) -> Answer {
    let of_stamp = actor.clone();
    let key = format!("job_applications_{id}:{}:{}:{}", actor.user_id, page.number(), page.size());
    let kept = app
        .answer_in_state(
            &key,
            move |app| app.applications.of_job_stamp(&of_stamp, JobId(id), page),
            move |app| app.applications.of_job(&actor, JobId(id), page),
            |found, now| {
                let total = found.applications.total;
                if total == 0 {
                    return Err(ApiError::Documented {
                        status: StatusCode::NOT_FOUND,
                        body: json!({ "data": [] }),
                        detail: "No applications found for this job.",
                    });
                }
                let data = found.applications.map(|application| received(application, &found.job, now)).items;
                Kept::new(&wire::Data { data }, None, total)
            },
        )
        .await?;
    let response = page_headers(&request, &Page::<()>::new(Vec::new(), kept.total, page));
    Ok(kept.answer(response))
}

pub(crate) fn of_job_doc() -> Operation {
    Operation::new(TAG, "applications_of_job", "List the applications to an own job")
        .about("Oldest first.")
        .ok_data_list::<ReceivedBody>("A page of applications.")
        .answers::<NoApplicationsBody>(
            StatusCode::NOT_FOUND,
            "There is none, or no such job of the caller's, or no such page.",
        )
}

#[derive(ToSchema)]
#[schema(as = NoApplications)]
#[expect(dead_code, reason = "error.rs writes it")]
struct NoApplicationsBody {
    data: Vec<ApplicationBody>,
    detail: String,
}

/// `GET /application/status/{id}/`
pub(crate) async fn details(app: Data<App>, Caller(actor): Caller, PathId(id): PathId) -> Answer {
    let of_stamp = actor.clone();
    let key = format!("job_application_status_{id}:{}", actor.user_id);
    let kept = app
        .answer_in_state(
            &key,
            move |app| app.applications.details_stamp(&of_stamp, ApplicationId(id)),
            move |app| app.applications.details(&actor, ApplicationId(id)),
            |ApplicationDetails { application, job, candidate }, now| {
                let version = application.version;
                let data = DetailsBody {
                    fields: application.into(),
                    job: JobWithEmployerBody::new(job.job, job.employer, now),
                    candidate: candidate.into(),
                };
                Kept::new(&wire::Data { data }, Some(version), 1)
            },
        )
        .await?;
    Ok(kept.answer(HttpResponse::Ok()))
}

pub(crate) fn details_doc() -> Operation {
    Operation::new(TAG, "applications_details", "Read an application to an own job")
        .ok_data::<DetailsBody>("The application, with the job and the candidate.")
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = MoveApplication)]
pub(crate) struct StatusRequest {
    /// In any letter case.
    #[schema(value_type = StatusText, required)]
    status: Input<String>,
}

impl Request for StatusRequest {}

/// `PATCH /application/status/{id}/`
pub(crate) async fn move_to(
    app: Data<App>,
    Caller(actor): Caller,
    PathId(id): PathId,
    IfMatch(precondition): IfMatch,
    body: Body<StatusRequest>,
) -> Answer {
    let mut violations = Violations::default();
    let status = body
        .value
        .status
        .required_as("status", &mut violations, |raw| ApplicationStatus::parse_any_case(&raw))
        .ok_or(violations)?;
    let application =
        app.run(move |app| app.applications.move_to(&actor, ApplicationId(id), status, &precondition)).await?;
    let response = HttpResponse::Ok().json(MovedBody { message: "Job Application's Status is updated." });
    Ok(versioned(response, application.version))
}

pub(crate) fn move_to_doc() -> Operation {
    Operation::new(TAG, "applications_move", "Move an application to another status")
        .about("The candidate is told by mail if that changes anything.")
        .ok::<MovedBody>("It has this status.")
}

#[derive(Serialize, ToSchema)]
#[schema(as = MovedApplication)]
struct MovedBody {
    #[schema(example = "Job Application's Status is updated.")]
    message: &'static str,
}
