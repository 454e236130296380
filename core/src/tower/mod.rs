//! Conversions between handlers and tower services.
//!
//! Any [`Service`] over `http` types that is `Clone + Send + Sync` implements [`IntoHandler`], so that, for example,
//! an axum `Router` can be passed wherever a handler is expected.
//! [`into_service`] converts a handler into a service, and [`layer`] wraps a handler in a tower
//! [`Layer`].
//!
//! ```
//! let app: axum::Router = axum::Router::new()
//!     .route("/hello", axum::routing::get(|| async { "Hello, world!" }));
//! let handler = anyhost_core::handler(app);
//! ```

mod handler_error;

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use tower_layer::Layer;
use tower_service::Service;

use crate::adapter::panic::catch_panic;
use crate::adapter::{Deadline, RequestInfo, exchange};
use crate::handler::HandlerSource;
use crate::{Body, BoxError, Error, Handler, IntoHandler, Request, Response, Result};

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A handler that calls a tower service.
///
/// For each request the handler clones the service, waits until `poll_ready` returns ready, and
/// calls the service. An error of the service becomes a 500. If the error contains an [`Error`] from a
/// handler inside a [`layer`], this [`Error`] is returned unchanged.
#[derive(Clone, Debug)]
pub struct ServiceHandler<S>(S);

/// The [`IntoHandler`] kind of tower services.
#[derive(Debug)]
pub enum IsService {}

impl<S, B> HandlerSource<(IsService, B)> for S
where
    S: Service<Request, Response = http::Response<B>>,
{
    type Handler = ServiceHandler<S>;

    fn convert(self) -> ServiceHandler<S> {
        ServiceHandler(self)
    }
}

#[async_trait]
impl<S, B> Handler for ServiceHandler<S>
where
    S: Service<Request, Response = http::Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: http_body::Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    async fn handle(&self, request: Request) -> Result<Response> {
        let mut service = self.0.clone();
        let failed = |error: S::Error| Error::from_boxed(error);
        poll_fn(|cx| service.poll_ready(cx)).await.map_err(failed)?;
        let response = service.call(request).await.map_err(failed)?;
        handler_error::unwrap(response.map(Body::new))
    }
}

/// Converts a handler into a service that never fails: errors and panics of the handler become
/// responses, as on every host. axum's `route_service` accepts such a service.
///
/// A server of another crate does not run the futures that handlers pass to
/// [`wait_until`](crate::Context::wait_until). To run these futures, put a [`Context`](crate::Context)
/// into the extensions of the request, and call
/// [`finish_after_response`](crate::adapter::finish_after_response) after the response was sent.
///
/// ```
/// use anyhost_core::tower::into_service;
///
/// let app: axum::Router = axum::Router::new()
///     .route_service("/hello", into_service(|| async { "Hello, world!" }));
/// ```
pub fn into_service<K, H: IntoHandler<K>>(handler: H) -> HandlerService<H::Handler> {
    HandlerService(Arc::new(handler.into_handler()))
}

/// A [`Service`] that calls a handler. Returned by [`into_service`].
pub struct HandlerService<H>(Arc<H>);

impl<H: Handler, B> Service<http::Request<B>> for HandlerService<H>
where
    B: http_body::Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<std::result::Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::result::Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let handler = self.0.clone();
        Box::pin(async move {
            let request = request.map(Body::new);
            Ok(exchange(handler, request, Deadline::none()).await.response)
        })
    }
}

/// Wraps a handler in a tower layer.
///
/// The layer sees an [`Error`] or a panic of the handler as the response that the client will get, so that it can add
/// headers to error responses. The wrapped handler returns an `Err` again, with the headers that the layer
/// added, unless the layer changed the status. An error of the layer itself, such as a timeout, becomes a 500.
///
/// ```
/// use anyhost_core::tower::layer;
/// use tower::limit::ConcurrencyLimitLayer;
///
/// let hello = layer(ConcurrencyLimitLayer::new(64), || async { "Hello, world!" });
/// ```
pub fn layer<K, H, L, B>(layer: L, handler: H) -> ServiceHandler<L::Service>
where
    H: IntoHandler<K>,
    L: Layer<Inner<H::Handler>>,
    L::Service: Service<Request, Response = http::Response<B>>,
{
    ServiceHandler(layer.layer(Inner(Arc::new(handler.into_handler()))))
}

/// The service that a [`layer`] wraps. The service never fails, but has the error type that most layers require.
pub struct Inner<H>(Arc<H>);

impl<H: Handler, B> Service<http::Request<B>> for Inner<H>
where
    B: http_body::Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = BoxError;
    type Future = BoxFuture<std::result::Result<Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::result::Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let handler = self.0.clone();
        Box::pin(async move {
            let mut request = request.map(Body::new);
            let info = RequestInfo::of(&mut request);
            // A panic would leave the layers without a response to add headers to.
            let result = catch_panic(async { handler.handle(request).await }).await;
            let result = result.unwrap_or_else(|panic| Err(Error::from_panic(panic)));
            Ok(result.unwrap_or_else(|error| handler_error::wrap(error, info)))
        })
    }
}

macro_rules! share {
    ($($name:ident)*) => {$(
        impl<H> Clone for $name<H> {
            fn clone(&self) -> Self {
                Self(self.0.clone())
            }
        }

        impl<H> fmt::Debug for $name<H> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )*};
}

share! { HandlerService Inner }
