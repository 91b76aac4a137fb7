//! Conditional requests (RFC 9110 §13): what a client has is not sent again, and what it has not seen is not overwritten.
//!
//! The tag of an answer is `"{version}.{digest}"`. The digest of the body makes it a strong one, also where something changed
//! that the answer only shows, such as the employer of a job. `If-Match` looks at the version alone: it names the state of
//! the very thing that a request changes, so that a new application does not fail the employer's edit of the job.

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceResponse};
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue,
};
use actix_web::http::header::{IF_MATCH, IF_NONE_MATCH, VARY};
use actix_web::http::{Method, StatusCode};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jobportal_application::Precondition;
use jobportal_domain::Version;

use crate::error::ApiError;
use crate::extract::app_of;
use crate::openapi::{Describe, Operation, string};
use crate::responses::Representations;

/// The most entity tags that are read of one request.
const MAX_TAGS: usize = 100;

/// How much of a body's digest its tag holds, in bytes.
const DIGEST_LENGTH: usize = 16;

/// The header of answers that no cache keeps.
pub(crate) const NO_STORE: (HeaderName, HeaderValue) = (CACHE_CONTROL, HeaderValue::from_static("no-store"));

/// Tells which version of something an answer is about, for its tag.
pub(crate) fn versioned(mut response: HttpResponse, version: impl Into<Option<Version>>) -> HttpResponse {
    match version.into() {
        // The answer to a creation is kept for a retry, and of it the headers alone.
        Some(version) if response.status() == StatusCode::CREATED => {
            insert(response.headers_mut(), ETAG, &format!("\"{version}\""));
        }
        Some(version) => _ = response.extensions_mut().insert(version),
        None => {}
    }
    response
}

/// Gives answers their tag, and answers those who have the present state already with 304.
pub(crate) fn conditional(mut response: ServiceResponse) -> ServiceResponse {
    let version = response.response().extensions().get::<Version>().copied();
    match *response.request().method() {
        Method::GET | Method::HEAD if response.status() == StatusCode::OK => tag(response, version),
        // A cache may keep a 404 as it sees fit, while what is not there now is made.
        Method::GET | Method::HEAD if !response.headers().contains_key(CACHE_CONTROL) => {
            let (name, value) = NO_STORE;
            response.headers_mut().insert(name, value);
            response
        }
        // After a PUT a tag would say that the body was stored as it came (RFC 9110 §9.3.4).
        Method::POST | Method::PATCH => {
            if let Some(version) = version {
                insert(response.headers_mut(), ETAG, &format!("\"{version}\""));
            }
            response
        }
        _ => response,
    }
}

fn tag(response: ServiceResponse, version: Option<Version>) -> ServiceResponse {
    let (name, value) = NO_STORE;
    if response.headers().get(name) == Some(&value) {
        return response;
    }
    let (request, mut response) = response.into_parts();
    let kept = response.extensions_mut().remove::<Arc<Representations>>();
    let (mut response, body) = response.into_parts();
    let representations = match kept {
        Some(kept) => kept,
        None => match body.try_into_bytes() {
            Ok(body) => {
                let tag = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
                let tag = tag.unwrap_or_else(|| entity_tag(&body, version));
                Arc::new(Representations::new(body, tag))
            }
            Err(body) => return ServiceResponse::new(request, response.set_body(body)),
        },
    };
    let headers = response.headers_mut();
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    }
    let sent = if headers.get(CONTENT_TYPE).is_some_and(is_text) {
        headers.append(VARY, HeaderValue::from_static("Authorization, Accept-Encoding"));
        representations.wanted_by(&request)
    } else {
        headers.append(VARY, HeaderValue::from_static("Authorization"));
        representations.plain()
    };
    insert(headers, ETAG, &sent.tag);
    if has(&request, &sent.tag) {
        headers.remove(CONTENT_TYPE);
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return ServiceResponse::new(request, response.set_body(BoxBody::new(())));
    }
    if sent.is_compressed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    ServiceResponse::new(request, response.set_body(BoxBody::new(sent.body.clone())))
}

/// Whether a media type is worth compressing: of the others, each is compressed by itself.
fn is_text(media_type: &HeaderValue) -> bool {
    let media_type = media_type.as_bytes();
    media_type.starts_with(b"text/") || media_type.starts_with(b"application/json")
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// The tag of an answer with this body, about this version of something.
pub(crate) fn entity_tag(body: &[u8], version: Option<Version>) -> String {
    let digest = digest(&SHA256, body);
    let digest = URL_SAFE_NO_PAD.encode(digest.as_ref().get(..DIGEST_LENGTH).unwrap_or_default());
    version.map_or_else(|| format!("\"{digest}\""), |version| format!("\"{version}.{digest}\""))
}

/// Whether the client has the state with this tag, as it says in `If-None-Match`.
pub(crate) fn has(request: &HttpRequest, tag: &str) -> bool {
    match Tags::of(request.headers(), IF_NONE_MATCH) {
        None => false,
        Some(Tags::Any) => true,
        Some(Tags::Listed(tags)) => tags.iter().any(|known| known.opaque == tag.trim_matches('"')),
    }
}

/// Which state a client wants to change, as it says in `If-Match`. Where the operator demands it, a request that changes or
/// deletes what is there must have one.
pub(crate) struct IfMatch(pub(crate) Precondition);

impl FromRequest for IfMatch {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(precondition(request).map(Self))
    }
}

impl Describe for IfMatch {
    fn describe(operation: &mut Operation) {
        operation.header(
            "If-Match",
            string(),
            "The `ETag` of what was read: the change is made to no other state. `*`: any.",
        );
        operation.may_refuse(StatusCode::BAD_REQUEST);
        operation.may_refuse(StatusCode::PRECONDITION_FAILED);
    }
}

/// Describes what the middleware adds to an operation.
pub(crate) fn describe(operation: &mut Operation, method: &Method) {
    const OF_READ: &str =
        "Names the present state: for `If-None-Match` of the next read, and for `If-Match` of a change.";
    const OF_WRITE: &str =
        "Names the state that there is now: for `If-Match` of the next change. A read has a tag of its own.";
    let changes = operation.may_answer(StatusCode::PRECONDITION_FAILED);
    if changes && method != Method::POST {
        operation.may_refuse(StatusCode::PRECONDITION_REQUIRED);
    }
    if operation.makes_version() || changes && (method == Method::POST || method == Method::PATCH) {
        operation.tells("ETag", string(), OF_WRITE);
    }
    if method == Method::GET && operation.is_stored() {
        operation.header("If-None-Match", string(), "The `ETag` of what the caller has: it is not sent again.");
        operation.not_modified();
        operation.tells("ETag", string(), OF_READ);
    }
}

fn precondition(request: &HttpRequest) -> Result<Precondition, ApiError> {
    match Tags::of(request.headers(), IF_MATCH) {
        // A POST may make what is not there yet.
        None if request.method() != Method::POST && app_of(request)?.settings.require_if_match => {
            Err(ApiError::PreconditionRequired)
        }
        None => Ok(Precondition::None),
        Some(Tags::Any) => Ok(Precondition::Exists),
        Some(Tags::Listed(tags)) if tags.is_empty() => Err(ApiError::MalformedIfMatch),
        Some(Tags::Listed(tags)) => Ok(Precondition::OneOf(tags.iter().filter_map(EntityTag::version).collect())),
    }
}

/// What a header says that holds entity tags.
enum Tags {
    /// `*`: any state.
    Any,
    /// These; what is none is left out.
    Listed(Vec<EntityTag>),
}

impl Tags {
    fn of(headers: &HeaderMap, name: HeaderName) -> Option<Self> {
        let lines: Vec<_> =
            headers.get_all(name).map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned()).collect();
        if lines.is_empty() {
            return None;
        }
        let list = lines.join(",");
        if list.trim() == "*" {
            return Some(Self::Any);
        }
        // No tag holds a quote, so the quotes of a list open and close in turn.
        let closed = list.rsplit_once('"').map_or("", |(closed, _)| closed);
        let mut pieces = closed.split('"');
        let quoted = std::iter::from_fn(|| Some((pieces.next()?, pieces.next()?)));
        let tags = quoted.filter_map(|(before, opaque)| {
            let is_weak = match before.trim_matches([' ', '\t', ',']) {
                "" => false,
                "W/" => true,
                _ => return None,
            };
            Some(EntityTag { is_weak, opaque: opaque.to_owned() })
        });
        Some(Self::Listed(tags.take(MAX_TAGS).collect()))
    }
}

/// An entity tag that a client sends.
struct EntityTag {
    is_weak: bool,
    opaque: String,
}

impl EntityTag {
    /// The version that it stands for. A weak tag stands for none where states are compared strongly.
    fn version(&self) -> Option<Version> {
        let (version, _) = self.opaque.split_once('.').unwrap_or((&self.opaque, ""));
        let is_number = version.bytes().all(|byte| byte.is_ascii_digit());
        version.parse().ok().filter(|_| is_number && !self.is_weak).map(Version)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn request(name: &HeaderName, lines: &[&str]) -> HttpRequest {
        let mut request = TestRequest::post();
        for line in lines {
            request = request.append_header((name.clone(), *line));
        }
        request.to_http_request()
    }

    #[test]
    fn the_same_body_has_the_same_tag_and_another_one_another() {
        let tag = entity_tag(b"{}", Some(Version(7)));
        assert_eq!(tag, "\"7.RBNvo1WzZ4oRRq0W9-hkng\"");
        assert_ne!(tag, entity_tag(b"{ }", Some(Version(7))));
        assert_eq!(entity_tag(b"{}", None), "\"RBNvo1WzZ4oRRq0W9-hkng\"");
    }

    #[test]
    fn a_client_has_what_it_lists() {
        let has = |lines: &[&str]| has(&request(&IF_NONE_MATCH, lines), "\"7.a-b\"");
        for known in ["\"7.a-b\"", "W/\"7.a-b\"", "\"x\", \"7.a-b\"", "\"x\",W/\"7.a-b\" ,\"y\"", "*", " * "] {
            assert!(has(&[known]), "{known}");
        }
        assert!(has(&["\"x\"", "\"7.a-b\""]));
        for other in ["", "\"7.a-B\"", "\"7\"", "7.a-b", "\"7.a-b", "w/\"7.a-b\"", "x\"7.a-b\"", "\"x,7.a-b,y\"", "**"]
        {
            assert!(!has(&[other]), "{other}");
        }
        assert!(!has(&[]));
    }

    #[test]
    fn a_change_is_for_the_versions_of_its_tags() {
        let read = |lines: &[&str]| precondition(&request(&IF_MATCH, lines)).unwrap();
        let one_of = |versions: &[i64]| Precondition::OneOf(versions.iter().copied().map(Version).collect());
        assert_eq!(read(&[]), Precondition::None);
        assert_eq!(read(&["*"]), Precondition::Exists);
        assert_eq!(read(&["\"7.a-b\""]), one_of(&[7]));
        assert_eq!(read(&["\"7\", \"8.c\"", "\"9\""]), one_of(&[7, 8, 9]));
        // Neither weak tags nor those that this API never gave match anything.
        let strange =
            ["W/\"7.a-b\"", "\"\"", "\"a-b\"", "\"+7\"", "\"-7\"", "\" 7\"", "\"7a\"", "\"99999999999999999999\""];
        for tag in strange {
            assert_eq!(read(&[tag]), one_of(&[]), "{tag}");
        }
        assert_eq!(read(&["x \"7\", \"8\""]), one_of(&[8]));
        let many = "\"7\",".repeat(10_000);
        assert_eq!(read(&[&many]), one_of(&[7; MAX_TAGS]));
    }

    #[test]
    fn a_condition_without_a_tag_is_refused() {
        for line in ["", "7", "7.a-b", "\"7", "7\"", "x\"7\"", "*, *", ","] {
            let refused = precondition(&request(&IF_MATCH, &[line]));
            assert!(matches!(refused, Err(ApiError::MalformedIfMatch)), "{line}");
        }
    }
}
