use super::{CommandError, Outcome};
use crate::check::{installation, list};
use crate::settings::Settings;

pub(super) fn run(settings: &Settings) -> Outcome {
    let problems = installation(settings);
    if problems.is_empty() {
        println!("Everything is in order.");
        return Ok(());
    }
    Err(CommandError::Told(format!("{} to put right:{}", count(problems.len()), list(&problems))))
}

fn count(problems: usize) -> String {
    if problems == 1 { "one thing".to_owned() } else { format!("{problems} things") }
}
