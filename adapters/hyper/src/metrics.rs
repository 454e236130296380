//! Counters and gauges of a server, through the `metrics` facade.

use http::StatusCode;

#[cfg(feature = "metrics")]
use metrics::{Counter, Gauge, counter, gauge};
#[cfg(not(feature = "metrics"))]
use without_metrics::{Counter, Gauge, counter, gauge};

/// Handles of all metrics, looked up once per server. [`Server`](crate::Server) documents their names.
pub(crate) struct Metrics {
    connections: Counter,
    open_connections: Gauge,
    connections_timed_out: Counter,
    connections_rejected: Counter,
    requests: [Counter; 6],
    requests_in_flight: Gauge,
    requests_rejected: Counter,
    responses_aborted: Counter,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let status_classes = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];
        Self {
            connections: counter!("anyhost_connections_total"),
            open_connections: gauge!("anyhost_connections"),
            connections_timed_out: counter!("anyhost_connections_timed_out_total"),
            connections_rejected: counter!("anyhost_connections_rejected_total"),
            requests: status_classes
                .map(|class| counter!("anyhost_requests_total", "status" => class)),
            requests_in_flight: gauge!("anyhost_requests_in_flight"),
            requests_rejected: counter!("anyhost_requests_rejected_total"),
            responses_aborted: counter!("anyhost_responses_aborted_total"),
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

    pub(crate) fn request_started(&self) {
        self.requests_in_flight.increment(1.0);
    }

    /// Counts a request that has ended. `status` is `None` if the client disconnected before the response. `aborted` is
    /// true if the response was not sent to its end.
    pub(crate) fn request_ended(&self, status: Option<StatusCode>, aborted: bool) {
        self.requests_in_flight.decrement(1.0);
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

/// Replaces the facade when the feature `metrics` is off, so that no other code depends on the feature.
#[cfg(not(feature = "metrics"))]
mod without_metrics {
    pub(super) struct Counter;
    pub(super) struct Gauge;

    impl Counter {
        pub(super) fn increment(&self, _: u64) {}
    }

    impl Gauge {
        pub(super) fn increment(&self, _: f64) {}
        pub(super) fn decrement(&self, _: f64) {}
    }

    macro_rules! counter {
        ($name:literal $(, $label:literal => $value:expr)?) => {{
            $(let _ = $value;)?
            $crate::metrics::without_metrics::Counter
        }};
    }
    macro_rules! gauge {
        ($name:literal) => {
            $crate::metrics::without_metrics::Gauge
        };
    }
    pub(super) use {counter, gauge};
}
