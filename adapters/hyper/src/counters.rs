//! What happens on a server, as counters.

use http::StatusCode;

#[cfg(feature = "metrics")]
use metrics::{Counter, Gauge, counter, gauge};
#[cfg(not(feature = "metrics"))]
use nothing::{Counter, Gauge, counter, gauge};

/// The handles of all counters, looked up once; [`Server`](crate::Server) has the list.
pub(crate) struct Counters {
    connections: Counter,
    open: Gauge,
    expired: Counter,
    requests: [Counter; 6],
    in_flight: Gauge,
    shed: Counter,
    cut: Counter,
}

impl Counters {
    pub(crate) fn new() -> Self {
        let statuses = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];
        Self {
            connections: counter!("anyhost_connections_total"),
            open: gauge!("anyhost_connections"),
            expired: counter!("anyhost_connections_expired_total"),
            requests: statuses.map(|status| counter!("anyhost_requests_total", "status" => status)),
            in_flight: gauge!("anyhost_requests_in_flight"),
            shed: counter!("anyhost_requests_shed_total"),
            cut: counter!("anyhost_replies_cut_total"),
        }
    }

    pub(crate) fn opened(&self) {
        self.connections.increment(1);
        self.open.increment(1.0);
    }

    pub(crate) fn closed(&self) {
        self.open.decrement(1.0);
    }

    /// A time limit ended a connection.
    pub(crate) fn expired(&self) {
        self.expired.increment(1);
    }

    pub(crate) fn begun(&self) {
        self.in_flight.increment(1.0);
    }

    /// A request is over: its status, if there was a reply, and whether that did not go out whole.
    pub(crate) fn ended(&self, status: Option<StatusCode>, cut: bool) {
        self.in_flight.decrement(1.0);
        let class = status.map_or(0, |status| usize::from(status.as_u16() / 100));
        if let Some(counter) = self.requests.get(class) {
            counter.increment(1);
        }
        if cut {
            self.cut.increment(1);
        }
    }

    /// There were too many requests for this one.
    pub(crate) fn shed(&self) {
        self.shed.increment(1);
    }
}

/// What stands for the facade where it is left out.
#[cfg(not(feature = "metrics"))]
mod nothing {
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
            $crate::counters::nothing::Counter
        }};
    }
    macro_rules! gauge {
        ($name:literal) => {
            $crate::counters::nothing::Gauge
        };
    }
    pub(super) use {counter, gauge};
}
