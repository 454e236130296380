//! How many there may be at a time.

use std::time::Duration;

use anyhost_core::Request;
use anyhost_hyper::Limits;
use tokio::time::timeout;

use crate::{CLOSING, GET, PATIENCE, Serving, read_to_end, read_until};

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_place() {
    let mut limits = Limits::default();
    limits.connections = Some(2);
    let serving =
        Serving::start_with(|server| server.with_limits(limits), || async { "done" }).await;
    let mut first = serving.send(GET).await;
    let mut second = serving.send(GET).await;
    read_until(&mut first, "done").await;
    read_until(&mut second, "done").await;
    let mut third = serving.send(GET).await;
    let early = timeout(Duration::from_millis(200), third.readable()).await;
    assert!(early.is_err(), "it was served although there were two");
    drop(first);
    read_until(&mut third, "done").await;
}

#[tokio::test]
async fn requests_beyond_the_limit_are_shed_and_told_when_to_come_again() {
    let mut limits = Limits::default();
    limits.requests = Some(1);
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
    let held = serving.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
    // It is in flight once another one is shed.
    let shed = async {
        loop {
            let reply = serving.exchange(CLOSING).await;
            if !reply.starts_with("HTTP/1.1 200 ") {
                break reply;
            }
        }
    };
    let shed = timeout(PATIENCE, shed).await.expect("one is shed");
    assert!(
        shed.starts_with("HTTP/1.1 503 Service Unavailable\r\n"),
        "{shed}"
    );
    assert!(shed.contains("\r\nretry-after: 1\r\n"), "{shed}");
    drop(held);
    while !serving.exchange(CLOSING).await.ends_with("done") {}
}

#[tokio::test]
async fn the_size_and_number_of_headers_can_be_set() {
    let mut limits = Limits::default();
    limits.headers = 5;
    limits.head_bytes = 9000;
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
        let reply = read_to_end(serving.send(&with(headers)).await).await;
        assert_eq!(reply.get(9..12), Some(status), "{reply}");
    }
}
