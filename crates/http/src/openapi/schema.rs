use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{KnownFormat, RefOr, Schema};

/// What a text consists of: no control characters but tabs and line breaks.
pub(crate) const TEXT: &str = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$";

/// What a text that must say something consists of. The two parts have no character in common, so that no matcher has to go back.
pub(crate) const NON_BLANK: &str = r"^\s*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$";

/// A text.
pub(crate) fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// A whole number of at least `minimum`.
pub(crate) fn integer(minimum: i64) -> ObjectBuilder {
    let format = SchemaFormat::KnownFormat(KnownFormat::Int64);
    ObjectBuilder::new().schema_type(Type::Integer).format(Some(format)).minimum(Some(minimum))
}

/// One of a closed set of texts.
pub(crate) fn one_of(texts: impl IntoIterator<Item = &'static str>) -> ObjectBuilder {
    string().enum_values(Some(texts))
}

/// Several of one kind.
pub(crate) fn several(one: impl Into<RefOr<Schema>>) -> Schema {
    ArrayBuilder::new().items(one.into()).build().into()
}

/// Gives wire types, which are read or written by hand, their schema.
macro_rules! schema_of {
    ($($name:ty as $text:literal => $schema:expr;)+) => {$(
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $schema.into()
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                $text.into()
            }
        }
    )+};
}
pub(crate) use schema_of;

/// The same object with every property left to the caller.
pub(crate) fn none_required(schema: RefOr<Schema>) -> RefOr<Schema> {
    match schema {
        RefOr::T(Schema::Object(mut object)) => {
            object.required.clear();
            RefOr::T(Schema::Object(object))
        }
        other => other,
    }
}

/// The same object with another property, which may be left out.
pub(crate) fn with_property(schema: RefOr<Schema>, name: &str, property: impl Into<RefOr<Schema>>) -> RefOr<Schema> {
    match schema {
        RefOr::T(Schema::Object(mut object)) => {
            object.properties.insert(name.to_owned(), property.into());
            RefOr::T(Schema::Object(object))
        }
        other => other,
    }
}

/// A schema as it stands in the document.
pub(crate) fn value(schema: impl Into<RefOr<Schema>>) -> Value {
    serde_json::to_value(schema.into()).unwrap_or_default()
}

/// An object that holds something under `data`.
pub(super) fn data(schema: &Value) -> Value {
    json!({ "type": "object", "properties": { "data": schema }, "required": ["data"] })
}

pub(super) fn parameter(within: &str, name: &str, schema: impl Into<RefOr<Schema>>, description: &str) -> Value {
    json!({
        "in": within, "name": name, "required": within == "path", "schema": value(schema), "description": description,
    })
}

/// Says that an answer always has the keys whose value may be `null`. The derived schema calls them optional, because a request
/// might leave them out.
pub(super) fn require_nullable(schema: &mut Value) {
    for part in ["allOf", "oneOf", "anyOf"] {
        schema.get_mut(part).and_then(Value::as_array_mut).into_iter().flatten().for_each(require_nullable);
    }
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    let nullable: Vec<Value> =
        properties.iter().filter(|(_, property)| is_nullable(property)).map(|(name, _)| name.as_str().into()).collect();
    let mut required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    required.extend(nullable);
    if !required.is_empty() {
        schema["required"] = required.into();
    }
}

fn is_nullable(schema: &Value) -> bool {
    match &schema["type"] {
        Value::String(name) => name == "null",
        Value::Array(names) => names.iter().any(|name| name == "null"),
        _ => ["oneOf", "anyOf"].iter().any(|any| schema[any].as_array().is_some_and(|all| all.iter().any(is_nullable))),
    }
}

fn forbid_null(schema: &mut Value) {
    for alternatives in ["type", "oneOf"] {
        if let Some(all) = schema.get_mut(alternatives).and_then(Value::as_array_mut) {
            all.retain(|one| one != "null" && one["type"] != "null");
        }
    }
}

/// Says of a request what its fields have in common: there is no default beside absence, and a text that is limited in length has
/// no control characters.
pub(super) fn complete_request(schema: &mut Value) {
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for property in properties.into_iter().flat_map(|properties| properties.values_mut()) {
        let pattern = if property["type"] == "string" { NON_BLANK } else { TEXT };
        if let Some(keys) = property.as_object_mut() {
            keys.retain(|key, value| key != "default" || !value.is_null());
        }
        if property.get("maxLength").is_some() && property.get("format").is_none() {
            property["pattern"] = pattern.into();
        }
    }
}

/// The form that holds what the JSON body `T` holds, and a file. A form has no `null`.
pub(super) fn form<T: ToSchema>(file: &str) -> Value {
    let mut schema = value(T::schema());
    complete_request(&mut schema);
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    properties.into_iter().flat_map(|properties| properties.values_mut()).for_each(forbid_null);
    schema["properties"][file] = json!({ "type": "string", "format": "binary" });
    schema
}
