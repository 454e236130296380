//! Events and responses that other Lambda adapters handle incorrectly.

use super::*;
use anyhost_core::http::StatusCode;

async fn target(event: Value) -> String {
    seen(event).await["target"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_field_of_an_unexpected_type_does_not_fail_the_request() {
    let mut event = function_url();
    event["requestContext"]["timeEpoch"] = json!("soon");
    event["requestContext"]["authorizer"] = json!([5]);
    event["isBase64Encoded"] = Value::Null;
    event["cookies"] = json!({"a": 1});
    event["unknown"] = json!({"deep": [[[]]]});
    assert_eq!(seen(event).await["body"], "hi");
}

#[tokio::test]
async fn repeated_headers_of_a_rest_api_and_a_websocket_api_are_kept() {
    assert_eq!(seen(rest_api()).await["probe"], json!(["first", "second"]));
    let mut event = rest_api();
    event["requestContext"]["connectionId"] = json!("c-1");
    assert_eq!(seen(event).await["probe"], json!(["first", "second"]));
}

#[tokio::test]
async fn paths_are_not_normalized_and_an_invalid_host_header_is_a_400() {
    for path in ["/a/../b", "/a/%2e%2e/b", "/a\\b", "//a//b", "/a/./b"] {
        let mut event = function_url();
        (event["rawPath"], event["rawQueryString"]) = (json!(path), json!(""));
        assert_eq!(target(event).await, path);
    }
    for host in ["a:99999", "[x", "u@a", "a/b", "a b"] {
        let mut event = function_url();
        event["headers"]["host"] = json!(host);
        let response = response_to(&event, echo).await;
        assert_eq!(response["statusCode"], 400, "{host}");
    }
    let mut event = alb();
    event["headers"]["x-forwarded-proto"] = json!("http,https");
    assert_eq!(seen(event).await["scheme"], "http");
}

#[tokio::test]
async fn invalid_bytes_in_a_query_are_encoded_and_a_target_that_is_too_long_is_a_414() {
    let mut event = function_url();
    event["rawPath"] = json!("/x");
    event["rawQueryString"] = json!("a=\"<>\" |\u{e9}");
    assert_eq!(target(event.clone()).await, "/x?a=%22%3C%3E%22%20|%C3%A9");
    event["rawQueryString"] = json!("a".repeat(70_000));
    assert_eq!(response_to(&event, echo).await["statusCode"], 414);
}

#[tokio::test]
async fn an_invalid_cookie_is_ignored_and_the_others_are_kept() {
    let mut event = http_api();
    event["cookies"] = json!(["a=1", "b=\n", "c=\u{e9}", "d=4"]);
    let cookie = seen(event).await["cookie"][0].as_str().unwrap().to_owned();
    assert!(
        cookie.starts_with("a=1; c=") && cookie.ends_with("; d=4"),
        "{cookie}"
    );
}

#[tokio::test]
async fn the_query_of_a_rest_api_keeps_its_order_and_empty_values() {
    let mut event = rest_api();
    event["path"] = json!("/x");
    event["multiValueQueryStringParameters"] =
        json!({"z": ["1"], "a": ["2", "3"], "m": ["a b"], "flag": [""]});
    // The event is edited as text, because `serde_json::Value` sorts maps.
    let text = event.to_string();
    let sorted = r#"{"a":["2","3"],"flag":[""],"m":["a b"],"z":["1"]}"#;
    let sent = r#"{"z":["1"],"a":["2","3"],"m":["a b"],"flag":[""]}"#;
    assert!(text.contains(sorted));
    let response = invoke(echo, text.replace(sorted, sent).into()).await;
    let response: Value = serde_json::from_slice(&response.unwrap()).unwrap();
    let seen: Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
    assert_eq!(seen["target"], "/x?z=1&a=2&a=3&m=a%20b&flag=");
}

#[tokio::test]
async fn a_vpc_lattice_event_of_format_1_0_is_a_request() {
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
async fn an_invalid_base64_body_is_a_400_and_content_length_is_the_length_of_the_body() {
    let mut event = function_url();
    (event["body"], event["isBase64Encoded"]) = (json!("%%%"), json!(true));
    assert_eq!(response_to(&event, echo).await["statusCode"], 400);
    let mut event = function_url();
    event["headers"]["content-length"] = json!("1");
    assert_eq!(seen(event.clone()).await["length"], json!(["2"]));
    event["body"] = Value::Null;
    assert_eq!(seen(event).await["length"], json!(["0"]));
}

#[tokio::test]
async fn a_response_body_is_in_base64_only_if_it_is_not_utf_8() {
    for (content_type, body, encoded) in [
        ("", &b"\xFF\x00"[..], true),
        ("text/plain", b"\xFF\xFE", true),
        ("image/svg+xml", b"\xFF", true),
        ("Application/JSON", b"{}", false),
        ("application/x-www-form-urlencoded", b"a=1", false),
        ("text/plain; charset=iso-8859-1", b"caf\xE9", true),
        ("text/plain", b"\xEF\xBB\xBFbom", false),
    ] {
        let handler = move || async move {
            let builder = anyhost_core::http::Response::builder();
            let builder = match content_type {
                "" => builder,
                content_type => builder.header("content-type", content_type),
            };
            builder.body(Body::from(body))
        };
        let response = response_to(&function_url(), handler).await;
        assert_eq!(response["isBase64Encoded"], encoded, "{content_type}");
        if !encoded {
            assert_eq!(
                response["body"],
                str::from_utf8(body).unwrap(),
                "{content_type}"
            );
        }
        if !content_type.is_empty() {
            assert_eq!(response["headers"]["content-type"], content_type);
        }
    }
}

#[tokio::test]
async fn a_response_whose_body_fails_is_a_500() {
    let failing = || async {
        let chunks = [Ok("first"), Err(std::io::Error::other("late"))];
        Body::from_stream(futures_util::stream::iter(chunks))
    };
    assert_eq!(
        response_to(&function_url(), failing).await["statusCode"],
        500
    );
}

#[tokio::test]
async fn a_response_header_that_is_not_utf_8_is_sent_as_latin_1() {
    let latin = || async {
        let value = HeaderValue::from_bytes(b"caf\xE9").unwrap();
        (HeaderMap::from_iter([(VARY, value)]), "")
    };
    assert_eq!(
        response_to(&function_url(), latin).await["headers"]["vary"],
        "caf\u{e9}"
    );
}

#[tokio::test]
async fn responses_to_head_requests_and_204_and_304_responses_have_no_body_and_no_hop_by_hop_headers()
 {
    for status in [204, 304] {
        let handler = move || async move { (StatusCode::from_u16(status).unwrap(), "body") };
        let response = response_to(&function_url(), handler).await;
        assert_eq!(
            (&response["body"], &response["headers"]),
            (&json!(""), &json!({})),
            "{status}"
        );
    }
    let mut event = function_url();
    event["requestContext"]["http"]["method"] = json!("HEAD");
    let hop = || async {
        let response = anyhost_core::http::Response::builder();
        let response = response.header("transfer-encoding", "chunked");
        response
            .header("connection", "close")
            .body(Body::from("body"))
    };
    let response = response_to(&event, hop).await;
    assert_eq!(response["body"], "");
    assert_eq!(response["headers"]["content-length"], "4");
    assert_eq!(
        response["headers"].as_object().unwrap().len(),
        2,
        "{response}"
    );
}

#[tokio::test]
async fn response_headers_over_the_limit_of_an_api_gateway_are_a_500() {
    let long = || async {
        let value = HeaderValue::try_from("y".repeat(11_000)).unwrap();
        (HeaderMap::from_iter([(VARY, value)]), "")
    };
    for event in [rest_api(), http_api()] {
        assert_eq!(response_to(&event, long).await["statusCode"], 500);
    }
    assert_eq!(response_to(&function_url(), long).await["statusCode"], 200);
}

#[tokio::test]
async fn the_decoded_path_of_an_http_api_with_payload_1_0_is_encoded_again() {
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
    let response = response_to(&event, rich).await;
    assert_eq!(
        response["multiValueHeaders"]["vary"],
        json!(["accept", "origin"])
    );
}

#[tokio::test]
async fn a_websocket_handshake_is_a_post_to_the_connect_route() {
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
async fn a_body_that_is_not_a_string_is_empty_even_if_it_is_a_list_of_500000_maps() {
    let mut event = function_url();
    event["body"] = Value::from(vec![json!({}); 500_000]);
    assert_eq!(seen(event).await["body"], "");
}

#[tokio::test]
async fn the_peer_is_read_from_an_address_with_a_port_and_from_an_ipv4_mapped_address() {
    for address in [
        "192.0.2.7:443",
        "::ffff:192.0.2.7",
        "[::ffff:192.0.2.7]:443",
    ] {
        let mut event = function_url();
        event["requestContext"]["http"]["sourceIp"] = json!(address);
        assert_eq!(seen(event).await["peer"], "192.0.2.7", "{address}");
        let mut event = alb();
        event["headers"]["x-forwarded-for"] = json!(format!("203.0.113.9, {address}"));
        assert_eq!(seen(event).await["peer"], "192.0.2.7", "{address}");
    }
}

#[tokio::test]
async fn a_status_that_no_event_source_accepts_is_a_500() {
    let unknown = || async { StatusCode::from_u16(600).unwrap() };
    for event in [function_url(), rest_api(), alb(), lattice()] {
        assert_eq!(response_to(&event, unknown).await["statusCode"], 500);
    }
    let last = || async { StatusCode::from_u16(599).unwrap() };
    let response = response_to(&function_url(), last).await;
    assert_eq!(response["statusCode"], 599);
}

#[tokio::test]
async fn the_scheme_of_vpc_lattice_is_https_unless_the_event_contains_http() {
    let mut event = lattice();
    assert_eq!(seen(event.clone()).await["scheme"], "https");
    for scheme in ["http", "https"] {
        event["headers"]["x-forwarded-for-proto"] = json!([scheme]);
        assert_eq!(seen(event.clone()).await["scheme"], scheme);
    }
}
