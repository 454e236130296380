//! Passes the body to the parser in small chunks, one at a time.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http_body::Body as _;

use crate::{Body, BoxError};

/// The maximum size of a chunk that is passed to the parser.
const MAX_CHUNK: usize = 16 * 1024;

/// The number of bytes that the parser may still read before it must find the end of the headers of a part.
#[derive(Clone)]
pub(super) struct Allowance(Arc<AtomicUsize>);

impl Allowance {
    pub(super) fn unlimited() -> Self {
        Self(Arc::new(AtomicUsize::new(usize::MAX)))
    }

    pub(super) fn set(&self, bytes: usize) {
        self.0.store(bytes, Ordering::Relaxed);
    }

    /// Whether `bytes` more bytes are allowed.
    fn take(&self, bytes: usize) -> bool {
        let subtract = |left: usize| match left {
            usize::MAX => Some(left),
            left => left.checked_sub(bytes),
        };
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, subtract)
            .is_ok()
    }
}

/// The body as the stream that multer reads.
///
/// multer polls its stream until the stream is pending, and buffers everything that it gets. With a fast client it would
/// hold the whole body in memory. Therefore this stream is pending once after each chunk.
pub(super) struct Chunks {
    body: Body,
    rest: Bytes,
    is_paused: bool,
    allowance: Allowance,
}

impl Chunks {
    pub(super) fn new(body: Body, allowance: Allowance) -> Self {
        Self {
            body,
            rest: Bytes::new(),
            is_paused: false,
            allowance,
        }
    }
}

impl Stream for Chunks {
    type Item = Result<Bytes, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.is_paused) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        while self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => self.rest = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        let length = self.rest.len().min(MAX_CHUNK);
        if !self.allowance.take(length) {
            return Poll::Ready(Some(Err(HeadersTooLarge.into())));
        }
        self.is_paused = true;
        Poll::Ready(Some(Ok(self.rest.split_to(length))))
    }
}

/// The headers of a part are too large.
#[derive(Debug)]
pub(super) struct HeadersTooLarge;

impl fmt::Display for HeadersTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the headers of a part are too large")
    }
}

impl std::error::Error for HeadersTooLarge {}
