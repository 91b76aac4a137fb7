use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use jobportal_application::Reauthentication;
use jobportal_domain::Violations;
use serde::Deserialize;
use utoipa::ToSchema;

use super::second_factors::shown;
use super::{Answer, TAG, counts_password};
use crate::App;
use crate::body::{Body, Request};
use crate::extract::Caller;
use crate::input::Input;
use crate::openapi::Operation;
use crate::wire::TextOrNumber;

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = Deactivate)]
pub(crate) struct DeactivateRequest {
    #[schema(value_type = String, required, format = Password, example = "battery staple")]
    password: Input<String>,
    /// The present code of the authenticator app, if a second factor is active.
    #[schema(value_type = TextOrNumber, nullable = false, example = "123456")]
    totp: Input<TextOrNumber>,
    /// A recovery code, in place of the code of the app.
    #[schema(value_type = String, nullable = false, example = "abcdef-ghijkl-mnopqr-stuvwx")]
    recovery_code: Input<String>,
}

impl Request for DeactivateRequest {}

/// `POST /account/deactivate/`
pub(crate) async fn deactivate(
    app: Data<App>,
    request: HttpRequest,
    Caller(actor): Caller,
    body: Body<DeactivateRequest>,
) -> Answer {
    let mut violations = Violations::default();
    let DeactivateRequest { password, totp, recovery_code } = body.value;
    let password = password.required("password", &mut violations);
    let second_factor = shown(totp, recovery_code, &mut violations);
    let (Some(password), true) = (password, violations.is_empty()) else { return Err(violations.into()) };
    counts_password(&app, &request, &actor).await?;
    let (portal, proof) = (app.clone(), Reauthentication { password, second_factor });
    let deactivation = async move { portal.run_hashing(move |app| app.accounts.deactivate(&actor, &proof)).await };
    app.end_sessions(deactivation).await?;
    Ok(HttpResponse::NoContent().finish())
}

pub(crate) fn deactivate_doc() -> Operation {
    Operation::new(TAG, "accounts_deactivate", "Take the own account out of use")
        .about(
            "Nobody can sign in to it any more, its profile is in no list, and its live jobs are paused. Applications stay with the \
             employers who have them. Whoever runs the portal can put the account back into use.",
        )
        .no_content("The account is out of use, and all its sessions have ended.")
}
