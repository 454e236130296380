//! The response that the client gets from a function that streams.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use anyhost_core::{Body, BoxError, Response};
use bytes::{Buf, Bytes, BytesMut};
use http_body::{Body as _, Frame};

use super::simulator::Simulator;
use crate::event::{Json, PRELUDE_LIMIT};
use crate::runtime::ERROR_TYPE;

/// "Lambda quotas": a longer response is aborted.
const STREAM_LIMIT: u64 = 200 * 1024 * 1024;

impl Simulator {
    /// The response that the client gets while the function sends this body to the Runtime API: a JSON prelude, eight
    /// NUL bytes, and the response's body. An error in the trailers, or a body of more than 200 MiB, aborts the
    /// response: reading its body then returns an error.
    ///
    /// A source that cannot [stream](crate::Source::can_stream) reads the whole body as JSON, which fails.
    pub async fn streamed_response(self, mut posted: Body) -> Response {
        let streams = self.source().can_stream();
        let mut read = BytesMut::new();
        loop {
            if streams {
                if let Some(nuls) = read.windows(8).position(|eight| eight == [0; 8]) {
                    let prelude = read.split_to(nuls);
                    read.advance(8);
                    return self.with_prelude(&prelude, read.freeze(), posted);
                }
                if read.len() > PRELUDE_LIMIT {
                    return self.failure();
                }
            }
            match poll_fn(|cx| Pin::new(&mut posted).poll_frame(cx)).await {
                Some(Ok(frame)) => read.extend_from_slice(frame.data_ref().map_or(&[], |d| d)),
                Some(Err(_)) => return self.failure(),
                None if streams => return self.failure(),
                None => return self.response(&read),
            }
        }
    }

    fn with_prelude(self, prelude: &[u8], first: Bytes, posted: Body) -> Response {
        let json = Json::parse_whole(prelude).ok();
        let Some(parts) = json.and_then(|json| self.head(&json)) else {
            return self.failure();
        };
        let body = StreamedBody {
            first: Some(first).filter(|first| !first.is_empty()),
            posted,
            remaining: STREAM_LIMIT,
        };
        self.check_headers(Response::from_parts(parts, Body::new(body)))
    }
}

/// The body of the response: the bytes after the eight NUL bytes in the body from the function.
struct StreamedBody {
    /// The bytes that were read together with the prelude.
    first: Option<Bytes>,
    posted: Body,
    remaining: u64,
}

impl http_body::Body for StreamedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = match self.first.take() {
            Some(first) => Some(Ok(Frame::data(first))),
            None => ready!(Pin::new(&mut self.posted).poll_frame(cx)),
        };
        let frame = match frame {
            Some(Ok(frame)) => frame,
            other => return Poll::Ready(other),
        };
        Poll::Ready(match frame.into_data() {
            Ok(data) => match self.remaining.checked_sub(data.len() as u64) {
                Some(remaining) => {
                    self.remaining = remaining;
                    Some(Ok(Frame::data(data)))
                }
                None => Some(Err("aborted: the response is too large to stream".into())),
            },
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                let error = trailers.get(ERROR_TYPE);
                error
                    .map(|error| Err(format!("aborted: the function failed with {error:?}").into()))
            }
        })
    }
}
