use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::document;
use crate::routes::table;

fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().iter().map(|(method, operation)| (method.clone(), path.clone(), operation))
        })
        .collect()
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let document = document::document(table());
    let described: BTreeSet<_> = operations(&document)
        .into_iter()
        .map(|(method, path, _)| (method.to_uppercase(), path.trim_end_matches('/').to_owned()))
        .collect();
    let served: BTreeSet<_> = table()
        .into_iter()
        .flat_map(|entry| {
            entry
                .verbs
                .into_iter()
                .map(move |verb| (verb.method.to_string(), entry.path.trim_end_matches('/').to_owned()))
        })
        .collect();
    assert_eq!(described, served);
}

#[test]
fn each_operation_has_a_name_of_its_own_and_answers_with_success() {
    let document = document::document(table());
    let mut names = BTreeMap::new();
    for (method, path, operation) in operations(&document) {
        let name = operation["operationId"].as_str().unwrap();
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        assert_eq!(names.insert(name.to_owned(), path.clone()), None, "{name} of {method} {path}");
        assert!(
            operation["responses"].as_object().unwrap().keys().any(|status| status.starts_with('2')),
            "{method} {path}"
        );
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(keys) => keys.iter().for_each(|(key, value)| match value {
                Value::String(target) if key == "$ref" => _ = found.insert(target),
                other => references(other, found),
            }),
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = document::document(table());
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    let missing: Vec<_> =
        found.iter().filter(|target| document.pointer(target.trim_start_matches('#')).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let components = ["schemas", "responses"].into_iter().flat_map(|kind| {
        document["components"][kind].as_object().unwrap().keys().map(move |name| format!("#/components/{kind}/{name}"))
    });
    let unused: Vec<_> = components.filter(|name| !found.contains(name.as_str())).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn links_name_operations_that_there_are() {
    let document = document::document(table());
    let operations = operations(&document);
    let names: BTreeSet<_> =
        operations.iter().map(|(_, _, operation)| operation["operationId"].as_str().unwrap()).collect();
    for (_, path, operation) in &operations {
        for response in operation["responses"].as_object().unwrap().values() {
            for link in response["links"].as_object().into_iter().flatten().map(|(_, link)| link) {
                assert!(names.contains(link["operationId"].as_str().unwrap()), "{path}: {link}");
            }
        }
    }
}
