use chrono::{SecondsFormat, TimeDelta};
use clap::builder::PossibleValuesParser;
use clap::{ArgGroup, Args, Subcommand};
use jobportal_application::{DeliveryStatus, Error, Outbox, OutboxEntry, OutboxFilter, PageRequest};
use jobportal_domain::NotificationId;

use super::Outcome;
use crate::composition::{Core, Overrides};
use crate::settings::Settings;

const PAGE_SIZE: u32 = 50;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List mails, newest first; what they say is shown nowhere
    List {
        /// Only those that have come so far
        #[arg(long, value_parser = PossibleValuesParser::new(DeliveryStatus::ALL.iter().map(|status| status.as_str())))]
        status: Option<String>,
        /// Only those of this kind, as it is shown here
        #[arg(long)]
        kind: Option<String>,
        /// Which page
        #[arg(long, default_value_t = 1, value_name = "N")]
        page: u32,
    },
    /// Show one mail, without what it says
    Show {
        /// Its number
        id: i64,
    },
    /// Try mails again, with all attempts before them: one that was given up or waits for its next attempt, or all that were given up
    #[command(visible_alias = "requeue", group = ArgGroup::new("which").required(true))]
    Retry {
        /// The one with this number
        #[arg(group = "which")]
        id: Option<i64>,
        /// All that were given up
        #[arg(long, group = "which")]
        all_dead: bool,
    },
    /// Delete what was sent or given up
    Purge {
        /// And is older than so many days
        #[arg(long, default_value_t = 30, value_name = "DAYS")]
        older_than: u16,
    },
}

pub(super) fn run(settings: Settings, arguments: &Arguments) -> Outcome {
    let core = Core::open(settings, 1, Overrides::default())?;
    let outbox = Outbox::new(core.store, core.clock);
    match &arguments.action {
        Action::List { status, kind, page } => {
            let request = PageRequest::new(*page, PAGE_SIZE).ok_or(Error::INVALID_PAGE)?;
            let status = status.as_deref().and_then(DeliveryStatus::parse);
            let page = outbox.list(&OutboxFilter { status, kind: kind.clone() }, request)?;
            for entry in &page.items {
                println!("{}", line(entry));
            }
            println!("{} of {}", page.items.len(), page.total);
        }
        Action::Show { id } => println!("{}", details(&outbox.find(NotificationId(*id))?)),
        Action::Retry { id: Some(id), .. } => {
            outbox.retry(NotificationId(*id))?;
            println!("1 will be tried again.");
        }
        Action::Retry { id: None, .. } => println!("{} will be tried again.", outbox.retry_all_dead()?),
        Action::Purge { older_than } => {
            let age = TimeDelta::days((*older_than).into());
            let mut deleted = 0;
            loop {
                let count = outbox.purge(age)?;
                deleted += count;
                if count < u64::from(Outbox::PURGE_BATCH) {
                    break;
                }
            }
            println!("{deleted} deleted.");
        }
    }
    Ok(())
}

fn time(time: chrono::DateTime<chrono::Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn what_next(entry: &OutboxEntry) -> String {
    match entry.status {
        DeliveryStatus::Pending if entry.is_claimed => {
            format!("being sent, or tried again after {}", time(entry.next_attempt_at))
        }
        DeliveryStatus::Pending => format!("next try {}", time(entry.next_attempt_at)),
        DeliveryStatus::Sent => entry.sent_at.map_or_else(String::new, |sent| format!("sent {}", time(sent))),
        DeliveryStatus::Dead => "given up".to_owned(),
    }
}

fn line(entry: &OutboxEntry) -> String {
    let error = entry.last_error.as_deref().map(|error| format!(" ({error})")).unwrap_or_default();
    format!(
        "{:>8}  {}  {:<7}  {:<26}  {}  {} tries, {}{error}",
        entry.id.0,
        time(entry.created_at),
        entry.status.as_str(),
        entry.kind,
        entry.recipient,
        entry.attempts,
        what_next(entry),
    )
}

fn details(entry: &OutboxEntry) -> String {
    let error = entry.last_error.as_deref().unwrap_or("none");
    [
        ("mail", entry.id.0.to_string()),
        ("kind", entry.kind.clone()),
        ("priority", entry.priority.as_str().to_owned()),
        ("to", entry.recipient.to_string()),
        ("written", time(entry.created_at)),
        ("status", format!("{}: {}", entry.status.as_str(), what_next(entry))),
        ("tries", entry.attempts.to_string()),
        ("last error", error.to_owned()),
    ]
    .map(|(name, value)| format!("{name:<12}{value}"))
    .join("\n")
}
