//! The log events of the core: every failure is logged, with the same message and level on every host.

use std::fmt::Debug;
use std::future::{pending, ready};
use std::io;
use std::sync::{Arc, Mutex};

use anyhost_core::adapter::{
    Deadline, Exchanged, RequestInfo, exchange, finish_after_response, log_aborted, reject,
    timed_out,
};
use anyhost_core::http::StatusCode;
use anyhost_core::{Body, Context, Error, Host, IntoHandler, Request, handler};
use futures_util::stream;
use http_body_util::BodyExt;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// A subscriber that stores the level, message and fields of each event as a line.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.0.push_str(&format!(" {value:?}")),
            name => self.0.push_str(&format!(" {name}={value:?}")),
        }
    }
}

/// Runs a future, and returns the events that were logged while it ran.
async fn lines<T>(future: impl Future<Output = T>) -> String {
    let lines = Lines::default();
    let guard = tracing::subscriber::set_default(lines.clone());
    future.await;
    drop(guard);
    let lines = lines.0.lock().unwrap();
    lines.join("\n")
}

async fn run<K>(inner: impl IntoHandler<K>, deadline: Deadline) -> Exchanged {
    let mut request = Request::default();
    *request.uri_mut() = "/path?query".parse().unwrap();
    let context = Context::new(Host::HTTP).with_request_id("r-1");
    request.extensions_mut().insert(context);
    exchange(Arc::new(handler(inner)), request, deadline).await
}

fn info() -> RequestInfo {
    RequestInfo::unknown(Context::new(Host::HTTP).with_request_id("r-1"))
}

#[tokio::test]
async fn a_handler_error_with_a_5xx_status_is_logged_at_level_error_with_the_request_and_the_sources()
 {
    let failing = || async { Err::<(), _>(io::Error::other("disk full")) };
    let lines = lines(run(failing, Deadline::none())).await;
    assert!(
        lines.starts_with("ERROR handler error method=GET path=\"/path\" status=500"),
        "{lines}"
    );
    assert!(
        lines.contains("request_id=\"r-1\"") && lines.contains("disk full"),
        "{lines}"
    );
}

#[tokio::test]
async fn a_handler_error_with_a_4xx_status_is_logged_at_level_debug() {
    let failing = || async { Err::<(), _>(Error::from_status(StatusCode::CONFLICT)) };
    let lines = lines(run(failing, Deadline::none())).await;
    assert!(
        lines.starts_with("DEBUG handler error method=GET path=\"/path\" status=409"),
        "{lines}"
    );
}

#[tokio::test]
async fn a_panic_of_the_handler_is_logged_with_the_message_of_the_panic() {
    #[allow(unreachable_code)]
    let panics = || async {
        panic!("bad index");
        "unreachable"
    };
    let lines = lines(run(panics, Deadline::none())).await;
    assert!(
        lines.contains("ERROR handler panicked method=GET path=\"/path\""),
        "{lines}"
    );
    assert!(lines.contains("bad index"), "{lines}");
}

#[tokio::test]
async fn a_rejected_request_is_logged_at_level_warn() {
    let error = Error::new(StatusCode::BAD_REQUEST, "Invalid Host header");
    let lines = lines(async { reject(error, &info()) }).await;
    assert!(
        lines.starts_with("WARN request rejected method=GET path=\"/\" status=400"),
        "{lines}"
    );
    assert!(lines.contains("Invalid Host header"), "{lines}");
}

#[tokio::test]
async fn a_request_that_exceeds_its_deadline_is_logged_at_level_error() {
    let expected = "ERROR request timed out method=GET path=\"/path\" request_id=\"r-1\"";
    let never = || async { pending::<&str>().await };
    assert_eq!(lines(run(never, Deadline::new(ready(())))).await, expected);
    let expected = "ERROR request timed out method=GET path=\"/\" request_id=\"r-1\"";
    assert_eq!(lines(async { timed_out(&info()) }).await, expected);
}

#[tokio::test]
async fn a_response_body_that_fails_is_logged_once_with_the_sources_of_the_error() {
    let failing = || async {
        let chunks = [Ok("a"), Err(io::Error::other("upstream closed"))];
        Body::from_stream(stream::iter(chunks))
    };
    let exchanged = run(failing, Deadline::none()).await;
    let lines = lines(exchanged.response.into_body().collect()).await;
    let expected =
        "ERROR response aborted method=GET path=\"/path\" request_id=\"r-1\" error=upstream closed";
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_response_that_an_adapter_aborts_is_logged_in_the_same_form_as_a_body_that_fails() {
    let error = io::Error::other("connection reset");
    let lines = lines(async { log_aborted(&info(), &error) }).await;
    let expected =
        "ERROR response aborted method=GET path=\"/\" request_id=\"r-1\" error=connection reset";
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn work_passed_to_wait_until_is_logged_if_it_panics_or_is_dropped() {
    let context = Context::new(Host::HTTP).with_request_id("r-1");
    context.wait_until(async { panic!("mail server") });
    let panicked = lines(finish_after_response(&context, pending())).await;
    assert!(
        panicked.contains("ERROR wait_until work panicked"),
        "{panicked}"
    );
    assert!(panicked.contains("mail server"), "{panicked}");

    context.wait_until(pending());
    let dropped = lines(finish_after_response(&context, ready(()))).await;
    assert!(
        dropped.starts_with("WARN dropped wait_until work"),
        "{dropped}"
    );
    assert!(dropped.contains("r-1"), "{dropped}");
}
