//! Responses that a function sends while it produces them.

use std::io;

use super::*;
use anyhost_core::testing::TestResponse;
use anyhost_core::{Body, BoxError, http};
use anyhost_lambda::front_door::Client;
use anyhost_lambda::{Function, Mode};
use futures_util::stream;

fn chunks(chunks: impl IntoIterator<Item = Bytes, IntoIter: Send + 'static>) -> Body {
    Body::from_stream(stream::iter(chunks.into_iter().map(Ok::<_, BoxError>)))
}

fn posted(parts: &[&'static [u8]]) -> Body {
    chunks(
        parts
            .iter()
            .map(|part| Bytes::from_static(part))
            .collect::<Vec<_>>(),
    )
}

async fn through<K>(
    simulator: impl Into<Simulator>,
    handler: impl anyhost_core::IntoHandler<K>,
) -> TestResponse {
    let streaming = Function::new().with_mode(Mode::Stream);
    let client = Client::new(simulator, handler).with_function(streaming);
    client.send(get()).await
}

#[tokio::test]
async fn a_streamed_response_arrives_in_chunks_if_the_event_source_can_stream() {
    let slowly = || async { posted(&[b"one", b"two"]) };
    for simulator in SIMULATORS {
        let mut response = through(simulator, slowly).await;
        assert_eq!(response.status(), 200, "{simulator}");
        assert_eq!(
            response.header("content-type"),
            Some("application/octet-stream"),
            "{simulator}"
        );
        let first = response
            .chunk()
            .await
            .expect("expected a complete response")
            .expect("expected a body");
        let expected = if simulator.source().can_stream() {
            "one"
        } else {
            "onetwo"
        };
        assert_eq!(first, expected, "{simulator}");
    }
}

#[tokio::test]
async fn a_streamed_response_keeps_cookies_and_repeated_headers() {
    let headers = || async {
        http::Response::builder()
            .status(201)
            .header("set-cookie", "a=1")
            .header("set-cookie", "b=2")
            .header("x-multi", "one")
            .header("x-multi", "two")
            .body(posted(&[]))
            .map_err(anyhost_core::Error::from)
    };
    for (simulator, multi) in [
        (Source::FunctionUrl, &[("x-multi", "one, two")][..]),
        (Source::RestApi, &[("x-multi", "one"), ("x-multi", "two")]),
    ] {
        let response = through(simulator, headers).await;
        assert_eq!(response.status(), 201, "{simulator}");
        let mut expected = vec![
            ("content-type", "application/octet-stream"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
        ];
        expected.extend(multi);
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        assert_eq!(pairs(response.headers()), expected, "{simulator}");
        assert_eq!(
            response
                .bytes()
                .await
                .expect("expected a complete response"),
            "",
            "{simulator}"
        );
    }
}

#[tokio::test]
async fn a_body_that_fails_aborts_a_streamed_response_and_turns_a_buffered_response_into_a_500() {
    let failing = || async {
        let chunks = [Ok("first"), Err(io::Error::other("late"))];
        Body::from_stream(stream::iter(chunks))
    };
    for simulator in SIMULATORS {
        let mut response = through(simulator, failing).await;
        if !simulator.source().can_stream() {
            assert_eq!(response.status(), 500, "{simulator}");
            continue;
        }
        assert_eq!(response.status(), 200, "{simulator}");
        let first = response
            .chunk()
            .await
            .expect("expected a chunk before the response is aborted");
        assert_eq!(first.as_deref(), Some(&b"first"[..]), "{simulator}");
        let aborted = response
            .chunk()
            .await
            .expect_err("expected an aborted response");
        let expected =
            "500 Internal Server Error: aborted: the function failed with \"Runtime.StreamError\"";
        assert_eq!(format!("{aborted:?}"), expected, "{simulator}");
    }
}

#[tokio::test]
async fn the_prelude_ends_at_eight_nul_bytes_wherever_chunks_end() {
    let whole =
        b"{\"statusCode\":418,\"headers\":{\"x-a\":\"1\"}}\0\0\0\0\0\0\0\0body\0\0\0\0\0\0\0\0";
    for split in 0..whole.len() {
        let (head, tail) = whole.split_at(split);
        let response = Simulator::new(Source::FunctionUrl)
            .streamed_response(posted(&[head, tail]))
            .await;
        let response = TestResponse::from(response);
        assert_eq!(
            (response.status().as_u16(), response.header("x-a")),
            (418, Some("1")),
            "{split}"
        );
        let body = response
            .bytes()
            .await
            .expect("expected a complete response");
        assert_eq!(body, &b"body\0\0\0\0\0\0\0\0"[..], "{split}");
    }
}

#[tokio::test]
async fn a_stream_from_the_function_without_a_valid_prelude_is_a_502() {
    for parts in [
        &[&b"{\"statusCode\":200}"[..]][..],
        &[b"{\"statusCode\":200}\0\0\0\0\0\0\0"],
        &[b"not JSON\0\0\0\0\0\0\0\0"],
        &[b"{\"statusCode\":200,\"headers\":{\"a b\":\"1\"}}\0\0\0\0\0\0\0\0"],
    ] {
        for simulator in [Source::FunctionUrl, Source::RestApi].map(Simulator::new) {
            assert_eq!(
                simulator.streamed_response(posted(parts)).await.status(),
                502,
                "{simulator}"
            );
        }
    }
    let padding = vec![b' '; 20_000];
    let late = [&padding[..], b"{\"statusCode\":200}\0\0\0\0\0\0\0\0"].concat();
    let late = late
        .chunks(1000)
        .map(Bytes::copy_from_slice)
        .collect::<Vec<_>>();
    assert_eq!(
        Simulator::new(Source::RestApi)
            .streamed_response(chunks(late))
            .await
            .status(),
        502
    );
}

#[tokio::test]
async fn a_stream_from_the_function_is_invalid_json_for_an_event_source_that_cannot_stream() {
    let parts = &[&b"{\"statusCode\":200}\0\0\0\0\0\0\0\0body"[..]];
    for simulator in SIMULATORS.into_iter().filter(|s| !s.source().can_stream()) {
        let failed = failure(simulator);
        assert_eq!(
            simulator.streamed_response(posted(parts)).await.status(),
            failed,
            "{simulator}"
        );
    }
}

#[tokio::test]
async fn a_streamed_response_is_aborted_after_200_mebibytes() {
    let block = Bytes::from(vec![b'x'; 1 << 20]);
    let prelude = Bytes::from_static(b"{\"statusCode\":200}\0\0\0\0\0\0\0\0");
    let endless = chunks(std::iter::once(prelude).chain(std::iter::repeat(block)));
    let mut response = TestResponse::from(
        Simulator::new(Source::FunctionUrl)
            .streamed_response(endless)
            .await,
    );
    let mut length = 0;
    let aborted = loop {
        match response.chunk().await {
            Ok(chunk) => length += chunk.expect("expected an endless response").len(),
            Err(aborted) => break aborted,
        }
    };
    assert_eq!(length, 200 << 20);
    assert!(
        format!("{aborted:?}").contains("too large to stream"),
        "{aborted:?}"
    );
}

#[tokio::test]
async fn a_prelude_over_16_kilobytes_and_a_status_over_599_are_a_500() {
    // JSON escapes each of the 9,000 quotation marks with a second byte.
    let quotes = || async {
        let quotes =
            http::HeaderValue::try_from("\"".repeat(9000)).expect("expected a valid header value");
        let headers = http::HeaderMap::from_iter([(http::header::VARY, quotes)]);
        (headers, "")
    };
    let unknown = || async { http::StatusCode::from_u16(600).expect("expected a valid status") };
    for simulator in SIMULATORS {
        if simulator.source().can_stream() {
            assert_eq!(
                through(simulator, quotes).await.status(),
                500,
                "{simulator}"
            );
            assert_eq!(
                through(simulator, unknown).await.status(),
                500,
                "{simulator}"
            );
        }
    }
}
