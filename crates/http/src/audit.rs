//! What the log tells of who tried what (OWASP ASVS 5.0, V16.3).

use actix_web::dev::ServiceResponse;
use actix_web::{HttpMessage, HttpRequest};
use jobportal_application::{Action, TokenPair};

use crate::extract::{admitted, app_of};
use crate::{App, client};

/// The user who is signed in by a request.
struct SignedIn(i64);

/// Notes whom a request gets these tokens for.
pub(crate) fn note_tokens(app: &App, request: &HttpRequest, pair: &TokenPair) {
    if let Some(claims) = app.tokens.verify(&pair.access, app.clock.now()) {
        request.extensions_mut().insert(SignedIn(claims.user_id.0));
    }
}

/// Writes an event for each authentication, for each change that an admin makes to the outbox, and for each request that was refused. None of its parts is a text that a client
/// chose, but for the method, which has no other characters than those of a word.
pub(crate) fn record(action: Option<Action>, response: &ServiceResponse) {
    let (request, status) = (response.request(), response.status());
    if let Ok(app) = app_of(request) {
        app.metrics.note(action, response);
    }
    let route = request.match_pattern().unwrap_or_default();
    if !is_authentication(request, &route) && !is_of_outbox(request, &route) && !status.is_client_error() {
        return;
    }
    let outcome = match status.as_u16() {
        ..400 => "succeeded",
        400..500 => "refused",
        _ => "failed",
    };
    let extensions = request.extensions();
    let signed_in = extensions.get::<SignedIn>().map(|SignedIn(id)| *id);
    tracing::info!(
        target: "jobportal::security",
        action = action.map(Action::as_str),
        outcome,
        status = status.as_u16(),
        method = request.method().as_str(),
        route,
        user_id = admitted(request).map(|actor| actor.user_id.0).or(signed_in),
        network = app_of(request).ok().and_then(|app| client::network(app, request)),
        "security event"
    );
}

/// Whether a request opens, renews or ends a session, or changes how its user signs in.
fn is_authentication(request: &HttpRequest, route: &str) -> bool {
    !request.method().is_safe() && (route.starts_with("/account/") || route.starts_with("/login"))
}

/// Whether a request has mails sent again, or deletes what tells of them.
fn is_of_outbox(request: &HttpRequest, route: &str) -> bool {
    !request.method().is_safe() && route.starts_with("/outbox")
}
