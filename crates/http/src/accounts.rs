use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use jobportal_application::{
    AccountDetails, AccountSummary, ChangePassword, Contact, Register, Registered, ResetPassword, SignIn, SignedIn,
    TokenPair,
};
use jobportal_domain::{EmailAddress, UserType, Violations};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::App;
use crate::body::{Body, Request};
use crate::candidates::CandidateBody;
use crate::conditional::{NO_STORE, versioned};
use crate::employers::EmployerBody;
use crate::error::ApiError;
use crate::extract::Caller;
use crate::idempotency::{IdempotencyKey, answer_once};
use crate::input::Input;
use crate::limits::{self, by_account, by_address, by_user};
use crate::openapi::{Operation, one_of, schema_of};
use crate::page::{Neighbours, Paging, page_headers};
use crate::wire::{self, StatusBody, TextOrNumber};

type Answer = Result<HttpResponse, ApiError>;

const TAG: &str = "Accounts";

const CODE_SENT: &str = "OTP has been generated";

/// The kinds of account that anyone may register.
struct OpenUserType;

/// All kinds of account.
struct AnyUserType;

schema_of! {
    OpenUserType as "OpenUserType" =>
        one_of(UserType::ALL.iter().filter(|kind| kind.is_open_to_registration()).map(|kind| kind.as_str()));
    AnyUserType as "UserType" => one_of(UserType::ALL.iter().map(|kind| kind.as_str()));
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = Register)]
pub(crate) struct RegisterRequest {
    #[schema(value_type = String, required, format = "email", max_length = 254, example = "carl@example.com")]
    email: Input<String>,
    /// A phone number of 11 digits. `+880` and `880` before them are taken off.
    #[schema(value_type = TextOrNumber, required, example = "01722222222")]
    contract_number: Input<TextOrNumber>,
    #[schema(value_type = OpenUserType, required)]
    user_type: Input<String>,
    /// At least 8 characters and at most 72 bytes; none of the 30,000 most common passwords, not all digits, and not similar to the
    /// address or the number.
    #[schema(value_type = String, required, format = Password, min_length = 8, max_length = 72, example = "battery staple")]
    password: Input<String>,
}

impl Request for RegisterRequest {}

/// `POST /account/register/`
pub(crate) async fn register(
    app: Data<App>,
    request: HttpRequest,
    key: IdempotencyKey,
    body: Body<RegisterRequest>,
) -> Answer {
    by_address(&app, &request, &limits::REGISTER).await?;
    let mut violations = Violations::default();
    let RegisterRequest { email, contract_number, user_type, password } = body.value;
    let command = Register {
        email: email.required("email", &mut violations),
        phone_number: contract_number.text().required("phone_number", &mut violations),
        user_type: user_type.required("user_type", &mut violations),
        password: password.required("password", &mut violations),
        violations,
    };
    // Nobody is signed in yet; an address that is none is refused whatever the key.
    let email = command.email.as_deref().and_then(|raw| EmailAddress::parse(raw).ok());
    let key = email.and_then(|email| key.of(&app, format!("email:{email}"), body.content));
    let expose_otp = app.settings.expose_otp;
    let created = move |registered: Registered| {
        let otp = expose_otp.then(|| registered.code.expose().to_owned());
        HttpResponse::Created().json(RegisteredBody { status: CODE_SENT, otp })
    };
    let registered = move |app: &App| answer_once(app, key, created, |once| app.accounts.register(command, once));
    Ok(app.run_hashing(registered).await?.into())
}

pub(crate) fn register_doc() -> Operation {
    Operation::new(TAG, "accounts_register", "Register an account")
        .about("A one-time code goes to the e-mail address; with it, `accounts_verify` opens the account.")
        .created::<RegisteredBody>("The account is there, and waits for the proof of its address.")
}

#[derive(Serialize, ToSchema)]
#[schema(as = Registered)]
struct RegisteredBody {
    #[schema(example = "OTP has been generated")]
    status: &'static str,
    /// The code itself, on a developer's portal alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "123456")]
    otp: Option<String>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = VerifyEmail)]
pub(crate) struct VerifyRequest {
    #[schema(value_type = String, required, example = "carl@example.com")]
    email: Input<String>,
    /// The six digits of the mail.
    #[schema(value_type = TextOrNumber, required, example = "123456")]
    otp: Input<TextOrNumber>,
}

impl Request for VerifyRequest {}

/// `POST /account/verify_otp/`
pub(crate) async fn verify(app: Data<App>, request: HttpRequest, body: Body<VerifyRequest>) -> Answer {
    let mut violations = Violations::default();
    let email = body.value.email.required("email", &mut violations);
    let otp = body.value.otp.text().required("otp", &mut violations);
    let (Some(email), Some(otp)) = (email, otp) else { return Err(violations.into()) };
    by_address(&app, &request, &limits::CODE).await?;
    by_account(&app, &email, &limits::CODE_ACCOUNT).await?;
    app.run(move |app| app.accounts.verify_email(&email, &otp)).await?;
    Ok(HttpResponse::Ok().json(StatusBody { status: "Registration successful" }))
}

pub(crate) fn verify_doc() -> Operation {
    Operation::new(TAG, "accounts_verify", "Prove the e-mail address with the one-time code")
        .about("A code lives 10 minutes, allows five tries and works once. Every failure has the same answer, so that it tells nothing.")
        .ok::<StatusBody>("The account can sign in, and has a profile.")
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = EmailOnly)]
pub(crate) struct EmailRequest {
    #[schema(value_type = String, required, format = "email", max_length = 254, example = "carl@example.com")]
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
    Ok(HttpResponse::Ok().json(StatusBody { status: CODE_SENT }))
}

pub(crate) fn resend_code_doc() -> Operation {
    Operation::new(TAG, "accounts_resend_code", "Ask for another code to prove the e-mail address")
        .about("The answer is the same whether or not there is such an account. An account gets at most five codes an hour.")
        .ok::<StatusBody>("If there is such an account and its address is not proven yet, a code is on its way.")
}

/// `POST /account/password-reset/`
pub(crate) async fn request_password_reset(app: Data<App>, request: HttpRequest, body: Body<EmailRequest>) -> Answer {
    let email = code_receiver(&app, &request, body.value).await?;
    app.run(move |app| app.accounts.request_password_reset(&email)).await?;
    Ok(HttpResponse::Ok().json(StatusBody { status: CODE_SENT }))
}

pub(crate) fn request_password_reset_doc() -> Operation {
    Operation::new(TAG, "accounts_request_password_reset", "Ask for a code to set a new password")
        .about("The answer is the same whether or not there is such an account.")
        .ok::<StatusBody>("If there is such an account, a code is on its way.")
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = ResetPassword)]
pub(crate) struct ResetPasswordRequest {
    #[schema(value_type = String, required, example = "carl@example.com")]
    email: Input<String>,
    /// The six digits of the mail.
    #[schema(value_type = TextOrNumber, required, example = "123456")]
    otp: Input<TextOrNumber>,
    #[schema(value_type = String, required, format = Password, min_length = 8, max_length = 72, example = "another staple")]
    password: Input<String>,
    #[schema(value_type = String, required, format = Password, example = "another staple")]
    confirm_password: Input<String>,
}

impl Request for ResetPasswordRequest {}

/// `POST /account/password-reset/confirm/`
pub(crate) async fn reset_password(app: Data<App>, request: HttpRequest, body: Body<ResetPasswordRequest>) -> Answer {
    let mut violations = Violations::default();
    let email = body.value.email.required("email", &mut violations);
    let code = body.value.otp.text().required("otp", &mut violations);
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
    Ok(HttpResponse::Ok().json(PASSWORD_CHANGED))
}

pub(crate) fn reset_password_doc() -> Operation {
    Operation::new(TAG, "accounts_reset_password", "Set a new password with the code")
        .about("All sessions of the account end.")
        .ok::<DetailBody>("The new password holds.")
}

#[derive(Serialize, ToSchema)]
#[schema(as = Detail)]
struct DetailBody {
    #[schema(example = "Password Change Successfully")]
    detail: &'static str,
}

const PASSWORD_CHANGED: DetailBody = DetailBody { detail: "Password Change Successfully" };

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = ChangePassword)]
pub(crate) struct ChangePasswordRequest {
    #[schema(value_type = String, required, format = Password, example = "battery staple")]
    old_password: Input<String>,
    #[schema(value_type = String, required, format = Password, min_length = 8, max_length = 72, example = "another staple")]
    password: Input<String>,
    #[schema(value_type = String, required, format = Password, example = "another staple")]
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
    Ok(HttpResponse::Ok().json(PASSWORD_CHANGED))
}

pub(crate) fn change_password_doc() -> Operation {
    Operation::new(TAG, "accounts_change_password", "Change the own password")
        .about("All other sessions of the account end.")
        .ok::<DetailBody>("The new password holds.")
}

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

/// A refusal that has a key of its own.
#[derive(ToSchema)]
#[schema(as = Refused)]
#[expect(dead_code, reason = "error.rs writes it")]
pub(crate) struct RefusedBody {
    error: String,
    detail: String,
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

/// How to reach a user, as the API writes it.
#[derive(Serialize, ToSchema)]
#[schema(as = Contact)]
pub(crate) struct ContactBody {
    /// The id of the account.
    #[schema(example = 7)]
    id: i64,
    /// `null` where the caller may not see it.
    #[schema(example = "carl@example.com")]
    email: Option<String>,
    /// `null` where the caller may not see it.
    #[schema(example = "01722222222")]
    contract_number: Option<String>,
    #[schema(value_type = AnyUserType)]
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

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ProfileOfUser)]
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

#[derive(Serialize, ToSchema)]
#[schema(as = User)]
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

#[derive(Serialize, ToSchema)]
#[schema(as = Users)]
struct UsersBody {
    /// How many items all pages have.
    #[schema(example = 1)]
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
    let mut response = page_headers(&request, &page);
    let results = page.map(UserBody::from).items;
    Ok(response.json(UsersBody { count, next, previous, results }))
}

pub(crate) fn list_doc() -> Operation {
    Operation::new(TAG, "accounts_list", "List all users with their profiles")
        .about("A portal may show the address and the number to admins, the user, and employers they applied to alone; to others they are `null`.")
        .ok::<UsersBody>("A page of users.")
}

#[derive(Serialize, ToSchema)]
#[schema(as = OwnAccount)]
struct OwnBody {
    #[serde(flatten)]
    contact: ContactBody,
    /// There for candidates.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    candidate: Option<CandidateBody>,
    /// There for employers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    employer: Option<EmployerBody>,
}

pub(crate) fn own_doc() -> Operation {
    Operation::new(TAG, "accounts_own", "Read the own account with its profile").ok_data::<OwnBody>("The account.")
}

/// `GET /account/login-user-info/`
pub(crate) async fn own(app: Data<App>, Caller(actor): Caller) -> Answer {
    let summary = app.run(move |app| app.accounts.own(&actor)).await?;
    let (version, candidate, employer) = match summary.details {
        AccountDetails::Candidate(profile) => (Some(profile.version), Some(profile.into()), None),
        AccountDetails::Employer(profile) => (Some(profile.version), None, Some(profile.into())),
        AccountDetails::None => (None, None, None),
    };
    let data = OwnBody { contact: summary.contact.into(), candidate, employer };
    Ok(versioned(HttpResponse::Ok().json(wire::Data { data }), version))
}
