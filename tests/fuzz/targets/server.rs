#![no_main]
//! Any bytes on a connection of the server: HTTP/1, HTTP/2, and neither.

use std::sync::LazyLock;

use anyhost_core::Proxies;
use anyhost_fuzz::{Recorder, TestServer};
use libfuzzer_sys::fuzz_target;

static SERVER: LazyLock<(TestServer, Recorder)> = LazyLock::new(|| {
    let recorder = Recorder::default();
    let server = TestServer::start(
        |server| server.with_health_checks().with_proxies(Proxies::hops(1)),
        recorder.clone(),
    );
    (server, recorder)
});

fuzz_target!(|input: &[u8]| {
    let (server, recorder) = &*SERVER;
    let received = server.send(input, true);
    // The recorder checks each request.
    recorder.take();
    if received.starts_with(b"HTTP/1.") {
        check_head(&received);
    }
});

/// The first response has a status line and valid header lines. Later ones begin after a body, which may contain
/// anything that the client sent.
fn check_head(received: &[u8]) {
    let end = received
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .expect("expected an empty line after the head");
    for (index, line) in received[..end].split(|&b| b == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = line.escape_ascii();
        assert!(!line.contains(&b'\r') && !line.contains(&0), "{text}");
        assert!(index == 0 || line.contains(&b':'), "{text}");
    }
    let status = std::str::from_utf8(&received[9..12])
        .unwrap()
        .parse::<u16>()
        .unwrap();
    assert!((100..600).contains(&status), "{status}");
    // The recorder returns 200, and no input causes an error of the server.
    assert!(status < 500 || status == 501 || status == 505, "{status}");
}
