//! The metrics of a server, through the `metrics` facade.

use http::StatusCode;

#[cfg(feature = "metrics")]
use with_metrics as facade;
#[cfg(not(feature = "metrics"))]
use without_metrics as facade;

pub(crate) use facade::Timer;
use facade::{Counter, Gauge, Histogram, counter, gauge, histogram};

/// The name of the histogram, for the exporter, which needs its buckets.
pub(crate) const REQUEST_DURATION: &str = "anyhost_request_duration_seconds";

/// Handles of all metrics, looked up once per server. [`Server`](crate::Server) documents their names.
pub(crate) struct Metrics {
    connections: Counter,
    open_connections: Gauge,
    connections_timed_out: Counter,
    connections_rejected: Counter,
    requests: [Counter; 6],
    request_duration: Histogram,
    requests_in_flight: Gauge,
    requests_rejected: Counter,
    responses_aborted: Counter,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let status_classes = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];
        Self {
            connections: counter("anyhost_connections_total", None, "Accepted connections."),
            open_connections: gauge("anyhost_connections_open", "Open connections."),
            connections_timed_out: counter(
                "anyhost_connections_timed_out_total",
                None,
                "Connections that a timeout closed.",
            ),
            connections_rejected: counter(
                "anyhost_connections_rejected_total",
                None,
                "Connections that were closed because of an invalid PROXY header, TLS handshake or request, or because \
                 the client had too many connections.",
            ),
            requests: status_classes.map(|class| {
                counter(
                    "anyhost_requests_total",
                    Some(("status", class)),
                    "Requests that have ended, by the class of the status.",
                )
            }),
            request_duration: histogram(
                REQUEST_DURATION,
                "Seconds from the head of a request to the end of its response.",
            ),
            requests_in_flight: gauge("anyhost_requests_in_flight", "Requests in flight."),
            requests_rejected: counter(
                "anyhost_requests_rejected_total",
                None,
                "Requests that were rejected with 503 because too many were in flight.",
            ),
            responses_aborted: counter(
                "anyhost_responses_aborted_total",
                None,
                "Responses that were aborted before their end.",
            ),
        }
    }

    pub(crate) fn connection_opened(&self) {
        self.connections.increment(1);
        self.open_connections.increment(1.0);
    }

    pub(crate) fn connection_closed(&self) {
        self.open_connections.decrement(1.0);
    }

    /// Counts a connection that a timeout of [`Limits`](crate::Limits) closed.
    pub(crate) fn connection_timed_out(&self) {
        self.connections_timed_out.increment(1);
    }

    /// Counts a connection that was closed because of an invalid PROXY header, TLS handshake or HTTP message, or
    /// because the client had too many connections.
    pub(crate) fn connection_rejected(&self) {
        self.connections_rejected.increment(1);
    }

    pub(crate) fn request_started(&self) -> Timer {
        self.requests_in_flight.increment(1.0);
        Timer::start()
    }

    /// Counts a request that has ended. `status` is `None` if the client disconnected before the response. `aborted` is
    /// true if the response was aborted before its end.
    pub(crate) fn request_ended(&self, timer: &Timer, status: Option<StatusCode>, aborted: bool) {
        self.requests_in_flight.decrement(1.0);
        self.request_duration.record(timer.seconds());
        let class = status.map_or(0, |status| usize::from(status.as_u16() / 100));
        if let Some(counter) = self.requests.get(class) {
            counter.increment(1);
        }
        if aborted {
            self.responses_aborted.increment(1);
        }
    }

    /// Counts a request that was rejected with 503 because too many requests were in flight.
    pub(crate) fn request_rejected(&self) {
        self.requests_rejected.increment(1);
    }
}

#[cfg(feature = "metrics")]
mod with_metrics {
    use std::time::Instant;

    pub(super) use metrics::{Counter, Gauge, Histogram};
    use metrics::{Label, SharedString, Unit};

    pub(super) fn counter(
        name: &'static str,
        label: Option<(&'static str, &'static str)>,
        help: &'static str,
    ) -> Counter {
        metrics::describe_counter!(name, SharedString::const_str(help));
        let labels: Vec<Label> = label.iter().map(Label::from).collect();
        metrics::counter!(name, labels)
    }

    pub(super) fn gauge(name: &'static str, help: &'static str) -> Gauge {
        metrics::describe_gauge!(name, SharedString::const_str(help));
        metrics::gauge!(name)
    }

    pub(super) fn histogram(name: &'static str, help: &'static str) -> Histogram {
        metrics::describe_histogram!(name, Unit::Seconds, SharedString::const_str(help));
        metrics::histogram!(name)
    }

    /// Measures the duration of a request.
    pub(crate) struct Timer(Instant);

    impl Timer {
        pub(super) fn start() -> Self {
            Self(Instant::now())
        }

        pub(super) fn seconds(&self) -> f64 {
            self.0.elapsed().as_secs_f64()
        }
    }
}

/// Replaces the facade when the feature `metrics` is off, so that no other code depends on the feature.
#[cfg(not(feature = "metrics"))]
mod without_metrics {
    pub(super) struct Counter;
    pub(super) struct Gauge;
    pub(super) struct Histogram;
    pub(crate) struct Timer;

    impl Counter {
        pub(super) fn increment(&self, _: u64) {}
    }

    impl Gauge {
        pub(super) fn increment(&self, _: f64) {}
        pub(super) fn decrement(&self, _: f64) {}
    }

    impl Histogram {
        pub(super) fn record(&self, _: f64) {}
    }

    impl Timer {
        pub(super) fn start() -> Self {
            Self
        }

        #[allow(clippy::unused_self)]
        pub(super) fn seconds(&self) -> f64 {
            0.0
        }
    }

    pub(super) fn counter(_: &str, _: Option<(&str, &str)>, _: &str) -> Counter {
        Counter
    }

    pub(super) fn gauge(_: &str, _: &str) -> Gauge {
        Gauge
    }

    pub(super) fn histogram(_: &str, _: &str) -> Histogram {
        Histogram
    }
}
