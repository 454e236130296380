//! The error hook: it receives each error once, with its request.

use std::future::{pending, ready};
use std::io;
use std::sync::{Arc, Mutex, OnceLock};

use anyhost_core::adapter::{Deadline, Exchanged, RequestInfo, exchange, log_aborted, reject};
use anyhost_core::http::StatusCode;
use anyhost_core::{
    Body, Context, Error, Host, IntoHandler, Request, RequestExt, Result, Router, handler,
    set_error_hook,
};
use futures_util::stream;
use http_body_util::BodyExt;

/// The id of a request, and its report as text.
type Report = (String, String);

/// Starts to collect the reports of this process. The tests of this file use request ids to find their own reports,
/// because they can run in one process.
fn reports(id: &str) -> Vec<String> {
    static REPORTS: OnceLock<Arc<Mutex<Vec<Report>>>> = OnceLock::new();
    let reports = REPORTS.get_or_init(|| {
        let reports: Arc<Mutex<Vec<Report>>> = Arc::default();
        let seen = reports.clone();
        set_error_hook(move |report| {
            let id = report.request_id().unwrap_or_default().to_owned();
            let (kind, status, route) = (report.kind(), report.status(), report.route());
            let route = route.as_deref().unwrap_or("no route");
            let status = status.map_or(0, |status| status.as_u16());
            let line = format!("{kind:?} {status} {route}: {report}");
            seen.lock().unwrap().push((id, line));
        });
        reports
    });
    let reports = reports.lock().unwrap();
    let own = reports.iter().filter(|(of, _)| of == id);
    own.map(|(_, line)| line.clone()).collect()
}

fn context(id: &str) -> Context {
    assert_eq!(reports(id), Vec::<String>::new());
    Context::new(Host::HTTP).with_request_id(id)
}

async fn run<K>(id: &str, inner: impl IntoHandler<K>, deadline: Deadline) -> Exchanged {
    let mut request = Request::new("12345".into());
    *request.uri_mut() = "/users/7?secret=1".parse().unwrap();
    request.extensions_mut().insert(context(id));
    exchange(Arc::new(handler(inner)), request, deadline).await
}

fn users<K>(inner: impl IntoHandler<K>) -> Router {
    Router::new().get("/users/{id}", inner)
}

#[tokio::test]
async fn an_error_of_a_handler_is_reported_once_with_its_route_status_and_sources() {
    let failing = || -> Result<()> { Err(io::Error::other("disk full").into()) };
    run("failing", users(failing), Deadline::none()).await;
    let expected = "Handler 500 /users/{id}: GET /users/7: 500 Internal Server Error: disk full";
    assert_eq!(reports("failing"), [expected]);
}

#[tokio::test]
async fn the_413_of_a_body_reader_is_reported_once() {
    let reads = |mut request: Request| async move { request.text_limit("4b").await };
    run("reader", users(reads), Deadline::none()).await;
    let expected = "Handler 413 /users/{id}: GET /users/7: 413 Body exceeded 4b limit";
    assert_eq!(reports("reader"), [expected]);
}

#[tokio::test]
async fn a_404_of_a_router_is_reported_without_a_route() {
    run("missing", Router::new(), Deadline::none()).await;
    let expected = "Handler 404 no route: GET /users/7: 404 Not Found";
    assert_eq!(reports("missing"), [expected]);
}

#[tokio::test]
async fn a_panic_of_a_handler_is_reported_once_with_its_message() {
    #[allow(unreachable_code)]
    let panics = || {
        panic!("bad index");
        "unreachable"
    };
    run("panic", users(panics), Deadline::none()).await;
    let reports = reports("panic");
    let start = "Panic 500 /users/{id}: GET /users/7: 500 Internal Server Error: panicked";
    assert!(reports[0].starts_with(start), "{reports:?}");
    assert!(reports[0].ends_with("bad index"), "{reports:?}");
    assert_eq!(reports.len(), 1);
}

#[tokio::test]
async fn a_request_that_exceeds_its_deadline_is_reported_once() {
    let never = || async { pending::<&str>().await };
    run("slow", users(never), Deadline::new(ready(()))).await;
    let expected = "TimedOut 504 /users/{id}: GET /users/7: 504 deadline exceeded";
    assert_eq!(reports("slow"), [expected]);
}

#[tokio::test]
async fn a_rejected_request_is_reported_once_although_it_reaches_no_handler() {
    let mut request = Request::default();
    *request.uri_mut() = "*".parse().unwrap();
    request.extensions_mut().insert(context("rejected"));
    exchange(Arc::new(handler(|| "unused")), request, Deadline::none()).await;
    let expected = "Rejected 400 no route: GET *: 400 Invalid request target";
    assert_eq!(reports("rejected"), [expected]);

    let info = RequestInfo::unknown(context("undecodable"));
    reject(Error::new(400, "Invalid event"), &info);
    let expected = "Rejected 400 no route: GET /: 400 Invalid event";
    assert_eq!(reports("undecodable"), [expected]);
}

#[tokio::test]
async fn a_response_that_fails_in_the_middle_of_its_body_is_reported_once_with_its_status() {
    let streams = || {
        let chunks = [Ok("a"), Err(io::Error::other("upstream closed"))];
        (
            StatusCode::ACCEPTED,
            Body::from_stream(stream::iter(chunks)),
        )
    };
    let exchanged = run("stream", users(streams), Deadline::none()).await;
    assert_eq!(reports("stream"), Vec::<String>::new());
    assert!(exchanged.response.into_body().collect().await.is_err());
    let expected = "Aborted 202 /users/{id}: GET /users/7: 202 upstream closed";
    assert_eq!(reports("stream"), [expected]);
}

#[tokio::test]
async fn a_response_that_an_adapter_aborts_is_reported_with_its_status() {
    let exchanged = run("aborted", users(|| "hello"), Deadline::none()).await;
    log_aborted(&exchanged.info, &io::Error::other("connection reset"));
    let expected = "Aborted 200 /users/{id}: GET /users/7: 200 connection reset";
    assert_eq!(reports("aborted"), [expected]);
}

#[tokio::test]
async fn an_error_that_middleware_replaced_by_a_response_is_not_reported() {
    async fn friendly(
        request: Request,
        next: anyhost_core::Next,
    ) -> Result<anyhost_core::Response> {
        match next.run(request).await {
            Err(error) => anyhost_core::send(error.status(), "Sorry"),
            ok => ok,
        }
    }
    let app = anyhost_core::with_middleware(friendly, Router::new());
    let exchanged = run("replaced", app, Deadline::none()).await;
    assert_eq!(exchanged.response.status(), 404);
    assert_eq!(reports("replaced"), Vec::<String>::new());
}
