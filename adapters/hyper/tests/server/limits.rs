//! Limits on connections, requests and headers.

use std::convert::Infallible;
use std::time::Duration;

use anyhost_core::sse::{Event, Sse};
use anyhost_core::{Request, RequestExt};
use anyhost_hyper::Limits;
use tokio::time::timeout;

use crate::{CLOSING, GET, PATIENCE, Serving, read_to_end, read_until};

#[tokio::test]
async fn a_connection_beyond_the_limit_is_served_after_another_connection_closes() {
    let mut limits = Limits::default();
    limits.max_connections = Some(2);
    let serving =
        Serving::start_with(|server| server.with_limits(limits), || async { "done" }).await;
    let mut first = serving.send(GET).await;
    let mut second = serving.send(GET).await;
    read_until(&mut first, "done").await;
    read_until(&mut second, "done").await;
    let mut third = serving.send(GET).await;
    let early = timeout(Duration::from_millis(200), third.readable()).await;
    assert!(
        early.is_err(),
        "the third connection was served while two were open"
    );
    drop(first);
    read_until(&mut third, "done").await;
}

#[tokio::test]
async fn a_request_beyond_the_limit_is_rejected_with_503_and_retry_after() {
    let mut limits = Limits::default();
    limits.max_requests_in_flight = Some(1);
    let serving = Serving::start_with(
        |server| server.with_limits(limits),
        |request: Request| async move {
            if request.uri().path() == "/wait" {
                std::future::pending::<()>().await;
            }
            "done"
        },
    )
    .await;
    assert!(serving.exchange(CLOSING).await.ends_with("done"));
    let in_flight = serving.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
    // The first request is known to be in flight once a second request is rejected with 503.
    let rejected = async {
        loop {
            let response = serving.exchange(CLOSING).await;
            if !response.starts_with("HTTP/1.1 200 ") {
                break response;
            }
        }
    };
    let rejected = timeout(PATIENCE, rejected).await;
    let rejected = rejected.expect("expected the server to reject a request");
    assert!(
        rejected.starts_with("HTTP/1.1 503 Service Unavailable\r\n"),
        "{rejected}"
    );
    assert!(rejected.contains("\r\nretry-after: 1\r\n"), "{rejected}");
    drop(in_flight);
    while !serving.exchange(CLOSING).await.ends_with("done") {}
}

#[tokio::test]
async fn too_many_or_too_large_headers_are_rejected_with_431() {
    let mut limits = Limits::default();
    limits.max_headers = 5;
    limits.max_head_bytes = 9000;
    let serving =
        Serving::start_with(|server| server.with_limits(limits), || async { "done" }).await;
    let with = |headers: String| {
        format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n")
    };
    for (headers, status) in [
        ("x: y\r\n".repeat(3), "200"),
        ("x: y\r\n".repeat(4), "431"),
        (format!("x: {}\r\n", "y".repeat(8000)), "200"),
        (format!("x: {}\r\n", "y".repeat(9000)), "431"),
    ] {
        let response = read_to_end(serving.send(&with(headers)).await).await;
        assert_eq!(response.get(9..12), Some(status), "{response}");
    }
}

/// Panics when it is dropped before the handler has ended.
struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "on purpose");
    }
}

#[tokio::test]
async fn a_client_gets_a_504_even_if_the_handler_panics_when_the_request_timeout_drops_it() {
    for is_detached in [false, true] {
        let mut limits = Limits::default();
        limits.request_timeout = Some(Duration::from_millis(300));
        let serving = Serving::start_with(
            |server| {
                let server = server.with_limits(limits);
                match is_detached {
                    true => server.with_detached_handlers(),
                    false => server,
                }
            },
            || async {
                let _panics = PanicsWhenDropped;
                std::future::pending::<&str>().await
            },
        )
        .await;
        let response = serving.exchange(CLOSING).await;
        assert!(response.starts_with("HTTP/1.1 504 "), "{response}");
    }
}

#[tokio::test]
async fn a_client_with_too_many_connections_is_rejected_until_it_closes_a_connection() {
    let serving = Serving::start_with(
        |server| server.with_connections_per_client(2),
        || async { "done" },
    )
    .await;
    let mut first = serving.send(GET).await;
    let mut second = serving.send(GET).await;
    read_until(&mut first, "done").await;
    read_until(&mut second, "done").await;
    assert_eq!(serving.exchange(CLOSING).await, "");
    drop(first);
    let served = async { while serving.exchange(CLOSING).await.is_empty() {} };
    timeout(PATIENCE, served)
        .await
        .expect("expected the server to serve the client again");
}

/// The client would otherwise see an aborted response every minute with `Limits::strict`.
#[tokio::test(start_paused = true)]
async fn an_event_stream_ends_completely_before_the_request_timeout() {
    let handler = |request: Request| async move {
        let events = futures_util::stream::pending::<Result<Event, Infallible>>();
        Sse::new(request.context(), events)
    };
    let mut limits = Limits::default();
    limits.request_timeout = Some(Duration::from_secs(20));
    let serving = Serving::start_with(|server| server.with_limits(limits), handler).await;
    let response = serving.exchange(CLOSING).await;
    let body = response.split_once("\r\n\r\n").unwrap().1;
    assert_eq!(body, "3\r\n:\n\n\r\n0\r\n\r\n");
}
