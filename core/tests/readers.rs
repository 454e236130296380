//! The readers of `RequestExt`: limits, repeated reads, and errors.
#![cfg(feature = "testing")]

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use anyhost_core::bytes::Bytes;
use anyhost_core::http::header::AGE;
use anyhost_core::http::{HeaderMap, HeaderValue};
use anyhost_core::testing::Client;
use anyhost_core::{Body, Limit, Request, RequestExt};
use futures_util::{FutureExt, StreamExt, stream};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};

fn request(chunks: &[&'static str]) -> Request {
    let chunks: Vec<_> = chunks
        .iter()
        .map(|chunk| Ok::<_, io::Error>(*chunk))
        .collect();
    Request::new(Body::from_stream(stream::iter(chunks)))
}

#[tokio::test]
async fn body_can_be_read_again_after_it_was_read() {
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
async fn a_body_that_was_read_keeps_its_trailers() {
    let trailers = HeaderMap::from_iter([(AGE, HeaderValue::from_static("7"))]);
    let sent = trailers.clone();
    let body = Full::new(Bytes::from("hello")).with_trailers(async { Some(Ok(sent)) });
    let mut request = Request::new(Body::new(body));
    assert_eq!(request.buffer().await.unwrap(), "hello");
    assert_eq!(request.buffer().await.unwrap(), "hello");
    assert!(request.buffer_limit(4).await.is_err());
    assert_eq!(request.body().size_hint().exact(), Some(5));
    let body = request.body_mut().collect().await.unwrap();
    assert_eq!(body.trailers(), Some(&trailers));
    assert_eq!(body.to_bytes(), "hello");
    assert!(request.body().is_end_stream());
}

#[test]
fn the_values_of_a_repeated_header_are_joined_with_commas() {
    let mut request = Request::default();
    for value in [&b"a"[..], b"b, c", b"\xFF"] {
        let value = HeaderValue::from_bytes(value).unwrap();
        request.headers_mut().append("x-list", value);
    }
    let value = HeaderValue::from_static("one");
    request.headers_mut().append("x-single", value);
    assert_eq!(
        request.header("X-List").as_deref(),
        Some("a, b, c, \u{FFFD}")
    );
    assert_eq!(request.header("x-single").as_deref(), Some("one"));
    assert_eq!(request.header("x-missing"), None);
    assert_eq!(request.header("not a name"), None);
}

#[tokio::test]
async fn body_limit_is_inclusive_and_checked_on_every_read() {
    for mut request in [request(&["hel", "lo"]), Request::new("hello".into())] {
        assert_eq!(request.buffer_limit(5).await.unwrap(), "hello");
        let error = request.buffer_limit(4).await.unwrap_err();
        assert_eq!(
            (error.status().as_u16(), error.message()),
            (413, "Body exceeded 4 limit")
        );
        assert_eq!(request.buffer_limit("1kb").await.unwrap(), "hello");
    }
}

#[tokio::test]
async fn body_is_complete_for_the_next_read_after_a_read_failed_at_its_limit() {
    let mut request = request(&["hel", "lo ", "world"]);
    assert_eq!(request.text_limit(4).await.unwrap_err().status(), 413);
    assert!(!http_body::Body::is_end_stream(request.body()));
    assert_eq!(
        request.text_limit(Limit::from(11u64)).await.unwrap(),
        "hello world"
    );
}

#[tokio::test]
async fn body_is_complete_for_the_next_read_after_a_read_was_canceled() {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel::<&str>();
    let chunks = stream::unfold(receiver, |mut receiver| async {
        receiver
            .recv()
            .await
            .map(|chunk| (Ok::<_, io::Error>(chunk), receiver))
    });
    let mut request = Request::new(Body::from_stream(chunks));
    sender.send("one ").unwrap();
    assert!(request.text().now_or_never().is_none());
    sender.send("two").unwrap();
    drop(sender);
    assert_eq!(request.text().await.unwrap(), "one two");
}

#[tokio::test]
async fn body_without_an_end_is_rejected_with_413_when_it_exceeds_the_default_limit() {
    let endless = stream::repeat(()).map(|()| Ok::<_, io::Error>("0123456789abcdef"));
    let mut request = Request::new(Body::from_stream(endless));
    let error = request.buffer().await.unwrap_err();
    assert_eq!(
        (error.status().as_u16(), error.message()),
        (413, "Body exceeded 1mb limit")
    );
}

/// A body of known length that panics when it is read.
struct PanicsWhenRead(u64);

impl http_body::Body for PanicsWhenRead {
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
async fn body_with_a_declared_length_over_the_limit_is_rejected_with_413_before_any_byte_is_read() {
    let mut request = Request::new(Body::new(PanicsWhenRead(5)));
    assert_eq!(request.buffer_limit(4).await.unwrap_err().status(), 413);
    let mut request = Request::new(Body::new(PanicsWhenRead(u64::MAX)));
    assert_eq!(request.json::<Value>().await.unwrap_err().status(), 413);
}

#[tokio::test]
async fn every_read_of_an_aborted_body_fails_with_400() {
    let chunks = stream::iter([Ok("hel"), Err(io::Error::other("reset"))]);
    let mut request = Request::new(Body::from_stream(chunks));
    for _ in 0..2 {
        let error = request.buffer().await.unwrap_err();
        assert_eq!(
            (error.status().as_u16(), error.message()),
            (400, "Invalid body")
        );
    }
}

#[tokio::test]
async fn invalid_json_is_a_400() {
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
}

#[tokio::test]
async fn json_is_decoded_from_the_charset_in_the_content_type_header() {
    let utf16: Vec<u8> = "{\"a\":\"é\"}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let mut request = Request::new(utf16.into());
    let content_type = "application/json; charset=utf-16le".parse().unwrap();
    request.headers_mut().insert("content-type", content_type);
    assert_eq!(request.json::<Value>().await.unwrap(), json!({"a": "é"}));
}

/// The media type does not affect the decoding, so a malformed media type is ignored. The charset affects the
/// decoding (RFC 9110 §8.3.2), so an invalid charset is an error.
#[tokio::test]
async fn text_ignores_a_malformed_media_type_and_fails_with_400_for_an_invalid_charset() {
    for (content_type, expected) in [
        (&b"/"[..], Ok("x")),
        (b"text", Ok("x")),
        (b"\xE9/x", Ok("x")),
        (b"text/plain;charset", Ok("x")),
        (b";charset=", Err((400, "Invalid body"))),
        (b"text/plain; charset=\"", Err((400, "Invalid body"))),
        (b"text/plain; charset=\xE9", Err((400, "Invalid body"))),
    ] {
        let mut request = Request::new("x".into());
        let value = HeaderValue::from_bytes(content_type).unwrap();
        request.headers_mut().insert("content-type", value);
        let text = request.text().await;
        let text = text
            .as_deref()
            .map_err(|error| (error.status().as_u16(), error.message()));
        assert_eq!(text, expected, "{}", content_type.escape_ascii());
    }
}

#[tokio::test]
async fn form_collects_the_values_of_a_repeated_key() {
    let mut request = Request::new("k=v1&k=v2&a=x+y%21".into());
    let form: BTreeMap<String, Vec<String>> = request.form().await.unwrap();
    assert_eq!(json!(form), json!({"a": ["x y!"], "k": ["v1", "v2"]}));
}

#[tokio::test]
async fn query_is_parsed_into_a_type_or_rejected_with_400() {
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
    let response = client.get("/?page=two").await;
    assert_eq!(response.status(), 400);
    let expected = "Invalid field \"page\": invalid digit found in string";
    assert_eq!(response.text().await.unwrap(), expected);
}

#[tokio::test]
async fn invalid_limit_in_a_handler_is_a_500() {
    let error = Request::default().buffer_limit("lots").await.unwrap_err();
    assert_eq!(error.status(), 500);
}

fn request_with(headers: &[(&'static str, &'static str)], body: &[u8]) -> Request {
    let mut request = Request::new(body.to_vec().into());
    for (name, value) in headers {
        let value = HeaderValue::from_static(value);
        request.headers_mut().insert(*name, value);
    }
    request
}

/// Required by RFC 2781 §4.3 and the "decode" algorithm of the WHATWG Encoding standard.
#[tokio::test]
async fn a_byte_order_mark_takes_precedence_over_the_charset_in_the_content_type_header() {
    let utf16_be = b"\xFE\xFF\0{\0\"\0n\0\"\0:\x001\0}";
    for content_type in [
        "text/plain; charset=utf-16",
        "text/plain; charset=utf-8",
        "text/plain; charset=iso-8859-1",
    ] {
        let mut request = request_with(&[("content-type", content_type)], utf16_be);
        assert_eq!(
            request.text().await.unwrap(),
            r#"{"n":1}"#,
            "{content_type}"
        );
        assert_eq!(request.json::<Value>().await.unwrap(), json!({"n": 1}));
    }
    let utf8 = b"\xEF\xBB\xBF{\"n\":\"\xC3\xA9\"}";
    let mut request = request_with(&[("content-type", "a/b; charset=iso-8859-1")], utf8);
    assert_eq!(request.json::<Value>().await.unwrap(), json!({"n": "é"}));
}

#[tokio::test]
async fn a_form_is_decoded_from_the_charset_in_the_content_type_header() {
    let latin1 = "application/x-www-form-urlencoded; charset=iso-8859-1";
    for body in [&b"a=caf%E9&b=1+2%263"[..], b"a=caf\xE9&b=1+2%263"] {
        let mut request = request_with(&[("content-type", latin1)], body);
        let form = request.form::<HashMap<String, String>>().await.unwrap();
        assert_eq!(form["a"], "café");
        assert_eq!(form["b"], "1 2&3");
    }
}

#[tokio::test]
async fn a_form_or_query_that_is_not_valid_in_its_charset_is_a_400() {
    let mut request = request_with(&[], b"a=caf%E9");
    let error = request.form::<Value>().await.unwrap_err();
    assert_eq!(
        (error.status().as_u16(), error.message()),
        (400, "Invalid form")
    );
    let mut request = request_with(&[("content-type", "a/b; charset=klingon")], b"a=1");
    let error = request.form::<Value>().await.unwrap_err();
    assert_eq!(
        (error.status().as_u16(), error.message()),
        (400, "Invalid body")
    );
    let mut request = Request::default();
    *request.uri_mut() = "/?a=caf%E9".parse().unwrap();
    let error = request.query::<Value>().unwrap_err();
    assert_eq!(
        (error.status().as_u16(), error.message()),
        (400, "Invalid query")
    );
}

/// RFC 9110 §15.5.16 and §12.5.3 define Accept-Encoding in a 415 response.
#[tokio::test]
async fn a_body_with_a_content_coding_is_a_415_that_names_the_accepted_coding() {
    for coding in ["gzip", "br", "x-unknown", "identity, gzip"] {
        let mut request = request_with(&[("content-encoding", coding)], b"{}");
        let results = [
            request.text().await.map(drop),
            request.json::<Value>().await.map(drop),
            request.form::<Value>().await.map(drop),
        ];
        for result in results {
            let error = result.unwrap_err();
            assert_eq!(error.status(), 415, "{coding}");
            assert_eq!(error.headers()["accept-encoding"], "identity");
        }
        // `buffer` returns the encoded bytes, so that handlers can decode the body.
        assert_eq!(request.buffer().await.unwrap(), "{}");
    }
    let mut request = request_with(&[("content-encoding", "identity")], b"{}");
    assert_eq!(request.json::<Value>().await.unwrap(), json!({}));
}

#[tokio::test]
async fn the_charset_argument_of_text_as_replaces_the_charset_in_the_content_type_header() {
    let latin1 = b"caf\xE9";
    for headers in [
        &[][..],
        &[("content-type", "text/plain; charset=utf-8")],
        &[("content-type", "text/plain; charset=klingon")],
    ] {
        let mut request = request_with(headers, latin1);
        let text = request.text_as("ISO-8859-1").await.unwrap();
        assert_eq!(text, "café", "{headers:?}");
        let error = request.text_as_limit("latin1", "3b").await.unwrap_err();
        assert_eq!(error.message(), "Body exceeded 3b limit");
        let error = request.text_as("utf-8").await.unwrap_err();
        assert_eq!(
            (error.status().as_u16(), error.message()),
            (400, "Invalid body")
        );
        assert_eq!(request.text_as("klingon").await.unwrap_err().status(), 500);
    }
    let mut request = request_with(&[], b"\xFE\xFF\0h\0i");
    assert_eq!(request.text_as("utf-8").await.unwrap(), "hi");
    let mut request = request_with(&[("content-encoding", "gzip")], b"x");
    assert_eq!(request.text_as("utf-8").await.unwrap_err().status(), 415);
}
