//! The streamed body of a response, checked while it is sent.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use super::log;
use super::request_info::RequestInfo;
use crate::error::BoxError;
use crate::{Body, panic};

const TOO_LONG: &str = "the body is longer than its Content-Length";
const TOO_SHORT: &str = "the body ended before its Content-Length";

/// A streamed body whose length is compared with the declared length, and whose panics are caught. The first error
/// is logged and ends the body, so that the adapter can abort the response.
pub(super) struct CheckedBody {
    body: Body,
    /// The number of bytes that must still follow; `None` if no length was declared.
    remaining: Option<u64>,
    too_long: bool,
    ended: bool,
    info: RequestInfo,
}

impl CheckedBody {
    pub(super) fn new(body: Body, length: Option<u64>, info: RequestInfo) -> Self {
        Self {
            body,
            remaining: length,
            too_long: false,
            ended: false,
            info,
        }
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.too_long {
            return Poll::Ready(Some(Err(TOO_LONG.into())));
        }
        loop {
            let frame = match panic::catch(|| Pin::new(&mut self.body).poll_frame(cx)) {
                Ok(poll) => ready!(poll),
                Err(panic) => return Poll::Ready(Some(Err(panic.into()))),
            };
            return Poll::Ready(match frame {
                // Skip empty chunks: on the wire, an empty chunk ends a chunked body (RFC 9112 §7.1).
                Some(Ok(frame)) if frame.data_ref().is_some_and(Bytes::is_empty) => continue,
                Some(Ok(frame)) if frame.is_data() && self.remaining == Some(0) => {
                    Some(Err(TOO_LONG.into()))
                }
                Some(Ok(frame)) => Some(Ok(self.count(frame))),
                None if self.remaining.is_some_and(|remaining| remaining > 0) => {
                    Some(Err(TOO_SHORT.into()))
                }
                other => other,
            });
        }
    }

    /// Subtracts the length of a frame from the remaining length. A frame that is too long is truncated, and the
    /// next poll returns the error, so that the client gets all bytes that were declared.
    fn count(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        let (Some(remaining), Some(data)) = (&mut self.remaining, frame.data_ref()) else {
            return frame;
        };
        let most = usize::try_from(*remaining).unwrap_or(usize::MAX);
        self.too_long = data.len() > most;
        let data = data.slice(..data.len().min(most));
        *remaining -= data.len() as u64;
        Frame::data(data)
    }

    /// Drops the body, and catches a panic in its `Drop`.
    fn discard(&mut self) {
        let body = std::mem::take(&mut self.body);
        if let Err(panic) = panic::catch(|| drop(body)) {
            log::aborted(&self.info, &panic);
        }
    }
}

impl Drop for CheckedBody {
    fn drop(&mut self) {
        self.discard();
    }
}

impl http_body::Body for CheckedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let frame = ready!(self.poll_body(cx));
        if let Some(Err(error)) = &frame {
            log::aborted(&self.info, &**error);
        }
        if !matches!(frame, Some(Ok(_))) {
            self.ended = true;
            self.discard();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        let complete = self.remaining.is_none_or(|remaining| remaining == 0);
        self.ended || (complete && self.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        match self.remaining {
            Some(remaining) => SizeHint::with_exact(remaining),
            None => self.body.size_hint(),
        }
    }
}
