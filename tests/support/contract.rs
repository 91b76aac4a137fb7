//! Holds answers to the description of the API, and one description to another.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use reqwest::header::HeaderMap;
use serde_json::{Map, Value, json};

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&jobportal::openapi()).expect("the description is JSON"));

/// A compiled schema for each kind of body, by operation and status.
static VALIDATORS: LazyLock<Mutex<BTreeMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// Panics unless an answer is one that the description knows: its status, its headers, its type, and every key of its body.
pub fn check(method: &str, path: &str, status: u16, headers: &HeaderMap, body: &[u8]) {
    // Refused for its head alone, whatever the operation; the guide says so, once.
    if [414, 431].contains(&status) {
        return;
    }
    let described = if method == "HEAD" { "get".to_owned() } else { method.to_ascii_lowercase() };
    let Some((template, operation)) = operation(&DOCUMENT, path, &described) else { return };
    let place = format!("{method} {template} answered {status}");
    let Some(response) = operation["responses"].get(status.to_string()) else {
        panic!("{place}, which is not described: {}", String::from_utf8_lossy(body))
    };
    let response = resolve(&DOCUMENT, response);
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        assert!(header["required"] != true || headers.contains_key(name), "{place} without {name}");
    }
    let content = response.get("content").and_then(Value::as_object);
    if method == "HEAD" || body.is_empty() {
        assert!(method == "HEAD" || content.is_none(), "{place} with no body");
        return;
    }
    let told = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = told.split(';').next().unwrap_or_default();
    let Some(schema) = content.and_then(|content| content.get(media_type)).map(|content| &content["schema"]) else {
        panic!("{place} with {media_type}, which is not described")
    };
    if media_type != "application/json" {
        return;
    }
    let validator = {
        let mut validators = VALIDATORS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let compile =
            || Arc::new(jsonschema::options().should_validate_formats(true).build(&closed(schema)).expect("a schema"));
        validators.entry(place.clone()).or_insert_with(compile).clone()
    };
    let body: Value = serde_json::from_slice(body).expect("JSON");
    let wrong: Vec<_> = validator
        .iter_errors(&body)
        .map(|error| format!("{} at {:?}", error, error.instance_path().to_string()))
        .collect();
    assert!(wrong.is_empty(), "{place} with a body that is not described: {wrong:#?}\n{body:#}");
}

/// The operation that answers to a path, with the path's template.
fn operation<'d>(document: &'d Value, path: &str, method: &str) -> Option<(&'d str, &'d Value)> {
    let path = path.split('?').next().unwrap_or_default();
    // A path counts with and without its last slash.
    let split =
        |path: &str| -> Vec<String> { path.strip_suffix('/').unwrap_or(path).split('/').map(str::to_owned).collect() };
    let segments = split(path);
    let fits = |template: &str| {
        let parts = split(template);
        parts.len() == segments.len()
            && parts.iter().zip(&segments).all(|(part, segment)| part.starts_with('{') || part == segment)
    };
    let paths = document["paths"].as_object()?;
    let fitting = paths.iter().filter(|(template, _)| fits(template));
    let (template, item) = fitting.min_by_key(|(template, _)| template.matches('{').count())?;
    Some((template, item.get(method)?))
}

fn resolve<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value["$ref"].as_str() {
        Some(target) => document.pointer(target.trim_start_matches('#')).expect("references lead somewhere"),
        None => value,
    }
}

/// A schema on its own that takes no key which it does not name: clients may meet new keys, but none that nobody described.
fn closed(schema: &Value) -> Value {
    close(expand(&DOCUMENT, schema))
}

/// A schema with everything that it refers to in place.
fn expand(document: &Value, schema: &Value) -> Value {
    match resolve(document, schema) {
        Value::Object(keys) => keys.iter().map(|(key, value)| (key.clone(), expand(document, value))).collect(),
        Value::Array(items) => items.iter().map(|item| expand(document, item)).collect(),
        other => other.clone(),
    }
}

fn close(mut schema: Value) -> Value {
    let Some(keys) = schema.as_object_mut() else { return schema };
    let is_object = keys.contains_key("properties") || keys.contains_key("allOf");
    for (key, value) in keys.iter_mut() {
        match (key.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                properties.values_mut().for_each(|property| *property = close(property.take()));
            }
            // What parts of one object leave open, the whole closes.
            ("allOf", Value::Array(parts)) => {
                for part in parts.iter_mut().filter_map(|part| part.get_mut("properties")?.as_object_mut()) {
                    part.values_mut().for_each(|property| *property = close(property.take()));
                }
            }
            ("anyOf" | "oneOf", Value::Array(parts)) => parts.iter_mut().for_each(|part| *part = close(part.take())),
            ("items", items) => *items = close(items.take()),
            _ => {}
        }
    }
    if is_object {
        schema["unevaluatedProperties"] = false.into();
    }
    schema
}

/// What of `old` clients could rely on and `new` takes away, each with the operation it concerns.
pub fn breaking_changes(old: &Value, new: &Value) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, item) in old["paths"].as_object().into_iter().flatten() {
        for (method, was) in item.as_object().into_iter().flatten() {
            let operation = format!("{} {path}", method.to_uppercase());
            let mut differences = Differences { place: Vec::new(), found: Vec::new() };
            match new["paths"][path].get(method) {
                Some(is) => differences.of_operations(&expand(old, was), &expand(new, is)),
                None => differences.tell("is gone"),
            }
            broken.extend(differences.found.into_iter().map(|found| format!("{operation}: {found}")));
        }
    }
    broken
}

/// Which way a value goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    /// From the client: what was taken has to be taken still.
    Request,
    /// To the client: what was told has to be told still, and nothing that clients don't expect.
    Answer,
}

struct Differences {
    place: Vec<String>,
    found: Vec<String>,
}

impl Differences {
    fn tell(&mut self, what: &str) {
        let place: Vec<&str> = self.place.iter().map(String::as_str).chain([what]).collect();
        self.found.push(place.join(" "));
    }

    fn within(&mut self, place: impl Into<String>, compare: impl FnOnce(&mut Self)) {
        self.place.push(place.into());
        compare(self);
        self.place.pop();
    }

    fn of_operations(&mut self, old: &Value, new: &Value) {
        if old["operationId"] != new["operationId"] {
            self.tell("has another operationId");
        }
        let is_open = |operation: &Value| {
            operation["security"].as_array().is_none_or(|all| all.is_empty() || all.contains(&json!({})))
        };
        if is_open(old) && !is_open(new) {
            self.tell("asks for a token");
        }
        let parameters = |operation: &Value| -> BTreeMap<String, Value> {
            let all = operation["parameters"].as_array().cloned().unwrap_or_default();
            all.into_iter().map(|one| (format!("{} {}", one["in"], one["name"]), one)).collect()
        };
        let (were, are) = (parameters(old), parameters(new));
        for (name, was) in &were {
            self.within(name, |this| match are.get(name) {
                Some(is) => this.of_schemas(&was["schema"], &is["schema"], Direction::Request),
                None => this.tell("is gone"),
            });
        }
        for (name, is) in are.iter().filter(|(name, _)| !were.contains_key(*name)) {
            if is["required"] == true {
                self.within(name, |this| this.tell("is required"));
            }
        }
        self.within("request", |this| {
            if new["requestBody"]["required"] == true && old["requestBody"]["required"] != true {
                this.tell("is required");
            }
            this.of_contents(&old["requestBody"]["content"], &new["requestBody"]["content"], Direction::Request);
        });
        for (status, was) in old["responses"].as_object().into_iter().flatten() {
            self.within(status, |this| match new["responses"].get(status) {
                Some(is) => {
                    this.of_headers(&was["headers"], &is["headers"]);
                    this.of_contents(&was["content"], &is["content"], Direction::Answer);
                }
                None => this.tell("is gone"),
            });
        }
    }

    fn of_headers(&mut self, old: &Value, new: &Value) {
        for (name, was) in old.as_object().into_iter().flatten() {
            self.within(name, |this| match new.get(name) {
                Some(is) if was["required"] == true && is["required"] != true => this.tell("may be left out"),
                Some(_) => {}
                None => this.tell("is gone"),
            });
        }
    }

    fn of_contents(&mut self, old: &Value, new: &Value, direction: Direction) {
        for (media_type, was) in old.as_object().into_iter().flatten() {
            self.within(media_type, |this| match new.get(media_type) {
                Some(is) => this.of_schemas(&was["schema"], &is["schema"], direction),
                None => this.tell("is gone"),
            });
        }
    }

    fn of_schemas(&mut self, old: &Value, new: &Value, direction: Direction) {
        for any in ["anyOf", "oneOf"] {
            let (Some(were), Some(are)) = (old[any].as_array(), new[any].as_array()) else {
                if old.get(any) != new.get(any) {
                    self.tell("is of another type");
                }
                continue;
            };
            for (was, is) in were.iter().zip(are) {
                self.of_schemas(was, is, direction);
            }
            let narrows = match direction {
                Direction::Request => are.len() < were.len(),
                Direction::Answer => are.len() > were.len(),
            };
            if narrows {
                self.tell("is one of others");
            }
        }
        let (was, is) = (Object::of(old), Object::of(new));
        for (name, property) in &was.properties {
            self.within(format!("`{name}`"), |this| match is.properties.get(name) {
                Some(present) => this.of_schemas(property, present, direction),
                None => this.tell("is gone"),
            });
        }
        let (lost, demanded) = (was.required.difference(&is.required), is.required.difference(&was.required));
        let changed: Vec<_> = if direction == Direction::Answer { lost.collect() } else { demanded.collect() };
        for name in changed.into_iter().filter(|name| is.properties.contains_key(*name)) {
            let what = if direction == Direction::Answer { "may be left out" } else { "is required" };
            self.within(format!("`{name}`"), |this| this.tell(what));
        }
        if let (Some(was), Some(is)) = (old.get("items"), new.get("items")) {
            self.within("items", |this| this.of_schemas(was, is, direction));
        }
        self.of_sets(&types(old), &types(new), "type", direction);
        if old.get("enum").is_some() || new.get("enum").is_some() {
            self.of_sets(&texts(&old["enum"]), &texts(&new["enum"]), "value", direction);
        }
        for (key, grows) in
            [("maxLength", true), ("maxItems", true), ("maximum", true), ("minLength", false), ("minimum", false)]
        {
            let narrows = match (old[key].as_f64(), new[key].as_f64()) {
                (Some(was), Some(is)) => {
                    if grows {
                        is < was
                    } else {
                        is > was
                    }
                }
                (None, Some(_)) => true,
                _ => false,
            };
            if narrows && direction == Direction::Request {
                self.tell(&format!("has another {key}"));
            }
        }
        for key in ["pattern", "format"] {
            if old[key] != new[key] && (direction == Direction::Answer || !new[key].is_null()) {
                self.tell(&format!("has another {key}"));
            }
        }
    }

    fn of_sets(&mut self, old: &BTreeSet<String>, new: &BTreeSet<String>, what: &str, direction: Direction) {
        let (from, to) = if direction == Direction::Request { (old, new) } else { (new, old) };
        // No set at all is every value.
        if to.is_empty() {
            return;
        }
        if from.is_empty() {
            self.tell(&format!("has another {what}"));
        }
        for value in from.difference(to) {
            let how = if direction == Direction::Request { "no longer takes" } else { "may be" };
            self.tell(&format!("{how} the {what} {value}"));
        }
    }
}

/// The properties of an object, those of its parts included.
#[derive(Default)]
struct Object {
    properties: Map<String, Value>,
    required: BTreeSet<String>,
}

impl Object {
    fn of(schema: &Value) -> Self {
        let mut object = Self::default();
        for part in schema["allOf"].as_array().into_iter().flatten() {
            let part = Self::of(part);
            object.properties.extend(part.properties);
            object.required.extend(part.required);
        }
        object.properties.extend(schema["properties"].as_object().cloned().unwrap_or_default());
        object.required.extend(texts(&schema["required"]));
        object
    }
}

fn types(schema: &Value) -> BTreeSet<String> {
    match &schema["type"] {
        Value::String(name) => BTreeSet::from([name.clone()]),
        several => texts(several),
    }
}

fn texts(value: &Value) -> BTreeSet<String> {
    let items = value.as_array().into_iter().flatten();
    items.map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect()
}
