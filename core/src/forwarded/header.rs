//! What proxies write about the hop before them, from the nearest proxy's word to the farthest.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::header::{FORWARDED, HeaderName, HeaderValue};
use http::uri::Scheme;

/// What one proxy says of whoever connected to it.
#[derive(Default)]
pub(super) struct Hop {
    pub(super) address: Option<IpAddr>,
    pub(super) scheme: Option<Scheme>,
    pub(super) host: Option<HeaderValue>,
}

/// `X-Forwarded-For`, with the scheme and host that stand as far from the right in their own lists.
pub(super) fn x_forwarded(headers: &HeaderMap) -> impl Iterator<Item = Hop> {
    let list = |name: &'static str| members(headers, HeaderName::from_static(name), b"");
    let mut schemes = list("x-forwarded-proto");
    let mut hosts = list("x-forwarded-host");
    list("x-forwarded-for").map(move |address| Hop {
        address: ip(address),
        scheme: schemes.next().and_then(scheme),
        host: hosts.next().and_then(host),
    })
}

/// `Forwarded` (RFC 7239 §4): one element for each proxy.
pub(super) fn forwarded(headers: &HeaderMap) -> impl Iterator<Item = Hop> {
    members(headers, FORWARDED, b"\"").map(|element| {
        let mut hop = Hop::default();
        for pair in split(element, b';', b"\"") {
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            let value = unquoted(value.trim());
            match name.trim().to_ascii_lowercase().as_str() {
                "for" => hop.address = ip(&value),
                "proto" => hop.scheme = scheme(&value),
                "host" => hop.host = host(&value),
                _ => {}
            }
        }
        hop
    })
}

/// The members of a header that is a list, from the last line's last to the first line's first. A line
/// that is no text says nothing, and nor does what stands before it.
fn members<'a>(
    headers: &'a HeaderMap,
    name: HeaderName,
    quotes: &'static [u8],
) -> impl Iterator<Item = &'a str> + use<'a> {
    let lines: Vec<_> = headers.get_all(name).iter().collect();
    let texts = lines.into_iter().rev().map_while(|line| line.to_str().ok());
    texts.flat_map(move |line| {
        let mut members: Vec<_> = split(line, b',', quotes).collect();
        members.reverse();
        members
    })
}

/// The parts between separators that stand outside of quotes (RFC 9110 §5.6.4). An open quote hides
/// all separators up to the end: whoever left it open has swallowed the rest, and not invented more.
fn split<'a>(text: &'a str, separator: u8, quotes: &'static [u8]) -> impl Iterator<Item = &'a str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c: char| {
        let is_quote = u8::try_from(c).is_ok_and(|b| quotes.contains(&b));
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            _ if is_quote => quoted = !quoted,
            _ => return !quoted && c == char::from(separator),
        }
        false
    })
    .map(str::trim)
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

/// An address, with or without a port, in brackets or not: proxies write all of these.
fn ip(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse::<IpAddr>();
    let address = address.or_else(|_| text.parse().map(|address: SocketAddr| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

fn scheme(text: &str) -> Option<Scheme> {
    match text {
        _ if text.eq_ignore_ascii_case("https") => Some(Scheme::HTTPS),
        _ if text.eq_ignore_ascii_case("http") => Some(Scheme::HTTP),
        _ => None,
    }
}

fn host(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(text)
        .ok()
        .filter(|host| !host.is_empty())
}
