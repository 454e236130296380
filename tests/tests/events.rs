//! Recorded events of every source: each gives an answer.

#[allow(dead_code)]
#[path = "../../examples/probe.rs"]
mod probe;

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
    let app = probe::app();
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
