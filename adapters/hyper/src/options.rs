//! What a server can be told.

use std::time::Duration;

use anyhost_core::Proxies;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::TokioExecutor;

use crate::limits::Limits;
use crate::shutdown::drain_timeout;

/// See [`Server`](crate::Server), which has a method for each.
pub(crate) struct Options {
    pub(crate) limits: Limits,
    pub(crate) drain_timeout: Duration,
    pub(crate) proxies: Option<Proxies>,
    pub(crate) proxy_protocol: bool,
    pub(crate) health_checks: bool,
    pub(crate) detached: bool,
    pub(crate) http1: Vec<Change<http1::Builder>>,
    pub(crate) http2: Vec<Change<http2::Builder<TokioExecutor>>>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<crate::tls::Tls>,
}

/// What the program changes in one of hyper's builders.
pub(crate) type Change<B> = Box<dyn Fn(&mut B) + Send + Sync>;

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            drain_timeout: drain_timeout(|name| std::env::var_os(name).is_some()),
            proxies: None,
            proxy_protocol: false,
            health_checks: false,
            detached: false,
            http1: Vec::new(),
            http2: Vec::new(),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

impl Options {
    /// Whether listeners can speak TLS.
    pub(crate) fn has_certificate(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        false
    }

    /// Whether requests are handled with no limit of their own, in their connection's task.
    pub(crate) fn is_plain(&self) -> bool {
        self.limits.request.is_none() && !self.detached
    }

    /// HTTP/1 as the limits have it, and then as the program wants it.
    pub(crate) fn http1(&self) -> http1::Builder {
        let mut builder = http1::Builder::new();
        // Ours are cheaper, and know more of what a connection is at: see `watch`.
        builder.header_read_timeout(None);
        builder.max_header_size(self.head_bytes());
        builder.max_buf_size(self.head_bytes().max(MOST_BUFFERED));
        if self.limits.headers != DEFAULT_HEADERS {
            builder.max_headers(self.limits.headers);
        }
        self.http1.iter().for_each(|change| change(&mut builder));
        builder
    }

    /// HTTP/2 likewise.
    pub(crate) fn http2(&self) -> http2::Builder<TokioExecutor> {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.max_header_list_size(u32::try_from(self.head_bytes()).unwrap_or(u32::MAX));
        builder.max_concurrent_streams(self.limits.http2_streams);
        builder.max_pending_accept_reset_streams(self.limits.http2_resets);
        builder.max_send_buf_size(MOST_BUFFERED);
        self.http2.iter().for_each(|change| change(&mut builder));
        builder
    }

    /// hyper wants room for 8 KiB at least.
    fn head_bytes(&self) -> usize {
        self.limits.head_bytes.max(8 * 1024)
    }
}

/// What hyper has room for without an allocation.
const DEFAULT_HEADERS: usize = 100;

/// How much of a reply is held for a client that does not read, and of a request for a handler that
/// does not.
const MOST_BUFFERED: usize = 64 * 1024;
