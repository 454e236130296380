//! Serves `/metrics` for Prometheus at a separate address.
//!
//! The address is separate from that of the application, because metrics show attackers the load and the errors of a
//! server.

use std::io;
use std::sync::{Arc, OnceLock};

use anyhost_core::{Error, Handler, Request, Response, Result, send};
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::task::JoinSet;

use crate::connection::{Permits, accept};
use crate::listen::{Address, bind};
use crate::metrics::REQUEST_DURATION;
use crate::settings::{Config, Limits, ServerOptions};
use crate::shutdown::AbortOnDrop;
use crate::state::{ServerState, Shared};
use crate::timeouts;

/// The upper limits of the buckets of the request duration in seconds. These are the defaults of the client libraries of
/// Prometheus.
const BUCKETS: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// The text format of Prometheus.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// The server of `/metrics`, which ends when this value is dropped.
pub(crate) struct Endpoint {
    _abort: AbortOnDrop,
    _server: Arc<MetricsServer>,
    _listening: JoinSet<()>,
}

struct MetricsServer {
    shared: Arc<Shared>,
    metrics: PrometheusHandle,
}

/// Starts to serve `/metrics` if there is an address.
///
/// # Errors
/// When the address cannot be bound, a thread cannot be created, or the application has set another recorder.
pub(crate) async fn serve(address: Option<&Address>) -> io::Result<Option<Endpoint>> {
    let Some(address) = address else {
        return Ok(None);
    };
    let metrics = install()?;
    let listener = bind(address).await.map_err(|error| {
        let message = format!("cannot bind {address} for metrics: {error}");
        io::Error::new(error.kind(), message)
    })?;
    tracing::info!("serving metrics on {}", listener.url(false));
    let state = Arc::<ServerState>::default();
    let handler = Arc::new(Scrape(metrics.clone()));
    // The requests to this server do not count as requests to the application.
    let shared = metrics::with_local_recorder(&metrics::NoopRecorder, || {
        Shared::new(handler, config(), state.clone())
    });
    let server = Arc::new(MetricsServer {
        shared: Arc::new(shared),
        metrics,
    });
    timeouts::start(Arc::downgrade(&server), MetricsServer::every_second)?;
    let permits = Permits::new(server.shared.config.options.limits.max_connections);
    let mut listening = JoinSet::new();
    listening.spawn(accept(listener, server.shared.clone(), permits));
    Ok(Some(Endpoint {
        _abort: AbortOnDrop(state),
        _server: server,
        _listening: listening,
    }))
}

/// Installs the recorder, once in a process.
fn install() -> io::Result<PrometheusHandle> {
    static INSTALLED: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    let installed = INSTALLED.get_or_init(|| {
        let duration = Matcher::Full(REQUEST_DURATION.to_owned());
        let builder = PrometheusBuilder::new().set_buckets_for_metric(duration, &BUCKETS);
        let recorder = builder.ok()?.build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).ok()?;
        Some(handle)
    });
    installed.clone().ok_or_else(|| {
        io::Error::other(
            "cannot serve metrics: the program has installed another recorder of the crate `metrics`",
        )
    })
}

fn config() -> Config {
    let limits = Limits {
        max_connections: Some(100),
        ..Limits::default()
    };
    Config {
        options: ServerOptions {
            limits,
            ..ServerOptions::default()
        },
        // No access log: a line for every scrape would hide the requests to the application.
        access_log: Some(Box::new(|_| {})),
        ..Config::default()
    }
}

impl MetricsServer {
    fn every_second(&self) {
        let limits = &self.shared.config.options.limits;
        self.shared.state.connections.check(limits);
        // Without this call, the values of histograms would use more and more memory until the next scrape.
        self.metrics.run_upkeep();
    }
}

struct Scrape(PrometheusHandle);

#[anyhost_core::async_trait]
impl Handler for Scrape {
    async fn handle(&self, request: Request) -> Result<Response> {
        if request.uri().path() != "/metrics" {
            return Err(Error::new(
                StatusCode::NOT_FOUND,
                "Not found: expected /metrics",
            ));
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let error = Error::from_status(StatusCode::METHOD_NOT_ALLOWED);
            return Err(error.with_header(ALLOW, HeaderValue::from_static("GET, HEAD")));
        }
        let mut response = send(StatusCode::OK, self.0.render())?;
        response.headers_mut().insert(CONTENT_TYPE, TEXT);
        Ok(response)
    }
}
