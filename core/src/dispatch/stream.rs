//! A streaming reply on its way out.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use super::panic;
use super::request::Seen;
use crate::Body;
use crate::error::{BoxError, Chain};

const OVERLONG: &str = "the body is longer than its Content-Length";

/// Watches a streaming body: it keeps to its declared length, a panic in it is an error, and its
/// first error is logged and is its end.
pub(super) struct Watched {
    body: Body,
    remaining: Option<u64>,
    overlong: bool,
    ended: bool,
    seen: Seen,
}

impl Watched {
    pub(super) fn new(body: Body, length: Option<u64>, seen: Seen) -> Self {
        Self {
            body,
            remaining: length,
            overlong: false,
            ended: false,
            seen,
        }
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.overlong {
            return Poll::Ready(Some(Err(OVERLONG.into())));
        }
        loop {
            let frame = match panic::catch(|| Pin::new(&mut self.body).poll_frame(cx)) {
                Ok(poll) => ready!(poll),
                Err(panic) => return Poll::Ready(Some(Err(panic.into()))),
            };
            return Poll::Ready(match frame {
                // An empty piece means nothing, and would end a chunked body on the wire.
                Some(Ok(frame)) if frame.data_ref().is_some_and(Bytes::is_empty) => continue,
                Some(Ok(_)) if self.remaining == Some(0) => Some(Err(OVERLONG.into())),
                Some(Ok(frame)) => Some(Ok(self.count(frame))),
                None if self.remaining.is_some_and(|remaining| remaining > 0) => {
                    Some(Err("the body ended before its Content-Length".into()))
                }
                other => other,
            });
        }
    }

    /// Keeps to the declared length: what is beyond it is an error, once all that was declared is out.
    fn count(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        let (Some(remaining), Some(data)) = (&mut self.remaining, frame.data_ref()) else {
            return frame;
        };
        let most = usize::try_from(*remaining).unwrap_or(usize::MAX);
        self.overlong = data.len() > most;
        let data = data.slice(..data.len().min(most));
        *remaining -= data.len() as u64;
        Frame::data(data)
    }

    /// Lets go of the body, which may panic at that.
    fn discard(&mut self) {
        let body = std::mem::take(&mut self.body);
        if let Err(panic) = panic::catch(|| drop(body)) {
            self.log(&panic.into());
        }
    }

    fn log(&self, error: &BoxError) {
        let (method, path) = (&self.seen.method, self.seen.path());
        let request_id = self.seen.context.request_id();
        let chain = Chain(Some(error.as_ref()));
        tracing::error!(%method, path, request_id, "reply cut: {chain}");
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.discard();
    }
}

impl http_body::Body for Watched {
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
            self.log(error);
        }
        if !matches!(frame, Some(Ok(_))) {
            self.ended = true;
            self.discard();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.ended || (self.remaining.is_none_or(|left| left == 0) && self.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        match self.remaining {
            Some(remaining) => SizeHint::with_exact(remaining),
            None => self.body.size_hint(),
        }
    }
}
