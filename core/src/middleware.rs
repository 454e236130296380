//! Middleware: a function around a handler, as in Koa.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;

use crate::handler::{Handler, IntoHandler};
use crate::response::IntoResponse;
use crate::{Request, Response, Result};

/// The handler inside a middleware.
#[derive(Clone)]
pub struct Next(Arc<dyn Handler>);

impl Next {
    /// Calls the handler.
    ///
    /// # Errors
    /// The error of the handler. The middleware can inspect or replace this error, or return it with `?`.
    pub async fn run(self, request: Request) -> Result<Response> {
        self.0.handle(request).await
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Next(..)")
    }
}

/// A handler inside a middleware; made by [`with_middleware`].
pub struct WithMiddleware<F> {
    middleware: F,
    handler: Arc<dyn Handler>,
}

/// Puts a middleware around a handler. A middleware is an async function that gets the request and the [`Next`]
/// handler. It can change the request, the response and the error, or respond without calling the handler.
///
/// The handler can be a router. To put a middleware around some of the routes only, make a router with these
/// routes, put the middleware around this router, and [nest](crate::Router::nest) the result. State that was added
/// outside of the middleware is available in the middleware ([`RequestExt::state`](crate::RequestExt::state)).
///
/// ```
/// use std::time::Instant;
///
/// use anyhost_core::{Next, Request, Response, Result, Router, with_middleware};
///
/// async fn timing(request: Request, next: Next) -> Result<Response> {
///     let start = Instant::now();
///     let result = next.run(request).await;
///     println!("{:?} after {:?}", result.as_ref().map(Response::status), start.elapsed());
///     result
/// }
///
/// let app = with_middleware(timing, Router::new().get("/", || async { "Hello!" }));
/// ```
pub fn with_middleware<F, O, K, H>(middleware: F, handler: H) -> WithMiddleware<F>
where
    F: Fn(Request, Next) -> O + Send + Sync + 'static,
    O: Future<Output: IntoResponse> + Send + 'static,
    H: IntoHandler<K>,
{
    WithMiddleware {
        middleware,
        handler: Arc::new(handler.into_handler()),
    }
}

#[async_trait]
impl<F, O> Handler for WithMiddleware<F>
where
    F: Fn(Request, Next) -> O + Send + Sync + 'static,
    O: Future<Output: IntoResponse> + Send + 'static,
{
    async fn handle(&self, request: Request) -> Result<Response> {
        let next = Next(self.handler.clone());
        (self.middleware)(request, next).await.into_response()
    }
}

impl<F> fmt::Debug for WithMiddleware<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WithMiddleware")
            .field(&std::any::type_name::<F>())
            .finish()
    }
}
