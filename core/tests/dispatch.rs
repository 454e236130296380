//! The rules of `dispatch`, each by the behaviour that a client sees.
#![cfg(feature = "testing")]

use std::io;
use std::net::IpAddr;

use anyhost_core::http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use anyhost_core::http::{self, Method, StatusCode};
use anyhost_core::testing::{Client, Reply};
use anyhost_core::{
    Body, Context, Error, Handler, Host, IntoResponse, Request, RequestExt, Response, Result,
    async_trait, handler,
};
use futures_util::stream;

fn pieces(pieces: &'static [&'static str]) -> Body {
    Body::from_stream(stream::iter(
        pieces.iter().map(|piece| Ok::<_, io::Error>(*piece)),
    ))
}

fn names(reply: &Reply) -> Vec<&str> {
    let mut names: Vec<_> = reply.headers().keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    names
}

async fn reply_of<T: IntoResponse + Clone + Send + Sync + 'static>(
    method: Method,
    value: T,
) -> Reply {
    Client::new(move || {
        let value = value.clone();
        async move { value }
    })
    .request(method, "/")
    .await
}

/// A handler that replies with headers of its own.
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
async fn a_known_length_is_declared_once_and_rightly() {
    let client = with_headers(&[("content-length", "5"), ("content-length", "5")], || {
        "hello".into()
    });
    let reply = client.get("/").await;
    assert_eq!(
        reply
            .headers()
            .get_all(CONTENT_LENGTH)
            .iter()
            .collect::<Vec<_>>(),
        ["5"]
    );

    let client = with_headers(&[("content-length", "99")], || "hello".into());
    let reply = client.get("/").await;
    assert_eq!(reply.header("content-length"), Some("5"));
    assert_eq!(reply.text().await.unwrap(), "hello");
}

#[tokio::test]
async fn an_unknown_length_is_not_declared() {
    let reply = Client::new(|| async { pieces(&["a", "", "b"]) })
        .get("/")
        .await;
    assert_eq!(names(&reply), ["content-type"]);
    assert_eq!(reply.text().await.unwrap(), "ab");
}

#[tokio::test]
async fn a_nonsense_length_is_dropped() {
    for lengths in [
        &[("content-length", "-1")][..],
        &[("content-length", "2"), ("content-length", "3")],
    ] {
        let client = with_headers(lengths, || pieces(&["ab"]));
        let reply = client.get("/").await;
        assert_eq!(names(&reply), ["content-type"]);
        assert_eq!(reply.text().await.unwrap(), "ab");
    }
}

#[tokio::test]
async fn a_stream_shorter_or_longer_than_declared_is_cut() {
    for (length, sent) in [("3", "ab"), ("1", "ab")] {
        let client = Client::new(move || async move {
            http::Response::builder()
                .header(CONTENT_LENGTH, length)
                .body(pieces(&["ab"]))
        });
        let reply = client.get("/").await;
        assert_eq!(reply.header("content-length"), Some(length));
        reply.text().await.expect_err(sent);
    }
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let reply = reply_of(Method::HEAD, "hello").await;
    assert_eq!(reply.header("content-length"), Some("5"));
    assert_eq!(
        reply.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(reply.text().await.unwrap(), "");

    let reply = Client::new(|| async { pieces(&["hello"]) }).head("/").await;
    assert_eq!(reply.header("content-length"), None);
    assert_eq!(reply.text().await.unwrap(), "");
}

#[tokio::test]
async fn head_may_declare_the_length_of_a_body_never_made() {
    let reply = with_headers(&[("content-length", "1000")], Body::empty)
        .head("/")
        .await;
    assert_eq!(reply.header("content-length"), Some("1000"));
}

#[tokio::test]
async fn no_content_and_not_modified_have_no_body_and_describe_none() {
    for status in [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED] {
        let reply = reply_of(Method::GET, (status, "text")).await;
        assert_eq!(reply.status(), status);
        assert_eq!(names(&reply), Vec::<&str>::new());
        assert_eq!(reply.text().await.unwrap(), "");
    }
}

#[tokio::test]
async fn reset_content_has_length_zero() {
    let reply = reply_of(Method::GET, (StatusCode::RESET_CONTENT, "text")).await;
    assert_eq!(names(&reply), ["content-length"]);
    assert_eq!(reply.header("content-length"), Some("0"));
}

#[tokio::test]
async fn an_informational_status_is_a_500() {
    for status in [100, 101, 103, 199] {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(reply_of(Method::GET, status).await.status(), 500);
        let error = Client::new(move || async move { Err::<(), _>(Error::from_status(status)) });
        assert_eq!(error.get("/").await.status(), 500);
    }
}

#[tokio::test]
async fn a_switch_of_protocols_passes_where_the_host_can_do_it() {
    let client = Client::new(|request: Request| async move {
        let asked = request.headers().contains_key(CONNECTION);
        let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response()?;
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("upgrade"));
        response.headers_mut().insert(
            "x-asked",
            HeaderValue::from_static(if asked { "1" } else { "0" }),
        );
        Ok::<_, Error>(response)
    })
    .with_context(Context::new(Host::HTTP));
    let reply = client
        .get("/")
        .header("connection", "upgrade")
        .header("upgrade", "x")
        .await;
    assert_eq!(reply.status(), 101);
    assert_eq!(names(&reply), ["connection", "x-asked"]);
    assert_eq!(reply.header("x-asked"), Some("1"));
    assert_eq!(client.get("/").await.status(), 500, "nobody asked");
}

#[tokio::test]
async fn hop_by_hop_headers_and_those_named_by_connection_are_dropped_from_replies() {
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
async fn hop_by_hop_headers_of_the_request_are_not_the_handlers_business() {
    let client = Client::new(|request: Request| async move {
        request
            .headers()
            .keys()
            .map(HeaderName::as_str)
            .collect::<Vec<_>>()
            .join(",")
    });
    let reply = client
        .get("/")
        .header("connection", "keep-alive")
        .header("keep-alive", "1")
        .header("te", "trailers")
        .header("transfer-encoding", "chunked")
        .header("expect", "100-continue")
        .header("upgrade", "h2c")
        .header("x-keep", "1")
        .await;
    assert_eq!(reply.text().await.unwrap(), "x-keep");
}

#[tokio::test]
async fn a_hostile_host_is_a_400() {
    let client = Client::new(|| async { "reached" });
    for host in ["a.com/foo?", "user@a.com", "a:99999", "[x", "a b"] {
        assert_eq!(
            client.get("/").header("host", host).await.status(),
            400,
            "{host}"
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
async fn an_absolute_target_names_the_host() {
    let client = Client::new(|request: Request| async move {
        format!("{} {:?}", request.uri(), request.authority())
    });
    for (target, seen) in [
        ("http://a.com:80/x?y", "/x?y Some(\"a.com:80\")"),
        ("http://a.com", "/ Some(\"a.com\")"),
        ("http://a.com?y", "/?y Some(\"a.com\")"),
        ("//a.com/x", "//a.com/x Some(\"other\")"),
    ] {
        let reply = client.get(target).header("host", "other").await;
        assert_eq!(reply.text().await.unwrap(), seen, "{target}");
    }
    assert_eq!(client.get("http://user@a.com/").await.status(), 400);
}

#[tokio::test]
async fn a_target_that_is_no_path_is_a_400() {
    let client = Client::new(|| async { "reached" });
    assert_eq!(client.get("*").await.status(), 400);
    assert_eq!(client.options("*").await.status(), 200);
    assert_eq!(client.get("a b").await.status(), 400);
}

#[tokio::test]
async fn an_error_is_its_status_message_and_headers() {
    let client = Client::new(|| async {
        Err::<(), _>(
            Error::new(StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded")
                .with_header(RETRY_AFTER, HeaderValue::from_static("5")),
        )
    });
    let reply = client.get("/").await;
    assert_eq!(reply.status(), 429);
    assert_eq!(
        names(&reply),
        ["content-length", "content-type", "retry-after"]
    );
    assert_eq!(
        reply.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(reply.text().await.unwrap(), "Rate limit exceeded");
}

async fn fail() -> Result<()> {
    Err(io::Error::other("secret detail"))?;
    Ok(())
}

#[tokio::test]
async fn a_plain_error_is_a_500_without_its_detail() {
    let reply = Client::new(fail).get("/").await;
    assert_eq!(reply.status(), 500);
    assert_eq!(reply.text().await.unwrap(), "Internal Server Error");
}

#[tokio::test]
async fn development_mode_tells_the_detail() {
    let context = Context::default().with_development(true);
    let reply = Client::new(fail).with_context(context).get("/").await;
    assert_eq!(
        reply.text().await.unwrap(),
        "500 Internal Server Error: secret detail\n"
    );
}

struct PanicsOnCall;

#[async_trait]
impl Handler for PanicsOnCall {
    async fn handle(&self, _: Request) -> Result<Response> {
        panic!("in the future")
    }
}

#[tokio::test]
async fn a_panic_is_a_500_and_the_next_request_works() {
    fn before(request: Request) -> std::future::Ready<&'static str> {
        assert!(request.uri().path() != "/boom", "before the future");
        std::future::ready("fine")
    }
    let client = Client::new(before);
    let reply = client.get("/boom").await;
    assert_eq!(reply.status(), 500);
    assert_eq!(reply.text().await.unwrap(), "Internal Server Error");
    assert_eq!(client.get("/").await.text().await.unwrap(), "fine");
    assert_eq!(Client::new(PanicsOnCall).get("/").await.status(), 500);
}

#[tokio::test]
async fn a_panic_whose_payload_panics_again_is_a_500() {
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
async fn a_body_that_fails_or_panics_is_cut_after_what_it_sent() {
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
        let mut reply = client.get("/").await;
        assert_eq!(reply.status(), 200);
        assert_eq!(reply.chunk().await.unwrap().unwrap(), "first");
        reply.chunk().await.unwrap_err();
        assert!(reply.chunk().await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_cut_is_told_once() {
    let client = Client::new(|| async {
        let late = stream::iter([Ok("first"), Err(io::Error::other("late"))]);
        http::Response::builder()
            .header(CONTENT_LENGTH, "9")
            .body(Body::from_stream(late))
    });
    let mut reply = client.get("/").await;
    assert_eq!(reply.chunk().await.unwrap().unwrap(), "first");
    reply.chunk().await.unwrap_err();
    assert!(reply.chunk().await.unwrap().is_none());
}

#[tokio::test]
async fn a_handler_set_content_type_survives() {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    let reply = reply_of(Method::GET, (StatusCode::CREATED, (headers, "<b>hi</b>"))).await;
    assert_eq!(reply.status(), 201);
    assert_eq!(reply.header("content-type"), Some("text/html"));
}

#[tokio::test]
async fn the_handler_learns_what_the_host_knows() {
    let context = Context::new(Host::new("mine"))
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
    let reply = client.clone().with_context(context).get("/").await;
    assert_eq!(
        reply.text().await.unwrap(),
        "mine Some(192.0.2.1) /app Some(\"r1\")"
    );
    let reply = client.get("/").await;
    assert_eq!(reply.text().await.unwrap(), "in-process None  None");
}

#[tokio::test]
async fn a_request_without_a_context_is_served() {
    let response = anyhost_core::dispatch(
        &handler(|r: Request| async move { r.context().host().name() }),
        Request::default(),
    )
    .await;
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn work_after_the_reply_runs_when_the_host_finishes() {
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
