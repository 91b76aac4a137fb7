use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header::ETAG;
use actix_web::web::Data;
use jobportal_application::Error;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::App;
use crate::conditional::{NO_STORE, entity_tag};
use crate::error::ApiError;
use crate::openapi::{self, Operation, schema_of};
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

static DOCUMENT: LazyLock<String> = LazyLock::new(openapi::openapi);

/// The tag of the document, which stays as it is while the program runs.
static DOCUMENT_TAG: LazyLock<String> = LazyLock::new(|| entity_tag(DOCUMENT.as_bytes(), None));

/// `GET /openapi.json`
pub(crate) async fn openapi() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((ETAG, DOCUMENT_TAG.as_str()))
        .body(DOCUMENT.as_str())
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
