//! `/metrics` of the feature `prometheus`. This is a separate test program, because a process can have only one
//! recorder.

#![cfg(feature = "prometheus")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhost_hyper::{Address, Server};
use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Sends a request to a Unix socket, and returns the head and the body of the response.
async fn exchange(socket: &Path, request_line: &str) -> (String, String) {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    let request = format!("{request_line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

/// The samples of the text format: names with labels, and values.
fn samples(text: &str) -> BTreeMap<&str, &str> {
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.rsplit_once(' ').unwrap()).collect()
}

#[tokio::test]
async fn metrics_are_served_in_the_text_format_of_prometheus_at_their_own_address() {
    let folder = std::env::temp_dir().join(format!("anyhost-metrics-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (app, scrape) = (folder.join("app.sock"), folder.join("metrics.sock"));
    let server = Server::bind(Address::Unix(app.clone(), None))
        .await
        .unwrap();
    let server = server.with_prometheus(Address::Unix(scrape.clone(), None));
    let handle = server.handle();
    let serving = tokio::spawn(server.serve(|request: anyhost_core::Request| async move {
        metrics::counter!("app_orders_total").increment(2);
        match request.uri().path() {
            "/" => Ok("done"),
            _ => Err(anyhost_core::Error::from_status(StatusCode::NOT_FOUND)),
        }
    }));
    while !scrape.exists() {
        tokio::task::yield_now().await;
    }
    for target in ["/", "/", "/metrics"] {
        exchange(&app, &format!("GET {target}")).await;
    }

    let (head, body) = exchange(&scrape, "GET /metrics").await;
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    let content_type = "content-type: text/plain; version=0.0.4; charset=utf-8";
    assert!(head.contains(content_type), "{head}");
    for line in [
        "# HELP anyhost_requests_total Requests that have ended, by the class of the status.",
        "# TYPE anyhost_requests_total counter",
        "# TYPE anyhost_requests_in_flight gauge",
        "# TYPE anyhost_request_duration_seconds histogram",
    ] {
        assert!(
            body.lines().any(|found| found == line),
            "no {line} in {body}"
        );
    }
    let found = samples(&body);
    for (name, value) in [
        ("anyhost_connections_total", "3"),
        ("anyhost_requests_total{status=\"2xx\"}", "2"),
        ("anyhost_requests_total{status=\"4xx\"}", "1"),
        ("anyhost_requests_total{status=\"5xx\"}", "0"),
        ("anyhost_requests_in_flight", "0"),
        ("anyhost_request_duration_seconds_count", "3"),
        ("anyhost_request_duration_seconds_bucket{le=\"+Inf\"}", "3"),
        ("app_orders_total", "6"),
    ] {
        assert_eq!(found.get(name), Some(&value), "{name} in {body}");
    }

    // OpenMetrics leaves out the suffix of counters, so that a gauge must not have the same name without it.
    let types = body.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let names = types.filter_map(|line| line.split(' ').next());
    let names: Vec<_> = names.map(|name| name.trim_end_matches("_total")).collect();
    let unique: BTreeSet<_> = names.iter().collect();
    assert_eq!(unique.len(), names.len(), "{names:?}");

    let (head, _) = exchange(&scrape, "GET /").await;
    assert!(head.starts_with("http/1.1 404 "), "{head}");
    let (head, _) = exchange(&scrape, "POST /metrics").await;
    assert!(head.starts_with("http/1.1 405 "), "{head}");
    // Scrapes do not count as requests of the application.
    let (_, body) = exchange(&scrape, "GET /metrics").await;
    assert_eq!(samples(&body).get("anyhost_connections_total"), Some(&"3"));

    handle.graceful_shutdown();
    serving.await.unwrap().unwrap();
    assert!(!scrape.exists(), "the socket of /metrics was not removed");
    std::fs::remove_dir_all(folder).unwrap();
}
