//! The binary `jobportal`; everything is in the library, where tests reach it.

fn main() -> std::process::ExitCode {
    jobportal::cli::run()
}
