//! The responses that are made from the values of handlers.
#![cfg(feature = "testing")]

use std::borrow::Cow;
use std::collections::BTreeMap;

use anyhost_core::bytes::Bytes;
use anyhost_core::http::StatusCode;
use anyhost_core::testing::Client;
use anyhost_core::{Body, IntoResponse, Json, send};
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
async fn each_type_that_a_handler_can_return_gives_its_status_content_type_and_body() {
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
async fn value_that_cannot_be_serialised_is_a_500_without_partial_json() {
    let map_with_tuple_keys = BTreeMap::from([((1, 2), 3)]);
    check(
        Json(map_with_tuple_keys),
        500,
        TEXT,
        b"Internal Server Error",
    )
    .await;
}
