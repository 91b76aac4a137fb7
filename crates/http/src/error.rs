use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use jobportal_application::Error;
use jobportal_domain::Violations;
use serde_json::{Map, Value, json};
use thiserror::Error as ThisError;

use crate::limits::whole_seconds;
use crate::{Rejected, idempotency};

/// How long a client waits before it tries a part again that is away or busy.
const UNAVAILABLE_RETRY: Duration = Duration::from_secs(2);

/// How long a client waits for the answer to the same request that is being made.
const IN_FLIGHT_RETRY: Duration = Duration::from_secs(1);

/// Why a request was not answered as asked. The one place where errors become statuses and bodies.
#[derive(Debug, ThisError)]
pub(crate) enum ApiError {
    /// A use case refused.
    #[error(transparent)]
    UseCase(#[from] Error),
    /// The body can't be read.
    #[error("{0}")]
    MalformedBody(String),
    /// The body is of a kind that is not taken.
    #[error("Unsupported media type \"{0}\" in request.")]
    UnsupportedMediaType(String),
    /// The body is over the limit.
    #[error("The request body is too large. It may be at most {0} bytes.")]
    BodyTooLarge(usize),
    /// The address of the request is over the limit.
    #[error("The address is too long. It may have at most {0} bytes.")]
    TargetTooLong(usize),
    /// The headers of the request are over the limit.
    #[error("The headers are too large. They may have at most {0} bytes.")]
    HeadersTooLarge(usize),
    /// A page of another origin asks for what the operator does not let it do.
    #[error("Pages of this origin may not do that.")]
    ForeignOrigin,
    /// The client took too long to send the body.
    #[error("The request body did not arrive in time.")]
    BodyTooSlow,
    /// The key of the request can't be read.
    #[error("Idempotency-Key must be given once, with 1 to 255 visible ASCII characters, bare or in double quotes.")]
    BadIdempotencyKey,
    /// `If-Match` holds no entity tag.
    #[error("If-Match must be the ETag of what you read, with its quotes, or *.")]
    MalformedIfMatch,
    /// The operator demands a condition.
    #[error("Others may have changed this: send If-Match with the ETag of what you read, or *.")]
    PreconditionRequired,
    /// There is nothing at this path.
    #[error("Not found.")]
    NoRoute,
    /// The path is there, and takes other methods.
    #[error("Method \"{method}\" not allowed.")]
    MethodNotAllowed {
        /// The method of the request.
        method: String,
        /// Those that are taken.
        allow: String,
    },
    /// A refusal whose text has a documented key of its own beside `detail`.
    #[error("{detail}")]
    Documented {
        /// The status.
        status: StatusCode,
        /// The documented keys and their values.
        body: Value,
        /// The text of `detail`.
        detail: &'static str,
    },
    /// The node should be sent no requests.
    #[error("This node is not ready.")]
    NotReady {
        /// Why, in a word.
        status: String,
        /// The states of the parts that it depends on.
        dependencies: BTreeMap<&'static str, &'static str>,
    },
    /// The work was not taken or not finished.
    #[error(transparent)]
    NotRun(#[from] Rejected),
}

impl From<Violations> for ApiError {
    fn from(violations: Violations) -> Self {
        Self::UseCase(Error::Invalid(violations))
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::MalformedBody(_)
            | Self::BadIdempotencyKey
            | Self::MalformedIfMatch
            | Self::UseCase(Error::Invalid(_)) => StatusCode::BAD_REQUEST,
            Self::UseCase(Error::Unauthenticated(_)) => StatusCode::UNAUTHORIZED,
            Self::ForeignOrigin | Self::UseCase(Error::Forbidden(_)) => StatusCode::FORBIDDEN,
            Self::NoRoute | Self::UseCase(Error::NotFound(_)) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::UseCase(Error::Conflict(_) | Error::NotAllowed { .. } | Error::InFlight) => StatusCode::CONFLICT,
            Self::UseCase(Error::PreconditionFailed) => StatusCode::PRECONDITION_FAILED,
            Self::PreconditionRequired => StatusCode::PRECONDITION_REQUIRED,
            Self::TargetTooLong(_) => StatusCode::URI_TOO_LONG,
            Self::HeadersTooLarge(_) => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::BodyTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::UseCase(Error::KeyReused) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::UseCase(Error::Repeated(receipt)) => idempotency::replay(receipt).status(),
            Self::UseCase(Error::LimitReached { .. }) => StatusCode::TOO_MANY_REQUESTS,
            Self::UseCase(Error::Unavailable(_)) | Self::NotReady { .. } | Self::NotRun(Rejected::Busy) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Documented { status, .. } => *status,
            // A kind that was given no status is a defect.
            Self::UseCase(_) | Self::NotRun(Rejected::Panicked) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        if let Self::UseCase(Error::Repeated(receipt)) = self {
            return idempotency::replay(receipt);
        }
        let status = self.status_code();
        let mut response = HttpResponse::build(status);
        if status == StatusCode::UNAUTHORIZED {
            response.insert_header((WWW_AUTHENTICATE, "Bearer"));
        }
        match self {
            Self::UseCase(Error::Invalid(violations)) => return response.json(fields(violations)),
            Self::UseCase(Error::NotAllowed { message, allowed }) => {
                let allowed: Vec<_> = allowed.iter().map(|action| action.as_str()).collect();
                return response.json(json!({ "detail": message, "allowed": allowed }));
            }
            Self::UseCase(Error::InFlight) => retry_after(&mut response, IN_FLIGHT_RETRY),
            Self::UseCase(Error::LimitReached { retry_after: after, .. }) => retry_after(&mut response, *after),
            Self::UseCase(Error::Unavailable(source)) => {
                tracing::warn!(error = chain(source.as_ref()), "a part is unavailable");
                retry_after(&mut response, UNAVAILABLE_RETRY);
                return response.json(json!({ "detail": "The service is temporarily unavailable. Please try again." }));
            }
            Self::NotReady { status, dependencies } => {
                retry_after(&mut response, UNAVAILABLE_RETRY);
                let detail = self.to_string();
                return response.json(json!({ "detail": detail, "status": status, "dependencies": dependencies }));
            }
            Self::NotRun(Rejected::Busy) => {
                retry_after(&mut response, UNAVAILABLE_RETRY);
                return response.json(json!({ "detail": "The service is busy. Please try again." }));
            }
            Self::UseCase(Error::Internal(source)) => {
                tracing::error!(error = chain(source.as_ref()), "internal error");
                return response.json(json!({ "detail": "Internal server error." }));
            }
            Self::NotRun(Rejected::Panicked) => {
                return response.json(json!({ "detail": "Internal server error." }));
            }
            Self::MethodNotAllowed { allow, .. } => {
                response.insert_header((ALLOW, allow.as_str()));
            }
            Self::Documented { body: Value::Object(keys), detail, .. } => {
                let mut body = keys.clone();
                body.insert("detail".to_owned(), Value::from(*detail));
                return response.json(body);
            }
            _ => {}
        }
        response.json(json!({ "detail": self.to_string() }))
    }
}

fn fields(violations: &Violations) -> Value {
    let fields = violations.fields().map(|(field, messages)| (wire_name(field).to_owned(), Value::from(messages)));
    Value::Object(fields.collect::<Map<_, _>>())
}

/// What the wire calls a field that has another name inside.
fn wire_name(field: &str) -> &str {
    match field {
        "phone_number" => "contract_number",
        "code" => "otp",
        other => other,
    }
}

fn retry_after(response: &mut HttpResponseBuilder, after: Duration) {
    response.insert_header((RETRY_AFTER, whole_seconds(after)));
}

/// An error with its causes, for the log.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;
    use jobportal_application::RatePolicy;

    use super::*;

    async fn answer(error: ApiError) -> (u16, Option<String>, Value) {
        let response = error.error_response();
        let retry = response.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body()).await.unwrap();
        (status, retry, serde_json::from_slice(&body).unwrap())
    }

    #[actix_web::test]
    async fn broken_rules_are_lists_by_field() {
        let mut violations = Violations::single("email", "taken");
        violations.push("email", "odd");
        let (status, _, body) = answer(violations.into()).await;
        assert_eq!((status, body), (400, json!({ "email": ["taken", "odd"] })));
    }

    #[actix_web::test]
    async fn causes_stay_inside() {
        let secret = || "password=hunter2".into();
        let (status, retry, body) = answer(Error::Internal(secret()).into()).await;
        assert_eq!((status, retry, body), (500, None, json!({ "detail": "Internal server error." })));
        let (status, retry, body) = answer(Error::Unavailable(secret()).into()).await;
        assert_eq!((status, retry.as_deref()), (503, Some("2")));
        assert!(!body.to_string().contains("hunter2"));
    }

    #[actix_web::test]
    async fn a_limit_says_when_to_come_back() {
        let policy = RatePolicy { name: "write", quota: 1, window: Duration::from_secs(60) };
        let retry_after = Duration::from_millis(1_500);
        let error = Error::LimitReached { policy, message: "Enough.".to_owned(), retry_after };
        assert_eq!(answer(error.into()).await, (429, Some("2".to_owned()), json!({ "detail": "Enough." })));
    }

    #[actix_web::test]
    async fn a_documented_key_has_detail_beside_it() {
        let error = ApiError::Documented {
            status: StatusCode::BAD_REQUEST,
            body: json!({ "error": "Job is already deleted." }),
            detail: "Gone.",
        };
        assert_eq!(answer(error).await.2, json!({ "error": "Job is already deleted.", "detail": "Gone." }));
    }
}
