//! Runs handlers that were written for the crate [`lambda_http`] on every host.
//!
//! - [`lambda_http_handler`] runs a `service_fn` over [`lambda_http::Request`], or any tower service that
//!   `lambda_http::run` accepts.
//! - [`with_lambda_http_extensions`] runs a handler of anyhost, such as an axum `Router`, that uses
//!   [`lambda_http::RequestExt`]. Unlike `lambda_http`, it can also stream its responses.
//!
//! ```
//! use anyhost_lambda::compat::{lambda_http, lambda_http_handler};
//! use lambda_http::{Error, IntoResponse, Request, RequestExt, service_fn};
//!
//! async fn hello(request: Request) -> Result<impl IntoResponse, Error> {
//!     let query = request.query_string_parameters();
//!     let name = query.first("name").unwrap_or("stranger");
//!     Ok(format!("Hello, {name}! ({})", request.lambda_context().request_id))
//! }
//!
//! // Before: lambda_http::run(service_fn(hello)).await
//! let handler = lambda_http_handler(service_fn(hello));
//! # let _: &dyn anyhost_core::Handler = &handler;
//! // anyhost::run(handler)
//! ```
//!
//! # The values that a handler of `lambda_http` sees
//! On Lambda, the methods of [`RequestExt`](lambda_http::RequestExt) return what they return in `lambda_http`. On
//! other hosts, `lambda_context()` is [`Context::default`](lambda_http::Context) with the request id and the
//! deadline that the host knows; `request_context()` is the context of a Function URL, made from the request; the path
//! parameters and stage variables are empty.
//!
//! Differences from `lambda_http`:
//! - The path is as the client sent it and never begins with the stage, as if
//!   `AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH` were set.
//! - A body is `Body::Text` if it is valid UTF-8, and otherwise `Body::Binary`.
//! - A response of [`lambda_http_handler`] goes through the conversion of `lambda_http`: its Content-Type decides
//!   whether the body is text, and bytes of a text that are not valid in its charset are replaced.
//!   [`with_lambda_http_extensions`] never changes a body.
//! - An `Err` from the handler is an HTTP response with status 500 instead of a failed invocation.
//! - The service must be `Clone`, `Sync` and `'static`: share state with an `Arc`.

mod extensions;
mod request;

use std::fmt;
use std::future::poll_fn;

use anyhost_core::http::header::{CONTENT_TYPE, HeaderValue};
use anyhost_core::{
    Body, Error, Handler, IntoHandler, Request, Response, Result, async_trait, http,
};
use lambda_http::lambda_runtime::Diagnostic;
use lambda_http::{IntoResponse, Service};

pub use lambda_http;

/// Runs a service that was written for [`lambda_http::run`]; see the [module](self).
pub fn lambda_http_handler<S, R, E>(service: S) -> impl Handler
where
    S: Service<lambda_http::Request, Response = R, Error = E> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    R: IntoResponse + 'static,
    E: fmt::Debug + Into<Diagnostic> + 'static,
{
    LambdaHttp(service)
}

/// Adds the extensions that [`lambda_http::RequestExt`] reads to the requests of a handler; see the
/// [module](self).
pub fn with_lambda_http_extensions<K>(handler: impl IntoHandler<K>) -> impl Handler {
    WithExtensions(handler.into_handler())
}

struct LambdaHttp<S>(S);

#[async_trait]
impl<S, R, E> Handler for LambdaHttp<S>
where
    S: Service<lambda_http::Request, Response = R, Error = E> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    R: IntoResponse + 'static,
    E: fmt::Debug + Into<Diagnostic> + 'static,
{
    async fn handle(&self, mut request: Request) -> Result<Response> {
        extensions::add(&mut request);
        let request = request::into_lambda_http(request).await?;
        let mut service = self.0.clone();
        let ready = poll_fn(|cx| service.poll_ready(cx)).await;
        ready.map_err(failed)?;
        // The service's response need not be `Send`, so a `match` on the awaited result would make this future not
        // `Send`.
        let response = service.call(request).await.map(R::into_response);
        Ok(response_of(response.map_err(failed)?.await))
    }
}

struct WithExtensions<H>(H);

#[async_trait]
impl<H: Handler> Handler for WithExtensions<H> {
    async fn handle(&self, mut request: Request) -> Result<Response> {
        extensions::add(&mut request);
        self.0.handle(request).await
    }
}

fn failed(error: impl Into<Diagnostic>) -> Error {
    let Diagnostic {
        error_type,
        error_message,
        ..
    } = error.into();
    Error::from_status(http::StatusCode::INTERNAL_SERVER_ERROR)
        .with_source(format!("{error_type}: {error_message}"))
}

fn response_of(response: http::Response<lambda_http::Body>) -> Response {
    let (mut parts, body) = response.into_parts();
    let body = match body {
        lambda_http::Body::Empty => Body::empty(),
        lambda_http::Body::Text(text) => {
            // `lambda_http` sets no Content-Type for text. Most event sources then send this Content-Type.
            let text_plain = HeaderValue::from_static("text/plain; charset=utf-8");
            parts.headers.entry(CONTENT_TYPE).or_insert(text_plain);
            text.into()
        }
        lambda_http::Body::Binary(bytes) => bytes.into(),
        // `lambda_http::Body` is `non_exhaustive`.
        other => other.to_vec().into(),
    };
    Response::from_parts(parts, body)
}
