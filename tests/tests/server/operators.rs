//! What operators expect: a line for each request, ids, health checks, panics told once.

use serde_json::Value;
use tokio::io::AsyncWriteExt;

use super::{closing, connect, echo, get, raw, started};

#[tokio::test]
async fn each_request_is_one_line_of_the_log() {
    let (mut probe, address) = started(&[]).await;
    raw(address, b"GET /hello?secret=1 HTTP/1.1\r\nHost: a\r\nX-Request-Id: r-1\r\nConnection: close\r\n\r\n").await;
    let line = probe.log_line("r-1").await;
    for part in [
        " INFO ",
        "method=GET",
        "path=\"/hello\"",
        "status=200",
        "bytes=13",
        "ms=",
        "peer=127.0.0.1",
        "request_id=\"r-1\"",
    ] {
        assert!(line.contains(part), "no {part} in {line}");
    }
    assert!(!line.contains("secret") && !line.contains("cut"), "{line}");

    // Of a known length, and streamed: hyper does not ask for an end that it knows.
    raw(address, &closing("/large/100000")).await;
    let line = probe.log_line("path=\"/large/100000\"").await;
    assert!(
        line.contains("bytes=100000") && !line.contains("cut"),
        "{line}"
    );

    raw(address, &closing("/status/404")).await;
    assert!(
        probe
            .log_line("path=\"/status/404\"")
            .await
            .contains("status=404")
    );
    raw(
        address,
        b"POST /raw HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(probe.log_line("path=\"/raw\"").await.contains("status=400"));
    raw(address, &closing("/stream-error")).await;
    assert!(
        probe
            .log_line("method=GET path=\"/stream-error\" status")
            .await
            .contains("cut=true")
    );
}

#[tokio::test]
async fn a_request_whose_client_left_is_a_line_without_a_status() {
    let (mut probe, address) = started(&[]).await;
    let mut stream = connect(address).await;
    stream.write_all(&get("/sleep/600000")).await.unwrap();
    drop(stream);
    let line = probe.log_line("path=\"/sleep/600000\"").await;
    assert!(!line.contains("status="), "{line}");
}

#[tokio::test]
async fn what_a_client_sends_cannot_look_like_a_line_of_the_log() {
    let (mut probe, address) = started(&[]).await;
    let forged = "/error/500?message=x%0A2026-01-01T00:00:00.000000Z%20%20INFO%20forged%1B%5B0m";
    raw(address, &closing(forged)).await;
    let line = probe.log_line("forged").await;
    assert!(
        line.contains("ERROR") && line.contains("x\\n2026"),
        "{line}"
    );
    assert!(!line.contains(char::is_control), "{line:?}");
}

#[tokio::test]
async fn request_ids_are_kept_or_made() {
    let (_probe, address) = started(&[]).await;
    let request = |id: &str| {
        let head = format!("GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{id}\r\n");
        head.into_bytes()
    };
    let id = async |header: &str| echo(address, &request(header)).await["request_id"].clone();
    assert_eq!(id("X-Request-Id: abc-123\r\n").await, "abc-123");
    let made = [id("").await, id("").await];
    assert_ne!(made[0], made[1]);
    // What could break a log is not kept.
    let long = format!("X-Request-Id: {}\r\n", "x".repeat(129));
    for hostile in [
        "X-Request-Id: a b\r\n",
        "X-Request-Id: caf\u{e9}\r\n",
        &long,
    ] {
        let Value::String(made) = id(hostile).await else {
            panic!("none for {hostile:?}")
        };
        assert_eq!(made.len(), 24, "{made}");
    }
}

#[tokio::test]
async fn health_checks_answer_if_they_are_on() {
    let (_off, address) = started(&[]).await;
    assert!(
        raw(address, &closing("/livez"))
            .await
            .starts_with("HTTP/1.1 404 ")
    );

    let (_on, address) = started(&[("ANYHOST_HTTP_HEALTH", "1")]).await;
    for path in ["/livez", "/readyz"] {
        let reply = raw(address, &closing(path)).await;
        assert!(
            reply.starts_with("HTTP/1.1 200 ") && reply.ends_with("\r\n\r\nok"),
            "{reply}"
        );
    }
    assert!(
        raw(address, &closing("/hello"))
            .await
            .ends_with("Hello, world!")
    );
}

#[tokio::test]
async fn a_panic_is_one_line_with_its_request() {
    let (mut probe, address) = started(&[("RUST_LOG", "info,anyhost::access=off")]).await;
    raw(
        address,
        b"GET /panic HTTP/1.1\r\nHost: a\r\nX-Request-Id: r-1\r\nConnection: close\r\n\r\n",
    )
    .await;
    let line = probe.log_line("").await;
    for part in [
        "ERROR",
        "/panic",
        "r-1",
        "panicked at examples/probe.rs:",
        "on purpose",
    ] {
        assert!(line.contains(part), "no {part} in {line}");
    }
    // Nothing else was written: the next line is of the next panic.
    raw(address, &closing("/panic-late")).await;
    let line = probe.log_line("").await;
    assert!(
        line.contains("/panic-late") && line.contains("late"),
        "{line}"
    );
}
