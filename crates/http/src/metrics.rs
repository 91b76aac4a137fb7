//! What is counted of requests. A request costs some atomic additions: what it is counted by is looked up when the routes are made.

use std::time::Instant;

use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use jobportal_application::{Action, Error, RatePolicy};
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use crate::error::ApiError;

/// Upper bounds of durations, in seconds.
pub(crate) const SECONDS: [f64; 12] = [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// The classes of statuses, by their first digit.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// What stands in the place of a route for requests that have none, so that there are no more series than routes.
const UNMATCHED: &str = "unmatched";

/// What stands in the place of a method that a route does not take.
const OTHER_METHOD: &str = "other";

/// What is counted of requests.
pub struct Metrics {
    requests: IntCounterVec,
    durations: HistogramVec,
    in_flight: IntGauge,
    limited: IntCounterVec,
    sign_ins: IntCounterVec,
    /// Counts requests that no route answers.
    pub(crate) unmatched: RouteMetrics,
    /// Answers that were there already.
    pub(crate) kept: IntCounter,
    /// Answers that had to be made.
    pub(crate) made: IntCounter,
}

impl Metrics {
    /// Counts from zero, and is read by `registry`.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counters.clone()))?;
            prometheus::Result::Ok(counters)
        };
        let buckets = HistogramOpts::new("jobportal_http_request_duration_seconds", "Time to answer a request.");
        let durations = HistogramVec::new(buckets.buckets(SECONDS.to_vec()), &["method", "route"])?;
        let in_flight = IntGauge::new("jobportal_http_requests_in_flight", "Requests that are being answered.")?;
        registry.register(Box::new(durations.clone()))?;
        registry.register(Box::new(in_flight.clone()))?;
        let responses = counters(
            "jobportal_response_cache_requests_total",
            "Answers that are the same for all, by whether they were kept ready (hit) or had to be made (miss).",
            &["result"],
        )?;
        let sign_ins = counters("jobportal_sign_ins_total", "Tries to sign in, by what came of them.", &["outcome"])?;
        for outcome in ["succeeded", "refused", "limited", "failed"] {
            sign_ins.with_label_values(&[outcome]);
        }
        let requests = counters(
            "jobportal_http_requests_total",
            "Requests by the class of their answer; closed: the client went before there was one.",
            &["method", "route", "status"],
        )?;
        let unmatched = RouteMetrics::new(&requests, &durations, &in_flight, OTHER_METHOD, UNMATCHED);
        Ok(Self {
            requests,
            unmatched,
            durations,
            in_flight,
            limited: counters("jobportal_limited_requests_total", "Requests refused with 429, by limit.", &["limit"])?,
            sign_ins,
            kept: responses.with_label_values(&["hit"]),
            made: responses.with_label_values(&["miss"]),
        })
    }

    /// What counts the requests of a route by one of its methods; `None`: by all others.
    pub(crate) fn route(&self, method: Option<&str>, route: &str) -> RouteMetrics {
        let method = method.unwrap_or(OTHER_METHOD);
        RouteMetrics::new(&self.requests, &self.durations, &self.in_flight, method, route)
    }

    /// Counts what matters to security in an answer.
    pub(crate) fn note(&self, action: Option<Action>, response: &ServiceResponse) {
        let status = response.status();
        if status == StatusCode::TOO_MANY_REQUESTS
            && let Some(policy) = limit(response)
        {
            self.limited.with_label_values(&[policy.name]).inc();
        }
        if action == Some(Action::SignIn) {
            let outcome = match status.as_u16() {
                ..400 => "succeeded",
                429 => "limited",
                400..500 => "refused",
                _ => "failed",
            };
            self.sign_ins.with_label_values(&[outcome]).inc();
        }
    }
}

/// The limit that refused a request.
fn limit(response: &ServiceResponse) -> Option<&RatePolicy> {
    match response.response().error()?.as_error::<ApiError>()? {
        ApiError::UseCase(Error::LimitReached { policy, .. }) => Some(policy),
        _ => None,
    }
}

/// What counts the requests of one route by one method.
pub(crate) struct RouteMetrics {
    by_class: [IntCounter; CLASSES.len()],
    closed: IntCounter,
    duration: Histogram,
    in_flight: IntGauge,
}

impl RouteMetrics {
    fn new(
        requests: &IntCounterVec,
        durations: &HistogramVec,
        in_flight: &IntGauge,
        method: &str,
        route: &str,
    ) -> Self {
        let count = |status| requests.with_label_values(&[method, route, status]);
        Self {
            by_class: CLASSES.map(count),
            closed: count("closed"),
            duration: durations.with_label_values(&[method, route]),
            in_flight: in_flight.clone(),
        }
    }

    /// Counts a request that begins.
    pub(crate) fn begin(&self) -> Timed<'_> {
        self.in_flight.inc();
        Timed { metrics: self, started_at: Instant::now(), status: None }
    }
}

/// A request that is being answered; dropped before it was, its client has gone.
#[must_use]
pub(crate) struct Timed<'m> {
    metrics: &'m RouteMetrics,
    started_at: Instant,
    status: Option<StatusCode>,
}

impl Timed<'_> {
    /// Counts the answer.
    pub(crate) fn answered(mut self, status: StatusCode) {
        self.status = Some(status);
    }
}

impl Drop for Timed<'_> {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
        let Some(status) = self.status else { return self.metrics.closed.inc() };
        let class = usize::from(status.as_u16() / 100).checked_sub(1);
        if let Some(count) = class.and_then(|class| self.metrics.by_class.get(class)) {
            count.inc();
        }
        self.metrics.duration.observe(self.started_at.elapsed().as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use prometheus::TextEncoder;

    use super::*;

    #[test]
    fn a_request_is_counted_by_its_class_and_one_whose_client_went_as_closed() {
        let registry = Registry::new();
        let metrics = Metrics::new(&registry).unwrap();
        let route = metrics.route(Some("GET"), "/job/{id}");
        for status in [StatusCode::OK, StatusCode::NOT_MODIFIED, StatusCode::SERVICE_UNAVAILABLE] {
            route.begin().answered(status);
        }
        drop(route.begin());
        let _running = metrics.unmatched.begin();
        let text = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        let count =
            |class: &str| format!("jobportal_http_requests_total{{method=\"GET\",route=\"/job/{{id}}\",{class}");
        for expected in [
            count("status=\"2xx\"} 1"),
            count("status=\"3xx\"} 1"),
            count("status=\"4xx\"} 0"),
            count("status=\"5xx\"} 1"),
            count("status=\"closed\"} 1"),
            "jobportal_http_request_duration_seconds_count{method=\"GET\",route=\"/job/{id}\"} 3".to_owned(),
            "jobportal_http_requests_in_flight 1".to_owned(),
        ] {
            assert!(text.contains(&expected), "{expected} is not in {text}");
        }
    }
}
