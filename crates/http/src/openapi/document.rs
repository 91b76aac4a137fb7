use actix_web::http::StatusCode;
use serde_json::{Map, Value, json};

use super::{Access, Described, JSON, Operation};
use crate::conditional;
use crate::routes::{Entry, Verb};

/// The name of the one way to authenticate.
const BEARER: &str = "bearer";

/// What tells where a client stands under its limits.
const RATE_LIMITS: [(&str, &str); 2] = [
    ("RateLimit", "What is left of each limit that counted this request, and in how many seconds it is whole again."),
    ("RateLimit-Policy", "The limits that counted this request: how often (`q`) within how many seconds (`w`)."),
];

/// The groups of operations, in the order of a first visit.
const TAGS: &[(&str, &str)] = &[
    ("Accounts", "Register, prove the e-mail address, sign in, and keep the account."),
    ("Candidates", "Profiles of those who look for work."),
    ("Employers", "Profiles of those who offer it."),
    ("Jobs", "Post, change, find and take down jobs."),
    ("Applications", "Apply for jobs, and move applications through the pipeline."),
    ("Subscriptions", "Plans, and what they allow."),
    ("Outbox", "Mails that wait, were sent or were given up, for admins."),
    ("Documents", "Files of profiles and applications, at the addresses that answers hold."),
    ("Portal", "The portal itself."),
];

/// The document of a route table.
pub(crate) fn document(table: Vec<Entry>) -> Value {
    let mut paths = Map::new();
    let mut schemas = Map::from_iter(error_schemas());
    for entry in table {
        let mut item = Map::new();
        for verb in entry.verbs {
            let mut operation = verb.operation();
            for (name, schema) in operation.schemas.drain(..) {
                schemas.insert(name, schema);
            }
            item.insert(verb.method.as_str().to_ascii_lowercase(), describe(operation, &verb));
        }
        paths.insert(documented_path(entry.path), item.into());
    }
    let used = serde_json::to_string(&paths).unwrap_or_default();
    let errors = ERRORS.iter().filter(|error| used.contains(&format!("/responses/{}\"", error.name)));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Job Portal",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Candidates, employers, jobs and applications.",
            "description": *crate::docs::GUIDE,
            "license": { "name": "MIT", "identifier": "MIT" },
        },
        "servers": [{ "url": "/" }],
        "tags": TAGS.iter().map(|(name, about)| json!({ "name": name, "description": about })).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": errors.map(|error| (error.name.to_owned(), error.response())).collect::<Map<_, _>>(),
            "securitySchemes": {
                BEARER: {
                    "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                    "description": "The `access_token` that signing in answers with.",
                },
            },
        },
    })
}

/// Paths end with a slash, as the API's own links do, but for files.
pub(crate) fn documented_path(path: &str) -> String {
    if path.ends_with('/') || path.contains("{name}") || path.contains('.') {
        path.to_owned()
    } else {
        format!("{path}/")
    }
}

fn describe(mut operation: Operation, verb: &Verb) -> Value {
    operation.may_refuse(StatusCode::INTERNAL_SERVER_ERROR);
    operation.may_refuse(StatusCode::SERVICE_UNAVAILABLE);
    if !verb.method.is_safe() {
        operation.may_refuse(StatusCode::TOO_MANY_REQUESTS);
        for (name, about) in RATE_LIMITS {
            operation.tells(name, super::string(), about);
        }
    }
    conditional::describe(&mut operation, &verb.method);
    let links: Map<String, Value> = operation.links.into_iter().map(|(name, link)| (name.to_owned(), link)).collect();
    let responses = operation.answers.into_iter().map(|(status, answer)| {
        let error = ERRORS.iter().find(|error| error.status == status.as_u16());
        let response = match error {
            Some(error) if answer.bodies.is_empty() => {
                json!({ "$ref": format!("#/components/responses/{}", error.name) })
            }
            Some(error) => error.response_beside(answer),
            None => success(answer, &links),
        };
        (status.as_str().to_owned(), response)
    });
    let mut described = json!({
        "tags": [operation.tag],
        "operationId": verb.alias.unwrap_or(operation.id),
        "summary": operation.summary,
        "responses": responses.collect::<Map<_, _>>(),
        "security": match operation.access {
            Access::Anyone => json!([]),
            Access::SignedInOrNot => json!([{}, { BEARER: [] }]),
            Access::SignedIn => json!([{ BEARER: [] }]),
        },
    });
    if !operation.description.is_empty() {
        described["description"] = operation.description.into();
    }
    if verb.is_deprecated {
        described["deprecated"] = true.into();
    }
    if !operation.parameters.is_empty() {
        described["parameters"] = operation.parameters.into();
    }
    if let Some(request) = operation.request {
        described["requestBody"] = request;
    }
    described
}

fn success(answer: Described, links: &Map<String, Value>) -> Value {
    let mut response = json!({ "description": answer.description });
    let content: Map<String, Value> = answer
        .bodies
        .into_iter()
        .flat_map(|schema| answer.media_types.iter().map(move |name| ((*name).to_owned(), json!({ "schema": schema }))))
        .collect();
    if !content.is_empty() {
        response["content"] = content.into();
    }
    if !answer.headers.is_empty() {
        response["headers"] = json!(answer.headers);
    }
    if !links.is_empty() {
        response["links"] = links.clone().into();
    }
    response
}

/// An error that several operations answer with.
struct SharedError {
    status: u16,
    name: &'static str,
    description: &'static str,
    schema: &'static str,
}

const ERRORS: &[SharedError] = &[
    SharedError::new(400, "BadRequest", "The request is wrong; the body says where.", "BadRequest"),
    SharedError::new(401, "Unauthorized", "No access token, or one that is not valid or past its end.", "Error"),
    SharedError::new(403, "Forbidden", "The wrong role, or an id in the body that is not the caller's own.", "Error"),
    SharedError::new(404, "NotFound", "Not there, or not the caller's to know of.", "Error"),
    SharedError::new(408, "RequestTimeout", "The body did not arrive in time.", "Error"),
    SharedError::new(
        409,
        "Conflict",
        "Not possible in the present state; with `Retry-After`: a request with the same `Idempotency-Key` is being answered.",
        "Error",
    ),
    SharedError::new(
        412,
        "PreconditionFailed",
        "Somebody was faster: the version in `If-Match` is not the present one.",
        "Error",
    ),
    SharedError::new(413, "ContentTooLarge", "The body is too large: 1 MiB of JSON, 6 MiB of form.", "Error"),
    SharedError::new(415, "UnsupportedMediaType", "The body is of a type that is not taken.", "Error"),
    SharedError::new(422, "UnprocessableContent", "The `Idempotency-Key` was used with another request.", "Error"),
    SharedError::new(428, "PreconditionRequired", "This portal demands `If-Match` with every change.", "Error"),
    SharedError::new(429, "TooManyRequests", "A limit is reached; try again after `Retry-After` seconds.", "Error"),
    SharedError::new(500, "InternalServerError", "A defect of the portal.", "Error"),
    SharedError::new(
        503,
        "ServiceUnavailable",
        "A part is away or busy; try again after `Retry-After` seconds.",
        "Error",
    ),
];

impl SharedError {
    const fn new(status: u16, name: &'static str, description: &'static str, schema: &'static str) -> Self {
        Self { status, name, description, schema }
    }

    fn headers(&self) -> Map<String, Value> {
        let header = |schema: Value, about: &str, required: bool| json!({ "schema": schema, "description": about, "required": required });
        let seconds = json!({ "type": "integer", "minimum": 1 });
        let retry_after =
            |required| ("Retry-After".to_owned(), header(seconds, "After how many seconds to try again.", required));
        let limits =
            RATE_LIMITS.map(|(name, about)| (name.to_owned(), header(json!({ "type": "string" }), about, true)));
        match self.status {
            401 => {
                let bearer = header(json!({ "const": "Bearer" }), "How to authenticate.", true);
                Map::from_iter([("WWW-Authenticate".to_owned(), bearer)])
            }
            409 => Map::from_iter([retry_after(false)]),
            429 => limits.into_iter().chain([retry_after(true)]).collect(),
            503 => Map::from_iter([retry_after(true)]),
            _ => Map::new(),
        }
    }

    fn schema(&self) -> Value {
        json!({ "$ref": format!("#/components/schemas/{}", self.schema) })
    }

    /// The response, where the body may also be one of `answer`.
    fn response_beside(&self, answer: Described) -> Value {
        let bodies: Vec<Value> = answer.bodies.into_iter().chain([self.schema()]).collect();
        self.response_with(answer.description, &json!({ "anyOf": bodies }))
    }

    fn response(&self) -> Value {
        self.response_with(self.description, &self.schema())
    }

    fn response_with(&self, description: &str, schema: &Value) -> Value {
        let mut response = json!({ "description": description, "content": { JSON: { "schema": schema } } });
        let headers = self.headers();
        if !headers.is_empty() {
            response["headers"] = headers.into();
        }
        response
    }
}

fn error_schemas() -> [(String, Value); 3] {
    let detail = json!({ "type": "string", "description": "What is wrong, for people.", "examples": ["Not found."] });
    [
        (
            "Error".to_owned(),
            json!({
                "description": "An error that no field is to blame for.",
                "type": "object", "properties": { "detail": detail }, "required": ["detail"],
            }),
        ),
        (
            "FieldErrors".to_owned(),
            json!({
                "description": "Everything that is wrong, by field; `non_field_errors` holds what is wrong with all of it.",
                "type": "object",
                "minProperties": 1,
                "additionalProperties": { "type": "array", "minItems": 1, "items": { "type": "string" } },
                "examples": [{ "email": ["Enter a valid email address."], "password": ["This password is too common."] }],
            }),
        ),
        (
            "BadRequest".to_owned(),
            json!({
                "anyOf": [{ "$ref": "#/components/schemas/FieldErrors" }, { "$ref": "#/components/schemas/Error" }],
            }),
        ),
    ]
}
