//! Invocations with valid and invalid events, and a Runtime API that fails.

use http::{Response, StatusCode};

use super::*;

#[tokio::test]
async fn context_of_an_invocation_has_its_request_id_peer_and_scheme() {
    let (api, _probe) = start().await;
    let received = echo(
        &api,
        event("POST", "/echo", |event| event["body"] = json!("hi")),
    )
    .await;
    assert_eq!(received["host"], "lambda");
    assert_eq!(received["peer"], "192.0.2.1");
    assert_eq!(received["request_id"], "r-0");
    assert_eq!(received["scheme"], "https");
    assert_eq!(received["body"], json!({"length": 2, "base64": "aGk="}));
}

#[tokio::test]
async fn invalid_invocation_headers_are_ignored() {
    let (api, _probe) = start().await;
    let invalid = [
        ("lambda-runtime-client-context", "{not json"),
        ("lambda-runtime-cognito-identity", "["),
        ("lambda-runtime-deadline-ms", "soon"),
    ];
    assert_eq!(
        api.invoke_with(get("/hello"), &invalid).await.json()["body"],
        "Hello, world!"
    );
    assert_responds(&api).await;
}

#[tokio::test]
async fn invalid_http_event_gets_a_4xx_response_and_the_next_invocation_succeeds() {
    let (api, _probe) = start().await;
    for invalid in [
        event("G@T", "/hello", |_| {}),
        event("", "/hello", |_| {}),
        event("GET", "hello", |_| {}),
        event("GET", "", |_| {}),
        event("GET", "/hello", |event| {
            event["requestContext"]["http"] = json!(5);
        }),
        event("GET", "/hello", |event| event["rawPath"] = Value::Null),
        event("GET", "/hello", |event| {
            event["headers"]["host"] = json!("u@a");
        }),
        event("GET", "/hello", |event| {
            event["headers"]["host"] = json!("a:99999");
        }),
        event("GET", "/hello", |event| {
            event["headers"]["host"] = json!("[x");
        }),
        event("GET", &format!("/{}", "a".repeat(70_000)), |_| {}),
        event("POST", "/raw", |event| {
            (event["body"], event["isBase64Encoded"]) = (json!("%%%"), json!(true));
        }),
        event("POST", "/json", |event| event["body"] = json!("{")),
        event("POST", "/limit/1", |event| event["body"] = json!("xx")),
    ] {
        let answer = api.invoke(invalid.clone()).await;
        let shown: String = invalid.chars().take(300).collect();
        assert_eq!(answer.call, "response", "{shown}");
        let status = answer.json()["statusCode"].as_u64().unwrap();
        assert!((400..500).contains(&status), "{status} for {shown}");
        assert_responds(&api).await;
    }
}

#[tokio::test]
async fn invalid_headers_and_cookies_of_an_event_are_dropped_and_the_others_are_kept() {
    let (api, _probe) = start().await;
    let received = echo(&api, event("GET", "/echo", |event| {
        event["headers"] = json!({
            "bad name": "1", "x-bad": "a\nb", "x-null": null, "x-number": 5, "x-map": {}, "x-good": "1",
            "x-latin1": "caf\u{e9}",
        });
        event["cookies"] = json!(["a=1", "b\n=2", "c=3"]);
        event["rawQueryString"] = json!("q=\"<>\" \u{e9}");
    }))
    .await;
    let headers = json!([
        ["x-good", "1"],
        ["x-latin1", "caf\u{e9}"],
        ["x-number", "5"],
        ["cookie", "a=1; c=3"]
    ]);
    assert_eq!(received["headers"], headers);
    assert_eq!(received["query"], "q=%22%3C%3E%22%20%C3%A9");
}

#[tokio::test]
async fn event_that_is_not_an_http_request_is_a_failed_invocation() {
    let (api, _probe) = start().await;
    for event in [
        "",
        "{",
        "\u{0}",
        "{}",
        "[]",
        "null",
        "[1]",
        r#"{"rawPath": "/hello"}"#,
        r#"{"body": "\ud800"}"#,
        r#"{"Records": [{"eventSource": "aws:sqs"}]}"#,
    ] {
        assert_eq!(api.invoke(event).await.call, "error", "{event}");
    }
    let answer = api.invoke(r#"{"detail-type": "Scheduled Event"}"#).await;
    assert!(
        answer.json()["errorMessage"]
            .as_str()
            .unwrap()
            .contains("not an HTTP request")
    );
    assert_responds(&api).await;
}

#[tokio::test]
async fn response_header_that_is_not_utf8_is_decoded_as_latin_1_and_repeated_headers_are_joined() {
    let (api, _probe) = start().await;
    let response = api.invoke(get("/headers")).await.json();
    assert_eq!(response["headers"]["x-latin1"], "caf\u{e9}");
    assert_eq!(response["headers"]["vary"], "accept, origin");
    assert_eq!(
        response["cookies"],
        json!(["a=1; Expires=Wed, 21 Oct 2037 07:28:00 GMT", "b=2; Path=/"])
    );
    assert_responds(&api).await;
}

#[tokio::test]
async fn body_is_base64_if_it_is_binary_or_compressed() {
    let (api, _probe) = start().await;
    for (path, encoded) in [
        ("/bytes", true),
        ("/gzip", true),
        ("/hello", false),
        ("/empty", false),
    ] {
        assert_eq!(
            api.invoke(get(path)).await.json()["isBase64Encoded"],
            encoded,
            "{path}"
        );
    }
}

#[tokio::test]
async fn errors_and_panics_of_a_handler_are_500_responses_and_not_failed_invocations() {
    let (api, _probe) = start().await;
    for path in ["/fail", "/panic", "/panic-late", "/stream-error"] {
        let answer = api.invoke(get(path)).await;
        assert_eq!(
            (answer.call.as_str(), &answer.json()["statusCode"]),
            ("response", &json!(500)),
            "{path}"
        );
    }
}

#[tokio::test]
async fn response_over_the_size_limit_of_lambda_is_a_500_and_logged() {
    let (api, mut probe) = start().await;
    let response = api.invoke(get("/large/7000000")).await.json();
    assert_eq!(response["statusCode"], 500);
    probe
        .log_line("response too large for the event source")
        .await;
    assert_eq!(
        api.invoke(get("/large/1000000")).await.json()["statusCode"],
        200
    );
}

#[tokio::test]
async fn response_that_the_runtime_api_rejects_is_a_failed_invocation() {
    let (api, mut probe) = start().await;
    api.refuse(StatusCode::PAYLOAD_TOO_LARGE);
    let answers = api.invoke_all(get("/hello"), &[], 2).await;
    assert_eq!(
        answers
            .iter()
            .map(|answer| answer.call.as_str())
            .collect::<Vec<_>>(),
        ["response", "error"]
    );
    probe.log_line("failed to post the response").await;
    assert_responds(&api).await;
}

#[tokio::test]
async fn invalid_response_to_next_is_logged_and_the_next_invocation_succeeds() {
    let (api, mut probe) = start().await;
    for status in [500, 403, 204, 200] {
        // A 200 response without a request id is invalid, too.
        api.misbehave(Response::builder().status(status).body("garbage").unwrap());
        probe.log_line("failed to get an invocation").await;
    }
    assert_responds(&api).await;
}

#[tokio::test]
async fn sigterm_ends_an_idle_function_with_exit_code_0() {
    let (api, probe) = start().await;
    api.invoke(get("/hello")).await;
    probe.terminate();
    assert!(probe.exit().await.success());
}
