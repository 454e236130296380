//! The Lambda function, with concurrent invocations under a simulated Runtime API.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhost_conformance::{Answer, LambdaApi};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::process::Process;
use crate::servers::Results;
use crate::tally::Tally;

/// Loads one process until this time.
pub(crate) async fn invoked(probe: &Path, until: Instant) -> Results {
    let api = LambdaApi::start().await;
    let address = api.address();
    let vars = [
        ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
        ("AWS_LAMBDA_MAX_CONCURRENCY", "8"),
    ];
    let (process, _) = Process::start("true", probe, &[], &vars, &[]).await;
    let tally = Tally::default();
    // Invoke the function before the load, so that all threads and connections exist before the first measurement.
    join_all((0..16).map(|_| invoke(&api, &tally, 0))).await;
    tokio::time::sleep(Duration::from_secs(1)).await;

    let invokers = (0..8).map(|invoker| invoke_until(&api, &tally, until, invoker * 1_000_000));
    let faults = async {
        while Instant::now() < until {
            tokio::time::sleep(Duration::from_secs(5)).await;
            let failed = http::Response::builder().status(500).body("garbage");
            api.misbehave(failed.expect("expected a valid response"));
            tally.add_event("failures of the Runtime API");
        }
    };
    let (series, ..) = tokio::join!(process.measure(until), join_all(invokers), faults);
    process.signal(rustix::process::Signal::TERM);
    if !process.exits(Duration::from_secs(30)).await {
        tally.add_failure("the process did not exit with status 0 after SIGTERM".to_owned());
    }
    Results { tally, series }
}

async fn invoke_until(api: &LambdaApi, tally: &Tally, until: Instant, first: u64) {
    for index in first.. {
        if Instant::now() >= until {
            return;
        }
        invoke(api, tally, index).await;
        // This test does not measure the simulated API, so leave processor time for the servers.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn invoke(api: &LambdaApi, tally: &Tally, index: u64) {
    let answer = api.invoke(event(index)).await;
    match check(&answer, index) {
        true => tally.add_correct(),
        false => {
            let body = String::from_utf8_lossy(&answer.body[..answer.body.len().min(200)]);
            tally.add_failure(format!("invocation {index}: {} {body}", answer.call));
        }
    }
}

fn event(index: u64) -> String {
    let (path, query) = match index % 6 {
        0 => ("/hello", ""),
        1 => ("/raw", ""),
        2 => ("/stream", "chunks=5&size=1000&delay_ms=2"),
        3 => ("/panic", ""),
        4 => ("/stream-error", ""),
        // An event that is not an HTTP request.
        _ => return json!({"detail-type": "Scheduled Event", "index": index}).to_string(),
    };
    let event = json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": "x.lambda-url.eu-west-1.on.aws"},
        "requestContext": {"http": {"method": if path == "/raw" { "POST" } else { "GET" }, "path": path}},
        "body": upload(index),
        "isBase64Encoded": false,
    });
    event.to_string()
}

/// Up to 64 KiB of text that differ for each invocation.
fn upload(index: u64) -> String {
    let text = index.to_string();
    text.repeat((index * 7919 % 65_536) as usize / text.len())
}

fn check(answer: &Answer, index: u64) -> bool {
    let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let is = |status: u16, body: &str| {
        answer.call == "response" && json["statusCode"] == status && json["body"] == body
    };
    match index % 6 {
        0 => is(200, "Hello, world!"),
        1 => is(200, &upload(index)),
        2 => is(200, &"z".repeat(5000)),
        3 | 4 => is(500, "Internal Server Error"),
        _ => answer.call == "error",
    }
}
