//! The one form in which handlers see a request.

use http::header::{CONNECTION, HOST, HeaderName, HeaderValue, TE, UPGRADE};
use http::{Method, StatusCode, Uri, Version};

use crate::context::Context;
use crate::error::Error;
use crate::request::bad_request;
use crate::target::target;
use crate::{Request, Result};

/// What the reply and the log need of a request after the handler took it.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) method: Method,
    pub(super) context: Context,
    /// Whether the client asked for another protocol, on a host that can switch.
    pub(super) upgrade: bool,
    uri: Uri,
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
            uri: request.uri().clone(),
        }
    }

    pub(super) fn path(&self) -> &str {
        self.uri.path()
    }
}

/// Brings a request into its one form, or says why it is refused.
pub(super) fn admit(request: &mut Request, seen: &mut Seen) -> Result<()> {
    check_host(request)?;
    if request.uri().authority().is_some() {
        to_origin_form(request)?;
        check_host(request)?;
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
    remove_hop_by_hop(request, seen);
    Ok(())
}

/// RFC 9112 §3.2: one Host, and a valid one.
fn check_host(request: &Request) -> Result<()> {
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => Ok(()),
        (Some(host), None) if is_host(host.as_bytes()) => Ok(()),
        _ => Err(bad_request("Invalid Host header")),
    }
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
fn is_host(host: &[u8]) -> bool {
    let (name, rest) = match host.strip_prefix(b"[") {
        Some(literal) => match literal.iter().position(|&b| b == b']') {
            Some(end) if is_ip_literal(&literal[..end]) => (&b"literal"[..], &literal[end + 1..]),
            _ => return false,
        },
        None => host.split_at(host.iter().position(|&b| b == b':').unwrap_or(host.len())),
    };
    let port = match rest {
        [] => true,
        [b':', port @ ..] => is_port(port),
        _ => false,
    };
    port && (!name.is_empty() || host.is_empty()) && name.iter().all(|&b| is_name_byte(b))
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
    b.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&b)
}

/// These speak of the connection that the host has dealt with. An upgrade keeps its own where the
/// host can carry it out.
fn remove_hop_by_hop(request: &mut Request, seen: &mut Seen) {
    let mut found = [const { None::<HeaderName> }; 8];
    let mut count = 0;
    for name in request.headers().keys() {
        let hop = matches!(
            name.as_str(),
            "connection"
                | "keep-alive"
                | "proxy-connection"
                | "transfer-encoding"
                | "te"
                | "upgrade"
                | "http2-settings"
                | "expect"
        );
        if hop && count < found.len() {
            found[count] = Some(name.clone());
            count += 1;
        }
    }
    if count == 0 {
        return;
    }
    let asked = request.headers().contains_key(UPGRADE);
    // RFC 9110 §7.8: HTTP/1.0 cannot ask.
    let http11 = request.version() == Version::HTTP_11;
    seen.upgrade = asked && http11 && seen.context.host().carries_upgrades();
    let h2 = request.version() == Version::HTTP_2;
    for name in found.into_iter().flatten() {
        let kept = (seen.upgrade && (name == CONNECTION || name == UPGRADE)) || (h2 && name == TE);
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
