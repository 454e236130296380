//! Limits on what clients can use.

use std::time::Duration;

/// Limits on the time, connections, requests and memory that clients can use. `None` means no limit.
///
/// | preset | promise |
/// |---|---|
/// | [`default`](Self::default) | A well-behaved client never exceeds a limit, however slow or busy it is. |
/// | [`strict`](Self::strict) | Every limit is on. For servers on the open internet with short requests. |
/// | [`unlimited`](Self::unlimited) | Every limit that can be off is off. For servers that only a proxy with its own limits can reach. |
///
/// Start from a preset and change single limits:
///
/// ```
/// use std::time::Duration;
/// use anyhost_hyper::Limits;
///
/// let mut limits = Limits::strict();
/// limits.request_timeout = Some(Duration::from_secs(300));
/// ```
///
/// The timeouts of connections are checked once a second, so they are accurate to one second.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The time from accepting a connection to the end of its first request head. This time includes a PROXY header, a
    /// TLS handshake and the HTTP/2 preface. The same timeout applies to each later head, from the first byte of the
    /// head.
    ///
    /// Default and strict: 30 s. Affects browsers, which open connections in advance; they reconnect.
    pub head_timeout: Option<Duration>,

    /// The time for a TLS handshake.
    ///
    /// Default and strict: 10 s. Affects clients on links with round trips of seconds.
    pub tls_handshake_timeout: Option<Duration>,

    /// The time that a connection stays open without a request, from the end of its last response.
    ///
    /// Default: 75 s, strict: 15 s. Affects clients with long-lived connections; they reconnect. If a proxy in
    /// front of the server keeps connections, its own idle timeout must be shorter. Otherwise the proxy
    /// sometimes sends a request on a connection that the server is closing.
    pub idle_timeout: Option<Duration>,

    /// The minimum average rate of a request body in bytes per second, measured while the handler waits for the
    /// body, after ten seconds of grace. A slower body ends with 408.
    ///
    /// Default: none, strict: 500. Affects uploads over very bad links, and bodies that the client produces
    /// while it sends them.
    pub min_body_rate: Option<u32>,

    /// The time that a client can leave a response unread before its connection is closed. A single HTTP/2
    /// stream without flow-control window is only limited by [`request_timeout`](Self::request_timeout).
    ///
    /// Default: none, strict: 30 s. Affects clients that pause, such as media players with a full buffer, and
    /// clients that read less than 2 KB a second.
    pub write_stall_timeout: Option<Duration>,

    /// The time from a request's head to the end of its response. If the handler has not returned a response by then,
    /// the handler is dropped and the client gets a 504. A response in progress is aborted, and two seconds later its
    /// connection is closed if the response still holds it. Handlers see the end of this time as
    /// [`Context::deadline`](anyhost_core::Context::deadline). Server-sent events ([`Sse`](anyhost_core::sse::Sse)) end one
    /// second earlier with a complete response, and the client connects again. WebSockets are not limited.
    ///
    /// Default: none, strict: 60 s. Affects long polls, large downloads and event streams.
    pub request_timeout: Option<Duration>,

    /// The number of connections that are served at a time. Further connections wait, one accepted and the rest
    /// in the listener's queue, until a connection closes.
    ///
    /// Default: none, strict: 10,000. Affects new clients while other clients hold all connections.
    pub max_connections: Option<usize>,

    /// The number of requests in flight. Further requests are rejected at once with 503 and `Retry-After: 1`.
    ///
    /// Default: none, strict: 1,000. Affects clients of handlers that wait for a long time.
    pub max_requests_in_flight: Option<usize>,

    /// The number of headers of a request; a request with more headers is rejected with 431. For HTTP/2, only the size
    /// of the headers is limited.
    ///
    /// All presets: 100. Affects clients behind many proxies that each add headers.
    pub max_headers: usize,

    /// The size in bytes of a request head, including the request target; a larger head is rejected with 431. For
    /// HTTP/2, the limit applies to the header list, which counts 32 extra bytes per header (RFC 9113 §6.5.2). The
    /// minimum is 8 KiB.
    ///
    /// Default and unlimited: 64 KiB, strict: 16 KiB. Affects clients with very large cookies.
    pub max_head_bytes: usize,

    /// The number of requests in flight on an HTTP/2 connection. The client knows the number and lets further
    /// requests wait (RFC 9113 §5.1.2).
    ///
    /// Default and strict: 100, unlimited: 1,000.
    pub max_http2_streams: u32,

    /// The number of HTTP/2 streams that a client can reset before the server has accepted them. If the client resets
    /// more streams, the connection is closed, as a defence against the rapid reset attack (CVE-2023-44487).
    ///
    /// All presets: 20. Affects clients that cancel many requests at once; they reconnect.
    pub max_http2_resets: usize,
}

impl Limits {
    /// Every limit is on.
    pub fn strict() -> Self {
        Self {
            idle_timeout: Some(Duration::from_secs(15)),
            min_body_rate: Some(500),
            write_stall_timeout: Some(Duration::from_secs(30)),
            request_timeout: Some(Duration::from_secs(60)),
            max_connections: Some(10_000),
            max_requests_in_flight: Some(1_000),
            max_head_bytes: 16 * 1024,
            ..Self::default()
        }
    }

    /// Every limit is off, except those that bound the memory of one connection.
    pub fn unlimited() -> Self {
        Self {
            head_timeout: None,
            tls_handshake_timeout: None,
            idle_timeout: None,
            max_http2_streams: 1_000,
            ..Self::default()
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_timeout: Some(Duration::from_secs(30)),
            tls_handshake_timeout: Some(Duration::from_secs(10)),
            idle_timeout: Some(Duration::from_secs(75)),
            min_body_rate: None,
            write_stall_timeout: None,
            request_timeout: None,
            max_connections: None,
            max_requests_in_flight: None,
            max_headers: 100,
            max_head_bytes: 64 * 1024,
            max_http2_streams: 100,
            max_http2_resets: 20,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns, for each limit that can be off, whether the limit is on.
    fn limits_on(limits: &Limits) -> [bool; 8] {
        [
            limits.head_timeout.is_some(),
            limits.tls_handshake_timeout.is_some(),
            limits.idle_timeout.is_some(),
            limits.min_body_rate.is_some(),
            limits.write_stall_timeout.is_some(),
            limits.request_timeout.is_some(),
            limits.max_connections.is_some(),
            limits.max_requests_in_flight.is_some(),
        ]
    }

    #[test]
    fn the_preset_strict_turns_every_limit_on_and_the_preset_unlimited_turns_every_limit_off() {
        assert_eq!(limits_on(&Limits::strict()), [true; 8]);
        assert_eq!(limits_on(&Limits::unlimited()), [false; 8]);
        // A well-behaved client may send slowly, read slowly, wait long, and open many connections.
        let default = limits_on(&Limits::default());
        assert_eq!(
            default,
            [true, true, true, false, false, false, false, false]
        );
    }
}
