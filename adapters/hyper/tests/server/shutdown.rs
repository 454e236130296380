//! The shutdown of a server by its program.

use std::time::Duration;

use anyhost_core::{Request, RequestExt};
use anyhost_hyper::{Address, Limits, Server};
use tokio::io::AsyncWriteExt;
use tokio::sync::oneshot;

use crate::{CLOSING, GET, Serving, read_to_end, read_until};

async fn slow(request: Request) -> &'static str {
    if request.uri().path() == "/wait" {
        std::future::pending::<()>().await;
    }
    "done"
}

#[tokio::test]
async fn the_graceful_shutdown_method_of_a_handle_closes_idle_connections_and_stops_the_server() {
    let serving = Serving::start(slow).await;
    let mut idle = serving.send(GET).await;
    read_until(&mut idle, "done").await;
    serving.handle.graceful_shutdown();
    assert_eq!(read_to_end(idle).await, "");
    serving.stopped().await;
}

#[tokio::test]
async fn the_shutdown_method_of_a_handle_aborts_requests_in_flight() {
    let serving = Serving::start(slow).await;
    let in_flight = serving.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
    serving.handle.graceful_shutdown();
    serving.handle.shutdown();
    assert_eq!(read_to_end(in_flight).await, "");
    serving.stopped().await;
}

#[tokio::test]
async fn the_server_drains_when_the_graceful_shutdown_future_completes() {
    let (trigger, triggered) = oneshot::channel::<()>();
    let serving = Serving::start_with(
        |server| {
            server.with_graceful_shutdown(async {
                let _ = triggered.await;
            })
        },
        slow,
    )
    .await;
    let mut idle = serving.send(GET).await;
    read_until(&mut idle, "done").await;
    drop(trigger);
    assert_eq!(read_to_end(idle).await, "");
    serving.stopped().await;
}

#[tokio::test]
async fn dropping_the_future_of_serve_closes_all_connections() {
    let serving = Serving::start(slow).await;
    let mut idle = serving.send(GET).await;
    read_until(&mut idle, "done").await;
    serving.task.abort();
    assert_eq!(read_to_end(idle).await, "");
}

/// Client and server share one thread, so the server cannot start to drain before the request was sent.
#[tokio::test]
async fn a_request_sent_before_a_drain_gets_a_response_with_connection_close() {
    let serving = Serving::start(slow).await;
    let mut stream = serving.send(GET).await;
    read_until(&mut stream, "done").await;
    stream.write_all(GET.as_bytes()).await.unwrap();
    serving.handle.graceful_shutdown();
    let response = read_to_end(stream).await;
    assert!(response.contains("\r\nconnection: close\r\n"), "{response}");
    assert!(response.ends_with("\r\n\r\ndone"), "{response}");
    serving.stopped().await;
}

#[tokio::test]
async fn readyz_fails_and_livez_succeeds_while_the_server_drains() {
    for (path, before, after) in [
        ("/readyz", "200 OK", "503 Service Unavailable"),
        ("/livez", "200 OK", "200 OK"),
    ] {
        let serving = Serving::start_with(Server::with_health_checks, slow).await;
        let check = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut stream = serving.send(&check).await;
        let response = read_until(&mut stream, "ok").await;
        assert_eq!(
            response.lines().next(),
            Some(&*format!("HTTP/1.1 {before}"))
        );
        stream.write_all(check.as_bytes()).await.unwrap();
        serving.handle.graceful_shutdown();
        let response = read_to_end(stream).await;
        assert_eq!(response.lines().next(), Some(&*format!("HTTP/1.1 {after}")));
        serving.stopped().await;
    }
}

#[tokio::test]
async fn the_method_urls_lists_tcp_and_unix_sockets_in_the_order_of_binding() {
    let folder = std::env::temp_dir().join(format!("anyhost-{}", std::process::id()));
    let path = folder.with_extension("sock");
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let server = server
        .and_bind(Address::Unix(path.clone(), Some(0o600)))
        .await
        .unwrap();
    let server = server.and_bind("tcp://[::1]:0").await.unwrap();
    let urls: Vec<_> = server.urls().collect();
    assert!(
        urls[0].starts_with("http://127.0.0.1:") && !urls[0].ends_with(":0"),
        "{urls:?}"
    );
    assert_eq!(urls[1], format!("unix:{}", path.display()));
    assert!(urls[2].starts_with("http://[::1]:"), "{urls:?}");
    assert_eq!(server.url(), urls[0]);
    drop(server);
    assert!(
        !path.exists(),
        "the socket file still exists after the server was dropped"
    );
}

#[tokio::test]
async fn the_drain_timeout_aborts_requests_in_flight() {
    let serving = Serving::start_with(
        |server| {
            let server = server.with_drain_timeout(Duration::from_millis(200));
            server.with_limits(Limits::unlimited())
        },
        slow,
    )
    .await;
    let in_flight = serving.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
    serving.handle.graceful_shutdown();
    assert_eq!(read_to_end(in_flight).await, "");
    serving.stopped().await;
}

/// Bytes that belong to no head are the rest of an upload that the handler ignored, or an empty line after a request.
#[tokio::test]
async fn bytes_that_belong_to_no_head_do_not_delay_a_drain() {
    let upload = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n";
    let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let body = "x".repeat(5000);
    for (request, rest) in [
        (upload, &*body),
        (chunked, "5\r\nhello\r\n0\r\n\r\n"),
        (GET, "\r\n"),
    ] {
        let serving = Serving::start(slow).await;
        let mut stream = serving.send(request).await;
        read_until(&mut stream, "done").await;
        stream.write_all(rest.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        let started = std::time::Instant::now();
        serving.handle.graceful_shutdown();
        assert_eq!(read_to_end(stream).await, "");
        serving.stopped().await;
        let elapsed = started.elapsed();
        assert!(
            elapsed < Duration::from_secs(3),
            "the drain took {elapsed:?} after {request:?}"
        );
    }
}

#[tokio::test]
async fn a_head_that_began_in_the_segment_of_an_earlier_request_is_served_during_a_drain() {
    let serving = Serving::start(slow).await;
    let mut stream = serving.send(&format!("{GET}{}", &GET[..10])).await;
    read_until(&mut stream, "done").await;
    serving.handle.graceful_shutdown();
    tokio::time::sleep(Duration::from_secs(1)).await;
    stream.write_all(&GET.as_bytes()[10..]).await.unwrap();
    let response = read_to_end(stream).await;
    assert!(response.ends_with("\r\n\r\ndone"), "{response:?}");
    serving.stopped().await;
}

#[tokio::test]
async fn readyz_fails_and_requests_are_served_during_the_drain_delay() {
    let serving = Serving::start_with(
        |server| {
            let server = server.with_drain_delay(Duration::from_secs(1));
            server.with_health_checks()
        },
        |request: Request| async move { request.context().is_draining().to_string() },
    )
    .await;
    assert!(serving.exchange(CLOSING).await.ends_with("false"));
    let mut kept_alive = serving.send(GET).await;
    read_until(&mut kept_alive, "false").await;
    serving.handle.graceful_shutdown();
    let ready = serving.exchange(&CLOSING.replacen('/', "/readyz", 1)).await;
    assert!(ready.starts_with("HTTP/1.1 503 "), "{ready}");
    let response = serving.exchange(CLOSING).await;
    assert!(
        response.ends_with("false"),
        "wrong response on a new connection: {response}"
    );
    tokio::time::sleep(Duration::from_millis(1100)).await;
    kept_alive.write_all(GET.as_bytes()).await.unwrap();
    let response = read_to_end(kept_alive).await;
    assert!(response.ends_with("true"), "{response}");
    serving.stopped().await;
}
