//! What one client may cost.

use std::time::Duration;

/// What a client may take of a server before it is refused or let go; `None` is no limit.
///
/// | preset | promise |
/// |---|---|
/// | [`default`](Self::default) | no client that behaves can trip over it, however slow or busy it is |
/// | [`strict`](Self::strict) | every limit is on; made for the open internet and short requests |
/// | [`unlimited`](Self::unlimited) | none is on that can be off; for servers that only a proxy with limits can reach |
///
/// Start from one and change what you want otherwise:
///
/// ```
/// use std::time::Duration;
/// use anyhost_hyper::Limits;
///
/// let mut limits = Limits::strict();
/// limits.request = Some(Duration::from_secs(300));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// How long a client may take from its connection to the end of its first request's head, whatever else
    /// it has to send before: a PROXY header, a TLS handshake, HTTP/2's preface. And the same for each later
    /// head, from its first byte. It is told within a second, like all that concern a connection.
    ///
    /// Default and strict: 30 s. Hurts clients that connect long before they ask, such as browsers that
    /// connect ahead; they connect anew.
    pub head: Option<Duration>,

    /// How long a TLS handshake may take.
    ///
    /// Default and strict: 10 s. Hurts clients behind links with round trips of seconds.
    pub tls_handshake: Option<Duration>,

    /// How long a connection may stay open with no request on it, from the end of the last.
    ///
    /// Default: 75 s, strict: 15 s. Hurts clients that keep connections for later; they connect anew. A
    /// proxy in front that keeps connections has to let go of them sooner than this, or now and then one
    /// of its requests meets the end.
    pub idle: Option<Duration>,

    /// How many bytes of a request's body must come each second, on average, while the handler waits for
    /// them, with ten seconds to spare. A body that is slower is a 408.
    ///
    /// Default: none, strict: 500. Hurts uploads over very bad links, and bodies that are streamed as
    /// things happen.
    pub body_rate: Option<u32>,

    /// How long a client may leave a reply unread before its connection is cut. A single HTTP/2 stream without
    /// room is told by [`request`](Self::request) only.
    ///
    /// Default: none, strict: 30 s. Hurts clients that pause, such as players that have read ahead enough, and
    /// those that read less than 2 KB a second.
    pub write_stall: Option<Duration>,

    /// How long a request may take from its head to the end of its reply. A handler that has not replied
    /// by then is dropped and its reply is a 504; a reply that has begun is cut, and two seconds later its
    /// connection, if that is what holds it.
    ///
    /// Default: none, strict: 60 s. Hurts long polls, large downloads and event streams.
    pub request: Option<Duration>,

    /// How many connections may be served. Further ones wait, one of them accepted and the others in the
    /// listener's queue, until one ends.
    ///
    /// Default: none, strict: 10,000. Hurts whoever comes while others hold them all.
    pub connections: Option<usize>,

    /// How many requests may be in flight. Further ones get a 503 with `Retry-After: 1` at once.
    ///
    /// Default: none, strict: 1,000. Hurts clients of handlers that wait long.
    pub requests: Option<usize>,

    /// How many headers a request may have; more are a 431. In HTTP/2 only their size counts.
    ///
    /// Everywhere: 100. Hurts clients behind many proxies that each add some.
    pub headers: usize,

    /// How many bytes a request's head may have, its target included; more are a 431. In HTTP/2 it is the
    /// size of the header list, each with 32 bytes on top (RFC 9113 §6.5.2).
    ///
    /// Default and unlimited: 64 KiB, strict: 16 KiB. Hurts clients with huge cookies. At least 8 KiB.
    pub head_bytes: usize,

    /// How many requests an HTTP/2 connection may have at a time; further ones wait, as the protocol has it
    /// (RFC 9113 §5.1.2).
    ///
    /// Default and strict: 100, unlimited: 1,000. Hurts none: clients are told.
    pub http2_streams: u32,

    /// How many requests an HTTP/2 client may cancel that the server has not got to yet; at more, its
    /// connection is closed (rapid reset, CVE-2023-44487).
    ///
    /// Everywhere: 20. Hurts clients that cancel in bursts; they connect anew.
    pub http2_resets: usize,
}

impl Limits {
    /// Every limit is on.
    pub fn strict() -> Self {
        Self {
            idle: Some(Duration::from_secs(15)),
            body_rate: Some(500),
            write_stall: Some(Duration::from_secs(30)),
            request: Some(Duration::from_secs(60)),
            connections: Some(10_000),
            requests: Some(1_000),
            head_bytes: 16 * 1024,
            ..Self::default()
        }
    }

    /// None is on but those on which memory depends.
    pub fn unlimited() -> Self {
        Self {
            head: None,
            tls_handshake: None,
            idle: None,
            http2_streams: 1_000,
            ..Self::default()
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Some(Duration::from_secs(30)),
            tls_handshake: Some(Duration::from_secs(10)),
            idle: Some(Duration::from_secs(75)),
            body_rate: None,
            write_stall: None,
            request: None,
            connections: None,
            requests: None,
            headers: 100,
            head_bytes: 64 * 1024,
            http2_streams: 100,
            http2_resets: 20,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those that can be off, as whether they are on.
    fn switches(limits: &Limits) -> [bool; 8] {
        [
            limits.head.is_some(),
            limits.tls_handshake.is_some(),
            limits.idle.is_some(),
            limits.body_rate.is_some(),
            limits.write_stall.is_some(),
            limits.request.is_some(),
            limits.connections.is_some(),
            limits.requests.is_some(),
        ]
    }

    #[test]
    fn the_presets_keep_their_promises() {
        assert_eq!(switches(&Limits::strict()), [true; 8]);
        assert_eq!(switches(&Limits::unlimited()), [false; 8]);
        // What a client that behaves may do: read slowly, send slowly, wait long, come in numbers.
        let default = switches(&Limits::default());
        assert_eq!(
            default,
            [true, true, true, false, false, false, false, false]
        );
    }
}
