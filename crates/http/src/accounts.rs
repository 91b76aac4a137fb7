use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use jobportal_application::{
    AccountDetails, AccountSummary, ChangePassword, Contact, Register, ResetPassword, SignIn, SignedIn, TokenPair,
};
use jobportal_domain::{EmailAddress, Violations};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::App;
use crate::body::{Body, Request};
use crate::candidates::CandidateBody;
use crate::employers::EmployerBody;
use crate::error::ApiError;
use crate::extract::Caller;
use crate::input::Input;
use crate::limits::{self, by_account, by_address, by_user};
use crate::page::{Neighbours, Paging};
use crate::wire;

type Answer = Result<HttpResponse, ApiError>;

const CODE_SENT: &str = "OTP has been generated";

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct RegisterRequest {
    email: Input<String>,
    contract_number: Input<String>,
    user_type: Input<String>,
    password: Input<String>,
}

impl Request for RegisterRequest {}

/// `POST /account/register/`
pub(crate) async fn register(app: Data<App>, request: HttpRequest, body: Body<RegisterRequest>) -> Answer {
    by_address(&app, &request, &limits::REGISTER).await?;
    let mut violations = Violations::default();
    let RegisterRequest { email, contract_number, user_type, password } = body.value;
    let command = Register {
        email: email.required("email", &mut violations),
        phone_number: contract_number.required("phone_number", &mut violations),
        user_type: user_type.required("user_type", &mut violations),
        password: password.required("password", &mut violations),
        violations,
    };
    let registered = app.run_hashing(move |app| app.accounts.register(command)).await?;
    let mut answer = json!({ "status": CODE_SENT });
    if app.settings.expose_otp
        && let Some(keys) = answer.as_object_mut()
    {
        keys.insert("otp".to_owned(), registered.code.expose().into());
    }
    Ok(HttpResponse::Created().json(answer))
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct VerifyRequest {
    email: Input<String>,
    otp: Input<String>,
}

impl Request for VerifyRequest {}

/// `POST /account/verify_otp/`
pub(crate) async fn verify(app: Data<App>, request: HttpRequest, body: Body<VerifyRequest>) -> Answer {
    let mut violations = Violations::default();
    let email = body.value.email.required("email", &mut violations);
    let otp = body.value.otp.required("otp", &mut violations);
    let (Some(email), Some(otp)) = (email, otp) else { return Err(violations.into()) };
    by_address(&app, &request, &limits::CODE).await?;
    by_account(&app, &email, &limits::CODE_ACCOUNT).await?;
    app.run(move |app| app.accounts.verify_email(&email, &otp)).await?;
    Ok(HttpResponse::Ok().json(json!({ "status": "Registration successful" })))
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct EmailRequest {
    email: Input<String>,
}

impl Request for EmailRequest {}

/// Reads the address that a code is asked for, and counts the request.
async fn code_receiver(app: &App, request: &HttpRequest, body: EmailRequest) -> Result<EmailAddress, ApiError> {
    let mut violations = Violations::default();
    let email = body.email.required_as("email", &mut violations, |raw| EmailAddress::parse(&raw));
    let Some(email) = email else { return Err(violations.into()) };
    by_address(app, request, &limits::SEND_CODE).await?;
    by_account(app, email.as_str(), &limits::SEND_CODE_ACCOUNT).await?;
    Ok(email)
}

/// `POST /account/resend_otp/`
pub(crate) async fn resend_code(app: Data<App>, request: HttpRequest, body: Body<EmailRequest>) -> Answer {
    let email = code_receiver(&app, &request, body.value).await?;
    app.run(move |app| app.accounts.resend_code(&email)).await?;
    Ok(HttpResponse::Ok().json(json!({ "status": CODE_SENT })))
}

/// `POST /account/password-reset/`
pub(crate) async fn request_password_reset(app: Data<App>, request: HttpRequest, body: Body<EmailRequest>) -> Answer {
    let email = code_receiver(&app, &request, body.value).await?;
    app.run(move |app| app.accounts.request_password_reset(&email)).await?;
    Ok(HttpResponse::Ok().json(json!({ "status": CODE_SENT })))
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct ResetPasswordRequest {
    email: Input<String>,
    otp: Input<String>,
    password: Input<String>,
    confirm_password: Input<String>,
}

impl Request for ResetPasswordRequest {}

/// `POST /account/password-reset/confirm/`
pub(crate) async fn reset_password(app: Data<App>, request: HttpRequest, body: Body<ResetPasswordRequest>) -> Answer {
    let mut violations = Violations::default();
    let email = body.value.email.required("email", &mut violations);
    let code = body.value.otp.required("otp", &mut violations);
    let password = body.value.password.required("password", &mut violations);
    let confirm_password = body.value.confirm_password.required("confirm_password", &mut violations);
    let (Some(email), Some(code), Some(password), Some(confirm_password)) = (email, code, password, confirm_password)
    else {
        return Err(violations.into());
    };
    by_address(&app, &request, &limits::CODE).await?;
    by_account(&app, &email, &limits::CODE_ACCOUNT).await?;
    let command = ResetPassword { email, code, password, confirm_password };
    let portal = app.clone();
    let reset = async move { portal.run_hashing(move |app| app.accounts.reset_password(&command)).await };
    app.end_sessions(reset).await?;
    Ok(HttpResponse::Ok().json(json!({ "detail": PASSWORD_CHANGED })))
}

const PASSWORD_CHANGED: &str = "Password Change Successfully";

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct ChangePasswordRequest {
    old_password: Input<String>,
    password: Input<String>,
    confirm_password: Input<String>,
}

impl Request for ChangePasswordRequest {}

/// `PATCH /account/update-password/`
pub(crate) async fn change_password(
    app: Data<App>,
    request: HttpRequest,
    Caller(actor): Caller,
    body: Body<ChangePasswordRequest>,
) -> Answer {
    let mut violations = Violations::default();
    let old_password = body.value.old_password.required("old_password", &mut violations);
    let password = body.value.password.required("password", &mut violations);
    let confirm_password = body.value.confirm_password.required("confirm_password", &mut violations);
    let (Some(old_password), Some(password), Some(confirm_password)) = (old_password, password, confirm_password)
    else {
        return Err(violations.into());
    };
    by_address(&app, &request, &limits::SIGN_IN).await?;
    by_user(&app, &request, &actor, &limits::CHANGE_PASSWORD).await?;
    let command = ChangePassword { old_password, password, confirm_password };
    let portal = app.clone();
    let change = async move { portal.run_hashing(move |app| app.accounts.change_password(&actor, &command)).await };
    app.end_sessions(change).await?;
    Ok(HttpResponse::Ok().json(json!({ "detail": PASSWORD_CHANGED })))
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct LoginRequest {
    email_or_phone: Input<String>,
    password: Input<String>,
}

impl Request for LoginRequest {}

#[derive(Serialize)]
struct TokensBody {
    access_token: String,
    refresh_token: String,
}

impl From<TokenPair> for TokensBody {
    fn from(pair: TokenPair) -> Self {
        Self { access_token: pair.access, refresh_token: pair.refresh }
    }
}

/// Tokens must not be kept by anything on their way (RFC 6749 §5.1).
fn tokens(pair: TokenPair) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(TokensBody::from(pair))
}

/// `POST /account/login/`
pub(crate) async fn login(app: Data<App>, request: HttpRequest, body: Body<LoginRequest>) -> Answer {
    let mut violations = Violations::default();
    let identifier = body.value.email_or_phone.required("email_or_phone", &mut violations);
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

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct RefreshTokenRequest {
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

/// `POST /account/logout/`
pub(crate) async fn logout(app: Data<App>, Caller(actor): Caller, body: Body<RefreshTokenRequest>) -> Answer {
    let token = body.value.token()?;
    let portal = app.clone();
    let sign_out = async move { portal.run(move |app| app.accounts.sign_out(&actor, &token)).await };
    app.end_sessions(sign_out).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// How to reach a user, as the API writes it.
#[derive(Serialize)]
pub(crate) struct ContactBody {
    id: i64,
    email: Option<String>,
    contract_number: Option<String>,
    user_type: &'static str,
}

impl From<Contact> for ContactBody {
    fn from(contact: Contact) -> Self {
        Self {
            id: contact.user_id.0,
            email: contact.email.map(|email| email.to_string()),
            contract_number: contact.phone_number.map(|number| number.to_string()),
            user_type: contact.user_type.as_str(),
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum DetailsBody {
    Candidate(Box<CandidateBody>),
    Employer(EmployerBody),
}

impl DetailsBody {
    fn of(details: AccountDetails) -> Option<Self> {
        match details {
            AccountDetails::Candidate(profile) => Some(Self::Candidate(Box::new(profile.into()))),
            AccountDetails::Employer(profile) => Some(Self::Employer(profile.into())),
            AccountDetails::None => None,
        }
    }
}

#[derive(Serialize)]
struct UserBody {
    #[serde(flatten)]
    contact: ContactBody,
    user_details: Option<DetailsBody>,
}

impl From<AccountSummary> for UserBody {
    fn from(summary: AccountSummary) -> Self {
        Self { contact: summary.contact.into(), user_details: DetailsBody::of(summary.details) }
    }
}

#[derive(Serialize)]
struct UsersBody {
    count: u64,
    next: Option<String>,
    previous: Option<String>,
    results: Vec<UserBody>,
}

/// `GET /account/user_info/`
pub(crate) async fn list(
    app: Data<App>,
    request: HttpRequest,
    Caller(actor): Caller,
    Paging(page): Paging<10>,
) -> Answer {
    let page = app.run(move |app| app.accounts.list(&actor, page)).await?;
    let Neighbours { next, previous } = Neighbours::of(&request, &page);
    let count = page.total;
    let results = page.map(UserBody::from).items;
    Ok(HttpResponse::Ok().json(UsersBody { count, next, previous, results }))
}

#[derive(Serialize)]
struct OwnBody {
    #[serde(flatten)]
    contact: ContactBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate: Option<CandidateBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    employer: Option<EmployerBody>,
}

/// `GET /account/login-user-info/`
pub(crate) async fn own(app: Data<App>, Caller(actor): Caller) -> Answer {
    let summary = app.run(move |app| app.accounts.own(&actor)).await?;
    let (candidate, employer) = match summary.details {
        AccountDetails::Candidate(profile) => (Some(profile.into()), None),
        AccountDetails::Employer(profile) => (None, Some(profile.into())),
        AccountDetails::None => (None, None),
    };
    let data = OwnBody { contact: summary.contact.into(), candidate, employer };
    Ok(HttpResponse::Ok().json(wire::Data { data }))
}
