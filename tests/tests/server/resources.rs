//! Memory and descriptors: what many or large things may take.

use std::time::Duration;

use anyhost_conformance::Probe;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{PATIENCE, QUIET, closing, connect, get, read_reply, serves, started};

const MIB: usize = 1 << 20;
const LARGE: usize = 300 * MIB;

/// In KiB.
const MOST: u64 = 64 << 10;

#[tokio::test]
async fn an_upload_of_300_mb_takes_no_more_memory_than_a_small_one() {
    let (probe, address) = started(&[]).await;
    let mut stream = connect(address).await;
    let head = format!("POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: {LARGE}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let piece = vec![b'x'; MIB];
    for _ in 0..LARGE / MIB {
        stream.write_all(&piece).await.unwrap();
    }
    let reply = timeout(PATIENCE, read_reply(&mut stream))
        .await
        .unwrap()
        .unwrap();
    assert!(reply.contains(&format!(r#""length":{LARGE}"#)), "{reply}");
    assert!(probe.peak_memory() < MOST, "{} KiB", probe.peak_memory());
}

#[tokio::test]
async fn a_download_of_300_mb_takes_no_more_memory_than_a_small_one() {
    let (probe, address) = started(&[]).await;
    let mut stream = connect(address).await;
    stream
        .write_all(&closing(&format!("/large/{LARGE}")))
        .await
        .unwrap();
    let (mut length, mut piece) = (0, vec![0; MIB]);
    while let more @ 1.. = stream.read(&mut piece).await.unwrap() {
        length += more;
    }
    assert!(length > LARGE && length < LARGE + 1000, "{length}");
    assert!(probe.peak_memory() < MOST, "{} KiB", probe.peak_memory());
}

#[tokio::test]
async fn readers_that_never_read_cost_little_each() {
    let (probe, address) = started(&[]).await;
    serves(address).await;
    let before = probe.peak_memory();
    let mut readers = Vec::new();
    for _ in 0..50 {
        let mut stream = connect(address).await;
        stream
            .write_all(&get(&format!("/large/{LARGE}")))
            .await
            .unwrap();
        // Once its head is here, its handler is at work.
        stream.read_exact(&mut [0; 12]).await.unwrap();
        readers.push(stream);
    }
    serves(address).await;
    let each = (probe.peak_memory() - before) / 50;
    assert!(each < 512, "{each} KiB each");
}

#[tokio::test]
async fn an_endless_stream_ends_when_its_client_leaves() {
    let (mut probe, address) = started(&[]).await;
    let mut stream = connect(address).await;
    let endless = get("/stream?chunks=18446744073709551615&size=65536");
    stream.write_all(&endless).await.unwrap();
    let mut piece = vec![0; MIB];
    for _ in 0..64 {
        stream.read_exact(&mut piece).await.unwrap();
    }
    drop(stream);
    let line = probe.log_line("path=\"/stream\"").await;
    assert!(line.contains("cut=true"), "{line}");
    assert!(probe.peak_memory() < MOST, "{} KiB", probe.peak_memory());
}

/// So many descriptors for this process and those that it starts.
fn raise_descriptor_limit(wanted: u64) {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX);
    assert!(
        most >= wanted,
        "this needs {wanted} descriptors (ulimit -Hn), there are {most}"
    );
    if limit.current.is_some_and(|current| current < wanted) {
        let limit = Rlimit {
            current: Some(wanted),
            maximum: limit.maximum,
        };
        setrlimit(Resource::Nofile, limit).unwrap();
    }
}

#[tokio::test]
async fn five_thousand_connections_are_held_and_served() {
    raise_descriptor_limit(12_000);
    let (probe, address) = started(QUIET).await;
    let mut streams = Vec::new();
    for _ in 0..5000 {
        streams.push(
            timeout(PATIENCE, TcpStream::connect(address))
                .await
                .unwrap()
                .unwrap(),
        );
    }
    for stream in &mut streams {
        stream.write_all(&get("/hello")).await.unwrap();
    }
    for stream in &mut streams {
        let reply = timeout(PATIENCE, read_reply(stream))
            .await
            .unwrap()
            .unwrap();
        assert!(reply.ends_with("Hello, world!"), "{reply}");
    }
    serves(address).await;
    let each = probe.peak_memory() / 5000;
    assert!(each < 32, "{each} KiB each");
}

/// Out of descriptors: those who come wait, nobody spins, and it serves again as soon as it can.
#[tokio::test]
async fn a_server_without_descriptors_waits_and_recovers() {
    let args = ["--listen", "tcp://127.0.0.1:0"];
    let mut probe = Probe::start_after("ulimit -n 40", &args, &[]);
    let address = probe.address().await;
    let mut streams = Vec::new();
    for _ in 0..60 {
        streams.push(TcpStream::connect(address).await.unwrap());
    }
    probe.log_line("cannot accept connections for now").await;
    let spent = probe.processor_ticks();
    // It tries again once a second, and not as fast as it can.
    for _ in 0..2 {
        probe.log_line("cannot accept connections for now").await;
    }
    let spent = probe.processor_ticks() - spent;
    assert!(spent < 50, "it spins: {spent} ticks");
    drop(streams);
    let served = timeout(Duration::from_secs(20), serves(address)).await;
    served.expect("it recovers");
}
