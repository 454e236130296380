//! Hostile clients: header floods, request smuggling, resets, and handlers that panic under load.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhost::server::{Limits, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{QUIET, assert_responds, connect, exchange, get, get_and_close, read_to_end, start};

#[tokio::test]
async fn requests_with_too_many_or_too_large_headers_get_431_and_little_memory() {
    let (probe, address) = start(&[]).await;
    let request = |headers: String| format!("GET /hello HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
    let many: String = (0..101).map(|n| format!("x-{n}: y\r\n")).collect();
    let long = format!("x: {}\r\n", "y".repeat(70_000));
    let endless = format!("x: {}", "y".repeat(8 << 20));
    for headers in [many, long, endless] {
        let response = exchange(address, request(headers).as_bytes()).await;
        assert!(response.starts_with("HTTP/1.1 431 "), "{response:?}");
        assert_responds(address).await;
    }
    assert!(
        probe.peak_memory() < 64 << 10,
        "{} KiB",
        probe.peak_memory()
    );

    // The limit is 100 headers, host and connection included.
    let most: String = (0..98).map(|n| format!("x-{n}: y\r\n")).collect();
    let most = format!("{most}connection: close\r\n");
    let response = exchange(address, request(most).as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{response:?}");
}

/// Requests that two servers could split in different ways (RFC 9112 §6.3, §11.2). Each contains a second
/// request in its possible body. A response with 418 would show that the server handled the second request.
#[tokio::test]
async fn request_with_an_ambiguous_body_length_is_rejected_or_is_the_last_of_its_connection() {
    const HIDDEN: &str = "GET /status/418 HTTP/1.1\r\nHost: a\r\n\r\n";
    let (_probe, address) = start(&[]).await;
    for head in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Content-Length: 4\r\nContent-Length: 60\r\n",
        "Content-Length: 4, 60\r\n",
        "Content-Length: +4\r\n",
        "Content-Length: 0x4\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Content-Length : 4\r\n",
        " Content-Length: 4\r\n",
        "Content-Length:\x0b4\r\n",
        "X: y\rContent-Length: 4\r\n",
    ] {
        let request = format!("POST /ignore HTTP/1.1\r\nHost: a\r\n{head}\r\n0\r\n\r\n{HIDDEN}");
        let responses = exchange_and_half_close(address, request.as_bytes()).await;
        assert!(
            !responses.contains(" 418 "),
            "{head:?} smuggled a request: {responses:?}"
        );
        // RFC 9112 §6.1: a server that accepts both headers must close the connection after the response.
        let is_last = responses.contains("\r\nconnection: close\r\n");
        let is_rejected = responses.starts_with("HTTP/1.1 4");
        assert!(is_rejected || is_last, "{head:?}: {responses:?}");
        assert_responds(address).await;
    }
    // An invalid chunk size ends the connection: the bytes after it are not read as a request.
    for chunk in [
        "-1\r\n",
        "1;\nx\r\n",
        "ffffffffffffffff0\r\n",
        "0x1\r\n",
        "\r\n",
    ] {
        let request = format!(
            "POST /raw HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{HIDDEN}"
        );
        let responses = exchange_and_half_close(address, request.as_bytes()).await;
        assert!(
            !responses.contains(" 418 "),
            "{chunk:?} smuggled a request: {responses:?}"
        );
        assert_responds(address).await;
    }
}

/// Closes the sending side after the request, so that a server which waits for more bytes sees the end.
async fn exchange_and_half_close(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(address).await;
    stream.write_all(bytes).await.unwrap();
    let _ = stream.shutdown().await;
    read_to_end(&mut stream).await
}

#[tokio::test]
async fn connection_reset_during_a_request_body_aborts_only_that_request() {
    let (mut probe, address) = start(&[]).await;
    for path in ["/raw", "/pipe", "/digest", "/ignore"] {
        for _ in 0..20 {
            let mut stream = connect(address).await;
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            // A 100, or the response of a handler that does not read the body: the handler has begun.
            stream.read_exact(&mut [0; 12]).await.unwrap();
            stream.write_all(&[b'x'; 5000]).await.unwrap();
            // Without lingering, the kernel sends RST instead of FIN when the socket is closed.
            stream.set_zero_linger().unwrap();
            drop(stream);
        }
    }
    // The access log has a line for each request. A 400 could not be sent, but shows what the handler
    // returned; the streamed body of /pipe fails after the status was sent.
    let mut outcomes = BTreeMap::new();
    for _ in 0..80 {
        let line = probe.log_line(" INFO ").await;
        let field = |name: &str| {
            let value = line.split(' ').find_map(|field| field.strip_prefix(name));
            value.unwrap_or_default().to_owned()
        };
        *outcomes
            .entry((field("path="), field("status="), field("aborted=")))
            .or_insert(0) += 1;
    }
    let expected = [
        ("\"/digest\"", "400", ""),
        ("\"/ignore\"", "200", ""),
        ("\"/pipe\"", "200", "true"),
        ("\"/raw\"", "400", ""),
    ];
    let expected = expected.map(|(path, status, aborted)| {
        ((path.to_owned(), status.to_owned(), aborted.to_owned()), 20)
    });
    assert_eq!(outcomes, BTreeMap::from(expected));
    assert_responds(address).await;
}

/// HTTP/2 frames as bytes, because HTTP/2 libraries do not send attacks.
mod frames {
    pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

    pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        frame
    }

    /// HEADERS for `GET /sleep/1` with `:authority: a`, END_HEADERS and END_STREAM.
    pub(super) fn headers(stream: u32) -> Vec<u8> {
        let path = b"/sleep/1";
        let mut block = vec![0x82, 0x86, 0x44, u8::try_from(path.len()).unwrap()];
        block.extend(path);
        block.extend([0x41, 1, b'a']);
        frame(1, 0x05, stream, &block)
    }

    pub(super) fn reset(stream: u32) -> Vec<u8> {
        frame(3, 0, stream, &8u32.to_be_bytes())
    }
}

/// CVE-2023-44487: streams that are opened and reset at once do not count as concurrent streams.
#[tokio::test]
async fn http2_rapid_reset_closes_the_connection() {
    let (probe, address) = start(&[]).await;
    let mut stream = connect(address).await;
    let mut attack = [frames::PREFACE, &frames::frame(4, 0, 0, b"")].concat();
    for n in 0..10_000 {
        attack.extend(frames::headers(2 * n + 1));
        attack.extend(frames::reset(2 * n + 1));
    }
    let _ = stream.write_all(&attack).await;
    read_to_end(&mut stream).await;
    assert_responds(address).await;
    assert!(
        probe.peak_memory() < 64 << 10,
        "{} KiB",
        probe.peak_memory()
    );
}

#[tokio::test]
async fn panic_under_load_affects_only_one_response() {
    let (_probe, address) = start(QUIET).await;
    let tasks: Vec<_> = (0..16)
        .map(|n| {
            tokio::spawn(async move {
                let path = ["/panic", "/panic-late", "/drop-panic", "/hello"][n % 4];
                for _ in 0..50 {
                    match path {
                        "/panic" => {
                            let response = exchange(address, &get_and_close(path)).await;
                            assert!(response.starts_with("HTTP/1.1 500 "), "{response:?}");
                        }
                        "/panic-late" => {
                            let response = exchange(address, &get_and_close(path)).await;
                            assert!(
                                !response.ends_with("0\r\n\r\n"),
                                "the response looks complete: {response:?}"
                            );
                        }
                        // This handler panics when it is dropped because its client disconnected.
                        "/drop-panic" => {
                            let mut stream = connect(address).await;
                            stream.write_all(&get(path)).await.unwrap();
                        }
                        _ => assert_responds(address).await,
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_responds(address).await;
}

/// The timeouts themselves are tested with paused time in `anyhost-hyper`. This test shows that they also
/// run in a real runtime, where a background task checks them once a second.
#[tokio::test(flavor = "multi_thread")]
async fn connection_without_a_complete_first_request_is_closed_after_the_head_timeout() {
    let mut limits = Limits::default();
    limits.head_timeout = Some(Duration::from_secs(1));
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let server = server.with_limits(limits);
    let address: SocketAddr = server
        .url()
        .strip_prefix("http://")
        .unwrap()
        .parse()
        .unwrap();
    let serving = tokio::spawn(server.serve(|| async { "Hello, world!" }));
    let started = Instant::now();
    let mut silent = connect(address).await;
    let mut partial_head = connect(address).await;
    partial_head
        .write_all(b"GET / HTTP/1.1\r\nHost:")
        .await
        .unwrap();
    let mut partial_preface = connect(address).await;
    partial_preface.write_all(b"PRI * HTTP/2.0").await.unwrap();
    for stream in [&mut silent, &mut partial_head, &mut partial_preface] {
        assert_eq!(read_to_end(stream).await, "");
    }
    let elapsed = started.elapsed();
    assert!(elapsed >= Duration::from_millis(900), "{elapsed:?}");
    serving.abort();
}
