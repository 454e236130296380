//! A simulated source as a handler, which a server can serve.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::*;
use anyhost_core::adapter::{Deadline, exchange, finish_after_response};
use anyhost_core::testing::TestResponse;
use anyhost_core::{Body, Context, Handler, handler};
use anyhost_lambda::front_door::Client;
use anyhost_lambda::{Function, Mode};
use futures_util::stream;
use tokio::time::sleep;

/// Sends a request through the handler, as a server does. Also returns the context with its `wait_until` work.
async fn serve(client: Client, request: Request<Body>) -> (TestResponse, Context) {
    let context = Context::default().with_peer(PEER);
    let mut request = request;
    request.extensions_mut().insert(context.clone());
    let handler: Arc<dyn Handler> = Arc::new(handler(client));
    let exchanged = exchange(handler, request, Deadline::none()).await;
    (exchanged.response.into(), context)
}

fn post(body: impl Into<Body>) -> Request<Body> {
    Request::post("/a%2Fb?x=1")
        .header("host", "example.com")
        .header("x-multi", "one")
        .header("x-multi", "two")
        .body(body.into())
        .expect("expected a valid request")
}

#[tokio::test]
async fn a_served_source_gives_the_handler_the_same_request_as_the_client() {
    for simulator in SIMULATORS {
        let client = Client::new(simulator, echo).with_peer(PEER);
        let request = post("hi").map(|_| Bytes::from("hi"));
        let expected: Value = client
            .send(request)
            .await
            .json()
            .await
            .expect("expected JSON");
        let (response, _) = serve(Client::new(simulator, echo), post("hi")).await;
        assert_eq!(response.status(), 200, "{simulator}");
        let seen: Value = response.json().await.expect("expected JSON");
        assert_eq!(seen, expected, "{simulator}");
    }
}

#[tokio::test]
async fn a_served_load_balancer_passes_on_the_scheme_of_the_connection() {
    let context = Context::default().with_scheme(anyhost_core::http::uri::Scheme::HTTPS);
    let client = anyhost_core::testing::Client::new(Client::new(Source::Alb, echo));
    let client = client.with_context(context);
    let seen: Value = client
        .get("/")
        .header("host", "example.com")
        .await
        .json()
        .await
        .expect("expected JSON");
    assert_eq!(
        (&seen["scheme"], &seen["authority"]),
        (&json!("https"), &json!("example.com"))
    );
}

#[tokio::test]
async fn a_served_source_rejects_a_body_over_its_limit_with_413() {
    for (source, size) in [(Source::Alb, (1 << 20) + 1), (Source::HttpApi, 7 << 20)] {
        // A stream has no Content-Length.
        let bytes = Bytes::from(vec![b'x'; size]);
        let chunks = (0..size).step_by(1 << 16);
        let chunks = chunks
            .map(move |at| Ok::<_, std::io::Error>(bytes.slice(at..size.min(at + (1 << 16)))));
        let body = Body::from_stream(stream::iter(chunks));
        let (response, _) = serve(Client::new(source, echo), post(body)).await;
        assert_eq!(response.status(), 413, "{source}");
        let text = response.text().await.expect("expected a text body");
        assert_eq!(text, r#"{"message":"Payload Too Large"}"#, "{source}");
    }
}

#[tokio::test]
async fn a_request_body_that_fails_is_a_400_and_the_function_is_not_called() {
    let never = || async { panic!("the function was called") as &'static str };
    let body = stream::iter([Ok("x"), Err(std::io::Error::other("reset"))]);
    let (response, _) = serve(
        Client::new(Source::Alb, never),
        post(Body::from_stream(body)),
    )
    .await;
    assert_eq!(response.status(), 400);
}

#[tokio::test(start_paused = true)]
async fn a_served_stream_arrives_in_chunks_and_its_error_aborts_the_response() {
    let failing = || async {
        let chunks = stream::iter([Ok("first"), Err(std::io::Error::other("late"))]);
        Body::from_stream(chunks)
    };
    let streaming = Function::new().with_mode(Mode::Stream);
    let client = Client::new(Source::FunctionUrl, failing).with_function(streaming);
    let (mut response, _) = serve(client, post("")).await;
    let first = response.chunk().await.expect("expected a chunk");
    assert_eq!(first.as_deref(), Some(&b"first"[..]));
    response
        .chunk()
        .await
        .expect_err("expected an aborted response");
}

#[tokio::test(start_paused = true)]
async fn the_function_runs_to_its_end_after_the_client_has_disconnected() {
    let done = Arc::new(AtomicBool::new(false));
    let flag = done.clone();
    let slow = move |request: anyhost_core::Request| {
        let flag = flag.clone();
        async move {
            sleep(Duration::from_secs(5)).await;
            request
                .context()
                .wait_until(async move { flag.store(true, Ordering::Relaxed) });
            "late"
        }
    };
    let call = serve(Client::new(Source::FunctionUrl, slow), post(""));
    let disconnected = tokio::time::timeout(Duration::from_secs(1), call).await;
    assert!(disconnected.is_err());
    sleep(Duration::from_secs(10)).await;
    assert!(done.load(Ordering::Relaxed));
}

#[tokio::test(start_paused = true)]
async fn the_server_waits_for_the_wait_until_work_of_the_function() {
    let done = Arc::new(AtomicBool::new(false));
    let flag = done.clone();
    let works = move |request: anyhost_core::Request| {
        let flag = flag.clone();
        async move {
            request.context().wait_until(async move {
                sleep(Duration::from_secs(5)).await;
                flag.store(true, Ordering::Relaxed);
            });
            "scheduled"
        }
    };
    let (response, context) = serve(Client::new(Source::HttpApi, works), post("")).await;
    assert_eq!(
        response.text().await.expect("expected a text body"),
        "scheduled"
    );
    assert!(!done.load(Ordering::Relaxed));
    finish_after_response(&context, std::future::pending()).await;
    assert!(done.load(Ordering::Relaxed));
}
