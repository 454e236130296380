//! Server-sent events: headers, keep-alive comments, and the end of the response.
#![cfg(feature = "testing")]

use std::convert::Infallible;
use std::io;
use std::time::{Duration, SystemTime};

use anyhost_core::adapter::DrainSignal;
use anyhost_core::sse::{Event, Sse};
use anyhost_core::testing::{Client, TestResponse};
use anyhost_core::{Context, Request, RequestExt};
use futures_util::{Stream, StreamExt, stream};
use tokio::time::Instant;

/// A context with Tokio's clock, which the tests pause.
fn context() -> Context {
    Context::default().with_timer(|duration| Box::pin(tokio::time::sleep(duration)))
}

/// Sends the events of a stream.
async fn send<S>(context: Context, events: impl Fn() -> S + Send + Sync + 'static) -> TestResponse
where
    S: Stream<Item = Result<Event, io::Error>> + Send + 'static,
{
    let handler = move |request: Request| Sse::new(request.context(), events());
    Client::new(handler).with_context(context).get("/").await
}

/// One event after these seconds, and then none.
fn one_event(seconds: u64) -> impl Stream<Item = Result<Event, io::Error>> {
    let first = stream::once(async move {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        Ok(Event::data("event"))
    });
    first.chain(stream::pending())
}

async fn chunk(response: &mut TestResponse) -> Option<String> {
    let chunk = response.chunk().await.unwrap();
    chunk.map(|chunk| String::from_utf8(chunk.to_vec()).unwrap())
}

#[tokio::test]
async fn an_event_stream_has_headers_that_prevent_caching_and_buffering() {
    let response = send(context(), || stream::iter([Ok(Event::data("a"))])).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.header("content-type"), Some("text/event-stream"));
    assert_eq!(response.header("cache-control"), Some("no-cache"));
    assert_eq!(response.header("x-accel-buffering"), Some("no"));
    assert_eq!(response.text().await.unwrap(), "data: a\n\n");
}

#[tokio::test(start_paused = true)]
async fn a_comment_is_sent_every_15_seconds_without_an_event() {
    let mut response = send(context(), || one_event(40)).await;
    let start = Instant::now();
    for (seconds, text) in [
        (15, ":\n\n"),
        (30, ":\n\n"),
        (40, "data: event\n\n"),
        (55, ":\n\n"),
    ] {
        assert_eq!(chunk(&mut response).await.as_deref(), Some(text));
        assert_eq!(start.elapsed().as_secs(), seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn the_interval_of_the_comments_can_be_changed() {
    let handler = |request: Request| {
        let events = stream::pending::<Result<Event, Infallible>>();
        Sse::new(request.context(), events).with_keep_alive(Duration::from_secs(2))
    };
    let client = Client::new(handler).with_context(context());
    let mut response = client.get("/").await;
    let start = Instant::now();
    assert_eq!(chunk(&mut response).await.as_deref(), Some(":\n\n"));
    assert_eq!(start.elapsed().as_secs(), 2);
}

#[tokio::test]
async fn an_event_stream_ends_when_the_host_drains() {
    let signal = DrainSignal::new();
    let mut response = send(context().with_draining(&signal), || one_event(0)).await;
    assert_eq!(
        chunk(&mut response).await.as_deref(),
        Some("data: event\n\n")
    );
    let (end, ()) = tokio::join!(chunk(&mut response), async { signal.start() });
    assert_eq!(end, None);
}

#[tokio::test]
async fn a_stream_that_always_has_an_event_also_ends_when_the_host_drains() {
    let signal = DrainSignal::new();
    let endless = || stream::repeat_with(|| Ok(Event::data("event")));
    let mut response = send(context().with_draining(&signal), endless).await;
    assert_eq!(
        chunk(&mut response).await.as_deref(),
        Some("data: event\n\n")
    );
    signal.start();
    assert_eq!(chunk(&mut response).await, None);
}

#[tokio::test(start_paused = true)]
async fn an_event_stream_ends_one_second_before_the_deadline() {
    let deadline = SystemTime::now() + Duration::from_secs(3600);
    let handler = |request: Request| {
        let events = stream::pending::<Result<Event, Infallible>>();
        Sse::new(request.context(), events).with_keep_alive(Duration::from_secs(7200))
    };
    let client = Client::new(handler).with_context(context().with_deadline(deadline));
    let mut response = client.get("/").await;
    let start = Instant::now();
    assert_eq!(chunk(&mut response).await, None);
    // The clock of the system is not paused: the deadline is closer by the time that the test has taken.
    let elapsed = start.elapsed();
    assert!(
        elapsed > Duration::from_secs(3000) && elapsed <= Duration::from_secs(3599),
        "{elapsed:?}"
    );
}

#[tokio::test]
async fn an_error_of_the_stream_aborts_the_response() {
    let events = || stream::iter([Ok(Event::data("a")), Err(io::Error::other("failed"))]);
    let mut response = send(context(), events).await;
    assert_eq!(chunk(&mut response).await.as_deref(), Some("data: a\n\n"));
    assert!(response.chunk().await.is_err());
}

#[tokio::test]
async fn the_last_event_id_is_utf8_text_or_none() {
    let client = Client::new(|request: Request| format!("{:?}", request.last_event_id()));
    for (id, text) in [
        (&b"7"[..], "Some(\"7\")"),
        ("é".as_bytes(), "Some(\"é\")"),
        (b"\xff", "None"),
    ] {
        let id = anyhost_core::http::HeaderValue::from_bytes(id).unwrap();
        let response = client.get("/").header("last-event-id", id).await;
        assert_eq!(response.text().await.unwrap(), text);
    }
    assert_eq!(client.get("/").await.text().await.unwrap(), "None");
}
