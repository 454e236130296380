//! State that a handler shares between requests: a database pool, a client, a counter.

use std::sync::Arc;

use crate::Request;
use crate::handler::{Handler, IntoHandler, ResponseFuture};

/// A handler with state; made by [`with_state`].
#[derive(Debug)]
pub struct WithState<S, H> {
    state: Arc<S>,
    handler: H,
}

/// Gives a handler access to `state`: [`request.state::<S>()`](crate::RequestExt::state) returns it.
///
/// [`Router::with_state`](crate::Router::with_state) does the same for all routes of a router. A handler can have
/// state of several types. If a handler has several values of one type, the innermost value is used.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use anyhost_core::{Request, RequestExt, Result, with_state};
///
/// async fn count(request: Request) -> Result<u64> {
///     Ok(request.state::<AtomicU64>()?.fetch_add(1, Ordering::Relaxed))
/// }
///
/// let counter = with_state(AtomicU64::new(0), count);
/// ```
pub fn with_state<S, K, H>(state: S, handler: H) -> WithState<S, H::Handler>
where
    S: Send + Sync + 'static,
    H: IntoHandler<K>,
{
    WithState::new(Arc::new(state), handler.into_handler())
}

impl<S, H> WithState<S, H> {
    pub(crate) fn new(state: Arc<S>, handler: H) -> Self {
        Self { state, handler }
    }
}

/// The state in a request's extensions. The wrapper type distinguishes the state from an `Arc<S>` that the
/// application inserts itself.
pub(crate) struct State<S>(pub(crate) Arc<S>);

impl<S> Clone for State<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: Send + Sync + 'static, H: Handler> Handler for WithState<S, H> {
    fn handle<'a, 'b>(&'a self, mut request: Request) -> ResponseFuture<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        request.extensions_mut().insert(State(self.state.clone()));
        self.handler.handle(request)
    }
}
