//! Somebody else's suite on the published mocks, which stands outside the workspace as theirs do (`tests/embedder`).

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn a_suite_outside_the_workspace_passes() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    // With the versions and in the directory of the workspace's builds nothing is fetched, and hardly anything built again.
    fs::copy(tests.join("../Cargo.lock"), tests.join("embedder/Cargo.lock")).expect("the lock file of the workspace");
    let program = std::env::current_exe().expect("the tests are a program");
    let target = program.ancestors().nth(3).expect("a directory of builds");
    let output = Command::new(env!("CARGO"))
        .args(["test", "--offline", "--manifest-path"])
        .arg(tests.join("embedder/Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .output()
        .expect("cargo runs");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    print!("{stdout}");
}
