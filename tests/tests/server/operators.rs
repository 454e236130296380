//! The access log, error details in the log, request ids, and health checks.

use serde_json::Value;
use tokio::io::AsyncWriteExt;

use super::{connect, echo, exchange, get, get_and_close, start};

#[tokio::test]
async fn access_log_line_has_method_path_status_size_time_peer_and_request_id_but_no_query() {
    let (mut probe, address) = start(&[]).await;
    let request = b"GET /hello?secret=1 HTTP/1.1\r\nHost: a\r\nX-Request-Id: r-1\r\nConnection: close\r\n\r\n";
    exchange(address, request).await;
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
    assert!(
        !line.contains("secret") && !line.contains("aborted"),
        "{line}"
    );
}

#[tokio::test]
async fn access_log_line_of_a_complete_stream_has_its_size_and_is_not_marked_as_aborted() {
    let (mut probe, address) = start(&[]).await;
    // hyper does not poll a body of known length to its end, which must not be logged as aborted.
    exchange(address, &get_and_close("/large/100000")).await;
    let line = probe.log_line("path=\"/large/100000\"").await;
    assert!(line.contains("bytes=100000"), "{line}");
    assert!(!line.contains("aborted"), "{line}");
}

#[tokio::test]
async fn access_log_line_of_an_error_has_its_status() {
    let (mut probe, address) = start(&[]).await;
    exchange(address, &get_and_close("/status/404")).await;
    let line = probe.log_line("path=\"/status/404\"").await;
    assert!(line.contains("status=404"), "{line}");
    let two_hosts = b"POST /raw HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n";
    exchange(address, two_hosts).await;
    let line = probe.log_line("path=\"/raw\"").await;
    assert!(line.contains("status=400"), "{line}");
}

#[tokio::test]
async fn access_log_line_of_an_aborted_response_contains_aborted_true() {
    let (mut probe, address) = start(&[]).await;
    exchange(address, &get_and_close("/stream-error")).await;
    let line = probe
        .log_line("method=GET path=\"/stream-error\" status")
        .await;
    assert!(line.contains("aborted=true"), "{line}");
}

#[tokio::test]
async fn error_details_are_logged_with_the_path_and_not_sent_to_the_client() {
    let (mut probe, address) = start(&[]).await;
    let response = exchange(address, &get_and_close("/fail")).await;
    assert!(!response.contains("secret"), "{response}");
    let line = probe.log_line("secret detail").await;
    assert!(line.contains("/fail"), "{line}");
}

#[tokio::test]
async fn access_log_line_of_a_request_whose_client_disconnected_has_no_status() {
    let (mut probe, address) = start(&[]).await;
    let mut stream = connect(address).await;
    stream.write_all(&get("/sleep/600000")).await.unwrap();
    drop(stream);
    let line = probe.log_line("path=\"/sleep/600000\"").await;
    assert!(!line.contains("status="), "{line}");
}

#[tokio::test]
async fn client_input_with_a_line_break_cannot_forge_a_log_line() {
    let (mut probe, address) = start(&[]).await;
    let forged = "/error/500?message=x%0A2026-01-01T00:00:00.000000Z%20%20INFO%20forged%1B%5B0m";
    exchange(address, &get_and_close(forged)).await;
    let line = probe.log_line("forged").await;
    assert!(
        line.contains("ERROR") && line.contains("x\\n2026"),
        "{line}"
    );
    assert!(!line.contains(char::is_control), "{line:?}");
}

#[tokio::test]
async fn valid_request_id_header_is_kept_and_an_invalid_one_is_replaced_by_a_new_id() {
    let (_probe, address) = start(&[]).await;
    let request = |id: &str| {
        let head = format!("GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{id}\r\n");
        head.into_bytes()
    };
    let id = async |header: &str| echo(address, &request(header)).await["request_id"].clone();
    assert_eq!(id("X-Request-Id: abc-123\r\n").await, "abc-123");
    let generated = [id("").await, id("").await];
    assert_ne!(generated[0], generated[1]);
    // Characters and lengths that could break a log are not accepted.
    let long = format!("X-Request-Id: {}\r\n", "x".repeat(129));
    for invalid in [
        "X-Request-Id: a b\r\n",
        "X-Request-Id: caf\u{e9}\r\n",
        &long,
    ] {
        let Value::String(generated) = id(invalid).await else {
            panic!("no request id for {invalid:?}")
        };
        assert_eq!(generated.len(), 24, "{generated}");
    }
}

#[tokio::test]
async fn health_check_paths_are_404_unless_health_checks_are_enabled() {
    let (_disabled, address) = start(&[]).await;
    assert!(
        exchange(address, &get_and_close("/livez"))
            .await
            .starts_with("HTTP/1.1 404 ")
    );

    let (_enabled, address) = start(&[("ANYHOST_HTTP_HEALTH", "1")]).await;
    for path in ["/livez", "/readyz"] {
        let response = exchange(address, &get_and_close(path)).await;
        assert!(
            response.starts_with("HTTP/1.1 200 ") && response.ends_with("\r\n\r\nok"),
            "{response}"
        );
    }
    for host in ["Host: a\r\nHost: a", "Host: u@b"] {
        let request = format!("GET /livez HTTP/1.1\r\n{host}\r\nConnection: close\r\n\r\n");
        let response = exchange(address, request.as_bytes()).await;
        assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
    }
    assert!(
        exchange(address, &get_and_close("/hello"))
            .await
            .ends_with("Hello, world!")
    );
}

#[tokio::test]
async fn rejected_request_is_logged_with_the_request_id_of_its_client() {
    let (mut probe, address) = start(&[]).await;
    let request = b"GET / HTTP/1.1\r\nX-Request-Id: my-id\r\nConnection: close\r\n\r\n";
    exchange(address, request).await;
    for event in ["request rejected", "status=400"] {
        let line = probe.log_line(event).await;
        assert!(line.contains("request_id=\"my-id\""), "{line}");
    }
}

#[tokio::test]
async fn panic_in_a_handler_is_logged_once_with_its_request() {
    let (mut probe, address) = start(&[("RUST_LOG", "info,anyhost::access=off")]).await;
    exchange(
        address,
        b"GET /panic HTTP/1.1\r\nHost: a\r\nX-Request-Id: r-1\r\nConnection: close\r\n\r\n",
    )
    .await;
    let line = probe.log_line("").await;
    for part in [
        "ERROR",
        "/panic",
        "r-1",
        "panicked at tests/src/probe_app/failures.rs:",
        "on purpose",
    ] {
        assert!(line.contains(part), "no {part} in {line}");
    }
    // The next line belongs to the next panic: the first one was logged once.
    exchange(address, &get_and_close("/panic-late")).await;
    let line = probe.log_line("").await;
    assert!(
        line.contains("/panic-late") && line.contains("late"),
        "{line}"
    );
}

#[tokio::test]
async fn access_log_line_of_a_very_long_path_has_all_other_fields() {
    let (mut probe, address) = start(&[]).await;
    let path = format!("/{}", "a".repeat(60_000));
    exchange(address, &get_and_close(&path)).await;
    let line = probe.log_line("method=GET").await;
    for field in ["status=404", "peer=127.0.0.1", "request_id="] {
        assert!(line.contains(field), "no {field} in {line}");
    }
}

#[tokio::test]
async fn invalid_http_is_logged_once_a_second_with_its_peer() {
    let http2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x01\x04\0\0\0\0\0x";
    for bytes in [b"GET / HTTP/9.9\r\n\r\n", http2] {
        let (mut probe, address) = start(&[]).await;
        for _ in 0..20 {
            exchange(address, bytes).await;
        }
        let line = probe.log_line("connection rejected").await;
        assert!(line.contains("INFO"), "{line}");
        assert!(line.contains("peer=127.0.0.1 error="), "{line}");
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        exchange(address, bytes).await;
        let line = probe.log_line("connection rejected").await;
        assert!(!line.contains("suppressed=0"), "{line}");
    }
}
