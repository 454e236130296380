//! Forwarded addresses: which proxies are trusted, and by which header.

use std::net::Ipv6Addr;

use super::{echo, exchange, start};

fn forwarded(headers: &str) -> Vec<u8> {
    format!("GET /echo HTTP/1.1\r\nHost: inner\r\nConnection: close\r\n{headers}\r\n").into_bytes()
}

const X: &str = "X-Forwarded-For: 1.1.1.1, 203.0.113.9\r\nX-Forwarded-Proto: https\r\n\
                 X-Forwarded-Host: a.example\r\n";
const STANDARD: &str =
    "Forwarded: for=1.1.1.1;proto=gopher, for=203.0.113.9;proto=https;host=a.example\r\n";

#[tokio::test]
async fn forwarding_headers_are_ignored_without_trusted_proxies() {
    let (_probe, address) = start(&[]).await;
    for headers in [X, STANDARD, "X-Real-IP: 1.1.1.1\r\nX-Forwarded-Ssl: on\r\n"] {
        let received = echo(address, &forwarded(headers)).await;
        let origin = (
            &received["peer"],
            &received["scheme"],
            &received["authority"],
        );
        assert_eq!(
            origin,
            (&"127.0.0.1".into(), &"http".into(), &"inner".into()),
            "{headers}"
        );
    }
}

#[tokio::test]
async fn trusted_proxy_sets_peer_scheme_and_host_name_with_the_selected_header_only() {
    let trusted = ("ANYHOST_HTTP_PROXIES", "loopback");
    let standard = ("ANYHOST_HTTP_FORWARDED", "1");
    for (vars, selected, other) in [
        (&[trusted][..], X, STANDARD),
        (&[trusted, standard], STANDARD, X),
    ] {
        let (_probe, address) = start(vars).await;
        let received = echo(address, &forwarded(selected)).await;
        let origin = (
            &received["peer"],
            &received["scheme"],
            &received["authority"],
        );
        assert_eq!(
            origin,
            (&"203.0.113.9".into(), &"https".into(), &"a.example".into())
        );
        let received = echo(address, &forwarded(other)).await;
        assert_eq!(received["peer"], "127.0.0.1");
    }
}

#[tokio::test]
async fn forwarding_headers_from_a_peer_outside_the_trusted_networks_are_ignored() {
    let (_probe, address) = start(&[("ANYHOST_HTTP_PROXIES", "10.0.0.0/8, unix")]).await;
    assert_eq!(echo(address, &forwarded(X)).await["peer"], "127.0.0.1");
}

#[tokio::test]
async fn with_two_trusted_proxies_the_peer_is_the_second_x_forwarded_for_address_from_the_right() {
    let (_probe, address) = start(&[("ANYHOST_HTTP_PROXIES", "2")]).await;
    assert_eq!(echo(address, &forwarded(X)).await["peer"], "1.1.1.1");
}

#[tokio::test]
async fn invalid_x_forwarded_host_from_a_trusted_proxy_is_rejected_with_400() {
    let (_probe, address) = start(&[("ANYHOST_HTTP_PROXIES", "loopback")]).await;
    for host in ["a/b", "u@a", "a?b", "a:99999", "a b", "[::1"] {
        let headers = format!("X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Host: {host}\r\n");
        let response = exchange(address, &forwarded(&headers)).await;
        assert!(
            response.starts_with("HTTP/1.1 400 "),
            "{host:?}: {response}"
        );
    }
}

#[tokio::test]
async fn proxy_protocol_header_sets_the_peer_if_the_proxy_protocol_is_enabled() {
    let (_probe, address) = start(&[("ANYHOST_HTTP_PROXY_PROTOCOL", "1")]).await;
    let request = forwarded("");
    let version_1 = b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 80\r\n";
    let received = echo(address, &[&version_1[..], &request].concat()).await;
    assert_eq!(received["peer"], "203.0.113.9");

    let mut version_2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24".to_vec();
    for address in ["2001:db8::1", "2001:db8::2"] {
        version_2.extend(address.parse::<Ipv6Addr>().unwrap().octets());
    }
    version_2.extend([0x12, 0x67, 0, 80]);
    let received = echo(address, &[&version_2[..], &request].concat()).await;
    assert_eq!(received["peer"], "2001:db8::1");

    let local = [&b"PROXY UNKNOWN\r\n"[..], &request].concat();
    assert_eq!(echo(address, &local).await["peer"], "127.0.0.1");
}

/// Without the header, the client has bypassed the load balancer and its peer address would be wrong.
#[tokio::test]
async fn connection_without_a_valid_proxy_protocol_header_is_closed_and_logged_if_the_proxy_protocol_is_enabled()
 {
    let (mut probe, address) = start(&[("ANYHOST_HTTP_PROXY_PROTOCOL", "1")]).await;
    assert_eq!(exchange(address, &forwarded("")).await, "");
    assert_eq!(exchange(address, b"PROXY TCP4 nonsense\r\n").await, "");
    let line = probe.log_line("connection rejected").await;
    assert!(line.contains("peer=127.0.0.1 error="), "{line}");
}

#[tokio::test]
async fn proxy_protocol_header_is_rejected_with_400_unless_the_proxy_protocol_is_enabled() {
    let (_probe, address) = start(&[]).await;
    let request = [
        &b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 80\r\n"[..],
        &forwarded(""),
    ]
    .concat();
    let response = exchange(address, &request).await;
    assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
}
