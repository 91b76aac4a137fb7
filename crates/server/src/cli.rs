//! The commands of the binary.

mod account;
mod check;
mod migrate;
mod outbox;
mod second_factor;
mod seed;
mod serve;
mod superuser;
mod worker;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use jobportal_application::Error;
use jobportal_domain::UserId;
use thiserror::Error as ThisError;

use crate::error::StartError;
use crate::logging;
use crate::settings::{Settings, SettingsError, environment};

/// A job portal: REST API, mail delivery and periodic tasks in one program.
#[derive(Parser)]
#[command(name = "jobportal", version, propagate_version = true, max_term_width = 100)]
struct Arguments {
    /// File with settings; config/default.toml lists them all
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API, deliver mail and run periodic tasks (the default)
    Serve(serve::Arguments),
    /// Deliver mail and run periodic tasks, beside processes that serve with --no-worker
    Worker,
    /// Bring the database up to date, take that back, or see how it stands
    Migrate(migrate::Arguments),
    /// Make an admin, who can sign in at once
    Createsuperuser(superuser::Arguments),
    /// Look after second factors that were lost
    SecondFactor(second_factor::Arguments),
    /// Take an account out of use: nobody can sign in to it, and its sessions end on all nodes
    Deactivate(account::Arguments),
    /// Put an account back into use
    Activate(account::Arguments),
    /// End all sessions of an account, on all nodes
    SignOut(account::Arguments),
    /// Fill the database with made-up employers, candidates, jobs and applications
    Seed(seed::Arguments),
    /// Look after mails that wait or were given up
    Outbox(outbox::Arguments),
    /// Say what would keep the portal from working, without starting it
    Check,
    /// Print the description of the API: OpenAPI 3.1, as JSON
    Openapi,
}

/// Why a command failed, in words for who typed it.
#[derive(Debug, ThisError)]
enum CommandError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("{}", explain(.0))]
    Application(#[from] Error),
    #[error("{0}")]
    Told(String),
}

type Outcome = Result<(), CommandError>;

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    match execute(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn execute(arguments: Arguments) -> Outcome {
    if matches!(arguments.command, Some(Command::Openapi)) {
        return print_openapi();
    }
    let environment = environment();
    let settings = Settings::load(arguments.config.as_deref(), &environment)?;
    // What waits to be sent when a command ends is sent then.
    let _telemetry = logging::start(&settings)?;
    match arguments.command.unwrap_or(Command::Serve(serve::Arguments::default())) {
        Command::Serve(arguments) => serve::run(settings, arguments),
        Command::Worker => worker::run(settings),
        Command::Migrate(arguments) => migrate::run(&settings, &arguments),
        Command::Createsuperuser(arguments) => superuser::run(settings, arguments, &environment),
        Command::SecondFactor(arguments) => second_factor::run(settings, &arguments),
        Command::Deactivate(arguments) => account::run(settings, &arguments, account::Action::Deactivate),
        Command::Activate(arguments) => account::run(settings, &arguments, account::Action::Activate),
        Command::SignOut(arguments) => account::run(settings, &arguments, account::Action::SignOut),
        Command::Seed(arguments) => seed::run(settings, &arguments),
        Command::Outbox(arguments) => outbox::run(settings, &arguments),
        Command::Check => check::run(&settings),
        Command::Openapi => print_openapi(),
    }
}

/// Tells those who watch over the portal what an operator did with an account.
fn record(action: &str, user_id: UserId) {
    tracing::info!(
        target: "jobportal::security",
        action,
        outcome = "succeeded",
        user_id = user_id.0,
        by = "operator",
        "security event"
    );
}

/// The description depends on no setting, so that it can be printed where nothing is set up.
fn print_openapi() -> Outcome {
    std::io::stdout()
        .write_all(jobportal_http::openapi().as_bytes())
        .map_err(|error| CommandError::Told(format!("can't write: {error}")))
}

/// An error with its cause, and each broken rule on a line of its own.
fn explain(error: &Error) -> String {
    match error {
        Error::Invalid(violations) => violations
            .fields()
            .map(|(field, messages)| (if field == "phone_number" { "contract_number" } else { field }, messages))
            .flat_map(|(field, messages)| messages.iter().map(move |message| format!("\n  {field}: {message}")))
            .fold("this can't be accepted:".to_owned(), |text, line| text + &line),
        other => logging::chain(other),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_commands_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn all_broken_rules_are_told() {
        let mut violations = jobportal_domain::Violations::single("password", "Too short.");
        violations.push("password", "Too common.");
        violations.push("email", "Taken.");
        let text = explain(&Error::Invalid(violations));
        assert_eq!(
            text.lines().skip(1).collect::<Vec<_>>(),
            ["  email: Taken.", "  password: Too short.", "  password: Too common."]
        );
    }
}
