//! Errors as problem details (RFC 9457), for clients that read JSON.

use std::fmt::Display;

use http::header::HeaderValue;
use serde_json::{Map, Value};

use crate::{Error, Next, Request, Response, Result};

pub(crate) const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A middleware that responds to every error with `application/problem+json` (RFC 9457) instead of text. For
/// [`with_middleware`](crate::with_middleware).
///
/// The body has the members `title` (the reason phrase of the status), `status` and `detail` (the message of the
/// error), and the members that [`Error::with_member`] added. An error with such members becomes a problem also without
/// this middleware.
///
/// Errors that are made outside of the handler have no problem details: requests that the host rejects, panics, and
/// exceeded deadlines.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> anyhost_core::Result<()> {
/// use anyhost_core::{Error, Result, Router, problem_json, with_middleware};
/// use serde_json::{Value, json};
///
/// async fn order() -> Result<String> {
///     let error = Error::new(422, "The order has an invalid field");
///     Err(error.with_member("errors", json!([{"field": "count", "message": "must be positive"}])))
/// }
///
/// let app = with_middleware(problem_json, Router::new().post("/orders", order));
/// # #[cfg(feature = "testing")] {
/// let client = anyhost_core::testing::Client::new(app);
/// let response = client.post("/orders").await;
/// assert_eq!(response.header("content-type"), Some("application/problem+json"));
/// assert_eq!(response.json::<Value>().await?, json!({
///     "title": "Unprocessable Entity",
///     "status": 422,
///     "detail": "The order has an invalid field",
///     "errors": [{"field": "count", "message": "must be positive"}],
/// }));
/// # }
/// # Ok(()) }
/// ```
///
/// # Errors
/// The errors of the handler, which become problems when they become responses.
pub async fn problem_json(request: Request, next: Next) -> Result<Response> {
    next.run(request).await.map_err(Error::into_problem)
}

/// The body of the response to an error. `sources` are the sources of the error, in development mode.
pub(crate) fn body(
    error: &Error,
    members: &Map<String, Value>,
    sources: Option<impl Display>,
) -> String {
    let mut problem = Map::new();
    let status = error.status();
    let title = status.canonical_reason();
    // RFC 9457 §3.1.3: the title describes the type. Without a type, it should be the reason phrase of the status.
    if let Some(title) = title.filter(|_| !members.contains_key("type")) {
        problem.insert("title".to_owned(), title.into());
    }
    if Some(error.message()) != title {
        problem.insert("detail".to_owned(), error.message().into());
    }
    if let Some(sources) = sources {
        problem.insert("sources".to_owned(), sources.to_string().into());
    }
    problem.extend(members.clone());
    problem.insert("status".to_owned(), status.as_u16().into());
    Value::Object(problem).to_string()
}
