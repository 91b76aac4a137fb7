//! What holds for every request and every answer, whatever the route: bounds, an id, headers that tell browsers what not to do,
//! and who of other origins may read.

use std::str::FromStr;

use actix_cors::{Cors, CorsError};
use actix_web::ResponseError as _;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    self, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::http::{ConnectionType, Method};
use actix_web::middleware::{Condition, Next, from_fn};
use actix_web::web::Data;
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};
use url::Url;

use crate::conditional::NO_STORE;
use crate::error::ApiError;
use crate::{App, client};

/// The most bytes that the target of a request has.
const MAX_TARGET: usize = 8 * 1024;

/// The most bytes that its headers have, names and values.
const MAX_HEADERS: usize = 16 * 1024;

/// The most characters of an id that a client gives to its request.
const MAX_REQUEST_ID: usize = 64;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Headers of every answer that has no other of the name. An answer of the API is data, of which a browser makes no page.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin")),
    NO_STORE,
];

/// For two years, as long as lists of such hosts ask for.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=63072000; includeSubDomains");

/// The origins whose pages may call the API and read its answers; by default none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorsOrigins(Vec<String>);

impl FromStr for CorsOrigins {
    type Err = String;

    /// Reads origins, separated by commas: `https://jobs.example.com, http://localhost:3000`. There is none for all.
    fn from_str(text: &str) -> Result<Self, String> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let origin = |item: &str| match Url::parse(item) {
            Ok(url)
                if matches!(url.scheme(), "http" | "https")
                    && !item.contains('*')
                    && url.origin().ascii_serialization() == item =>
            {
                Ok(item.to_owned())
            }
            _ => Err(format!("expected origins such as https://jobs.example.com, found `{item}`")),
        };
        items.map(origin).collect::<Result<_, _>>().map(Self)
    }
}

impl CorsOrigins {
    /// Answers preflights, and tells browsers which answers they may show. No cookie is taken, so none is let through.
    fn middleware(&self) -> Cors {
        let methods = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        let cors = Cors::default()
            .allowed_methods(methods)
            .allowed_headers([
                header::ACCEPT,
                header::AUTHORIZATION,
                header::CONTENT_TYPE,
                header::IF_MATCH,
                header::IF_NONE_MATCH,
                HeaderName::from_static("idempotency-key"),
                X_REQUEST_ID,
            ])
            .expose_headers([
                "etag",
                "idempotency-replayed",
                "link",
                "location",
                "ratelimit",
                "ratelimit-policy",
                "retry-after",
                "x-request-id",
                "x-total-count",
            ])
            .max_age(3_600);
        self.0.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
    }
}

/// An actix-web application with every route of the API, and what holds for all of them.
pub fn application(
    app: Data<App>,
) -> actix_web::App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    let origins = app.settings.cors_origins.clone();
    actix_web::App::new()
        .configure(crate::routes::configure(app.clone()))
        .wrap(Condition::new(!origins.0.is_empty(), origins.middleware()))
        .wrap(from_fn(move |request, next| harden(app.clone(), request, next)))
}

async fn harden(
    app: Data<App>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse, actix_web::Error> {
    let id = request_id(request.headers());
    let is_secure = request.app_config().secure() || app.settings.is_public_by_https();
    // Of this target, so that whoever logs what matters to security alone has it too.
    let span = tracing::info_span!(
        target: "jobportal::security",
        "request",
        id = id.to_str().unwrap_or_default(),
        otel.kind = Empty,
        otel.status_code = Empty,
        http.request.method = Empty,
        http.route = Empty,
        http.response.status_code = Empty,
    );
    let traced = app.adopt_trace.map(|adopt| {
        if client::is_proxy(&app, request.request())
            && let Some(Ok(parent)) = request.headers().get("traceparent").map(HeaderValue::to_str)
        {
            adopt(&span, parent);
        }
        // Before it is entered: it begins then, and with its kind.
        span.record("otel.kind", "server");
        span.clone()
    });
    let mut response = match within_bounds(&request) {
        Ok(()) => REQUEST_ID.scope(id.clone(), next.call(request).instrument(span)).await?.map_into_boxed_body(),
        Err(error) => {
            app.metrics.unmatched.begin().answered(error.status_code());
            request.error_response(error)
        }
    };
    if response.response().error().is_some_and(|error| error.as_error::<CorsError>().is_some()) {
        response = response.error_response(ApiError::ForeignOrigin);
    }
    if let Some(span) = traced {
        describe(&span, &response);
    }
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        if !headers.contains_key(&name) {
            headers.insert(name, value);
        }
    }
    if is_secure {
        headers.insert(STRICT_TRANSPORT_SECURITY, HSTS);
    }
    headers.insert(X_REQUEST_ID, id);
    if app.health.is_stopping() {
        // The client's next request goes to another node.
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}

/// Says in a trace what was asked, by the template of its route, and what came of it.
fn describe(span: &Span, response: &ServiceResponse) {
    let (method, status) = (response.request().method().as_str(), response.status());
    let route = response.request().match_pattern();
    span.record("http.request.method", method);
    span.record("http.route", route);
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}

tokio::task_local! {
    static REQUEST_ID: HeaderValue;
}

/// The id of the request that is being answered.
pub(crate) fn current_id() -> Option<String> {
    REQUEST_ID.try_with(|id| id.to_str().ok().map(str::to_owned)).ok().flatten()
}

/// The id that the client gave to its request, if it is fit for a log, or else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let is_fit = |id: &&HeaderValue| {
        (1..=MAX_REQUEST_ID).contains(&id.len())
            && id.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(b))
    };
    if let Some(id) = headers.get(X_REQUEST_ID).filter(is_fit) {
        return id.clone();
    }
    let mut bytes = [0; 12];
    // It is no secret; were there no randomness, requests would only look alike.
    let _ = rand::fill(&mut bytes);
    HeaderValue::try_from(URL_SAFE_NO_PAD.encode(bytes)).unwrap_or(HeaderValue::from_static("none"))
}

/// Refuses a head that is larger than any that is meant well. The server below has bounds of its own, at 128 KiB and 96 headers.
fn within_bounds(request: &ServiceRequest) -> Result<(), ApiError> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let headers: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    match (target, headers) {
        (MAX_TARGET.., _) => Err(ApiError::TargetTooLong(MAX_TARGET)),
        (_, MAX_HEADERS..) => Err(ApiError::HeadersTooLarge(MAX_HEADERS)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_exact_and_there_is_none_for_all() {
        let origins = |text: &str| text.parse::<CorsOrigins>();
        let two = origins("https://jobs.example.com, http://localhost:3000").unwrap();
        assert_eq!(two.0, ["https://jobs.example.com", "http://localhost:3000"]);
        assert_eq!(origins(""), Ok(CorsOrigins::default()));
        for text in [
            "*",
            "null",
            "jobs.example.com",
            "https://jobs.example.com/",
            "https://jobs.example.com/app",
            "file:///tmp",
            "https://*.example.com",
            "https://ann@example.com",
            "https://EXAMPLE.com",
            "https://example.com:443",
            "https://",
        ] {
            let error = origins(text).unwrap_err();
            assert!(error.contains("expected origins") && error.contains(text), "{text}: {error}");
        }
    }

    #[test]
    fn the_id_of_a_request_is_taken_if_it_is_fit_for_a_log() {
        let id = |given: &[u8]| {
            let given = HeaderValue::from_bytes(given).unwrap();
            request_id(&HeaderMap::from_iter([(X_REQUEST_ID, given)])).to_str().unwrap().to_owned()
        };
        for fit in ["a", "8e03978e-40d5-43dd-bc93-6894a57f9324", "A_b.C-9", &"x".repeat(MAX_REQUEST_ID)] {
            assert_eq!(id(fit.as_bytes()), fit);
        }
        for unfit in ["", "a b", "a\tb", "ä", "a;b", "a,b", "\"", &"x".repeat(MAX_REQUEST_ID + 1)] {
            let made = id(unfit.as_bytes());
            assert_eq!(made.len(), 16, "{unfit}: {made}");
            assert_ne!(made, id(unfit.as_bytes()));
        }
    }
}
