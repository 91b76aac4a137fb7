use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::TimeDelta;
use jobportal_application::{Action, Backlog, DeliveryStatus, MailPriority, Outbox, OutboxEntry, OutboxFilter};
use jobportal_domain::{NotAChoice, NotificationId, Violations};
use serde::{Deserialize, Serialize};
use utoipa::{PartialSchema, ToSchema};

use crate::App;
use crate::body::{Body, Request};
use crate::error::ApiError;
use crate::extract::{Caller, PathId};
use crate::input::Input;
use crate::openapi::{Operation, one_of, schema_of, string};
use crate::page::{Paging, Query, array};
use crate::wire::{IdInput, Timestamp};

type Answer = Result<HttpResponse, ApiError>;

const TAG: &str = "Outbox";

/// The longest name of a kind that is looked for.
const MAX_KIND: usize = 100;

/// The most days that a purge may leave.
const MAX_DAYS: i64 = 36_500;

/// A [`DeliveryStatus`] on the wire.
struct DeliveryStatusText;

/// A [`MailPriority`] on the wire.
struct MailPriorityText;

schema_of! {
    DeliveryStatusText as "DeliveryStatus" => one_of(DeliveryStatus::ALL.iter().map(|value| value.as_str()));
    MailPriorityText as "MailPriority" => one_of(MailPriority::ALL.iter().map(|value| value.as_str()));
}

/// A mail in the outbox, as the API writes it: without what it says.
#[derive(Serialize, ToSchema)]
#[schema(as = Mail)]
struct MailBody {
    #[schema(example = 41)]
    id: i64,
    /// What it is about.
    #[schema(example = "password_reset")]
    kind: String,
    #[schema(value_type = MailPriorityText)]
    priority: &'static str,
    #[schema(example = "ann@example.com")]
    recipient: String,
    #[schema(value_type = DeliveryStatusText)]
    status: &'static str,
    /// Whether a worker is sending it now.
    is_being_sent: bool,
    /// How often it was tried.
    #[schema(example = 1)]
    attempts: u16,
    created_at: Timestamp,
    /// When it is tried next, if it waits.
    next_attempt_at: Option<Timestamp>,
    /// When the mail server took it.
    sent_at: Option<Timestamp>,
    /// What the last failed attempt came to.
    #[schema(example = "not sent: transient error (451): try again later")]
    last_error: Option<String>,
}

impl From<OutboxEntry> for MailBody {
    fn from(entry: OutboxEntry) -> Self {
        let waits = entry.status == DeliveryStatus::Pending && !entry.is_claimed;
        Self {
            id: entry.id.0,
            kind: entry.kind,
            priority: entry.priority.as_str(),
            recipient: entry.recipient.to_string(),
            status: entry.status.as_str(),
            is_being_sent: entry.is_claimed,
            attempts: entry.attempts,
            created_at: Timestamp(entry.created_at),
            next_attempt_at: waits.then_some(Timestamp(entry.next_attempt_at)),
            sent_at: entry.sent_at.map(Timestamp),
            last_error: entry.last_error,
        }
    }
}

/// `GET /outbox/`
pub(crate) async fn list(
    app: Data<App>,
    request: HttpRequest,
    Caller(actor): Caller,
    Paging(page): Paging<100>,
) -> Answer {
    let filter = filter(&Query::of(&request))?;
    let page = app.run(move |app| app.outbox.asked_by(&actor, Action::ReadOutbox)?.list(&filter, page)).await?;
    Ok(array(&request, page, MailBody::from))
}

pub(crate) fn list_doc() -> Operation {
    let mut operation = Operation::new(TAG, "outbox_list", "List mails that wait, were sent or were given up")
        .about("Newest first, without what they say. Those that were sent or given up are deleted after 30 days.")
        .ok_list::<MailBody>("A page of mails.");
    operation.query("status", DeliveryStatusText::schema(), "Only mails that have come so far.");
    operation.query("kind", string().max_length(Some(MAX_KIND)), "Only mails of this kind.");
    operation.may_refuse(StatusCode::BAD_REQUEST);
    operation
}

fn filter(query: &Query) -> Result<OutboxFilter, Violations> {
    let mut violations = Violations::default();
    let status = query
        .get("status")
        .and_then(|text| violations.check("status", DeliveryStatus::parse(text).ok_or_else(|| NotAChoice::new(text))));
    let kind = query.get("kind").map(str::to_owned);
    if kind.as_ref().is_some_and(|kind| kind.chars().count() > MAX_KIND || kind.contains('\0')) {
        violations
            .push("kind", format_args!("Ensure this field has no more than {MAX_KIND} characters, and none is null."));
    }
    violations.into_result().map(|()| OutboxFilter { status, kind })
}

/// `GET /outbox/{id}/`
pub(crate) async fn details(app: Data<App>, Caller(actor): Caller, PathId(id): PathId) -> Answer {
    let find = move |app: &App| app.outbox.asked_by(&actor, Action::ReadOutbox)?.find(NotificationId(id));
    Ok(HttpResponse::Ok().json(MailBody::from(app.run(find).await?)))
}

pub(crate) fn details_doc() -> Operation {
    Operation::new(TAG, "outbox_details", "See how far a mail has come")
        .ok::<MailBody>("The mail, without what it says.")
}

/// How much of a priority is in the outbox, as the API writes it.
#[derive(Serialize, ToSchema)]
#[schema(as = MailBacklog)]
struct BacklogBody {
    #[schema(value_type = MailPriorityText)]
    priority: &'static str,
    /// How many wait for their first or next attempt.
    #[schema(example = 12)]
    waiting: u64,
    /// How many are being sent.
    #[schema(example = 8)]
    being_sent: u64,
    /// How many were given up.
    #[schema(example = 0)]
    dead: u64,
    /// When the oldest one was written that waits or is being sent.
    oldest: Option<Timestamp>,
}

impl From<Backlog> for BacklogBody {
    fn from(backlog: Backlog) -> Self {
        Self {
            priority: backlog.priority.as_str(),
            waiting: backlog.waiting,
            being_sent: backlog.claimed,
            dead: backlog.dead,
            oldest: backlog.oldest_pending.map(Timestamp),
        }
    }
}

/// `GET /outbox/backlog/`
pub(crate) async fn backlog(app: Data<App>, Caller(actor): Caller) -> Answer {
    let backlog = app.run(move |app| app.outbox.asked_by(&actor, Action::ReadOutbox)?.backlog()).await?;
    Ok(HttpResponse::Ok().json(backlog.into_iter().map(BacklogBody::from).collect::<Vec<_>>()))
}

pub(crate) fn backlog_doc() -> Operation {
    Operation::new(TAG, "outbox_backlog", "Count mails that wait or were given up")
        .ok_list::<BacklogBody>("Each priority, the most urgent one first.")
}

/// `POST /outbox/{id}/retry/`
pub(crate) async fn retry(app: Data<App>, Caller(actor): Caller, PathId(id): PathId) -> Answer {
    let retry = move |app: &App| app.outbox.asked_by(&actor, Action::ManageOutbox)?.retry(NotificationId(id));
    Ok(HttpResponse::Ok().json(MailBody::from(app.run(retry).await?)))
}

pub(crate) fn retry_doc() -> Operation {
    Operation::new(TAG, "outbox_retry", "Try a mail again")
        .about(
            "It was given up, or waits for its next attempt: it is due at once, with all attempts before it. One that was sent can't be \
             sent again, because its content is erased, and one that is being sent is let be: 409.",
        )
        .ok::<MailBody>("The mail as it is now.")
        .refuses(StatusCode::CONFLICT)
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = PurgeOutbox)]
pub(crate) struct PurgeRequest {
    /// Mails are left that were written in the last so many days; 30 if it is left out.
    #[schema(value_type = Option<IdInput>, example = 30)]
    older_than_days: Input<i64>,
}

impl Request for PurgeRequest {}

#[derive(Serialize, ToSchema)]
#[schema(as = Purged)]
struct PurgedBody {
    /// How many mails were deleted.
    #[schema(example = 120)]
    deleted: u64,
    /// Whether there may be more: a request deletes ten thousand at most.
    is_complete: bool,
}

/// `POST /outbox/purge/`
pub(crate) async fn purge(app: Data<App>, Caller(actor): Caller, body: Body<PurgeRequest>) -> Answer {
    let mut violations = Violations::default();
    let days = body.value.older_than_days.optional("older_than_days", &mut violations);
    let days = days.unwrap_or(Outbox::KEEP_SETTLED.num_days());
    if !(0..=MAX_DAYS).contains(&days) {
        violations.push("older_than_days", format_args!("Ensure this value is between 0 and {MAX_DAYS}."));
    }
    violations.into_result()?;
    let purge = move |app: &App| app.outbox.asked_by(&actor, Action::ManageOutbox)?.purge(TimeDelta::days(days));
    let deleted = app.run(purge).await?;
    Ok(HttpResponse::Ok().json(PurgedBody { deleted, is_complete: deleted < u64::from(Outbox::PURGE_BATCH) }))
}

pub(crate) fn purge_doc() -> Operation {
    Operation::new(TAG, "outbox_purge", "Delete mails that were sent or given up")
        .about("What waits is left alone.")
        .ok::<PurgedBody>("How many are gone.")
}
