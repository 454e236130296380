//! The counters and gauges of the feature `metrics`.

#![cfg(feature = "metrics")]

use std::collections::BTreeMap;

use anyhost_core::{Error, Request};
use anyhost_hyper::Limits;
use http::StatusCode;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tokio::time::timeout;

use crate::{CLOSING, PATIENCE, Serving};

/// The values of all counters and gauges, and the number of values of histograms, without those that are zero. A key is the name and the label values, with spaces between
/// them.
fn values(snapshotter: &Snapshotter) -> BTreeMap<String, i64> {
    let snapshot = snapshotter.snapshot().into_vec();
    let entries = snapshot.into_iter().map(|(key, _, _, value)| {
        let key = key.key();
        let labels: String = key
            .labels()
            .map(|label| format!(" {}", label.value()))
            .collect();
        let value = match value {
            DebugValue::Counter(value) => i64::try_from(value).unwrap(),
            DebugValue::Gauge(value) => value.into_inner() as i64,
            DebugValue::Histogram(values) => values.len() as i64,
        };
        (format!("{}{labels}", key.name()), value)
    });
    entries.filter(|(_, value)| *value != 0).collect()
}

/// A response body that ends with trailers.
struct WithTrailers(u8);

impl http_body::Body for WithTrailers {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, Self::Error>>> {
        self.0 += 1;
        let trailers = || http::HeaderMap::from_iter([(http::header::ETAG, "x".parse().unwrap())]);
        std::task::Poll::Ready(match self.0 {
            1 => Some(Ok(http_body::Frame::data("done".into()))),
            2 => Some(Ok(http_body::Frame::trailers(trailers()))),
            _ => None,
        })
    }
}

#[tokio::test]
async fn a_response_counts_as_aborted_if_its_client_disconnects_but_not_if_it_ends_with_trailers() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recorder = metrics::set_default_local_recorder(&recorder);
    let serving = Serving::start(|request: Request| async move {
        match request.uri().path() {
            "/large" => anyhost_core::Body::from("x".repeat(20 << 20)),
            _ => anyhost_core::Body::new(WithTrailers(0)),
        }
    })
    .await;
    let trailers = CLOSING.replacen("close", "close, TE\r\nTE: trailers", 1);
    let response = serving.exchange(&trailers).await;
    assert!(response.contains("done"), "{response}");
    assert_eq!(
        values(&snapshotter).get("anyhost_responses_aborted_total"),
        None
    );
    let mut stream = serving.send(&CLOSING.replacen('/', "/large", 1)).await;
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut [0; 1000])
        .await
        .unwrap();
    drop(stream);
    serving.handle.graceful_shutdown();
    serving.stopped().await;
    let aborted = values(&snapshotter);
    assert_eq!(aborted.get("anyhost_responses_aborted_total"), Some(&1));
}

#[tokio::test]
async fn connections_with_invalid_http_or_without_a_proxy_header_are_counted_as_rejected() {
    for has_proxy_header in [false, true] {
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        let _recorder = metrics::set_default_local_recorder(&recorder);
        let serving = Serving::start_with(
            |server| match has_proxy_header {
                true => server.with_proxy_protocol(),
                false => server,
            },
            || async { "done" },
        )
        .await;
        for invalid in ["GET / HTTP/9.9\r\n\r\n", "PROXY TCP4 nonsense\r\n"] {
            serving.exchange(invalid).await;
        }
        serving.handle.graceful_shutdown();
        serving.stopped().await;
        let all = values(&snapshotter);
        let rejected = all.get("anyhost_connections_rejected_total");
        assert_eq!(rejected, Some(&2), "{all:?}");
    }
}

#[tokio::test]
async fn connections_and_requests_are_counted_by_their_outcome() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    // The recorder is set only for this thread, on which the server runs. Other tests run on other threads.
    let _recorder = metrics::set_default_local_recorder(&recorder);
    let mut limits = Limits::default();
    limits.max_requests_in_flight = Some(1);
    let serving = Serving::start_with(
        |server| server.with_limits(limits),
        |request: Request| async move {
            match request.uri().path() {
                "/wait" => std::future::pending().await,
                "/missing" => Err(Error::from_status(StatusCode::NOT_FOUND)),
                _ => Ok("done"),
            }
        },
    )
    .await;
    for target in ["/missing", "/missing", "/"] {
        serving.exchange(&CLOSING.replacen('/', target, 1)).await;
    }
    let in_flight = serving.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut served = 1;
    let until_rejected = async {
        while !serving.exchange(CLOSING).await.starts_with("HTTP/1.1 503 ") {
            served += 1;
        }
    };
    timeout(PATIENCE, until_rejected)
        .await
        .expect("expected the server to reject a request");
    // A snapshot resets the counters, so the totals are the sums of both snapshots.
    let during = values(&snapshotter);
    assert_eq!(
        during.get("anyhost_requests_in_flight"),
        Some(&1),
        "{during:?}"
    );
    drop(in_flight);
    serving.handle.graceful_shutdown();
    serving.stopped().await;
    let mut all = values(&snapshotter);
    for (name, value) in during {
        *all.entry(name).or_default() += value;
    }
    all.retain(|_, value| *value != 0);
    let expected = [
        ("anyhost_connections_total", served + 4),
        ("anyhost_request_duration_seconds", served + 4),
        ("anyhost_requests_rejected_total", 1),
        ("anyhost_requests_total 2xx", served),
        ("anyhost_requests_total 4xx", 2),
        ("anyhost_requests_total 5xx", 1),
        ("anyhost_requests_total none", 1),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(all, BTreeMap::from(expected));
}
