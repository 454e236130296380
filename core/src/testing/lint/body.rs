//! A body that is counted as it goes by.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use super::Violation;
use crate::{Body, BoxError};

/// Whose body it is.
pub(super) enum Side {
    Request,
    Reply {
        /// Dropped with the body.
        _open: Arc<()>,
    },
}

/// Breaks off with a [`Violation`] when the body, or who polls it, breaks a rule.
pub(super) struct Watched {
    body: Body,
    length: Option<u64>,
    passed: u64,
    trailers: bool,
    ended: bool,
    side: Side,
}

impl Watched {
    pub(super) fn new(body: Body, declared: Option<u64>, side: Side) -> Self {
        Self {
            length: declared.or(body.size_hint().exact()),
            body,
            passed: 0,
            trailers: false,
            ended: false,
            side,
        }
    }

    /// Says which rule this frame breaks, if it breaks one.
    fn check(&mut self, frame: Option<&Frame<Bytes>>) -> Result<(), String> {
        let Some(frame) = frame else {
            return match self.length {
                Some(length) if self.passed < length => Err(format!(
                    "the body ended at {} of {length} bytes (RFC 9110 §8.6)",
                    self.passed
                )),
                _ => Ok(()),
            };
        };
        if self.trailers {
            return Err("the body goes on after its trailers (RFC 9112 §7.1.2)".to_owned());
        }
        self.trailers = frame.is_trailers();
        self.passed += frame.data_ref().map_or(0, |data| data.len() as u64);
        match self.length {
            Some(length) if self.passed > length => Err(format!(
                "the body has more than its {length} bytes (RFC 9110 §8.6)"
            )),
            _ => Ok(()),
        }
    }

    fn violation(&self, broken: impl std::fmt::Display) -> BoxError {
        match self.side {
            Side::Request => {
                let violation = Violation::request(broken);
                // To the reader it is a 400 like any other body that broke off.
                tracing::error!("{violation}");
                violation.into()
            }
            Side::Reply { .. } => Violation::reply(broken).into(),
        }
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
            return Poll::Ready(match self.side {
                // Handlers may read on: there is nothing more.
                Side::Request => None,
                Side::Reply { .. } => {
                    let broken = "the body is polled after its end (http_body::Body)";
                    Some(Err(self.violation(broken)))
                }
            });
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx)).transpose();
        let frame = frame.and_then(|frame| match self.check(frame.as_ref()) {
            Ok(()) => Ok(frame),
            Err(broken) => Err(self.violation(broken)),
        });
        self.ended = !matches!(frame, Ok(Some(_)));
        Poll::Ready(frame.transpose())
    }

    fn is_end_stream(&self) -> bool {
        let whole = self.length.is_none_or(|length| self.passed >= length);
        self.ended || (whole && self.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
