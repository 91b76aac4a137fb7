//! What the log tells of who tried what (OWASP ASVS 5.0, V16.3).

use actix_web::dev::ServiceResponse;
use actix_web::{HttpMessage, HttpRequest};
use jobportal_application::{Action, SecondFactorProof, TokenPair};
use jobportal_domain::UserId;

use crate::extract::{admitted, app_of};
use crate::{App, client};

/// What the keyed hash of an account's name is bound to.
const CONTEXT: &str = "account in the log";

/// How many characters of it are told: enough to tell accounts apart.
const HASH_CHARS: usize = 16;

/// What handlers found out about a request that only they can know.
#[derive(Default)]
struct Notes {
    user_id: Option<UserId>,
    account: Option<String>,
    second_factor: Option<&'static str>,
    reason: Option<&'static str>,
}

fn note(request: &HttpRequest, write: impl FnOnce(&mut Notes)) {
    write(request.extensions_mut().get_or_insert(Notes::default()));
}

/// Notes by which name a request tries something with an account. The log tells of it what is enough to know it again.
pub(crate) fn note_account(app: &App, request: &HttpRequest, name: &str) {
    let mut hash = app.vault.digest(CONTEXT, name);
    hash.truncate(HASH_CHARS);
    note(request, |notes| notes.account = Some(hash));
}

/// Notes whom a request gets these tokens for.
pub(crate) fn note_tokens(app: &App, request: &HttpRequest, pair: &TokenPair) {
    if let Some(claims) = app.tokens.verify(&pair.access, app.clock.now()) {
        note_user(request, claims.user_id);
    }
}

/// Notes whose session a request is about.
pub(crate) fn note_user(request: &HttpRequest, user_id: UserId) {
    note(request, |notes| notes.user_id = Some(user_id));
}

/// Notes what a request shows beside the password.
pub(crate) fn note_second_factor(request: &HttpRequest, proof: Option<&SecondFactorProof>) {
    let shown = proof.map(|proof| match proof {
        SecondFactorProof::Totp(_) => "totp",
        SecondFactorProof::RecoveryCode(_) => "recovery_code",
    });
    note(request, |notes| notes.second_factor = shown);
}

/// Notes why a request is refused, where its status does not say.
pub(crate) fn note_reason(request: &HttpRequest, reason: &'static str) {
    note(request, |notes| notes.reason = Some(reason));
}

/// Writes an event for each authentication, for each change that an admin makes to the outbox, and for each request that was
/// refused. None of its parts is a text that a client chose, but for the method, which has no other characters than those of a
/// word.
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
    let Notes { user_id, account, second_factor, reason } =
        request.extensions_mut().remove::<Notes>().unwrap_or_default();
    tracing::info!(
        target: "jobportal::security",
        action = action.map(Action::as_str),
        outcome,
        reason,
        status = status.as_u16(),
        method = request.method().as_str(),
        route,
        user_id = admitted(request).map(|actor| actor.user_id).or(user_id).map(|id| id.0),
        account,
        second_factor,
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
