pub(crate) mod contact;
pub(crate) mod deactivation;
pub(crate) mod directory;
pub(crate) mod passwords;
pub(crate) mod registration;
pub(crate) mod second_factors;
pub(crate) mod sessions;

use std::time::{Duration, Instant};

use actix_web::{HttpRequest, HttpResponse};
use jobportal_application::Actor;
use utoipa::ToSchema;

use crate::App;
use crate::error::ApiError;
use crate::limits::{self, by_address, by_user};

type Answer = Result<HttpResponse, ApiError>;

const TAG: &str = "Accounts";

const CODE_SENT: &str = "OTP has been generated";

/// Counts a try of the present password by a user who is signed in: with a stolen token it must not be guessed, whatever is
/// asked for with it.
async fn counts_password(app: &App, request: &HttpRequest, actor: &Actor) -> Result<(), ApiError> {
    by_address(app, request, &limits::SIGN_IN).await?;
    by_user(app, request, actor, &limits::CHANGE_PASSWORD).await
}

/// A refusal that has a key of its own.
#[derive(ToSchema)]
#[schema(as = Refused)]
#[expect(dead_code, reason = "error.rs writes it")]
pub(crate) struct RefusedBody {
    error: String,
    detail: String,
}

/// The least time of an answer that must not tell whether an account is there: longer than the writes that one of them takes, and
/// the other does not.
const LEAST_TIME: Duration = Duration::from_millis(100);

/// Waits until the answer to a request of `began` tells nothing by its time.
async fn even_out(began: Instant) {
    tokio::time::sleep(LEAST_TIME.saturating_sub(began.elapsed())).await;
}
