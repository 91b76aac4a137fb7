use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use jobportal_application::{ApplicationChange, JobChange, PageRequest, Position, SliceRequest};
use jobportal_domain::{JobState, Violations};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::KnownFormat;
use utoipa::openapi::schema::SchemaFormat;

use crate::App;
use crate::applications::ApplicationBody;
use crate::cursor::{self, List};
use crate::error::ApiError;
use crate::extract::Caller;
use crate::jobs::JobBody;
use crate::openapi::{Operation, integer, one_of, schema_of, string};
use crate::page::{Query, page_size};
use crate::wire::{Timestamp, parse_time};

type Answer = Result<HttpResponse, ApiError>;

/// What became of a job, to those who keep a copy.
struct JobChangeStateText;

/// Whether an application is one to a job that is there.
struct ApplicationStateText;

schema_of! {
    JobChangeStateText as "JobChangeState" => one_of(["open", "closed", "deleted"]);
    ApplicationStateText as "ApplicationState" => one_of(["live", "deleted"]);
}

/// A job that changed.
#[derive(Serialize, ToSchema)]
#[schema(as = JobChange)]
struct JobChangeBody {
    /// The id of the job.
    #[schema(example = 12)]
    id: i64,
    changed_at: Timestamp,
    /// What it is now: `closed` takes no applications (it is paused, closed or past its deadline), `deleted` was taken down.
    #[schema(value_type = JobChangeStateText)]
    state: &'static str,
    /// The job as it is now; `null` unless it is open.
    job: Option<JobBody>,
}

impl JobChangeBody {
    fn new(change: JobChange, now: DateTime<Utc>) -> Self {
        let is_open = change.state == JobState::Published;
        Self {
            id: change.job.id.0,
            changed_at: Timestamp(change.changed_at),
            state: match change.state {
                JobState::Published => "open",
                JobState::Deleted => "deleted",
                JobState::Draft | JobState::Paused | JobState::Closed | JobState::Expired => "closed",
            },
            job: is_open.then(|| JobBody::new(change.job, now)),
        }
    }
}

/// An application that changed.
#[derive(Serialize, ToSchema)]
#[schema(as = ApplicationChange)]
struct ApplicationChangeBody {
    /// The id of the application.
    #[schema(example = 31)]
    id: i64,
    changed_at: Timestamp,
    /// Of a `deleted` one the job was taken down.
    #[schema(value_type = ApplicationStateText)]
    state: &'static str,
    /// The application as it is now; `null` if it is deleted.
    application: Option<ApplicationBody>,
}

impl From<ApplicationChange> for ApplicationChangeBody {
    fn from(change: ApplicationChange) -> Self {
        Self {
            id: change.application.id.0,
            changed_at: Timestamp(change.changed_at),
            state: if change.is_deleted { "deleted" } else { "live" },
            application: (!change.is_deleted).then(|| change.application.into()),
        }
    }
}

/// A part of a feed, and where to go on.
#[derive(Serialize, ToSchema)]
#[schema(as = JobChanges)]
struct JobChangesBody {
    changes: Vec<JobChangeBody>,
    /// What to pass as `cursor` the next time.
    #[schema(example = "AWoABl1Mwk4iQAAAAAAAAAAM")]
    next_cursor: String,
    /// Whether there is more by now.
    has_more: bool,
}

/// A part of a feed, and where to go on.
#[derive(Serialize, ToSchema)]
#[schema(as = ApplicationChanges)]
struct ApplicationChangesBody {
    changes: Vec<ApplicationChangeBody>,
    /// What to pass as `cursor` the next time.
    #[schema(example = "AWEABl1Mwk4iQAAAAAAAAAAf")]
    next_cursor: String,
    /// Whether there is more by now.
    has_more: bool,
}

/// Reads `cursor`, or else `updated_since`, and `page_size`.
fn slice(query: &Query, list: List) -> Result<SliceRequest, Violations> {
    let mut violations = Violations::default();
    let cursor = query.get("cursor").and_then(|text| violations.check("cursor", cursor::read(list, text)));
    let since = query.get("updated_since").and_then(|text| violations.check("updated_since", parse_time(text)));
    let size = violations.check("page_size", page_size(query, PageRequest::MAX_SIZE));
    let after = cursor.or(since.map(Position::before)).unwrap_or_default();
    match size.and_then(|size| SliceRequest::new(after, size)) {
        Some(request) if violations.is_empty() => Ok(request),
        _ => Err(violations),
    }
}

/// `GET /job/changes/`
pub(crate) async fn jobs(app: Data<App>, request: HttpRequest, Caller(actor): Caller) -> Answer {
    let request = slice(&Query::of(&request), List::JobChanges)?;
    let slice = app.run(move |app| app.changes.of(&actor).jobs(request)).await?;
    let now = app.clock.now();
    Ok(HttpResponse::Ok().json(JobChangesBody {
        changes: slice.items.into_iter().map(|change| JobChangeBody::new(change, now)).collect(),
        next_cursor: cursor::write(List::JobChanges, slice.next),
        has_more: slice.has_more,
    }))
}

pub(crate) fn jobs_doc() -> Operation {
    following(
        Operation::new("Jobs", "jobs_changes", "Follow what changes of jobs")
            .about(ABOUT)
            .ok::<JobChangesBody>("Jobs that changed, the oldest change first."),
    )
}

/// `GET /application/changes/`
pub(crate) async fn applications(app: Data<App>, request: HttpRequest, Caller(actor): Caller) -> Answer {
    let request = slice(&Query::of(&request), List::ApplicationChanges)?;
    let slice = app.run(move |app| app.changes.primary.applications(&actor, request)).await?;
    Ok(HttpResponse::Ok().json(ApplicationChangesBody {
        changes: slice.items.into_iter().map(ApplicationChangeBody::from).collect(),
        next_cursor: cursor::write(List::ApplicationChanges, slice.next),
        has_more: slice.has_more,
    }))
}

pub(crate) fn applications_doc() -> Operation {
    following(
        Operation::new(
            "Applications",
            "applications_changes",
            "Follow what changes of the applications to the own jobs",
        )
        .about(ABOUT)
        .ok::<ApplicationChangesBody>("Applications that changed, the oldest change first."),
    )
}

const ABOUT: &str = "For a copy that is kept up to date. Pass `next_cursor` as `cursor` the next time: at once while `has_more` is \
                     true, else when you like. Nothing is missed. What changes again comes again, in its latest form.";

/// Adds the parameters that say where a reader goes on.
fn following(mut operation: Operation) -> Operation {
    operation.query(
        "cursor",
        string(),
        "A `next_cursor` of this operation, as it was given. It wins over `updated_since`.",
    );
    let time = string().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    operation.query(
        "updated_since",
        time,
        "Begin with what changed at this time or later. Without an offset it is in UTC.",
    );
    let size = integer(1).default(Some(PageRequest::MAX_SIZE.into()));
    operation.query("page_size", size, "How many changes to answer with. More than 100 is taken for 100.");
    operation
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use chrono::{DateTime, TimeDelta};

    use super::*;

    fn read(query: &str) -> Result<SliceRequest, Violations> {
        let request = TestRequest::with_uri(&format!("/job/changes/?{query}")).to_http_request();
        slice(&Query::of(&request), List::JobChanges)
    }

    #[test]
    fn a_cursor_wins_over_a_time_and_without_both_all_is_read() {
        let second = DateTime::UNIX_EPOCH + TimeDelta::seconds(1);
        let place = Position { time: second, id: 7 };
        let cursor = cursor::write(List::JobChanges, place);
        for (query, after, limit) in [
            (String::new(), Position::default(), 101),
            ("cursor=&updated_since=&page_size=".to_owned(), Position::default(), 101),
            ("updated_since=1970-01-01T00:00:01Z&page_size=5".to_owned(), Position::before(second), 6),
            (format!("cursor={cursor}&page_size=1000"), place, 101),
            (format!("updated_since=2030-01-01T00:00:00Z&cursor={cursor}"), place, 101),
        ] {
            let request = read(&query).unwrap();
            assert_eq!((request.after(), request.limit()), (after, limit), "{query}");
        }
    }

    #[test]
    fn every_wrong_parameter_is_told() {
        let violations = read("cursor=x&updated_since=yesterday&page_size=0").unwrap_err();
        let fields: Vec<_> = violations.fields().map(|(field, _)| field).collect();
        assert_eq!(fields, ["cursor", "page_size", "updated_since"]);
    }
}
