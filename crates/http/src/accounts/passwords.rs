use std::time::Instant;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use jobportal_application::{ChangePassword, ResetPassword};
use jobportal_domain::{Code, Violations};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::registration::{EmailRequest, code_receiver};
use super::{Answer, CODE_SENT, TAG, counts_password, even_out};
use crate::body::{Body, Request};
use crate::extract::Caller;
use crate::input::Input;
use crate::limits::{self, by_account, by_address};
use crate::openapi::Operation;
use crate::wire::{StatusBody, TextOrNumber};
use crate::{App, client};

/// `POST /account/password-reset/`
pub(crate) async fn request_password_reset(app: Data<App>, request: HttpRequest, body: Body<EmailRequest>) -> Answer {
    let email = code_receiver(&app, &request, body.value, &limits::SEND_RESET_ACCOUNT).await?;
    let began = Instant::now();
    app.run(move |app| app.accounts.request_password_reset(&email)).await?;
    even_out(began).await;
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
    /// The six digits of the mail, or its long code, which somebody else's guesses can't hold up.
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
    // Nobody can guess the long code, so nobody's guesses keep waiting who was sent it.
    let attempt = if Code::parse(&code).is_some_and(|code| code.is_long()) {
        None
    } else {
        Some(by_account(&app, &request, &email, &limits::CODE_ACCOUNT).await?)
    };
    let (network, began) = (client::network(&app, &request), Instant::now());
    let command = ResetPassword { email, code, password, confirm_password, network };
    let portal = app.clone();
    let reset = async move { portal.run_hashing(move |app| app.accounts.reset_password(&command)).await };
    let reset = app.end_sessions(reset).await;
    if reset.is_err() {
        even_out(began).await;
    }
    reset?;
    if let Some(attempt) = attempt {
        attempt.succeeded(&app).await;
    }
    Ok(HttpResponse::Ok().json(PASSWORD_CHANGED))
}

pub(crate) fn reset_password_doc() -> Operation {
    Operation::new(TAG, "accounts_reset_password", "Set a new password with the code")
        .about(
            "All sessions of the account end, and the network that this comes from is known from then on. Where the mail's six digits are \
             refused because somebody else guesses at the account, its long code is not.",
        )
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
    counts_password(&app, &request, &actor).await?;
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
