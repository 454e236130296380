//! Trusted proxies, and clients that forge forwarding headers.

use super::*;

const PROXY: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)));

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

fn client(proxies: &str, lines: &[(&'static str, &str)]) -> String {
    let proxies: Proxies = proxies.parse().unwrap();
    proxies
        .origin(PROXY, &headers(lines))
        .peer
        .unwrap()
        .to_string()
}

const FOR: &str = "x-forwarded-for";

#[test]
fn the_first_address_from_the_right_that_is_not_trusted_is_the_client() {
    for (list, expected) in [
        ("203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9, 10.9.9.9", "203.0.113.9"),
        ("10.9.9.9", "10.9.9.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, \u{fffd}, 203.0.113.9", "203.0.113.9"),
        ("\"1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, unknown", "10.0.0.1"),
        ("1.1.1.1, <script>", "10.0.0.1"),
        ("", "10.0.0.1"),
    ] {
        assert_eq!(client("10.0.0.0/8", &[(FOR, list)]), expected, "{list:?}");
    }
}

#[test]
fn several_lines_of_one_header_are_one_list() {
    let lines = [(FOR, "1.1.1.1"), (FOR, "203.0.113.9, 10.9.9.9")];
    assert_eq!(client("10.0.0.0/8", &lines), "203.0.113.9");
}

#[test]
fn headers_from_an_untrusted_peer_and_headers_that_were_not_selected_are_ignored() {
    assert_eq!(client("192.0.2.0/24", &[(FOR, "203.0.113.9")]), "10.0.0.1");
    assert_eq!(client("unix", &[(FOR, "203.0.113.9")]), "10.0.0.1");
    assert_eq!(
        client("10.0.0.0/8", &[("forwarded", "for=203.0.113.9")]),
        "10.0.0.1"
    );
    let standard = "10.0.0.0/8"
        .parse::<Proxies>()
        .unwrap()
        .with_standard_header();
    let origin = standard.origin(PROXY, &headers(&[(FOR, "203.0.113.9")]));
    assert_eq!(
        origin,
        Origin {
            peer: PROXY,
            ..Origin::default()
        }
    );
    let none = Proxies::default().origin(PROXY, &headers(&[(FOR, "203.0.113.9")]));
    assert_eq!(none.peer, PROXY);
}

#[test]
fn hops_are_counted_from_the_right_and_the_peer_is_unknown_if_there_are_fewer_entries_than_hops() {
    let lines = headers(&[(FOR, "1.1.1.1, 203.0.113.9, 198.51.100.7")]);
    let at = |hops| {
        Proxies::hops(hops)
            .origin(PROXY, &lines)
            .peer
            .unwrap()
            .to_string()
    };
    assert_eq!(at(0), "10.0.0.1");
    assert_eq!(at(1), "198.51.100.7");
    assert_eq!(at(2), "203.0.113.9");
    assert_eq!(at(3), "1.1.1.1");
    // The request did not come through all nine proxies.
    assert_eq!(Proxies::hops(9).origin(PROXY, &lines).peer, None);
    assert_eq!(Proxies::hops(1).origin(PROXY, &headers(&[])).peer, None);
    let both: Proxies = "private, 198.51.100.0/24".parse().unwrap();
    let origin = both.with_hops(1).origin(PROXY, &lines);
    assert_eq!(origin.peer.unwrap().to_string(), "198.51.100.7");
}

#[test]
fn scheme_and_host_come_from_the_same_hop_as_the_address() {
    let lines = headers(&[
        (FOR, "1.1.1.1, 203.0.113.9, 10.9.9.9"),
        ("x-forwarded-proto", "gopher, https, http"),
        ("x-forwarded-host", "evil.example, a.example, inner"),
    ]);
    let proxies: Proxies = "10.0.0.0/8".parse().unwrap();
    let origin = proxies.origin(PROXY, &lines);
    assert_eq!(origin.scheme, Some(Scheme::HTTPS));
    assert_eq!(origin.host, Some(HeaderValue::from_static("a.example")));
    // If a proxy overwrites the header, the only value also applies to the hops before that proxy.
    let lines = headers(&[
        (FOR, "203.0.113.9, 10.9.9.9"),
        ("x-forwarded-proto", "https"),
    ]);
    assert_eq!(proxies.origin(PROXY, &lines).scheme, Some(Scheme::HTTPS));
    let lines = headers(&[(FOR, "203.0.113.9"), ("x-forwarded-proto", "gopher")]);
    assert_eq!(proxies.origin(PROXY, &lines).scheme, None);
}

#[test]
fn the_forwarded_header_is_parsed_by_the_grammar_of_rfc_7239() {
    let proxies = "private, unix"
        .parse::<Proxies>()
        .unwrap()
        .with_standard_header();
    let lines = headers(&[(
        "forwarded",
        r#"for=1.1.1.1;proto=gopher, For="[2001:db8::1]:47";Proto=HTTPS;host="a.example:8080", for=10.1.1.1;by=_x"#,
    )]);
    let origin = proxies.origin(None, &lines);
    assert_eq!(origin.peer.unwrap().to_string(), "2001:db8::1");
    assert_eq!(origin.scheme, Some(Scheme::HTTPS));
    assert_eq!(
        origin.host,
        Some(HeaderValue::from_static("a.example:8080"))
    );
    for (line, peer) in [
        // An unbalanced quote of the client does not hide the entry that the proxy appended.
        (r#"for="1.1.1.1, for=203.0.113.9"#, Some("203.0.113.9")),
        (r#"for="x\\", for="203.0.113.9:47""#, Some("203.0.113.9")),
        (
            r#"for="a\"b,c";proto=https, for=203.0.113.9"#,
            Some("203.0.113.9"),
        ),
        // The comma is within the quotes, because the quote after it is escaped.
        (
            r#"for=203.0.113.9;by="a, for=1.1.1.1\"b""#,
            Some("203.0.113.9"),
        ),
        ("for=_hidden, for=unknown", None),
        ("for", None),
        (";;,,=", None),
    ] {
        let origin = proxies.origin(None, &headers(&[("forwarded", line)]));
        assert_eq!(
            origin.peer.map(|peer| peer.to_string()).as_deref(),
            peer,
            "{line}"
        );
    }
}

#[test]
fn invalid_proxies_are_rejected_and_private_trusts_private_networks_and_loopback() {
    for text in [
        "",
        "10.0.0.0/33",
        "example.com",
        "10.0.0.0/8,,loopback",
        "10/8",
    ] {
        assert!(text.parse::<Proxies>().is_err(), "{text:?}");
    }
    let private: Proxies = "private".parse().unwrap();
    for address in [
        "127.0.0.1",
        "::1",
        "10.1.1.1",
        "172.31.0.1",
        "fd00::1",
        "100.64.0.1",
    ] {
        assert!(private.trusts(0, address.parse().ok()), "{address}");
    }
    assert!(!private.trusts(0, "172.32.0.1".parse().ok()));
}

#[test]
fn the_names_loopback_private_and_unix_trust_only_their_own_addresses() {
    let trusts = |text: &str, peer: Option<&str>| {
        let proxies: Proxies = text.parse().unwrap();
        proxies.trusts(0, peer.and_then(|peer| peer.parse().ok()))
    };
    for (text, trusted, not_trusted) in [
        (
            "loopback",
            &["127.0.0.1", "127.255.0.1", "::1"][..],
            &["10.0.0.1", "::2"][..],
        ),
        (
            "private",
            &["192.168.0.1", "169.254.1.1", "fe80::1", "::1"],
            &["192.0.2.1", "2001:db8::1"],
        ),
        ("192.0.2.1", &["192.0.2.1"], &["192.0.2.2", "127.0.0.1"]),
        ("2001:db8::/32", &["2001:db8:1::1"], &["2001:db9::1"]),
    ] {
        for peer in trusted {
            assert!(trusts(text, Some(peer)), "{text} {peer}");
        }
        for peer in not_trusted {
            assert!(!trusts(text, Some(peer)), "{text} {peer}");
        }
        // The peer on a Unix socket has no address.
        assert!(!trusts(text, None), "{text}");
    }
    assert!(trusts("unix", None) && !trusts("unix", Some("127.0.0.1")));
    assert!(trusts("unix, loopback", None) && trusts("unix, loopback", Some("::1")));
    let error = "10.0.0.0/8, example.com".parse::<Proxies>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid proxy \"example.com\": expected an address, a network such as 10.0.0.0/8, loopback, private or unix"
    );
}

#[test]
fn forwarded_scheme_ws_means_http_and_wss_means_https() {
    let proxies: Proxies = "10.0.0.0/8".parse().unwrap();
    for (sent, scheme) in [("wss", Scheme::HTTPS), ("ws", Scheme::HTTP)] {
        let lines = headers(&[(FOR, "203.0.113.9"), ("x-forwarded-proto", sent)]);
        assert_eq!(proxies.origin(PROXY, &lines).scheme, Some(scheme));
    }
}

#[test]
fn forwarded_scheme_and_host_are_used_even_if_the_forwarded_address_is_missing() {
    let proxies: Proxies = "10.0.0.0/8".parse().unwrap();
    let lines = headers(&[
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "a.example"),
    ]);
    let origin = proxies.origin(PROXY, &lines);
    assert_eq!(origin.peer, PROXY);
    assert_eq!(origin.scheme, Some(Scheme::HTTPS));
    assert_eq!(origin.host, Some(HeaderValue::from_static("a.example")));
}

#[test]
fn empty_members_of_the_x_forwarded_for_list_are_ignored() {
    let proxies: Proxies = "10.0.0.0/8".parse().unwrap();
    let lines = headers(&[(FOR, "203.0.113.9,, 10.0.0.2, ,")]);
    let origin = proxies.origin(PROXY, &lines);
    assert_eq!(origin.peer.unwrap().to_string(), "203.0.113.9");
}
