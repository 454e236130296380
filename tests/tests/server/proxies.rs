//! Behind proxies: what is believed of a client, and what not.

use super::{echo, raw, started};

fn forwarded(headers: &str) -> Vec<u8> {
    format!("GET /echo HTTP/1.1\r\nHost: inner\r\nConnection: close\r\n{headers}\r\n").into_bytes()
}

const X: &str = "X-Forwarded-For: 1.1.1.1, 203.0.113.9\r\nX-Forwarded-Proto: https\r\n\
                 X-Forwarded-Host: a.example\r\n";
const STANDARD: &str =
    "Forwarded: for=1.1.1.1;proto=gopher, for=203.0.113.9;proto=https;host=a.example\r\n";

#[tokio::test]
async fn nothing_is_believed_if_no_proxy_is_named() {
    let (_probe, address) = started(&[]).await;
    for headers in [X, STANDARD, "X-Real-IP: 1.1.1.1\r\nX-Forwarded-Ssl: on\r\n"] {
        let seen = echo(address, &forwarded(headers)).await;
        let facts = (&seen["peer"], &seen["scheme"], &seen["authority"]);
        assert_eq!(
            facts,
            (&"127.0.0.1".into(), &"http".into(), &"inner".into()),
            "{headers}"
        );
    }
}

#[tokio::test]
async fn a_proxy_that_is_named_is_believed_by_the_header_that_is_named() {
    let named = ("ANYHOST_HTTP_PROXIES", "loopback");
    let standard = ("ANYHOST_HTTP_FORWARDED", "1");
    for (vars, believed, other) in [
        (&[named][..], X, STANDARD),
        (&[named, standard], STANDARD, X),
    ] {
        let (_probe, address) = started(vars).await;
        let seen = echo(address, &forwarded(believed)).await;
        let facts = (&seen["peer"], &seen["scheme"], &seen["authority"]);
        assert_eq!(
            facts,
            (&"203.0.113.9".into(), &"https".into(), &"a.example".into())
        );
        let seen = echo(address, &forwarded(other)).await;
        assert_eq!(seen["peer"], "127.0.0.1");
    }
}

#[tokio::test]
async fn a_proxy_elsewhere_is_not_believed() {
    let (_probe, address) = started(&[("ANYHOST_HTTP_PROXIES", "10.0.0.0/8, unix")]).await;
    assert_eq!(echo(address, &forwarded(X)).await["peer"], "127.0.0.1");
}

#[tokio::test]
async fn hops_are_counted() {
    let (_probe, address) = started(&[("ANYHOST_HTTP_PROXIES", "2")]).await;
    assert_eq!(echo(address, &forwarded(X)).await["peer"], "1.1.1.1");
}

#[tokio::test]
async fn a_hostile_host_is_a_400_whoever_sent_it() {
    let (_probe, address) = started(&[("ANYHOST_HTTP_PROXIES", "loopback")]).await;
    for host in ["a/b", "u@a", "a?b", "a:99999", "a b", "[::1"] {
        for headers in [
            format!("X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Host: {host}\r\n"),
            format!("Host: {host}\r\n"),
        ] {
            let reply = raw(address, &forwarded(&headers)).await;
            assert!(reply.starts_with("HTTP/1.1 400 "), "{headers:?}: {reply}");
        }
        let only = format!("GET /echo HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let reply = raw(address, only.as_bytes()).await;
        assert!(reply.starts_with("HTTP/1.1 400 "), "{host:?}: {reply}");
    }
}

#[tokio::test]
async fn a_proxy_header_tells_the_client_by_option() {
    let (_probe, address) = started(&[("ANYHOST_HTTP_PROXY_PROTOCOL", "1")]).await;
    let request = forwarded("");
    let first = [
        &b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 80\r\n"[..],
        &request,
    ]
    .concat();
    assert_eq!(echo(address, &first).await["peer"], "203.0.113.9");
    let mut second = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24".to_vec();
    second.extend(
        "2001:db8::1"
            .parse::<std::net::Ipv6Addr>()
            .unwrap()
            .octets(),
    );
    second.extend(
        "2001:db8::2"
            .parse::<std::net::Ipv6Addr>()
            .unwrap()
            .octets(),
    );
    second.extend([0x12, 0x67, 0, 80]);
    second.extend(&request);
    assert_eq!(echo(address, &second).await["peer"], "2001:db8::1");
    let local = [&b"PROXY UNKNOWN\r\n"[..], &request].concat();
    assert_eq!(echo(address, &local).await["peer"], "127.0.0.1");

    // Whoever got around the balancer is not served.
    assert_eq!(raw(address, &request).await, "");
    assert_eq!(raw(address, b"PROXY TCP4 nonsense\r\n").await, "");
}

#[tokio::test]
async fn a_proxy_header_is_an_attack_if_nobody_asked_for_it() {
    let (_probe, address) = started(&[]).await;
    let request = [
        &b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 80\r\n"[..],
        &forwarded(""),
    ]
    .concat();
    let reply = raw(address, &request).await;
    assert!(reply.starts_with("HTTP/1.1 400 "), "{reply}");
}
