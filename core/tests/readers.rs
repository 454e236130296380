//! Reading bodies: limits, repeats, faults.
#![cfg(feature = "testing")]

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use anyhost_core::bytes::Bytes;
use anyhost_core::testing::Client;
use anyhost_core::{Body, Limit, Request, RequestExt};
use futures_util::{FutureExt, StreamExt, stream};
use http_body::{Frame, SizeHint};
use serde_json::{Value, json};

fn request(pieces: &[&'static str]) -> Request {
    let pieces: Vec<_> = pieces
        .iter()
        .map(|piece| Ok::<_, io::Error>(*piece))
        .collect();
    Request::new(Body::from_stream(stream::iter(pieces)))
}

#[tokio::test]
async fn what_was_read_stays_readable() {
    for mut request in [
        request(&["{\"a\"", ":1}"]),
        Request::new("{\"a\":1}".into()),
    ] {
        assert_eq!(request.json::<Value>().await.unwrap(), json!({"a": 1}));
        assert_eq!(request.text().await.unwrap(), "{\"a\":1}");
        assert_eq!(request.buffer().await.unwrap(), "{\"a\":1}");
        assert_eq!(request.chunk().await.unwrap().unwrap(), "{\"a\":1}");
        assert!(request.chunk().await.unwrap().is_none());
    }
}

#[tokio::test]
async fn the_limit_is_inclusive_and_checked_at_every_call() {
    for mut request in [request(&["hel", "lo"]), Request::new("hello".into())] {
        assert_eq!(request.buffer_limit(5).await.unwrap(), "hello");
        let error = request.buffer_limit(4).await.unwrap_err();
        assert_eq!(
            (error.status().as_u16(), error.message()),
            (413, "Body exceeded 4b limit")
        );
        assert_eq!(request.buffer_limit("1kb").await.unwrap(), "hello");
    }
}

#[tokio::test]
async fn a_reader_that_gave_up_at_its_limit_lost_nothing() {
    let mut request = request(&["hel", "lo ", "world"]);
    assert_eq!(request.text_limit(4).await.unwrap_err().status(), 413);
    assert_eq!(
        request.text_limit(Limit::from(11u64)).await.unwrap(),
        "hello world"
    );
}

#[tokio::test]
async fn a_reader_that_was_cancelled_lost_nothing() {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel::<&str>();
    let pieces = stream::unfold(receiver, |mut receiver| async {
        receiver
            .recv()
            .await
            .map(|piece| (Ok::<_, io::Error>(piece), receiver))
    });
    let mut request = Request::new(Body::from_stream(pieces));
    sender.send("one ").unwrap();
    assert!(request.text().now_or_never().is_none());
    sender.send("two").unwrap();
    drop(sender);
    assert_eq!(request.text().await.unwrap(), "one two");
}

#[tokio::test]
async fn an_endless_body_is_refused_once_it_is_over_the_limit() {
    let endless = stream::repeat(()).map(|()| Ok::<_, io::Error>("0123456789abcdef"));
    let mut request = Request::new(Body::from_stream(endless));
    let error = request.buffer().await.unwrap_err();
    assert_eq!(
        (error.status().as_u16(), error.message()),
        (413, "Body exceeded 1mb limit")
    );
}

/// Says how long it is, and must not be read.
struct Untouched(u64);

impl http_body::Body for Untouched {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        panic!("the body was read")
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0)
    }
}

#[tokio::test]
async fn a_declared_length_over_the_limit_is_refused_before_anything_is_read() {
    let mut request = Request::new(Body::new(Untouched(5)));
    assert_eq!(request.buffer_limit(4).await.unwrap_err().status(), 413);
    let mut request = Request::new(Body::new(Untouched(u64::MAX)));
    assert_eq!(request.json::<Value>().await.unwrap_err().status(), 413);
}

#[tokio::test]
async fn a_body_that_broke_off_is_a_400_every_time() {
    let pieces = stream::iter([Ok("hel"), Err(io::Error::other("reset"))]);
    let mut request = Request::new(Body::from_stream(pieces));
    for _ in 0..2 {
        let error = request.buffer().await.unwrap_err();
        assert_eq!(
            (error.status().as_u16(), error.message()),
            (400, "Invalid body")
        );
    }
}

#[tokio::test]
async fn json_that_is_none_is_a_400() {
    for body in ["", "{", "nul", "{\"a\":1}x", "\u{1}"] {
        let error = Request::new(body.into()).json::<Value>().await.unwrap_err();
        assert_eq!(
            (error.status().as_u16(), error.message()),
            (400, "Invalid JSON"),
            "{body:?}"
        );
    }
    let deep = "[".repeat(100_000);
    assert_eq!(
        Request::new(deep.into())
            .json::<Value>()
            .await
            .unwrap_err()
            .status(),
        400
    );
    assert_eq!(
        Request::new("\"x\"".into())
            .json::<u32>()
            .await
            .unwrap_err()
            .status(),
        400
    );
}

#[tokio::test]
async fn json_obeys_the_charset() {
    let utf16: Vec<u8> = "{\"a\":\"é\"}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let mut request = Request::new(utf16.into());
    let content_type = "application/json; charset=utf-16le".parse().unwrap();
    request.headers_mut().insert("content-type", content_type);
    assert_eq!(request.json::<Value>().await.unwrap(), json!({"a": "é"}));
}

#[tokio::test]
async fn a_malformed_content_type_is_a_400_at_worst() {
    let client = Client::new(|mut request: Request| async move { request.text().await });
    for content_type in [
        "/",
        "text",
        ";charset=",
        "text/plain; charset=\"",
        "\u{e9}/x",
    ] {
        let status = client
            .post("/")
            .header("content-type", content_type)
            .body("x")
            .await
            .status();
        assert!(status == 400 || status == 200, "{content_type}: {status}");
    }
}

#[tokio::test]
async fn a_form_keeps_repeated_keys() {
    let mut request = Request::new("k=v1&k=v2&a=x+y%21".into());
    let form: BTreeMap<String, Vec<String>> = request.form().await.unwrap();
    assert_eq!(json!(form), json!({"a": ["x y!"], "k": ["v1", "v2"]}));
}

#[tokio::test]
async fn a_query_is_parsed_into_types() {
    #[derive(serde::Deserialize)]
    struct Page {
        page: u32,
        #[serde(default)]
        tag: Vec<String>,
    }
    async fn list(request: Request) -> anyhost_core::Result<String> {
        let Page { page, tag } = request.query()?;
        Ok(format!("{page} {tag:?}"))
    }
    let client = Client::new(list);
    assert_eq!(
        client
            .get("/?page=2&tag=a&tag=b")
            .await
            .text()
            .await
            .unwrap(),
        "2 [\"a\", \"b\"]"
    );
    let reply = client.get("/?page=two").await;
    assert_eq!(reply.status(), 400);
    assert_eq!(reply.text().await.unwrap(), "Invalid query");
}

#[tokio::test]
async fn a_limit_that_is_none_is_the_handlers_mistake() {
    let error = Request::default().buffer_limit("lots").await.unwrap_err();
    assert_eq!(error.status(), 500);
}
