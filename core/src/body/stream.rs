//! Converts streams and other body types to the data and error types of `Body`.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures_core::Stream;
use http_body::{Frame, SizeHint};

use crate::error::BoxError;

pin_project_lite::pin_project! {
    /// A [`Stream`] as an [`http_body::Body`] that ends at its first error.
    pub(super) struct Chunks<S> {
        #[pin]
        stream: S,
        ended: bool,
    }
}

impl<S> Chunks<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            ended: false,
        }
    }
}

impl<S, T, E> http_body::Body for Chunks<S>
where
    S: Stream<Item = Result<T, E>>,
    T: Into<Bytes>,
    E: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.project();
        if *this.ended {
            return Poll::Ready(None);
        }
        let chunk = ready!(this.stream.poll_next(cx));
        *this.ended = !matches!(chunk, Some(Ok(_)));
        Poll::Ready(chunk.map(|chunk| match chunk {
            Ok(data) => Ok(Frame::data(data.into())),
            Err(error) => Err(error.into()),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}

pin_project_lite::pin_project! {
    /// Any body, with its data converted to `Bytes`. Used instead of http-body-util's `map_frame`,
    /// because `map_frame` discards the size hint, which is needed for Content-Length.
    pub(super) struct Foreign<B> {
        #[pin]
        body: B,
    }
}

impl<B> Foreign<B> {
    pub(super) fn new(body: B) -> Self {
        Self { body }
    }
}

impl<B> http_body::Body for Foreign<B>
where
    B: http_body::Body,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(self.project().body.poll_frame(cx));
        let bytes = |mut data: B::Data| data.copy_to_bytes(data.remaining());
        Poll::Ready(frame.map(|frame| match frame {
            Ok(frame) => Ok(frame.map_data(bytes)),
            Err(error) => Err(error.into()),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
