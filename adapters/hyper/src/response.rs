//! A [`Response`] as hyper's.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use anyhost_core::{Body, BoxError, Response};
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::connection::Work;

pub(crate) fn to_hyper(response: Response, work: Work) -> http::Response<Outgoing> {
    response.map(|body| Outgoing {
        body,
        failure: None,
        _work: work,
    })
}

/// A body on its way out. When hyper lets go of it, the reply is out, and the work that waits for
/// that moment begins.
pub(crate) struct Outgoing {
    body: Body,
    failure: Option<BoxError>,
    _work: Work,
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(failure) = self.failure.take() {
            return Poll::Ready(Some(Err(failure)));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Err(failure)) = frame {
            // hyper closes the connection on an error and drops what it has not written yet, the
            // status included. One turn of waiting makes it write that first.
            self.failure = Some(failure);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.failure.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
