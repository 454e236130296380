//! A response that is posted while the handler produces it ("Response streaming for custom runtimes").
//!
//! The body of the POST is a JSON prelude with the status and the headers, eight NUL bytes, and the body of the
//! response. A later failure is reported in HTTP trailers, which is the only way to show the client that the
//! response was aborted.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use anyhost_core::adapter::{Deadline, RequestInfo, log_aborted};
use anyhost_core::{Body, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::{HeaderMap, HeaderValue};
use http_body::Frame;

use crate::event::Description;
use crate::response::prelude;
use crate::runtime::{ERROR_BODY, ERROR_TYPE};

const NULS: Bytes = Bytes::from_static(&[0; 8]);

/// The body of a streaming `POST /invocation/response`.
pub(super) struct Streaming {
    prelude: Option<Bytes>,
    nuls_pending: bool,
    body: Body,
    deadline: Deadline,
    info: RequestInfo,
    ended: bool,
}

impl Streaming {
    pub(super) fn new(
        description: &Description,
        response: Response,
        deadline: Deadline,
        info: RequestInfo,
    ) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            prelude: Some(prelude(description, &parts).into()),
            nuls_pending: true,
            body,
            deadline,
            info,
            ended: false,
        }
    }

    fn fail(&mut self, kind: &'static str, message: &str) -> Frame<Bytes> {
        self.ended = true;
        self.body = Body::empty();
        Frame::trailers(trailers(kind, message))
    }
}

fn trailers(kind: &'static str, message: &str) -> HeaderMap {
    let error = serde_json::json!({"errorMessage": message, "errorType": kind, "stackTrace": []});
    let mut trailers = HeaderMap::new();
    trailers.insert(ERROR_TYPE, HeaderValue::from_static(kind));
    if let Ok(body) = HeaderValue::try_from(BASE64.encode(error.to_string())) {
        trailers.insert(ERROR_BODY, body);
    }
    trailers
}

impl http_body::Body for Streaming {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(prelude) = self.prelude.take() {
            return Poll::Ready(Some(Ok(Frame::data(prelude))));
        }
        // A separate frame, because emulators expect the NUL bytes in a second write.
        if std::mem::take(&mut self.nuls_pending) {
            return Poll::Ready(Some(Ok(Frame::data(NULS))));
        }
        if self.ended {
            return Poll::Ready(None);
        }
        if let Poll::Ready(exceeded) = self.deadline.poll_exceeded(cx) {
            log_aborted(&self.info, &exceeded);
            let message = "The response was aborted at the deadline";
            return Poll::Ready(Some(Ok(self.fail("Runtime.Timeout", message))));
        }
        loop {
            return Poll::Ready(match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) if frame.is_data() => Some(Ok(frame)),
                Some(Ok(_)) => {
                    tracing::debug!(
                        "dropping the trailers of a response, because Lambda cannot send them"
                    );
                    continue;
                }
                // The core has logged the error, whose details are not for the client.
                Some(Err(_)) => Some(Ok(
                    self.fail("Runtime.StreamError", "The response was aborted")
                )),
                None => {
                    self.ended = true;
                    None
                }
            });
        }
    }
}
