//! A response that is sent while the handler produces it ("Response streaming for custom runtimes").
//!
//! The body of the POST is a JSON prelude with the status and the headers, eight NUL bytes, and the body of the
//! response. A later failure is reported in HTTP trailers, which is the only way to show the client that the
//! response was aborted.

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use anyhost_core::Body;
use anyhost_core::adapter::{Deadline, RequestInfo, log_aborted};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::{HeaderMap, HeaderValue};
use http_body::Frame;
use tokio::time::{Instant, sleep_until};

use crate::runtime::{ERROR_BODY, ERROR_TYPE};

const NULS: Bytes = Bytes::from_static(&[0; 8]);

/// The largest chunk that is passed to hyper, which buffers up to 16 chunks. The buffered chunks are sent before the
/// trailers: Lambda reads 2 MB/s ("Bandwidth limits for response streaming"), and the trailers have to arrive
/// within the margin before the deadline.
const CHUNK: usize = 8 * 1024;

/// "Bandwidth limits for response streaming": the bytes that Lambda reads at once, and then per second.
const BURST: u64 = 6 << 20;
const BANDWIDTH: u64 = 2 << 20;

/// The largest backlog of a response that is sent faster than Lambda reads, in bytes. The backlog is in the socket
/// buffer of the receiver. The kernel enlarges this buffer while the receiver reads fast: 2 to 20 MB were measured.
const MAX_BACKLOG: u64 = 32 << 20;

/// The deadline of a streamed response, shared by its body and the call that sends it, because hyper does not poll
/// the body while the API reads nothing.
#[derive(Clone)]
pub(crate) struct StreamDeadline(Arc<Shared>);

struct Shared {
    timer: Mutex<Deadline>,
    /// When the timer completes.
    end: Option<Instant>,
    info: RequestInfo,
    exceeded: AtomicBool,
    /// Whether the body has ended, so that only the response of the API is missing.
    ended: AtomicBool,
}

impl StreamDeadline {
    pub(super) fn new(deadline: Deadline, end: Option<Instant>, info: RequestInfo) -> Self {
        Self(Arc::new(Shared {
            end: end.filter(|_| !deadline.is_none()),
            timer: Mutex::new(deadline),
            info,
            exceeded: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        }))
    }

    /// Ready once the deadline has passed before the end of the body. The first call after the deadline logs that the
    /// response was aborted.
    fn poll_exceeded(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.exceeded.load(Ordering::Relaxed) {
            return Poll::Ready(());
        }
        if self.has_ended() {
            return Poll::Pending;
        }
        let mut timer = self.0.timer.lock().unwrap_or_else(PoisonError::into_inner);
        let exceeded = ready!(timer.poll_exceeded(cx));
        self.0.exceeded.store(true, Ordering::Relaxed);
        log_aborted(&self.0.info, &exceeded);
        // Both the body and the call have to notice that the deadline has passed.
        cx.waker().wake_by_ref();
        Poll::Ready(())
    }

    /// Lets the deadline pass now if Lambda needs the remaining time to read the bytes that were already sent.
    fn check_backlog(&self, backlog: Duration) {
        if self
            .0
            .end
            .is_some_and(|end| Instant::now() + backlog >= end)
        {
            let mut timer = self.0.timer.lock().unwrap_or_else(PoisonError::into_inner);
            *timer = Deadline::new(std::future::ready(()));
        }
    }

    fn has_ended(&self) -> bool {
        self.0.ended.load(Ordering::Relaxed)
    }

    /// Completes at the end of the invocation, if the deadline has passed before the end of the body. If the API
    /// reads nothing, the trailers may still be in hyper's buffer at that time.
    pub(super) async fn aborted_at(self, end: Option<Instant>) {
        poll_fn(|cx| self.poll_exceeded(cx)).await;
        match end {
            Some(end) => sleep_until(end).await,
            None => pending().await,
        }
    }
}

/// The body of a streaming `POST /invocation/response`.
pub(super) struct Streaming {
    prelude: Option<Bytes>,
    nuls_pending: bool,
    body: Body,
    /// The rest of the last frame.
    rest: Bytes,
    start: Instant,
    /// How many bytes of the body were sent.
    sent: u64,
    deadline: StreamDeadline,
}

impl Streaming {
    pub(super) fn new(prelude: Bytes, body: Body, deadline: StreamDeadline) -> Self {
        Self {
            prelude: Some(prelude),
            nuls_pending: true,
            body,
            rest: Bytes::new(),
            start: Instant::now(),
            sent: 0,
            deadline,
        }
    }

    /// The time that Lambda still needs to read the bytes that were sent.
    fn backlog(&self) -> Duration {
        let elapsed = self.start.elapsed().as_millis() as u64;
        let read = BURST + elapsed * BANDWIDTH / 1000;
        let backlog = self.sent.saturating_sub(read).min(MAX_BACKLOG);
        Duration::from_millis(backlog * 1000 / BANDWIDTH)
    }

    fn end(&mut self) {
        self.deadline.0.ended.store(true, Ordering::Relaxed);
    }

    fn fail(&mut self, kind: &'static str, message: &str) -> Frame<Bytes> {
        self.end();
        self.body = Body::empty();
        self.rest = Bytes::new();
        Frame::trailers(trailers(kind, message))
    }
}

fn trailers(kind: &'static str, message: &str) -> HeaderMap {
    let error = serde_json::json!({"errorMessage": message, "errorType": kind, "stackTrace": []});
    let mut trailers = HeaderMap::new();
    trailers.insert(ERROR_TYPE, HeaderValue::from_static(kind));
    if let Ok(body) = HeaderValue::try_from(BASE64.encode(error.to_string())) {
        trailers.insert(ERROR_BODY, body);
    }
    trailers
}

impl http_body::Body for Streaming {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(prelude) = self.prelude.take() {
            return Poll::Ready(Some(Ok(Frame::data(prelude))));
        }
        // A separate frame, because emulators expect the NUL bytes in a second write.
        if std::mem::take(&mut self.nuls_pending) {
            return Poll::Ready(Some(Ok(Frame::data(NULS))));
        }
        if self.deadline.has_ended() {
            return Poll::Ready(None);
        }
        self.deadline.check_backlog(self.backlog());
        if self.deadline.poll_exceeded(cx).is_ready() {
            let message = "The response was aborted at the deadline";
            return Poll::Ready(Some(Ok(self.fail("Runtime.Timeout", message))));
        }
        while self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(_) => {
                        tracing::debug!(
                            "dropping the trailers of a response, because Lambda cannot send them"
                        );
                    }
                },
                // The core has logged the error, whose details are not for the client.
                Some(Err(_)) => {
                    let trailers = self.fail("Runtime.StreamError", "The response was aborted");
                    return Poll::Ready(Some(Ok(trailers)));
                }
                None => {
                    self.end();
                    return Poll::Ready(None);
                }
            }
        }
        let length = self.rest.len().min(CHUNK);
        self.sent += length as u64;
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }
}
