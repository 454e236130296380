//! How it stops: nothing is lost that can be finished, and nothing holds it for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{PATIENCE, QUIET, connect, get, raw, read_reply, started};

/// Clients that ask without a pause, some on connections that they keep and some on new ones. Each
/// request that a connection was there for gets its whole reply.
#[tokio::test]
async fn no_request_is_lost_when_it_is_terminated_under_load() {
    let (probe, address) = started(QUIET).await;
    let answered = Arc::new(AtomicU64::new(0));
    let clients: Vec<_> = (0..64)
        .map(|n| {
            let answered = answered.clone();
            tokio::spawn(async move {
                let path = [
                    "/hello",
                    "/sleep/5",
                    "/large/100000",
                    "/stream?chunks=3&delay_ms=2",
                ][n % 4];
                let keeps = n % 8 < 4;
                // Until there is nobody to connect to any more.
                while let Ok(mut stream) = TcpStream::connect(address).await {
                    loop {
                        let sent = stream.write_all(&get(path)).await;
                        let reply = whole_reply(&mut stream).await;
                        let reply = reply.unwrap_or_else(|| panic!("{path} is lost; {sent:?}"));
                        assert!(reply.starts_with("http/1.1 200 "), "{reply}");
                        answered.fetch_add(1, Ordering::Relaxed);
                        if !keeps || reply.contains("\r\nconnection: close\r\n") {
                            break;
                        }
                    }
                }
            })
        })
        .collect();
    let under_load = async {
        while answered.load(Ordering::Relaxed) < 2000 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, under_load).await.expect("it serves");
    let before = answered.load(Ordering::Relaxed);
    probe.terminate();
    for client in clients {
        timeout(PATIENCE, client)
            .await
            .expect("clients end")
            .unwrap();
    }
    assert!(probe.exit().await.success());
    let drained = answered.load(Ordering::Relaxed) - before;
    assert!(
        drained >= 16,
        "only {drained} requests came while it drained"
    );
}

/// The head of a reply whose body came whole, by its Content-Length or in chunks.
async fn whole_reply(stream: &mut TcpStream) -> Option<String> {
    let mut reply = Vec::new();
    loop {
        if stream.read_buf(&mut reply).await.ok()? == 0 {
            return None;
        }
        let Some(end) = reply.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&reply[..end + 2]).to_lowercase();
        let body = &reply[end + 4..];
        let length = head.split("\r\ncontent-length: ").nth(1);
        let whole = match length.and_then(|length| length.split("\r\n").next()) {
            Some(length) => body.len() == length.parse::<usize>().ok()?,
            None => body.ends_with(b"0\r\n\r\n"),
        };
        if whole {
            return Some(head);
        }
    }
}

#[tokio::test]
async fn half_a_head_is_a_request_on_its_way() {
    let (mut probe, address) = started(&[]).await;
    let mut kept = connect(address).await;
    kept.write_all(&get("/hello")).await.unwrap();
    read_reply(&mut kept).await.unwrap();
    let mut new = connect(address).await;
    let request = get("/hello");
    for stream in [&mut kept, &mut new] {
        stream.write_all(&request[..20]).await.unwrap();
    }
    // What comes after this has been read with it.
    super::serves(address).await;
    probe.terminate();
    probe.log_line("draining").await;
    // Longer than a connection that asks for nothing is waited for.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    for stream in [&mut kept, &mut new] {
        stream.write_all(&request[20..]).await.unwrap();
        let reply = read_reply(stream).await.expect("it is answered");
        assert!(reply.contains("\r\nconnection: close\r\n"), "{reply}");
    }
    assert!(probe.exit().await.success());
}

/// One that does not even answer the PING that a drain sends it.
#[tokio::test]
async fn an_idle_http_2_connection_does_not_hold_a_drain() {
    let (mut probe, address) = started(&[("ANYHOST_HTTP_DRAIN", "600")]).await;
    let mut stream = connect(address).await;
    let settings = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    stream.write_all(settings).await.unwrap();
    stream.read_exact(&mut [0; 9]).await.unwrap();
    probe.terminate();
    probe.log_line("stopped").await;
    assert!(probe.exit().await.success());
}

#[tokio::test]
async fn an_idle_connection_is_closed_at_once() {
    let (mut probe, address) = started(&[]).await;
    let mut idle = connect(address).await;
    idle.write_all(&get("/hello")).await.unwrap();
    read_reply(&mut idle).await.unwrap();
    let begun = Instant::now();
    probe.terminate();
    let closed = timeout(PATIENCE, idle.read(&mut [0; 9])).await.unwrap();
    assert_eq!(closed.unwrap(), 0);
    probe.log_line("stopped").await;
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    assert!(probe.exit().await.success());
}

#[tokio::test]
async fn what_is_left_at_the_deadline_is_cut_and_logged() {
    let (mut probe, address) = started(&[("ANYHOST_HTTP_DRAIN", "1")]).await;
    let mut stream = connect(address).await;
    stream
        .write_all(&get("/stream?chunks=2&delay_ms=600000"))
        .await
        .unwrap();
    stream.read_exact(&mut [0; 12]).await.unwrap();
    probe.terminate();
    let line = probe.log_line("the drain timeout is over").await;
    assert!(line.contains("tasks="), "{line}");
    let mut rest = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut rest))
        .await
        .expect("it is cut");
    assert!(!rest.ends_with(b"0\r\n\r\n"), "it looks whole");
    assert!(probe.exit().await.success());
}

#[tokio::test]
async fn a_second_signal_cuts_at_once() {
    for (first, second) in [(Signal::TERM, Signal::INT), (Signal::INT, Signal::INT)] {
        let (mut probe, address) = started(&[("ANYHOST_HTTP_DRAIN", "600")]).await;
        let mut stream = connect(address).await;
        stream
            .write_all(&get("/stream?chunks=2&delay_ms=600000"))
            .await
            .unwrap();
        stream.read_exact(&mut [0; 12]).await.unwrap();
        probe.signal(first);
        probe.log_line("draining").await;
        probe.signal(second);
        probe.log_line("told to stop at once").await;
        assert!(probe.exit().await.success());
    }
}

#[tokio::test]
async fn work_after_the_reply_counts_as_in_flight() {
    let (mut probe, address) = started(&[]).await;
    let request = b"POST /after/1000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert!(raw(address, request).await.ends_with("scheduled"));
    let begun = Instant::now();
    probe.terminate();
    let line = probe.log_line("draining").await;
    assert!(line.contains("tasks=1"), "{line}");
    assert!(probe.exit().await.success());
    assert!(
        begun.elapsed() > Duration::from_millis(800),
        "it was dropped"
    );
}

#[tokio::test]
async fn a_handler_that_blocks_its_thread_does_not_hold_the_process() {
    let (mut probe, address) = started(&[("ANYHOST_HTTP_DRAIN", "1")]).await;
    let mut stream = connect(address).await;
    stream.write_all(&get("/block/600000")).await.unwrap();
    probe.log_line("blocking").await;
    probe.terminate();
    assert!(probe.exit().await.success());
}
