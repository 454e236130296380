//! Streamed responses, which are sent to the Runtime API while the handler produces them.

use super::*;
use anyhost_conformance::Answer;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::StatusCode;

const STREAM: &[(&str, &str)] = &[("ANYHOST_LAMBDA_MODE", "stream")];

/// Splits a streamed response into its prelude (status and headers) and its body.
fn parts(answer: &Answer) -> (Value, &[u8]) {
    let nuls = answer.body.windows(8).position(|eight| eight == [0; 8]);
    let nuls = nuls.expect("expected eight NUL bytes after the prelude");
    let prelude =
        serde_json::from_slice(&answer.body[..nuls]).expect("expected JSON in the prelude");
    (prelude, &answer.body[nuls + 8..])
}

#[tokio::test]
async fn streamed_response_is_a_json_prelude_eight_nul_bytes_and_the_body() {
    let (api, _probe) = start_with(STREAM).await;
    let answer = api.invoke(get("/stream?chunks=2&size=3")).await;
    assert_eq!(answer.call, "response");
    assert_eq!(
        answer.headers["content-type"],
        "application/vnd.awslambda.http-integration-response"
    );
    assert_eq!(
        answer.headers["lambda-runtime-function-response-mode"],
        "streaming"
    );
    let (prelude, _) = parts(&answer);
    assert_eq!(
        prelude["statusCode"], 404,
        "the query in the path of the event was not treated as a part of the path"
    );

    let event = event("GET", "/stream", |event| {
        event["rawQueryString"] = json!("chunks=2&size=3");
    });
    let answer = api.invoke(event).await;
    let (prelude, body) = parts(&answer);
    let expected = json!({
        "statusCode": 200,
        "headers": {"content-type": "application/octet-stream"},
        "cookies": [],
    });
    assert_eq!((prelude, body), (expected, &b"zzzzzz"[..]));
    assert!(answer.trailers.is_empty());
}

#[tokio::test]
async fn streamed_repeated_headers_are_joined_except_for_a_rest_api_which_gets_lists() {
    let (api, _probe) = start_with(STREAM).await;
    let answer = api.invoke(get("/headers")).await;
    let (prelude, body) = parts(&answer);
    assert_eq!(prelude["headers"]["vary"], "accept, origin");
    assert_eq!(prelude["headers"]["x-latin1"], "caf\u{e9}");
    assert_eq!(
        prelude["cookies"],
        json!(["a=1; Expires=Wed, 21 Oct 2037 07:28:00 GMT", "b=2; Path=/"])
    );
    assert_eq!(body, b"");

    let rest = json!({
        "httpMethod": "GET", "path": "/headers", "headers": {"host": "a.example"},
        "requestContext": {"stage": "live"},
    });
    let answer = api.invoke(rest.to_string()).await;
    let (prelude, _) = parts(&answer);
    assert_eq!(
        prelude["multiValueHeaders"]["vary"],
        json!(["accept", "origin"])
    );
    assert_eq!(
        prelude["multiValueHeaders"]["set-cookie"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn aborted_stream_has_its_error_in_the_trailers_and_not_in_the_body() {
    let (api, _probe) = start_with(STREAM).await;
    for path in ["/stream-error", "/panic-late"] {
        let answer = api.invoke(get(path)).await;
        assert_eq!(parts(&answer).1, b"first", "{path}");
        let kind = &answer.trailers["lambda-runtime-function-error-type"];
        assert_eq!(kind, "Runtime.StreamError", "{path}");
        let error = BASE64.decode(&answer.trailers["lambda-runtime-function-error-body"]);
        let error: Value = serde_json::from_slice(&error.unwrap()).unwrap();
        assert_eq!(error["errorType"], "Runtime.StreamError");
        assert!(
            !error.to_string().contains("late"),
            "the error sent to Lambda contains the cause, which is for the log only: {error}"
        );
    }
    let answer = api.invoke(get("/hello")).await;
    assert_eq!(parts(&answer).1, b"Hello, world!");
}

#[tokio::test]
async fn streamed_response_without_content_ends_after_the_nul_bytes_and_has_no_content_type() {
    let (api, _probe) = start_with(STREAM).await;
    for (path, status) in [("/null", 204), ("/empty", 200), ("/status/304", 304)] {
        let answer = api.invoke(get(path)).await;
        let (prelude, body) = parts(&answer);
        assert_eq!(
            (&prelude["statusCode"], body),
            (&json!(status), &b""[..]),
            "{path}"
        );
        assert_eq!(prelude["headers"]["content-type"], Value::Null, "{path}");
    }
}

#[tokio::test]
async fn error_responses_are_streamed_in_stream_mode() {
    let (api, _probe) = start_with(STREAM).await;
    let answer = api.invoke(get("/fail")).await;
    let (prelude, body) = parts(&answer);
    assert_eq!(
        (&prelude["statusCode"], body),
        (&json!(500), &b"Internal Server Error"[..])
    );
    let invalid = event("G@T", "/hello", |_| {});
    let answer = api.invoke(invalid).await;
    assert_eq!(parts(&answer).0["statusCode"], 400);
}

#[tokio::test]
async fn load_balancer_gets_a_buffered_response_in_stream_mode() {
    let (api, _probe) = start_with(STREAM).await;
    let alb = json!({
        "httpMethod": "GET", "path": "/hello", "headers": {"host": "a.example"},
        "requestContext": {"elb": {}},
    });
    assert_eq!(
        api.invoke(alb.to_string()).await.json()["body"],
        "Hello, world!"
    );
}

#[tokio::test]
async fn response_of_20_mb_is_streamed() {
    let (api, _probe) = start_with(STREAM).await;
    let answer = api.invoke(get("/large/20000000")).await;
    assert_eq!(parts(&answer).1.len(), 20_000_000);
}

#[tokio::test]
async fn streamed_response_that_the_runtime_api_rejects_is_a_failed_invocation() {
    let (api, mut probe) = start_with(STREAM).await;
    // The first response has ended when it is rejected. The second response is still in progress.
    for query in ["chunks=1", "chunks=1000000000&delay_ms=1000"] {
        api.refuse(StatusCode::PAYLOAD_TOO_LARGE);
        let event = event("GET", "/stream", |event| {
            event["rawQueryString"] = json!(query);
        });
        let answers = api.invoke_all(event, &[], 2).await;
        assert_eq!(answers[1].call, "error", "{query}");
    }
    probe.log_line("failed to post the response").await;
    let answer = api.invoke(get("/hello")).await;
    assert_eq!(parts(&answer).1, b"Hello, world!");
}

#[tokio::test]
async fn streamed_headers_over_the_limit_of_a_rest_api_are_a_500() {
    let (api, _probe) = start_with(STREAM).await;
    let rest = json!({
        "httpMethod": "GET", "path": "/header-size/11000", "headers": {"host": "a.example"},
        "requestContext": {"stage": "live"},
    });
    let answer = api.invoke(rest.to_string()).await;
    assert_eq!(parts(&answer).0["statusCode"], 500);
}

#[tokio::test]
async fn http_api_with_payload_format_1_gets_a_buffered_response_in_stream_mode() {
    let (api, _probe) = start_with(STREAM).await;
    let event = json!({
        "version": "1.0", "httpMethod": "GET", "path": "/hello", "headers": {"host": "a.example"},
        "requestContext": {"stage": "$default"},
    });
    assert_eq!(
        api.invoke(event.to_string()).await.json()["body"],
        "Hello, world!"
    );
}
