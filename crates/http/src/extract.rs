use std::future::{Future, Ready, ready};
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use jobportal_application::{Actor, Error, Result};
use jobportal_domain::UserType;

use crate::error::ApiError;
use crate::openapi::{Access, Describe, Operation, integer};
use crate::{App, Rejected, limits};

/// Who is asking; a request without a good access token is refused.
pub(crate) struct Caller(pub(crate) Actor);

/// Who is asking, if anyone says so; a bad access token is refused.
pub(crate) struct MaybeCaller(pub(crate) Option<Actor>);

/// Declares an extractor that refuses everyone but users of one type, before the body is read.
macro_rules! caller_of_type {
    ($($(#[$doc:meta])* $name:ident = $user_type:expr;)+) => {$(
        $(#[$doc])*
        pub(crate) struct $name(pub(crate) Actor);

        impl FromRequest for $name {
            type Error = ApiError;
            type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

            fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
                let caller = Caller::from_request(request, payload);
                Box::pin(async move {
                    let Caller(actor) = caller.await?;
                    actor.require($user_type)?;
                    Ok(Self(actor))
                })
            }
        }

        impl Describe for $name {
            fn describe(operation: &mut Operation) {
                Caller::describe(operation);
                operation.may_refuse(StatusCode::FORBIDDEN);
            }
        }
    )+};
}

caller_of_type! {
    /// A candidate who is asking.
    Candidate = UserType::Candidate;
    /// An employer who is asking.
    Employer = UserType::Employer;
    /// An admin who is asking.
    Admin = UserType::Admin;
}

const NO_TOKEN: Error = Error::Unauthenticated("Authentication credentials were not provided.");
const BAD_TOKEN: Error = Error::Unauthenticated("Given token not valid or expired.");

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let actor = identify(&request).await?.ok_or(NO_TOKEN)?;
            limits::writes(app_of(&request)?, &request, &actor).await?;
            Ok(Self(actor))
        })
    }
}

impl Describe for Caller {
    fn describe(operation: &mut Operation) {
        operation.require(Access::SignedIn);
    }
}

impl FromRequest for MaybeCaller {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Ok(Self(identify(&request).await?)) })
    }
}

impl Describe for MaybeCaller {
    fn describe(operation: &mut Operation) {
        operation.require(Access::SignedInOrNot);
    }
}

/// What handlers use.
pub(crate) fn app_of(request: &HttpRequest) -> Result<&Data<App>> {
    request.app_data::<Data<App>>().ok_or_else(|| Error::Internal("the application is not set up".into()))
}

async fn identify(request: &HttpRequest) -> Result<Option<Actor>> {
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
    Ok(Some(Actor { user_id: claims.user_id, user_type: claims.user_type, session_id: claims.session_id }))
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
    actix_web::rt::spawn(work).await.unwrap_or(Err(ApiError::NotRun(Rejected::Panicked)))
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

    /// Runs a use case that hashes a password.
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
