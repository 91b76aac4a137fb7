//! Calls the API.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::contract;

/// What the API answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, by name in lower case.
    pub headers: reqwest::header::HeaderMap,
    /// The body as JSON; `null` where it is none.
    pub json: Value,
    /// The body.
    pub bytes: Vec<u8>,
}

impl Answer {
    /// Status and body, to compare both at once.
    pub fn outcome(&self) -> (u16, Value) {
        (self.status, self.json.clone())
    }

    /// The `id` in the body.
    pub fn id(&self) -> i64 {
        self.json["id"].as_i64().unwrap_or_else(|| panic!("no id in {self:?}"))
    }

    /// A header; an empty text where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A client of one portal.
#[derive(Clone, Debug)]
pub struct Client {
    /// The address of the API, without a slash at the end.
    pub base: String,
    http: reqwest::Client,
}

impl Client {
    /// A client of the portal at `base`.
    pub fn new(base: String) -> Self {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(60)).build().expect("a client");
        Self { base, http }
    }

    /// Calls with a JSON body, or none.
    pub async fn call(&self, method: &str, path: &str, token: Option<&str>, body: Option<Value>) -> Answer {
        let mut request = self.request(method, path, token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        self.send(request).await
    }

    /// Calls with a form.
    pub async fn form(&self, method: &str, path: &str, token: Option<&str>, form: reqwest::multipart::Form) -> Answer {
        self.send(self.request(method, path, token).multipart(form)).await
    }

    /// Calls with a body of any kind.
    pub async fn raw(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        content_type: &str,
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        self.send(self.request(method, path, token).header("content-type", content_type).body(body)).await
    }

    /// A request to finish and send.
    pub fn request(&self, method: &str, path: &str, token: Option<&str>) -> reqwest::RequestBuilder {
        let method = method.parse().expect("a method");
        let request = self.http.request(method, format!("{}{path}", self.base));
        match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request, and holds the answer to the description of the API.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        self.try_send(request).await.expect("an answer")
    }

    /// Sends a request to a portal that may die meanwhile.
    pub async fn try_send(&self, request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
        let request = request.build()?;
        let (method, path) = (request.method().to_string(), request.url().path().to_owned());
        let response = self.http.execute(request).await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await?.to_vec();
        contract::check(&method, &path, status, &headers, &bytes);
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Answer { status, headers, json, bytes })
    }
}

/// The outcome of a request that is refused with one text.
pub fn detail(status: u16, text: &str) -> (u16, Value) {
    (status, json!({ "detail": text }))
}

/// Reads a time, which must have the form that the API writes.
pub fn time(value: &Value) -> DateTime<Utc> {
    let text = value.as_str().unwrap_or_else(|| panic!("no time: {value}"));
    let time = DateTime::parse_from_rfc3339(text).expect("a time").to_utc();
    assert_eq!(text, time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string());
    time
}
