//! The probe under AWS's own implementation of the Lambda Runtime API, the Runtime Interface Emulator: deadlines, and
//! invocations that run concurrently or end too late.
//!
//! The transports `lambda-rie` run the whole suite under the emulator.

use std::time::Duration;

use anyhost_conformance::Rie;
use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

async fn start(vars: &[(&str, &str)]) -> Rie {
    let rie = Rie::start(vars).await;
    rie.unwrap_or_else(|why| panic!("NOT RUN: {why}"))
}

/// The event of a Function URL.
fn get(path: &str) -> String {
    let event = json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "x.lambda-url.eu-west-1.on.aws"},
        "requestContext": {
            "http": {"method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
        },
        "isBase64Encoded": false,
    });
    event.to_string()
}

fn json_of(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).expect("the function posted JSON")
}

/// Checks that the function still handles invocations, as soon as a process is free.
async fn assert_responds(rie: &Rie) {
    for _ in 0..500 {
        let response = rie.invoke(get("/hello")).await.unwrap();
        if json_of(&response)["body"] == "Hello, world!" {
            return;
        }
        assert_eq!(
            response.headers().get("error-type").unwrap(),
            "Runtime.Unavailable"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no process is free");
}

#[tokio::test]
async fn handler_without_a_response_is_a_504_before_the_emulator_ends_the_process() {
    let rie = start(&[("AWS_LAMBDA_FUNCTION_TIMEOUT", "2")]).await;
    assert_responds(&rie).await;
    let process = rie.probe_id();
    let response = rie.invoke(get("/sleep/600000")).await.unwrap();
    assert_eq!(json_of(&response)["statusCode"], 504);
    assert_responds(&rie).await;
    assert_eq!(
        rie.probe_id(),
        process,
        "the emulator started another process"
    );
}

#[tokio::test]
async fn failed_start_is_reported_with_its_reason() {
    let rie = start(&[("PROBE_START", "fail")]).await;
    let response = rie.invoke(get("/hello")).await.unwrap();
    let message = json_of(&response)["errorMessage"].to_string();
    assert!(message.contains("PROBE_START says so"), "{message}");
}
