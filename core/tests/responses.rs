//! The responses that are made from the values that handlers return.
#![cfg(feature = "testing")]

use std::borrow::Cow;
use std::collections::BTreeMap;

use anyhost_core::bytes::Bytes;
use anyhost_core::http::StatusCode;
use anyhost_core::testing::Client;
use anyhost_core::{
    Body, Context, Error, Html, IntoResponse, Json, Redirect, Request, RequestExt, Result, send,
};
use serde_json::json;

async fn check(value: impl IntoResponse, status: u16, content_type: Option<&str>, body: &[u8]) {
    let response = value.into_response();
    let slot = std::sync::Mutex::new(Some(response));
    let client = Client::new(move || {
        let response = slot.lock().unwrap().take().unwrap();
        async move { response }
    });
    let response = client.get("/").await;
    assert_eq!(
        (response.status().as_u16(), response.header("content-type")),
        (status, content_type)
    );
    assert_eq!(response.bytes().await.unwrap(), body);
}

const TEXT: Option<&str> = Some("text/plain; charset=utf-8");
const JSON: Option<&str> = Some("application/json; charset=utf-8");
const BYTES: Option<&str> = Some("application/octet-stream");

#[tokio::test]
async fn each_type_that_a_handler_can_return_has_the_documented_status_content_type_and_body() {
    check("text", 200, TEXT, b"text").await;
    check(String::from("text"), 200, TEXT, b"text").await;
    check(Cow::Borrowed("text"), 200, TEXT, b"text").await;
    check(Bytes::from_static(b"\0\xFF"), 200, BYTES, b"\0\xFF").await;
    check(vec![1u8], 200, BYTES, b"\x01").await;
    check(Body::from("x"), 200, BYTES, b"x").await;
    check(4, 200, JSON, b"4").await;
    check(1.5f64, 200, JSON, b"1.5").await;
    check(true, 200, JSON, b"true").await;
    check(json!({"a": "b"}), 200, JSON, b"{\"a\":\"b\"}").await;
    check(Json([1, 2]), 200, JSON, b"[1,2]").await;
    check((), 204, None, b"").await;
    check(None::<&str>, 204, None, b"").await;
    check(Some("x"), 200, TEXT, b"x").await;
    check(StatusCode::IM_A_TEAPOT, 418, None, b"").await;
    check(send(StatusCode::CREATED, "made"), 201, TEXT, b"made").await;
    check(send(StatusCode::ACCEPTED, ()), 202, None, b"").await;
    check(http::Response::new(Body::from("x")), 200, BYTES, b"x").await;
    check(Ok::<_, std::io::Error>("x"), 200, TEXT, b"x").await;
    check("x".parse::<u8>(), 500, TEXT, b"Internal Server Error").await;
}

#[tokio::test]
async fn value_that_cannot_be_serialized_is_a_500_without_partial_json() {
    let map_with_tuple_keys = BTreeMap::from([((1, 2), 3)]);
    check(
        Json(map_with_tuple_keys),
        500,
        TEXT,
        b"Internal Server Error",
    )
    .await;
}

#[tokio::test]
async fn handlers_can_return_statuses_as_numbers_and_headers_as_pairs_of_strings() {
    let client = Client::new(|| send(201, "made"));
    assert_eq!(client.get("/").await.status(), 201);

    let client = Client::new(|| (202, [("x-a", "1"), ("x-a", "2")], "queued"));
    let response = client.get("/").await;
    assert_eq!(response.status(), 202);
    let values: Vec<_> = response.headers().get_all("x-a").iter().collect();
    assert_eq!(values, ["1", "2"]);

    let page = || ([("content-type", "text/css")], "a{}");
    let response = Client::new(page).get("/").await;
    assert_eq!(response.header("content-type"), Some("text/css"));

    let limited = || Err::<(), _>(Error::new(429, "Rate limit exceeded"));
    let response = Client::new(limited).get("/").await;
    assert_eq!(response.status(), 429);
    assert_eq!(response.text().await.unwrap(), "Rate limit exceeded");
}

#[tokio::test]
async fn an_invalid_status_or_header_of_a_response_is_a_500_that_names_the_error_in_development_mode()
 {
    let development = Context::default().with_development(true);
    let check = async |client: Client, expected: &str| {
        let response = client.with_context(development.clone()).get("/").await;
        assert_eq!(response.status(), 500);
        let text = response.text().await.unwrap();
        assert!(text.contains(expected), "{text}");
    };
    check(Client::new(|| send(99, "x")), "invalid status 99").await;
    check(
        Client::new(|| Err::<(), _>(Error::new(1000, "x"))),
        "invalid status 1000",
    )
    .await;
    check(
        Client::new(|| ([("a b", "x")], "x")),
        "invalid HTTP header name",
    )
    .await;
    check(Client::new(|| ([("a", "x\n")], "x")), "header value").await;
    check(Client::new(|| Redirect::to("/\n")), "header value").await;
}

#[tokio::test]
async fn html_sets_its_content_type_and_redirects_set_their_status_and_location() {
    let response = Client::new(|| Html("<b>hi</b>")).get("/").await;
    assert_eq!(
        response.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    for (redirect, status) in [
        (Redirect::to("/a"), 303),
        (Redirect::temporary("/a"), 307),
        (Redirect::permanent("/a"), 308),
    ] {
        let response = Client::new(move || redirect.clone()).get("/").await;
        assert_eq!(response.status(), status);
        assert_eq!(response.header("location"), Some("/a"));
    }
}

#[tokio::test]
async fn a_redirect_percent_encodes_spaces_and_characters_outside_of_ascii() {
    let redirect = || Redirect::to("/caf\u{e9} 1/%C3%A9?q=\u{20ac}#a");
    let response = Client::new(redirect).get("/").await;
    assert_eq!(
        response.header("location"),
        Some("/caf%C3%A9%201/%C3%A9?q=%E2%82%AC#a")
    );
}

#[tokio::test]
async fn functions_that_are_not_async_can_be_handlers() {
    fn greet(request: Request) -> Result<String> {
        request
            .query::<String>()
            .map_err(|_| Error::new(400, request.uri().to_string()))
    }
    assert_eq!(
        Client::new(|| "hi").get("/").await.text().await.unwrap(),
        "hi"
    );
    assert_eq!(
        Client::new(|| 42).get("/").await.text().await.unwrap(),
        "42"
    );
    assert_eq!(
        Client::new(greet).get("/a").await.text().await.unwrap(),
        "/a"
    );
}
