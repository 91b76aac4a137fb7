use std::collections::HashMap;

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use tracing::{Metadata, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::settings::{SettingsError, TelemetrySettings};

/// Sends traces to a collector. What waits when this is dropped is sent then.
pub(crate) struct Telemetry {
    provider: SdkTracerProvider,
}

impl Telemetry {
    /// `None`: the settings name no collector.
    pub(crate) fn start(settings: &TelemetrySettings) -> Result<Option<Self>, SettingsError> {
        let Some(endpoint) = &settings.otlp_endpoint else { return Ok(None) };
        let invalid = |problem| SettingsError::Invalid { name: "telemetry.otlp_endpoint".to_owned(), problem };
        if !endpoint.starts_with("http://") {
            return Err(invalid(format!("expected http://HOST:PORT of a collector that is near, found `{endpoint}`")));
        }
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .build()
            .map_err(|error| invalid(error.to_string()))?;
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sample)));
        let provider = SdkTracerProvider::builder()
            .with_resource(Resource::builder().with_service_name("jobportal").build())
            .with_sampler(sampler)
            .with_batch_exporter(exporter)
            .build();
        Ok(Some(Self { provider }))
    }

    pub(crate) fn tracer(&self) -> SdkTracer {
        self.provider.tracer("jobportal")
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::warn!(%error, "some traces were not sent");
        }
    }
}

/// Whether something is part of a trace: requests, and what is done for them; not what the log tells of it.
pub(crate) fn is_traced(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && matches!(metadata.target(), "jobportal::security" | "jobportal::traces")
}

/// Makes a request part of the trace that a proxy has begun (W3C Trace Context).
pub(crate) fn adopt(span: &Span, traceparent: &str) {
    let header = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    // It fails for a span that is not traced.
    let _ = span.set_parent(TraceContextPropagator::new().extract(&header));
}
