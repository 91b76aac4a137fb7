use std::time::Instant;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use jobportal_domain::Password;

use super::{CommandError, Outcome};
use crate::composition::{Core, Overrides};
use crate::seed::{SeedPlan, Seeding};
use crate::settings::{Profile, Settings};

/// The password of made-up accounts on a developer's machine.
const DEVELOPMENT_PASSWORD: &str = "portal-demo-2026";

#[derive(Args)]
pub(super) struct Arguments {
    #[arg(long, default_value_t = 50, value_name = "N")]
    employers: u32,
    #[arg(long, default_value_t = 300, value_name = "N")]
    candidates: u32,
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    jobs: u32,
    #[arg(long, default_value_t = 3_000, value_name = "N")]
    applications: u32,
    /// The same number makes the same data
    #[arg(long, default_value_t = 42, value_name = "N")]
    seed: u64,
    /// The one password of all accounts [default in development: portal-demo-2026]
    #[arg(long)]
    password: Option<String>,
    /// Delete everything but the plans first; in the development profile alone
    #[arg(long)]
    reset: bool,
}

pub(super) fn run(settings: Settings, arguments: &Arguments) -> Outcome {
    let told = |problem: String| Err(CommandError::Told(problem));
    let plan = SeedPlan {
        employers: arguments.employers,
        candidates: arguments.candidates,
        jobs: arguments.jobs,
        applications: arguments.applications,
        seed: arguments.seed,
    };
    if let Err(error) = plan.check() {
        return told(error.to_string());
    }
    let is_development = settings.profile == Profile::Development;
    if arguments.reset && !is_development {
        return told("--reset deletes everything, so only the development profile has it".to_owned());
    }
    let password = match &arguments.password {
        Some(password) => password.as_str(),
        None if is_development => DEVELOPMENT_PASSWORD,
        None => return told("--password is needed: the one for development is known to everyone".to_owned()),
    };
    let password = match Password::choose(password, None, None) {
        Ok(password) => password,
        Err(rules) => return told(rules.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")),
    };

    let core = Core::open(settings, 1, Overrides::default())?;
    let started = Instant::now();
    let bar = ProgressBar::new(plan.total()).with_style(style());
    let seeding = Seeding {
        store: &*core.store,
        password_hash: core.hasher.hash(&password)?,
        now: core.clock.now(),
        progress: &|stored| bar.inc(stored),
    };
    if arguments.reset {
        seeding.delete_all()?;
    }
    let seeded = seeding.run(&plan)?;
    bar.finish_and_clear();

    println!(
        "Made up {} employers, {} candidates, {} jobs and {} applications in {:.1} s.",
        plan.employers,
        plan.candidates,
        plan.jobs,
        plan.applications,
        started.elapsed().as_secs_f32()
    );
    if seeded.candidate.is_some() || seeded.employer.is_some() {
        println!(
            "Sign in with the password {}:",
            arguments.password.as_ref().map_or(DEVELOPMENT_PASSWORD, |_| "you gave")
        );
    }
    for (role, email) in [("candidate", seeded.candidate), ("employer", seeded.employer)] {
        if let Some(email) = email {
            println!("  {role:<10} {email}");
        }
    }
    println!("For an admin: jobportal createsuperuser");
    Ok(())
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:40} {human_pos} of {human_len}, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
