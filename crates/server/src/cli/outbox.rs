use chrono::SecondsFormat;
use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use jobportal_application::{DeliveryStatus, Error, Outbox, OutboxEntry, PageRequest, Requeue};
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
    /// List mails, newest first
    List {
        /// Only those that have come so far
        #[arg(long)]
        status: Option<Status>,
        /// Which page
        #[arg(long, default_value_t = 1, value_name = "N")]
        page: u32,
    },
    /// Try mails again that were given up
    #[command(group = ArgGroup::new("which").required(true))]
    Requeue {
        /// The one with this number
        #[arg(group = "which")]
        id: Option<i64>,
        /// All of them
        #[arg(long, group = "which")]
        all_dead: bool,
    },
    /// Delete what was sent more than 30 days ago
    Purge,
}

#[derive(Clone, Copy, ValueEnum)]
enum Status {
    Pending,
    Sent,
    Dead,
}

impl From<Status> for DeliveryStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Pending => Self::Pending,
            Status::Sent => Self::Sent,
            Status::Dead => Self::Dead,
        }
    }
}

pub(super) fn run(settings: Settings, arguments: &Arguments) -> Outcome {
    let core = Core::open(settings, 1, Overrides::default())?;
    let outbox = Outbox::new(core.store, core.clock);
    match arguments.action {
        Action::List { status, page } => {
            let request = PageRequest::new(page, PAGE_SIZE).ok_or(Error::INVALID_PAGE)?;
            let page = outbox.list(status.map(DeliveryStatus::from), request)?;
            for entry in &page.items {
                println!("{}", line(entry));
            }
            println!("{} of {}", page.items.len(), page.total);
        }
        Action::Requeue { id, .. } => {
            let which = id.map_or(Requeue::AllDead, |id| Requeue::One(NotificationId(id)));
            println!("{} will be tried again.", outbox.requeue(which)?);
        }
        Action::Purge => println!("{} deleted.", outbox.purge()?),
    }
    Ok(())
}

fn line(entry: &OutboxEntry) -> String {
    let time = |time: chrono::DateTime<chrono::Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    let what_next = match entry.status {
        DeliveryStatus::Pending => format!("next try {}", time(entry.next_attempt_at)),
        DeliveryStatus::Sent => entry.sent_at.map_or_else(String::new, |sent| format!("sent {}", time(sent))),
        DeliveryStatus::Dead => "given up".to_owned(),
    };
    let error = entry.last_error.as_deref().map(|error| format!(" ({error})")).unwrap_or_default();
    format!(
        "{:>8}  {}  {:<7}  {:<26}  {}  {} tries, {what_next}{error}",
        entry.id.0,
        time(entry.created_at),
        entry.status.as_str(),
        entry.kind,
        entry.recipient,
        entry.attempts,
    )
}
