//! The probe as a Lambda function, under the Runtime API of `anyhost_conformance::LambdaApi`.
//!
//! The suite in `src/cases` tests what a request and its response show on every host. These tests need raw
//! events, the calls of the Runtime API, the log, or signals.

mod invocations;
mod lifecycle;
mod log;
mod stream;

use anyhost_conformance::{LambdaApi, Probe};
use serde_json::{Value, json};

async fn start() -> (LambdaApi, Probe) {
    start_with(&[]).await
}

async fn start_with(vars: &[(&str, &str)]) -> (LambdaApi, Probe) {
    let api = LambdaApi::start().await;
    let address = api.address();
    let mut all = vec![("AWS_LAMBDA_RUNTIME_API", address.as_str())];
    all.extend(vars);
    let probe = Probe::start(&[], &all);
    (api, probe)
}

/// The event of a Function URL, after `change` was applied to it.
fn event(method: &str, path: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut event = json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "x.lambda-url.eu-west-1.on.aws"},
        "requestContext": {
            "domainName": "x.lambda-url.eu-west-1.on.aws",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
        },
        "isBase64Encoded": false,
    });
    change(&mut event);
    event.to_string()
}

fn get(path: &str) -> String {
    event("GET", path, |_| {})
}

/// Checks that the function still handles invocations.
async fn assert_responds(api: &LambdaApi) {
    let response = api.invoke(get("/hello")).await.json();
    assert_eq!(response["body"], "Hello, world!");
}

/// The JSON of `/echo`, which describes the request as the handler received it.
async fn echo(api: &LambdaApi, event: String) -> Value {
    let answer = api.invoke(event).await.json();
    assert_eq!(answer["statusCode"], 200, "{answer}");
    serde_json::from_str(answer["body"].as_str().unwrap()).unwrap()
}
