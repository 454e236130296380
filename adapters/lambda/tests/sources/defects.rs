//! What other adapters get wrong, one by one.

use super::*;
use anyhost_core::http::StatusCode;

async fn target(event: Value) -> String {
    seen(event).await["target"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_field_of_an_odd_type_does_not_cost_the_request() {
    let mut event = function_url();
    event["requestContext"]["timeEpoch"] = json!("soon");
    event["requestContext"]["authorizer"] = json!([5]);
    event["isBase64Encoded"] = Value::Null;
    event["cookies"] = json!({"a": 1});
    event["unknown"] = json!({"deep": [[[]]]});
    assert_eq!(seen(event).await["body"], "hi");
}

#[tokio::test]
async fn repeated_headers_of_a_rest_api_and_a_websocket_all_arrive() {
    assert_eq!(seen(rest_api()).await["probe"], json!(["first", "second"]));
    let mut event = rest_api();
    event["requestContext"]["connectionId"] = json!("c-1");
    assert_eq!(seen(event).await["probe"], json!(["first", "second"]));
}

#[tokio::test]
async fn a_multi_value_load_balancer_has_its_authority() {
    assert_eq!(
        seen(alb_multi_value()).await["authority"],
        "x.elb.amazonaws.com"
    );
}

#[tokio::test]
async fn paths_are_not_normalised_and_hostile_hosts_are_400s() {
    for path in ["/a/../b", "/a/%2e%2e/b", "/a\\b", "//a//b", "/a/./b"] {
        let mut event = function_url();
        (event["rawPath"], event["rawQueryString"]) = (json!(path), json!(""));
        assert_eq!(target(event).await, path);
    }
    for host in ["a:99999", "[x", "u@a", "a/b", "a b"] {
        let mut event = function_url();
        event["headers"]["host"] = json!(host);
        let reply = reply(&handler(echo), &event).await;
        assert_eq!(reply["statusCode"], 400, "{host}");
    }
    let mut event = alb();
    event["headers"]["x-forwarded-proto"] = json!("http,https");
    assert_eq!(seen(event).await["scheme"], "http");
}

#[tokio::test]
async fn an_odd_query_is_encoded_and_an_endless_one_refused() {
    let mut event = function_url();
    event["rawPath"] = json!("/x");
    event["rawQueryString"] = json!("a=\"<>\" |\u{e9}");
    assert_eq!(target(event.clone()).await, "/x?a=%22%3C%3E%22%20|%C3%A9");
    event["rawQueryString"] = json!("a".repeat(70_000));
    assert_eq!(reply(&handler(echo), &event).await["statusCode"], 414);
}

#[tokio::test]
async fn one_odd_cookie_costs_itself_only() {
    let mut event = http_api();
    event["cookies"] = json!(["a=1", "b=\n", "c=\u{e9}", "d=4"]);
    let cookie = seen(event).await["cookie"][0].as_str().unwrap().to_owned();
    assert!(
        cookie.starts_with("a=1; c=") && cookie.ends_with("; d=4"),
        "{cookie}"
    );
}

#[tokio::test]
async fn a_stage_is_never_put_before_a_path() {
    assert!(target(rest_api()).await.starts_with("/capture/"));
    assert!(target(http_api()).await.starts_with("/capture/"));
}

#[tokio::test]
async fn the_order_and_the_writing_of_a_query_are_kept() {
    let mut event = rest_api();
    event["path"] = json!("/x");
    event["multiValueQueryStringParameters"] =
        json!({"z": ["1"], "a": ["2", "3"], "m": ["a b"], "flag": [""]});
    // serde_json sorts keys: the text is what AWS would send.
    let text = event.to_string();
    let sorted = r#"{"a":["2","3"],"flag":[""],"m":["a b"],"z":["1"]}"#;
    let sent = r#"{"z":["1"],"a":["2","3"],"m":["a b"],"flag":[""]}"#;
    assert!(text.contains(sorted));
    let reply = invoke(&handler(echo), text.replace(sorted, sent).into()).await;
    let reply: Value = serde_json::from_slice(&reply.unwrap()).unwrap();
    let seen: Value = serde_json::from_str(reply["body"].as_str().unwrap()).unwrap();
    assert_eq!(seen["target"], "/x?z=1&a=2&a=3&m=a%20b&flag=");
}

#[tokio::test]
async fn a_query_in_a_lattice_path_is_not_said_twice() {
    let mut event = lattice();
    event["path"] = json!("/capture?z=one&z=two");
    assert_eq!(target(event).await, "/capture?z=one&z=two");
}

#[tokio::test]
async fn a_lattice_event_of_the_first_format_is_a_request() {
    let event = json!({
        "raw_path": "/capture", "method": "POST", "body": "aGk=", "is_base64_encoded": true,
        "headers": {"host": "x.example", "x-probe": "1"}, "query_string_parameters": {"a": "b"},
    });
    let seen = seen(event).await;
    assert_eq!(
        (&seen["target"], &seen["body"]),
        (&json!("/capture?a=b"), &json!("hi"))
    );
}

#[tokio::test]
async fn a_body_that_is_no_base64_is_a_400_and_a_length_is_counted() {
    let mut event = function_url();
    (event["body"], event["isBase64Encoded"]) = (json!("%%%"), json!(true));
    assert_eq!(reply(&handler(echo), &event).await["statusCode"], 400);
    let mut event = function_url();
    event["headers"]["content-length"] = json!("1");
    assert_eq!(seen(event.clone()).await["length"], json!(["2"]));
    event["body"] = Value::Null;
    assert_eq!(seen(event).await["length"], json!(["0"]));
}

#[tokio::test]
async fn a_function_url_is_told_from_an_http_api() {
    assert_eq!(seen(function_url()).await["source"], "Function URL");
    assert_eq!(seen(http_api()).await["source"], "HTTP API");
}

#[tokio::test]
async fn bytes_and_texts_come_out_as_they_went_in() {
    for (content_type, body, encoded) in [
        ("", &b"\xFF\x00"[..], true),
        ("text/plain", b"\xFF\xFE", true),
        ("image/svg+xml", b"\xFF", true),
        ("Application/JSON", b"{}", false),
        ("application/x-www-form-urlencoded", b"a=1", false),
        ("text/plain; charset=iso-8859-1", b"caf\xE9", true),
        ("text/plain", b"\xEF\xBB\xBFbom", false),
    ] {
        let handler = handler(move || async move {
            let builder = anyhost_core::http::Response::builder();
            let builder = match content_type {
                "" => builder,
                content_type => builder.header("content-type", content_type),
            };
            builder.body(Body::from(body))
        });
        let reply = reply(&handler, &function_url()).await;
        assert_eq!(reply["isBase64Encoded"], encoded, "{content_type}");
        if !encoded {
            assert_eq!(
                reply["body"],
                str::from_utf8(body).unwrap(),
                "{content_type}"
            );
        }
        if !content_type.is_empty() {
            assert_eq!(reply["headers"]["content-type"], content_type);
        }
    }
}

#[tokio::test]
async fn a_body_that_fails_is_a_500() {
    let failing = handler(|| async {
        let pieces = [Ok("first"), Err(std::io::Error::other("late"))];
        Body::from_stream(futures_util::stream::iter(pieces))
    });
    assert_eq!(reply(&failing, &function_url()).await["statusCode"], 500);
}

#[tokio::test]
async fn a_header_that_is_no_utf_8_is_latin_1() {
    let latin = handler(|| async {
        let value = HeaderValue::from_bytes(b"caf\xE9").unwrap();
        (HeaderMap::from_iter([(VARY, value)]), "")
    });
    assert_eq!(
        reply(&latin, &function_url()).await["headers"]["vary"],
        "caf\u{e9}"
    );
}

#[tokio::test]
async fn no_body_where_there_may_be_none_and_no_header_of_a_connection() {
    for status in [204, 304] {
        let handler =
            handler(move || async move { (StatusCode::from_u16(status).unwrap(), "body") });
        let reply = reply(&handler, &function_url()).await;
        assert_eq!(
            (&reply["body"], &reply["headers"]),
            (&json!(""), &json!({})),
            "{status}"
        );
    }
    let mut event = function_url();
    event["requestContext"]["http"]["method"] = json!("HEAD");
    let hop = handler(|| async {
        let response = anyhost_core::http::Response::builder();
        let response = response.header("transfer-encoding", "chunked");
        response
            .header("connection", "close")
            .body(Body::from("body"))
    });
    let reply = reply(&hop, &event).await;
    assert_eq!(reply["body"], "");
    assert_eq!(reply["headers"]["content-length"], "4");
    assert_eq!(reply["headers"].as_object().unwrap().len(), 2, "{reply}");
}

#[tokio::test]
async fn headers_beyond_what_an_api_gateway_takes_are_a_500() {
    let long = handler(|| async {
        let value = HeaderValue::try_from("y".repeat(11_000)).unwrap();
        (HeaderMap::from_iter([(VARY, value)]), "")
    });
    for event in [rest_api(), http_api()] {
        assert_eq!(reply(&long, &event).await["statusCode"], 500);
    }
    assert_eq!(reply(&long, &function_url()).await["statusCode"], 200);
}

#[tokio::test]
async fn an_http_api_of_the_first_payload_format_has_its_decoded_path_encoded_again() {
    let mut event = rest_api();
    event["version"] = json!("1.0");
    event["path"] = json!("/capture/a b/100%");
    let seen = seen(event.clone()).await;
    assert_eq!(seen["source"], "HTTP API (1.0)");
    assert!(
        seen["target"]
            .as_str()
            .unwrap()
            .starts_with("/capture/a%20b/100%25?")
    );
    let reply = reply(&handler(rich), &event).await;
    assert_eq!(
        reply["multiValueHeaders"]["vary"],
        json!(["accept", "origin"])
    );
}

#[tokio::test]
async fn a_websocket_handshake_is_a_post_to_connect() {
    let event = json!({
        "headers": {"Host": "x.example", "x-probe": "1"},
        "multiValueHeaders": {"Host": ["x.example"], "x-probe": ["1"]},
        "requestContext": {
            "routeKey": "$connect", "eventType": "CONNECT", "connectionId": "c-1", "stage": "live",
            "identity": {"sourceIp": "192.0.2.1"},
        },
        "isBase64Encoded": false,
    });
    let seen = seen(event).await;
    assert_eq!(
        (&seen["method"], &seen["target"]),
        (&json!("POST"), &json!("/$connect"))
    );
    assert_eq!(seen["peer"], "192.0.2.1");
}

#[tokio::test]
async fn an_event_of_millions_of_nothings_costs_no_more_than_it_must() {
    let mut event = function_url();
    event["body"] = Value::from(vec![json!({}); 500_000]);
    // A body that is no text is none.
    assert_eq!(seen(event).await["body"], "");
}
