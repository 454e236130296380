//! How an exchange ends: its outcome, its response, and its deadline.

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
async fn a_response_and_an_error_are_both_completed() {
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
async fn a_panic_in_the_call_or_in_the_future_is_a_500() {
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
async fn a_handler_that_is_not_ready_by_the_deadline_is_dropped_and_answered_with_504() {
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
async fn a_handler_that_panics_when_it_is_dropped_at_the_deadline_is_still_answered_with_504() {
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
async fn a_rejection_of_head_has_no_body() {
    let mut request = Request::default();
    *request.method_mut() = Method::HEAD;
    let info = RequestInfo::of(&mut request);
    let response = reject(Error::from_status(StatusCode::BAD_REQUEST), &info);
    assert_eq!(response.headers()["content-length"], "11");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(body.is_empty());
}

#[tokio::test]
async fn a_request_without_a_context_shares_one_with_its_handler() {
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
