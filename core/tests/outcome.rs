//! Tests of the end of an exchange: the outcome, the response, and the deadline.

use std::future::{pending, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhost_core::adapter::{Deadline, Exchanged, Outcome, RequestInfo, exchange, reject};
use anyhost_core::http::{self, Method, StatusCode};
use anyhost_core::{Body, Context, Error, Handler, IntoHandler, Request, handler};
use http_body_util::BodyExt;

fn boxed<K>(inner: impl IntoHandler<K>) -> Arc<dyn Handler> {
    Arc::new(handler(inner))
}

async fn run<K>(inner: impl IntoHandler<K>, deadline: Deadline) -> Exchanged {
    exchange(boxed(inner), Request::default(), deadline).await
}

fn passed() -> Deadline {
    Deadline::new(ready(()))
}

#[tokio::test]
async fn an_exchange_with_a_response_or_an_error_of_the_handler_has_the_outcome_completed() {
    let exchanged = run(|| async { "hello" }, Deadline::none()).await;
    assert_eq!(exchanged.outcome, Outcome::Completed);
    assert_eq!(exchanged.response.status(), StatusCode::OK);

    let failing = || async { Err::<(), _>(Error::new(StatusCode::CONFLICT, "taken")) };
    let exchanged = run(failing, Deadline::none()).await;
    assert_eq!(exchanged.outcome, Outcome::Completed);
    assert_eq!(exchanged.response.status(), StatusCode::CONFLICT);
}

#[tokio::test]
async fn an_invalid_target_is_rejected_before_the_handler_runs() {
    let called = Arc::new(AtomicBool::new(false));
    let seen = called.clone();
    let handler = boxed(move || {
        seen.store(true, Ordering::Relaxed);
        ready(())
    });
    let request = http::Request::builder()
        .uri("*")
        .body(Body::empty())
        .unwrap();
    let exchanged = exchange(handler, request, Deadline::none()).await;
    assert_eq!(exchanged.outcome, Outcome::Rejected);
    assert_eq!(exchanged.response.status(), StatusCode::BAD_REQUEST);
    assert!(!called.load(Ordering::Relaxed));
}

#[tokio::test]
async fn a_panic_in_the_call_of_a_handler_or_in_its_future_is_a_500() {
    #[allow(unreachable_code)]
    fn panics_when_called() -> std::future::Ready<&'static str> {
        panic!("in the call")
    }
    let exchanged = run(panics_when_called, Deadline::none()).await;
    assert_eq!(exchanged.outcome, Outcome::Panicked);
    assert_eq!(
        exchanged.response.status(),
        StatusCode::INTERNAL_SERVER_ERROR
    );

    let exchanged = run(
        || async { panic!("in the future") as &str },
        Deadline::none(),
    )
    .await;
    assert_eq!(exchanged.outcome, Outcome::Panicked);
    assert_eq!(
        exchanged.response.status(),
        StatusCode::INTERNAL_SERVER_ERROR
    );
}

#[tokio::test]
async fn a_handler_that_does_not_respond_by_the_deadline_is_dropped_and_the_client_gets_a_504() {
    struct SetOnDrop(Arc<AtomicBool>);
    impl Drop for SetOnDrop {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let dropped = Arc::new(AtomicBool::new(false));
    let guard = Arc::new(SetOnDrop(dropped.clone()));
    let handler = boxed(move || {
        let guard = guard.clone();
        async move {
            pending::<()>().await;
            drop(guard);
        }
    });
    let exchanged = exchange(handler, Request::default(), passed()).await;
    assert_eq!(exchanged.outcome, Outcome::TimedOut);
    assert_eq!(exchanged.response.status(), StatusCode::GATEWAY_TIMEOUT);
    assert!(exchanged.deadline.is_none());
    assert!(dropped.load(Ordering::Relaxed));
}

#[tokio::test]
async fn the_client_gets_a_504_even_if_the_handler_panics_when_it_is_dropped_at_the_deadline() {
    struct PanicOnDrop;
    impl Drop for PanicOnDrop {
        fn drop(&mut self) {
            panic!("in drop")
        }
    }
    let waits = || async {
        let _guard = PanicOnDrop;
        pending::<()>().await;
    };
    let exchanged = run(waits, passed()).await;
    assert_eq!(exchanged.outcome, Outcome::TimedOut);
    assert_eq!(exchanged.response.status(), StatusCode::GATEWAY_TIMEOUT);
}

#[tokio::test]
async fn a_response_that_is_ready_when_the_deadline_passes_is_sent() {
    let exchanged = run(|| async { "in time" }, passed()).await;
    assert_eq!(exchanged.outcome, Outcome::Completed);
    assert!(!exchanged.deadline.is_none());
}

#[tokio::test]
async fn the_400_for_an_invalid_head_request_has_no_body() {
    let mut request = Request::default();
    *request.method_mut() = Method::HEAD;
    let info = RequestInfo::of(&mut request);
    let response = reject(Error::from_status(StatusCode::BAD_REQUEST), &info);
    assert_eq!(response.headers()["content-length"], "11");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(body.is_empty());
}

#[tokio::test]
async fn a_request_without_a_context_gets_a_context_that_the_handler_and_the_adapter_share() {
    let handler = boxed(|request: Request| {
        let context = request.extensions().get::<Context>().cloned().unwrap();
        context.wait_until(async {});
        ready(())
    });
    let exchanged = exchange(handler, Request::default(), Deadline::none()).await;
    assert!(anyhost_core::adapter::has_work_after_response(
        exchanged.info.context()
    ));
    anyhost_core::adapter::finish_after_response(exchanged.info.context(), pending()).await;
}

async fn call<K>(method: Method, uri: &str, inner: impl IntoHandler<K>) -> Exchanged {
    let request = http::Request::builder()
        .method(method)
        .uri(uri)
        .body(Body::empty())
        .unwrap();
    exchange(boxed(inner), request, Deadline::none()).await
}

#[tokio::test]
async fn a_target_in_authority_form_is_rejected_unless_the_method_is_connect() {
    let hello = || async { "hello" };
    let exchanged = call(Method::GET, "hello", hello).await;
    assert_eq!(exchanged.outcome, Outcome::Rejected);
    assert_eq!(exchanged.response.status(), StatusCode::BAD_REQUEST);
    let exchanged = call(Method::GET, "http://hello", hello).await;
    assert_eq!(exchanged.response.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_response_to_a_head_request_with_an_empty_body_has_no_content_length() {
    // axum removes the body of a response to a HEAD request before this crate sees the response.
    let exchanged = call(Method::HEAD, "/", || async { Body::empty() }).await;
    assert!(!exchanged.response.headers().contains_key("content-length"));
    let exchanged = call(Method::GET, "/", || async { Body::empty() }).await;
    assert_eq!(exchanged.response.headers()["content-length"], "0");
}

#[tokio::test]
async fn trailers_are_sent_after_a_body_with_a_content_length() {
    let exchanged = call(Method::GET, "/", || async {
        let mut trailers = http::HeaderMap::new();
        trailers.insert("x-sum", http::HeaderValue::from_static("abc"));
        let body = http_body_util::Full::new(bytes::Bytes::from("hello"))
            .with_trailers(std::future::ready(Some(Ok(trailers))));
        http::Response::builder()
            .header("content-length", "5")
            .body(Body::new(body))
    })
    .await;
    let body = exchanged.response.into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()["x-sum"], "abc");
    assert_eq!(body.to_bytes(), "hello");
}

#[tokio::test]
async fn a_426_response_keeps_its_upgrade_header_if_the_host_can_upgrade() {
    let upgrade_required = || async {
        http::Response::builder()
            .status(426)
            .header("connection", "Upgrade, x-drop")
            .header("upgrade", "websocket")
            .header("x-drop", "1")
            .body(Body::empty())
    };
    let mut request = Request::default();
    let context = Context::new(anyhost_core::Host::HTTP);
    request.extensions_mut().insert(context);
    let exchanged = exchange(boxed(upgrade_required), request, Deadline::none()).await;
    let headers = exchanged.response.headers();
    assert_eq!(headers["upgrade"], "websocket");
    assert_eq!(headers["connection"], "upgrade");
    assert!(!headers.contains_key("x-drop"));

    let exchanged = run(upgrade_required, Deadline::none()).await;
    assert!(!exchanged.response.headers().contains_key("upgrade"));
}
