//! What a client gets of what a function posts.

use super::*;
use anyhost_core::http::header::SET_COOKIE;
use anyhost_core::testing::Reply;
use anyhost_core::{Body, Response};
use anyhost_lambda::front_door::Client;

const DOORS: [FrontDoor; 8] = FrontDoor::ALL;

fn client_of(door: FrontDoor, posted: &Value) -> Reply {
    door.reply(posted.to_string().as_bytes()).into()
}

/// Cookies, repeated headers, and bytes that are no text.
async fn rich() -> Response {
    let mut response = Response::new(Body::from(&b"\xFF\x00"[..]));
    for (name, value) in [
        ("set-cookie", "a=1; Expires=Wed, 21 Oct 2037 07:28:00 GMT"),
        ("set-cookie", "b=2"),
        ("x-multi", "one"),
        ("x-multi", "two"),
        ("www-authenticate", "Basic"),
    ] {
        let name: anyhost_core::http::HeaderName = name.parse().expect("a name");
        response
            .headers_mut()
            .append(name, value.parse().expect("a value"));
    }
    let latin1 = anyhost_core::http::HeaderValue::from_bytes(b"caf\xE9");
    response
        .headers_mut()
        .insert("x-latin1", latin1.expect("a value"));
    response
}

#[tokio::test]
async fn a_handlers_reply_reaches_the_client_as_far_as_the_front_door_carries_it() {
    for door in DOORS {
        let reply = Client::new(door, rich)
            .send(Request::get("/").body("").expect("a request"))
            .await;
        assert_eq!(reply.status(), 200, "{door}");
        let cookies: Vec<_> = reply
            .headers()
            .get_all(SET_COOKIE)
            .iter()
            .cloned()
            .collect();
        let mut expected = ["a=1; Expires=Wed, 21 Oct 2037 07:28:00 GMT", "b=2"];
        let multi: &[&str] = match door {
            FrontDoor::AlbMultiValue => {
                expected.reverse();
                &["two", "one"]
            }
            FrontDoor::RestApi | FrontDoor::RestApiText | FrontDoor::HttpApiV1 => &["one", "two"],
            _ => &["one, two"],
        };
        assert_eq!(cookies, expected, "{door}");
        let values: Vec<_> = reply.headers().get_all("x-multi").iter().cloned().collect();
        assert_eq!(values, multi, "{door}");
        assert_eq!(reply.headers()["x-latin1"].as_bytes(), b"caf\xE9", "{door}");
        let kept = matches!(
            door,
            FrontDoor::Alb | FrontDoor::AlbMultiValue | FrontDoor::Lattice
        );
        let (here, there) = ("www-authenticate", "x-amzn-remapped-www-authenticate");
        let name = if kept { here } else { there };
        assert_eq!(reply.header(name), Some("Basic"), "{door}");
        assert_eq!(
            reply.header(if kept { there } else { here }),
            None,
            "{door}"
        );
        let (length, body) = match door {
            FrontDoor::RestApiText => ("4", &b"/wA="[..]),
            _ => ("2", &b"\xFF\x00"[..]),
        };
        assert_eq!(reply.header("content-length"), Some(length), "{door}");
        assert_eq!(reply.bytes().await.expect("a body"), body, "{door}");
    }
}

#[tokio::test]
async fn a_head_and_a_204_have_no_body_and_a_head_the_length_of_one() {
    for door in DOORS {
        let hello = Client::new(door, || async { "Hello" });
        let reply = hello
            .send(Request::head("/").body("").expect("a request"))
            .await;
        assert_eq!(reply.header("content-length"), Some("5"), "{door}");
        assert_eq!(reply.bytes().await.expect("a body"), "", "{door}");
        let nothing = Client::new(door, || async {});
        let reply = nothing
            .send(Request::get("/").body("").expect("a request"))
            .await;
        assert_eq!(
            (reply.status().as_u16(), reply.headers().len()),
            (204, 0),
            "{door}"
        );
        let posted = json!({"statusCode": 204, "body": "x"});
        assert_eq!(
            client_of(door, &posted).bytes().await.expect("a body"),
            "",
            "{door}"
        );
    }
}

#[test]
fn what_a_front_door_does_not_understand_is_a_502_and_with_lattice_a_500() {
    let malformed = [
        json!({"statusCode": "two hundred"}),
        json!({"statusCode": 99}),
        json!({"statusCode": 600}),
        json!({"statusCode": 20.5}),
        json!({"statusCode": 200, "body": {"a": 1}}),
        json!({"statusCode": 200, "body": "?", "isBase64Encoded": true}),
        json!({"statusCode": 200, "headers": {"a b": "1"}, "multiValueHeaders": {"a b": ["1"]}}),
        json!({"statusCode": 200, "headers": {"a": "x\ny"}, "multiValueHeaders": {"a": ["x\ny"]}}),
        json!({"statusCode": 200, "headers": {"a": {}}, "multiValueHeaders": {"a": [{}]}}),
    ];
    for door in DOORS {
        let failed = if door == FrontDoor::Lattice { 500 } else { 502 };
        for posted in &malformed {
            // Without binary media types nothing is decoded.
            let text = door == FrontDoor::RestApiText && posted["body"] == "?";
            let status = if text { 200 } else { failed };
            assert_eq!(
                client_of(door, posted).status().as_u16(),
                status,
                "{door}: {posted}"
            );
        }
        assert_eq!(door.reply(b"no JSON").status().as_u16(), failed, "{door}");
    }
}

#[tokio::test]
async fn json_without_a_status_is_a_200_with_payload_2_0_only() {
    for door in DOORS {
        let reply = client_of(door, &json!({"a": 1}));
        if matches!(door, FrontDoor::HttpApi | FrontDoor::FunctionUrl) {
            assert_eq!(
                reply.header("content-type"),
                Some("application/json"),
                "{door}"
            );
            assert_eq!(reply.text().await.expect("text"), r#"{"a":1}"#, "{door}");
            let text = client_of(door, &json!("hi")).text().await;
            assert_eq!(text.expect("text"), "hi", "{door}");
        } else {
            let failed = if door == FrontDoor::Lattice { 500 } else { 502 };
            assert_eq!(reply.status().as_u16(), failed, "{door}");
        }
    }
}

#[test]
fn numbers_are_header_values_for_an_api_gateway_only() {
    for door in DOORS {
        let posted =
            json!({"statusCode": 200, "headers": {"a": 5}, "multiValueHeaders": {"a": [5]}});
        let status = match door {
            FrontDoor::FunctionUrl | FrontDoor::Alb | FrontDoor::AlbMultiValue => 502,
            FrontDoor::Lattice => 500,
            _ => 200,
        };
        assert_eq!(client_of(door, &posted).status().as_u16(), status, "{door}");
    }
}

#[test]
fn the_two_maps_of_headers_are_merged_or_one_of_them_counts() {
    let posted = json!({
        "statusCode": 200,
        "headers": {"X-A": "single", "x-b": "b"},
        "multiValueHeaders": {"x-a": ["multi", "single"], "x-c": ["c"]},
    });
    for door in DOORS {
        let expected: &[(&str, &str)] = match door {
            FrontDoor::AlbMultiValue => &[("x-a", "single"), ("x-a", "multi"), ("x-c", "c")],
            FrontDoor::RestApi | FrontDoor::RestApiText | FrontDoor::HttpApiV1 => &[
                ("x-a", "multi"),
                ("x-a", "single"),
                ("x-b", "b"),
                ("x-c", "c"),
            ],
            _ => &[("x-a", "single"), ("x-b", "b")],
        };
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        assert_eq!(
            pairs(client_of(door, &posted).headers()),
            expected,
            "{door}"
        );
    }
}

#[tokio::test]
async fn work_after_the_reply_waits_until_it_is_asked_for() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    let done = Arc::new(AtomicBool::new(false));
    let flag = done.clone();
    let later = move |request: anyhost_core::Request| {
        let flag = flag.clone();
        async move {
            use anyhost_core::RequestExt;
            let work = async move { flag.store(true, Ordering::Relaxed) };
            request.context().wait_until(work);
            "soon"
        }
    };
    let client = Client::new(FrontDoor::HttpApi, later);
    let reply = client
        .send(Request::get("/").body("").expect("a request"))
        .await;
    assert_eq!(reply.text().await.expect("text"), "soon");
    assert!(!done.load(Ordering::Relaxed));
    client.finish().await;
    assert!(done.load(Ordering::Relaxed));
}
