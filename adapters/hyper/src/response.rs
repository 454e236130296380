//! A [`Response`] as hyper's.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use anyhost_core::{Body, BoxError, Response};
use bytes::Bytes;
use http::StatusCode;
use http::header::{CONNECTION, HeaderValue};
use http_body::{Body as _, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use crate::shutdown::Phase;
use crate::work::Work;

/// `deadline` is when the reply is cut that is not out by then.
pub(crate) fn to_hyper(
    response: Response,
    mut work: Work,
    deadline: Option<Instant>,
) -> http::Response<Outgoing> {
    let (mut parts, body) = response.into_parts();
    work.status(parts.status);
    // Whoever asks while we drain is told to ask elsewhere next. HTTP/2 has its own way to say so.
    let closes = work.link.shared.life.phase() != Phase::Serving && !work.is_stream();
    if closes && parts.status != StatusCode::SWITCHING_PROTOCOLS {
        let close = HeaderValue::from_static("close");
        parts.headers.insert(CONNECTION, close);
    }
    let ending = match deadline {
        Some(deadline) => Ending::At(Box::pin(sleep_until(deadline))),
        None => Ending::Open,
    };
    http::Response::from_parts(parts, Outgoing { body, work, ending })
}

/// How long a failing body waits before it says so.
const FLUSH: Duration = Duration::from_millis(20);

/// A body on its way out. When hyper lets go of it, the reply is out, and the work that waits for
/// that moment begins.
pub(crate) struct Outgoing {
    body: Body,
    work: Work,
    ending: Ending,
}

/// How a body ends that does not come to its own end.
enum Ending {
    Open,
    At(Pin<Box<Sleep>>),
    Failed(BoxError, Pin<Box<Sleep>>),
}

impl Outgoing {
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Ending::At(deadline) = &mut self.ending
            && deadline.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Some(Err("the request took too long".into())));
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if !matches!(self.ending, Ending::Failed(..)) {
            match ready!(self.poll_body(cx)) {
                // On an error hyper and h2 throw away what they have not written yet, the status
                // included. They have no way to tell when it is out, so they get a moment.
                Some(Err(failure)) => {
                    self.work.cut();
                    self.ending = Ending::Failed(failure, Box::pin(sleep(FLUSH)));
                }
                frame => {
                    if let Some(Ok(frame)) = &frame {
                        self.work.sent(frame.data_ref().map_or(0, Bytes::len));
                    }
                    return Poll::Ready(frame);
                }
            }
        }
        let Ending::Failed(_, flushed) = &mut self.ending else {
            return Poll::Ready(None);
        };
        ready!(flushed.as_mut().poll(cx));
        match std::mem::replace(&mut self.ending, Ending::Open) {
            Ending::Failed(failure, _) => Poll::Ready(Some(Err(failure))),
            _ => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        !matches!(self.ending, Ending::Failed(..)) && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        // hyper asks no more once it has all of a known length.
        let whole = self.body.is_end_stream() || self.body.size_hint().exact() == Some(0);
        if !whole {
            self.work.cut();
        }
    }
}
