//! Recorded events of every source: each gives an answer.

use std::path::Path;

use serde_json::Value;

/// Recordings that lie beside the project on some machines. Those of our own are in the Lambda
/// adapter's tests.
const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/events");

#[tokio::test]
async fn every_recorded_event_gives_an_answer() {
    let Ok(folder) = std::fs::read_dir(Path::new(RECORDED)) else {
        println!("no recorded events at {RECORDED}: only our own are replayed");
        return;
    };
    let app = anyhost_conformance::app();
    let mut count = 0;
    for entry in folder {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        count += 1;
        let event = std::fs::read(&path).unwrap();
        let reply = anyhost::lambda::invoke(&app, event.into()).await;
        let reply: Value = serde_json::from_slice(&reply.expect("it is an HTTP event")).unwrap();
        assert!(reply["statusCode"].is_u64(), "{}: {reply}", path.display());
    }
    assert!(count > 50, "only {count} events at {RECORDED}");
}

/// The same request through four front doors of AWS.
#[tokio::test]
async fn a_request_recorded_on_aws_is_the_same_through_every_front_door() {
    use anyhost::{Request, RequestExt};
    let look = anyhost::handler(|mut request: Request| async move {
        let body = request.text().await?;
        let headers = request.headers();
        let all = |name| -> String {
            let values: Vec<_> = headers
                .get_all(name)
                .iter()
                .map(|value| value.to_str().unwrap_or("?"))
                .collect();
            values.join(",")
        };
        Ok::<_, anyhost::Error>(serde_json::json!({
            "method": request.method().as_str(),
            "path": request.uri().path(),
            "query": request.uri().query(),
            "probe": all("x-voker-probe"),
            "cookie": all("cookie"),
            "length": all("content-length"),
            "peer": request.context().peer().is_some(),
            "scheme": request.context().scheme().as_str(),
            "body": body,
        }))
    });
    let raw = "repeat=one&repeat=two&redirect=https%3A%2F%2Fexample.com%2Fa%2Fb&literalPlus=a+b&encodedPlus=a%2Bb&empty=";
    // A load balancer and a REST API give their maps in alphabetical order; the latter decoded.
    let sorted = "empty=&encodedPlus=a%2Bb&literalPlus=a+b&redirect=https%3A%2F%2Fexample.com%2Fa%2Fb&repeat=one&repeat=two";
    let decoded = sorted.replace("a+b", "a%20b");
    for (name, query, scheme) in [
        ("functionurl", raw, "https"),
        ("apigwv2", raw, "https"),
        ("apigwv1", decoded.as_str(), "https"),
        ("alb", sorted, "http"),
    ] {
        let path = Path::new(RECORDED).join(format!("live-{name}.json"));
        let Ok(event) = std::fs::read(&path) else {
            println!("no {}: our own events are replayed", path.display());
            continue;
        };
        let reply = anyhost::lambda::invoke(&look, event.into()).await.unwrap();
        let reply: Value = serde_json::from_slice(&reply).unwrap();
        let seen: Value = serde_json::from_str(reply["body"].as_str().unwrap()).unwrap();
        let body = "{\"message\":\"hello from the public internet\",\"unicode\":\"lambda-λ\"}";
        let expected = serde_json::json!({
            "method": "POST",
            "path": "/capture/space%20value",
            "query": query,
            "probe": "first,second",
            "cookie": "session=abc123; theme=dark",
            "length": body.len().to_string(),
            "peer": true,
            "scheme": scheme,
            "body": body,
        });
        assert_eq!(seen, expected, "{name}");
    }
}
