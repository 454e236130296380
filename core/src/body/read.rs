//! Reads a whole body into memory, up to a limit, and keeps the bytes so that the body can be read again.

use std::mem;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Frame, SizeHint};

use super::{Body, BoxBody, Other, Repr};
use crate::error::BoxError;

/// How many bytes are reserved at once for the declared rest of a body; the default limit of bodies.
const MAX_RESERVED: usize = 1 << 20;

/// The error if the whole body could not be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    TooLarge,
    Broken(BoxError),
}

/// A stream and the bytes that were already read from it.
///
/// These bytes are stored in the body and not in the future of the reader, so that no bytes are lost
/// when the future is dropped or when the reader stops at its limit.
pub(super) struct Partial {
    read: BytesMut,
    trailers: Option<Box<HeaderMap>>,
    rest: BoxBody,
    failed: bool,
}

impl Body {
    /// Reads the whole body, at most `limit` bytes, and keeps the bytes for the next reader.
    pub(crate) async fn read(&mut self, limit: u64) -> Result<Bytes, ReadError> {
        std::future::poll_fn(|cx| self.poll_read(cx, limit)).await
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, limit: u64) -> Poll<Result<Bytes, ReadError>> {
        if let Repr::Other(Other::Stream(stream)) = &mut self.0 {
            // Reject a declared length over the limit before any byte is read or stored.
            if stream.size_hint().lower() > limit {
                return Poll::Ready(Err(ReadError::TooLarge));
            }
            let first = ready!(stream.as_mut().poll_frame(cx));
            self.begin(first).map_err(ReadError::Broken)?;
        }
        if let Repr::Other(Other::Partial(partial)) = &mut self.0 {
            ready!(partial.poll_rest(cx, limit))?;
            let bytes = mem::take(&mut partial.read).freeze();
            self.0 = match partial.trailers.take() {
                None => Repr::Whole(bytes),
                Some(trailers) => Repr::Other(Other::WithTrailers(Box::new((bytes, *trailers)))),
            };
        }
        let bytes = match &self.0 {
            Repr::Whole(bytes) => Some(bytes),
            Repr::Other(Other::WithTrailers(whole)) => Some(&whole.0),
            Repr::Other(_) => None,
        };
        match bytes {
            Some(bytes) if bytes.len() as u64 <= limit => Poll::Ready(Ok(bytes.clone())),
            _ => Poll::Ready(Err(ReadError::TooLarge)),
        }
    }

    /// Stores the first frame of the stream without a copy, because most small bodies have only one
    /// frame.
    fn begin(&mut self, first: Option<Result<Frame<Bytes>, BoxError>>) -> Result<(), BoxError> {
        let Repr::Other(Other::Stream(rest)) = mem::take(self).0 else {
            return Ok(());
        };
        let Some(first) = first else { return Ok(()) };
        let only = rest.is_end_stream();
        let mut partial = Partial {
            read: BytesMut::new(),
            trailers: None,
            rest,
            failed: false,
        };
        let result = match first.map(Frame::into_data) {
            Ok(Ok(data)) if only => {
                self.0 = Repr::Whole(data);
                return Ok(());
            }
            Ok(frame) => {
                partial.take(frame);
                Ok(())
            }
            Err(error) => {
                partial.failed = true;
                Err(error)
            }
        };
        self.0 = Repr::Other(Other::Partial(Box::new(partial)));
        result
    }
}

impl Partial {
    fn poll_rest(&mut self, cx: &mut Context<'_>, limit: u64) -> Poll<Result<(), ReadError>> {
        loop {
            if self.size_hint().lower() > limit {
                return Poll::Ready(Err(ReadError::TooLarge));
            }
            match ready!(self.poll_inner(cx)) {
                None => return Poll::Ready(Ok(())),
                Some(Err(error)) => return Poll::Ready(Err(ReadError::Broken(error))),
                Some(Ok(frame)) => self.take(frame.into_data()),
            }
        }
    }

    fn take(&mut self, frame: Result<Bytes, Frame<Bytes>>) {
        match frame {
            Ok(data) => {
                if self.read.capacity() - self.read.len() < data.len() {
                    self.reserve(data.len());
                }
                self.read.extend_from_slice(&data);
            }
            Err(frame) => self.trailers = frame.into_trailers().ok().map(Box::new),
        }
    }

    /// Reserves memory for the next bytes, and for the rest of the body if its length is declared: a buffer that grows with
    /// each frame is copied several times. Memory that a client declares and does not send is never written, so the operating
    /// system does not provide it.
    fn reserve(&mut self, next: usize) {
        let declared = usize::try_from(self.rest.size_hint().lower()).unwrap_or(usize::MAX);
        self.read.reserve(next + declared.min(MAX_RESERVED));
    }

    /// Polls the stream. After an error, every call returns an error: otherwise the truncated body
    /// would look complete to the next reader, because most streams return `None` after an error.
    fn poll_inner(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.failed {
            return Poll::Ready(Some(Err("an earlier read of the body failed".into())));
        }
        let frame = ready!(self.rest.as_mut().poll_frame(cx));
        self.failed = matches!(frame, Some(Err(_)));
        Poll::Ready(frame)
    }

    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if !self.read.is_empty() {
            let read = mem::take(&mut self.read).freeze();
            return Poll::Ready(Some(Ok(Frame::data(read))));
        }
        match self.trailers.take() {
            Some(trailers) => Poll::Ready(Some(Ok(Frame::trailers(*trailers)))),
            None => self.poll_inner(cx),
        }
    }

    pub(super) fn is_end_stream(&self) -> bool {
        !self.failed && self.read.is_empty() && self.trailers.is_none() && self.rest.is_end_stream()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        let read = self.read.len() as u64;
        let rest = if self.failed {
            SizeHint::new()
        } else {
            self.rest.size_hint()
        };
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(read));
        if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(read)) {
            hint.set_upper(upper);
        }
        hint
    }
}
