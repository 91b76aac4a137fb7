//! What reads hostile bytes, for `tests/fuzz` alone; no part of the crate's interface.

use std::collections::BTreeMap;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::test::TestRequest;
use actix_web::{FromRequest, ResponseError};
use bytes::Bytes;
use futures_util::stream;
use jobportal_application::{Position, SearchPosition, Vault};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::body::{Body, File, Request};
use crate::cursor::{self, List};

/// The place that a cursor names, and that place as a cursor.
pub fn cursor(text: &str) -> Option<(Position, String)> {
    let position = cursor::read(List::JobChanges, text).ok()?;
    Some((position, cursor::write(List::JobChanges, position)))
}

/// A place among what a search finds, as a cursor.
pub fn write_signed_cursor(vault: &dyn Vault, search: &str, position: SearchPosition) -> String {
    cursor::write_signed(vault, search, position)
}

/// The place that a cursor of a search names.
pub fn signed_cursor(vault: &dyn Vault, search: &str, text: &str) -> Option<SearchPosition> {
    cursor::read_signed(vault, search, text).ok()
}

/// A request with a file under `file`, and a list under `list`.
#[derive(Deserialize, ToSchema)]
struct Form(BTreeMap<String, Value>);

impl Request for Form {
    const LISTS: &'static [&'static str] = &["list"];
    const FILE: Option<&'static str> = Some("file");
}

/// What the body of a request says, with its file; or the status that it is refused with. It arrives in `chunks`.
pub async fn form(content_type: &str, chunks: Vec<Bytes>) -> Result<(Map<String, Value>, Option<Bytes>), u16> {
    let request = TestRequest::default().insert_header((CONTENT_TYPE, content_type)).to_http_request();
    let payload = stream::iter(chunks.into_iter().map(Ok));
    let body = Body::<Form>::from_request(&request, &mut Payload::Stream { payload: Box::pin(payload) }).await;
    let Body { value, file, .. } = body.map_err(|error| error.status_code().as_u16())?;
    let file = if let File::Uploaded(content) = file { Some(content) } else { None };
    Ok((value.0.into_iter().collect(), file))
}
