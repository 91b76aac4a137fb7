use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use jobportal_application::{SignIn, SignedIn, TokenPair};
use jobportal_domain::Violations;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{Answer, RefusedBody, TAG};
use crate::App;
use crate::body::{Body, Request};
use crate::conditional::NO_STORE;
use crate::error::ApiError;
use crate::extract::Caller;
use crate::input::Input;
use crate::limits::{self, by_account, by_address};
use crate::openapi::Operation;
use crate::wire::TextOrNumber;

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = Login)]
pub(crate) struct LoginRequest {
    /// The e-mail address or the phone number.
    #[schema(value_type = TextOrNumber, required, example = "carl@example.com")]
    email_or_phone: Input<TextOrNumber>,
    #[schema(value_type = String, required, format = Password, example = "battery staple")]
    password: Input<String>,
}

impl Request for LoginRequest {}

#[derive(Serialize, ToSchema)]
#[schema(as = Tokens)]
struct TokensBody {
    /// Goes into the header `Authorization: Bearer …`; good for 30 minutes.
    access_token: String,
    /// Good for one new pair, within 14 days.
    refresh_token: String,
}

impl From<TokenPair> for TokensBody {
    fn from(pair: TokenPair) -> Self {
        Self { access_token: pair.access, refresh_token: pair.refresh }
    }
}

/// Tokens must not be kept by anything on their way (RFC 6749 §5.1).
fn tokens(pair: TokenPair) -> HttpResponse {
    HttpResponse::Ok().insert_header(NO_STORE).json(TokensBody::from(pair))
}

/// `POST /account/login/`
pub(crate) async fn login(app: Data<App>, request: HttpRequest, body: Body<LoginRequest>) -> Answer {
    let mut violations = Violations::default();
    let identifier = body.value.email_or_phone.text().required("email_or_phone", &mut violations);
    let password = body.value.password.required("password", &mut violations);
    let (Some(identifier), Some(password)) = (identifier, password) else { return Err(violations.into()) };
    by_address(&app, &request, &limits::SIGN_IN).await?;
    by_account(&app, &identifier, &limits::SIGN_IN_ACCOUNT).await?;
    let command = SignIn { identifier, password };
    match app.run_hashing(move |app| app.accounts.sign_in(&command)).await? {
        SignedIn::Granted(pair) => Ok(tokens(pair)),
        SignedIn::Refused => Err(refused(
            "Token generation failed: Users matching query does not exist.",
            "No account matches this e-mail or phone number and this password.",
        )),
        SignedIn::Unverified => Err(refused(
            "Token generation failed: Account is not verified.",
            "This account is not verified. Please complete the OTP verification.",
        )),
    }
}

fn refused(error: &str, detail: &'static str) -> ApiError {
    ApiError::Documented { status: StatusCode::BAD_REQUEST, body: json!({ "error": error }), detail }
}

pub(crate) fn login_doc() -> Operation {
    Operation::new(TAG, "accounts_login", "Sign in")
        .ok::<TokensBody>("A session begins.")
        .answers::<RefusedBody>(StatusCode::BAD_REQUEST, "No account fits, or it is not verified; or a field is wrong.")
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = RefreshToken)]
pub(crate) struct RefreshTokenRequest {
    #[schema(value_type = String, required)]
    refresh_token: Input<String>,
}

impl Request for RefreshTokenRequest {}

impl RefreshTokenRequest {
    fn token(self) -> Result<String, ApiError> {
        let mut violations = Violations::default();
        self.refresh_token.required("refresh_token", &mut violations).ok_or_else(|| violations.into())
    }
}

/// `POST /account/token/refresh/`
pub(crate) async fn refresh(app: Data<App>, request: HttpRequest, body: Body<RefreshTokenRequest>) -> Answer {
    let token = body.value.token()?;
    by_address(&app, &request, &limits::SIGN_IN).await?;
    let pair = app.run(move |app| app.accounts.refresh(&token)).await?;
    Ok(tokens(pair))
}

pub(crate) fn refresh_doc() -> Operation {
    Operation::new(TAG, "accounts_refresh", "Exchange a refresh token for a new pair of tokens")
        .about("The old refresh token is dead afterwards.")
        .ok::<TokensBody>("The session goes on.")
        .refuses(StatusCode::UNAUTHORIZED)
}

/// `POST /account/logout/`
pub(crate) async fn logout(app: Data<App>, Caller(actor): Caller, body: Body<RefreshTokenRequest>) -> Answer {
    let token = body.value.token()?;
    let portal = app.clone();
    let sign_out = async move { portal.run(move |app| app.accounts.sign_out(&actor, &token)).await };
    app.end_sessions(sign_out).await?;
    Ok(HttpResponse::NoContent().finish())
}

pub(crate) fn logout_doc() -> Operation {
    Operation::new(TAG, "accounts_logout", "End the session")
        .no_content("The session has ended, access token included.")
}
