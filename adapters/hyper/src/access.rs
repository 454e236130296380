//! One line of the log for each request.

use std::time::Instant;

use anyhost_core::Context;
use http::uri::PathAndQuery;
use http::{Method, StatusCode};

/// The target of these lines, for filters: `RUST_LOG=info,anyhost::access=off`.
const TARGET: &str = "anyhost::access";

/// What the line says of a request that is not over.
#[derive(Debug)]
pub(crate) struct Record {
    method: Method,
    target: Option<PathAndQuery>,
    begun: Instant,
    pub(crate) bytes: u64,
    pub(crate) cut: bool,
}

impl Record {
    /// A record, if anybody wants to read it.
    pub(crate) fn of<B>(request: &http::Request<B>) -> Option<Box<Self>> {
        if !tracing::enabled!(target: TARGET, tracing::Level::INFO) {
            return None;
        }
        Some(Box::new(Self {
            method: request.method().clone(),
            target: request.uri().path_and_query().cloned(),
            begun: Instant::now(),
            bytes: 0,
            cut: false,
        }))
    }

    /// Writes the line. A query is left out: people put secrets there.
    pub(crate) fn write(&self, status: Option<StatusCode>, context: &Context) {
        let peer = context.peer().map(tracing::field::display);
        let ms = self.begun.elapsed().as_secs_f64() * 1000.0;
        tracing::info!(
            target: TARGET,
            method = %self.method,
            path = self.target.as_ref().map_or("*", PathAndQuery::path),
            status = status.map(|status| status.as_u16()),
            bytes = self.bytes,
            ms = %format_args!("{ms:.3}"),
            peer,
            request_id = context.request_id(),
            cut = self.cut.then_some(true),
        );
    }
}
