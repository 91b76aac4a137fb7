use clap::{Args, Subcommand};
use jobportal_persistence::Migrator;

use super::Outcome;
use crate::error::StartError;
use crate::settings::{Settings, without_secrets};

#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    direction: Direction,
}

#[derive(Subcommand)]
enum Direction {
    /// Apply every migration that is missing
    Up,
    /// Take back the latest migrations; their tables and columns are lost
    Down {
        /// How many
        #[arg(default_value_t = 1, value_name = "N")]
        steps: usize,
    },
    /// List all migrations
    Status,
}

pub(super) fn run(settings: &Settings, arguments: &Arguments) -> Outcome {
    let url = settings.database.url.expose();
    let mut migrator =
        Migrator::connect(url).map_err(|error| StartError::Database { url: without_secrets(url), error })?;
    let failed = |error| StartError::Migration { url: without_secrets(url), error };
    match arguments.direction {
        Direction::Up => report("Applied", &migrator.up().map_err(failed)?),
        Direction::Down { steps } => report("Took back", &migrator.down(steps).map_err(failed)?),
        Direction::Status => {
            for state in migrator.status().map_err(failed)? {
                println!("[{}] {}", if state.is_applied { 'x' } else { ' ' }, state.name);
            }
        }
    }
    Ok(())
}

fn report(what: &str, names: &[String]) {
    if names.is_empty() {
        println!("Nothing to do.");
    }
    for name in names {
        println!("{what} {name}");
    }
}
