use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use jobportal_application::{Reauthentication, SecondFactorProof};
use jobportal_domain::{Code, RecoveryCode, SecondFactor, TotpSecret, Violations};
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::form_urlencoded::byte_serialize;
use utoipa::ToSchema;

use super::{Answer, CODE_SENT, TAG, counts_password};
use crate::body::{Body, Request};
use crate::conditional::NO_STORE;
use crate::error::ApiError;
use crate::extract::{Caller, to_the_end};
use crate::input::Input;
use crate::limits::{self, by_address, by_user};
use crate::openapi::Operation;
use crate::wire::{StatusBody, TextOrNumber, Timestamp};
use crate::{App, audit};

/// The portal, as the list of an authenticator app shows it.
const ISSUER: &str = "Job Portal";

/// What a request shows of the second factor; where both are there, the code of the app.
pub(super) fn shown(
    totp: Input<TextOrNumber>,
    recovery_code: Input<String>,
    violations: &mut Violations,
) -> Option<SecondFactorProof> {
    let recovery_code = recovery_code.optional("recovery_code", violations).map(SecondFactorProof::RecoveryCode);
    totp.text().optional("totp", violations).map(SecondFactorProof::Totp).or(recovery_code)
}

/// The refusal of a sign-in for want of the second factor, or for a wrong one.
pub(super) fn demanded(detail: &'static str) -> ApiError {
    let body = json!({ "second_factor": ["totp", "recovery_code"] });
    ApiError::Documented { status: StatusCode::UNAUTHORIZED, body, detail }
}

/// What [`demanded`] says.
#[derive(ToSchema)]
#[schema(as = SecondFactorDemanded)]
#[expect(dead_code, reason = "error.rs writes it")]
pub(super) struct DemandedBody {
    #[schema(example = "A second factor is required.")]
    detail: String,
    /// The fields of the request, one of which has to be there.
    #[schema(example = json!(["totp", "recovery_code"]))]
    second_factor: Vec<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SecondFactorState)]
struct StateBody {
    /// Whether it is asked for at sign-in.
    active: bool,
    /// Since when.
    #[schema(value_type = Option<Timestamp>)]
    confirmed_at: Option<Timestamp>,
    #[schema(example = 10)]
    recovery_codes_left: u32,
    /// Whether this account has to have one: without it, its sessions may do nothing but enrol.
    required: bool,
}

/// `GET /account/second-factor/`
pub(crate) async fn state(app: Data<App>, Caller(actor): Caller) -> Answer {
    let state = app.run(move |app| app.accounts.second_factor(&actor)).await?;
    Ok(HttpResponse::Ok().json(StateBody {
        active: state.confirmed_at.is_some(),
        confirmed_at: state.confirmed_at.map(Timestamp),
        recovery_codes_left: state.recovery_codes_left,
        required: state.is_required,
    }))
}

pub(crate) fn state_doc() -> Operation {
    Operation::new(TAG, "accounts_second_factor", "How the own second factor stands")
        .ok::<StateBody>("Whether it is active, and how many recovery codes are left.")
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = Reauthenticate)]
pub(crate) struct ReauthenticateRequest {
    #[schema(value_type = String, required, format = Password, example = "battery staple")]
    password: Input<String>,
    /// The present code of the authenticator app, if a second factor is active.
    #[schema(value_type = TextOrNumber, nullable = false, example = "123456")]
    totp: Input<TextOrNumber>,
    /// A recovery code, in place of the code of the app.
    #[schema(value_type = String, nullable = false, example = "abcdef-ghijkl-mnopqr-stuvwx")]
    recovery_code: Input<String>,
}

impl Request for ReauthenticateRequest {}

impl ReauthenticateRequest {
    pub(super) fn proof(self, request: &HttpRequest) -> Result<Reauthentication, ApiError> {
        let mut violations = Violations::default();
        let password = self.password.required("password", &mut violations);
        let second_factor = shown(self.totp, self.recovery_code, &mut violations);
        violations.into_result()?;
        audit::note_second_factor(request, second_factor.as_ref());
        Ok(Reauthentication { password: password.unwrap_or_default(), second_factor })
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = EnrolledSecondFactor)]
struct EnrolledBody {
    /// The key in base32, to type into an authenticator app. It is shown this once.
    #[schema(example = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")]
    secret: String,
    /// The same for the app to read, as a link or a QR code.
    #[schema(format = "uri")]
    otpauth_uri: String,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = EnrolSecondFactor)]
pub(crate) struct EnrolRequest {
    #[schema(value_type = String, required, format = Password, example = "battery staple")]
    password: Input<String>,
    /// The six digits of the mail, where the account has to have a second factor.
    #[schema(value_type = TextOrNumber, nullable = false, example = "123456")]
    otp: Input<TextOrNumber>,
    /// The present code of the authenticator app, if a second factor is active.
    #[schema(value_type = TextOrNumber, nullable = false, example = "123456")]
    totp: Input<TextOrNumber>,
    /// A recovery code, in place of the code of the app.
    #[schema(value_type = String, nullable = false, example = "abcdef-ghijkl-mnopqr-stuvwx")]
    recovery_code: Input<String>,
}

impl Request for EnrolRequest {}

/// `POST /account/second-factor/`
pub(crate) async fn enrol(
    app: Data<App>,
    request: HttpRequest,
    Caller(actor): Caller,
    body: Body<EnrolRequest>,
) -> Answer {
    let EnrolRequest { password, otp, totp, recovery_code } = body.value;
    let mut violations = Violations::default();
    let code = otp.text().optional("otp", &mut violations);
    violations.into_result()?;
    let proof = ReauthenticateRequest { password, totp, recovery_code }.proof(&request)?;
    counts_password(&app, &request, &actor).await?;
    let (secret, email) = app
        .run_hashing(move |app| {
            let secret = app.accounts.enrol_second_factor(&actor, &proof, code.as_deref())?;
            Ok((secret, app.accounts.own(&actor)?.contact.email))
        })
        .await?;
    let account = email.map(|email| email.to_string()).unwrap_or_default();
    let otpauth_uri = otpauth_uri(&secret, &account);
    let body = EnrolledBody { secret: secret.expose().to_owned(), otpauth_uri };
    Ok(HttpResponse::Ok().insert_header(NO_STORE).json(body))
}

pub(crate) fn enrol_doc() -> Operation {
    Operation::new(TAG, "accounts_enrol_second_factor", "Get a key for an authenticator app")
        .about(
            "It is asked for at sign-in only once it is confirmed. A key that was not confirmed is worthless when there is a new one. Where \
             the account has to have a second factor and has none, it takes the code of a mail beside the password: \
             `accounts_request_enrolment_code`.",
        )
        .ok::<EnrolledBody>("The key, which is shown this once.")
        .refuses(StatusCode::CONFLICT)
        .no_store()
}

/// `POST /account/second-factor/code/`
pub(crate) async fn request_code(app: Data<App>, request: HttpRequest, Caller(actor): Caller) -> Answer {
    by_address(&app, &request, &limits::SEND_CODE).await?;
    app.run(move |app| app.accounts.request_enrolment_code(&actor)).await?;
    Ok(HttpResponse::Ok().json(StatusBody { status: CODE_SENT }))
}

pub(crate) fn request_code_doc() -> Operation {
    Operation::new(TAG, "accounts_request_enrolment_code", "Ask for a code to enrol a second factor that is demanded")
        .about("An account gets at most five codes an hour.")
        .ok::<StatusBody>("A code is on its way to the address of the account.")
        .refuses(StatusCode::CONFLICT)
}

/// The link of a key, as apps read it.
fn otpauth_uri(secret: &TotpSecret, account: &str) -> String {
    // Apps don't read a plus as a space.
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
    let (issuer, account, secret) = (encoded(ISSUER), encoded(account), secret.expose());
    let (digits, period) = (Code::DIGITS, SecondFactor::STEP_SECONDS);
    format!(
        "otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits={digits}&period={period}"
    )
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = ConfirmSecondFactor)]
pub(crate) struct ConfirmRequest {
    /// The present code of the authenticator app.
    #[schema(value_type = TextOrNumber, required, example = "123456")]
    totp: Input<TextOrNumber>,
}

impl Request for ConfirmRequest {}

#[derive(Serialize, ToSchema)]
struct RecoveryCodesBody {
    /// Each stands in once for a code of the app. They are shown this once.
    #[schema(example = json!(["abcdef-ghijkl-mnopqr-stuvwx"]))]
    recovery_codes: Vec<String>,
}

fn recovery_codes(codes: &[RecoveryCode]) -> HttpResponse {
    let recovery_codes = codes.iter().map(|code| code.expose().to_owned()).collect();
    HttpResponse::Ok().insert_header(NO_STORE).json(RecoveryCodesBody { recovery_codes })
}

/// `POST /account/second-factor/confirm/`
pub(crate) async fn confirm(
    app: Data<App>,
    request: HttpRequest,
    Caller(actor): Caller,
    body: Body<ConfirmRequest>,
) -> Answer {
    let mut violations = Violations::default();
    let Some(totp) = body.value.totp.text().required("totp", &mut violations) else { return Err(violations.into()) };
    by_address(&app, &request, &limits::CODE).await?;
    by_user(&app, &request, &actor, &limits::CODE_USER).await?;
    let confirmed = to_the_end(async move {
        let confirmed = app.run(move |app| app.accounts.confirm_second_factor(&actor, &totp)).await?;
        for session in confirmed.ended {
            app.deny(&session).await;
        }
        Ok(confirmed.recovery_codes)
    });
    Ok(recovery_codes(&confirmed.await?))
}

pub(crate) fn confirm_doc() -> Operation {
    Operation::new(TAG, "accounts_confirm_second_factor", "Make the second factor count, with a code of the app")
        .about(
            "All other sessions of the account end, and its owner is told by mail. A session that might do nothing but enrol is a \
             full one with its next access token: `accounts_refresh`.",
        )
        .ok::<RecoveryCodesBody>("From now on sign-in asks for it. Keep the recovery codes: they are shown this once.")
        .refuses(StatusCode::NOT_FOUND)
        .refuses(StatusCode::CONFLICT)
        .no_store()
}

/// `DELETE /account/second-factor/`
pub(crate) async fn remove(
    app: Data<App>,
    request: HttpRequest,
    Caller(actor): Caller,
    body: Body<ReauthenticateRequest>,
) -> Answer {
    let proof = body.value.proof(&request)?;
    counts_password(&app, &request, &actor).await?;
    let portal = app.clone();
    let remove = async move { portal.run_hashing(move |app| app.accounts.remove_second_factor(&actor, &proof)).await };
    app.end_sessions(remove).await?;
    Ok(HttpResponse::NoContent().finish())
}

pub(crate) fn remove_doc() -> Operation {
    Operation::new(TAG, "accounts_remove_second_factor", "Remove the second factor")
        .about(
            "All other sessions of the account end, and its owner is told by mail; where the account has to have a second factor, \
             this session ends too.",
        )
        .no_content("Sign-in takes the password alone.")
        .refuses(StatusCode::NOT_FOUND)
}

/// `POST /account/second-factor/recovery-codes/`
pub(crate) async fn renew_recovery_codes(
    app: Data<App>,
    request: HttpRequest,
    Caller(actor): Caller,
    body: Body<ReauthenticateRequest>,
) -> Answer {
    let proof = body.value.proof(&request)?;
    counts_password(&app, &request, &actor).await?;
    let codes = app.run_hashing(move |app| app.accounts.renew_recovery_codes(&actor, &proof)).await?;
    Ok(recovery_codes(&codes))
}

pub(crate) fn renew_recovery_codes_doc() -> Operation {
    Operation::new(TAG, "accounts_renew_recovery_codes", "Get new recovery codes")
        .about("The former ones are worthless. The owner is told by mail.")
        .ok::<RecoveryCodesBody>("The new codes, which are shown this once.")
        .refuses(StatusCode::NOT_FOUND)
        .no_store()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_is_one_that_authenticator_apps_read() {
        let secret = TotpSecret::parse(&"JBSWY3DPEHPK3PXP".repeat(2)).unwrap();
        assert_eq!(
            otpauth_uri(&secret, "ann+100%?@example.com"),
            "otpauth://totp/Job%20Portal:ann%2B100%25%3F%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP\
             &issuer=Job%20Portal&algorithm=SHA1&digits=6&period=30"
        );
    }
}
