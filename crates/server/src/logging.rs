use std::any::Any;
use std::io::IsTerminal;

use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use crate::settings::{LogFormat, Settings, SettingsError};
use crate::telemetry::{Telemetry, is_traced};

/// Sends events of all libraries to standard error, and panics with them; and traces to a collector, where there is one.
pub(crate) fn start(settings: &Settings) -> Result<Option<Telemetry>, SettingsError> {
    let telemetry = Telemetry::start(&settings.telemetry)?;
    let filter = EnvFilter::try_new(&settings.log.filter)
        .map_err(|error| SettingsError::Invalid { name: "log.filter".to_owned(), problem: error.to_string() })?;
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match settings.log.format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // It fails where a subscriber is there already: an application that embeds this one has its own.
    let _ = match &telemetry {
        None => Registry::default().with(lines).with(filter).try_init(),
        Some(telemetry) => {
            let traces = tracing_opentelemetry::layer().with_tracer(telemetry.tracer()).with_location(false);
            Registry::default()
                .with(lines.with_filter(filter))
                .with(traces.with_filter(filter_fn(is_traced)))
                .try_init()
        }
    };
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string);
        tracing::error!(location, message = text(panic.payload()), "panicked");
    }));
    Ok(telemetry)
}

fn text(payload: &(dyn Any + Send)) -> &str {
    let owned = payload.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

/// An error with everything that led to it, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    text
}
