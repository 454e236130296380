//! The probe under AWS's own implementation of the Lambda Runtime API, the Runtime Interface Emulator: deadlines, and
//! invocations that run concurrently or end too late.
//!
//! The transports `lambda-rie` run the whole suite under the emulator.

use std::time::{Duration, Instant};

use anyhost_conformance::Rie;
use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

/// Managed Instances send up to eight concurrent invocations to one process.
const MANAGED: (&str, &str) = ("AWS_LAMBDA_MAX_CONCURRENCY", "8");

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
    serde_json::from_slice(response.body()).expect("expected JSON from the function")
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
    panic!("the function did not respond within 500 attempts: no process became free");
}

#[tokio::test]
async fn request_without_a_response_gets_a_504_before_the_emulator_ends_the_process() {
    let rie = start(&[("AWS_LAMBDA_FUNCTION_TIMEOUT", "2")]).await;
    assert_responds(&rie).await;
    let process = rie.probe_id().expect("expected the probe to run");
    let response = rie.invoke(get("/sleep/600000")).await.unwrap();
    assert_eq!(json_of(&response)["statusCode"], 504);
    assert_responds(&rie).await;
    assert_eq!(
        rie.probe_id(),
        Some(process),
        "the emulator started another process"
    );
}

#[tokio::test]
async fn response_is_immediate_while_another_invocation_blocks_its_thread() {
    let rie = start(&[MANAGED]).await;
    assert_responds(&rie).await;
    let blocked = rie.invoke(get("/block/4000"));
    let beside = async {
        // After this time, the other handler has begun to block its thread.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let started = Instant::now();
        assert_responds(&rie).await;
        started.elapsed()
    };
    let (blocked, time) = tokio::join!(blocked, beside);
    assert_eq!(json_of(&blocked.unwrap())["body"], "blocked");
    assert!(time < Duration::from_secs(2), "/hello took {time:?}");
}

#[tokio::test]
async fn late_response_does_not_reach_the_next_invocation_with_the_same_request_id() {
    let rie = start(&[MANAGED, ("AWS_LAMBDA_FUNCTION_TIMEOUT", "2")]).await;
    assert_responds(&rie).await;
    // AWS uses the request id again when it repeats an invocation.
    let id = [("x-amzn-requestid", "11111111-2222-3333-4444-555555555555")];
    // The handler blocks its thread, so the adapter cannot drop it at the deadline.
    let late = rie.invoke_with(get("/block/3000"), &id).await.unwrap();
    assert_eq!(json_of(&late)["errorType"], "Sandbox.Timedout");
    let next = rie.invoke_with(get("/sleep/1500"), &id).await.unwrap();
    assert_eq!(json_of(&next)["body"], "slept");
    assert_responds(&rie).await;
}

#[tokio::test]
async fn function_posts_no_error_after_the_runtime_api_rejects_its_response_with_410() {
    let mut rie = start(&[MANAGED, ("AWS_LAMBDA_FUNCTION_TIMEOUT", "1")]).await;
    assert_responds(&rie).await;
    let late = rie.invoke(get("/block/2000")).await.unwrap();
    assert_eq!(json_of(&late)["errorType"], "Sandbox.Timedout");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_responds(&rie).await;
    // The emulator logs every POST to /error.
    let log = rie.log();
    let errors = log
        .iter()
        .filter(|line| line.contains("Received Runtime error"));
    assert_eq!(errors.collect::<Vec<_>>(), Vec::<&String>::new());
}

#[tokio::test]
async fn failed_start_is_reported_to_lambda_with_its_reason() {
    let rie = start(&[("PROBE_START", "fail")]).await;
    let response = rie.invoke(get("/hello")).await.unwrap();
    let message = json_of(&response)["errorMessage"].to_string();
    assert!(message.contains("PROBE_START=fail"), "{message}");
}
