//! Memory, file descriptors and processor time under large bodies and many connections.

use anyhost_conformance::Probe;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{QUIET, TIMEOUT, assert_responds, connect, get, get_and_close, read_response, start};

const MIB: usize = 1 << 20;
const LARGE: usize = 300 * MIB;

/// The limit for the peak memory of the process, in KiB: all of it, with the program and its libraries.
const MAX_MEMORY: u64 = 64 << 10;

#[tokio::test]
async fn upload_of_300_mib_takes_less_than_64_mib_of_memory() {
    let (probe, address) = start(&[]).await;
    let mut stream = connect(address).await;
    let head = format!("POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: {LARGE}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = vec![b'x'; MIB];
    for _ in 0..LARGE / MIB {
        stream.write_all(&chunk).await.unwrap();
    }
    let response = timeout(TIMEOUT, read_response(&mut stream))
        .await
        .unwrap()
        .unwrap();
    assert!(
        response.contains(&format!(r#""length":{LARGE}"#)),
        "{response}"
    );
    assert!(
        probe.peak_memory() < MAX_MEMORY,
        "{} KiB",
        probe.peak_memory()
    );
}

#[tokio::test]
async fn download_of_300_mib_takes_less_than_64_mib_of_memory() {
    let (probe, address) = start(&[]).await;
    let mut stream = connect(address).await;
    stream
        .write_all(&get_and_close(&format!("/large/{LARGE}")))
        .await
        .unwrap();
    let (mut length, mut chunk) = (0, vec![0; MIB]);
    while let more @ 1.. = stream.read(&mut chunk).await.unwrap() {
        length += more;
    }
    assert!(length > LARGE && length < LARGE + 1000, "{length}");
    assert!(
        probe.peak_memory() < MAX_MEMORY,
        "{} KiB",
        probe.peak_memory()
    );
}

#[tokio::test]
async fn client_that_does_not_read_its_response_takes_less_than_512_kib_of_memory() {
    let (probe, address) = start(&[]).await;
    assert_responds(address).await;
    let before = probe.peak_memory();
    let mut clients = Vec::new();
    for _ in 0..50 {
        let mut stream = connect(address).await;
        stream
            .write_all(&get(&format!("/large/{LARGE}")))
            .await
            .unwrap();
        // The head has arrived: the body is being sent.
        stream.read_exact(&mut [0; 12]).await.unwrap();
        clients.push(stream);
    }
    assert_responds(address).await;
    let each = (probe.peak_memory() - before) / 50;
    assert!(each < 512, "{each} KiB for each connection");
}

#[tokio::test]
async fn endless_response_ends_when_its_client_disconnects() {
    let (mut probe, address) = start(&[]).await;
    let mut stream = connect(address).await;
    let endless = get("/stream?chunks=18446744073709551615&size=65536");
    stream.write_all(&endless).await.unwrap();
    let mut chunk = vec![0; MIB];
    for _ in 0..64 {
        stream.read_exact(&mut chunk).await.unwrap();
    }
    drop(stream);
    let line = probe.log_line("path=\"/stream\"").await;
    assert!(line.contains("aborted=true"), "{line}");
    assert!(
        probe.peak_memory() < MAX_MEMORY,
        "{} KiB",
        probe.peak_memory()
    );
}

/// Raises the soft limit of open descriptors for this process and its children.
fn raise_descriptor_limit(wanted: u64) {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX);
    assert!(
        most >= wanted,
        "the test needs {wanted} descriptors, and the hard limit is {most} (ulimit -Hn)"
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
async fn server_holds_5000_connections_and_responds_on_each() {
    raise_descriptor_limit(12_000);
    let (probe, address) = start(QUIET).await;
    let mut streams = Vec::new();
    for _ in 0..5000 {
        streams.push(
            timeout(TIMEOUT, TcpStream::connect(address))
                .await
                .unwrap()
                .unwrap(),
        );
    }
    for stream in &mut streams {
        stream.write_all(&get("/hello")).await.unwrap();
    }
    for stream in &mut streams {
        let response = timeout(TIMEOUT, read_response(stream))
            .await
            .unwrap()
            .unwrap();
        assert!(response.ends_with("Hello, world!"), "{response}");
    }
    assert_responds(address).await;
    let each = probe.peak_memory() / 5000;
    assert!(each < 32, "{each} KiB for each connection");
}

/// When `accept` fails with EMFILE, the connection stays in the queue of the listener, and the listener stays
/// readable: a server that retries without a pause would take a whole processor.
#[tokio::test]
async fn server_without_free_descriptors_retries_accept_with_growing_pauses_and_recovers() {
    let args = ["--listen", "tcp://127.0.0.1:0"];
    let mut probe = Probe::start_after("ulimit -n 40", &args, &[]);
    let address = probe.address().await;
    let mut streams = Vec::new();
    for _ in 0..60 {
        streams.push(connect(address).await);
    }
    for pause in [
        "10ms", "20ms", "40ms", "80ms", "160ms", "320ms", "640ms", "1s", "1s",
    ] {
        let line = probe.log_line("failed to accept a connection").await;
        assert!(line.ends_with(&format!("pause={pause}")), "{line}");
    }
    let ticks = probe.processor_ticks();
    assert!(ticks < 50, "{ticks} ticks of 10 ms within two seconds");
    drop(streams);
    timeout(TIMEOUT, assert_responds(address))
        .await
        .expect("expected the server to accept connections again");
}
