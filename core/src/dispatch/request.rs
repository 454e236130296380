//! The one form in which handlers see a request.

use http::header::{HOST, HeaderValue, UPGRADE};
use http::uri::PathAndQuery;
use http::{Method, StatusCode, Uri, Version};

use crate::context::Context;
use crate::error::{Error, bad_request};
use crate::target::target;
use crate::{Request, Result};

/// What the reply and the log need of a request after the handler took it.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) method: Method,
    pub(super) context: Context,
    /// Whether the client asked for another protocol, on a host that can switch.
    pub(super) upgrade: bool,
    target: Option<PathAndQuery>,
}

impl Seen {
    pub(super) fn new(request: &mut Request) -> Self {
        let context = request.extensions().get::<Context>().cloned();
        let context = context.unwrap_or_else(|| {
            // Whatever the handler asks of it has to go to the same one.
            let context = Context::default();
            request.extensions_mut().insert(context.clone());
            context
        });
        Self {
            method: request.method().clone(),
            context,
            upgrade: false,
            target: request.uri().path_and_query().cloned(),
        }
    }

    pub(super) fn path(&self) -> &str {
        self.target.as_ref().map_or("/", PathAndQuery::path)
    }
}

/// Brings a request into its one form, or says why it is refused.
pub(super) fn admit(request: &mut Request, seen: &mut Seen) -> Result<()> {
    let hop_by_hop = look_at_headers(request, &seen.context)?;
    if request.uri().authority().is_some() {
        to_origin_form(request)?;
    }
    if !is_ascii(request.uri()) {
        let (path, query) = (request.uri().path(), request.uri().query());
        *request.uri_mut() = target(path.as_bytes(), query.map(str::as_bytes))?.into();
    }
    let path = request.uri().path();
    let whole_server = path == "*" && request.method() == Method::OPTIONS;
    if !path.starts_with('/') && !whole_server {
        return Err(bad_request("Invalid request target"));
    }
    if hop_by_hop {
        remove_hop_by_hop(request, seen);
    }
    Ok(())
}

/// One pass over all headers, which nearly always need nothing done: whether one of them is hop-by-hop.
///
/// # Errors
/// 400 unless there is at most one Host, and a valid one (RFC 9112 §3.2).
fn look_at_headers(request: &Request, context: &Context) -> Result<bool> {
    let (mut hosts, mut hop_by_hop) = (0, false);
    for (name, value) in request.headers() {
        match name.as_str() {
            "host" if !is_host(value.as_bytes()) => return Err(bad_request("Invalid Host header")),
            "host" => hosts += 1,
            "x-request-id" => context.keep_request_id(value.as_bytes()),
            name => hop_by_hop |= HOP_BY_HOP.contains(&name),
        }
    }
    if hosts > 1 {
        return Err(bad_request("Invalid Host header"));
    }
    Ok(hop_by_hop)
}

fn is_ascii(uri: &Uri) -> bool {
    uri.path_and_query()
        .is_none_or(|target| target.as_str().is_ascii())
}

/// RFC 9112 §3.2.2: the authority of an absolute target replaces the Host header. HTTP/2 sends its
/// authority this way.
fn to_origin_form(request: &mut Request) -> Result<()> {
    if request.method() == Method::CONNECT {
        // RFC 9110 §15.6.2: not for this path or that, but not at all.
        return Err(Error::from_status(StatusCode::NOT_IMPLEMENTED));
    }
    let uri = std::mem::take(request.uri_mut()).into_parts();
    if let Some(authority) = uri.authority {
        if !is_host(authority.as_str().as_bytes()) {
            return Err(bad_request("Invalid request target"));
        }
        let host = HeaderValue::from_str(authority.as_str())?;
        request.headers_mut().insert(HOST, host);
    }
    if let Some(path_and_query) = uri.path_and_query {
        let target = match path_and_query.as_str() {
            // `http://host?query` has an empty path, which is sent as a slash.
            query if query.starts_with('?') => format!("/{query}").parse()?,
            _ => path_and_query,
        };
        *request.uri_mut() = target.into();
    }
    Ok(())
}

/// RFC 9110 §7.2 and RFC 3986 §3.2.2: a host with an optional port, and nothing that would turn it
/// into another address when it is pasted into a URL (`user@`, `/path`, `?query`). An empty one is
/// what HTTP/1.1 sends for a target without an authority.
pub(crate) fn is_host(host: &[u8]) -> bool {
    let name = host.iter().take_while(|&&b| is_name_byte(b)).count();
    let port = match host.split_at(name) {
        (_, []) => return true,
        (b"", [b'[', literal @ ..]) => match literal.iter().position(|&b| b == b']') {
            Some(end) if is_ip_literal(&literal[..end]) => &literal[end + 1..],
            _ => return false,
        },
        (b"", _) => return false,
        (_, port) => port,
    };
    match port {
        [] => true,
        [b':', port @ ..] => is_port(port),
        _ => false,
    }
}

fn is_ip_literal(literal: &[u8]) -> bool {
    std::str::from_utf8(literal).is_ok_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok())
}

fn is_port(port: &[u8]) -> bool {
    let number = port.iter().try_fold(0u32, |number, b| match b {
        b'0'..=b'9' => Some(number * 10 + u32::from(b - b'0')).filter(|number| *number <= 65_535),
        _ => None,
    });
    number.is_some()
}

/// `reg-name`: unreserved, percent-encoded and sub-delims.
fn is_name_byte(b: u8) -> bool {
    const NAME: [bool; 256] = {
        let mut name = [false; 256];
        let mut b = 0;
        while b < name.len() {
            name[b] = matches!(b as u8, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z')
                || matches!(
                    b as u8,
                    b'-' | b'.' | b'_' | b'~' | b'%' | b'!' | b'$' | b'&' | b'\''
                )
                || matches!(b as u8, b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=');
            b += 1;
        }
        name
    };
    NAME[usize::from(b)]
}

/// These speak of the connection that the host has dealt with (RFC 9110 §7.6.1).
pub(crate) const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "te",
    "upgrade",
    "http2-settings",
    "expect",
];

/// An upgrade keeps its own headers where the host can carry it out, and HTTP/2 keeps its TE.
fn remove_hop_by_hop(request: &mut Request, seen: &mut Seen) {
    let asked = request.headers().contains_key(UPGRADE);
    // RFC 9110 §7.8: HTTP/1.0 cannot ask.
    let http11 = request.version() == Version::HTTP_11;
    seen.upgrade = asked && http11 && seen.context.host().carries_upgrades();
    let h2 = request.version() == Version::HTTP_2;
    for name in HOP_BY_HOP {
        let kept = match name {
            "connection" | "upgrade" => seen.upgrade,
            "te" => h2,
            _ => false,
        };
        if !kept {
            request.headers_mut().remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_name_a_place_are_admitted() {
        for host in [
            "",
            "a",
            "example.com",
            "example.com:8080",
            "127.0.0.1:80",
            "[::1]",
            "[::1]:3000",
            "a_b",
            "x:",
        ] {
            assert!(is_host(host.as_bytes()), "{host:?}");
        }
    }

    #[test]
    fn hosts_that_smuggle_something_are_refused() {
        for host in [
            "a.com/foo?",
            "user@a.com",
            "a:99999",
            "a:b",
            "a:1:2",
            "[x",
            "[::1",
            "[::1]x",
            "[]",
            ":80",
            "a b",
            "a\\b",
            "a#b",
            "a,b/",
            "é",
            "a:-1",
            "a:+1",
            "::1",
        ] {
            assert!(!is_host(host.as_bytes()), "{host:?}");
        }
    }
}
