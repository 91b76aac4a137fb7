use std::future::{Ready, ready};

use actix_web::body::MessageBody;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use jobportal_application::{Actor, BoxError, Error, Once, Receipt, RequestKey, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::App;
use crate::body::File;
use crate::error::ApiError;
use crate::openapi::{Describe, Operation, string};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Says that an answer is that to an earlier request.
const REPLAYED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("idempotency-replayed"), HeaderValue::from_static("true"));

const MAX_LENGTH: usize = 255;

/// What the vault's digest of a request is bound to.
const FINGERPRINT: &str = "idempotency";

/// The `Idempotency-Key` of a request, if it has one.
pub(crate) struct IdempotencyKey(Option<String>);

impl FromRequest for IdempotencyKey {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut lines = request.headers().get_all(IDEMPOTENCY_KEY);
        ready(match (lines.next(), lines.next()) {
            (None, _) => Ok(Self(None)),
            (Some(line), None) => parse(line).map(|key| Self(Some(key))).ok_or(ApiError::BadIdempotencyKey),
            (Some(_), Some(_)) => Err(ApiError::BadIdempotencyKey),
        })
    }
}

impl Describe for IdempotencyKey {
    fn describe(operation: &mut Operation) {
        // Also in double quotes; who reads this need not know.
        let key = string().min_length(Some(1)).max_length(Some(MAX_LENGTH)).pattern(Some(r"^[!#-\[\]-~]+$"));
        operation.header(
            "Idempotency-Key",
            key.examples([json!("8e03978e-40d5-43dd-bc93-6894a57f9324")]),
            "Chosen by the client, a UUID say. For 24 hours the same request with the same key is done once, and gets the first \
             answer again.",
        );
        operation.may_refuse(StatusCode::BAD_REQUEST);
        operation.may_refuse(StatusCode::CONFLICT);
        operation.may_refuse(StatusCode::UNPROCESSABLE_ENTITY);
        let replayed = string().enum_values(Some(["true"]));
        operation.tells("Idempotency-Replayed", replayed, "This is the answer to an earlier request.");
    }
}

/// Reads a key: a string of a structured field (RFC 9651), or the bare text.
fn parse(line: &HeaderValue) -> Option<String> {
    let text = line.to_str().ok()?.trim();
    let key = match text.strip_prefix('"') {
        Some(quoted) => unescape(quoted.strip_suffix('"')?)?,
        None => text.to_owned(),
    };
    let is_good = (1..=MAX_LENGTH).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    is_good.then_some(key)
}

fn unescape(quoted: &str) -> Option<String> {
    let mut key = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        key.push(match character {
            '\\' => characters.next().filter(|escaped| matches!(escaped, '"' | '\\'))?,
            '"' => return None,
            other => other,
        });
    }
    Some(key)
}

impl IdempotencyKey {
    /// The key, as one of a user who is signed in; `content` is that of the body.
    pub(crate) fn of_user(self, app: &App, actor: &Actor, content: Option<String>) -> Option<RequestKey> {
        self.of(app, format!("user:{}", actor.user_id), content)
    }

    /// The key, as one of `caller`; `content` is that of the body.
    pub(crate) fn of(self, app: &App, caller: String, content: Option<String>) -> Option<RequestKey> {
        let fingerprint = app.vault.digest(FINGERPRINT, &content?);
        Some(RequestKey { caller, key: self.0?, fingerprint })
    }
}

/// What a request with an `Idempotency-Key` asks for. It survives another encoding of the same: keys in another order, other
/// blanks, another boundary of a form.
pub(crate) fn content(request: &HttpRequest, keys: &Map<String, Value>, file: &File) -> Option<String> {
    if !request.headers().contains_key(IDEMPOTENCY_KEY) {
        return None;
    }
    let path = request.path().trim_end_matches('/');
    let keys = Value::Object(keys.clone());
    let file = match file {
        File::Uploaded(content) => URL_SAFE_NO_PAD.encode(digest(&SHA256, content)),
        File::Absent | File::Null => String::new(),
    };
    Some(format!("{} {path}\n{keys}\n{file}", request.method()))
}

/// An answer that can leave the thread it was rendered on.
pub(crate) struct Rendered {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// A [`Rendered`] as it is stored.
#[derive(Deserialize, Serialize)]
struct Kept {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// Runs a use case that makes something, once for a key, and renders the answer: what is kept is what is sent.
pub(crate) fn answer_once<T: Clone>(
    app: &App,
    key: Option<RequestKey>,
    render: impl Fn(T) -> HttpResponse,
    use_case: impl FnOnce(Once<'_, T>) -> Result<T>,
) -> Result<Rendered> {
    let Some(key) = key else { return Rendered::new(render(use_case(Once::unkeyed())?)) };
    let mut sent = None;
    let mut keep = |outcome: &T| {
        let rendered = Rendered::new(render(outcome.clone()))?;
        let receipt = rendered.receipt()?;
        sent = Some(rendered);
        Ok(receipt)
    };
    use_case(Once::keyed(key, &*app.vault, &mut keep))?;
    sent.ok_or_else(|| Error::Internal("the use case made no receipt".into()))
}

impl Rendered {
    fn new(mut response: HttpResponse) -> Result<Self> {
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let body = response.into_body().try_into_bytes();
        let body = body.map_err(|_| Error::Internal("an answer to keep must not be a stream".into()))?;
        Ok(Self { status, headers, body })
    }

    fn receipt(&self) -> Result<Receipt> {
        let header = |(name, value): (&HeaderName, &HeaderValue)| Ok((name.to_string(), value.to_str()?.to_owned()));
        let kept = || {
            let headers = self.headers.iter().map(header).collect::<Result<_, BoxError>>()?;
            let body = str::from_utf8(&self.body)?.to_owned();
            Ok(serde_json::to_string(&Kept { status: self.status.as_u16(), headers, body })?)
        };
        kept().map(Receipt).map_err(Error::Internal)
    }

    fn of(receipt: &Receipt) -> Result<Self, BoxError> {
        let kept: Kept = serde_json::from_str(&receipt.0)?;
        let mut headers = HeaderMap::new();
        for (name, value) in &kept.headers {
            headers.append(name.parse::<HeaderName>()?, value.parse()?);
        }
        Ok(Self { status: StatusCode::from_u16(kept.status)?, headers, body: kept.body.into() })
    }
}

impl From<Rendered> for HttpResponse {
    fn from(rendered: Rendered) -> Self {
        let mut response = Self::build(rendered.status).body(rendered.body);
        *response.headers_mut() = rendered.headers;
        response
    }
}

/// The answer to a request that was answered before.
pub(crate) fn replay(receipt: &Receipt) -> HttpResponse {
    match Rendered::of(receipt) {
        Ok(mut rendered) => {
            rendered.headers.insert(REPLAYED.0, REPLAYED.1);
            rendered.into()
        }
        Err(source) => ApiError::from(Error::Internal(source)).error_response(),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{ETAG, LOCATION};
    use actix_web::test::TestRequest;

    use super::*;

    fn read(lines: &[&[u8]]) -> Result<Option<String>, ApiError> {
        let mut request = TestRequest::default();
        for line in lines {
            request = request.append_header((IDEMPOTENCY_KEY, HeaderValue::from_bytes(line).unwrap()));
        }
        IdempotencyKey::from_request(&request.to_http_request(), &mut Payload::None).into_inner().map(|key| key.0)
    }

    #[test]
    fn a_key_is_a_structured_string_or_bare() {
        assert_eq!(read(&[]).unwrap(), None);
        let longest = "x".repeat(255);
        for (line, key) in [
            ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
            ("\"8e03978e\"", "8e03978e"),
            (" a ", "a"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            (r"a\b,c=", r"a\b,c="),
            (longest.as_str(), longest.as_str()),
        ] {
            assert_eq!(read(&[line.as_bytes()]).unwrap().as_deref(), Some(key), "{line}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let too_long = "x".repeat(256);
        let lines: [&[u8]; 11] = [
            b"",
            b"\"\"",
            b"\"",
            b"\"a",
            b"a b",
            b"\"a b\"",
            b"\"a\"b\"",
            br#""a\b""#,
            b"\"a\\\"",
            b"\xc3\xa4",
            too_long.as_bytes(),
        ];
        for line in lines {
            assert!(matches!(read(&[line]), Err(ApiError::BadIdempotencyKey)), "{line:?}");
        }
        assert!(matches!(read(&[b"a", b"a"]), Err(ApiError::BadIdempotencyKey)));
    }

    #[test]
    fn what_a_request_asks_for_is_the_same_in_every_encoding() {
        let ask = |method: fn() -> TestRequest, path: &str, body: &str, file: &File| {
            let request = method().uri(path).insert_header((IDEMPOTENCY_KEY, "1")).to_http_request();
            content(&request, serde_json::from_str::<Value>(body).unwrap().as_object().unwrap(), file).unwrap()
        };
        let body = r#"{"b": {"y": 1, "x": [1.50, null]}, "a": "\u00e4"}"#;
        let first = ask(TestRequest::post, "/job/manage/", body, &File::Absent);
        let again = r#"{"a":"ä","b":{"x":[1.5,null],"y":1}}"#;
        assert_eq!(ask(TestRequest::post, "/job/manage", again, &File::Absent), first);
        for other in [
            ask(TestRequest::put, "/job/manage/", body, &File::Absent),
            ask(TestRequest::post, "/job/manage/1/", body, &File::Absent),
            ask(TestRequest::post, "/job/manage/", "{}", &File::Absent),
            ask(TestRequest::post, "/job/manage/", body, &File::Uploaded(Bytes::from_static(b"a"))),
            ask(TestRequest::post, "/job/manage/", body, &File::Uploaded(Bytes::from_static(b"b"))),
        ] {
            assert_ne!(other, first);
        }
        assert_eq!(content(&TestRequest::post().to_http_request(), &Map::new(), &File::Absent), None);
    }

    #[actix_web::test]
    async fn an_answer_comes_back_as_it_was_kept() {
        let first = HttpResponse::Created()
            .insert_header((ETAG, "\"7\""))
            .insert_header((LOCATION, "/job/7/"))
            .json(json!({ "name": "ä\n" }));
        let first = Rendered::new(first).unwrap();
        let mut again = replay(&first.receipt().unwrap());
        assert_eq!(again.headers_mut().remove(REPLAYED.0).collect::<Vec<_>>(), [REPLAYED.1]);
        let again = Rendered::new(again).unwrap();
        assert_eq!((again.status, &again.body), (StatusCode::CREATED, &first.body));
        let sorted = |rendered: &Rendered| {
            let mut headers: Vec<_> = rendered.headers.iter().map(|(n, v)| (n.to_string(), v.clone())).collect();
            headers.sort();
            headers
        };
        assert_eq!(sorted(&again), sorted(&first));
        assert_eq!(sorted(&first).len(), 3);
    }

    #[test]
    fn a_receipt_that_makes_no_sense_is_a_defect() {
        for text in ["", "{}", r#"{"status":1,"headers":[],"body":""}"#] {
            assert_eq!(replay(&Receipt(text.to_owned())).status(), 500, "{text}");
        }
    }
}
