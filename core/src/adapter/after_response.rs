//! `wait_until` work, which the adapter runs after the response was sent.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use crate::Context;

/// Runs the work that handlers passed to [`Context::wait_until`], including work that running work adds, until all
/// work is done or `stop` completes. Returns whether all work was done.
///
/// An adapter calls this function after it sent the response. `stop` completes at the deadline or the shutdown of
/// the host. Work that is unfinished when `stop` completes is dropped and logged as `dropped wait_until work`. If
/// the returned future is dropped, the unfinished work stays in the context, for another call.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use anyhost_core::Context;
/// use anyhost_core::adapter::finish_after_response;
///
/// let context = Context::default();
/// context.wait_until(async { println!("counted") });
/// assert!(finish_after_response(&context, std::future::pending()).await);
/// # }
/// ```
pub async fn finish_after_response(context: &Context, stop: impl Future<Output = ()>) -> bool {
    let work = context.pending_work();
    if work.is_empty() {
        return true;
    }
    let mut run = Box::pin(work.run());
    let mut stop = pin!(stop);
    let finished = poll_fn(|cx| {
        if run.as_mut().poll(cx).is_ready() {
            return Poll::Ready(true);
        }
        stop.as_mut().poll(cx).map(|()| false)
    })
    .await;
    drop(run);
    if !finished {
        work.discard(context.request_id());
    }
    finished
}

/// Whether the context has unfinished [`wait_until`](Context::wait_until) work.
pub fn has_work_after_response(context: &Context) -> bool {
    !context.pending_work().is_empty()
}

/// Returns a context for one request of a connection. The context shares the values of the connection, and has
/// a separate list of [`wait_until`](Context::wait_until) work.
pub fn request_context(connection: &Context) -> Context {
    connection.for_request()
}
