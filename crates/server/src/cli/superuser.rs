use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;
use jobportal_domain::UserType;

use super::{CommandError, Outcome, record};
use crate::composition::{Core, Overrides};
use crate::settings::{Environment, Settings};

const PASSWORD: &str = "JOBPORTAL_SUPERUSER_PASSWORD";

#[derive(Args)]
pub(super) struct Arguments {
    /// E-mail address to sign in with
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Phone number, 11 digits
    #[arg(long, value_name = "NUMBER")]
    contract_number: Option<String>,
    /// Read the password from the first line of standard input; else it is the value of
    /// `JOBPORTAL_SUPERUSER_PASSWORD`, or asked for
    #[arg(long)]
    password_stdin: bool,
}

pub(super) fn run(settings: Settings, arguments: Arguments, environment: &Environment) -> Outcome {
    let may_ask = io::stdin().is_terminal() && !arguments.password_stdin;
    let email = given_or_asked(arguments.email, may_ask, "--email", "E-mail address")?;
    let number = given_or_asked(arguments.contract_number, may_ask, "--contract-number", "Phone number")?;
    let password = match environment.get(PASSWORD) {
        _ if arguments.password_stdin => first_line(&mut io::stdin().lock()).map_err(unreadable)?,
        Some(password) => password.clone(),
        None if may_ask => ask_password()?,
        None => {
            return Err(CommandError::Told(format!(
                "a password is needed: set {PASSWORD}, or send it to standard input with --password-stdin"
            )));
        }
    };
    let must_enrol = settings.auth.require_second_factor.contains(&UserType::Admin);
    let core = Core::open(settings, 1, Overrides::default())?;
    record("Make an admin", core.accounts().create_admin(&email, &number, &password)?);
    println!("{} can sign in as an admin.", email.trim());
    if must_enrol {
        println!(
            "Before anything else they enrol a second factor, with a code that is mailed there: POST /account/second-factor/code/."
        );
    }
    Ok(())
}

fn given_or_asked(given: Option<String>, may_ask: bool, option: &str, what: &str) -> Result<String, CommandError> {
    match given {
        Some(given) => Ok(given),
        None if may_ask => {
            print!("{what}: ");
            io::stdout().flush().and_then(|()| first_line(&mut io::stdin().lock())).map_err(unreadable)
        }
        None => Err(CommandError::Told(format!("{option} is needed where there is no terminal to ask at"))),
    }
}

fn ask_password() -> Result<String, CommandError> {
    let password = rpassword::prompt_password("Password: ").map_err(unreadable)?;
    if rpassword::prompt_password("The same again: ").map_err(unreadable)? == password {
        Ok(password)
    } else {
        Err(CommandError::Told("the two passwords differ".to_owned()))
    }
}

fn first_line(input: &mut dyn BufRead) -> io::Result<String> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` hands errors over by value")]
fn unreadable(error: io::Error) -> CommandError {
    CommandError::Told(format!("the terminal or standard input can't be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_from_standard_input_is_its_first_line_as_it_stands() {
        for (input, password) in [("a b \r\nnext", "a b "), ("secret", "secret"), ("", "")] {
            assert_eq!(first_line(&mut input.as_bytes()).unwrap(), password);
        }
    }
}
