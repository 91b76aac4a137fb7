use clap::Args;
use jobportal_application::Error;
use jobportal_domain::EmailAddress;

use super::{Outcome, record};
use crate::composition::{Core, Overrides};
use crate::settings::Settings;

#[derive(Args)]
pub(super) struct Arguments {
    /// E-mail address of the account
    #[arg(value_name = "ADDRESS")]
    email: String,
}

/// What an operator does with an account.
#[derive(Clone, Copy)]
pub(super) enum Action {
    Deactivate,
    Activate,
    SignOut,
}

pub(super) fn run(settings: Settings, arguments: &Arguments, action: Action) -> Outcome {
    let email = EmailAddress::parse(&arguments.email).map_err(|error| Error::invalid("email", error))?;
    let accounts = Core::open(settings, 1, Overrides::default())?.accounts();
    match action {
        Action::Deactivate => {
            record("Take an account out of use", accounts.deactivate_account(&email)?);
            println!("{email} is out of use: its sessions have ended, and its live jobs are paused.");
        }
        Action::Activate => {
            record("Put an account back into use", accounts.activate_account(&email)?);
            println!("{email} can sign in again. Jobs that were paused stay so until they are published.");
        }
        Action::SignOut => {
            let (user_id, ended) = accounts.end_sessions_of(&email)?;
            record("End all sessions of an account", user_id);
            println!("{ended} sessions of {email} have ended.");
        }
    }
    Ok(())
}
