//! API Gateway stops waiting for the function after a time, while the function continues.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use anyhost_lambda::front_door::Client;
use anyhost_lambda::{Function, Mode};
use tokio::time::{Instant, sleep};

/// A handler that responds after a time and then has `wait_until` work, and the count of finished steps.
fn slow(seconds: u64) -> (impl anyhost_core::Handler, Arc<AtomicUsize>) {
    let steps = Arc::new(AtomicUsize::new(0));
    let counter = steps.clone();
    let handler = anyhost_core::handler(move |request: anyhost_core::Request| {
        let counter = counter.clone();
        async move {
            sleep(Duration::from_secs(seconds)).await;
            counter.fetch_add(1, Ordering::Relaxed);
            request.context().wait_until(async move {
                counter.fetch_add(1, Ordering::Relaxed);
            });
            "slow"
        }
    });
    (handler, steps)
}

#[tokio::test(start_paused = true)]
async fn an_api_gateway_responds_after_its_timeout_and_the_function_runs_to_its_end() {
    for (source, after, status, message) in [
        (Source::RestApi, 29, 504, "Endpoint request timed out"),
        (Source::HttpApi, 30, 503, "Service Unavailable"),
        (Source::HttpApiV1, 30, 503, "Service Unavailable"),
    ] {
        let (handler, steps) = slow(60);
        let client = Client::new(source, handler);
        let start = Instant::now();
        let response = client.send(get()).await;
        assert_eq!(start.elapsed().as_secs(), after, "{source}");
        assert_eq!(response.status(), status, "{source}");
        let body: Value = response.json().await.expect("expected JSON");
        assert_eq!(body, json!({"message": message}), "{source}");
        assert_eq!(steps.load(Ordering::Relaxed), 0, "{source}");
        client.finish().await;
        assert_eq!(start.elapsed().as_secs(), 60, "{source}");
        assert_eq!(steps.load(Ordering::Relaxed), 2, "{source}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_before_the_timeout_reaches_the_client() {
    for (source, seconds) in [(Source::RestApi, 28), (Source::HttpApi, 29)] {
        let (handler, _) = slow(seconds);
        let response = Client::new(source, handler).send(get()).await;
        assert_eq!(response.status(), 200, "{source}");
    }
}

#[tokio::test(start_paused = true)]
async fn sources_other_than_an_api_gateway_and_streamed_responses_have_no_timeout_of_29_seconds() {
    let streaming = Function::new().with_mode(Mode::Stream);
    for (source, function) in [
        (Source::FunctionUrl, Function::new()),
        (Source::Alb, Function::new()),
        (Source::Lattice, Function::new()),
        (Source::RestApi, streaming),
    ] {
        let (handler, _) = slow(60);
        let client = Client::new(source, handler).with_function(function);
        assert_eq!(client.send(get()).await.status(), 200, "{source}");
    }
}
