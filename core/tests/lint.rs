//! The lint: what a handler and a host may do passes as it is, and each rule is found broken.
#![cfg(feature = "testing")]

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use anyhost_core::bytes::Bytes;
use anyhost_core::http::{HeaderMap, Method, StatusCode, Version};
use anyhost_core::testing::{Client, Violation, lint};
use anyhost_core::{
    Body, Context, Error, Handler, Host, Request, RequestExt, Response, Result, handler, send,
};
use futures_util::stream;
use http_body::{Body as _, Frame};

fn pieces(pieces: &'static [&'static str]) -> Body {
    Body::from_stream(stream::iter(
        pieces.iter().map(|piece| Ok::<_, io::Error>(*piece)),
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

/// What the lint says of a request that no dispatch has mended.
async fn said_of(request: Request) -> Option<String> {
    let read = |mut request: Request| async move { request.buffer().await };
    let error = lint(read).handle(request).await.err()?;
    Some(error.source().unwrap().to_string())
}

/// What the lint says of a reply, which the client gets in development mode.
async fn said_of_reply(make: fn() -> Response) -> String {
    let client = Client::new(lint(move || async move { make() }));
    let client = client.with_context(Context::default().with_development(true));
    let reply = client.get("/").await;
    assert_eq!(reply.status(), 500);
    reply.text().await.unwrap()
}

#[tokio::test]
async fn a_handler_within_the_rules_is_the_same_with_the_lint() {
    let replies: [fn() -> Response; 9] = [
        || response(200, &[], Body::empty()),
        || response(200, &[], Body::from("bytes of no type")),
        || response(200, &[], pieces(&["a", "", "b"])),
        || response(200, &[("content-length", "2")], pieces(&["a", "b"])),
        || response(204, &[("x-a", "1")], Body::empty()),
        || response(205, &[("content-length", "0")], Body::empty()),
        || response(304, &[("etag", "\"1\"")], Body::empty()),
        || response(599, &[("location", "/x")], Body::from("x")),
        || response(200, &[("content-type", "a/b")], Body::from("x")),
    ];
    for make in replies {
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
async fn a_reply_that_says_what_no_host_passes_on_is_an_error_that_names_the_rule() {
    type Make = fn() -> Response;
    let cases: [(Make, &str); 14] = [
        (
            || response(100, &[], Body::empty()),
            "the status 100 ends no exchange (RFC 9110 §15)",
        ),
        (
            || response(101, &[], Body::empty()),
            "the status 101 ends no exchange (RFC 9110 §15)",
        ),
        (
            || response(600, &[], Body::empty()),
            "the status 600 ends no exchange (RFC 9110 §15)",
        ),
        (
            || response(200, &[("status", "404")], Body::empty()),
            "a status header (RFC 3875 §6.3.3)",
        ),
        (
            || response(200, &[("connection", "close")], Body::empty()),
            "the hop-by-hop header connection (RFC 9110 §7.6.1)",
        ),
        (
            || response(200, &[("transfer-encoding", "chunked")], Body::from("x")),
            "the hop-by-hop header transfer-encoding (RFC 9110 §7.6.1)",
        ),
        (
            || response(204, &[], Body::from("x")),
            "a 204 has content (RFC 9110 §15.3.5)",
        ),
        (
            || response(304, &[], pieces(&["x"])),
            "a 304 has content (RFC 9110 §15.4.5)",
        ),
        (
            || response(205, &[], Body::from("x")),
            "a 205 has content (RFC 9110 §15.3.6)",
        ),
        (
            || response(204, &[("content-length", "0")], Body::empty()),
            "a 204 has a content-length (RFC 9110 §15.3.5)",
        ),
        (
            || response(304, &[("content-type", "a/b")], Body::empty()),
            "a 304 has a content-type (RFC 9110 §15.4.5)",
        ),
        (
            || {
                let twice = [("content-type", "a/b"), ("content-type", "a/b")];
                response(200, &twice, Body::from("x"))
            },
            "more than one content-type (RFC 9110 §8.3)",
        ),
        (
            || response(200, &[("content-length", "+1")], Body::from("x")),
            "a content-length of \"+1\", which is no number (RFC 9110 §8.6)",
        ),
        (
            || response(200, &[("content-length", "2")], Body::from("x")),
            "a content-length of 2 with a body of 1 bytes (RFC 9110 §8.6)",
        ),
    ];
    for (make, broken) in cases {
        let expected = format!("500 Internal Server Error: lint: of the reply: {broken}\n");
        assert_eq!(said_of_reply(make).await, expected);
    }
}

#[tokio::test]
async fn an_error_obeys_the_same_rules_as_a_reply() {
    let lost = || async {
        let connection = "connection".parse().unwrap();
        let close = "close".parse().unwrap();
        Err::<(), _>(Error::from_status(StatusCode::NOT_FOUND).with_header(connection, close))
    };
    let error = lint(lost).handle(Request::default()).await.unwrap_err();
    assert_eq!(error.status(), 500);
    let violation = error.source().unwrap().downcast_ref::<Violation>().unwrap();
    let broken = "lint: of the reply: the hop-by-hop header connection (RFC 9110 §7.6.1)";
    assert_eq!(violation.to_string(), broken);

    let found = lint(|| async { Err::<(), _>(Error::from_status(StatusCode::NOT_FOUND)) });
    let error = found.handle(Request::default()).await.unwrap_err();
    assert_eq!(format!("{error:?}"), "404 Not Found");
}

#[tokio::test]
async fn a_streamed_reply_of_another_length_than_it_said_breaks_off() {
    for (length, passed) in [("3", "ab"), ("1", "")] {
        let wrong = lint(move || async move {
            response(200, &[("content-length", length)], pieces(&["ab"]))
        });
        let mut body = pin!(wrong.handle(Request::default()).await.unwrap().into_body());
        let mut came = String::new();
        let error = loop {
            match poll_fn(|cx| body.as_mut().poll_frame(cx)).await.unwrap() {
                Ok(frame) => came += std::str::from_utf8(frame.data_ref().unwrap()).unwrap(),
                Err(error) => break error,
            }
        };
        let broken = match length {
            "3" => "the body ended at 2 of 3 bytes (RFC 9110 §8.6)",
            _ => "the body has more than its 1 bytes (RFC 9110 §8.6)",
        };
        assert_eq!(error.to_string(), format!("lint: of the reply: {broken}"));
        assert_eq!(came, passed);
    }
    let short = lint(|| async { response(200, &[("content-length", "3")], pieces(&["ab"])) });
    assert!(Client::new(short).get("/").await.bytes().await.is_err());
}

/// Trailers, and then what must not follow.
struct Endless;

impl http_body::Body for Endless {
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
async fn nothing_follows_the_trailers_of_a_reply() {
    let endless = lint(|| async { Body::new(Endless) });
    let response = endless.handle(Request::default()).await.unwrap();
    let mut body = pin!(response.into_body());
    let first = poll_fn(|cx| body.as_mut().poll_frame(cx)).await;
    assert!(first.unwrap().unwrap().is_trailers());
    let second = poll_fn(|cx| body.as_mut().poll_frame(cx)).await;
    assert_eq!(
        second.unwrap().unwrap_err().to_string(),
        "lint: of the reply: the body goes on after its trailers (RFC 9112 §7.1.2)"
    );
}

#[tokio::test]
async fn a_host_that_polls_a_body_after_its_end_is_told() {
    let streaming = lint(|| async { pieces(&[]) });
    let response = streaming.handle(Request::default()).await.unwrap();
    let mut body = pin!(response.into_body());
    assert!(poll_fn(|cx| body.as_mut().poll_frame(cx)).await.is_none());
    let again = poll_fn(|cx| body.as_mut().poll_frame(cx)).await;
    assert_eq!(
        again.unwrap().unwrap_err().to_string(),
        "lint: of the reply: the body is polled after its end (http_body::Body)"
    );
}

#[tokio::test]
async fn every_body_is_dropped_on_every_path() {
    let linted = Arc::new(lint(|| async { pieces(&["a", "b"]) }));
    let client = Client::new(linted.clone());
    let reply = client.get("/").await;
    assert_eq!(linted.open_bodies(), 1);
    assert_eq!(reply.text().await.unwrap(), "ab");
    drop(client.request(Method::HEAD, "/").await);
    drop(client.get("/").await);
    let mut left = client.get("/").await;
    assert_eq!(left.chunk().await.unwrap().unwrap(), "a");
    drop(left);
    assert_eq!(linted.open_bodies(), 0);
}

#[tokio::test]
async fn a_request_that_breaks_a_rule_never_reaches_the_handler() {
    type Change = fn(&mut Request);
    let cases: [(Change, &str); 13] = [
        (
            |request| *request.uri_mut() = "http://a.com/".parse().unwrap(),
            "the target http://a.com/ is no path (RFC 9112 §3.2)",
        ),
        (
            |request| *request.uri_mut() = "*".parse().unwrap(),
            "the target * is no path (RFC 9112 §3.2)",
        ),
        (
            |request| base_path(request, "/"),
            "the base path \"/\" starts with no slash or ends with one (Context::with_base_path)",
        ),
        (
            |request| base_path(request, "/app/"),
            "the base path \"/app/\" starts with no slash or ends with one (Context::with_base_path)",
        ),
        (
            |request| *request.headers_mut() = header_map(&[("host", "a"), ("host", "a")]),
            "more than one host (RFC 9112 §3.2)",
        ),
        (
            |request| *request.headers_mut() = header_map(&[("host", "u@a")]),
            "the host \"u@a\" names no place (RFC 9110 §7.2)",
        ),
        (
            |request| {
                let twice = [("content-type", "a/b"), ("content-type", "a/b")];
                *request.headers_mut() = header_map(&twice);
            },
            "more than one content-type (RFC 9110 §8.3)",
        ),
        (
            |request| {
                let twice = [("content-length", "0"), ("content-length", "0")];
                *request.headers_mut() = header_map(&twice);
            },
            "more than one content-length (RFC 9110 §8.6)",
        ),
        (
            |request| *request.headers_mut() = header_map(&[("content-length", "x")]),
            "a content-length of \"x\", which is no number (RFC 9110 §8.6)",
        ),
        (
            |request| *request.headers_mut() = header_map(&[("content-length", "5")]),
            "a content-length of 5 with a body of 0 bytes (RFC 9112 §8)",
        ),
        (
            |request| *request.headers_mut() = header_map(&[("te", "trailers")]),
            "the hop-by-hop header te (RFC 9110 §7.6.1)",
        ),
        (
            |request| {
                *request.headers_mut() = header_map(&[("connection", "x"), ("upgrade", "x")]);
            },
            "the hop-by-hop header connection (RFC 9110 §7.6.1)",
        ),
        (
            |request| *request.headers_mut() = header_map(&[("transfer-encoding", "chunked")]),
            "the hop-by-hop header transfer-encoding (RFC 9110 §7.6.1)",
        ),
    ];
    for (change, broken) in cases {
        let mut request = Request::default();
        change(&mut request);
        let expected = format!("lint: of the request: {broken}");
        assert_eq!(said_of(request).await, Some(expected));
    }
}

fn base_path(request: &mut Request, base_path: &str) {
    let context = Context::default().with_base_path(base_path);
    request.extensions_mut().insert(context);
}

#[tokio::test]
async fn a_request_within_the_rules_reaches_the_handler() {
    let context = |host| Context::new(host).with_base_path("/app");
    let mut whole_server = Request::default();
    *whole_server.method_mut() = Method::OPTIONS;
    *whole_server.uri_mut() = "*".parse().unwrap();
    let mut upgrade = Request::default();
    *upgrade.headers_mut() = header_map(&[("connection", "upgrade"), ("upgrade", "x")]);
    upgrade.extensions_mut().insert(context(Host::HTTP));
    let mut http2 = Request::default();
    *http2.version_mut() = Version::HTTP_2;
    *http2.headers_mut() = header_map(&[("te", "trailers"), ("host", "")]);
    let mut posted = Request::new(pieces(&["a", "b"]));
    *posted.headers_mut() = header_map(&[("content-length", "2"), ("host", "a:1")]);
    posted.extensions_mut().insert(context(Host::CGI));
    for request in [whole_server, upgrade, http2, posted] {
        assert_eq!(said_of(request).await, None);
    }
}

#[tokio::test]
async fn a_request_body_of_another_length_than_it_said_breaks_off() {
    for (length, broken) in [
        ("3", "the body ended at 2 of 3 bytes (RFC 9110 §8.6)"),
        ("1", "the body has more than its 1 bytes (RFC 9110 §8.6)"),
    ] {
        let mut request = Request::new(pieces(&["ab"]));
        *request.headers_mut() = header_map(&[("content-length", length)]);
        let expected = format!("lint: of the request: {broken}");
        assert_eq!(said_of(request).await, Some(expected));
    }
}

#[tokio::test]
async fn a_request_body_may_be_read_on_after_its_end() {
    let twice = |mut request: Request| async move {
        while request.chunk().await?.is_some() {}
        request.text().await
    };
    let client = Client::new(lint(twice));
    let reply = client.post("/").body(pieces(&["a"])).await;
    assert_eq!(reply.text().await.unwrap(), "");
}

#[tokio::test]
async fn the_lint_wraps_whatever_is_a_handler() {
    let inner = handler(|| async { send(StatusCode::CREATED, "made") });
    let result: Result = lint(lint(inner)).handle(Request::default()).await;
    assert_eq!(result.unwrap().status(), 201);
}
