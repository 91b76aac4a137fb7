use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use actix_multipart::{Multipart, MultipartError};
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::extract::app_of;
use crate::idempotency;
use crate::input::type_name;
use crate::openapi::{Describe, Operation};

/// The largest JSON body, in bytes.
pub(crate) const MAX_JSON: usize = 1024 * 1024;

/// The largest form with a file, in bytes: the largest document and room for the other fields.
pub(crate) const MAX_FORM: usize = 6 * 1024 * 1024;

/// The most fields of a form.
const MAX_FORM_FIELDS: usize = 1_000;

/// A request body that is read into `Self`.
pub(crate) trait Request: DeserializeOwned + ToSchema {
    /// Keys that hold a list; in a form, each of their values is an entry.
    const LISTS: &'static [&'static str] = &[];
    /// The key that holds a file in a form.
    const FILE: Option<&'static str> = None;
}

/// The file of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum File {
    /// There is none. The address of a stored file, as answers hold it, counts as none: the server gave it.
    #[default]
    Absent,
    /// The key is `null`.
    Null,
    /// Its content.
    Uploaded(Bytes),
}

/// The body of a request: a JSON object, or a form where the request takes a file.
pub(crate) struct Body<T> {
    /// What it says.
    pub(crate) value: T,
    /// The file sent with it.
    pub(crate) file: File,
    /// What [`idempotency::content`] makes of it.
    pub(crate) content: Option<String>,
}

impl<T: Request + 'static> FromRequest for Body<T> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move {
            let read = async {
                match request.content_type().trim().to_ascii_lowercase().as_str() {
                    "application/json" => Ok((read_json(payload).await?, File::Absent)),
                    "multipart/form-data" if T::FILE.is_some() => read_form::<T>(&request, payload).await,
                    // Without a type there may be a body all the same; only none at all counts as an empty object.
                    "" if !request.headers().contains_key(CONTENT_TYPE) => {
                        let bytes = collect(payload, MAX_JSON).await?;
                        if bytes.is_empty() {
                            Ok((Map::new(), File::Absent))
                        } else {
                            Err(ApiError::UnsupportedMediaType(String::new()))
                        }
                    }
                    other => Err(ApiError::UnsupportedMediaType(other.chars().take(100).collect())),
                }
            };
            // Outside of a portal, where fuzz tests read it, nothing takes its time.
            let max_time = app_of(&request).map_or(Duration::MAX, |app| app.settings.body_timeout);
            let (mut keys, mut file) =
                tokio::time::timeout(max_time, read).await.map_err(|_| ApiError::BodyTooSlow)??;
            let content = idempotency::content(&request, &keys, &file);
            if file == File::Absent && T::FILE.and_then(|key| keys.remove(key)) == Some(Value::Null) {
                file = File::Null;
            }
            let value = T::deserialize(Value::Object(keys)).map_err(|e| ApiError::MalformedBody(e.to_string()))?;
            Ok(Self { value, file, content })
        })
    }
}

impl<T: Request> Describe for Body<T> {
    fn describe(operation: &mut Operation) {
        operation.reads::<T>(T::FILE);
    }
}

async fn read_json(payload: Payload) -> Result<Map<String, Value>, ApiError> {
    let bytes = collect(payload, MAX_JSON).await?;
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(keys)) => Ok(keys),
        Ok(other) => {
            let message = format!("Invalid data. Expected a dictionary, but got {}.", type_name(&other));
            Err(jobportal_domain::Violations::single(jobportal_domain::NON_FIELD, message).into())
        }
        Err(error) => Err(ApiError::MalformedBody(format!("JSON parse error - {error}"))),
    }
}

async fn read_form<T: Request>(
    request: &HttpRequest,
    payload: Payload,
) -> Result<(Map<String, Value>, File), ApiError> {
    let mut form = Multipart::new(request.headers(), payload);
    let mut keys: Map<String, Value> = Map::new();
    let mut file = File::Absent;
    let mut left = MAX_FORM;
    let mut fields = 0;
    while let Some(field) = form.next().await {
        let mut field = field.map_err(malformed_form)?;
        fields += 1;
        if fields > MAX_FORM_FIELDS {
            return Err(ApiError::MalformedBody(format!("A form may have at most {MAX_FORM_FIELDS} fields.")));
        }
        let key = field.name().unwrap_or_default().to_owned();
        let disposition = field.content_disposition();
        let file_name = disposition.and_then(|d| d.get_filename().map(str::to_owned));
        let is_file = file_name.is_some() || disposition.is_some_and(|d| d.get_filename_ext().is_some());
        let mut content = BytesMut::new();
        while let Some(chunk) = field.next().await {
            let chunk = chunk.map_err(malformed_form)?;
            left = left.checked_sub(chunk.len()).ok_or(ApiError::BodyTooLarge(MAX_FORM))?;
            content.extend_from_slice(&chunk);
        }
        if T::FILE == Some(key.as_str()) {
            // A browser sends a file input that was left empty as a file without name and content.
            let is_left_empty = content.is_empty() && file_name.is_none_or(|name| name.is_empty());
            if is_file && !is_left_empty {
                file = File::Uploaded(content.freeze());
            }
            continue;
        }
        let text = String::from_utf8(content.to_vec())
            .map_err(|_| ApiError::MalformedBody(format!("The field \"{key}\" is not valid UTF-8.")))?;
        if T::LISTS.contains(&key.as_str()) {
            let entries = match serde_json::from_str(&text) {
                Ok(Value::Array(entries)) => entries,
                _ => vec![Value::String(text)],
            };
            match keys.entry(key).or_insert_with(|| Value::Array(Vec::new())) {
                Value::Array(list) => list.extend(entries),
                other => *other = Value::Array(entries),
            }
        } else {
            keys.insert(key, Value::String(text));
        }
    }
    Ok((keys, file))
}

fn malformed_form(error: MultipartError) -> ApiError {
    match error {
        MultipartError::Payload(PayloadError::Overflow) => ApiError::BodyTooLarge(MAX_FORM),
        other => ApiError::MalformedBody(format!("Multipart form parse error - {other}")),
    }
}

async fn collect(
    mut payload: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    limit: usize,
) -> Result<Bytes, ApiError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| ApiError::MalformedBody(format!("The body could not be read: {error}")))?;
        if body.len() + chunk.len() > limit {
            return Err(ApiError::BodyTooLarge(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}
