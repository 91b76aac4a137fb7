pub(crate) mod directory;
pub(crate) mod passwords;
pub(crate) mod registration;
pub(crate) mod sessions;

use actix_web::HttpResponse;
use utoipa::ToSchema;

use crate::error::ApiError;

type Answer = Result<HttpResponse, ApiError>;

const TAG: &str = "Accounts";

const CODE_SENT: &str = "OTP has been generated";

/// A refusal that has a key of its own.
#[derive(ToSchema)]
#[schema(as = Refused)]
#[expect(dead_code, reason = "error.rs writes it")]
pub(crate) struct RefusedBody {
    error: String,
    detail: String,
}
