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
            "serde_json",
            "thiserror",
        ],
    ),
    (
        "jobportal-cache",
        &[
            "jobportal-domain",
            "jobportal-application",
            "async-trait",
            "bytes",
            "chrono",
            "deadpool-redis",
            "futures-util",
            "moka",
            "thiserror",
            "tokio",
            "tracing",
        ],
    ),
    ("jobportal-files", &["jobportal-application", "async-trait", "bytes", "chrono", "tempfile", "tokio"]),
    (
        "jobportal-http",
        &[
            "jobportal-domain",
            "jobportal-application",
            "actix-cors",
            "actix-multipart",
            "actix-web",
            "aws-lc-rs",
            "base64",
            "bytes",
            "chrono",
            "crossbeam-channel",
            "flate2",
            "futures-util",
            "ipnet",
            "prometheus",
            "rustix",
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

/// The requirements of level 1 and 2 in V4, V6, V7, V8, V9 and V16, and some sections of V3 and V12, of the ASVS 5.0.0: a section, and
/// how many of it in a row.
const ASVS: &[(&str, u32)] = &[
    ("3.4", 6),
    ("4.1", 3),
    ("4.2", 1),
    ("4.3", 2),
    ("4.4", 4),
    ("6.1", 3),
    ("6.2", 12),
    ("6.3", 4),
    ("6.4", 4),
    ("6.5", 5),
    ("6.6", 3),
    ("6.8", 4),
    ("7.1", 3),
    ("7.2", 4),
    ("7.3", 2),
    ("7.4", 5),
    ("7.5", 2),
    ("7.6", 2),
    ("8.1", 2),
    ("8.2", 3),
    ("8.3", 1),
    ("8.4", 1),
    ("9.1", 3),
    ("9.2", 4),
    ("12.1", 3),
    ("12.2", 2),
    ("16.1", 1),
    ("16.2", 5),
    ("16.3", 4),
    ("16.4", 3),
    ("16.5", 3),
];

/// The test that a `suite::module::test` names stands in the file of its module; a suite of its own name is a module of it.
fn test_exists(name: &str) -> bool {
    let mut path: Vec<&str> = name.split("::").collect();
    let suite = path.remove(0);
    let (folder, root_file) = match suite {
        "api" | "storage" => (root().join("tests").join(suite), "main.rs"),
        "fuzz" => (root().join("tests/fuzz"), "tests.rs"),
        "architecture" => (root().join("tests"), "architecture.rs"),
        krate => (root().join("crates").join(krate).join("src"), "lib.rs"),
    };
    let test = path.pop().unwrap_or_default();
    // The module's own file, or that of a module around it.
    let files = (1..=path.len()).rev().filter_map(|depth| path.get(..depth));
    let files = files.map(|modules| folder.join(modules.join("/")).with_extension("rs"));
    let file = files.chain([folder.join(root_file)]).find(|file| file.is_file());
    let source = file.and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
    source.contains(&format!("fn {test}(")) || folder.join(test).with_extension("rs").is_file()
}

#[test]
fn the_table_of_the_asvs_names_every_requirement_and_tests_that_exist() {
    let page = std::fs::read_to_string(root().join("tests/asvs.md")).unwrap();
    let rows: Vec<(&str, &str)> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" | "))
        .filter(|(number, _)| number.starts_with(|c: char| c.is_ascii_digit()))
        .collect();
    let numbers: Vec<&str> = rows.iter().map(|(number, _)| *number).collect();
    let required = ASVS.iter().flat_map(|(section, count)| (1..=*count).map(move |n| format!("{section}.{n}")));
    assert_eq!(numbers, required.collect::<Vec<_>>());
    let quoted = |text: &str| -> Vec<String> { text.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    for (number, row) in rows {
        let says = row.contains('`') || row.contains("n/a") || row.contains("**Not met**") || row.contains("](");
        assert!(says, "{number} says neither how it is met nor why not");
    }
    let names: Vec<String> =
        quoted(&page).into_iter().filter(|text| text.contains("::") && !text.contains(' ')).collect();
    let missing: Vec<_> = names.iter().filter(|name| !name.contains('…') && !test_exists(name)).collect();
    assert!(missing.is_empty(), "no such tests: {missing:#?}");
}
