use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::second_factors::ReauthenticateRequest;
use super::{Answer, TAG, counts_password};
use crate::App;
use crate::body::Body;
use crate::extract::Caller;
use crate::openapi::Operation;

/// `POST /account/deactivate/`
pub(crate) async fn deactivate(
    app: Data<App>,
    request: HttpRequest,
    Caller(actor): Caller,
    body: Body<ReauthenticateRequest>,
) -> Answer {
    let proof = body.value.proof(&request)?;
    counts_password(&app, &request, &actor).await?;
    let portal = app.clone();
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
