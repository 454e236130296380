#![no_main]
//! `X-Forwarded-…`, `Forwarded`, and the addresses in them. The first line is a list of proxies, the second line
//! is the peer's address, and the other lines are headers. The body is the part of a header that the client sent
//! before a proxy appended to it.

use std::net::IpAddr;

use anyhost_core::Proxies;
use anyhost_core::adapter::forwarded::parse_ip;
use anyhost_fuzz::Message;
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;

const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9));
const PROXY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

fuzz_target!(|input: &[u8]| {
    let message = Message::parse(input);
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let proxies = text(message.start).parse::<Proxies>();
    let peer = message.lines.first().and_then(|line| parse_ip(&text(line)));
    let headers = message.headers();
    if let Some(peer) = peer {
        assert_eq!(peer, peer.to_canonical());
        assert_eq!(parse_ip(&peer.to_string()), Some(peer));
        assert_eq!(
            parse_ip(&std::net::SocketAddr::new(peer, 80).to_string()),
            Some(peer)
        );
    }
    if let Ok(proxies) = proxies {
        for proxies in [
            proxies.clone(),
            proxies.clone().with_hops(2),
            proxies.with_standard_header(),
        ] {
            proxies.origin(peer, &headers);
        }
    }
    // No proxy is trusted, so the headers are ignored.
    for proxies in [Proxies::default(), Proxies::hops(0)] {
        let origin = proxies.origin(peer, &headers);
        assert_eq!(
            (origin.peer, origin.scheme, origin.host),
            (peer, None, None)
        );
    }
    client_cannot_forge(message.body);
});

/// The entries that the proxies appended are used, whatever the client sent.
fn client_cannot_forge(sent: &[u8]) {
    let mut list = sent.to_vec();
    list.extend_from_slice(b", 203.0.113.9");
    let Ok(list) = HeaderValue::from_bytes(&list) else {
        return;
    };
    let mut headers = HeaderMap::new();
    headers.insert("x-forwarded-for", list);
    headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
    let network: Proxies = "10.0.0.0/8".parse().unwrap();
    for proxies in [Proxies::hops(1), network.clone()] {
        let origin = proxies.origin(Some(PROXY), &headers);
        assert_eq!(origin.peer, Some(CLIENT));
        assert_eq!(origin.scheme, Some(http::uri::Scheme::HTTPS));
    }
    let mut list = sent.to_vec();
    list.extend_from_slice(b",for=203.0.113.9;proto=https;host=\"a,b\", for=10.0.0.2");
    let Ok(list) = HeaderValue::from_bytes(&list) else {
        return;
    };
    let mut headers = HeaderMap::new();
    headers.insert("forwarded", list);
    for proxies in [Proxies::hops(2), network] {
        let origin = proxies.with_standard_header().origin(Some(PROXY), &headers);
        assert_eq!(origin.peer, Some(CLIENT));
        assert_eq!(origin.host, Some(HeaderValue::from_static("a,b")));
    }
}
