#![no_main]
//! Events: any JSON, and any bytes.

use anyhost_core::RequestExt;
use anyhost_core::{Handler, Request, Result, async_trait};
use anyhost_fuzz::{Recorder, block_on, check_response};
use anyhost_lambda::front_door::Simulator;
use anyhost_lambda::{Function, LambdaContext, Source};
use bytes::Bytes;
use http_body_util::BodyExt;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    let event = Bytes::copy_from_slice(input);
    invoke(&Function::new(), &event);
    let function = Function::new()
        .with_events("/events")
        .with_base_path("/api");
    invoke(&function.with_stage_stripped(true).with_proxies(2), &event);
});

fn invoke(function: &Function, event: &Bytes) {
    let handler = Handlers::default();
    let result = block_on(function.invoke(handler.clone(), event.clone()));
    let seen = handler.recorder.take_one();
    let Ok(json) = result else { return };
    let posted = || serde_json::from_slice::<Value>(&json).expect("expected JSON in the response");
    let Some(seen) = seen else {
        // The adapter rejected the request before it called the handler.
        let posted = posted();
        let status = posted["statusCode"]
            .as_u64()
            .expect("expected a status for the rejected request");
        assert!((400..500).contains(&status), "{posted}");
        return;
    };
    let body = seen.body.expect("expected the whole body in the event");
    if let Some(length) = seen.parts.headers.get("content-length") {
        assert_eq!(length.to_str().unwrap(), body.len().to_string());
    } else {
        assert!(body.is_empty());
    }
    let base_path = seen.context.base_path();
    assert!(base_path.is_empty() || base_path.starts_with('/') && !base_path.ends_with('/'));
    let lambda: &LambdaContext = seen
        .parts
        .extensions
        .get()
        .expect("expected a Lambda context in the request");
    assert_eq!(lambda.event(), event);
    lambda.authorizer();
    let source = lambda.source();
    if source == Source::Event {
        // The result may contain half a surrogate pair, as the event does: JSON allows it, Rust's strings do not.
        serde_json::from_slice::<serde::de::IgnoredAny>(&json)
            .expect("expected JSON as the result");
        assert_eq!(body, event);
        return;
    }
    let posted = posted();
    // The client gets the response that the handler returned.
    let simulator = Simulator::new(source);
    let response = simulator.response(&json);
    if Simulator::all().any(|known| known == simulator) {
        let (head, received) = response.into_parts();
        let received = block_on(received.collect()).unwrap().to_bytes();
        assert_eq!(head.status, 200, "{posted}");
        check_response(&seen.parts.method, head.status, &head.headers, None);
        if seen.parts.method != http::Method::HEAD {
            assert_eq!(received, body, "{posted}");
        }
    }
}

/// Reads the query and the text of the request, and records the request.
#[derive(Clone, Default)]
struct Handlers {
    recorder: Recorder,
}

#[async_trait]
impl Handler for Handlers {
    async fn handle(&self, mut request: Request) -> Result {
        let _ = request.query::<Vec<(String, String)>>();
        let _ = request.text().await;
        self.recorder.handle(request).await
    }
}
