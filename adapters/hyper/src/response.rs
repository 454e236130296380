//! A [`Response`] as hyper's.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use anyhost_core::{Body, BoxError, Response};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::Sleep;

use crate::work::Work;

pub(crate) fn to_hyper(response: Response, work: Work) -> http::Response<Outgoing> {
    response.map(|body| Outgoing {
        body,
        failure: None,
        _work: work,
    })
}

/// How long a failing body waits before it says so.
const FLUSH: Duration = Duration::from_millis(20);

/// A body on its way out. When hyper lets go of it, the reply is out, and the work that waits for
/// that moment begins.
pub(crate) struct Outgoing {
    body: Body,
    failure: Option<(BoxError, Pin<Box<Sleep>>)>,
    _work: Work,
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.failure.is_none() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                // On an error hyper and h2 throw away what they have not written yet, the status
                // included. They have no way to tell when it is out, so they get a moment.
                Some(Err(failure)) => {
                    self.failure = Some((failure, Box::pin(tokio::time::sleep(FLUSH))));
                }
                frame => return Poll::Ready(frame),
            }
        }
        if let Some((_, flushed)) = &mut self.failure {
            ready!(flushed.as_mut().poll(cx));
        }
        Poll::Ready(self.failure.take().map(|(failure, _)| Err(failure)))
    }

    fn is_end_stream(&self) -> bool {
        self.failure.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
