//! HTTP/2: responses that their clients read slowly, and responses that the server makes itself.

use std::time::{Duration, Instant};

use anyhost_core::{Body, Request, RequestExt};
use anyhost_hyper::{Limits, Server};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::{Chunks, PATIENCE, Serving};

/// Connects a client that has the flow-control windows of RFC 9113.
pub(crate) async fn connect(serving: &Serving) -> SendRequest<Empty<Bytes>> {
    let io = TokioIo::new(serving.connect().await);
    let mut builder = Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(65_535);
    builder.initial_connection_window_size(65_535);
    let (client, connection) = builder.handshake(io).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn send(
    client: &mut SendRequest<Empty<Bytes>>,
    method: &str,
    path: &str,
) -> http::Response<Incoming> {
    let request = http::Request::builder()
        .method(method)
        .uri(format!("http://a{path}"));
    let request = request.body(Empty::new()).unwrap();
    let response = timeout(PATIENCE, client.send_request(request)).await;
    response.expect("expected a response").unwrap()
}

/// RFC 9113 §8.2.2: an HTTP/2 message has no Connection header.
#[tokio::test]
async fn connection_close_from_the_handler_does_not_close_an_http_2_connection() {
    let serving = Serving::start(|| async { ([("connection", "close")], "done") }).await;
    let mut client = connect(&serving).await;
    for _ in 0..2 {
        let response = send(&mut client, "GET", "/").await;
        assert_eq!(response.status(), 200);
        assert!(!response.headers().contains_key("connection"));
    }
}

/// Reads `length` bytes with a pause before each frame, and returns how many arrived before the body ended.
async fn read_slowly(body: &mut Incoming, length: usize, pause: Duration) -> usize {
    let mut read = 0;
    while read < length {
        sleep(pause).await;
        match timeout(PATIENCE, body.frame())
            .await
            .expect("expected a frame")
        {
            Some(Ok(frame)) => read += frame.data_ref().map_or(0, Bytes::len),
            _ => break,
        }
    }
    read
}

const LARGE: usize = 1_000_000;

/// The response to `/large` is one chunk, and the response to `/stream` is many chunks. The returned receiver gets a
/// message when the `wait_until` work of a request runs.
async fn start_large(limits: Limits) -> (Serving, mpsc::UnboundedReceiver<()>) {
    let (sender, ended) = mpsc::unbounded_channel();
    let serving = Serving::start_with(
        |server| server.with_limits(limits),
        move |request: Request| {
            let sender = sender.clone();
            async move {
                request.context().wait_until(async move {
                    let _ = sender.send(());
                });
                if request.uri().path() == "/large" {
                    return Body::from("x".repeat(LARGE));
                }
                let (count, size) = (LARGE / 10_000, 10_000);
                Body::new(Chunks {
                    count,
                    size,
                    fails: false,
                })
            }
        },
    )
    .await;
    (serving, ended)
}

#[tokio::test]
async fn a_slow_client_receives_its_whole_response_during_a_graceful_shutdown() {
    for path in ["/large", "/stream"] {
        let (serving, mut ended) = start_large(Limits::default()).await;
        let mut client = connect(&serving).await;
        let mut body = send(&mut client, "GET", path).await.into_body();
        let pause = Duration::from_millis(5);
        let mut read = read_slowly(&mut body, LARGE / 4, pause).await;
        assert!(
            ended.try_recv().is_err(),
            "the request ended before the client had read the response"
        );
        serving.handle.graceful_shutdown();
        read += read_slowly(&mut body, usize::MAX, pause).await;
        assert_eq!(read, LARGE, "{path}");
        timeout(PATIENCE, ended.recv())
            .await
            .expect("expected the `wait_until` work to run");
        drop(body);
        let started = Instant::now();
        serving.stopped().await;
        assert!(
            started.elapsed() < Duration::from_secs(3),
            "the shutdown took too long after {path}"
        );
    }
}

#[tokio::test]
async fn the_idle_timeout_does_not_end_a_response_that_the_client_reads_slowly() {
    let mut limits = Limits::default();
    limits.idle_timeout = Some(Duration::from_secs(1));
    let (serving, _ended) = start_large(limits).await;
    let mut client = connect(&serving).await;
    for path in ["/large", "/stream"] {
        let mut body = send(&mut client, "GET", path).await.into_body();
        let mut read = read_slowly(&mut body, LARGE - 100_000, Duration::ZERO).await;
        // The handler has ended, and the rest of the body is in the buffers of h2 or on its way to them.
        sleep(Duration::from_secs(5)).await;
        read += read_slowly(&mut body, usize::MAX, Duration::ZERO).await;
        assert_eq!(read, LARGE, "{path}");
    }
}

/// The kernel buffers what the client has not read, and the client sends a WINDOW_UPDATE after each frame that it reads.
#[tokio::test]
async fn a_graceful_shutdown_does_not_reset_the_connection_of_a_client_that_is_still_reading() {
    let (serving, mut ended) = start_large(Limits::default()).await;
    let mut stream = serving.connect().await;
    // SETTINGS with an initial window of 2^30, and WINDOW_UPDATE for the connection.
    let settings = b"\0\0\x06\x04\0\0\0\0\0\0\x04\x40\0\0\0";
    let update = b"\0\0\x04\x08\0\0\0\0\0\x40\0\0\0";
    let bytes = [PREFACE, settings, update, &get(1, "/large")].concat();
    stream.write_all(&bytes).await.unwrap();
    timeout(PATIENCE, ended.recv())
        .await
        .expect("expected the server to send the response");
    serving.handle.graceful_shutdown();
    let (mut read, mut buffer) = (0, [0; 16_384]);
    loop {
        sleep(Duration::from_millis(20)).await;
        match timeout(PATIENCE, stream.read(&mut buffer))
            .await
            .expect("expected a complete body")
        {
            Ok(0) => break,
            Ok(length) => read += length,
            Err(error) => panic!("{error} after {read} bytes"),
        }
        // A PING with ACK would let the server close earlier, so this client sends only WINDOW_UPDATE frames.
        let _ = stream.write_all(b"\0\0\x04\x08\0\0\0\0\0\0\0\x40\0").await;
        if read > LARGE {
            break;
        }
    }
    assert!(read > LARGE, "the client received only {read} bytes");
}

#[tokio::test]
async fn responses_that_the_server_itself_makes_to_head_requests_have_no_body() {
    let mut limits = Limits::default();
    limits.max_requests_in_flight = Some(0);
    let serving = Serving::start_with(
        |server| server.with_limits(limits).with_health_checks(),
        || async { "done" },
    )
    .await;
    let mut client = connect(&serving).await;
    for (path, status) in [("/livez", 200), ("/", 503)] {
        assert_eq!(head_status(&mut client, path).await, status, "{path}");
    }
    let mut limits = Limits::default();
    limits.request_timeout = Some(Duration::from_millis(100));
    let serving = Serving::start_with(
        |server| server.with_limits(limits),
        std::future::pending::<&str>,
    )
    .await;
    assert_eq!(head_status(&mut connect(&serving).await, "/").await, 504);
}

/// The status of the response to a HEAD request, whose body must be empty.
async fn head_status(client: &mut SendRequest<Empty<Bytes>>, path: &str) -> http::StatusCode {
    let response = send(client, "HEAD", path).await;
    let status = response.status();
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes(), "");
    status
}

/// WebSockets over HTTP/2 use RFC 8441.
#[tokio::test]
async fn a_handler_can_upgrade_an_http_2_stream_only_if_the_connect_protocol_is_enabled() {
    for is_enabled in [true, false] {
        let serving = Serving::start_with(
            |server| {
                let server = server.with_limits(Limits::strict());
                server.with_http2(move |http2| {
                    if is_enabled {
                        http2.enable_connect_protocol();
                    }
                })
            },
            |mut request: Request| async move {
                assert_eq!(
                    (request.uri().path(), request.method()),
                    ("/chat", &http::Method::CONNECT)
                );
                let protocol = request.extensions().get::<hyper::ext::Protocol>().unwrap();
                assert_eq!(protocol.as_str(), "websocket");
                let upgrade = request.extensions_mut().remove::<OnUpgrade>().unwrap();
                tokio::spawn(async move {
                    let mut stream = TokioIo::new(upgrade.await.unwrap());
                    let mut bytes = [0; 3];
                    while stream.read_exact(&mut bytes).await.is_ok() {
                        stream.write_all(&bytes).await.unwrap();
                    }
                });
                "not sent"
            },
        )
        .await;
        let mut client = connect(&serving).await;
        // Waits until the client has received the SETTINGS of the server.
        sleep(Duration::from_millis(100)).await;
        let request = http::Request::connect("http://a/chat");
        let request = request.extension(hyper::ext::Protocol::from_static("websocket"));
        let response = client
            .send_request(request.body(Empty::new()).unwrap())
            .await;
        if !is_enabled {
            assert!(response.is_err());
            continue;
        }
        let upgraded = hyper::upgrade::on(response.unwrap()).await.unwrap();
        let mut stream = TokioIo::new(upgraded);
        for message in [b"one", b"two"] {
            stream.write_all(message).await.unwrap();
            let mut answer = [0; 3];
            stream.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, message);
        }
    }
}

/// A reset stream no longer counts towards the limit on streams, but its handler continues.
#[tokio::test]
async fn the_limit_on_http_2_streams_also_limits_detached_handlers() {
    let mut limits = Limits::default();
    limits.max_http2_streams = 5;
    let (sender, mut started) = mpsc::unbounded_channel();
    let serving = Serving::start_with(
        |server| server.with_limits(limits).with_detached_handlers(),
        move || {
            let _ = sender.send(());
            std::future::pending::<&str>()
        },
    )
    .await;
    let mut client = connect(&serving).await;
    let mut rejected = 0;
    for _ in 0..20 {
        let request = http::Request::get("http://a/").body(Empty::new()).unwrap();
        // Dropping the future resets the stream.
        let response = timeout(Duration::from_millis(100), client.send_request(request)).await;
        rejected += usize::from(response.is_ok_and(|response| response.unwrap().status() == 503));
    }
    let handled = std::iter::from_fn(|| started.try_recv().ok()).count();
    assert_eq!((handled, rejected), (5, 15));
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// HEADERS of a GET, with END_HEADERS and END_STREAM.
fn get(stream: u32, path: &str) -> Vec<u8> {
    let mut block = vec![0x82, 0x86, 0x44, u8::try_from(path.len()).unwrap()];
    block.extend(path.as_bytes());
    block.extend([0x41, 1, b'a']);
    frame(1, 0x05, stream, &block)
}

/// A client without flow-control window never receives the body of a response.
#[tokio::test]
async fn unread_responses_that_the_server_itself_makes_do_not_use_up_the_limit_on_requests() {
    let mut limits = Limits::strict();
    limits.max_requests_in_flight = Some(5);
    limits.request_timeout = Some(Duration::from_secs(1));
    let serving = Serving::start_with(
        |server: Server| server.with_limits(limits).with_health_checks(),
        || async { "done" },
    )
    .await;
    let no_window = frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let mut attackers = Vec::new();
    for path in ["/livez", "/", "/livez"] {
        let mut bytes = [PREFACE, &no_window].concat();
        for n in 0..50 {
            bytes.extend(get(2 * n + 1, path));
        }
        let mut stream = serving.connect().await;
        stream.write_all(&bytes).await.unwrap();
        attackers.push(stream);
        if path == "/livez" {
            sleep(Duration::from_millis(100)).await;
            let response = serving.exchange(crate::CLOSING).await;
            let has_handled = attackers.len() == 1;
            assert!(!has_handled || response.ends_with("done"), "{response}");
        }
    }
    for mut stream in attackers {
        let closed = timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await;
        assert!(closed.is_ok(), "the connection of an attacker stays open");
    }
    let response = serving.exchange(crate::CLOSING).await;
    assert!(response.ends_with("done"), "{response}");
}
