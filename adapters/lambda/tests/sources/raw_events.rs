//! Events that are valid for Lambda and invalid for JSON parsers, and messages that look like HTTP requests.

use super::*;
use anyhost_core::Error;
use anyhost_lambda::Function;
use bytes::Bytes;

async fn raw(mut request: Request) -> Result<Value> {
    let body = request.buffer().await?;
    Ok(json!({"path": request.uri().path(), "body": body.to_vec()}))
}

fn deep(event: &str) -> Bytes {
    let deep = "[".repeat(200) + &"]".repeat(200);
    event.replace("DEEP", &deep).into()
}

#[tokio::test]
async fn an_event_that_is_not_certainly_http_reaches_the_path_for_events_byte_for_byte() {
    for event in [
        deep(r#"{"body": DEEP}"#),
        deep(r#"{"headers": {"a": DEEP}}"#),
        deep("DEEP"),
        Bytes::from(r#"{"type": "order", "body": "\ud800"}"#),
        Bytes::from(r#"{"path": "\udc00", "requestContext": "\ud800"}"#),
        Bytes::from(r#"{"\ud800": 1}"#),
        Bytes::from(r#"{"body": 1e400}"#),
        Bytes::from(r#"{"headers": {"n": 1e400}}"#),
        Bytes::from(&b"{\"body\": \"\xEE\"}"[..]),
        Bytes::from(r#"{"routeKey": "x"}"#),
        Bytes::from(r#"{"rawPath": "/x"}"#),
        Bytes::from(r#"{"raw_path": "/x", "method": "GET"}"#),
        Bytes::from(r#"{"httpMethod": "ORDER", "path": "Files/x"}"#),
        Bytes::from(r#"{"httpMethod": "ORDER", "path": "Files/x", "headers": {}}"#),
        Bytes::from(format!(r#"{{"body": [{}1]}}"#, "1,".repeat(100_000))),
        Bytes::from("not JSON"),
    ] {
        let shown = String::from_utf8_lossy(&event[..event.len().min(80)]).into_owned();
        let function = Function::new().with_events("/events");
        let result = function.invoke(raw, event.clone()).await.unwrap();
        let result: Value = serde_json::from_slice(&result).unwrap();
        let expected = json!({"path": "/events", "body": event.to_vec()});
        assert!(result == expected, "{shown}");

        let error = invoke(raw, event).await.err();
        let message = error.map(|error: Error| error.message().to_owned());
        let message = message.unwrap_or_default();
        assert!(message.contains("not an HTTP request"), "{shown}");
    }
}

#[tokio::test]
async fn a_request_whose_body_or_query_is_not_unicode_is_a_400_in_the_form_of_its_source() {
    for (pointer, event) in [
        ("/body", alb()),
        ("/multiValueQueryStringParameters/z/0", alb_multi_value()),
    ] {
        let mut event = event;
        *event.pointer_mut(pointer).unwrap() = json!("PLACEHOLDER");
        let text = event.to_string().replace("PLACEHOLDER", r"\ud800");
        let response = invoke(echo, text.into()).await.unwrap();
        let response: Value = serde_json::from_slice(&response).unwrap();
        assert_eq!(response["statusCode"], 400, "{pointer}");
        assert_eq!(response["statusDescription"], "400 Bad Request");
    }
}

#[tokio::test]
async fn a_header_that_is_not_utf_8_keeps_its_bytes_and_a_header_that_is_not_unicode_is_ignored() {
    for (sent, received) in [
        (&b"curl/\xEE"[..], Some(&b"curl/\xEE"[..])),
        (br"\ud800", None),
    ] {
        let mut event = alb();
        event["headers"]["user-agent"] = json!("PLACEHOLDER");
        let text = event.to_string();
        let (before, after) = text.split_once("PLACEHOLDER").unwrap();
        let event = [before.as_bytes(), sent, after.as_bytes()].concat();
        let agent = |request: Request| async move {
            let agent = request.headers().get("user-agent");
            let agent = agent.map(|value| value.as_bytes().to_vec());
            json!([agent, request.headers().contains_key("x-probe")])
        };
        let response = invoke(agent, event.into()).await.unwrap();
        let response: Value = serde_json::from_slice(&response).unwrap();
        let body: Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
        assert_eq!(body, json!([received, true]));
    }
}

#[tokio::test]
async fn a_byte_of_a_path_that_is_not_utf_8_is_percent_encoded() {
    let mut event = function_url();
    (event["rawPath"], event["rawQueryString"]) = (json!("/PLACEHOLDER"), json!(""));
    let text = event.to_string();
    let (before, after) = text.split_once("PLACEHOLDER").unwrap();
    let event = [before.as_bytes(), b"caf\xE9", after.as_bytes()].concat();
    let target = |request: Request| async move { request.uri().to_string() };
    let response = invoke(target, event.into()).await.unwrap();
    let response: Value = serde_json::from_slice(&response).unwrap();
    assert_eq!(response["body"], "/caf%E9");
}

#[tokio::test]
async fn header_values_of_a_load_balancer_are_utf_8() {
    for (mut event, name) in [(alb(), "headers"), (alb_multi_value(), "multiValueHeaders")] {
        for value in ["Torrej\u{f3}n", "Sr\u{12b}perumb\u{16b}d\u{16b}r"] {
            event[name]["x-probe"] = json!(value);
            assert_eq!(seen(event.clone()).await["probe"], json!([value]));
        }
    }
    // API Gateway writes each byte as a character of Latin-1.
    let bytes = |request: Request| async move { request.headers()["x-probe"].as_bytes().to_vec() };
    let mut event = function_url();
    event["headers"]["x-probe"] = json!("Torrej\u{f3}n");
    let response = response_to(&event, bytes).await;
    assert_eq!(response["body"], "VG9ycmVq824=");
}

#[tokio::test]
async fn a_header_value_does_not_share_the_memory_of_the_event() {
    let shares = |request: Request| async move {
        let event = request.extensions().get::<LambdaContext>();
        let event = event.unwrap().event().as_ptr_range();
        let mut values = request.headers().values();
        values
            .any(|value| event.contains(&value.as_bytes().as_ptr()))
            .to_string()
    };
    for event in [function_url(), rest_api(), lattice()] {
        assert_eq!(response_to(&event, shares).await["body"], "false");
    }
}
