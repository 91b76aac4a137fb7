use std::future::{Future, Ready, ready};
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use jobportal_application::{Actor, Error, Result};

use crate::App;
use crate::error::ApiError;

/// Who is asking; a request without a good access token is refused.
pub(crate) struct Caller(pub(crate) Actor);

/// Who is asking, if anyone says so; a bad access token is refused.
pub(crate) struct MaybeCaller(pub(crate) Option<Actor>);

const NO_TOKEN: Error = Error::Unauthenticated("Authentication credentials were not provided.");
const BAD_TOKEN: Error = Error::Unauthenticated("Given token not valid or expired.");

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Ok(Self(identify(&request).await?.ok_or(NO_TOKEN)?)) })
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

async fn identify(request: &HttpRequest) -> Result<Option<Actor>> {
    let Some(header) = request.headers().get(AUTHORIZATION) else { return Ok(None) };
    let app = request.app_data::<Data<App>>().ok_or_else(|| Error::Internal("the application is not set up".into()))?;
    let (scheme, token) = header.to_str().ok().and_then(|text| text.trim().split_once(' ')).ok_or(BAD_TOKEN)?;
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

    /// Ends sessions for the access tokens that are out there.
    pub(crate) async fn deny(&self, sessions: Vec<String>) {
        for session in sessions {
            self.denylist.deny(&session, self.settings.access_lifetime).await;
        }
    }
}
