//! Parses the forwarding headers, from the entry of the nearest proxy to the entry of the farthest.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::header::{FORWARDED, HeaderName, HeaderValue};
use http::uri::Scheme;

/// The values that one proxy wrote about its client.
#[derive(Default)]
pub(super) struct Hop {
    pub(super) address: Option<IpAddr>,
    pub(super) scheme: Option<Scheme>,
    pub(super) host: Option<HeaderValue>,
}

/// `X-Forwarded-For`, with the scheme and host from the same position, counted from the right.
pub(super) fn x_forwarded(headers: &HeaderMap) -> impl Iterator<Item = Hop> {
    let list = |name: &'static str| members(headers, HeaderName::from_static(name));
    let mut schemes = list("x-forwarded-proto");
    let mut hosts = list("x-forwarded-host");
    let mut addresses = list("x-forwarded-for");
    // An entry can have a scheme and no address: some proxies send the address only in `X-Real-IP`.
    std::iter::from_fn(
        move || match (addresses.next(), schemes.next(), hosts.next()) {
            (None, None, None) => None,
            (address, scheme, host) => Some(Hop {
                address: address.and_then(text).and_then(parse_ip),
                scheme: scheme.and_then(text).and_then(parse_scheme),
                host: host.and_then(text).and_then(parse_host),
            }),
        },
    )
}

/// `Forwarded` (RFC 7239 §4): one element for each proxy.
pub(super) fn forwarded(headers: &HeaderMap) -> impl Iterator<Item = Hop> {
    members(headers, FORWARDED).map(|element| {
        let mut hop = Hop::default();
        for pair in from_right(element, b';').filter_map(text) {
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            let value = unquoted(value.trim());
            match name.trim().to_ascii_lowercase().as_str() {
                "for" => hop.address = parse_ip(&value),
                "proto" => hop.scheme = parse_scheme(&value),
                "host" => hop.host = parse_host(&value),
                _ => {}
            }
        }
        hop
    })
}

/// The members of a list header, in reverse order, over all its lines. Empty members are ignored (RFC 9110
/// §5.6.1.2).
fn members(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &[u8]> {
    let lines: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    lines
        .into_iter()
        .rev()
        .flat_map(|line| from_right(line, b','))
        .filter(|member| !member.is_empty())
}

/// Splits a list at the separators outside of quotes (RFC 9110 §5.6.4), and returns the parts in reverse order.
///
/// The client wrote the left end of the list. Because the list is read from the right, an invalid byte or an
/// unbalanced quote from the client cannot hide the entries that trusted proxies appended.
fn from_right(list: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(list);
    std::iter::from_fn(move || {
        let list = rest?;
        let mut quoted = false;
        let mut split = None;
        for (index, &b) in list.iter().enumerate().rev() {
            match b {
                b'"' if !is_escaped(&list[..index]) => quoted = !quoted,
                _ if b == separator && !quoted => {
                    split = Some(index);
                    break;
                }
                _ => {}
            }
        }
        rest = split.map(|index| &list[..index]);
        Some(split.map_or(list, |index| &list[index + 1..]).trim_ascii())
    })
}

/// Whether the byte after `before` is escaped, which means that `before` ends with an odd number of backslashes.
fn is_escaped(before: &[u8]) -> bool {
    let backslashes = before.iter().rev().take_while(|&&b| b == b'\\').count();
    backslashes % 2 == 1
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn unquoted(value: &str) -> String {
    match value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        Some(inner) => inner.replace('\\', ""),
        None => value.to_owned(),
    }
}

/// Parses an IP address with or without a port, with or without brackets, because proxies write all of these forms.
/// An IPv4-mapped IPv6 address becomes IPv4.
///
/// ```
/// use anyhost_core::adapter::forwarded::parse_ip;
///
/// assert_eq!(parse_ip("192.0.2.1:47011"), Some([192, 0, 2, 1].into()));
/// assert_eq!(parse_ip("[2001:db8::1]"), "2001:db8::1".parse().ok());
/// assert_eq!(parse_ip("unknown"), None);
/// ```
pub fn parse_ip(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse::<IpAddr>();
    let address = address.or_else(|_| text.parse().map(|address: SocketAddr| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

fn parse_scheme(text: &str) -> Option<Scheme> {
    match text {
        // For a WebSocket handshake, some proxies send the scheme of the WebSocket URL.
        _ if text.eq_ignore_ascii_case("https") || text.eq_ignore_ascii_case("wss") => {
            Some(Scheme::HTTPS)
        }
        _ if text.eq_ignore_ascii_case("http") || text.eq_ignore_ascii_case("ws") => {
            Some(Scheme::HTTP)
        }
        _ => None,
    }
}

fn parse_host(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(text)
        .ok()
        .filter(|host| !host.is_empty())
}
