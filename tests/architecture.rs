//! Holds the shape of the workspace: which crate may depend on which, and that both databases have the same migrations.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a manifest that can't be read fails the test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What each package may depend on, outside its tests. A new edge is a decision: make it here.
const ALLOWED: &[(&str, &[&str])] = &[
    ("jobportal-domain", &["chrono", "infer", "thiserror"]),
    (
        "jobportal-application",
        &["jobportal-domain", "async-trait", "bytes", "chrono", "mockall", "serde", "thiserror", "tracing"],
    ),
    (
        "jobportal-persistence",
        &[
            "jobportal-domain",
            "jobportal-application",
            "chrono",
            "diesel",
            "diesel_migrations",
            "libsqlite3-sys",
            "openssl-sys",
            "pq-sys",
            "r2d2",
            "serde_json",
            "strsim",
            "thiserror",
            "tracing",
        ],
    ),
    (
        "jobportal-notification",
        &[
            "jobportal-domain",
            "jobportal-application",
            "askama",
            "async-trait",
            "chrono",
            "lettre",
            "tempfile",
            "thiserror",
            "tokio",
            "tracing",
            "url",
        ],
    ),
    (
        "jobportal-security",
        &[
            "jobportal-domain",
            "jobportal-application",
            "aws-lc-rs",
            "base64",
            "bcrypt",
            "chrono",
            "data-encoding",
            "jsonwebtoken",
            "serde",
            "thiserror",
        ],
    ),
    ("jobportal-cache", &["jobportal-application", "async-trait", "chrono", "moka"]),
    ("jobportal-files", &["jobportal-application", "async-trait", "bytes", "chrono", "tempfile", "tokio"]),
    (
        "jobportal-http",
        &[
            "jobportal-domain",
            "jobportal-application",
            "actix-multipart",
            "actix-web",
            "aws-lc-rs",
            "base64",
            "bytes",
            "chrono",
            "crossbeam-channel",
            "flate2",
            "futures-util",
            "serde",
            "serde_json",
            "strsim",
            "thiserror",
            "tokio",
            "tracing",
            "url",
            "utoipa",
            "utoipa-swagger-ui",
        ],
    ),
];

/// The composition root, the tests and the benchmarks know everything.
const FREE: &[&str] = &["jobportal", "jobportal-tests", "jobportal-bench"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests stand in the workspace").to_owned()
}

fn manifests() -> Vec<toml::Table> {
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.extend(["tests", "tests/bench"].map(|folder| root().join(folder)));
    let read = |folder: PathBuf| std::fs::read_to_string(folder.join("Cargo.toml")).unwrap().parse().unwrap();
    folders.into_iter().map(read).collect()
}

#[test]
fn dependencies_point_inwards() {
    let mut seen = BTreeSet::new();
    for manifest in manifests() {
        let name = manifest["package"]["name"].as_str().unwrap().to_owned();
        seen.insert(name.clone());
        if FREE.contains(&name.as_str()) {
            continue;
        }
        let allowed = ALLOWED.iter().find(|(package, _)| *package == name).map(|(_, allowed)| *allowed);
        let allowed = allowed.unwrap_or_else(|| panic!("the table says nothing of {name}"));
        let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table).cloned().unwrap_or_default();
        for dependency in dependencies.keys() {
            assert!(
                allowed.contains(&dependency.as_str()),
                "{name} must not depend on {dependency}: see the table in tests/architecture.rs"
            );
        }
        for entry in allowed {
            assert!(dependencies.contains_key(*entry), "the table lets {name} depend on {entry}, and it does not");
        }
    }
    let known: BTreeSet<String> =
        ALLOWED.iter().map(|(name, _)| *name).chain(FREE.iter().copied()).map(String::from).collect();
    assert_eq!(seen, known, "the table and the workspace name different packages");
}

#[test]
fn versions_stand_in_one_place() {
    for manifest in manifests() {
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let dependencies = manifest.get(table).and_then(toml::Value::as_table).cloned().unwrap_or_default();
            for (dependency, value) in dependencies {
                assert!(
                    value.get("workspace").and_then(toml::Value::as_bool) == Some(true),
                    "{} takes {dependency} past the workspace's table",
                    manifest["package"]["name"]
                );
            }
        }
    }
}

#[test]
fn every_package_keeps_the_lints_of_the_workspace_and_unsafe_code_is_forbidden() {
    let workspace: toml::Table = std::fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    assert_eq!(workspace["workspace"]["lints"]["rust"]["unsafe_code"].as_str(), Some("forbid"));
    for manifest in manifests() {
        let inherited = manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
        assert_eq!(inherited, Some(true), "{} has lints of its own", manifest["package"]["name"]);
    }
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |backend: &str| -> BTreeSet<String> {
        let folder = root().join("migrations").join(backend);
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    };
    let sqlite = names("sqlite");
    assert!(!sqlite.is_empty());
    assert_eq!(sqlite, names("postgres"));
    for backend in ["sqlite", "postgres"] {
        for name in &sqlite {
            for direction in ["up.sql", "down.sql"] {
                let file = root().join("migrations").join(backend).join(name).join(direction);
                assert!(file.is_file(), "{} is missing", file.display());
            }
        }
    }
}

#[test]
fn the_front_page_of_a_crate_for_embedders_lists_every_public_item() {
    for name in ["domain", "application"] {
        let lib = std::fs::read_to_string(root().join("crates").join(name).join("src/lib.rs")).unwrap();
        let (page, code): (Vec<&str>, Vec<&str>) = lib.lines().partition(|line| line.starts_with("//!"));
        let (page, code) = (page.concat(), code.concat());
        let exports =
            code.split("pub use ").skip(1).map(|rest| rest.split(';').next().unwrap().split_once("::").unwrap().1);
        for item in exports.flat_map(|items| items.split(|c: char| !c.is_alphanumeric() && c != '_')) {
            assert!(
                item.is_empty() || page.contains(&format!("{item}`]")),
                "{name}: {item} is in no row of the front page"
            );
        }
    }
}
