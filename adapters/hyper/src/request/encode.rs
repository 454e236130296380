//! Converts a [`Response`] into hyper's response.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use anyhost_core::adapter::{Deadline, Exchanged, RequestInfo, log_aborted};
use anyhost_core::{Body, BoxError, Response};
use bytes::Bytes;
use http::header::{CONNECTION, HeaderName, HeaderValue};
use http::{StatusCode, Version};
use http_body::{Body as _, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::in_flight::InFlight;
use crate::state::Phase;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Encodes the response of an exchange.
pub(super) fn response(exchanged: Exchanged, in_flight: InFlight) -> http::Response<ResponseBody> {
    // hyper takes a short body as soon as it has written the head, so that only the timeout thread can end the response.
    let bytes = exchanged.response.body().as_bytes();
    let is_short = bytes.is_some_and(|bytes| bytes.len() <= MAX_CHUNK);
    let ending = match exchanged.deadline.is_none() || is_short {
        true => Ending::Open,
        false => Ending::Deadline(Box::new((exchanged.deadline, exchanged.info))),
    };
    encode(exchanged.response, in_flight, ending)
}

/// Encodes a response that the server made without the handler.
pub(super) fn own_response(
    response: Response,
    in_flight: InFlight,
) -> http::Response<ResponseBody> {
    encode(response, in_flight, Ending::Open)
}

fn encode(
    response: Response,
    mut in_flight: InFlight,
    ending: Ending,
) -> http::Response<ResponseBody> {
    let (mut parts, body) = response.into_parts();
    in_flight.set_status(parts.status);
    // While the server drains, `Connection: close` makes the client use another connection for its next request. HTTP/2
    // sends GOAWAY instead.
    let draining = in_flight.connection.shared.state.phase() >= Phase::Draining;
    let upgraded = parts.status == StatusCode::SWITCHING_PROTOCOLS;
    let activity = in_flight.connection.registration.activity();
    if upgraded {
        activity.set_upgraded();
    }
    // HTTP/1.0 has no chunked coding, so a body of unknown length ends when the connection closes (RFC 9112 §6.3).
    // hyper would announce that the connection stays open.
    let ends_by_close = in_flight.is_http_1_0() && !upgraded && body.size_hint().exact().is_none();
    if ends_by_close {
        activity.set_ends_by_close();
    }
    if (draining || ends_by_close) && !in_flight.is_stream() && !upgraded {
        let close = HeaderValue::from_static("close");
        parts.headers.insert(CONNECTION, close);
    }
    // The handler can also have set `Connection: close`.
    if in_flight.is_http_1_0() && parts.headers.contains_key(CONNECTION) {
        // With another version, hyper would replace the header by `keep-alive`.
        parts.version = Version::HTTP_10;
    }
    if in_flight.is_connect() && parts.status.is_success() {
        activity.set_upgraded_stream();
    }
    if in_flight.connection.shared.config.options.request_id
        && let Some(id) = in_flight.context.request_id()
        && let Ok(id) = HeaderValue::from_str(id)
    {
        parts.headers.entry(REQUEST_ID).or_insert(id);
    }
    let body = ResponseBody {
        body,
        next: None,
        complete: false,
        in_flight,
        ending,
    };
    http::Response::from_parts(parts, body)
}

/// How long a failed body waits before it returns its error to hyper.
const FLUSH_TIME: Duration = Duration::from_millis(20);

/// The maximum size of a chunk that is passed to hyper.
///
/// hyper drops a body after it has taken the last chunk, and takes a chunk when the earlier chunks are nearly written.
/// If a response were one chunk, hyper would drop the body, which ends the request, long before the client has the
/// response.
const MAX_CHUNK: usize = 64 * 1024;

/// Small chunks that are ready at the same time are joined into chunks of at most this number of bytes, because hyper
/// writes each chunk as three buffers, and in HTTP/2 as a separate frame.
const MAX_JOINED: usize = 4096;

/// A response body for hyper. hyper drops the body once its rest fits into hyper's buffers, or when the client has
/// disconnected. Dropping the body ends the request.
pub(crate) struct ResponseBody {
    body: Body,
    /// The rest of a chunk that was larger than [`MAX_CHUNK`], or what followed the chunks that were joined. Boxed,
    /// because hyper copies this value several times.
    next: Option<Box<Result<Frame<Bytes>, BoxError>>>,
    /// Whether hyper has taken the last frame.
    complete: bool,
    in_flight: InFlight,
    ending: Ending,
}

/// Whether and why a body ends early.
enum Ending {
    Open,
    Deadline(Box<(Deadline, RequestInfo)>),
    Failed(Box<(BoxError, Pin<Box<Sleep>>)>),
}

impl ResponseBody {
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        // The deadline is checked before the body is polled, because a body that always has another chunk ready would
        // otherwise never end.
        if let Ending::Deadline(limit) = &mut self.ending
            && let Poll::Ready(exceeded) = limit.0.poll_exceeded(cx)
        {
            log_aborted(&limit.1, &exceeded);
            return Poll::Ready(Some(Err(exceeded.into())));
        }
        let mut frame = match self.next.take() {
            None => ready!(Pin::new(&mut self.body).poll_frame(cx)),
            Some(next) => Some(*next),
        };
        if let Some(Ok(frame)) = &mut frame
            && let Some(data) = frame.data_mut()
        {
            if data.len() > MAX_CHUNK {
                let rest = data.split_off(MAX_CHUNK);
                self.next = Some(Box::new(Ok(Frame::data(rest))));
            } else if data.len() < MAX_JOINED && !self.body.is_end_stream() {
                self.join(data, cx);
            }
        }
        Poll::Ready(frame)
    }

    /// Appends the small chunks that are ready to `first`.
    fn join(&mut self, first: &mut Bytes, cx: &mut Context<'_>) {
        let mut joined = Vec::new();
        while let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            let Some(frame) = frame else {
                self.complete = true;
                break;
            };
            let data = frame.as_ref().ok().and_then(Frame::data_ref);
            // Not an empty chunk, because a body could return empty chunks forever.
            let lengths = 1..=MAX_JOINED - first.len() - joined.len();
            let Some(data) = data.filter(|data| lengths.contains(&data.len())) else {
                self.next = Some(Box::new(frame));
                break;
            };
            if joined.is_empty() {
                joined.reserve(MAX_JOINED);
                joined.extend_from_slice(&std::mem::take(first));
            }
            joined.extend_from_slice(data);
        }
        if !joined.is_empty() {
            *first = joined.into();
        }
    }
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.complete {
            return Poll::Ready(None);
        }
        if !matches!(self.ending, Ending::Failed(..)) {
            match ready!(self.poll_body(cx)) {
                // On an error, hyper and h2 discard the bytes that they have not written yet, including the head.
                // Neither reports when the bytes are written, so the error is delayed.
                Some(Err(error)) => {
                    self.in_flight.set_aborted();
                    self.ending = Ending::Failed(Box::new((error, Box::pin(sleep(FLUSH_TIME)))));
                }
                frame => {
                    match frame.as_ref().and_then(|frame| frame.as_ref().ok()) {
                        Some(frame) => match frame.data_ref() {
                            Some(data) => self.in_flight.add_bytes(data.len()),
                            // hyper does not poll a body again after its trailers.
                            None => self.complete = frame.is_trailers(),
                        },
                        None => self.complete = true,
                    }
                    return Poll::Ready(frame);
                }
            }
        }
        let Ending::Failed(failed) = &mut self.ending else {
            return Poll::Ready(None);
        };
        ready!(failed.1.as_mut().poll(cx));
        match std::mem::replace(&mut self.ending, Ending::Open) {
            Ending::Failed(failed) => Poll::Ready(Some(Err(failed.0))),
            _ => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        !matches!(self.ending, Ending::Failed(..))
            && self.next.is_none()
            && (self.complete || self.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let body = self.body.size_hint();
        let next = self
            .next
            .as_ref()
            .and_then(|next| next.as_ref().as_ref().ok()?.data_ref());
        let Some(next) = next else {
            return body;
        };
        let next = next.len() as u64;
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower().saturating_add(next));
        if let Some(upper) = body.upper() {
            hint.set_upper(upper.saturating_add(next));
        }
        hint
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        // If the length is known, hyper does not poll the body again once it has all bytes.
        let has_all = self.body.is_end_stream() || self.body.size_hint().exact() == Some(0);
        if !(self.complete || has_all && self.next.is_none()) {
            self.in_flight.set_aborted();
        }
    }
}
