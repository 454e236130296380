//! Counts the bytes of a body while it is read.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use super::Violation;
use crate::{Body, BoxError};

/// The message that the body belongs to.
pub(super) enum Side {
    Request,
    Response {
        /// Counts this body in [`Lint::open_bodies`](super::Lint::open_bodies) until it is dropped.
        _open: Arc<()>,
    },
}

/// A body that ends with a [`Violation`] if the body or its reader breaks a rule.
pub(super) struct Counted {
    body: Body,
    length: Option<u64>,
    received: u64,
    has_trailers: bool,
    has_ended: bool,
    side: Side,
}

impl Counted {
    pub(super) fn new(body: Body, declared: Option<u64>, side: Side) -> Self {
        Self {
            length: declared.or(body.size_hint().exact()),
            body,
            received: 0,
            has_trailers: false,
            has_ended: false,
            side,
        }
    }

    /// Counts this frame, and returns the rule that it breaks.
    fn check(&mut self, frame: Option<&Frame<Bytes>>) -> Result<(), String> {
        let Some(frame) = frame else {
            return match self.length {
                Some(length) if self.received < length => Err(format!(
                    "the body ended after {} of {length} bytes (RFC 9110 §8.6)",
                    self.received
                )),
                _ => Ok(()),
            };
        };
        if self.has_trailers {
            return Err("a frame follows the trailers (RFC 9112 §7.1.2)".to_owned());
        }
        self.has_trailers = frame.is_trailers();
        self.received += frame.data_ref().map_or(0, |data| data.len() as u64);
        match self.length {
            Some(length) if self.received > length => Err(format!(
                "the body exceeds its declared length of {length} bytes (RFC 9110 §8.6)"
            )),
            _ => Ok(()),
        }
    }

    fn violation(&self, broken: impl std::fmt::Display) -> BoxError {
        match self.side {
            Side::Request => {
                let violation = Violation::request(broken);
                // The handler gets the same 400 error as for a body that the client aborted. A 400 is logged only at
                // level `debug`, so log the violation here.
                tracing::error!(%violation, "the request body from the host is invalid");
                violation.into()
            }
            Side::Response { .. } => Violation::response(broken).into(),
        }
    }
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.has_ended {
            return Poll::Ready(match self.side {
                // A handler may read the request body again after its end.
                Side::Request => None,
                Side::Response { .. } => {
                    let broken = "the host polled the body after its end (http_body::Body)";
                    Some(Err(self.violation(broken)))
                }
            });
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx)).transpose();
        let frame = frame.and_then(|frame| match self.check(frame.as_ref()) {
            Ok(()) => Ok(frame),
            Err(broken) => Err(self.violation(broken)),
        });
        self.has_ended = !matches!(frame, Ok(Some(_)));
        Poll::Ready(frame.transpose())
    }

    fn is_end_stream(&self) -> bool {
        let whole = self.length.is_none_or(|length| self.received >= length);
        self.has_ended || (whole && self.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
