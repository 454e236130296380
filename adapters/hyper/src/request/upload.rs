//! A request body while the client sends it.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhost_core::{BoxError, Error};
use bytes::Bytes;
use http::StatusCode;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use crate::timeouts::Activity;

/// The maximum time for which an unread body is read and discarded: in total, and without receiving any bytes. These
/// are the defaults of nginx's `lingering_time` and `lingering_timeout`.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
const DRAIN_IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a handler waits for a body in addition to the time that the minimum rate allows.
const RATE_GRACE: Duration = Duration::from_secs(10);

/// A request body that enforces the minimum rate. If the body is dropped before its end, the rest is read and
/// discarded.
///
/// hyper closes a connection whose request body was not read. The kernel then resets the connection of a
/// client that is still sending, and a reset discards the response that the client has not read yet, such as a 413 (RFC 9112 §9.6).
pub(super) struct Upload {
    incoming: Option<Incoming>,
    activity: Arc<Activity>,
    /// The number of the request on its connection.
    request: u32,
    drain_on: Option<Handle>,
    rate: Option<Box<RateLimit>>,
}

impl Upload {
    /// `drain_on` is the runtime that discards the rest of the body; `min_rate` is in bytes per second.
    pub(super) fn new(
        incoming: Incoming,
        activity: Arc<Activity>,
        request: u32,
        drain_on: Option<Handle>,
        min_rate: Option<u32>,
    ) -> Self {
        Self {
            incoming: Some(incoming),
            activity,
            request,
            drain_on,
            rate: min_rate.map(|rate| Box::new(RateLimit::new(rate))),
        }
    }
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let Some(incoming) = &mut this.incoming else {
            return Poll::Ready(None);
        };
        let frame = Pin::new(incoming).poll_frame(cx);
        if let Poll::Ready(None) = frame {
            this.activity.mark_chunked_body_ended(this.request);
        }
        let Some(rate) = &mut this.rate else {
            return frame.map_err(Into::into);
        };
        match frame {
            Poll::Ready(frame) => {
                let data = frame
                    .as_ref()
                    .and_then(|frame| frame.as_ref().ok()?.data_ref());
                rate.add_bytes(data.map_or(0, Bytes::len));
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => {
                if rate.poll_too_slow(cx).is_pending() {
                    return Poll::Pending;
                }
                // Dropped here, so that the rest of the body is not read. The client would send the rest just as
                // slowly.
                this.incoming = None;
                let error = Error::new(StatusCode::REQUEST_TIMEOUT, "Request body too slow");
                Poll::Ready(Some(Err(error.into_boxed())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming
            .as_ref()
            .map_or_else(SizeHint::new, Incoming::size_hint)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        match (self.incoming.take(), &self.drain_on) {
            (Some(incoming), Some(runtime)) if !incoming.is_end_stream() => {
                let (activity, request) = (self.activity.clone(), self.request);
                runtime.spawn(async move {
                    let _ = timeout(DRAIN_TIMEOUT, drain(incoming)).await;
                    activity.mark_chunked_body_ended(request);
                });
            }
            _ => self.activity.mark_chunked_body_ended(self.request),
        }
    }
}

async fn drain(mut incoming: Incoming) {
    let mut incoming = Pin::new(&mut incoming);
    let mut next = async || poll_fn(|cx| incoming.as_mut().poll_frame(cx)).await;
    while let Ok(Some(Ok(_))) = timeout(DRAIN_IDLE_TIMEOUT, next()).await {}
}

/// Measures the average rate of a body. Only the time in which the handler waits for the body is measured, so a slow
/// handler does not make its client look slow.
struct RateLimit {
    bytes_per_second: u32,
    bytes: u64,
    /// The time that the handler has waited, without the current wait.
    waited: Duration,
    /// The start of the current wait.
    waiting_since: Option<Instant>,
    timer: Pin<Box<Sleep>>,
}

impl RateLimit {
    fn new(bytes_per_second: u32) -> Self {
        Self {
            bytes_per_second: bytes_per_second.max(1),
            bytes: 0,
            waited: Duration::ZERO,
            waiting_since: None,
            timer: Box::pin(sleep_until(Instant::now())),
        }
    }

    /// Records bytes that arrived, which ends the current wait.
    fn add_bytes(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        if let Some(since) = self.waiting_since.take() {
            self.waited += since.elapsed();
        }
    }

    /// Starts a wait unless a wait is running. Ready once the handler has waited for longer than the number of bytes so
    /// far allows.
    fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.waiting_since.is_none() {
            let now = Instant::now();
            let milliseconds = self.bytes.saturating_mul(1000) / u64::from(self.bytes_per_second);
            let allowed = Duration::from_millis(milliseconds) + RATE_GRACE;
            self.waiting_since = Some(now);
            // For a body of exabytes, the sum would overflow.
            let end = now
                .checked_add(allowed.saturating_sub(self.waited))
                .unwrap_or(now + Duration::from_secs(1 << 30));
            self.timer.as_mut().reset(end);
        }
        self.timer.as_mut().poll(cx)
    }
}
