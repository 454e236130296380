//! A handler: from a request to a reply.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;

use crate::reply::IntoResponse;
use crate::{Request, Response, Result};

/// Answers a request. Everything that serves HTTP in this project is one: functions, closures,
/// routers, tower services, and handlers around handlers.
///
/// Most handlers are plain async functions (see [`IntoHandler`]). Implement the trait for those
/// that carry state, or that wrap another one:
///
/// ```
/// use anyhost_core::{async_trait, Handler, Request, Response, Result, send};
/// use http::StatusCode;
///
/// /// Answers every 404 of the handler inside in its own words.
/// struct Polite<H>(H);
///
/// #[async_trait]
/// impl<H: Handler> Handler for Polite<H> {
///     async fn handle(&self, request: Request) -> Result<Response> {
///         match self.0.handle(request).await {
///             Err(error) if error.status() == StatusCode::NOT_FOUND => {
///                 send(StatusCode::NOT_FOUND, "Sorry, there is nothing here.")
///             }
///             other => other,
///         }
///     }
/// }
/// ```
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Answers `request`.
    ///
    /// # Errors
    /// An error becomes a reply in [`dispatch`](crate::dispatch), and nowhere earlier.
    async fn handle(&self, request: Request) -> Result<Response>;
}

#[async_trait]
impl<H: Handler + ?Sized> Handler for Arc<H> {
    async fn handle(&self, request: Request) -> Result<Response> {
        (**self).handle(request).await
    }
}

#[async_trait]
impl<H: Handler + ?Sized> Handler for Box<H> {
    async fn handle(&self, request: Request) -> Result<Response> {
        (**self).handle(request).await
    }
}

/// What can be turned into a [`Handler`]: a handler, an async function or closure with the request
/// or without it, and (feature `tower`) a [`tower::Service`](https://docs.rs/tower).
///
/// `Kind` tells these apart for the compiler; it is never written out.
///
/// ```
/// use anyhost_core::{Request, RequestExt, Result, handler};
///
/// async fn hello() -> &'static str {
///     "Hello, world!"
/// }
///
/// async fn shout(mut request: Request) -> Result<String> {
///     Ok(request.text().await?.to_uppercase())
/// }
///
/// let handlers = (handler(hello), handler(shout), handler(|| async { 42 }));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    note = "a handler is an `async fn(Request) -> impl IntoResponse`, an `async fn() -> impl IntoResponse`, \
            a type that implements `Handler`, or a tower service"
)]
pub trait IntoHandler<Kind> {
    /// The handler that comes of it.
    type Handler: Handler;

    /// Turns it into a handler.
    fn into_handler(self) -> Self::Handler;
}

/// Turns a function, a closure, or anything else that can be one, into a [`Handler`].
pub fn handler<K, H: IntoHandler<K>>(handler: H) -> H::Handler {
    handler.into_handler()
}

/// The [`IntoHandler`] kind of what is a handler already.
#[derive(Debug)]
pub enum IsHandler {}

impl<H: Handler> IntoHandler<IsHandler> for H {
    type Handler = H;

    fn into_handler(self) -> H {
        self
    }
}

/// The [`IntoHandler`] kind of functions that take the request.
#[derive(Debug)]
pub struct TakesRequest<F>(PhantomData<fn() -> F>);

impl<F, O> IntoHandler<TakesRequest<O>> for F
where
    F: Fn(Request) -> O + Send + Sync + 'static,
    O: Future<Output: IntoResponse> + Send + 'static,
{
    type Handler = Function<F, TakesRequest<O>>;

    fn into_handler(self) -> Self::Handler {
        Function(self, PhantomData)
    }
}

/// The [`IntoHandler`] kind of functions that need nothing of the request.
#[derive(Debug)]
pub struct TakesNothing<F>(PhantomData<fn() -> F>);

impl<F, O> IntoHandler<TakesNothing<O>> for F
where
    F: Fn() -> O + Send + Sync + 'static,
    O: Future<Output: IntoResponse> + Send + 'static,
{
    type Handler = Function<F, TakesNothing<O>>;

    fn into_handler(self) -> Self::Handler {
        Function(self, PhantomData)
    }
}

/// An async function as a [`Handler`]; made by [`IntoHandler`].
pub struct Function<F, Kind>(F, PhantomData<fn() -> Kind>);

impl<F, K> fmt::Debug for Function<F, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::any::type_name::<F>())
    }
}

impl<F: Clone, K> Clone for Function<F, K> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

/// What `#[async_trait]` makes of `async fn handle`. It is spelled out below so that the request is
/// moved into the function's own future and not into a second one around it.
type Answer<'a> = Pin<Box<dyn Future<Output = Result<Response>> + Send + 'a>>;

async fn answer<O: Future<Output: IntoResponse>>(output: O) -> Result<Response> {
    output.await.into_response()
}

impl<F, O> Handler for Function<F, TakesRequest<O>>
where
    F: Fn(Request) -> O + Send + Sync + 'static,
    O: Future<Output: IntoResponse> + Send + 'static,
{
    fn handle<'a, 'b>(&'a self, request: Request) -> Answer<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(answer((self.0)(request)))
    }
}

impl<F, O> Handler for Function<F, TakesNothing<O>>
where
    F: Fn() -> O + Send + Sync + 'static,
    O: Future<Output: IntoResponse> + Send + 'static,
{
    fn handle<'a, 'b>(&'a self, _: Request) -> Answer<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(answer((self.0)()))
    }
}
