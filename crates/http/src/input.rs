use jobportal_domain::{Text, Violations};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::wire::TextOrNumber;

/// One key of a request body. Reading it never fails, so that what is wrong with every key is told at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Input<T> {
    /// The key is not there.
    #[default]
    Missing,
    /// The key is there, and `null`.
    Null,
    /// The value is of another type.
    Wrong(String),
    /// The value.
    Given(T),
}

/// A type that a JSON value or a form field is read as.
pub(crate) trait FromJson: Sized {
    /// Reads it, or says what is wrong.
    fn from_json(value: Value) -> Result<Self, String>;
}

impl<'de, T: FromJson> Deserialize<'de> for Input<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::Null => Self::Null,
            value => T::from_json(value).map_or_else(Self::Wrong, Self::Given),
        })
    }
}

/// For the derived schema alone, which asks what a request holds where a key is missing: nothing.
impl<T> Serialize for Input<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl FromJson for String {
    fn from_json(value: Value) -> Result<Self, String> {
        match value {
            Value::String(text) => Ok(text),
            _ => Err("Not a valid string.".to_owned()),
        }
    }
}

impl FromJson for TextOrNumber {
    fn from_json(value: Value) -> Result<Self, String> {
        match value {
            Value::Number(number) => Ok(Self(number.to_string())),
            other => String::from_json(other).map(Self),
        }
    }
}

impl FromJson for i64 {
    fn from_json(value: Value) -> Result<Self, String> {
        let number = match &value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.ok_or_else(|| "A valid integer is required.".to_owned())
    }
}

impl FromJson for bool {
    fn from_json(value: Value) -> Result<Self, String> {
        match &value {
            Value::Bool(value) => Ok(*value),
            Value::String(text) if text.eq_ignore_ascii_case("true") || text == "1" => Ok(true),
            Value::String(text) if text.eq_ignore_ascii_case("false") || text == "0" => Ok(false),
            _ => Err("Must be a valid boolean.".to_owned()),
        }
    }
}

impl FromJson for Vec<String> {
    fn from_json(value: Value) -> Result<Self, String> {
        match value {
            Value::Array(items) => items.into_iter().map(String::from_json).collect(),
            other => Err(format!("Expected a list of items but got type \"{}\".", type_name(&other))),
        }
    }
}

/// The name of a JSON type, as API consumers know it.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

/// What a request does to something that may be absent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change<T> {
    /// Leaves it.
    Keep,
    /// Takes it away.
    Clear,
    /// Puts this in its place.
    Set(T),
}

impl<T: Clone> Change<T> {
    /// What `present` is after the change.
    pub(crate) fn apply(&self, present: Option<T>) -> Option<T> {
        match self {
            Self::Keep => present,
            Self::Clear => None,
            Self::Set(value) => Some(value.clone()),
        }
    }
}

impl<T> Input<T> {
    /// The value; that there is none is recorded.
    pub(crate) fn required(self, field: &str, violations: &mut Violations) -> Option<T> {
        let message = match self {
            Self::Given(value) => return Some(value),
            Self::Missing => "This field is required.".to_owned(),
            Self::Null => "This field may not be null.".to_owned(),
            Self::Wrong(message) => message,
        };
        violations.push(field, message);
        None
    }

    /// The value, if there is one; a wrong one is recorded.
    pub(crate) fn optional(self, field: &str, violations: &mut Violations) -> Option<T> {
        match self {
            Self::Missing | Self::Null => None,
            given => given.required(field, violations),
        }
    }

    /// The value as `convert` reads it; that there is none is recorded, and what `convert` finds wrong.
    pub(crate) fn required_as<U, E: std::fmt::Display>(
        self,
        field: &str,
        violations: &mut Violations,
        convert: impl FnOnce(T) -> Result<U, E>,
    ) -> Option<U> {
        let value = self.required(field, violations)?;
        violations.check(field, convert(value))
    }
}

impl Input<TextOrNumber> {
    /// The same as a text.
    pub(crate) fn text(self) -> Input<String> {
        match self {
            Self::Missing => Input::Missing,
            Self::Null => Input::Null,
            Self::Wrong(message) => Input::Wrong(message),
            Self::Given(TextOrNumber(text)) => Input::Given(text),
        }
    }
}

impl Input<String> {
    /// A change to an optional value; `null` and blank text take it away.
    pub(crate) fn change<U, E: std::fmt::Display>(
        self,
        field: &str,
        violations: &mut Violations,
        parse: impl FnOnce(&str) -> Result<U, E>,
    ) -> Change<U> {
        match self {
            Self::Missing => Change::Keep,
            Self::Null => Change::Clear,
            Self::Given(raw) if raw.trim().is_empty() => Change::Clear,
            given => match given.required_as(field, violations, |raw| parse(&raw)) {
                Some(value) => Change::Set(value),
                None => Change::Keep,
            },
        }
    }

    /// A change to an optional text.
    pub(crate) fn change_text<const MAX: usize>(self, field: &str, violations: &mut Violations) -> Change<Text<MAX>> {
        self.change(field, violations, Text::parse)
    }
}

impl Input<Vec<String>> {
    /// A change to a list of at most `max` entries; `null` empties it. What is wrong with an entry is told with its place.
    pub(crate) fn change_list<U, E: std::fmt::Display>(
        self,
        field: &str,
        max: usize,
        violations: &mut Violations,
        parse: impl Fn(&str) -> Result<U, E>,
    ) -> Change<Vec<U>> {
        let items = match self {
            Self::Missing => return Change::Keep,
            Self::Null => return Change::Clear,
            given => given.required(field, violations).unwrap_or_default(),
        };
        if items.len() > max {
            violations.push(field, format_args!("Ensure this field has no more than {max} elements."));
            return Change::Keep;
        }
        let mut parsed = Vec::with_capacity(items.len());
        for (place, item) in (1..).zip(&items) {
            match parse(item) {
                Ok(value) => parsed.push(value),
                Err(error) => violations.push(field, format_args!("Item {place}: {error}")),
            }
        }
        Change::Set(parsed)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Request {
        name: Input<String>,
        count: Input<i64>,
        open: Input<bool>,
        tags: Input<Vec<String>>,
    }

    fn read(value: Value) -> Request {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn tells_missing_null_wrong_and_given_apart() {
        let request = read(json!({ "name": null, "count": "x", "open": true, "other": 1 }));
        assert_eq!(request.name, Input::Null);
        assert_eq!(request.count, Input::Wrong("A valid integer is required.".to_owned()));
        assert_eq!(request.open, Input::Given(true));
        assert_eq!(request.tags, Input::Missing);
    }

    #[test]
    fn numbers_outside_64_bits_are_no_integers() {
        for value in [json!(9_223_372_036_854_775_808_u64), json!(1.5), json!("9223372036854775808"), json!([1])] {
            assert!(matches!(read(json!({ "count": value })).count, Input::Wrong(_)));
        }
        assert_eq!(read(json!({ "count": "7" })).count, Input::Given(7));
    }

    #[test]
    fn every_wrong_key_is_recorded() {
        let request = read(json!({ "name": {}, "tags": "Rust", "open": "perhaps" }));
        let mut violations = Violations::default();
        request.name.required("name", &mut violations);
        request.count.required("count", &mut violations);
        request.open.required("open", &mut violations);
        request.tags.required("tags", &mut violations);
        assert_eq!(violations.of("name"), ["Not a valid string."]);
        assert_eq!(violations.of("count"), ["This field is required."]);
        assert_eq!(violations.of("open"), ["Must be a valid boolean."]);
        assert_eq!(violations.of("tags"), ["Expected a list of items but got type \"str\"."]);
    }

    #[test]
    fn a_change_keeps_clears_or_sets() {
        let mut violations = Violations::default();
        let present = Text::<9>::parse("old").ok();
        let mut change = |value: Value| read(value).name.change_text("name", &mut violations).apply(present.clone());
        assert_eq!(change(json!({})), present);
        assert_eq!(change(json!({ "name": null })), None);
        assert_eq!(change(json!({ "name": "  " })), None);
        assert_eq!(change(json!({ "name": "new" })), Text::parse("new").ok());
        assert_eq!(change(json!({ "name": "far too long" })), present);
        assert_eq!(violations.of("name"), ["Ensure this field has no more than 9 characters."]);
    }

    #[test]
    fn a_wrong_entry_of_a_list_is_told_with_its_place() {
        let mut violations = Violations::default();
        let tags = read(json!({ "tags": ["a", "", "c"] })).tags;
        tags.change_list("tags", 3, &mut violations, Text::<5>::parse);
        assert_eq!(violations.of("tags"), ["Item 2: This field may not be blank."]);
    }

    #[test]
    fn a_list_that_is_too_long_is_told_once_however_long_it_is() {
        let mut violations = Violations::default();
        let tags = read(json!({ "tags": vec![""; 100_000] })).tags;
        tags.change_list("tags", 3, &mut violations, Text::<5>::parse);
        assert_eq!(violations.of("tags"), ["Ensure this field has no more than 3 elements."]);
    }
}
