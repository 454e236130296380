//! The body type of requests and responses: bytes in memory, or a stream.

mod read;
mod stream;

use std::any::Any;
use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};

use crate::error::BoxError;

pub(crate) use read::ReadError;

type BoxBody = Pin<Box<dyn http_body::Body<Data = Bytes, Error = BoxError> + Send>>;

/// The body of a request or response.
///
/// A body that is in memory needs no allocation besides its bytes. A stream needs one allocation.
/// A handler can return the body of its request without reading the body first:
/// `Ok(request.into_body())` forwards each frame as soon as the frame arrives.
///
/// ```
/// use anyhost_core::Body;
///
/// let body = Body::from("Hello, world!");
/// assert_eq!(http_body::Body::size_hint(&body).exact(), Some(13));
/// ```
pub struct Body(Repr);

// Requests and responses are moved often, so a body should be small. With two enums, the outer enum needs no space for a
// tag: a body is as small as its `Bytes`, and a request has 256 bytes, which `memcpy` copies without a loop.
enum Repr {
    /// All bytes of a body without trailers.
    Whole(Bytes),
    Other(Other),
}

enum Other {
    Stream(BoxBody),
    /// A stream of which a reader has already read a part.
    Partial(Box<read::Partial>),
    /// All bytes of a body, and its trailers.
    WithTrailers(Box<(Bytes, HeaderMap)>),
}

impl Body {
    /// Creates an empty body.
    pub const fn empty() -> Self {
        Self(Repr::Whole(Bytes::new()))
    }

    /// Wraps any [`http_body::Body`]. A `Body` is returned unchanged.
    pub fn new<B>(body: B) -> Self
    where
        B: http_body::Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        // A second box would add a virtual call to each frame.
        let mut slot = Some(body);
        if let Some(same) = (&mut slot as &mut dyn Any).downcast_mut::<Option<Self>>() {
            return same.take().unwrap_or_default();
        }
        match slot {
            Some(body) if !body.is_end_stream() => Self::boxed(stream::Foreign::new(body)),
            _ => Self::empty(),
        }
    }

    /// Creates a body of unknown length from a stream of chunks.
    ///
    /// An error from the stream ends the body. The host then aborts the response, so that the
    /// client does not treat it as complete: an HTTP/1 server closes the connection before the end
    /// of the body, and an HTTP/2 server resets the stream.
    ///
    /// ```
    /// use anyhost_core::Body;
    /// use futures_util::stream;
    ///
    /// let chunks = stream::iter(["one ", "two"].map(Ok::<_, std::io::Error>));
    /// let body = Body::from_stream(chunks);
    /// ```
    pub fn from_stream<S, T, E>(stream: S) -> Self
    where
        S: Stream<Item = Result<T, E>> + Send + 'static,
        T: Into<Bytes> + 'static,
        E: Into<BoxError> + 'static,
    {
        Self::boxed(stream::Chunks::new(stream))
    }

    /// Wraps a body whose data and error types need no conversion.
    pub(crate) fn boxed<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes, Error = BoxError> + Send + 'static,
    {
        Self(Repr::Other(Other::Stream(Box::pin(body))))
    }

    /// Returns the bytes if the whole body is in memory and has no trailers.
    #[doc(hidden)]
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match &self.0 {
            Repr::Whole(bytes) => Some(bytes),
            Repr::Other(_) => None,
        }
    }

    /// Returns the next chunk, or `None` at the end. Skips empty chunks and trailers.
    pub(crate) async fn chunk(&mut self) -> Option<Result<Bytes, BoxError>> {
        loop {
            let frame = poll_fn(|cx| Pin::new(&mut *self).poll_frame(cx)).await;
            let frame = match frame? {
                Ok(frame) => frame,
                Err(error) => return Some(Err(error)),
            };
            match frame.into_data() {
                Ok(data) if !data.is_empty() => return Some(Ok(data)),
                _ => {}
            }
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.0 {
            Repr::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Repr::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(mem::take(bytes))))),
            Repr::Other(Other::Stream(stream)) => stream.as_mut().poll_frame(cx),
            Repr::Other(Other::Partial(partial)) => partial.poll_frame(cx),
            Repr::Other(Other::WithTrailers(whole)) => {
                let (bytes, trailers) = &mut **whole;
                if !bytes.is_empty() {
                    return Poll::Ready(Some(Ok(Frame::data(mem::take(bytes)))));
                }
                let trailers = mem::take(trailers);
                *self = Self::empty();
                Poll::Ready(Some(Ok(Frame::trailers(trailers))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Repr::Whole(bytes) => bytes.is_empty(),
            Repr::Other(Other::Stream(stream)) => stream.is_end_stream(),
            Repr::Other(Other::Partial(partial)) => partial.is_end_stream(),
            Repr::Other(Other::WithTrailers(_)) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Repr::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Repr::Other(Other::Stream(stream)) => stream.size_hint(),
            Repr::Other(Other::Partial(partial)) => partial.size_hint(),
            Repr::Other(Other::WithTrailers(whole)) => SizeHint::with_exact(whole.0.len() as u64),
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Whole(bytes) => f.debug_tuple("Body").field(&bytes.len()).finish(),
            Repr::Other(_) => f.write_str("Body(..)"),
        }
    }
}

macro_rules! from_bytes {
    ($($type:ty),*) => {$(
        impl From<$type> for Body {
            fn from(value: $type) -> Self {
                Self(Repr::Whole(Bytes::from(value)))
            }
        }
    )*};
}

from_bytes!(Bytes, &'static str, String, &'static [u8], Vec<u8>);

impl From<()> for Body {
    fn from((): ()) -> Self {
        Self::empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_as_small_as_its_bytes() {
        assert_eq!(size_of::<Body>(), size_of::<Bytes>());
    }
}
