use actix_web::HttpResponse;
use actix_web::web::Data;
use jobportal_application::Error;
use serde_json::json;

use crate::App;
use crate::error::ApiError;

/// `GET /`
pub(crate) async fn root() -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "name": "Job Portal",
        "version": env!("CARGO_PKG_VERSION"),
        "links": { "documentation": "/docs/", "health": "/health/" },
    }))
}

/// `GET /health/`
pub(crate) async fn health(app: Data<App>) -> Result<HttpResponse, ApiError> {
    app.run(|app| app.store.ping().map_err(Error::from)).await?;
    Ok(HttpResponse::Ok().json(json!({ "status": "ok" })))
}
