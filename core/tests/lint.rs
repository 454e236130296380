//! The lint passes valid requests and responses unchanged, and reports each broken rule.
#![cfg(feature = "testing")]

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use anyhost_core::bytes::Bytes;
use anyhost_core::http::header::{CONNECTION, HeaderValue};
use anyhost_core::http::{HeaderMap, Method, StatusCode, Version};
use anyhost_core::testing::{Client, Violation, lint};
use anyhost_core::{
    Body, Context, Error, Handler, Host, Request, RequestExt, Response, Result, handler, send,
};
use futures_util::stream;
use http_body::{Body as _, Frame};

fn chunks(chunks: &'static [&'static str]) -> Body {
    Body::from_stream(stream::iter(
        chunks.iter().map(|chunk| Ok::<_, io::Error>(*chunk)),
    ))
}

fn response(status: u16, headers: &[(&str, &str)], body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    *response.headers_mut() = header_map(headers);
    response
}

fn header_map(headers: &[(&str, &str)]) -> HeaderMap {
    let pairs = headers
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append::<http::HeaderName>(name, value);
    }
    map
}

/// Returns the violation that the lint reports for this request. The request goes directly to the lint,
/// because the client for tests would reject or correct invalid requests.
async fn violation_of_request(request: Request) -> Option<String> {
    let read = |mut request: Request| async move { request.buffer().await };
    let error = lint(read).handle(request).await.err()?;
    Some(error.source().unwrap().to_string())
}

/// Returns the body of the response, which contains the violation in development mode.
async fn text_with_violation(make: fn() -> Response) -> String {
    let client = Client::new(lint(move || async move { make() }));
    let client = client.with_context(Context::default().with_development(true));
    let response = client.get("/").await;
    assert_eq!(response.status(), 500);
    response.text().await.unwrap()
}

#[tokio::test]
async fn lint_does_not_change_valid_responses() {
    let valid: [fn() -> Response; 9] = [
        || response(200, &[], Body::empty()),
        || response(200, &[], Body::from("bytes without a type")),
        || response(200, &[], chunks(&["a", "", "b"])),
        || response(200, &[("content-length", "2")], chunks(&["a", "b"])),
        || response(204, &[("x-a", "1")], Body::empty()),
        || response(205, &[("content-length", "0")], Body::empty()),
        || response(304, &[("etag", "\"1\"")], Body::empty()),
        || response(599, &[("location", "/x")], Body::from("x")),
        || response(200, &[("content-type", "a/b")], Body::from("x")),
    ];
    for make in valid {
        let (plain, linted) = (
            Client::new(move || async move { make() }),
            Client::new(lint(move || async move { make() })),
        );
        for method in [Method::GET, Method::HEAD] {
            let plain = plain.request(method.clone(), "/").await;
            let linted = linted.request(method, "/").await;
            assert_eq!(linted.status(), plain.status());
            assert_eq!(linted.headers(), plain.headers());
            assert_eq!(linted.bytes().await.unwrap(), plain.bytes().await.unwrap());
        }
    }
}

#[tokio::test]
async fn response_that_breaks_a_rule_becomes_a_500_that_names_the_rule() {
    type Make = fn() -> Response;
    let cases: [(Make, &str); 14] = [
        (
            || response(100, &[], Body::empty()),
            "status 100 is not a final status (RFC 9110 §15)",
        ),
        (
            || response(101, &[], Body::empty()),
            "status 101 is not a final status (RFC 9110 §15)",
        ),
        (
            || response(600, &[], Body::empty()),
            "status 600 is not a final status (RFC 9110 §15)",
        ),
        (
            || response(200, &[("status", "404")], Body::empty()),
            "unexpected header status (RFC 3875 §6.3.3)",
        ),
        (
            || response(200, &[("connection", "close, x")], Body::empty()),
            "unexpected hop-by-hop header connection (RFC 9110 §7.6.1)",
        ),
        (
            || response(200, &[("transfer-encoding", "chunked")], Body::from("x")),
            "unexpected hop-by-hop header transfer-encoding (RFC 9110 §7.6.1)",
        ),
        (
            || response(204, &[], Body::from("x")),
            "a 204 response has content (RFC 9110 §15.3.5)",
        ),
        (
            || response(304, &[], chunks(&["x"])),
            "a 304 response has content (RFC 9110 §15.4.5)",
        ),
        (
            || response(205, &[], Body::from("x")),
            "a 205 response has content (RFC 9110 §15.3.6)",
        ),
        (
            || response(204, &[("content-length", "0")], Body::empty()),
            "a 204 response has a content-length header (RFC 9110 §15.3.5)",
        ),
        (
            || response(304, &[("content-type", "a/b")], Body::empty()),
            "a 304 response has a content-type header (RFC 9110 §15.4.5)",
        ),
        (
            || {
                let twice = [("content-type", "a/b"), ("content-type", "a/b")];
                response(200, &twice, Body::from("x"))
            },
            "more than one content-type header (RFC 9110 §8.3)",
        ),
        (
            || response(200, &[("content-length", "+1")], Body::from("x")),
            "content-length \"+1\" is not a number (RFC 9110 §8.6)",
        ),
        (
            || response(200, &[("content-length", "2")], Body::from("x")),
            "content-length is 2, but the body has 1 bytes (RFC 9110 §8.6)",
        ),
    ];
    for (make, broken) in cases {
        let expected =
            format!("500 Internal Server Error\ncaused by: lint: invalid response: {broken}\n");
        assert_eq!(text_with_violation(make).await, expected);
    }
}

#[tokio::test]
async fn error_with_a_hop_by_hop_header_is_reported_by_the_lint() {
    let invalid = || async {
        let connection = "connection".parse().unwrap();
        let upgrade = "upgrade".parse().unwrap();
        Err::<(), _>(Error::from_status(StatusCode::NOT_FOUND).with_header(connection, upgrade))
    };
    let error = lint(invalid).handle(Request::default()).await.unwrap_err();
    assert_eq!(error.status(), 500);
    let violation = error.source().unwrap().downcast_ref::<Violation>().unwrap();
    let broken =
        "lint: invalid response: unexpected hop-by-hop header connection (RFC 9110 §7.6.1)";
    assert_eq!(violation.to_string(), broken);

    let valid = lint(|| async {
        let (connection, close) = (CONNECTION, HeaderValue::from_static("close"));
        Err::<(), _>(Error::from_status(StatusCode::NOT_FOUND).with_header(connection, close))
    });
    let error = valid.handle(Request::default()).await.unwrap_err();
    assert_eq!(format!("{error:?}"), "404 Not Found");
}

#[tokio::test]
async fn streamed_response_whose_length_differs_from_content_length_is_aborted_with_a_violation() {
    for (length, expected) in [("3", "ab"), ("1", "")] {
        let wrong = lint(move || async move {
            response(200, &[("content-length", length)], chunks(&["ab"]))
        });
        let mut body = pin!(wrong.handle(Request::default()).await.unwrap().into_body());
        let mut received = String::new();
        let error = loop {
            match poll_fn(|cx| body.as_mut().poll_frame(cx)).await.unwrap() {
                Ok(frame) => received += std::str::from_utf8(frame.data_ref().unwrap()).unwrap(),
                Err(error) => break error,
            }
        };
        let broken = match length {
            "3" => "the body ended after 2 of 3 bytes (RFC 9110 §8.6)",
            _ => "the body exceeds its declared length of 1 bytes (RFC 9110 §8.6)",
        };
        assert_eq!(
            error.to_string(),
            format!("lint: invalid response: {broken}")
        );
        assert_eq!(received, expected);
    }
    let short = lint(|| async { response(200, &[("content-length", "3")], chunks(&["ab"])) });
    assert!(Client::new(short).get("/").await.bytes().await.is_err());
}

/// A body that sends trailers in every frame and never ends.
struct EndlessTrailers;

impl http_body::Body for EndlessTrailers {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(Some(Ok(Frame::trailers(HeaderMap::new()))))
    }
}

#[tokio::test]
async fn response_with_a_frame_after_its_trailers_is_aborted_with_a_violation() {
    let endless = lint(|| async { Body::new(EndlessTrailers) });
    let response = endless.handle(Request::default()).await.unwrap();
    let mut body = pin!(response.into_body());
    let first = poll_fn(|cx| body.as_mut().poll_frame(cx)).await;
    assert!(first.unwrap().unwrap().is_trailers());
    let second = poll_fn(|cx| body.as_mut().poll_frame(cx)).await;
    assert_eq!(
        second.unwrap().unwrap_err().to_string(),
        "lint: invalid response: a frame follows the trailers (RFC 9112 §7.1.2)"
    );
}

#[tokio::test]
async fn polling_a_response_body_after_its_end_returns_a_violation() {
    let streaming = lint(|| async { chunks(&[]) });
    let response = streaming.handle(Request::default()).await.unwrap();
    let mut body = pin!(response.into_body());
    assert!(poll_fn(|cx| body.as_mut().poll_frame(cx)).await.is_none());
    let again = poll_fn(|cx| body.as_mut().poll_frame(cx)).await;
    assert_eq!(
        again.unwrap().unwrap_err().to_string(),
        "lint: invalid response: the host polled the body after its end (http_body::Body)"
    );
}

#[tokio::test]
async fn lint_counts_0_open_bodies_after_responses_to_get_and_head_requests_were_read_or_dropped() {
    let linted = Arc::new(lint(|| async { chunks(&["a", "b"]) }));
    let client = Client::new(linted.clone());
    let read = client.get("/").await;
    assert_eq!(linted.open_bodies(), 1);
    assert_eq!(read.text().await.unwrap(), "ab");
    drop(client.request(Method::HEAD, "/").await);
    drop(client.get("/").await);
    let mut partly_read = client.get("/").await;
    assert_eq!(partly_read.chunk().await.unwrap().unwrap(), "a");
    drop(partly_read);
    assert_eq!(linted.open_bodies(), 0);
}

#[tokio::test]
async fn request_that_breaks_a_rule_is_rejected_with_a_500_that_names_the_rule() {
    type Change = fn(&mut Request);
    let cases: [(Change, &str); 13] = [
        (
            |request| *request.uri_mut() = "http://a.com/".parse().unwrap(),
            "target http://a.com/ is not a path (RFC 9112 §3.2)",
        ),
        (
            |request| *request.uri_mut() = "*".parse().unwrap(),
            "target * is not a path (RFC 9112 §3.2)",
        ),
        (
            |request| base_path(request, "/"),
            "base path \"/\" must start with a slash and not end with one (Context::with_base_path)",
        ),
        (
            |request| base_path(request, "/app/"),
            "base path \"/app/\" must start with a slash and not end with one (Context::with_base_path)",
        ),
        (
            |request| *request.headers_mut() = header_map(&[("host", "a"), ("host", "a")]),
            "more than one host header (RFC 9112 §3.2)",
        ),
        (
            |request| *request.headers_mut() = header_map(&[("host", "u@a")]),
            "invalid host \"u@a\" (RFC 9110 §7.2)",
        ),
        (
            |request| {
                let twice = [("content-type", "a/b"), ("content-type", "a/b")];
                *request.headers_mut() = header_map(&twice);
            },
            "more than one content-type header (RFC 9110 §8.3)",
        ),
        (
            |request| {
                let twice = [("content-length", "0"), ("content-length", "0")];
                *request.headers_mut() = header_map(&twice);
            },
            "more than one content-length header (RFC 9110 §8.6)",
        ),
        (
            |request| *request.headers_mut() = header_map(&[("content-length", "x")]),
            "content-length \"x\" is not a number (RFC 9110 §8.6)",
        ),
        (
            |request| *request.headers_mut() = header_map(&[("content-length", "5")]),
            "content-length is 5, but the body has 0 bytes (RFC 9112 §8)",
        ),
        (
            |request| *request.headers_mut() = header_map(&[("te", "trailers")]),
            "unexpected hop-by-hop header te (RFC 9110 §7.6.1)",
        ),
        (
            |request| {
                *request.headers_mut() = header_map(&[("connection", "x"), ("upgrade", "x")]);
            },
            "unexpected hop-by-hop header connection (RFC 9110 §7.6.1)",
        ),
        (
            |request| *request.headers_mut() = header_map(&[("transfer-encoding", "chunked")]),
            "unexpected hop-by-hop header transfer-encoding (RFC 9110 §7.6.1)",
        ),
    ];
    for (change, broken) in cases {
        let mut request = Request::default();
        change(&mut request);
        let expected = format!("lint: invalid request: {broken}");
        assert_eq!(violation_of_request(request).await, Some(expected));
    }
}

fn base_path(request: &mut Request, base_path: &str) {
    let context = Context::default().with_base_path(base_path);
    request.extensions_mut().insert(context);
}

#[tokio::test]
async fn valid_request_passes_the_lint() {
    let context = |host| Context::new(host).with_base_path("/app");
    let mut server_wide_options = Request::default();
    *server_wide_options.method_mut() = Method::OPTIONS;
    *server_wide_options.uri_mut() = "*".parse().unwrap();
    let mut upgrade = Request::default();
    *upgrade.headers_mut() = header_map(&[("connection", "upgrade"), ("upgrade", "x")]);
    upgrade.extensions_mut().insert(context(Host::HTTP));
    let mut http2 = Request::default();
    *http2.version_mut() = Version::HTTP_2;
    *http2.headers_mut() = header_map(&[("te", "trailers"), ("host", "")]);
    let mut posted = Request::new(chunks(&["a", "b"]));
    *posted.headers_mut() = header_map(&[("content-length", "2"), ("host", "a:1")]);
    posted.extensions_mut().insert(context(Host::CGI));
    for request in [server_wide_options, upgrade, http2, posted] {
        assert_eq!(violation_of_request(request).await, None);
    }
}

#[tokio::test]
async fn request_body_whose_length_differs_from_content_length_fails_with_a_violation() {
    for (length, broken) in [
        ("3", "the body ended after 2 of 3 bytes (RFC 9110 §8.6)"),
        (
            "1",
            "the body exceeds its declared length of 1 bytes (RFC 9110 §8.6)",
        ),
    ] {
        let mut request = Request::new(chunks(&["ab"]));
        *request.headers_mut() = header_map(&[("content-length", length)]);
        let expected = format!("lint: invalid request: {broken}");
        assert_eq!(violation_of_request(request).await, Some(expected));
    }
}

#[tokio::test]
async fn handler_can_read_the_request_body_again_after_its_end() {
    let twice = |mut request: Request| async move {
        while request.chunk().await?.is_some() {}
        request.text().await
    };
    let client = Client::new(lint(twice));
    let response = client.post("/").body(chunks(&["a"])).await;
    assert_eq!(response.text().await.unwrap(), "");
}

#[tokio::test]
async fn lint_can_wrap_a_handler_that_is_already_wrapped_in_lint() {
    let inner = handler(|| async { send(StatusCode::CREATED, "made") });
    let result: Result = lint(lint(inner)).handle(Request::default()).await;
    assert_eq!(result.unwrap().status(), 201);
}
