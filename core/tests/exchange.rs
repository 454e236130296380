//! The rules that apply to requests and responses on every host, tested through the in-process client.
#![cfg(feature = "testing")]

use std::io;
use std::net::IpAddr;

use anyhost_core::http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use anyhost_core::http::{self, Method, StatusCode};
use anyhost_core::testing::{Client, TestResponse};
use anyhost_core::{
    Body, Context, Error, Handler, Host, IntoResponse, Request, RequestExt, Response, Result,
    async_trait,
};
use futures_util::stream;

fn chunks(chunks: &'static [&'static str]) -> Body {
    Body::from_stream(stream::iter(
        chunks.iter().map(|chunk| Ok::<_, io::Error>(*chunk)),
    ))
}

fn names(response: &TestResponse) -> Vec<&str> {
    let mut names: Vec<_> = response.headers().keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    names
}

async fn response_to<T: IntoResponse + Clone + Send + Sync + 'static>(
    method: Method,
    value: T,
) -> TestResponse {
    Client::new(move || {
        let value = value.clone();
        async move { value }
    })
    .request(method, "/")
    .await
}

/// Makes a client whose handler responds with these headers and this body.
fn with_headers(headers: &'static [(&'static str, &'static str)], body: fn() -> Body) -> Client {
    Client::new(move || async move {
        let mut response = Response::new(body());
        for (name, value) in headers {
            response
                .headers_mut()
                .append(*name, HeaderValue::from_static(value));
        }
        response
    })
}

#[tokio::test]
async fn content_length_of_a_body_in_memory_is_corrected_and_sent_once() {
    let client = with_headers(&[("content-length", "5"), ("content-length", "5")], || {
        "hello".into()
    });
    let response = client.get("/").await;
    assert_eq!(
        response
            .headers()
            .get_all(CONTENT_LENGTH)
            .iter()
            .collect::<Vec<_>>(),
        ["5"]
    );

    let client = with_headers(&[("content-length", "99")], || "hello".into());
    let response = client.get("/").await;
    assert_eq!(response.header("content-length"), Some("5"));
    assert_eq!(response.text().await.unwrap(), "hello");
}

#[tokio::test]
async fn response_with_a_stream_of_unknown_length_has_no_content_length() {
    let response = Client::new(|| async { chunks(&["a", "", "b"]) })
        .get("/")
        .await;
    assert_eq!(names(&response), ["content-type"]);
    assert_eq!(response.text().await.unwrap(), "ab");
}

#[tokio::test]
async fn invalid_or_conflicting_content_length_is_removed_from_a_response_with_a_stream() {
    for lengths in [
        &[("content-length", "-1")][..],
        &[("content-length", "2"), ("content-length", "3")],
    ] {
        let client = with_headers(lengths, || chunks(&["ab"]));
        let response = client.get("/").await;
        assert_eq!(names(&response), ["content-type"]);
        assert_eq!(response.text().await.unwrap(), "ab");
    }
}

#[tokio::test]
async fn response_whose_stream_is_shorter_or_longer_than_its_content_length_is_aborted() {
    for (length, sent) in [("3", "ab"), ("1", "ab")] {
        let client = Client::new(move || async move {
            http::Response::builder()
                .header(CONTENT_LENGTH, length)
                .body(chunks(&["ab"]))
        });
        let response = client.get("/").await;
        assert_eq!(response.header("content-length"), Some(length));
        response.text().await.expect_err(sent);
    }
}

#[tokio::test]
async fn response_to_a_head_request_has_the_headers_of_the_get_response_and_no_body() {
    let response = response_to(Method::HEAD, "hello").await;
    assert_eq!(response.header("content-length"), Some("5"));
    assert_eq!(
        response.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(response.text().await.unwrap(), "");

    let response = Client::new(|| async { chunks(&["hello"]) }).head("/").await;
    assert_eq!(response.header("content-length"), None);
    assert_eq!(response.text().await.unwrap(), "");
}

#[tokio::test]
async fn an_empty_response_has_no_content_type_for_get_and_for_head_requests() {
    for method in [Method::GET, Method::HEAD] {
        let response = response_to(method, StatusCode::NOT_FOUND).await;
        assert_eq!(response.header("content-type"), None);
    }
}

#[tokio::test]
async fn content_length_that_the_handler_sets_for_a_head_request_is_kept() {
    let response = with_headers(&[("content-length", "1000")], Body::empty)
        .head("/")
        .await;
    assert_eq!(response.header("content-length"), Some("1000"));
}

#[tokio::test]
async fn responses_204_and_304_have_no_body_and_no_content_headers() {
    for status in [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED] {
        let response = response_to(Method::GET, (status, "text")).await;
        assert_eq!(response.status(), status);
        assert_eq!(names(&response), Vec::<&str>::new());
        assert_eq!(response.text().await.unwrap(), "");
    }
}

#[tokio::test]
async fn response_205_has_content_length_0_and_no_content_type() {
    let response = response_to(Method::GET, (StatusCode::RESET_CONTENT, "text")).await;
    assert_eq!(names(&response), ["content-length"]);
    assert_eq!(response.header("content-length"), Some("0"));
}

#[tokio::test]
async fn response_with_an_informational_status_is_replaced_by_a_500() {
    for status in [100, 101, 103, 199] {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(response_to(Method::GET, status).await.status(), 500);
        let error = Client::new(move || async move { Err::<(), _>(Error::from_status(status)) });
        assert_eq!(error.get("/").await.status(), 500);
    }
}

#[tokio::test]
async fn response_101_is_sent_if_the_client_requested_an_upgrade_and_the_host_supports_it() {
    let client = Client::new(|request: Request| async move {
        let has_connection = request.headers().contains_key(CONNECTION);
        let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response()?;
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("upgrade"));
        response.headers_mut().insert(
            "x-has-connection",
            HeaderValue::from_static(if has_connection { "1" } else { "0" }),
        );
        Ok::<_, Error>(response)
    })
    .with_context(Context::new(Host::HTTP));
    let response = client
        .get("/")
        .header("connection", "upgrade")
        .header("upgrade", "x")
        .await;
    assert_eq!(response.status(), 101);
    assert_eq!(names(&response), ["connection", "x-has-connection"]);
    assert_eq!(response.header("x-has-connection"), Some("1"));
    let without_upgrade = client.get("/").await;
    assert_eq!(without_upgrade.status(), 500);
}

#[tokio::test]
async fn hop_by_hop_headers_and_headers_named_by_connection_are_removed_from_responses() {
    let client = with_headers(
        &[
            ("connection", "close, x-drop"),
            ("keep-alive", "timeout=1"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("status", "404"),
            ("x-drop", "1"),
            ("x-keep", "1"),
        ],
        || "x".into(),
    );
    assert_eq!(
        names(&client.get("/").await),
        ["content-length", "content-type", "x-keep"]
    );
}

#[tokio::test]
async fn connection_close_from_the_handler_is_kept_only_for_an_http_1_connection_of_the_host() {
    let client = with_headers(&[("connection", "Close, x-drop"), ("x-drop", "1")], || {
        "x".into()
    });
    let server = client.clone().with_context(Context::new(Host::HTTP));
    for (client, version, expected) in [
        (&server, http::Version::HTTP_10, Some("close")),
        (&server, http::Version::HTTP_11, Some("close")),
        (&server, http::Version::HTTP_2, None),
        (&client, http::Version::HTTP_11, None),
    ] {
        let mut request = Request::default();
        *request.version_mut() = version;
        let response = client.send(request).await;
        assert_eq!(response.header("connection"), expected, "{version:?}");
        assert!(response.header("x-drop").is_none());
    }
}

#[tokio::test]
async fn hop_by_hop_headers_are_removed_from_requests() {
    let client = Client::new(|request: Request| async move {
        request
            .headers()
            .keys()
            .map(HeaderName::as_str)
            .collect::<Vec<_>>()
            .join(",")
    });
    let response = client
        .get("/")
        .header("connection", "keep-alive")
        .header("keep-alive", "1")
        .header("te", "trailers")
        .header("transfer-encoding", "chunked")
        .header("expect", "100-continue")
        .header("upgrade", "h2c")
        .header("x-keep", "1")
        .await;
    assert_eq!(response.text().await.unwrap(), "x-keep");
}

#[tokio::test]
async fn invalid_or_repeated_host_header_is_rejected_with_400() {
    let client = Client::new(|| async { "reached" });
    for host in [
        &b"a.com/foo?"[..],
        b"user@a.com",
        b"a:99999",
        b"[x",
        b"a b",
        b"\xFF",
    ] {
        let value = HeaderValue::from_bytes(host).unwrap();
        assert_eq!(
            client.get("/").header("host", value).await.status(),
            400,
            "{}",
            host.escape_ascii()
        );
    }
    assert_eq!(
        client
            .get("/")
            .header("host", "a")
            .header("host", "a")
            .await
            .status(),
        400
    );
    assert_eq!(
        client.get("/").header("host", "a.com:80").await.status(),
        200
    );
}

#[tokio::test]
async fn host_header_is_replaced_by_the_authority_of_an_absolute_request_target() {
    let client = Client::new(|request: Request| async move {
        format!("{} {:?}", request.uri(), request.authority())
    });
    for (target, expected) in [
        ("http://a.com:80/x?y", "/x?y Some(\"a.com:80\")"),
        ("http://a.com", "/ Some(\"a.com\")"),
        ("http://a.com?y", "/?y Some(\"a.com\")"),
        ("//a.com/x", "//a.com/x Some(\"other\")"),
    ] {
        let response = client.get(target).header("host", "other").await;
        assert_eq!(response.text().await.unwrap(), expected, "{target}");
    }
    assert_eq!(client.get("http://user@a.com/").await.status(), 400);
}

#[tokio::test]
async fn request_target_that_is_not_a_path_is_rejected_with_400() {
    let client = Client::new(|| async { "reached" });
    assert_eq!(client.get("*").await.status(), 400);
    assert_eq!(client.options("*").await.status(), 200);
    assert_eq!(client.get("a b").await.status(), 400);
}

#[tokio::test]
async fn response_to_an_error_has_the_status_message_and_headers_of_the_error() {
    let client = Client::new(|| async {
        Err::<(), _>(
            Error::new(StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded")
                .with_header(RETRY_AFTER, HeaderValue::from_static("5")),
        )
    });
    let response = client.get("/").await;
    assert_eq!(response.status(), 429);
    assert_eq!(
        names(&response),
        ["content-length", "content-type", "retry-after"]
    );
    assert_eq!(
        response.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(response.text().await.unwrap(), "Rate limit exceeded");
}

const LINE_OF_FAILURE: u32 = line!() + 3;

async fn fail() -> Result<()> {
    Err(io::Error::other("secret detail"))?;
    Ok(())
}

#[tokio::test]
async fn error_without_a_status_is_a_500_without_the_details_of_the_error() {
    let response = Client::new(fail).get("/").await;
    assert_eq!(response.status(), 500);
    assert_eq!(response.text().await.unwrap(), "Internal Server Error");
}

fn in_development_mode(client: Client) -> Client {
    client.with_context(Context::default().with_development(true))
}

#[tokio::test]
async fn development_mode_adds_the_sources_and_the_location_of_an_error_to_a_5xx_response() {
    let response = in_development_mode(Client::new(fail)).get("/").await;
    assert_eq!(response.status(), 500);
    let expected = format!(
        "500 Internal Server Error\ncaused by: secret detail\nat {}:{LINE_OF_FAILURE}:5\n",
        file!()
    );
    assert_eq!(response.text().await.unwrap(), expected);
}

#[tokio::test]
async fn development_mode_does_not_change_a_4xx_response_or_an_error_with_its_own_content_type() {
    async fn missing() -> Result<()> {
        Err(Error::new(404, "No such user").with_source(io::Error::other("secret detail")))
    }
    async fn problem() -> Result<()> {
        let json = HeaderValue::from_static("application/problem+json");
        Err(Error::new(503, r#"{"title":"busy"}"#).with_header(CONTENT_TYPE, json))
    }
    for (client, status, body) in [
        (Client::new(missing), 404, "No such user"),
        (Client::new(problem), 503, r#"{"title":"busy"}"#),
    ] {
        let response = in_development_mode(client).get("/").await;
        assert_eq!(response.status(), status);
        assert_eq!(response.text().await.unwrap(), body);
    }
}

struct PanicsOnCall;

#[async_trait]
impl Handler for PanicsOnCall {
    async fn handle(&self, _: Request) -> Result<Response> {
        panic!("in the future")
    }
}

#[tokio::test]
async fn panic_in_a_handler_is_a_500_and_the_next_request_succeeds() {
    fn panic_before_the_future(request: Request) -> std::future::Ready<&'static str> {
        assert!(request.uri().path() != "/boom", "before the future");
        std::future::ready("fine")
    }
    let client = Client::new(panic_before_the_future);
    let response = client.get("/boom").await;
    assert_eq!(response.status(), 500);
    assert_eq!(response.text().await.unwrap(), "Internal Server Error");
    assert_eq!(client.get("/").await.text().await.unwrap(), "fine");
    assert_eq!(Client::new(PanicsOnCall).get("/").await.status(), 500);
}

#[tokio::test]
async fn panic_with_a_payload_that_panics_when_dropped_is_a_500() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("and again");
        }
    }
    let client = Client::new(|| async {
        if true {
            std::panic::panic_any(Bomb)
        }
    });
    assert_eq!(client.get("/").await.status(), 500);
}

#[tokio::test]
async fn response_whose_body_fails_or_panics_after_its_first_chunk_is_aborted() {
    for panics in [false, true] {
        let client = Client::new(move || async move {
            Body::from_stream(stream::unfold(0, move |n| async move {
                match n {
                    0 => Some((Ok("first"), 1)),
                    _ if panics => panic!("late"),
                    _ => Some((Err(io::Error::other("late")), 2)),
                }
            }))
        });
        let mut response = client.get("/").await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.chunk().await.unwrap().unwrap(), "first");
        response.chunk().await.unwrap_err();
        assert!(response.chunk().await.unwrap().is_none());
    }
}

#[tokio::test]
async fn aborted_response_reports_its_error_once_and_then_ends() {
    let client = Client::new(|| async {
        let late = stream::iter([Ok("first"), Err(io::Error::other("late"))]);
        http::Response::builder()
            .header(CONTENT_LENGTH, "9")
            .body(Body::from_stream(late))
    });
    let mut response = client.get("/").await;
    assert_eq!(response.chunk().await.unwrap().unwrap(), "first");
    response.chunk().await.unwrap_err();
    assert!(response.chunk().await.unwrap().is_none());
}

#[tokio::test]
async fn content_type_that_the_handler_sets_is_kept() {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    let response = response_to(Method::GET, (StatusCode::CREATED, (headers, "<b>hi</b>"))).await;
    assert_eq!(response.status(), 201);
    assert_eq!(response.header("content-type"), Some("text/html"));
}

#[tokio::test]
async fn handler_reads_the_peer_base_path_and_request_id_from_the_context() {
    let context = Context::new(Host::new("custom"))
        .with_peer(IpAddr::from([192, 0, 2, 1]))
        .with_base_path("/app")
        .with_request_id("r1");
    let client = Client::new(|request: Request| async move {
        let context = request.context();
        format!(
            "{} {:?} {} {:?}",
            context.host(),
            context.peer(),
            context.base_path(),
            context.request_id()
        )
    });
    let response = client.clone().with_context(context).get("/").await;
    assert_eq!(
        response.text().await.unwrap(),
        "custom Some(192.0.2.1) /app Some(\"r1\")"
    );
    let response = client.get("/").await;
    assert_eq!(response.text().await.unwrap(), "in-process None  None");
}

#[tokio::test]
async fn wait_until_work_runs_when_the_test_calls_finish_of_the_client() {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let client = Client::new(move |request: Request| {
        let sender = sender.clone();
        async move {
            request
                .context()
                .wait_until(async move { sender.send("done").unwrap() });
        }
    });
    assert_eq!(client.post("/").await.status(), 204);
    assert!(receiver.try_recv().is_err());
    client.finish().await;
    assert_eq!(receiver.try_recv(), Ok("done"));
}
