use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use jobportal_application::{Accounts, Actor, Reauthentication, Result};
use jobportal_domain::{EmailAddress, PhoneNumber, Violations};
use serde::Deserialize;
use utoipa::ToSchema;

use super::second_factors::shown;
use super::{Answer, CODE_SENT, TAG, counts_password};
use crate::body::{Body, Request};
use crate::error::ApiError;
use crate::extract::Caller;
use crate::input::Input;
use crate::limits::{self, by_account, by_address, by_user};
use crate::openapi::Operation;
use crate::wire::{StatusBody, TextOrNumber};
use crate::{App, audit};

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = ChangeEmail)]
pub(crate) struct ChangeEmailRequest {
    /// The address that the account is to have.
    #[schema(value_type = String, required, format = "email", max_length = 254, example = "carl@new.example")]
    email: Input<String>,
    #[schema(value_type = String, required, format = Password, example = "battery staple")]
    password: Input<String>,
    /// The present code of the authenticator app, if a second factor is active.
    #[schema(value_type = TextOrNumber, nullable = false, example = "123456")]
    totp: Input<TextOrNumber>,
    /// A recovery code, in place of the code of the app.
    #[schema(value_type = String, nullable = false, example = "abcdef-ghijkl-mnopqr-stuvwx")]
    recovery_code: Input<String>,
}

impl Request for ChangeEmailRequest {}

/// `POST /account/change-email/`
pub(crate) async fn request_email_change(
    app: Data<App>,
    request: HttpRequest,
    Caller(actor): Caller,
    body: Body<ChangeEmailRequest>,
) -> Answer {
    let mut violations = Violations::default();
    let ChangeEmailRequest { email, password, totp, recovery_code } = body.value;
    let email = email.required_as("email", &mut violations, |raw| EmailAddress::parse(&raw));
    let password = password.required("password", &mut violations);
    let second_factor = shown(totp, recovery_code, &mut violations);
    let (Some(email), Some(password), true) = (email, password, violations.is_empty()) else {
        return Err(violations.into());
    };
    audit::note_second_factor(&request, second_factor.as_ref());
    counts_password(&app, &request, &actor).await?;
    by_address(&app, &request, &limits::SEND_CODE).await?;
    let _ = by_account(&app, &request, email.as_str(), &limits::SEND_CODE_ACCOUNT).await?;
    let proof = Reauthentication { password, second_factor };
    app.run_hashing(move |app| app.accounts.request_email_change(&actor, &email, &proof)).await?;
    Ok(HttpResponse::Ok().json(StatusBody { status: CODE_SENT }))
}

pub(crate) fn request_email_change_doc() -> Operation {
    Operation::new(TAG, "accounts_request_email_change", "Ask for a code to change the own e-mail address")
        .about(
            "The code goes to the new address, and is for that address alone. Nothing changes before it is confirmed. The answer \
             is the same where another account has the address; its owner is told then.",
        )
        .ok::<StatusBody>("If no other account has the address, a code is on its way there.")
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = ConfirmChange)]
pub(crate) struct ConfirmChangeRequest {
    /// The six digits of the mail.
    #[schema(value_type = TextOrNumber, required, example = "123456")]
    otp: Input<TextOrNumber>,
}

impl Request for ConfirmChangeRequest {}

/// `POST /account/change-email/confirm/`
pub(crate) async fn confirm_email_change(
    app: Data<App>,
    request: HttpRequest,
    Caller(actor): Caller,
    body: Body<ConfirmChangeRequest>,
) -> Answer {
    confirm(&app, &request, actor, body.value, Accounts::confirm_email_change).await?;
    Ok(HttpResponse::Ok().json(StatusBody { status: "Email has been changed" }))
}

pub(crate) fn confirm_email_change_doc() -> Operation {
    Operation::new(TAG, "accounts_confirm_email_change", "Change the own e-mail address with the code")
        .about("The former address is told. All other sessions of the account end.")
        .ok::<StatusBody>("The account has the new address.")
}

/// Makes the change that a code confirms, and ends the sessions that end with it.
async fn confirm(
    app: &Data<App>,
    request: &HttpRequest,
    actor: Actor,
    body: ConfirmChangeRequest,
    change: fn(&Accounts, &Actor, &str) -> Result<Vec<String>>,
) -> Result<(), ApiError> {
    let mut violations = Violations::default();
    let Some(code) = body.otp.text().required("otp", &mut violations) else { return Err(violations.into()) };
    by_address(app, request, &limits::CODE).await?;
    by_user(app, request, &actor, &limits::CODE_USER).await?;
    let portal = app.clone();
    app.end_sessions(async move { portal.run(move |app| change(&app.accounts, &actor, &code)).await }).await
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = ChangePhone)]
pub(crate) struct ChangePhoneRequest {
    /// The phone number that the account is to have: 11 digits. `+880` and `880` before them are taken off.
    #[schema(value_type = TextOrNumber, required, example = "01733333333")]
    contract_number: Input<TextOrNumber>,
    #[schema(value_type = String, required, format = Password, example = "battery staple")]
    password: Input<String>,
    /// The present code of the authenticator app, if a second factor is active.
    #[schema(value_type = TextOrNumber, nullable = false, example = "123456")]
    totp: Input<TextOrNumber>,
    /// A recovery code, in place of the code of the app.
    #[schema(value_type = String, nullable = false, example = "abcdef-ghijkl-mnopqr-stuvwx")]
    recovery_code: Input<String>,
}

impl Request for ChangePhoneRequest {}

/// `POST /account/change-phone/`
pub(crate) async fn request_phone_number_change(
    app: Data<App>,
    request: HttpRequest,
    Caller(actor): Caller,
    body: Body<ChangePhoneRequest>,
) -> Answer {
    let mut violations = Violations::default();
    let ChangePhoneRequest { contract_number, password, totp, recovery_code } = body.value;
    let number = contract_number.text().required_as("phone_number", &mut violations, |raw| PhoneNumber::parse(&raw));
    let password = password.required("password", &mut violations);
    let second_factor = shown(totp, recovery_code, &mut violations);
    let (Some(number), Some(password), true) = (number, password, violations.is_empty()) else {
        return Err(violations.into());
    };
    audit::note_second_factor(&request, second_factor.as_ref());
    counts_password(&app, &request, &actor).await?;
    by_address(&app, &request, &limits::SEND_CODE).await?;
    let proof = Reauthentication { password, second_factor };
    app.run_hashing(move |app| app.accounts.request_phone_number_change(&actor, &number, &proof)).await?;
    Ok(HttpResponse::Ok().json(StatusBody { status: CODE_SENT }))
}

pub(crate) fn request_phone_number_change_doc() -> Operation {
    Operation::new(TAG, "accounts_request_phone_change", "Ask for a code to change the own phone number")
        .about("The code goes to the e-mail address of the account, and is for that number alone.")
        .ok::<StatusBody>("A code is on its way.")
}

/// `POST /account/change-phone/confirm/`
pub(crate) async fn confirm_phone_number_change(
    app: Data<App>,
    request: HttpRequest,
    Caller(actor): Caller,
    body: Body<ConfirmChangeRequest>,
) -> Answer {
    confirm(&app, &request, actor, body.value, Accounts::confirm_phone_number_change).await?;
    Ok(HttpResponse::Ok().json(StatusBody { status: "Contract number has been changed" }))
}

pub(crate) fn confirm_phone_number_change_doc() -> Operation {
    Operation::new(TAG, "accounts_confirm_phone_change", "Change the own phone number with the code")
        .about("The owner is told by mail. All other sessions of the account end.")
        .ok::<StatusBody>("The account has the new number.")
}
