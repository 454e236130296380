//! The access log: one record per request.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhost_core::Context;
use http::uri::PathAndQuery;
use http::{Method, StatusCode};

/// The target of the events, for filters such as `RUST_LOG=info,anyhost::access=off`.
const TARGET: &str = "anyhost::access";

/// The maximum lengths of the method and the path in bytes. Longer values are truncated, because a log cuts off the end
/// of a long line. A client could otherwise use a long path to hide the fields after the path.
const MAX_METHOD: usize = 32;
const MAX_PATH: usize = 2048;

/// A request that has ended, for [`Server::with_access_log`](crate::Server::with_access_log).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessRecord<'a> {
    /// The method, truncated after 32 bytes.
    pub method: Cow<'a, str>,
    /// The path without the query, because a query can contain secrets; truncated after 2,048 bytes. `*` if the target
    /// is not a path.
    pub path: Cow<'a, str>,
    /// The status of the response; `None` if the client disconnected before the response.
    pub status: Option<StatusCode>,
    /// The number of bytes of the response body that were sent.
    pub bytes: u64,
    /// The time from the head of the request to the end of the response.
    pub duration: Duration,
    /// The address of the client.
    pub peer: Option<IpAddr>,
    /// The request id, which the client can choose.
    pub request_id: Option<&'a str>,
    /// The route that matched, such as `/users/{id}`; see [`Context::route`].
    pub route: Option<Arc<str>>,
    /// Whether the response was aborted before its end.
    pub aborted: bool,
}

impl AccessRecord<'_> {
    /// Logs the record as an event. [`Server`](crate::Server) documents its fields.
    fn log(&self) {
        let ms = self.duration.as_secs_f64() * 1000.0;
        tracing::info!(
            target: TARGET,
            method = %self.method,
            path = &*self.path,
            status = self.status.map(|status| status.as_u16()),
            bytes = self.bytes,
            ms = %format_args!("{ms:.3}"),
            peer = self.peer.map(tracing::field::display),
            request_id = self.request_id,
            route = self.route.as_deref(),
            aborted = self.aborted.then_some(true),
        );
    }
}

/// A function of the application that gets the records instead of `tracing`.
pub(crate) type AccessLog = Box<dyn Fn(&AccessRecord<'_>) + Send + Sync>;

/// The values of a request that are kept until its access record is written.
#[derive(Debug)]
pub(super) struct Started {
    method: Method,
    target: Option<PathAndQuery>,
    at: Instant,
    pub(super) bytes: u64,
}

impl Started {
    /// Returns `None` if the access log is off, so that no clock is read and no memory is allocated.
    pub(super) fn new<B>(request: &http::Request<B>, log: Option<&AccessLog>) -> Option<Box<Self>> {
        if log.is_none() && !tracing::enabled!(target: TARGET, tracing::Level::INFO) {
            return None;
        }
        Some(Box::new(Self {
            method: request.method().clone(),
            target: request.uri().path_and_query().cloned(),
            at: Instant::now(),
            bytes: 0,
        }))
    }

    pub(super) fn log(
        &self,
        status: Option<StatusCode>,
        aborted: bool,
        context: &Context,
        request_id: Option<&str>,
        log: Option<&AccessLog>,
    ) {
        let path = self.target.as_ref().map_or("*", PathAndQuery::path);
        let record = AccessRecord {
            method: cut(self.method.as_str(), MAX_METHOD),
            path: cut(path, MAX_PATH),
            status,
            bytes: self.bytes,
            duration: self.at.elapsed(),
            peer: context.peer(),
            request_id,
            route: context.route(),
            aborted,
        };
        match log {
            Some(log) => log(&record),
            None => record.log(),
        }
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
