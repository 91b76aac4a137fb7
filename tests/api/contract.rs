use std::path::{Path, PathBuf};

use jobportal_tests::contract::{breaking_changes, check};
use jobportal_tests::database::variable;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The breaking changes that the changelog does not announce: under `Unreleased`, `Breaking`, with the operation's method and path.
fn unannounced(changes: &[String], changelog: &str) -> Vec<String> {
    let unreleased = changelog.split("\n## ").find(|section| section.starts_with("Unreleased")).unwrap_or_default();
    let breaking = unreleased.split("\n### ").find(|part| part.starts_with("Breaking")).unwrap_or_default();
    let is_announced = |change: &&String| {
        change.split_once(": ").is_some_and(|(operation, _)| breaking.contains(&format!("`{operation}`")))
    };
    changes.iter().filter(|change| !is_announced(change)).cloned().collect()
}

#[test]
fn the_committed_table_of_permissions_is_the_one_of_this_portal() {
    let copy = root().join("crates/http/PERMISSIONS.md");
    if std::fs::read_to_string(&copy).unwrap_or_default() != jobportal::permissions() {
        assert!(
            variable("UPDATE_OPENAPI").is_some(),
            "who may do what has changed: `make openapi` writes its copy anew"
        );
        std::fs::write(copy, jobportal::permissions()).unwrap();
    }
}

/// `make openapi` sets `UPDATE_OPENAPI`: then the copy is written, unless something breaks that the changelog does not announce.
#[test]
fn the_committed_description_is_the_one_of_this_portal() {
    let copy = root().join("crates/http/openapi.json");
    let (old, new) = (std::fs::read_to_string(&copy).unwrap_or_default(), jobportal::openapi());
    if old == new {
        return;
    }
    let [was, is] = [&old, &new].map(|text| serde_json::from_str::<Value>(text).unwrap_or_default());
    let changelog = std::fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    let broken = unannounced(&breaking_changes(&was, &is), &changelog);
    assert!(
        broken.is_empty(),
        "this breaks clients; if it has to be, name each operation in CHANGELOG.md under Unreleased, Breaking: {broken:#?}"
    );
    assert!(
        variable("UPDATE_OPENAPI").is_some(),
        "the description of the API has changed: `make openapi` writes its copy anew"
    );
    std::fs::write(copy, new).unwrap();
}

fn description() -> Value {
    json!({ "paths": { "/jobs/": {
        "get": {
            "operationId": "jobs_list",
            "security": [],
            "parameters": [{ "in": "query", "name": "title", "required": false, "schema": { "type": "string", "maxLength": 200 } }],
            "responses": {
                "200": { "headers": { "Link": { "required": true } }, "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Job" } } } },
                "404": { "description": "There is none." },
            },
        },
        "post": {
            "operationId": "jobs_post",
            "security": [{ "bearer": [] }],
            "requestBody": { "required": true, "content": { "application/json": { "schema": { "$ref": "#/components/schemas/PostJob" } } } },
            "responses": { "201": { "description": "Done." } },
        },
    } }, "components": { "schemas": {
        "Job": {
            "type": "object",
            "properties": { "id": { "type": "integer" }, "kind": { "type": "string", "enum": ["a", "b"] } },
            "required": ["id", "kind"],
        },
        "PostJob": {
            "type": "object",
            "properties": { "title": { "type": "string", "maxLength": 200 }, "salary": { "type": ["string", "number"] }, "kind": { "enum": ["a", "b"] } },
            "required": ["title"],
        },
    } } })
}

#[test]
fn what_clients_rely_on_is_not_taken_away_unseen() {
    let schemas = "/components/schemas";
    for (pointer, value, expected) in [
        ("/paths/~1jobs~1", json!({}), "GET /jobs/: is gone"),
        ("/paths/~1jobs~1/get/responses/200/headers", json!({}), "GET /jobs/: 200 Link is gone"),
        ("/paths/~1jobs~1/get/responses/200/headers/Link", json!({}), "GET /jobs/: 200 Link may be left out"),
        ("/paths/~1jobs~1/get/operationId", json!("list"), "GET /jobs/: has another operationId"),
        ("/paths/~1jobs~1/get/security", json!([{ "bearer": [] }]), "GET /jobs/: asks for a token"),
        ("/paths/~1jobs~1/get/parameters", json!([]), "GET /jobs/: \"query\" \"title\" is gone"),
        (
            "/paths/~1jobs~1/get/parameters/0/schema/maxLength",
            json!(100),
            "GET /jobs/: \"query\" \"title\" has another maxLength",
        ),
        (
            "/paths/~1jobs~1/get/responses",
            json!({ "200": description()["paths"]["/jobs/"]["get"]["responses"]["200"] }),
            "GET /jobs/: 404 is gone",
        ),
        (
            &format!("{schemas}/Job/properties"),
            json!({ "id": { "type": "integer" } }),
            "GET /jobs/: 200 application/json `kind` is gone",
        ),
        (&format!("{schemas}/Job/required"), json!(["id"]), "GET /jobs/: 200 application/json `kind` may be left out"),
        (
            &format!("{schemas}/Job/properties/id/type"),
            json!("string"),
            "GET /jobs/: 200 application/json `id` may be the type string",
        ),
        (
            &format!("{schemas}/Job/properties/kind/enum"),
            json!(["a", "b", "c"]),
            "GET /jobs/: 200 application/json `kind` may be the value c",
        ),
        (
            &format!("{schemas}/PostJob/required"),
            json!(["title", "kind"]),
            "POST /jobs/: request application/json `kind` is required",
        ),
        (
            &format!("{schemas}/PostJob/properties/salary/type"),
            json!("string"),
            "POST /jobs/: request application/json `salary` no longer takes the type number",
        ),
        (
            &format!("{schemas}/PostJob/properties/kind/enum"),
            json!(["a"]),
            "POST /jobs/: request application/json `kind` no longer takes the value b",
        ),
    ] {
        let mut changed = description();
        *changed.pointer_mut(pointer).unwrap() = value;
        let broken = breaking_changes(&description(), &changed);
        assert_eq!(broken.first().map(String::as_str), Some(expected), "{pointer}");
        assert_eq!(unannounced(&broken, "\n## Unreleased\n\n### Added\n\n- GET /jobs/\n"), broken);
        let announced = "\n## Unreleased\n\n### Breaking\n\n- `GET /jobs/` and `POST /jobs/` are others.\n\n## 0.1\n";
        assert!(unannounced(&broken, announced).is_empty());
        let of_others = "\n## Unreleased\n\n### Breaking\n\n- `GET /jobs/{id}/` and `POST /jobs/{id}/` are others.\n";
        assert_eq!(unannounced(&broken, of_others), broken);
    }
}

#[test]
fn what_is_added_breaks_nothing() {
    for (pointer, value) in [
        ("/components/schemas/Job/properties/more", json!({ "type": "string" })),
        ("/components/schemas/PostJob/properties/more", json!({ "type": "string" })),
        ("/components/schemas/PostJob/properties/title/maxLength", json!(300)),
        ("/components/schemas/PostJob/properties/kind/enum", json!(["a", "b", "c"])),
        ("/paths/~1jobs~1/delete", json!({ "responses": {} })),
        ("/paths/~1jobs~1/get/responses/429", json!({ "description": "Enough." })),
    ] {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let mut changed = description();
        changed.pointer_mut(parent).unwrap()[key] = value;
        assert_eq!(breaking_changes(&description(), &changed), [""; 0], "{pointer}");
    }
}

fn answer_of_health(status: u16, media_type: &'static str, body: &Value) {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(media_type))]);
    check("GET", "/health/", status, &headers, body.to_string().as_bytes());
}

#[test]
fn a_described_answer_passes() {
    answer_of_health(200, "application/json", &json!({ "status": "ok" }));
}

#[test]
#[should_panic(expected = "which is not described")]
fn a_status_that_nobody_described_is_found() {
    answer_of_health(202, "application/json", &json!({ "status": "ok" }));
}

#[test]
#[should_panic(expected = "which is not described")]
fn a_type_that_nobody_described_is_found() {
    answer_of_health(200, "text/plain", &json!({ "status": "ok" }));
}

#[test]
#[should_panic(expected = "with a body that is not described")]
fn a_key_that_nobody_described_is_found() {
    answer_of_health(200, "application/json", &json!({ "status": "ok", "secret": 1 }));
}

#[test]
#[should_panic(expected = "with a body that is not described")]
fn a_key_that_is_described_and_not_there_is_found() {
    answer_of_health(200, "application/json", &json!({}));
}

#[test]
#[should_panic(expected = "without Retry-After")]
fn a_header_that_is_described_and_not_there_is_found() {
    answer_of_health(503, "application/json", &json!({ "detail": "Away." }));
}
