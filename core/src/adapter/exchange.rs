//! The single path from a request to a response, on every host.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use http::StatusCode;
use self_cell::self_cell;

use super::deadline::Deadline;
use super::error_response::error_response;
use super::outcome::Outcome;
use super::request_info::RequestInfo;
use super::{log, request_rules, response_rules};
use crate::error_hook::{self, ErrorKind};
use crate::handler::{Handler, ResponseFuture, take};
use crate::panic;
use crate::{Context, Error, Request, Response, Result};

/// Calls a handler. Returns the response in the form in which the adapter has to send it, and how the exchange ended.
///
/// Every adapter calls this function. It takes these steps:
///
/// 1. **Admission.** The request gets the form that handlers see: path and query as its URI, the
///    authority in `Host`, no hop-by-hop headers (RFC 9110 §7.6.1). A request with an invalid Host header
///    (RFC 9110 §7.2) or an invalid target is rejected with 400.
/// 2. **The handler** runs until the deadline. An [`Error`] becomes a response with its status and message, and
///    in development mode also with its sources. A panic becomes a 500, and an exceeded deadline becomes a 504.
///    All three are logged together with the request.
/// 3. **Response rules.** The response gets a Content-Length if its length is known, and a Content-Type if it has
///    content but no Content-Type (`application/octet-stream`). Hop-by-hop headers are removed, except
///    `Connection: close` on a host that owns the HTTP/1 connection of the client. The body is removed
///    if the status or the method HEAD forbids a body (RFC 9110 §6.4.1). An informational status that the host cannot
///    send becomes a 500.
/// 4. **The body**, if it is a stream, is checked while it is sent. An error or a panic in the stream, or a length
///    that differs from Content-Length, is logged and ends the body with an error, so that the adapter can abort
///    the response.
///
/// The handler is called before this function returns. The future owns the handler, so it can be spawned or
/// stored. Dropping the future drops the handler's future.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::sync::Arc;
///
/// use anyhost_core::adapter::{Deadline, Outcome, exchange};
/// use anyhost_core::{Request, handler};
///
/// let hello = Arc::new(handler(|| async { "Hello, world!" }));
/// let exchanged = exchange(hello, Request::default(), Deadline::none()).await;
/// assert_eq!(exchanged.outcome, Outcome::Completed);
/// assert_eq!(exchanged.response.headers()["content-length"], "13");
/// # }
/// ```
pub fn exchange(handler: Arc<dyn Handler>, request: Request, deadline: Deadline) -> Exchange {
    let context = request.extensions().get::<Context>().cloned();
    exchange_in(context.unwrap_or_default(), &handler, request, deadline)
}

/// Does the same as [`exchange`] for a request whose context is not in its extensions yet. The context is added to the
/// request only if the handler can read it.
#[doc(hidden)]
pub fn exchange_in(
    context: Context,
    handler: &Arc<dyn Handler>,
    mut request: Request,
    deadline: Deadline,
) -> Exchange {
    let mut info = RequestInfo::new(&request, context);
    // The handler is called here and not in the first poll. A request is large, and the future would have to
    // store the request until the first poll.
    let state = match request_rules::admit(&mut request, &mut info) {
        Ok(()) => match panic::catch(|| call(handler, &mut request, &info.context)) {
            Ok(state) => state,
            Err(panic) => State::Failed(Error::from_panic(panic).into(), Outcome::Panicked),
        },
        Err(error) => State::Failed(error.into(), Outcome::Rejected),
    };
    Exchange {
        state,
        deadline,
        info: Some(info),
    }
}

fn call(handler: &Arc<dyn Handler>, request: &mut Request, context: &Context) -> State {
    let selected = match (**handler).select(request, context) {
        Ok(selected) => selected,
        Err(error) => return State::Failed(error.into(), Outcome::Completed),
    };
    let handler = selected.as_ref().unwrap_or(handler);
    if let Some(future) = handler.handle_static(request, context) {
        return State::Running(future);
    }
    let request = take(request, context);
    // `handler.handle` would be the method of `Arc<dyn Handler>`, which boxes a second future.
    let borrowing = Borrowing::new(handler.clone(), |handler| (**handler).handle(request));
    State::Borrowing(borrowing)
}

/// The result of an exchange.
#[derive(Debug)]
#[non_exhaustive]
pub struct Exchanged {
    /// The response, ready to be sent.
    pub response: Response,
    /// How the exchange ended before the response is sent; sending the response can still fail.
    pub outcome: Outcome,
    /// The deadline, which also applies to sending the response; [`Deadline::none`] if it has already passed.
    pub deadline: Deadline,
    /// The values of the request that log events and `wait_until` work need.
    pub info: RequestInfo,
}

self_cell!(
    /// A handler and its future, which borrows from the handler. `self_cell` keeps both in one allocation,
    /// which makes the pair `'static`.
    struct Borrowing {
        owner: Arc<dyn Handler>,
        #[covariant]
        dependent: ResponseFuture,
    }
);

/// The future of [`exchange`].
// Written by hand: an async block would reserve space for the response and copy it on every move.
#[must_use = "futures do nothing unless polled"]
pub struct Exchange {
    state: State,
    deadline: Deadline,
    /// `None` after the future completed.
    info: Option<RequestInfo>,
}

enum State {
    Running(ResponseFuture<'static>),
    Borrowing(Borrowing),
    /// The handler was not called, or panicked when it was called.
    /// Boxed, because it is rare, and larger than the other states.
    Failed(Box<Error>, Outcome),
    Ended,
}

impl Future for Exchange {
    type Output = Exchanged;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Exchanged> {
        let this = &mut *self;
        // The result is filled and changed in place, because moving a response copies many bytes.
        let mut result = None;
        let outcome = match panic::catch(|| this.step(cx, &mut result)) {
            Ok(Poll::Ready(outcome)) => outcome,
            Ok(Poll::Pending) if this.deadline.poll_exceeded(cx).is_pending() => {
                return Poll::Pending;
            }
            Ok(Poll::Pending) => {
                result = Some(Err(Error::from_status(StatusCode::GATEWAY_TIMEOUT)));
                this.end(&mut result, Outcome::TimedOut)
            }
            // The handler panicked, or a value that the handler returned: an error can panic when it is formatted,
            // and a body when it is dropped.
            Err(panic) => {
                result = Some(Err(Error::from_panic(panic)));
                this.end(&mut result, Outcome::Panicked)
            }
        };
        let Some(mut info) = this.info.take() else {
            // The future was polled after it had completed.
            return Poll::Pending;
        };
        info.status = match &result {
            Some(Ok(response)) => Some(response.status()),
            _ => None,
        };
        Poll::Ready(Exchanged {
            response: result.and_then(Result::ok).unwrap_or_default(),
            outcome,
            deadline: std::mem::take(&mut this.deadline),
            info,
        })
    }
}

impl Exchange {
    /// Polls the handler's future. When the future is ready, drops it and makes the response. Each of these steps
    /// can panic.
    fn step(&mut self, cx: &mut TaskContext<'_>, result: &mut Option<Result>) -> Poll<Outcome> {
        let mut poll = |future: &mut ResponseFuture<'_>| {
            let poll = future.as_mut().poll(cx);
            poll.map(|returned| *result = Some(returned))
        };
        match &mut self.state {
            State::Running(future) => ready!(poll(future)),
            State::Borrowing(borrowing) => {
                ready!(borrowing.with_dependent_mut(|_, future| poll(future)));
            }
            State::Failed(..) | State::Ended => {}
        }
        let outcome = match std::mem::replace(&mut self.state, State::Ended) {
            State::Failed(error, outcome) => {
                *result = Some(Err(*error));
                outcome
            }
            // A panic inside a tower layer was caught there.
            _ => match result {
                Some(Err(error)) if error.is_panic() => Outcome::Panicked,
                _ => Outcome::Completed,
            },
        };
        if let Some(info) = &self.info {
            settle(result, outcome, info);
        }
        Poll::Ready(outcome)
    }

    /// Drops the handler's future after a panic or a timeout, and makes the response. A panic in the drop is only
    /// logged.
    fn end(&mut self, result: &mut Option<Result>, outcome: Outcome) -> Outcome {
        let state = std::mem::replace(&mut self.state, State::Ended);
        let dropped = panic::catch(|| drop(state));
        if let Some(info) = &self.info {
            if let Err(panic) = dropped {
                log::handler_panicked(&Error::from_panic(panic), info);
            }
            settle(result, outcome, info);
        }
        outcome
    }
}

/// Applies the response rules to a response. An error is logged and replaced by the response for this error.
fn settle(result: &mut Option<Result>, outcome: Outcome, info: &RequestInfo) {
    if let Some(Ok(response)) = result {
        match response_rules::check_status(response, info) {
            Ok(()) => return response_rules::apply(response, info),
            Err(error) => *result = Some(Err(error)),
        }
    }
    if let Some(Err(error)) = result {
        match outcome {
            Outcome::Panicked => log::handler_panicked(error, info),
            Outcome::Rejected => log::rejected(error, info),
            Outcome::TimedOut => log::timed_out(info),
            _ => log::handler_error(error, info),
        }
        let mut response = error_response(error, info);
        response_rules::apply(&mut response, info);
        *result = Some(Ok(response));
    }
}

/// Makes the response to a request that an adapter cannot decode, or rejects before it calls [`exchange`]. Applies
/// the same response rules as [`exchange`]. Logs `request rejected`.
pub fn reject(error: Error, info: &RequestInfo) -> Response {
    log::rejected(&error, info);
    response_to(error, info)
}

/// Makes the 504 response for an exchange whose deadline passed before the adapter sent anything, and logs
/// `request timed out`. If the deadline passes while the handler runs, [`exchange`] itself makes the 504 response.
pub fn timed_out(info: &RequestInfo) -> Response {
    log::timed_out(info);
    response_to(Error::from_status(StatusCode::GATEWAY_TIMEOUT), info)
}

/// Passes an error that the adapter logs itself to the [error hook](crate::set_error_hook), for example if the host
/// cannot send the response of the handler. The other functions of this module that log an error also pass it to the
/// hook.
pub fn report_error(error: &Error, info: &RequestInfo) {
    error_hook::report_error(ErrorKind::Handler, info, error);
}

/// Makes the response to an error by the same rules as [`exchange`], without a log event. Use this function for
/// errors that the adapter logs or counts in another way, such as overload.
pub fn response_to(error: Error, info: &RequestInfo) -> Response {
    finish_response(error_response(&error, info), info)
}

/// Applies the response rules to a response that the adapter made without the handler, such as the
/// response to a health check.
pub fn finish_response(mut response: Response, info: &RequestInfo) -> Response {
    response_rules::apply(&mut response, info);
    response
}

/// Logs a `response aborted` event: the response ended early after its head was sent. [`exchange`] logs the
/// errors of a response's body itself; an adapter calls this function when the deadline ends the response.
pub fn log_aborted(info: &RequestInfo, error: &(dyn std::error::Error + 'static)) {
    log::aborted(info, error);
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange")
            .field("info", &self.info)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
