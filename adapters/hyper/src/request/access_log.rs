//! The access log: one event per request.

use std::borrow::Cow;
use std::time::Instant;

use anyhost_core::Context;
use http::uri::PathAndQuery;
use http::{Method, StatusCode};

/// The target of the events, for filters such as `RUST_LOG=info,anyhost::access=off`.
const TARGET: &str = "anyhost::access";

/// The maximum lengths of the method and the path in bytes. Longer values are truncated, because a log cuts off the end
/// of a long line. A client could otherwise use a long path to hide the fields after the path.
const MAX_METHOD: usize = 32;
const MAX_PATH: usize = 2048;

/// The values of a request that the access log needs.
#[derive(Debug)]
pub(super) struct AccessRecord {
    method: Method,
    target: Option<PathAndQuery>,
    started: Instant,
    pub(super) bytes: u64,
}

impl AccessRecord {
    /// Returns `None` if the access log is off, so that no clock is read and no memory is allocated.
    pub(super) fn new<B>(request: &http::Request<B>) -> Option<Box<Self>> {
        if !tracing::enabled!(target: TARGET, tracing::Level::INFO) {
            return None;
        }
        Some(Box::new(Self {
            method: request.method().clone(),
            target: request.uri().path_and_query().cloned(),
            started: Instant::now(),
            bytes: 0,
        }))
    }

    /// Logs the request. The query is left out because it can contain secrets.
    pub(super) fn log(&self, status: Option<StatusCode>, aborted: bool, context: &Context) {
        let peer = context.peer().map(tracing::field::display);
        let path = self.target.as_ref().map_or("*", PathAndQuery::path);
        let ms = self.started.elapsed().as_secs_f64() * 1000.0;
        tracing::info!(
            target: TARGET,
            method = %cut(self.method.as_str(), MAX_METHOD),
            path = &*cut(path, MAX_PATH),
            status = status.map(|status| status.as_u16()),
            bytes = self.bytes,
            ms = %format_args!("{ms:.3}"),
            peer,
            request_id = context.request_id(),
            aborted = aborted.then_some(true),
        );
    }
}

fn cut(text: &str, length: usize) -> Cow<'_, str> {
    if text.len() <= length {
        return text.into();
    }
    let mut ends = (0..=length).rev();
    let end = ends.find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    format!("{}…", &text[..end]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_truncated_between_characters() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "abc…");
        assert_eq!(cut("abéd", 3), "ab…");
    }
}
