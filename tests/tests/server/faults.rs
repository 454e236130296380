//! Clients that send what nobody should.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::{PATIENCE, QUIET, closing, connect, get, raw, serves, started};

#[tokio::test]
async fn header_bombs_are_431_and_the_next_request_works() {
    let (probe, address) = started(&[]).await;
    let bomb = |headers: String| format!("GET /hello HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
    let many: String = (0..101).map(|n| format!("x-{n}: y\r\n")).collect();
    let long = format!("x: {}\r\n", "y".repeat(70_000));
    let endless = format!("x: {}", "y".repeat(8 << 20));
    for headers in [many, long, endless] {
        let reply = raw(address, bomb(headers).as_bytes()).await;
        assert!(reply.starts_with("HTTP/1.1 431 "), "{reply:?}");
        serves(address).await;
    }
    assert!(
        probe.peak_memory() < 64 << 10,
        "{} KiB",
        probe.peak_memory()
    );

    // One less than the limit is no bomb.
    let most: String = (0..98).map(|n| format!("x-{n}: y\r\n")).collect();
    let most = format!("{most}connection: close\r\n");
    let reply = raw(address, bomb(most).as_bytes()).await;
    assert!(reply.starts_with("HTTP/1.1 200 "), "{reply:?}");
}

/// RFC 9112 §6.3 and §11.2: what two servers could cut differently.
#[tokio::test]
async fn smuggling_pairs_are_refused_or_read_as_one_request() {
    const HIDDEN: &str = "GET /status/418 HTTP/1.1\r\nHost: a\r\n\r\n";
    let (_probe, address) = started(&[]).await;
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
        let replies = raw_for_a_moment(address, request.as_bytes()).await;
        assert!(!replies.contains(" 418 "), "{head:?} smuggled: {replies:?}");
        // Whoever reads chunks although a length was told has to close behind them (RFC 9112 §6.1).
        let alone = replies.contains("\r\nconnection: close\r\n");
        let refused = replies.starts_with("HTTP/1.1 4");
        assert!(refused || alone, "{head:?}: {replies:?}");
        serves(address).await;
    }
    // A chunk's size that is none ends the connection, and nothing behind it is a request.
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
        let replies = raw_for_a_moment(address, request.as_bytes()).await;
        assert!(
            !replies.contains(" 418 "),
            "{chunk:?} smuggled: {replies:?}"
        );
        serves(address).await;
    }
}

/// Half-closes behind the request, so that a server that waits for more sees that there is none.
async fn raw_for_a_moment(address: std::net::SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(address).await;
    stream.write_all(bytes).await.unwrap();
    let _ = stream.shutdown().await;
    let mut reply = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut reply)).await;
    let _ = read.expect("the server closes");
    String::from_utf8_lossy(&reply).into_owned()
}

#[tokio::test]
async fn a_reset_in_the_middle_of_a_body_costs_nothing_else() {
    let (_probe, address) = started(&[]).await;
    for path in ["/raw", "/pipe", "/digest", "/ignore"] {
        for _ in 0..20 {
            let mut stream = connect(address).await;
            let head =
                format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(&[b'x'; 5000]).await.unwrap();
            // Closed with something unread, or told not to linger, it is reset.
            stream.set_zero_linger().unwrap();
            drop(stream);
        }
    }
    serves(address).await;
}

/// HTTP/2 frames, written by hand: no client would send these.
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

    /// `GET /sleep/1` with `:authority: a`, its headers at their end, its body empty.
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

/// CVE-2023-44487.
#[tokio::test]
async fn rapid_resets_close_their_connection() {
    let (probe, address) = started(&[]).await;
    let mut stream = connect(address).await;
    let mut attack = [frames::PREFACE, &frames::frame(4, 0, 0, b"")].concat();
    for n in 0..10_000 {
        attack.extend(frames::headers(2 * n + 1));
        attack.extend(frames::reset(2 * n + 1));
    }
    let _ = stream.write_all(&attack).await;
    let mut reply = Vec::new();
    let ended = timeout(PATIENCE, stream.read_to_end(&mut reply)).await;
    let _ = ended.expect("the connection is closed");
    serves(address).await;
    assert!(
        probe.peak_memory() < 64 << 10,
        "{} KiB",
        probe.peak_memory()
    );
}

#[tokio::test]
async fn panics_under_load_cost_one_500_each() {
    let (_probe, address) = started(QUIET).await;
    let tasks: Vec<_> = (0..16)
        .map(|n| {
            tokio::spawn(async move {
                let path = ["/panic", "/panic-late", "/drop-panic", "/hello"][n % 4];
                for _ in 0..50 {
                    match path {
                        "/panic" => {
                            let reply = raw(address, &closing(path)).await;
                            assert!(reply.starts_with("HTTP/1.1 500 "), "{reply:?}");
                        }
                        "/panic-late" => {
                            let reply = raw(address, &closing(path)).await;
                            assert!(!reply.ends_with("0\r\n\r\n"), "it looks whole: {reply:?}");
                        }
                        // It never replies, and panics when its client leaves.
                        "/drop-panic" => {
                            let mut stream = connect(address).await;
                            stream.write_all(&get(path)).await.unwrap();
                        }
                        _ => serves(address).await,
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    serves(address).await;
}

#[tokio::test]
async fn a_silent_connection_and_half_a_head_are_closed_in_real_time_too() {
    let (_probe, address) = started(&[]).await;
    let begun = std::time::Instant::now();
    let mut silent = connect(address).await;
    let mut half = connect(address).await;
    half.write_all(b"GET / HTTP/1.1\r\nHost:").await.unwrap();
    let mut preface = connect(address).await;
    preface.write_all(b"PRI * HTTP/2.0").await.unwrap();
    for stream in [&mut silent, &mut half, &mut preface] {
        let mut reply = Vec::new();
        let closed = timeout(Duration::from_secs(60), stream.read_to_end(&mut reply)).await;
        assert!(closed.is_ok(), "it is held open");
        assert!(reply.is_empty(), "{reply:?}");
    }
    assert!(begun.elapsed() >= Duration::from_secs(29), "too early");
}
