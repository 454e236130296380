//! The response that sends the events.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_core::Stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};

use super::Event;
use crate::adapter::Timer;
use crate::{Body, BoxError, Context, IntoResponse, Response, Result};

/// A response that sends a stream of [events](Event).
///
/// The response ends when the stream ends, with its first error, when the server drains (see
/// [`Context::is_draining`]), and one second before the [deadline](Context::deadline) of the host, if there is one. Except
/// after an error, the client sees a complete response. An `EventSource` then connects again, to another process or in
/// another invocation. To prevent this, respond with the status 204.
///
/// While the stream has no event, the response sends a comment every 15 seconds, so that proxies do not close the
/// connection as idle, and so that the host notices when the client has disconnected. In-process calls have no clock and
/// send no comments.
///
/// The response has the headers `Cache-Control: no-cache` and `X-Accel-Buffering: no`. Without the second header, nginx would
/// collect the events before it sends them. Hosts that buffer responses, such as Lambda in buffered mode, send all
/// events together when the response ends.
pub struct Sse<S> {
    stream: S,
    context: Context,
    keep_alive: Duration,
}

const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long before the deadline the response ends. The host needs this time to send the end of the response.
const MARGIN: Duration = Duration::from_secs(1);

const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const NO: HeaderValue = HeaderValue::from_static("no");

impl<S> Sse<S> {
    /// Sends the events of a stream. `context` is the [context](crate::RequestExt::context) of the request.
    pub fn new(context: Context, stream: S) -> Self {
        Self {
            stream,
            context,
            keep_alive: KEEP_ALIVE,
        }
    }

    /// Sets the time without events after which the response sends a comment. The default is 15 seconds.
    #[must_use]
    pub fn with_keep_alive(mut self, interval: Duration) -> Self {
        self.keep_alive = interval;
        self
    }
}

impl<S, E> IntoResponse for Sse<S>
where
    S: Stream<Item = Result<Event, E>> + Send + 'static,
    E: Into<BoxError> + 'static,
{
    fn into_response(self) -> Result<Response> {
        let mut response = Response::new(Body::from_stream(Events {
            stream: self.stream,
            draining: Box::pin(self.context.draining()),
            deadline: deadline(&self.context),
            keep_alive: None,
            interval: self.keep_alive,
            context: self.context,
        }));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, EVENT_STREAM);
        headers.insert(CACHE_CONTROL, NO_CACHE);
        headers.insert(X_ACCEL_BUFFERING, NO);
        Ok(response)
    }
}

/// A timer for the end of the response. `None` if the host has no deadline or no clock.
fn deadline(context: &Context) -> Option<Timer> {
    let left = context.deadline()?.duration_since(SystemTime::now());
    let left = left.unwrap_or_default();
    context.timer(left - MARGIN.min(left / 2))
}

pin_project_lite::pin_project! {
    /// The events as bytes, with the comments and the end of the response.
    struct Events<S> {
        #[pin]
        stream: S,
        draining: Pin<Box<dyn Future<Output = ()> + Send>>,
        deadline: Option<Timer>,
        // The timer for the next comment. Created when the stream is pending.
        keep_alive: Option<Timer>,
        interval: Duration,
        context: Context,
    }
}

impl<S, E> Stream for Events<S>
where
    S: Stream<Item = Result<Event, E>>,
    E: Into<BoxError>,
{
    type Item = Result<Bytes, BoxError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        let passed = |timer: &mut Timer| timer.as_mut().poll(cx).is_ready();
        // Checked before the stream is polled, because a stream that always has another event would never end.
        if this.deadline.as_mut().is_some_and(passed) || this.draining.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(None);
        }
        if let Poll::Ready(event) = this.stream.poll_next(cx) {
            *this.keep_alive = None;
            return Poll::Ready(event.map(|event| match event {
                Ok(event) => Ok(event.into()),
                Err(error) => Err(error.into()),
            }));
        }
        if this.keep_alive.is_none() {
            *this.keep_alive = this.context.timer(*this.interval);
        }
        match this.keep_alive {
            Some(timer) => ready!(timer.as_mut().poll(cx)),
            None => return Poll::Pending,
        }
        *this.keep_alive = None;
        Poll::Ready(Some(Ok(Bytes::from_static(b":\n\n"))))
    }
}

impl<S> fmt::Debug for Sse<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sse")
            .field("keep_alive", &self.keep_alive)
            .finish_non_exhaustive()
    }
}
