//! Stopping a server from within its program.

use std::time::Duration;

use anyhost_core::Request;
use anyhost_hyper::{Address, Limits, Server};
use tokio::io::AsyncWriteExt;
use tokio::sync::oneshot;

use crate::{GET, Serving, read_to_end, read_until};

async fn slow(request: Request) -> &'static str {
    if request.uri().path() == "/wait" {
        std::future::pending::<()>().await;
    }
    "done"
}

#[tokio::test]
async fn a_handle_lets_it_drain() {
    let serving = Serving::start(slow).await;
    let mut idle = serving.send(GET).await;
    read_until(&mut idle, "done").await;
    serving.handle.drain();
    assert_eq!(read_to_end(idle).await, "");
    serving.stopped().await;
}

#[tokio::test]
async fn a_handle_cuts_what_does_not_end() {
    let serving = Serving::start(slow).await;
    let held = serving.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
    serving.handle.drain();
    serving.handle.cut();
    assert_eq!(read_to_end(held).await, "");
    serving.stopped().await;
}

#[tokio::test]
async fn a_future_that_ends_lets_it_drain() {
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = Serving::start_with(
        |server| {
            server.with_stop(async {
                let _ = stopped.await;
            })
        },
        slow,
    )
    .await;
    let mut idle = serving.send(GET).await;
    read_until(&mut idle, "done").await;
    drop(stop);
    assert_eq!(read_to_end(idle).await, "");
    serving.stopped().await;
}

#[tokio::test]
async fn a_server_that_is_dropped_serves_nobody() {
    let serving = Serving::start(slow).await;
    let mut idle = serving.send(GET).await;
    read_until(&mut idle, "done").await;
    serving.task.abort();
    assert_eq!(read_to_end(idle).await, "");
}

/// One thread: what is sent before the drain begins is there when the connection learns of it.
#[tokio::test]
async fn a_request_that_was_on_its_way_is_answered_and_told_that_it_is_the_last() {
    let serving = Serving::start(slow).await;
    let mut first = serving.send(GET).await;
    read_until(&mut first, "done").await;
    first.write_all(GET.as_bytes()).await.unwrap();
    serving.handle.drain();
    let reply = read_to_end(first).await;
    assert!(reply.contains("\r\nconnection: close\r\n"), "{reply}");
    assert!(reply.ends_with("\r\n\r\ndone"), "{reply}");
    serving.stopped().await;
}

#[tokio::test]
async fn health_checks_turn_unready_and_stay_alive_in_a_drain() {
    for (path, before, after) in [
        ("/readyz", "200 OK", "503 Service Unavailable"),
        ("/livez", "200 OK", "200 OK"),
    ] {
        let serving = Serving::start_with(Server::with_health_checks, slow).await;
        let check = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut stream = serving.send(&check).await;
        let reply = read_until(&mut stream, "ok").await;
        assert_eq!(reply.lines().next(), Some(&*format!("HTTP/1.1 {before}")));
        stream.write_all(check.as_bytes()).await.unwrap();
        serving.handle.drain();
        let reply = read_to_end(stream).await;
        assert_eq!(reply.lines().next(), Some(&*format!("HTTP/1.1 {after}")));
        serving.stopped().await;
    }
}

#[tokio::test]
async fn several_listeners_of_every_kind_tell_where_they_are() {
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
    assert!(!path.exists(), "the socket file is left behind");
}

#[tokio::test]
async fn a_drain_that_takes_too_long_is_cut() {
    let serving = Serving::start_with(
        |server| {
            let server = server.with_drain_timeout(Duration::from_millis(200));
            server.with_limits(Limits::unlimited())
        },
        slow,
    )
    .await;
    let held = serving.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
    serving.handle.drain();
    assert_eq!(read_to_end(held).await, "");
    serving.stopped().await;
}
