use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use chrono::{DateTime, Utc};
use jobportal_domain::{CloseReason, JobAction, JobId, Violations};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Answer, CloseReasonText, JobBody, JobStateText, TAG, made_once, present};
use crate::App;
use crate::body::{Body, Request};
use crate::conditional::{IfMatch, versioned};
use crate::error::ApiError;
use crate::extract::{Caller, PathId};
use crate::idempotency::IdempotencyKey;
use crate::input::Input;
use crate::openapi::{Operation, one_of, schema_of};
use crate::wire::parse_time;

/// A [`JobAction`] on the wire.
struct JobActionText;

schema_of! {
    JobActionText as "JobAction" => one_of(JobAction::ALL.iter().map(|value| value.as_str()));
}

/// What error.rs answers where the state of a job does not allow something.
#[derive(ToSchema)]
#[schema(as = NotAllowed)]
#[expect(dead_code, reason = "error.rs writes it")]
pub(super) struct NotAllowedBody {
    #[schema(example = "A closed job can't be paused. Possible: relist, copy.")]
    detail: String,
    /// What may be done with the job as it is.
    #[schema(value_type = Vec<JobActionText>)]
    allowed: Vec<&'static str>,
}

const NOT_ALLOWED: &str = "The job is in a state that does not allow it; what that allows is told.";

/// A step of a job's life.
fn step(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(TAG, id, summary)
        .ok::<JobBody>("The job as it is now.")
        .answers::<NotAllowedBody>(StatusCode::CONFLICT, NOT_ALLOWED)
}

/// A step that makes another job.
fn making(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(TAG, id, summary)
        .created::<JobBody>("The new job.")
        .versioned()
        .answers::<NotAllowedBody>(StatusCode::CONFLICT, NOT_ALLOWED)
}

/// `POST /job/manage/{id}/publish/`
pub(crate) async fn publish(
    app: Data<App>,
    Caller(actor): Caller,
    PathId(id): PathId,
    IfMatch(precondition): IfMatch,
) -> Answer {
    let job = app.run(move |app| app.jobs.publish(&actor, JobId(id), &precondition)).await?;
    Ok(present(&app, job))
}

pub(crate) fn publish_doc() -> Operation {
    step("jobs_publish", "Publish a draft or a paused job").about(
        "Its deadline must be ahead, and if it is on-site or hybrid it must name its `country`. A draft is dated anew: its `posted_at` \
         is now.",
    )
}

/// `POST /job/manage/{id}/pause/`
pub(crate) async fn pause(
    app: Data<App>,
    Caller(actor): Caller,
    PathId(id): PathId,
    IfMatch(precondition): IfMatch,
) -> Answer {
    let job = app.run(move |app| app.jobs.pause(&actor, JobId(id), &precondition)).await?;
    Ok(present(&app, job))
}

pub(crate) fn pause_doc() -> Operation {
    step("jobs_pause", "Pause a job").about(
        "It is not found by searches and takes no applications until it is published again. It keeps those it got.",
    )
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = CloseJob)]
pub(crate) struct CloseRequest {
    /// `withdrawn` if it is left out.
    #[schema(value_type = Option<CloseReasonText>)]
    reason: Input<String>,
}

impl Request for CloseRequest {}

/// `POST /job/manage/{id}/close/`
pub(crate) async fn close(
    app: Data<App>,
    Caller(actor): Caller,
    PathId(id): PathId,
    IfMatch(precondition): IfMatch,
    body: Body<CloseRequest>,
) -> Answer {
    let mut violations = Violations::default();
    let reason = body.value.reason.change("reason", &mut violations, CloseReason::parse).apply(None);
    violations.into_result()?;
    let reason = reason.unwrap_or(CloseReason::Withdrawn);
    let job = app.run(move |app| app.jobs.close(&actor, JobId(id), &precondition, reason)).await?;
    Ok(present(&app, job))
}

pub(crate) fn close_doc() -> Operation {
    step("jobs_close", "Close a job").about("For good. It can be listed anew afterwards, as another job.")
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = NewDeadline)]
pub(crate) struct DeadlineRequest {
    /// Applications are taken before it. Without an offset it is in UTC.
    #[schema(value_type = String, required, format = DateTime, example = "2099-12-31T23:59:59Z")]
    deadline: Input<String>,
}

impl Request for DeadlineRequest {}

impl DeadlineRequest {
    fn read(self) -> Result<DateTime<Utc>, ApiError> {
        let mut violations = Violations::default();
        let deadline = self.deadline.required_as("deadline", &mut violations, |raw| parse_time(&raw));
        Ok(deadline.ok_or(violations)?)
    }
}

/// `POST /job/manage/{id}/extend/`
pub(crate) async fn extend(
    app: Data<App>,
    Caller(actor): Caller,
    PathId(id): PathId,
    IfMatch(precondition): IfMatch,
    body: Body<DeadlineRequest>,
) -> Answer {
    let deadline = body.value.read()?;
    let job = app.run(move |app| app.jobs.extend(&actor, JobId(id), &precondition, deadline)).await?;
    Ok(present(&app, job))
}

pub(crate) fn extend_doc() -> Operation {
    step("jobs_extend", "Move the deadline of a job on")
        .about("To a time that is ahead and later than before. A job that has expired is published again.")
}

/// `POST /job/manage/{id}/relist/`
pub(crate) async fn relist(
    app: Data<App>,
    Caller(actor): Caller,
    PathId(id): PathId,
    key: IdempotencyKey,
    body: Body<DeadlineRequest>,
) -> Answer {
    let key = key.of_user(&app, &actor, body.content);
    let deadline = body.value.read()?;
    made_once(&app, key, move |app, once| app.jobs.relist(&actor, JobId(id), deadline, once)).await
}

pub(crate) fn relist_doc() -> Operation {
    making("jobs_relist", "Publish a job that is over as a new one").about(
        "The new one says the same, but for the deadline, which must be ahead, and begins without applications. If it is on-site or hybrid \
         it must name its `country`.",
    )
}

#[derive(Default, Deserialize, ToSchema)]
#[schema(as = CopyJob)]
pub(crate) struct CopyRequest {}

impl Request for CopyRequest {}

/// `POST /job/manage/{id}/copy/`
pub(crate) async fn copy(
    app: Data<App>,
    Caller(actor): Caller,
    PathId(id): PathId,
    key: IdempotencyKey,
    body: Body<CopyRequest>,
) -> Answer {
    let key = key.of_user(&app, &actor, body.content);
    made_once(&app, key, move |app, once| app.jobs.copy(&actor, JobId(id), once)).await
}

pub(crate) fn copy_doc() -> Operation {
    making("jobs_copy", "Begin a draft that says what a job says")
}

#[derive(Serialize, ToSchema)]
#[schema(as = JobActions)]
struct ActionsBody {
    #[schema(value_type = JobStateText)]
    state: &'static str,
    /// What may be done with it.
    #[schema(value_type = Vec<JobActionText>)]
    allowed: Vec<&'static str>,
}

/// `GET /job/manage/{id}/actions/`
pub(crate) async fn actions(app: Data<App>, Caller(actor): Caller, PathId(id): PathId) -> Answer {
    let job = app.run(move |app| app.jobs.find_own(&actor, JobId(id))).await?;
    let now = app.clock.now();
    let allowed = job.allowed_actions(now).iter().map(|action| action.as_str()).collect();
    let body = ActionsBody { state: job.state(now).as_str(), allowed };
    Ok(versioned(HttpResponse::Ok().json(body), job.version))
}

pub(crate) fn actions_doc() -> Operation {
    Operation::new(TAG, "jobs_actions", "Tell what may be done with an own job")
        .about(
            "`revise` is a `PATCH` or `PUT` of the job; each of the others is a `POST` of its own. Taking a job down is always possible.",
        )
        .ok::<ActionsBody>("Its state, and what that allows.")
}
