use std::time::Instant;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use jobportal_application::{DelayPolicy, Register, Registered};
use jobportal_domain::{EmailAddress, UserType, Violations};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Answer, CODE_SENT, TAG, even_out};
use crate::body::{Body, Request};
use crate::error::ApiError;
use crate::idempotency::{IdempotencyKey, answer_once};
use crate::input::Input;
use crate::limits::{self, by_account, by_address};
use crate::openapi::{Operation, one_of, schema_of};
use crate::wire::{StatusBody, TextOrNumber};
use crate::{App, client};

/// The kinds of account that anyone may register.
struct OpenUserType;

schema_of! {
    OpenUserType as "OpenUserType" =>
        one_of(UserType::ALL.iter().filter(|kind| kind.is_open_to_registration()).map(|kind| kind.as_str()));
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
        network: client::network(&app, &request),
        violations,
    };
    // Nobody is signed in yet; an address that is none is refused whatever the key.
    let email = command.email.as_deref().and_then(|raw| EmailAddress::parse(raw).ok());
    if let Some(email) = &email {
        let _ = by_account(&app, &request, email.as_str(), &limits::REGISTER_ACCOUNT).await?;
    }
    let key = email.and_then(|email| key.of(&app, format!("email:{email}"), body.content));
    let expose_otp = app.settings.expose_otp;
    let created = move |registered: Registered| {
        let otp = expose_otp.then(|| registered.code.expose().to_owned());
        HttpResponse::Created().json(RegisteredBody { status: CODE_SENT, otp })
    };
    let registered = move |app: &App| answer_once(app, key, created, |once| app.accounts.register(command, once));
    Ok(app.run_hashing_for_stranger(registered).await?.into())
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
    let attempt = by_account(&app, &request, &email, &limits::CODE_ACCOUNT).await?;
    let (network, began) = (client::network(&app, &request), Instant::now());
    let verified = app.run(move |app| app.accounts.verify_email(&email, &otp, network.as_deref())).await;
    if verified.is_err() {
        even_out(began).await;
    }
    verified?;
    attempt.succeeded(&app).await;
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
pub(super) async fn code_receiver(
    app: &Data<App>,
    request: &HttpRequest,
    body: EmailRequest,
    policy: &'static DelayPolicy,
) -> Result<EmailAddress, ApiError> {
    let mut violations = Violations::default();
    let email = body.email.required_as("email", &mut violations, |raw| EmailAddress::parse(&raw));
    let Some(email) = email else { return Err(violations.into()) };
    by_address(app, request, &limits::SEND_CODE).await?;
    let _ = by_account(app, request, email.as_str(), policy).await?;
    Ok(email)
}

/// `POST /account/resend_otp/`
pub(crate) async fn resend_code(app: Data<App>, request: HttpRequest, body: Body<EmailRequest>) -> Answer {
    let email = code_receiver(&app, &request, body.value, &limits::SEND_CODE_ACCOUNT).await?;
    let began = Instant::now();
    app.run(move |app| app.accounts.resend_code(&email)).await?;
    even_out(began).await;
    Ok(HttpResponse::Ok().json(StatusBody { status: CODE_SENT }))
}

pub(crate) fn resend_code_doc() -> Operation {
    Operation::new(TAG, "accounts_resend_code", "Ask for another code to prove the e-mail address")
        .about("The answer is the same whether or not there is such an account. An account gets at most five codes an hour.")
        .ok::<StatusBody>("If there is such an account and its address is not proven yet, a code is on its way.")
}
