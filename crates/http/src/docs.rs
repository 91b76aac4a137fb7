use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use actix_web::web::Path;
use bytes::Bytes;

use crate::conditional::entity_tag;
use crate::error::ApiError;
use crate::openapi::Operation;
use crate::permissions::permissions;
use crate::responses::{Representations, represented};

/// The guide that stands above the operations, and who may do what.
pub(crate) static GUIDE: LazyLock<String> =
    LazyLock::new(|| format!("{}\n{}", include_str!("../GUIDE.md"), permissions()));

/// What the page may load, and from where: from here alone. Swagger UI has icons in its style sheet, and shows pictures that
/// an operation answers with.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The files of Swagger UI that the page loads.
const SWAGGER_UI: [&str; 3] = ["favicon-32x32.png", "swagger-ui-bundle.js", "swagger-ui.css"];

static PAGE: LazyLock<File> = LazyLock::new(|| {
    let guide = GUIDE.replace('&', "&amp;").replace('<', "&lt;");
    let page = include_str!("../docs/index.html").replace("{guide}", &guide);
    File::new(page.into_bytes(), "text/html; charset=utf-8")
});

static FILES: LazyLock<BTreeMap<&str, File>> = LazyLock::new(|| {
    let (style, script) = (include_str!("../docs/page.css"), include_str!("../docs/swagger-initializer.js"));
    let own = [
        ("page.css", File::new(style.as_bytes(), "text/css; charset=utf-8")),
        ("swagger-initializer.js", File::new(script.as_bytes(), "text/javascript; charset=utf-8")),
    ];
    SWAGGER_UI.into_iter().filter_map(|name| Some((name, swagger_ui(name)?))).chain(own).collect()
});

/// A file as it is sent.
struct File {
    content: Arc<Representations>,
    media_type: String,
}

impl File {
    fn new(content: impl Into<Cow<'static, [u8]>>, media_type: impl Into<String>) -> Self {
        let content = match content.into() {
            Cow::Borrowed(content) => Bytes::from_static(content),
            Cow::Owned(content) => Bytes::from(content),
        };
        let tag = entity_tag(&content, None);
        Self { content: Arc::new(Representations::new(content, tag)), media_type: media_type.into() }
    }

    fn answer(&self) -> HttpResponse {
        let answer = HttpResponse::Ok()
            .insert_header((CACHE_CONTROL, "no-cache"))
            .insert_header((CONTENT_SECURITY_POLICY, POLICY))
            .content_type(self.media_type.as_str())
            .finish();
        represented(answer, &self.content)
    }
}

fn swagger_ui(name: &str) -> Option<File> {
    let file = utoipa_swagger_ui::serve(name, Arc::default()).ok()??;
    Some(File::new(file.bytes, file.content_type))
}

/// `GET /docs/`
pub(crate) async fn page() -> HttpResponse {
    PAGE.answer()
}

pub(crate) fn page_doc() -> Operation {
    Operation::new("Portal", "portal_docs", "This document as a page to try it out").file(&["text/html"], "The page.")
}

/// `GET /docs/{name}`
pub(crate) async fn file(name: Path<String>) -> Result<HttpResponse, ApiError> {
    Ok(FILES.get(name.as_str()).ok_or(ApiError::NoRoute)?.answer())
}

pub(crate) fn file_doc() -> Operation {
    Operation::new("Portal", "portal_docs_file", "A file of that page")
        .file(&["text/javascript", "text/css", "image/png"], "The file.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_the_page_loads_is_there() {
        let page = std::str::from_utf8(&PAGE.content.plain().body).unwrap();
        let loaded: Vec<_> = page.split("\"../docs/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(loaded.len(), FILES.len());
        assert!(loaded.iter().all(|name| FILES.contains_key(name)), "{loaded:?}");
    }
}
