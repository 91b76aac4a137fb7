use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::USER_AGENT;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use jobportal_application::{Actor, Error, Refreshed, SignIn, SignedIn, TokenPair};
use jobportal_domain::{Client, Session, Violations};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::second_factors::{DemandedBody, demanded, shown};
use super::{Answer, RefusedBody, TAG};
use crate::body::{Body, Request};
use crate::conditional::NO_STORE;
use crate::error::ApiError;
use crate::extract::Caller;
use crate::input::Input;
use crate::limits::{self, by_account, by_address};
use crate::openapi::{Describe, Operation, string};
use crate::wire::{self, TextOrNumber, Timestamp};
use crate::{App, audit, client};

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = Login)]
pub(crate) struct LoginRequest {
    /// The e-mail address or the phone number.
    #[schema(value_type = TextOrNumber, required, example = "carl@example.com")]
    email_or_phone: Input<TextOrNumber>,
    #[schema(value_type = String, required, format = Password, example = "battery staple")]
    password: Input<String>,
    /// The present code of the authenticator app, if the account has a second factor.
    #[schema(value_type = TextOrNumber, nullable = false, example = "123456")]
    totp: Input<TextOrNumber>,
    /// A recovery code, in place of the code of the app.
    #[schema(value_type = String, nullable = false, example = "abcdef-ghijkl-mnopqr-stuvwx")]
    recovery_code: Input<String>,
}

impl Request for LoginRequest {}

#[derive(Serialize, ToSchema)]
#[schema(as = Tokens)]
struct TokensBody {
    /// Goes into the header `Authorization: Bearer …`; good for 30 minutes.
    access_token: String,
    /// Good for one new pair, within 14 days, and up to 90 days from the sign-in.
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
    let LoginRequest { email_or_phone, password, totp, recovery_code } = body.value;
    let identifier = email_or_phone.text().required("email_or_phone", &mut violations);
    let password = password.required("password", &mut violations);
    let second_factor = shown(totp, recovery_code, &mut violations);
    let (Some(identifier), Some(password), true) = (identifier, password, violations.is_empty()) else {
        return Err(violations.into());
    };
    audit::note_second_factor(&request, second_factor.as_ref());
    by_address(&app, &request, &limits::SIGN_IN).await?;
    let attempt = by_account(&app, &request, &identifier, &limits::SIGN_IN_ACCOUNT).await?;
    let command = SignIn { identifier, password, client: client_of(&app, &request), second_factor };
    let sign_in = move |app: &App| app.accounts.sign_in(&command);
    let signed_in = if attempt.is_known() {
        app.run_hashing(sign_in).await?
    } else {
        app.run_hashing_for_stranger(sign_in).await?
    };
    match signed_in {
        SignedIn::Granted(pair) => {
            attempt.succeeded(&app).await;
            audit::note_tokens(&app, &request, &pair);
            Ok(tokens(pair))
        }
        SignedIn::Refused => Err(refused(
            "Token generation failed: Users matching query does not exist.",
            "No account matches this e-mail or phone number and this password.",
        )),
        SignedIn::Unverified => {
            audit::note_reason(&request, "not_verified");
            Err(refused(
                "Token generation failed: Account is not verified.",
                "This account is not verified. Please complete the OTP verification.",
            ))
        }
        SignedIn::SecondFactorMissing => {
            audit::note_reason(&request, "second_factor_missing");
            Err(demanded("A second factor is required."))
        }
        SignedIn::SecondFactorRefused => {
            audit::note_reason(&request, "second_factor_refused");
            Err(demanded("The second factor is not accepted."))
        }
    }
}

/// What is known of the client that sends a request.
fn client_of(app: &App, request: &HttpRequest) -> Client {
    let user_agent = request.headers().get(USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
    Client::new(client::network(app, request), user_agent.as_deref())
}

fn refused(error: &str, detail: &'static str) -> ApiError {
    ApiError::Documented { status: StatusCode::BAD_REQUEST, body: json!({ "error": error }), detail }
}

pub(crate) fn login_doc() -> Operation {
    Operation::new(TAG, "accounts_login", "Sign in")
        .about(
            "An account with a second factor needs `totp` or `recovery_code` beside the password. Where the account has to have one and \
             has none, the session may do nothing but enrol it (`accounts_request_enrolment_code`, `accounts_enrol_second_factor`); all else is 403.",
        )
        .ok::<TokensBody>("A session begins.")
        .answers::<RefusedBody>(StatusCode::BAD_REQUEST, "No account fits, or it is not verified; or a field is wrong.")
        .answers::<DemandedBody>(StatusCode::UNAUTHORIZED, "The second factor is missing or wrong.")
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
    match app.run(move |app| app.accounts.refresh(&token)).await? {
        Refreshed::Granted(pair) => {
            audit::note_tokens(&app, &request, &pair);
            return Ok(tokens(pair));
        }
        Refreshed::Refused => {}
        Refreshed::Reused { session_id, user_id } => {
            app.deny(&session_id).await;
            audit::note_user(&request, user_id);
            audit::note_reason(&request, "refresh_token_reused");
        }
    }
    Err(Error::Unauthenticated("Token is invalid or expired.").into())
}

pub(crate) fn refresh_doc() -> Operation {
    Operation::new(TAG, "accounts_refresh", "Exchange a refresh token for a new pair of tokens")
        .about(
            "The old refresh token is spent afterwards. For 10 seconds it gets the same new one again, for a client that lost the \
             answer; after that it ends the session: somebody has copied it.",
        )
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

/// A session, as its user sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
struct SessionBody {
    /// Names the session, and opens nothing.
    #[schema(example = "mzBm0YqQRv2pS7kq3nXcVw")]
    id: String,
    /// When the user signed in.
    created_at: Timestamp,
    /// When a refresh token of it was used last.
    last_used_at: Timestamp,
    /// When it ends unless it is refreshed before.
    expires_at: Timestamp,
    /// The network that the user signed in from: an IPv4 address, or the first 64 bits of an IPv6 address.
    #[schema(example = "192.0.2.7")]
    network: Option<String>,
    /// What the client called itself; its first 256 characters.
    #[schema(example = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")]
    user_agent: Option<String>,
    /// Whether it is the one that asks.
    is_current: bool,
}

impl SessionBody {
    fn of(session: Session, actor: &Actor) -> Self {
        Self {
            is_current: session.id == actor.session_id,
            id: session.id,
            created_at: Timestamp(session.created_at),
            last_used_at: Timestamp(session.last_used_at),
            expires_at: Timestamp(session.expires_at),
            network: session.client.network,
            user_agent: session.client.user_agent,
        }
    }
}

/// `GET /account/sessions/`
pub(crate) async fn list(app: Data<App>, Caller(actor): Caller) -> Answer {
    let asking = actor.clone();
    let sessions = app.run(move |app| app.accounts.sessions(&asking)).await?;
    let data: Vec<_> = sessions.into_iter().map(|session| SessionBody::of(session, &actor)).collect();
    Ok(HttpResponse::Ok().insert_header(NO_STORE).json(wire::Data { data }))
}

pub(crate) fn list_doc() -> Operation {
    Operation::new(TAG, "accounts_sessions", "List the own sessions")
        .about("A user has 50 sessions at most; a further sign-in ends the one that was used least recently.")
        .ok_data_list::<SessionBody>("The sessions, the last used one first.")
        .no_store()
}

/// The id of a session in a path; what has other characters than ids have names nothing.
pub(crate) struct SessionId(String);

impl FromRequest for SessionId {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let is_plain = |id: &&str| id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let id = request.match_info().get("id").filter(is_plain);
        ready(id.map(|id| Self(id.to_owned())).ok_or(ApiError::NoRoute))
    }
}

impl Describe for SessionId {
    fn describe(operation: &mut Operation) {
        operation.path("id", string(), "The `id` of the session.");
    }
}

/// `DELETE /account/sessions/{id}/`
pub(crate) async fn end(app: Data<App>, Caller(actor): Caller, SessionId(id): SessionId) -> Answer {
    let portal = app.clone();
    app.end_sessions(async move { portal.run(move |app| app.accounts.end_session(&actor, &id)).await }).await?;
    Ok(HttpResponse::NoContent().finish())
}

pub(crate) fn end_doc() -> Operation {
    Operation::new(TAG, "accounts_end_session", "End one of the own sessions")
        .about("The own session can be ended at any time; another one for 15 minutes from a sign-in on. After that the answer is 403, and signing in again helps.")
        .no_content("The session has ended, access tokens included.")
        .refuses(StatusCode::FORBIDDEN)
}

/// `DELETE /account/sessions/`
pub(crate) async fn end_others(app: Data<App>, Caller(actor): Caller) -> Answer {
    let portal = app.clone();
    app.end_sessions(async move { portal.run(move |app| app.accounts.end_other_sessions(&actor)).await }).await?;
    Ok(HttpResponse::NoContent().finish())
}

pub(crate) fn end_others_doc() -> Operation {
    Operation::new(TAG, "accounts_end_other_sessions", "End all own sessions but the one that asks")
        .about("For 15 minutes from a sign-in on. After that the answer is 403, and signing in again helps.")
        .no_content("They have ended, access tokens included.")
        .refuses(StatusCode::FORBIDDEN)
}
