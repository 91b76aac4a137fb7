use std::sync::{Arc, LazyLock};

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::App;
use crate::conditional::entity_tag;
use crate::error::ApiError;
use crate::openapi::{self, Operation, schema_of};
use crate::responses::{Representations, represented};

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

/// Public keys (RFC 7517), in the form in which they are told.
#[derive(ToSchema)]
#[schema(as = KeySet)]
#[expect(dead_code, reason = "the part that has the keys writes it")]
struct KeySetBody {
    keys: Vec<KeyBody>,
}

#[derive(ToSchema)]
#[schema(as = PublicKey)]
#[expect(dead_code, reason = "the part that has the keys writes it")]
struct KeyBody {
    /// The kind of key: `OKP` for Ed25519, or `RSA`.
    #[schema(example = "OKP")]
    kty: String,
    /// The only algorithm of its tokens: `EdDSA` or `RS256`.
    #[schema(example = "EdDSA")]
    alg: String,
    /// What the header of a token names it by.
    kid: String,
    /// What it is for: signatures.
    #[schema(rename = "use", example = "sig")]
    usage: String,
    /// Of an Ed25519 key: its curve.
    #[schema(nullable = false, example = "Ed25519")]
    crv: Option<String>,
    /// Of an Ed25519 key: the key.
    #[schema(nullable = false)]
    x: Option<String>,
    /// Of an RSA key: its modulus.
    #[schema(nullable = false)]
    n: Option<String>,
    /// Of an RSA key: its exponent.
    #[schema(nullable = false)]
    e: Option<String>,
}

/// How long others may keep the keys: so long before a new one signs it has to be told.
const KEYS_LIFETIME: &str = "public, max-age=300";

/// `GET /.well-known/jwks.json`
pub(crate) async fn keys(app: Data<App>) -> Result<HttpResponse, ApiError> {
    let keys = app.tokens.public_keys()?;
    let mut response = HttpResponse::Ok();
    Ok(response.insert_header((CACHE_CONTROL, KEYS_LIFETIME)).content_type("application/json").body(keys))
}

pub(crate) fn keys_doc() -> Operation {
    Operation::new("Portal", "portal_keys", "The public keys of access tokens")
        .about("With them others can check an access token without asking the portal. There are none where a secret signs the tokens.")
        .ok::<KeySetBody>("The keys: the one that signs first, and others whose tokens are good too.")
}
