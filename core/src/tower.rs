//! Tower services as handlers, handlers as tower services, and layers around handlers.
//!
//! Any [`Service`] over `http` types is a handler as it stands: [`IntoHandler`] takes it, so an axum
//! `Router` goes wherever a handler goes. [`into_service`] goes the other way, and [`layer`] puts a
//! tower [`Layer`] around a handler.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use tower_layer::Layer;
use tower_service::Service;

use crate::adapter::{Deadline, exchange};
use crate::{Body, BoxError, Error, Handler, IntoHandler, Request, Response, Result};

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A tower service as a handler.
///
/// It is cloned for each request, as tower asks, and waited for until it is ready. Its errors are
/// 500s, unless they were an [`Error`] before they went through a layer.
#[derive(Clone, Debug)]
pub struct ServiceHandler<S>(S);

/// The [`IntoHandler`] kind of tower services.
#[derive(Debug)]
pub enum IsService {}

impl<S, B> IntoHandler<(IsService, B)> for S
where
    S: Service<Request, Response = http::Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: http_body::Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Handler = ServiceHandler<S>;

    fn into_handler(self) -> ServiceHandler<S> {
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
        let failed = |error: S::Error| Error::from_boxed(error.into());
        poll_fn(|cx| service.poll_ready(cx)).await.map_err(failed)?;
        let response = service.call(request).await.map_err(failed)?;
        Ok(response.map(Body::new))
    }
}

/// A handler as a service that always answers: its errors are replies, made by
/// [`exchange`](crate::adapter::exchange()). This is the shape that axum's `route_service` takes.
///
/// Under a server that is not ours nobody runs the work given to
/// [`wait_until`](crate::Context::wait_until), unless the caller puts a [`Context`](crate::Context) into the
/// request's extensions and calls
/// [`finish_after_response`](crate::adapter::finish_after_response) after the reply.
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

/// A handler as a [`Service`]; made by [`into_service`].
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

/// Puts a tower layer around a handler.
///
/// An [`Error`] passes through the layer and is still an `Err` outside of it.
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

/// A handler inside a layer: its errors travel on as errors.
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
            handler
                .handle(request.map(Body::new))
                .await
                .map_err(Error::into_boxed)
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
