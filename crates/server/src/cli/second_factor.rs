use clap::{Args, Subcommand};
use jobportal_application::Error;
use jobportal_domain::EmailAddress;

use super::{Outcome, record};
use crate::composition::{Core, Overrides};
use crate::settings::Settings;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Remove that of a user who lost the authenticator app and the recovery codes. See first that it is them: from then on the
    /// password alone lets them in. Their sessions end, and they are told by mail
    Remove {
        /// The e-mail address of the account
        email: String,
    },
}

pub(super) fn run(settings: Settings, arguments: &Arguments) -> Outcome {
    let Action::Remove { email } = &arguments.action;
    let email = EmailAddress::parse(email).map_err(|error| Error::invalid("email", error))?;
    let core = Core::open(settings, 1, Overrides::default())?;
    record("Remove a second factor", core.accounts().reset_second_factor(&email)?);
    println!("{email} has no second factor any more.");
    Ok(())
}
