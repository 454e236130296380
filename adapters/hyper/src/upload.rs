//! A request's body on its way in.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhost_core::{BoxError, Error};
use bytes::Bytes;
use http::StatusCode;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

/// How long a body that nobody wants is read on, in all, and how long nothing may come of it. The same
/// times as nginx's `lingering_time` and `lingering_timeout`.
const TOTAL: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_secs(5);

/// How much longer a handler waits for a body than its bytes are worth at the rate.
const GRACE: Duration = Duration::from_secs(10);

/// A body that has to keep a pace, if there is a limit, and whose rest is thrown away if it is dropped
/// before its end.
///
/// hyper closes a connection on which a body is left. A client that is still writing would then get
/// a reset, which destroys the reply that it has not read yet: a 413, of all things (RFC 9112 §9.6).
pub(crate) struct Upload {
    incoming: Option<Incoming>,
    linger: Option<Handle>,
    pace: Option<Box<Pace>>,
}

impl Upload {
    /// `linger` is the runtime in which the rest is thrown away; `rate` is in bytes a second.
    pub(crate) fn new(incoming: Incoming, linger: Option<Handle>, rate: Option<u32>) -> Self {
        Self {
            incoming: Some(incoming),
            linger,
            pace: rate.map(|rate| Box::new(Pace::new(rate))),
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
        let Some(pace) = &mut this.pace else {
            return frame.map_err(Into::into);
        };
        match frame {
            Poll::Ready(frame) => {
                let data = frame
                    .as_ref()
                    .and_then(|frame| frame.as_ref().ok()?.data_ref());
                pace.came(data.map_or(0, Bytes::len));
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending if pace.is_lost(cx) => {
                // Nor is what is left of it worth waiting for.
                this.incoming = None;
                let slow = Error::new(StatusCode::REQUEST_TIMEOUT, "Request body too slow");
                Poll::Ready(Some(Err(slow.into_boxed())))
            }
            Poll::Pending => Poll::Pending,
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
        if let (Some(incoming), Some(runtime)) = (self.incoming.take(), &self.linger)
            && !incoming.is_end_stream()
        {
            runtime.spawn(timeout(TOTAL, discard(incoming)));
        }
    }
}

async fn discard(mut incoming: Incoming) {
    let mut incoming = Pin::new(&mut incoming);
    let mut next = async || poll_fn(|cx| incoming.as_mut().poll_frame(cx)).await;
    while let Ok(Some(Ok(_))) = timeout(IDLE, next()).await {}
}

/// How long a body may be waited for: what its bytes so far are worth at the rate, and the [`GRACE`]. Time
/// in which the handler does not ask for it does not count.
struct Pace {
    rate: u32,
    bytes: u64,
    waited: Duration,
    since: Option<Instant>,
    end: Pin<Box<Sleep>>,
}

impl Pace {
    fn new(rate: u32) -> Self {
        Self {
            rate: rate.max(1),
            bytes: 0,
            waited: Duration::ZERO,
            since: None,
            end: Box::pin(sleep_until(Instant::now())),
        }
    }

    fn came(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
        }
    }

    /// Whether it has been waited for too long; the task is woken when that is so.
    fn is_lost(&mut self, cx: &mut Context<'_>) -> bool {
        if self.since.is_none() {
            let now = Instant::now();
            let worth =
                Duration::from_millis(self.bytes.saturating_mul(1000) / u64::from(self.rate));
            let left = (worth + GRACE).saturating_sub(self.waited);
            self.since = Some(now);
            // A body of exabytes is worth more time than there is.
            let end = now
                .checked_add(left)
                .unwrap_or(now + Duration::from_secs(1 << 30));
            self.end.as_mut().reset(end);
        }
        self.end.as_mut().poll(cx).is_ready()
    }
}
