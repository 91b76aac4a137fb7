//! The OpenAPI document, made of the route table: each extractor of a handler says what it reads and how it refuses, and what
//! stands beside the handler says the rest. So no route is without its description, and no description without its route.
#![expect(clippy::indexing_slicing, reason = "a key of a JSON object that is not there is added; no request gets here")]

mod document;
mod schema;

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, web};
use jobportal_application::{Action, Role};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

pub(crate) use document::documented_path;
pub(crate) use schema::{NON_BLANK, TEXT, integer, none_required, one_of, schema_of, several, string, with_property};

const JSON: &str = "application/json";

/// The OpenAPI 3.1 document of the API, as JSON.
pub fn openapi() -> String {
    format!("{:#}\n", document::document(crate::routes::table()))
}

/// An operation of the API, as the document describes it.
pub(crate) struct Operation {
    tag: &'static str,
    id: &'static str,
    summary: &'static str,
    description: &'static str,
    access: Access,
    parameters: Vec<Value>,
    request: Option<Value>,
    answers: BTreeMap<StatusCode, Described>,
    links: Vec<(&'static str, Value)>,
    is_stored: bool,
    makes_version: bool,
    schemas: Vec<(String, Value)>,
}

/// Who may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// Anyone; a token is not looked at.
    Anyone,
    /// Anyone; a token may open more.
    SignedInOrNot,
    /// Whoever is signed in.
    SignedIn,
}

/// An answer of an operation.
#[derive(Default)]
struct Described {
    /// What it means; empty: what its status means.
    description: &'static str,
    /// What its body may be. An error's may be what all errors of its status are, too.
    bodies: Vec<Value>,
    /// Of which types its body may be.
    media_types: &'static [&'static str],
    headers: BTreeMap<&'static str, Value>,
}

impl Operation {
    /// An operation of the group `tag`. Its id becomes the name of a method in generated clients.
    pub(crate) fn new(tag: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self {
            tag,
            id,
            summary,
            description: "",
            access: Access::Anyone,
            parameters: Vec::new(),
            request: None,
            answers: BTreeMap::new(),
            links: Vec::new(),
            is_stored: true,
            makes_version: false,
            schemas: Vec::new(),
        }
    }

    /// What a caller should know beyond the summary, in Markdown.
    pub(crate) fn about(mut self, description: &'static str) -> Self {
        self.description = description;
        self
    }

    /// Answers 200 with a body of type `T`.
    pub(crate) fn ok<T: ToSchema>(self, description: &'static str) -> Self {
        self.answers::<T>(StatusCode::OK, description)
    }

    /// Answers 200 with a list of `T`.
    pub(crate) fn ok_list<T: ToSchema>(mut self, description: &'static str) -> Self {
        let items = self.register::<T>(true);
        self.answers_with(StatusCode::OK, description, json!({ "type": "array", "items": items }))
    }

    /// Answers 200 with a `T` under `data`.
    pub(crate) fn ok_data<T: ToSchema>(mut self, description: &'static str) -> Self {
        let data = self.register::<T>(true);
        self.answers_with(StatusCode::OK, description, schema::data(&data))
    }

    /// Answers 200 with a list of `T` under `data`.
    pub(crate) fn ok_data_list<T: ToSchema>(mut self, description: &'static str) -> Self {
        let items = self.register::<T>(true);
        self.answers_with(StatusCode::OK, description, schema::data(&json!({ "type": "array", "items": items })))
    }

    /// Answers 201 with a body of type `T`.
    pub(crate) fn created<T: ToSchema>(self, description: &'static str) -> Self {
        self.answers::<T>(StatusCode::CREATED, description)
    }

    /// Answers 204.
    pub(crate) fn no_content(mut self, description: &'static str) -> Self {
        self.answer(StatusCode::NO_CONTENT).description = description;
        self
    }

    /// Answers 200 with something that is no JSON.
    pub(crate) fn file(mut self, media_types: &'static [&'static str], description: &'static str) -> Self {
        let answer = self.answer(StatusCode::OK);
        answer.description = description;
        answer.media_types = media_types;
        let is_text = media_types.iter().all(|name| name.starts_with("text/"));
        answer.bodies.push(if is_text {
            json!({ "type": "string" })
        } else {
            json!({ "type": "string", "format": "binary" })
        });
        self
    }

    /// Makes something that has versions.
    pub(crate) fn versioned(mut self) -> Self {
        self.makes_version = true;
        self
    }

    /// Whether it makes something that has versions.
    pub(crate) fn makes_version(&self) -> bool {
        self.makes_version
    }

    /// Answers what no client may keep.
    pub(crate) fn no_store(mut self) -> Self {
        self.is_stored = false;
        self
    }

    /// May refuse with `status`, beside those that what the handler reads accounts for.
    pub(crate) fn refuses(mut self, status: StatusCode) -> Self {
        self.answer(status);
        self
    }

    /// May answer `status` with a body of type `T`; an error, with that or with what all errors of its status have.
    pub(crate) fn answers<T: ToSchema>(mut self, status: StatusCode, description: &'static str) -> Self {
        let body = self.register::<T>(true);
        self.answers_with(status, description, body)
    }

    fn answers_with(mut self, status: StatusCode, description: &'static str, body: Value) -> Self {
        let answer = self.answer(status);
        answer.description = description;
        answer.media_types = &[JSON];
        answer.bodies.push(body);
        self
    }

    /// The `id` in the answer names what another operation's path parameter takes.
    pub(crate) fn leads_to(mut self, operation_id: &'static str, parameter: &'static str) -> Self {
        self.links.push((
            operation_id,
            json!({ "operationId": operation_id, "parameters": { parameter: "$response.body#/id" } }),
        ));
        self
    }

    /// Who may call, and how the others are refused.
    pub(crate) fn is_for(&mut self, action: Action) {
        if action.is_open() {
            return;
        }
        let lets_in = |role: &Role| action.check_role(*role).is_ok();
        self.access = if lets_in(&Role::Anonymous) { Access::SignedInOrNot } else { Access::SignedIn };
        self.answer(StatusCode::UNAUTHORIZED);
        let lets_in_all = Role::ALL.iter().all(|role| *role == Role::Anonymous || lets_in(role));
        // Nor does it let in a session that may do nothing but enrol a second factor.
        if !lets_in_all || !action.is_for_enrolling() {
            self.answer(StatusCode::FORBIDDEN);
        }
    }

    /// Reads a parameter of the path.
    pub(crate) fn path(&mut self, name: &str, schema: impl Into<RefOr<Schema>>, description: &str) {
        let parameter = schema::parameter("path", name, schema, description);
        self.parameters.push(parameter);
        self.answer(StatusCode::NOT_FOUND);
    }

    /// Reads a parameter of the query string, if it is there.
    pub(crate) fn query(&mut self, name: &str, schema: impl Into<RefOr<Schema>>, description: &str) {
        self.parameters.push(schema::parameter("query", name, schema, description));
        self.answer(StatusCode::BAD_REQUEST);
    }

    /// Reads a parameter of the query string, which must be there.
    pub(crate) fn needed_query(&mut self, name: &str, schema: impl Into<RefOr<Schema>>, description: &str) {
        let mut parameter = schema::parameter("query", name, schema, description);
        parameter["required"] = true.into();
        self.parameters.push(parameter);
        self.answer(StatusCode::BAD_REQUEST);
    }

    /// Whether a read is answered with a tag.
    pub(crate) fn is_stored(&self) -> bool {
        self.is_stored
    }

    /// Whether it may refuse with `status`.
    pub(crate) fn may_answer(&self, status: StatusCode) -> bool {
        self.answers.contains_key(&status)
    }

    /// Reads a header, if it is there.
    pub(crate) fn header(&mut self, name: &str, schema: impl Into<RefOr<Schema>>, description: &str) {
        self.parameters.push(schema::parameter("header", name, schema, description));
    }

    /// Answers 304 to a caller who has the present state.
    pub(crate) fn not_modified(&mut self) {
        self.answer(StatusCode::NOT_MODIFIED).description = "The caller has the present state.";
    }

    /// Sends a header with what is no error.
    pub(crate) fn tells(&mut self, name: &'static str, schema: impl Into<RefOr<Schema>>, description: &str) {
        let header = json!({ "schema": schema::value(schema), "description": description });
        for (_, answer) in self.answers.iter_mut().filter(|(status, _)| status.is_success()) {
            answer.headers.insert(name, header.clone());
        }
    }

    /// Reads a body of type `T`, which in a form may hold a file.
    pub(crate) fn reads<T: ToSchema>(&mut self, file: Option<&str>) {
        let mut content = json!({ JSON: { "schema": self.register::<T>(false) } });
        if let Some(file) = file {
            content["multipart/form-data"] = json!({ "schema": schema::form::<T>(file) });
        }
        let requires_something = schema::value(T::schema()).get("required").is_some();
        self.request = Some(json!({ "required": requires_something, "content": content }));
        for status in [
            StatusCode::BAD_REQUEST,
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::PAYLOAD_TOO_LARGE,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ] {
            self.answer(status);
        }
    }

    /// An answer that may occur.
    pub(crate) fn may_refuse(&mut self, status: StatusCode) {
        self.answer(status);
    }

    fn answer(&mut self, status: StatusCode) -> &mut Described {
        self.answers.entry(status).or_default()
    }

    /// Puts the schema of `T` and of all that it consists of into the document, and refers to it.
    fn register<T: ToSchema>(&mut self, is_answer: bool) -> Value {
        let mut schemas = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut schemas);
        for (name, schema) in schemas {
            let mut schema = schema::value(schema);
            if is_answer {
                schema::require_nullable(&mut schema);
            } else {
                schema::complete_request(&mut schema);
            }
            self.schemas.push((name, schema));
        }
        json!({ "$ref": format!("#/components/schemas/{}", T::name()) })
    }
}

/// What a handler reads of a request, and how it refuses it.
pub(crate) trait Describe {
    /// Adds it to the description of an operation.
    fn describe(operation: &mut Operation);
}

impl<T> Describe for Data<T> {
    fn describe(_: &mut Operation) {}
}

impl Describe for HttpRequest {
    fn describe(_: &mut Operation) {}
}

impl Describe for web::Path<String> {
    fn describe(operation: &mut Operation) {
        operation.path("name", string(), "As another answer told it.");
    }
}

macro_rules! describe_arguments {
    ($(($($argument:ident)*))+) => {$(
        impl<$($argument: Describe),*> Describe for ($($argument,)*) {
            fn describe(_operation: &mut Operation) {
                $($argument::describe(_operation);)*
            }
        }
    )+};
}

describe_arguments! {
    ()
    (A)
    (A B)
    (A B C)
    (A B C D)
    (A B C D E)
    (A B C D E F)
    (A B C D E F G)
    (A B C D E F G H)
}

#[cfg(test)]
mod tests;
