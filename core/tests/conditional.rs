//! Conditional requests: 304 responses and ETags.
#![cfg(feature = "testing")]

use anyhost_core::http::{Method, StatusCode};
use anyhost_core::testing::Client;
use anyhost_core::{Body, Error, Request, Router, conditional, with_middleware};
use futures_util::stream;

const LAST_MODIFIED: &str = "Wed, 21 Oct 2015 07:28:00 GMT";

fn client() -> Client {
    let routes = Router::new()
        .any("/text", || "text")
        .get("/tagged", || ([("etag", "\"a,b\"")], "tagged"))
        .get("/dated", || {
            (
                [("last-modified", LAST_MODIFIED)],
                Body::from_stream(chunks()),
            )
        })
        .get("/private", || {
            ([("cache-control", "private, No-Store")], "secret")
        })
        .get("/stream", || Body::from_stream(chunks()))
        .get("/created", || (201, "created"))
        .get("/error", || Err::<(), _>(Error::new(404, "missing")));
    Client::new(with_middleware(conditional, routes))
}

fn chunks() -> impl futures_util::Stream<Item = Result<&'static str, std::io::Error>> {
    stream::iter([Ok("chunk")])
}

/// The status and the ETag of the response to a GET request with one header.
async fn get(target: &str, name: &'static str, value: &str) -> (u16, Option<String>) {
    let response = client().get(target).header(name, value).await;
    let etag = response.header("etag").map(str::to_owned);
    (response.status().as_u16(), etag)
}

#[tokio::test]
async fn a_response_in_memory_gets_a_weak_etag_and_is_not_sent_again() {
    let response = client().get("/text").await;
    let etag = response.header("etag").unwrap().to_owned();
    assert!(etag.starts_with("W/\"4-"), "{etag}");
    assert_eq!(response.text().await.unwrap(), "text");

    let response = client().get("/text").header("if-none-match", &*etag).await;
    assert_eq!(response.status(), 304);
    assert_eq!(response.header("etag"), Some(&*etag));
    assert_eq!(response.header("content-type"), None);
    assert_eq!(response.bytes().await.unwrap(), "");

    let response = client().head("/text").header("if-none-match", &*etag).await;
    assert_eq!(response.status(), 304);
}

#[tokio::test]
async fn if_none_match_compares_each_tag_of_its_list_weakly() {
    for (list, status) in [
        ("\"a,b\"", 304),
        ("W/\"a,b\"", 304),
        ("\"x\", W/\"a,b\"", 304),
        (" ,, \"x\"\t,\"a,b\"", 304),
        ("*", 304),
        ("\"a", 200),
        ("a,b", 200),
        ("\"A,B\"", 200),
        ("\"x\" \"", 200),
        ("\"", 200),
        ("W/", 200),
        ("", 200),
        ("x, \"a,b\"", 200),
    ] {
        assert_eq!(
            get("/tagged", "if-none-match", list).await.0,
            status,
            "{list:?}"
        );
    }
}

#[tokio::test]
async fn if_modified_since_is_compared_as_a_date() {
    for (since, status) in [
        (LAST_MODIFIED, 304),
        ("Thu, 22 Oct 2015 07:28:00 GMT", 304),
        ("Tue, 20 Oct 2015 07:28:00 GMT", 200),
        ("yesterday", 200),
        ("Wed, 99 Oct 99999999 07:28:00 GMT", 200),
    ] {
        assert_eq!(
            get("/dated", "if-modified-since", since).await.0,
            status,
            "{since}"
        );
    }
}

/// RFC 9110 §13.1.3.
#[tokio::test]
async fn if_modified_since_is_ignored_if_the_request_has_if_none_match() {
    let request = client().get("/dated").header("if-none-match", "\"x\"");
    let response = request.header("if-modified-since", LAST_MODIFIED).await;
    assert_eq!(response.status(), 200);
}

/// RFC 9110 §13.1.2.
#[tokio::test]
async fn if_none_match_with_a_star_matches_a_response_without_an_etag() {
    for (target, status) in [("/stream", 304), ("/created", 201), ("/error", 404)] {
        assert_eq!(
            get(target, "if-none-match", "*").await,
            (status, None),
            "{target}"
        );
    }
}

#[tokio::test]
async fn a_response_to_head_without_a_body_gets_no_etag_of_an_empty_body() {
    let without_body = |request: Request| match *request.method() {
        Method::HEAD => ([("content-length", "4")], ""),
        _ => ([("content-length", "4")], "text"),
    };
    let client = Client::new(with_middleware(conditional, without_body));
    assert!(client.get("/").await.header("etag").is_some());
    assert_eq!(client.head("/").await.header("etag"), None);
    // A handler that makes the whole body gets the same tag for both methods.
    let client = self::client();
    let get = client.get("/text").await;
    let head = client.head("/text").await;
    assert_eq!(get.header("etag"), head.header("etag"));
    assert!(head.header("etag").is_some());
}

#[tokio::test]
async fn streams_errors_other_statuses_and_no_store_responses_get_no_etag() {
    for (target, status) in [
        ("/stream", 200),
        ("/private", 200),
        ("/created", 201),
        ("/error", 404),
    ] {
        assert_eq!(
            get(target, "if-none-match", "\"x\"").await,
            (status, None),
            "{target}"
        );
    }
}

#[tokio::test]
async fn other_methods_than_get_and_head_are_not_conditional() {
    let response = client().post("/text").header("if-none-match", "*").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.header("etag"), None);
}
