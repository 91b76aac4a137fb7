//! What the program says of itself. Cargo builds a program only for the integration tests of its own package, and this is the
//! one that makes `cargo test --workspace` build it for the suites that run it.

use std::process::Command;

#[test]
fn the_program_says_what_it_is_and_what_it_can_do() {
    let ask = |argument| {
        let output = Command::new(env!("CARGO_BIN_EXE_jobportal")).arg(argument).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(ask("--version"), concat!("jobportal ", env!("CARGO_PKG_VERSION"), "\n"));
    let help = ask("--help");
    for command in ["serve", "worker", "migrate", "createsuperuser", "seed", "outbox", "check"] {
        assert!(help.contains(&format!("\n  {command} ")), "{command} is not in {help}");
    }
}
