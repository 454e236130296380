//! The one way from a request to a reply, on every host.

mod error;
pub(crate) mod panic;
pub(crate) mod request;
mod response;
mod stream;

use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, ready};

use http::StatusCode;

pub use panic::logs_panic;

use crate::handler::Handler;
use crate::{Context, Error, Request, Response, Result};

/// Calls a handler and gives the reply as it has to go out.
///
/// Every adapter calls this function and adds no meaning of its own. In order:
///
/// 1. **The request** is put into the one form that handlers see: a path and query as its URI, the
///    authority in `Host`, no hop-by-hop headers (RFC 9110 §7.6.1). A hostile `Host` (RFC 9110 §7.2)
///    or a target that is no path is a 400.
/// 2. **The handler** runs. Its errors become replies, its panics a 500; both are logged with the
///    request, and the client learns only what the [`Error`] says, or all in development mode.
/// 3. **The reply** gets a Content-Length if its length is known, and a Content-Type if it has content
///    of none (`application/octet-stream`). It loses hop-by-hop headers, the
///    body where the status or HEAD forbids one (RFC 9110 §6.4.1), and any informational status
///    that the host cannot send.
/// 4. **The body**, if it is a stream, is watched as it goes out: a panic or an error in it, and a
///    length other than the declared one, end it as an error, so that the adapter can cut the reply.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use anyhost_core::{Request, dispatch, handler};
///
/// let hello = handler(|| async { "Hello, world!" });
/// let response = dispatch(&hello, Request::default()).await;
/// assert_eq!(response.headers()["content-length"], "13");
/// # }
/// ```
pub fn dispatch<H: Handler + ?Sized>(
    handler: &H,
    mut request: Request,
) -> impl Future<Output = Response> + Send {
    let mut seen = request::Seen::new(&mut request);
    // Requests are large: this one goes straight to its handler and not through the future below.
    let answer = match request::admit(&mut request, &mut seen) {
        Ok(()) => panic::catch(|| handler.handle(request)).map_err(panicked),
        Err(refused) => Err(refused),
    };
    Dispatch {
        answer: Some(answer),
        seen,
    }
}

/// What [`Handler::handle`] gives: the answer to be.
type Answer<'a> = Pin<Box<dyn Future<Output = Result> + Send + 'a>>;

/// The reply to be. An async block would do the same, and have room for the reply, which is then moved
/// wherever this is.
struct Dispatch<'a> {
    /// None when it is over.
    answer: Option<Result<Answer<'a>>>,
    seen: request::Seen,
}

impl Future for Dispatch<'_> {
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Response> {
        // Made in place: replies are large to move.
        let mut result = None;
        ready!(self.poll_answer(cx, &mut result));
        // What the handler returned is still its own: an error may panic when it is written, a body
        // when it is dropped.
        if let Err(panic) = panic::catch(|| settle(&mut result, &self.seen)) {
            tracing::error!("a reply {panic}");
            result = None;
        }
        match result {
            Some(Ok(response)) => Poll::Ready(response),
            _ => {
                let error = Error::from_status(StatusCode::INTERNAL_SERVER_ERROR);
                Poll::Ready(error::reply(error, &self.seen))
            }
        }
    }
}

impl Dispatch<'_> {
    /// Runs the handler; a panic in it is an error like any other.
    fn poll_answer(&mut self, cx: &mut TaskContext<'_>, result: &mut Option<Result>) -> Poll<()> {
        let answer = match &mut self.answer {
            Some(Ok(answer)) => answer,
            other => {
                *result = other.take().and_then(Result::err).map(Err);
                return Poll::Ready(());
            }
        };
        let poll = panic::catch(|| answer.as_mut().poll(cx).map(|made| *result = Some(made)));
        match poll {
            Ok(poll) => ready!(poll),
            Err(panic) => *result = Some(Err(panicked(panic))),
        }
        // What the handler leaves behind may panic as well.
        if let Err(panic) = panic::catch(|| self.answer = None)
            && !matches!(result, Some(Err(_)))
        {
            *result = Some(Err(panicked(panic)));
        }
        Poll::Ready(())
    }
}

/// Makes a reply of whatever the handler returned, in place: replies are large to move.
fn settle(result: &mut Option<Result>, seen: &request::Seen) {
    if let Some(Ok(response)) = result
        && let Err(error) = response::check(response, seen)
    {
        *result = Some(Err(error));
    }
    if let Some(Err(error)) = result {
        error::log(error, seen);
        if let Some(Err(error)) = result.take() {
            *result = Some(Ok(error::reply(error, seen)));
        }
    }
    if let Some(Ok(response)) = result {
        response::finish(response, seen);
    }
}

/// The reply to what the host sent instead of a request: an adapter that cannot make a [`Request`]
/// of it answers with this, by the same rules as [`dispatch`]. What is worth a line in the log is the
/// adapter's to say.
pub fn refuse(error: Error, context: &Context) -> Response {
    let mut request = Request::default();
    request.extensions_mut().insert(context.clone());
    let seen = request::Seen::new(&mut request);
    let mut response = error::reply(error, &seen);
    response::finish(&mut response, &seen);
    response
}

fn panicked(panic: panic::Panic) -> Error {
    Error::from_status(StatusCode::INTERNAL_SERVER_ERROR).with_source(panic)
}
