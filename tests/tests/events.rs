//! Replays events that were recorded on AWS. The recordings are not part of the repository: they belong to other
//! projects. The tests of the Lambda adapter use events of this repository.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhost_conformance::probe_app;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

/// The folder of the recordings, if it exists.
fn recordings(test: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/events");
    if folder.is_dir() {
        return Some(folder);
    }
    // Writes to stderr directly, because the test harness shows the output of `eprintln!` only for tests that fail.
    let mut stderr = std::io::stderr().lock();
    let folder = folder.display();
    writeln!(stderr, "NOT RUN: {test}: missing folder {folder}").unwrap();
    None
}

#[tokio::test]
async fn every_recorded_event_gets_a_response() {
    let Some(folder) = recordings("every_recorded_event_gets_a_response") else {
        return;
    };
    let app = std::sync::Arc::new(anyhost_conformance::app());
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        count += 1;
        let event = std::fs::read(&path).unwrap();
        let response = anyhost::lambda::invoke(app.clone(), event.into()).await;
        let response = response.expect("expected an HTTP event");
        let response: Value = serde_json::from_slice(&response).unwrap();
        let status = response["statusCode"].as_u64();
        assert!(status.is_some(), "{}: {response}", path.display());
    }
    assert!(count > 50, "only {count} events in {}", folder.display());
}

/// The same request was sent to four event sources of AWS.
#[tokio::test]
async fn recordings_of_one_request_from_four_event_sources_reach_the_handler_identically() {
    let test = "recordings_of_one_request_from_four_event_sources_reach_the_handler_identically";
    let Some(folder) = recordings(test) else {
        return;
    };
    let raw = "repeat=one&repeat=two&redirect=https%3A%2F%2Fexample.com%2Fa%2Fb&literalPlus=a+b&encodedPlus=a%2Bb&empty=";
    // Load balancers and REST APIs sort the parameters by name. REST APIs also decode them.
    let sorted = "empty=&encodedPlus=a%2Bb&literalPlus=a+b&redirect=https%3A%2F%2Fexample.com%2Fa%2Fb&repeat=one&repeat=two";
    let decoded = sorted.replace("a+b", "a%20b");
    for (name, query, scheme) in [
        ("functionurl", raw, "https"),
        ("apigwv2", raw, "https"),
        ("apigwv1", decoded.as_str(), "https"),
        ("alb", sorted, "http"),
    ] {
        let event = std::fs::read(folder.join(format!("live-{name}.json"))).unwrap();
        let handler = anyhost::handler(probe_app::echo);
        let response = anyhost::lambda::invoke(handler, event.into()).await;
        let response: Value = serde_json::from_slice(&response.unwrap()).unwrap();
        let seen: Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
        let body = "{\"message\":\"hello from the public internet\",\"unicode\":\"lambda-λ\"}";
        let actual = json!({
            "method": seen["method"],
            "path": seen["path"],
            "query": seen["query"],
            "scheme": seen["scheme"],
            "has_peer": seen["peer"].is_string(),
            // Each recorded request repeats a header, whose name begins differently in each recording.
            "repeated": header(&seen, "-probe"),
            "cookie": header(&seen, "cookie"),
            "content-length": header(&seen, "content-length"),
            "body": seen["body"]["base64"],
        });
        let expected = json!({
            "method": "POST",
            "path": "/capture/space%20value",
            "query": query,
            "scheme": scheme,
            "has_peer": true,
            "repeated": "first,second",
            "cookie": "session=abc123; theme=dark",
            "content-length": body.len().to_string(),
            "body": BASE64.encode(body),
        });
        assert_eq!(actual, expected, "{name}");
    }
}

/// The values of the headers whose name ends with `name`, joined with commas.
fn header(seen: &Value, name: &str) -> String {
    let headers = seen["headers"].as_array().unwrap().iter();
    let found = headers.filter(|header| header[0].as_str().unwrap().ends_with(name));
    let values: Vec<_> = found.map(|header| header[1].as_str().unwrap()).collect();
    values.join(",")
}
