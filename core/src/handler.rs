//! Handlers: functions from a request to a response.

use std::fmt;
use std::future::{Future, ready};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};

use async_trait::async_trait;
use pin_project_lite::pin_project;

use crate::response::IntoResponse;
use crate::{Context, Request, Response, Result};

/// An asynchronous function from a request to a response.
///
/// Functions, closures, routers, tower services, and handlers around other handlers implement this trait. Most
/// handlers are plain async functions (see [`IntoHandler`]). Implement the trait for a type that has
/// fields, or that wraps another handler:
///
/// ```
/// use anyhost_core::{async_trait, Handler, Request, Response, Result, send};
/// use http::StatusCode;
///
/// /// Replaces every 404 of the inner handler with a friendlier message.
/// struct FriendlyNotFound<H>(H);
///
/// #[async_trait]
/// impl<H: Handler> Handler for FriendlyNotFound<H> {
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
    /// Handles `request`.
    ///
    /// # Errors
    /// The error stays an `Err` until [`exchange`](crate::adapter::exchange()) converts it into a response, so that
    /// handlers around this handler can inspect and replace the error.
    async fn handle(&self, request: Request) -> Result<Response>;

    /// Calls a handler whose future does not borrow from the handler, and takes the request out of `request`. Adds the
    /// context to the request, unless the handler ignores the request. `None` if the future borrows from the handler.
    ///
    /// Only plain functions implement this method. It saves 800 instructions: the allocation that keeps a handler
    /// and its future together, and the three allocations of the extension.
    #[doc(hidden)]
    fn handle_static(&self, _: &mut Request, _: &Context) -> Option<ResponseFuture<'static>> {
        None
    }

    /// Finds the handler that handles a request, and adds the values to the request that this handler can read. `None` if
    /// this handler itself handles the request. Only the router implements this method, so that
    /// [`handle_static`](Self::handle_static) can call the plain functions of its routes.
    #[doc(hidden)]
    fn select(&self, _: &mut Request, _: &Context) -> Result<Option<Arc<dyn Handler>>> {
        Ok(None)
    }
}

impl<H: Handler + ?Sized> Handler for Arc<H> {
    fn handle<'a, 'b>(&'a self, request: Request) -> ResponseFuture<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        (**self).handle(request)
    }

    fn handle_static(
        &self,
        request: &mut Request,
        context: &Context,
    ) -> Option<ResponseFuture<'static>> {
        (**self).handle_static(request, context)
    }

    fn select(&self, request: &mut Request, context: &Context) -> Result<Option<Arc<dyn Handler>>> {
        (**self).select(request, context)
    }
}

impl<H: Handler + ?Sized> Handler for Box<H> {
    fn handle<'a, 'b>(&'a self, request: Request) -> ResponseFuture<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        (**self).handle(request)
    }

    fn handle_static(
        &self,
        request: &mut Request,
        context: &Context,
    ) -> Option<ResponseFuture<'static>> {
        (**self).handle_static(request, context)
    }

    fn select(&self, request: &mut Request, context: &Context) -> Result<Option<Arc<dyn Handler>>> {
        (**self).select(request, context)
    }
}

/// A value that can be converted into a [`Handler`]: a handler, a function or closure with or without the
/// request as its argument, or (feature `tower`) a [`tower::Service`](https://docs.rs/tower). A function that
/// is not async must not block its thread, because other requests use the same thread.
///
/// The type parameter `Kind` distinguishes these cases. The compiler infers it, so programs never write it.
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
/// let handlers = (handler(hello), handler(shout), handler(|| async { 42 }), handler(|| 42));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    label = "not a handler",
    note = "a handler is a function or closure `fn(Request) -> T` or `fn() -> T`, async or not; it takes at most one \
            argument, the `anyhost::Request`, and not the extractors of other frameworks: read parameters, state and \
            the body with the methods of `RequestExt`",
    note = "if the function is not async, `T` has to implement `IntoResponse` (for `Result<T, E>`, also \
            `E: Into<anyhost::Error>`; for your own data, return `Json(data)`)",
    note = "a type that implements `Handler` is a handler, and so is a tower service over \
            `http::Request<anyhost::Body>`"
)]
pub trait IntoHandler<Kind> {
    /// The resulting handler.
    type Handler: Handler;

    /// Converts the value into a handler.
    fn into_handler(self) -> Self::Handler;
}

impl<T, K> IntoHandler<K> for T
where
    T: HandlerSource<K>,
    T::Handler: Handler,
{
    type Handler = T::Handler;

    fn into_handler(self) -> T::Handler {
        self.convert()
    }
}

/// The values that [`IntoHandler`] converts. The implementations look only at the shape of a value: whether it is a
/// function and what its arguments are. [`IntoHandler`] then requires that the result is a [`Handler`]. With both
/// conditions in one trait, the compiler could only say that a function is not a handler, but not why.
pub trait HandlerSource<Kind> {
    /// The result of the conversion. It is a [`Handler`] if the function returns a response.
    type Handler;

    /// Converts the value.
    fn convert(self) -> Self::Handler;
}

/// Converts a function, a closure, or any other [`IntoHandler`] into a [`Handler`].
pub fn handler<K, H: IntoHandler<K>>(handler: H) -> H::Handler {
    handler.into_handler()
}

/// The [`IntoHandler`] kind of values that are handlers.
#[derive(Debug)]
pub enum IsHandler {}

impl<H: Handler> HandlerSource<IsHandler> for H {
    type Handler = H;

    fn convert(self) -> H {
        self
    }
}

/// The [`IntoHandler`] kind of functions that take the request.
#[derive(Debug)]
pub struct TakesRequest<F>(PhantomData<fn() -> F>);

impl<F, O> HandlerSource<TakesRequest<O>> for F
where
    F: Fn(Request) -> O,
    O: Future,
{
    type Handler = FunctionHandler<F, TakesRequest<O>>;

    fn convert(self) -> Self::Handler {
        FunctionHandler(self, PhantomData)
    }
}

/// The [`IntoHandler`] kind of functions without arguments.
#[derive(Debug)]
pub struct TakesNothing<F>(PhantomData<fn() -> F>);

impl<F, O> HandlerSource<TakesNothing<O>> for F
where
    F: Fn() -> O,
    O: Future,
{
    type Handler = FunctionHandler<F, TakesNothing<O>>;

    fn convert(self) -> Self::Handler {
        FunctionHandler(self, PhantomData)
    }
}

/// The [`IntoHandler`] kind of functions that take the request and are not async.
#[derive(Debug)]
pub struct TakesRequestSync<T>(PhantomData<fn() -> T>);

impl<F, T> HandlerSource<TakesRequestSync<T>> for F
where
    F: Fn(Request) -> T,
    T: IntoResponse,
{
    type Handler = FunctionHandler<F, TakesRequestSync<T>>;

    fn convert(self) -> Self::Handler {
        FunctionHandler(self, PhantomData)
    }
}

/// The [`IntoHandler`] kind of functions without arguments that are not async.
#[derive(Debug)]
pub struct TakesNothingSync<T>(PhantomData<fn() -> T>);

impl<F, T> HandlerSource<TakesNothingSync<T>> for F
where
    F: Fn() -> T,
    T: IntoResponse,
{
    type Handler = FunctionHandler<F, TakesNothingSync<T>>;

    fn convert(self) -> Self::Handler {
        FunctionHandler(self, PhantomData)
    }
}

/// A function as a [`Handler`]; made by [`IntoHandler`].
pub struct FunctionHandler<F, Kind>(F, PhantomData<fn() -> Kind>);

impl<F, K> fmt::Debug for FunctionHandler<F, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::any::type_name::<F>())
    }
}

impl<F: Clone, K> Clone for FunctionHandler<F, K> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

/// The return type that `#[async_trait]` generates for `async fn handle`. Handlers that only pass the request to an
/// inner handler use this type, so that they return the future of the inner handler and do not box a second future.
pub(crate) type ResponseFuture<'a> = Pin<Box<dyn Future<Output = Result<Response>> + Send + 'a>>;

/// Takes a request out of its place, and adds its context.
pub(crate) fn take(request: &mut Request, context: &Context) -> Request {
    // Some adapters have already added the context.
    if request.extensions().get::<Context>().is_none() {
        request.extensions_mut().insert(context.clone());
    }
    std::mem::take(request)
}

pin_project! {
    /// The future of a function, with its output converted into a response. An async block would reserve space for a second
    /// future, and move the future, with the request inside, in its first poll.
    struct ConvertOutput<O> {
        #[pin]
        future: O,
    }
}

impl<O: Future<Output: IntoResponse>> Future for ConvertOutput<O> {
    type Output = Result<Response>;

    fn poll(self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Result<Response>> {
        let output = ready!(self.project().future.poll(cx));
        Poll::Ready(output.into_response())
    }
}

impl<F, O> Handler for FunctionHandler<F, TakesRequest<O>>
where
    F: Fn(Request) -> O + Send + Sync + 'static,
    O: Future<Output: IntoResponse> + Send + 'static,
{
    fn handle<'a, 'b>(&'a self, request: Request) -> ResponseFuture<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(ConvertOutput {
            future: (self.0)(request),
        })
    }

    fn handle_static(
        &self,
        request: &mut Request,
        context: &Context,
    ) -> Option<ResponseFuture<'static>> {
        Some(Box::pin(ConvertOutput {
            future: (self.0)(take(request, context)),
        }))
    }
}

impl<F, O> Handler for FunctionHandler<F, TakesNothing<O>>
where
    F: Fn() -> O + Send + Sync + 'static,
    O: Future<Output: IntoResponse> + Send + 'static,
{
    fn handle<'a, 'b>(&'a self, _: Request) -> ResponseFuture<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(ConvertOutput { future: (self.0)() })
    }

    fn handle_static(&self, _: &mut Request, _: &Context) -> Option<ResponseFuture<'static>> {
        Some(Box::pin(ConvertOutput { future: (self.0)() }))
    }
}

impl<F, T> Handler for FunctionHandler<F, TakesRequestSync<T>>
where
    F: Fn(Request) -> T + Send + Sync + 'static,
    T: IntoResponse + 'static,
{
    fn handle<'a, 'b>(&'a self, request: Request) -> ResponseFuture<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(ready((self.0)(request).into_response()))
    }

    fn handle_static(
        &self,
        request: &mut Request,
        context: &Context,
    ) -> Option<ResponseFuture<'static>> {
        Some(Box::pin(ready(
            (self.0)(take(request, context)).into_response(),
        )))
    }
}

impl<F, T> Handler for FunctionHandler<F, TakesNothingSync<T>>
where
    F: Fn() -> T + Send + Sync + 'static,
    T: IntoResponse + 'static,
{
    fn handle<'a, 'b>(&'a self, _: Request) -> ResponseFuture<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(ready((self.0)().into_response()))
    }

    fn handle_static(&self, _: &mut Request, _: &Context) -> Option<ResponseFuture<'static>> {
        Some(Box::pin(ready((self.0)().into_response())))
    }
}
