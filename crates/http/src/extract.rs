use std::future::{Future, Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use jobportal_application::{AccessClaims, Action, Actor, Error, Result, Role};
use tracing::Instrument as _;

use crate::error::ApiError;
use crate::openapi::{Describe, Operation, integer};
use crate::{App, Rejected, limits};

/// Who is asking. Where nobody is signed in the request is refused.
pub(crate) struct Caller(pub(crate) Actor);

/// Who is asking, if anyone says so.
pub(crate) struct MaybeCaller(pub(crate) Option<Actor>);

const MUST_ENROL: Error = Error::Forbidden(
    "Your account must have a second factor. Enrol it first: POST /account/second-factor/code/, then POST /account/second-factor/.",
);
const BAD_TOKEN: Error = Error::Unauthenticated("Given token not valid or expired.");

/// Finds out who is asking, for [`Caller`] and [`MaybeCaller`], and refuses whose role never does this, before anything else of
/// the request is looked at. Where anyone may, a token is not looked at either.
pub(crate) async fn admit(request: &HttpRequest, action: Action) -> Result<(), ApiError> {
    if action.is_open() {
        return Ok(());
    }
    let claims = identify(request).await?;
    let must_enrol = claims.as_ref().is_some_and(|claims| claims.must_enrol);
    let actor = claims.map(|claims| Actor {
        user_id: claims.user_id,
        user_type: claims.user_type,
        session_id: claims.session_id,
    });
    if let Some(actor) = &actor {
        limits::writes(app_of(request)?, request, actor).await?;
    }
    let role = Role::of(actor.as_ref());
    // Before anything is refused, so that the log tells who was.
    request.extensions_mut().insert(Admitted(actor));
    action.check_role(role)?;
    if must_enrol && !action.is_for_enrolling() {
        return Err(MUST_ENROL.into());
    }
    Ok(())
}

/// Who is asking.
struct Admitted(Option<Actor>);

/// Who is asking, once [`admit`] has looked at the token.
pub(crate) fn admitted(request: &HttpRequest) -> Option<Actor> {
    request.extensions().get::<Admitted>().and_then(|Admitted(actor)| actor.clone())
}

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(admitted(request).map(Self).ok_or(Error::NO_TOKEN.into()))
    }
}

impl FromRequest for MaybeCaller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(admitted(request))))
    }
}

impl Describe for Caller {
    fn describe(_: &mut Operation) {}
}

impl Describe for MaybeCaller {
    fn describe(_: &mut Operation) {}
}

/// What handlers use.
pub(crate) fn app_of(request: &HttpRequest) -> Result<&Data<App>> {
    request.app_data::<Data<App>>().ok_or_else(|| Error::Internal("the application is not set up".into()))
}

async fn identify(request: &HttpRequest) -> Result<Option<AccessClaims>> {
    let Some(header) = request.headers().get(AUTHORIZATION) else { return Ok(None) };
    let app = app_of(request)?;
    let header = str::from_utf8(header.as_bytes()).ok();
    let (scheme, token) = header.and_then(|text| text.trim().split_once(' ')).ok_or(BAD_TOKEN)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(BAD_TOKEN);
    }
    let claims = app.tokens.verify(token.trim(), app.clock.now()).ok_or(BAD_TOKEN)?;
    if app.denylist.is_denied(&claims.session_id).await {
        return Err(BAD_TOKEN);
    }
    Ok(Some(claims))
}

/// The id in a path; what is no positive 64-bit integer names nothing.
pub(crate) struct PathId(pub(crate) i64);

impl FromRequest for PathId {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request.match_info().get("id").and_then(|text| text.parse().ok()).filter(|id| *id > 0);
        ready(id.map(Self).ok_or(ApiError::NoRoute))
    }
}

impl Describe for PathId {
    fn describe(operation: &mut Operation) {
        operation.path("id", integer(1), "The `id` of what is meant.");
    }
}

/// Does `work` to its end, also if the client hangs up meanwhile; a handler alone would be dropped where it is.
pub(crate) async fn to_the_end<T: 'static>(
    work: impl Future<Output = Result<T, ApiError>> + 'static,
) -> Result<T, ApiError> {
    actix_web::rt::spawn(work.in_current_span()).await.unwrap_or(Err(ApiError::NotRun(Rejected::Panicked)))
}

impl App {
    /// Runs a use case on the database lane.
    pub(crate) async fn run<T: Send + 'static>(
        self: &std::sync::Arc<Self>,
        use_case: impl FnOnce(&Self) -> Result<T> + Send + 'static,
    ) -> Result<T, ApiError> {
        let app = std::sync::Arc::clone(self);
        Ok(self.database.run(move || use_case(&app)).await??)
    }

    /// Runs a use case that hashes a password, for someone whom nobody knows.
    pub(crate) async fn run_hashing_for_stranger<T: Send + 'static>(
        self: &std::sync::Arc<Self>,
        use_case: impl FnOnce(&Self) -> Result<T> + Send + 'static,
    ) -> Result<T, ApiError> {
        let app = std::sync::Arc::clone(self);
        Ok(self.strangers.run(move || use_case(&app)).await??)
    }

    /// Runs a use case that hashes a password, for someone who is known: signed in, in a network where the account's owner was
    /// before, or a reader of the account's mail.
    pub(crate) async fn run_hashing<T: Send + 'static>(
        self: &std::sync::Arc<Self>,
        use_case: impl FnOnce(&Self) -> Result<T> + Send + 'static,
    ) -> Result<T, ApiError> {
        let app = std::sync::Arc::clone(self);
        Ok(self.hashing.run(move || use_case(&app)).await??)
    }

    /// Refuses the access tokens of a session that has ended. Other nodes learn it from the store.
    pub(crate) async fn deny(&self, session_id: &str) {
        self.denylist.deny(session_id, self.settings.access_lifetime).await;
    }

    /// Ends sessions, also for the access tokens that are out there: `ends` ends them in the store and returns their ids.
    pub(crate) async fn end_sessions(
        self: &std::sync::Arc<Self>,
        ends: impl Future<Output = Result<Vec<String>, ApiError>> + 'static,
    ) -> Result<(), ApiError> {
        let app = std::sync::Arc::clone(self);
        to_the_end(async move {
            for session in ends.await? {
                app.deny(&session).await;
            }
            Ok(())
        })
        .await
    }
}
