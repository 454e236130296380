//! A reply that is posted while it is made, as the client gets it.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use anyhost_core::{Body, BoxError, Response};
use bytes::{Buf, Bytes, BytesMut};
use http_body::{Body as _, Frame};

use super::FrontDoor;
use crate::event::Json;
use crate::stream::ERROR_TYPE;

/// Where a REST API gives up looking for the end of the prelude.
const PRELUDE_LIMIT: usize = 16 * 1024;

/// What is beyond it is cut off ("Lambda quotas").
const STREAM_LIMIT: u64 = 200 * 1024 * 1024;

impl FrontDoor {
    /// The reply that the client gets while the function posts this: a prelude of JSON, eight NULs, and
    /// the body. An error in the trailers, or a body of more than 200 MiB, cuts the reply: its body ends
    /// with an error.
    ///
    /// A front door that does not [stream](Self::streams) takes all of it for its JSON, which it is not.
    pub async fn streamed(self, mut posted: Body) -> Response {
        let mut read = BytesMut::new();
        loop {
            if self.streams() {
                if let Some(nuls) = read.windows(8).position(|eight| eight == [0; 8]) {
                    let prelude = read.split_to(nuls);
                    read.advance(8);
                    return self.with_prelude(&prelude, read.freeze(), posted);
                }
                if read.len() > PRELUDE_LIMIT {
                    return self.failed();
                }
            }
            match poll_fn(|cx| Pin::new(&mut posted).poll_frame(cx)).await {
                Some(Ok(frame)) => read.extend_from_slice(frame.data_ref().map_or(&[], |d| d)),
                Some(Err(_)) => return self.failed(),
                None if self.streams() => return self.failed(),
                None => return self.reply(&read),
            }
        }
    }

    fn with_prelude(self, prelude: &[u8], first: Bytes, posted: Body) -> Response {
        let json = Json::parse_whole(prelude).ok();
        let Some(parts) = json.and_then(|json| self.head(&json)) else {
            return self.failed();
        };
        let rest = Rest {
            first: Some(first).filter(|first| !first.is_empty()),
            posted,
            left: STREAM_LIMIT,
        };
        self.admit(Response::from_parts(parts, Body::new(rest)))
    }
}

/// What comes after the NULs.
struct Rest {
    first: Option<Bytes>,
    posted: Body,
    left: u64,
}

impl http_body::Body for Rest {
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
            Ok(data) => match self.left.checked_sub(data.len() as u64) {
                Some(left) => {
                    self.left = left;
                    Some(Ok(Frame::data(data)))
                }
                None => Some(Err("cut: the reply is more than Lambda streams".into())),
            },
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                let error = trailers.get(ERROR_TYPE);
                error.map(|error| Err(format!("cut: the function failed with {error:?}").into()))
            }
        })
    }
}
