use std::net::SocketAddr;

use clap::Args;

use super::Outcome;
use crate::application::Application;
use crate::settings::{Profile, Settings, without_secrets};

#[derive(Args, Default)]
pub(super) struct Arguments {
    /// Address and port to listen on, in place of the setting server.listen
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// Leave mail and periodic tasks to `jobportal worker`
    #[arg(long)]
    no_worker: bool,
}

pub(super) fn run(mut settings: Settings, arguments: Arguments) -> Outcome {
    if let Some(listen) = arguments.listen {
        settings.server.listen = listen;
    }
    settings.worker.enabled &= !arguments.no_worker;
    let application = Application::build(settings.clone())?;
    actix_web::rt::System::new().block_on(async {
        application.shutdown().on_signal()?;
        println!("{}", welcome(&settings, application.address(), application.metrics_address()));
        application.run().await
    })?;
    Ok(())
}

/// What to do next, for whoever started it by hand.
fn welcome(settings: &Settings, address: SocketAddr, metrics: Option<SocketAddr>) -> String {
    let program = std::env::args().next().unwrap_or_else(|| "jobportal".to_owned());
    let mail = if settings.worker.enabled {
        without_secrets(settings.mail.url.expose())
    } else {
        "wait for `jobportal worker`".to_owned()
    };
    let scheme = if settings.server.tls_cert.is_some() { "https" } else { "http" };
    let mut lines = vec![
        format!("The job portal is ready: {scheme}://{address}/"),
        format!("  documentation  {scheme}://{address}/docs/"),
        format!("  database       {}", without_secrets(settings.database.url.expose())),
        format!("  mails          {mail}"),
    ];
    lines.extend(metrics.map(|address| format!("  metrics        http://{address}/metrics")));
    if settings.profile == Profile::Development {
        lines.push(format!(
            "  make an admin  {program} createsuperuser --email you@example.com --contract-number 01700000000"
        ));
        lines.push(format!("  add some data  {program} seed"));
    }
    lines.push("  stop it        Ctrl-C".to_owned());
    lines.join("\n")
}
