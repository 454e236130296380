//! The default limit of the body readers, for a handler and everything below it.

use crate::handler::{Handler, IntoHandler, ResponseFuture};
use crate::{IntoLimit, Limit, Request};

/// A handler whose body readers have another default limit; made by [`with_body_limit`].
#[derive(Clone, Debug)]
pub struct WithBodyLimit<H> {
    limit: Limit,
    handler: H,
}

/// Sets the default limit of the body readers (`buffer`, `text`, `json`, `form`) for a handler: one route, a nested
/// router, or the whole program. Without this function, the default limit is 1 MiB.
///
/// The limit is a number of bytes or a string such as `"10mb"`. The innermost limit is used. A limit that a handler
/// passes to a reader, as in `request.json_limit("50mb")`, takes precedence.
/// [`RequestExt::chunk`](crate::RequestExt::chunk) and handlers of other frameworks have no limit, or their own.
///
/// ```
/// use anyhost_core::{Request, RequestExt, Result, Router, with_body_limit};
///
/// async fn import(mut request: Request) -> Result<String> {
///     Ok(format!("{} bytes", request.buffer().await?.len()))
/// }
///
/// let app = with_body_limit(
///     "100kb",
///     Router::new().post("/import", with_body_limit("50mb", import)),
/// );
/// ```
///
/// # Panics
/// If the limit is invalid. Limits are part of the program, so that the panic happens at start-up.
#[track_caller]
#[allow(clippy::panic)]
pub fn with_body_limit<K, H>(limit: impl IntoLimit, handler: H) -> WithBodyLimit<H::Handler>
where
    H: IntoHandler<K>,
{
    let limit = match limit.into_limit() {
        Ok(limit) => limit,
        Err(error) => panic!("{}", error.chain()),
    };
    WithBodyLimit {
        limit,
        handler: handler.into_handler(),
    }
}

/// The default limit in the extensions of a request.
#[derive(Clone)]
struct DefaultLimit(Limit);

/// The default limit for the readers of a request.
pub(crate) fn default_limit(request: &Request) -> Limit {
    let limit = request.extensions().get::<DefaultLimit>();
    limit.map_or(Limit::DEFAULT, |limit| limit.0)
}

impl<H: Handler> Handler for WithBodyLimit<H> {
    fn handle<'a, 'b>(&'a self, mut request: Request) -> ResponseFuture<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        request.extensions_mut().insert(DefaultLimit(self.limit));
        self.handler.handle(request)
    }
}
