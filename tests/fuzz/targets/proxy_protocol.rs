#![no_main]
//! Headers of the PROXY protocol, versions 1 and 2, in front of a request.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use anyhost_fuzz::{Recorder, Seen, TestServer};
use libfuzzer_sys::fuzz_target;

const REQUEST: &[u8] = b"GET /after HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

static SERVER: LazyLock<(TestServer, Recorder)> = LazyLock::new(|| {
    let recorder = Recorder::default();
    let server = TestServer::start(|server| server.with_proxy_protocol(), recorder.clone());
    (server, recorder)
});

fuzz_target!(|input: &[u8]| {
    if let Some(seen) = send(input, true) {
        // The server accepted the input, which must begin with a PROXY header. The peer must be the address in this
        // header.
        match input.strip_prefix(b"PROXY ") {
            Some(line) => {
                let line = String::from_utf8_lossy(line);
                let word = line.split(' ').nth(1).unwrap_or_default();
                let address = word
                    .parse::<IpAddr>()
                    .ok()
                    .map(|address| address.to_canonical());
                let unknown = line.starts_with("UNKNOWN");
                assert_eq!(seen.context.peer(), address.filter(|_| !unknown));
            }
            None => assert!(
                input.starts_with(SIGNATURE),
                "accepted a connection that has no PROXY header"
            ),
        }
    }
    if let Some((v4, rest)) = input.split_first_chunk::<4>()
        && let Some((v6, extensions)) = rest.split_first_chunk::<16>()
    {
        let (v4, v6) = (Ipv4Addr::from(*v4), Ipv6Addr::from(*v6));
        let expect = |header: &[u8], peer: IpAddr| {
            let seen = send(header, false).expect("expected a valid header");
            assert_eq!(seen.context.peer(), Some(peer));
            assert_eq!(seen.parts.uri, "/after");
        };
        expect(
            format!("PROXY TCP4 {v4} 192.0.2.1 4711 80\r\n").as_bytes(),
            v4.into(),
        );
        expect(&version_2(0x11, &v4.octets(), extensions), v4.into());
        expect(
            &version_2(0x21, &v6.octets(), extensions),
            v6.to_canonical(),
        );
    }
});

fn version_2(family: u8, address: &[u8], extensions: &[u8]) -> Vec<u8> {
    // Extensions are type, length and value. Unknown types are ignored.
    let extensions = &extensions[..extensions.len().min(200)];
    let length = 2 * address.len() + 4 + 3 + extensions.len();
    let mut header = SIGNATURE.to_vec();
    header.extend([0x21, family]);
    header.extend(u16::try_from(length).unwrap().to_be_bytes());
    header.extend([address, address, &[0, 80, 0, 80]].concat());
    header.extend([0xE0, 0, extensions.len() as u8]);
    header.extend(extensions);
    header
}

fn send(header: &[u8], half_close: bool) -> Option<Seen> {
    let (server, recorder) = &*SERVER;
    let response = server.send(&[header, REQUEST].concat(), half_close);
    let seen = recorder.take().into_iter().next();
    if seen.is_some() && !half_close {
        assert!(
            response.starts_with(b"HTTP/1."),
            "{:?}",
            response.escape_ascii().to_string()
        );
    }
    seen
}
