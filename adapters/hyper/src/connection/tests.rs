//! Connections in memory, in simulated time.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use anyhost_core::{Body, Context, Host};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, interval, sleep, timeout};

use super::io::Io;
use super::serve::{OpenConnection, serve, serve_http};
use crate::listen::Stream;
use crate::settings::{Config, Limits};
use crate::state::{ConnectionState, Shared};
use crate::timeouts::CHECK_INTERVAL;

/// A body that always has another chunk ready.
struct Endless;

impl http_body::Body for Endless {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, Self::Error>>> {
        let chunk = bytes::Bytes::from_static(&[b'x'; 1000]);
        Poll::Ready(Some(Ok(http_body::Frame::data(chunk))))
    }
}

/// The task of a connection. It returns the connection's result, and its duration in seconds.
type Served = tokio::task::JoinHandle<(io::Result<()>, u64)>;

/// Opens a connection to a handler that takes ten minutes for `/slow`, and reads the whole body of `/upload`.
fn connect(limits: Limits) -> (DuplexStream, Served) {
    let handler = anyhost_core::handler(|mut request: anyhost_core::Request| async move {
        use anyhost_core::RequestExt;
        match request.uri().path() {
            "/slow" => sleep(Duration::from_secs(600)).await,
            "/large" => return Ok(Body::from("x".repeat(200_000))),
            "/upload" => return Ok(Body::from(request.buffer().await?.len().to_string())),
            "/endless" => return Ok(Body::new(Endless)),
            _ => {}
        }
        Ok::<_, anyhost_core::Error>(Body::from("done"))
    });
    let mut config = Config::default();
    config.options.limits = limits;
    let shared = Arc::new(Shared::new(Arc::new(handler), config, Arc::default()));
    let checked = shared.clone();
    tokio::spawn(async move {
        let mut seconds = interval(CHECK_INTERVAL);
        loop {
            seconds.tick().await;
            checked
                .state
                .connections
                .check(&checked.config.options.limits);
        }
    });
    let (client, server) = duplex(64 * 1024);
    let served = tokio::spawn(async move {
        let start = Instant::now();
        let open = OpenConnection::new(None, shared.clone());
        let connection = ConnectionState {
            context: Context::new(Host::HTTP),
            registration: shared.state.connections.add(),
            shared,
        };
        connection.registration.activity().set_task().await;
        let result = serve_http(Io::Memory(server), open, Arc::new(connection)).await;
        (result, start.elapsed().as_secs())
    });
    (client, served)
}

/// Waits until a timeout closes the connection, and returns its duration in seconds.
async fn seconds_until_timed_out(served: Served) -> io::Result<u64> {
    // An hour of simulated time passes at once, so a connection that does not close fails the test quickly.
    let (result, seconds) = timeout(Duration::from_secs(3600), served).await??;
    let kind = result.err().map(|error| error.kind());
    assert_eq!(
        kind,
        Some(io::ErrorKind::TimedOut),
        "the connection did not end with a timeout, but after {seconds} s"
    );
    Ok(seconds)
}

/// Writes `bytes` every second until the connection closes.
async fn write_every_second(client: &mut DuplexStream, bytes: &[u8]) {
    while client.write_all(bytes).await.is_ok() {
        sleep(Duration::from_secs(1)).await;
    }
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Reads a response whose body is `done`.
async fn read_done(client: &mut DuplexStream) -> io::Result<()> {
    let mut response = Vec::new();
    while !response.ends_with(b"done") {
        response.push(client.read_u8().await?);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_any_bytes_is_closed_after_30_seconds() -> io::Result<()> {
    let (_client, served) = connect(Limits::default());
    let seconds = seconds_until_timed_out(served).await?;
    assert!((30..=31).contains(&seconds), "closed after {seconds} s");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_connection_with_an_incomplete_head_or_preface_is_closed_30_seconds_after_it_opened()
-> io::Result<()> {
    for incomplete in [&GET[..20], &PREFACE[..14], PREFACE] {
        let (mut client, served) = connect(Limits::default());
        sleep(Duration::from_secs(20)).await;
        client.write_all(incomplete).await?;
        let seconds = seconds_until_timed_out(served).await?;
        assert!(
            (30..=31).contains(&seconds),
            "closed after {seconds} s, with {incomplete:?} received"
        );
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn one_byte_of_a_head_per_second_does_not_extend_the_head_timeout() -> io::Result<()> {
    for byte in [b"G", b"P"] {
        let (mut client, served) = connect(Limits::default());
        let writing = write_every_second(&mut client, byte);
        let (seconds, ()) = tokio::join!(seconds_until_timed_out(served), writing);
        assert!((30..=31).contains(&seconds?));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_head_timeout_of_a_later_request_starts_at_the_first_byte_of_the_request()
-> io::Result<()> {
    let (mut client, served) = connect(Limits::default());
    client.write_all(GET).await?;
    read_done(&mut client).await?;
    sleep(Duration::from_secs(60)).await;
    client.write_all(&GET[..20]).await?;
    let seconds = seconds_until_timed_out(served).await?;
    assert!((90..=92).contains(&seconds), "closed after {seconds} s");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_idle_timeout_starts_when_a_slow_handler_has_responded() -> io::Result<()> {
    let (mut client, served) = connect(Limits::default());
    client
        .write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        .await?;
    read_done(&mut client).await?;
    assert_eq!(
        client.read(&mut [0; 9]).await?,
        0,
        "the connection was not closed"
    );
    let (result, seconds) = served.await?;
    result?;
    assert!((675..=677).contains(&seconds), "closed after {seconds} s");
    Ok(())
}

/// These bytes are the rest of a body that the handler did not read, or an empty line before the next request
/// (RFC 9112 §2.2).
#[tokio::test(start_paused = true)]
async fn bytes_that_belong_to_no_head_do_not_replace_the_idle_timeout_by_the_head_timeout()
-> io::Result<()> {
    let upload: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n";
    for (request, rest) in [(GET, &b"\r\n"[..]), (upload, &[b'x'; 5000])] {
        let (mut client, served) = connect(Limits::default());
        client.write_all(request).await?;
        read_done(&mut client).await?;
        sleep(Duration::from_secs(1)).await;
        client.write_all(rest).await?;
        assert_eq!(client.read(&mut [0; 9]).await?, 0);
        let (result, seconds) = served.await?;
        result?;
        assert!((75..=77).contains(&seconds), "closed after {seconds} s");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn with_the_unlimited_preset_a_connection_stays_open_for_days() -> io::Result<()> {
    let (mut client, served) = connect(Limits::unlimited());
    sleep(Duration::from_secs(86_400)).await;
    client.write_all(&GET[..10]).await?;
    sleep(Duration::from_secs(86_400)).await;
    client.write_all(&GET[10..]).await?;
    read_done(&mut client).await?;
    sleep(Duration::from_secs(86_400)).await;
    assert!(!served.is_finished());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_receives_its_whole_response() -> io::Result<()> {
    let (mut client, served) = connect(Limits {
        request_timeout: None,
        ..Limits::strict()
    });
    client
        .write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        .await?;
    let (mut read, mut buffer) = (0, [0; 10_000]);
    while read < 200_000 {
        sleep(Duration::from_secs(20)).await;
        match client.read(&mut buffer).await? {
            0 => return Err(io::Error::other(format!("closed after {read} bytes"))),
            length => read += length,
        }
    }
    drop(client);
    served.await?.0
}

#[tokio::test(start_paused = true)]
async fn the_write_stall_timeout_closes_the_connection_of_a_client_that_does_not_read()
-> io::Result<()> {
    const LARGE: &[u8] = b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n";
    let (mut client, served) = connect(Limits::strict());
    client.write_all(LARGE).await?;
    let seconds = seconds_until_timed_out(served).await?;
    assert!((30..=32).contains(&seconds), "closed after {seconds} s");

    let (mut client, served) = connect(Limits::default());
    client.write_all(LARGE).await?;
    sleep(Duration::from_secs(3600)).await;
    assert!(
        !served.is_finished(),
        "the default limits closed the connection of a client that does not read"
    );
    Ok(())
}

const UPLOAD: &[u8] = b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn a_request_whose_body_is_below_the_minimum_rate_gets_a_408() -> io::Result<()> {
    let (mut client, served) = connect(Limits::strict());
    client.write_all(UPLOAD).await?;
    let start = Instant::now();
    let (mut reads, mut writes) = tokio::io::split(client);
    let mut head = [0; 12];
    let one_byte_per_second = async {
        while writes.write_all(b"x").await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        read = reads.read_exact(&mut head) => drop(read?),
        () = one_byte_per_second => {}
    }
    assert_eq!(&head, b"HTTP/1.1 408");
    assert_eq!(start.elapsed().as_secs(), 10);
    drop((reads, writes));
    let _ = served.await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_request_body_above_the_minimum_rate_can_take_any_amount_of_time() -> io::Result<()> {
    let (mut client, served) = connect(Limits {
        request_timeout: None,
        ..Limits::strict()
    });
    client.write_all(UPLOAD).await?;
    for _ in 0..100 {
        sleep(Duration::from_millis(1900)).await;
        client.write_all(&[b'x'; 1000]).await?;
    }
    let mut response = String::new();
    client.read_to_string(&mut response).await?;
    assert!(response.ends_with("\r\n\r\n100000"), "{response}");
    served.await?.0
}

#[tokio::test(start_paused = true)]
async fn a_body_and_the_next_request_that_arrive_together_with_a_head_are_both_read()
-> io::Result<()> {
    let (mut client, served) = connect(Limits::default());
    let requests = [UPLOAD, &[b'x'; 100_000], GET].concat();
    client.write_all(&requests).await?;
    let mut responses = Vec::new();
    while !responses.ends_with(b"done") {
        responses.push(client.read_u8().await?);
    }
    let responses = String::from_utf8_lossy(&responses);
    assert!(
        responses.contains("\r\n\r\n100000HTTP/1.1 200 OK\r\n"),
        "{responses}"
    );
    drop(client);
    served.await?.0
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_handler_exceeds_the_request_timeout_gets_a_504() -> io::Result<()> {
    let (mut client, served) = connect(Limits {
        idle_timeout: Some(Duration::from_secs(5)),
        request_timeout: Some(Duration::from_secs(40)),
        ..Limits::default()
    });
    let start = Instant::now();
    client
        .write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        .await?;
    let mut head = [0; 12];
    client.read_exact(&mut head).await?;
    assert_eq!(&head, b"HTTP/1.1 504");
    assert_eq!(start.elapsed().as_secs(), 40);
    client.read_to_end(&mut Vec::new()).await?;
    served.await?.0
}

/// hyper does not poll the body of a stream without flow-control window, so the body cannot end the response.
#[tokio::test(start_paused = true)]
async fn the_request_timeout_closes_the_connection_of_an_http_2_stream_without_flow_control_window()
-> io::Result<()> {
    let (mut client, served) = connect(Limits::strict());
    // SETTINGS with an initial window of 0, and `GET /large`.
    let settings = b"\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\0";
    let headers = b"\0\0\x0d\x01\x05\0\0\0\x01\x82\x86\x44\x06/large\x41\x01a";
    client.write_all(PREFACE).await?;
    client.write_all(settings).await?;
    client.write_all(headers).await?;
    let (mut reads, _writes) = tokio::io::split(client);
    tokio::spawn(async move { reads.read_to_end(&mut Vec::new()).await });
    let seconds = seconds_until_timed_out(served).await?;
    assert!((62..=63).contains(&seconds), "closed after {seconds} s");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_request_timeout_aborts_a_response_whose_body_is_always_ready() -> io::Result<()> {
    let (mut client, served) = connect(Limits::strict());
    client
        .write_all(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
        .await?;
    let mut buffer = [0; 10_000];
    while client
        .read(&mut buffer)
        .await
        .is_ok_and(|length| length > 0)
    {
        sleep(Duration::from_secs(1)).await;
    }
    let (result, seconds) = served.await?;
    assert!(
        result.is_err() && (60..=61).contains(&seconds),
        "{result:?} after {seconds} s"
    );
    Ok(())
}

/// Runs on a worker thread, because `block_on` does not run a woken task before the tasks in the queue.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_responses_of_http_2_streams_that_are_ready_together_are_written_together()
-> io::Result<()> {
    const STREAMS: u8 = 50;
    let reads = tokio::spawn(async {
        let (mut client, _served) = connect(Limits::default());
        let mut requests = [PREFACE, b"\0\0\0\x04\0\0\0\0\0"].concat();
        for stream in (1..).step_by(2).take(STREAMS.into()) {
            // `GET /` with END_STREAM and END_HEADERS.
            requests.extend([
                0, 0, 6, 1, 5, 0, 0, 0, stream, 0x82, 0x86, 0x84, 0x41, 1, b'a',
            ]);
        }
        client.write_all(&requests).await?;
        let (mut responses, mut reads) = (0, 0);
        let mut buffer = [0; 10_000];
        while responses < STREAMS.into() {
            let length = client.read(&mut buffer).await?;
            assert!(length > 0, "the connection was closed");
            responses += memchr::memmem::find_iter(&buffer[..length], "done").count();
            reads += 1;
        }
        io::Result::Ok(reads)
    });
    let reads = reads.await??;
    assert!(reads < 10, "{STREAMS} responses arrived in {reads} parts");
    Ok(())
}

/// The task reserves space for the largest future that it awaits, so large futures must be boxed.
#[tokio::test]
async fn the_task_of_a_connection_is_at_most_640_bytes() -> io::Result<()> {
    let handler = anyhost_core::handler(|| async { "done" });
    let shared = Shared::new(Arc::new(handler), Config::default(), Arc::default());
    let shared = Arc::new(shared);
    let (stream, _) = tokio::net::UnixStream::pair()?;
    let open = OpenConnection::new(None, shared.clone());
    let task = serve(Box::new(Stream::Unix(stream)), true, open, shared);
    assert!(
        size_of_val(&task) <= 640,
        "the task has {} bytes",
        size_of_val(&task)
    );
    Ok(())
}
