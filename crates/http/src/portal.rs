use std::sync::{Arc, LazyLock};

use actix_web::HttpResponse;
use actix_web::web::Data;
use jobportal_application::Error;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::App;
use crate::conditional::{NO_STORE, entity_tag};
use crate::error::ApiError;
use crate::openapi::{self, Operation, schema_of};
use crate::responses::{Representations, represented};
use crate::wire::StatusBody;

#[derive(Serialize, ToSchema)]
#[schema(as = Portal)]
struct PortalBody {
    #[schema(example = "Job Portal")]
    name: &'static str,
    #[schema(example = "0.1.0")]
    version: &'static str,
    links: LinksBody,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PortalLinks)]
struct LinksBody {
    #[schema(example = "/docs/")]
    documentation: &'static str,
    #[schema(example = "/openapi.json")]
    openapi: &'static str,
    #[schema(example = "/health/")]
    health: &'static str,
}

/// `GET /`
pub(crate) async fn root() -> HttpResponse {
    let links = LinksBody { documentation: "/docs/", openapi: "/openapi.json", health: "/health/" };
    HttpResponse::Ok().json(PortalBody { name: "Job Portal", version: env!("CARGO_PKG_VERSION"), links })
}

pub(crate) fn root_doc() -> Operation {
    Operation::new("Portal", "portal_root", "What this is")
        .ok::<PortalBody>("Its name, its version and where to go on.")
}

struct OpenApiBody;

schema_of! {
    OpenApiBody as "OpenApi" => ObjectBuilder::new().schema_type(Type::Object);
}

static DOCUMENT: LazyLock<Arc<Representations>> = LazyLock::new(|| {
    let document = openapi::openapi();
    let tag = entity_tag(document.as_bytes(), None);
    Arc::new(Representations::new(document.into(), tag))
});

/// `GET /openapi.json`
pub(crate) async fn openapi() -> HttpResponse {
    represented(HttpResponse::Ok().content_type("application/json").finish(), &DOCUMENT)
}

pub(crate) fn openapi_doc() -> Operation {
    Operation::new("Portal", "portal_openapi", "This document").ok::<OpenApiBody>("The API as OpenAPI 3.1.")
}

/// `GET /health/`
pub(crate) async fn health(app: Data<App>) -> Result<HttpResponse, ApiError> {
    app.run(|app| app.store.ping().map_err(Error::from)).await?;
    Ok(HttpResponse::Ok().insert_header(NO_STORE).json(StatusBody { status: "ok" }))
}

pub(crate) fn health_doc() -> Operation {
    Operation::new("Portal", "portal_health", "Whether the portal can work").ok::<StatusBody>("It can.").no_store()
}
