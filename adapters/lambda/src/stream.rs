//! A reply that is posted while it is made ("Response streaming for custom runtimes").
//!
//! First the prelude, which is a JSON of status and headers; then eight NULs; then the body. What
//! goes wrong after that is said in trailers, which is the only way to let the client see a cut.

use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use anyhost_core::{Body, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http_body::Frame;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::event::Source;
use crate::response::prelude;

pub(crate) const ERROR_TYPE: HeaderName =
    HeaderName::from_static("lambda-runtime-function-error-type");
pub(crate) const ERROR_BODY: HeaderName =
    HeaderName::from_static("lambda-runtime-function-error-body");

const NULS: Bytes = Bytes::from_static(&[0; 8]);

/// The body of a streaming `/response`.
pub(crate) struct Streamed {
    prelude: Option<Bytes>,
    nuls: bool,
    body: Body,
    end: Option<Pin<Box<Sleep>>>,
    ended: bool,
}

impl Streamed {
    pub(crate) fn new(source: Source, response: Response, end: Option<Instant>) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            prelude: Some(prelude(source, &parts).into()),
            nuls: true,
            body,
            end: end.map(|end| Box::pin(sleep_until(end))),
            ended: false,
        }
    }

    fn fail(&mut self, kind: &'static str, why: &str) -> Frame<Bytes> {
        self.ended = true;
        self.body = Body::empty();
        Frame::trailers(trailers(kind, why))
    }
}

/// The body of the error is JSON in base64.
fn trailers(kind: &'static str, why: &str) -> HeaderMap {
    let mut json = Vec::new();
    // Writing to memory does not fail.
    let _ = write!(
        json,
        "{}",
        serde_json::json!({"errorMessage": why, "errorType": kind, "stackTrace": []})
    );
    let mut trailers = HeaderMap::new();
    trailers.insert(ERROR_TYPE, HeaderValue::from_static(kind));
    if let Ok(body) = HeaderValue::try_from(BASE64.encode(json)) {
        trailers.insert(ERROR_BODY, body);
    }
    trailers
}

impl http_body::Body for Streamed {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(prelude) = self.prelude.take() {
            return Poll::Ready(Some(Ok(Frame::data(prelude))));
        }
        // Of their own, since emulators look for them in a second write.
        if std::mem::take(&mut self.nuls) {
            return Poll::Ready(Some(Ok(Frame::data(NULS))));
        }
        if self.ended {
            return Poll::Ready(None);
        }
        if let Some(end) = &mut self.end
            && end.as_mut().poll(cx).is_ready()
        {
            tracing::error!("the reply was cut at the deadline");
            let why = "The reply was cut at the deadline";
            return Poll::Ready(Some(Ok(self.fail("Runtime.Timeout", why))));
        }
        loop {
            return Poll::Ready(match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) if frame.is_data() => Some(Ok(frame)),
                Some(Ok(_)) => {
                    tracing::debug!("Lambda cannot carry trailers");
                    continue;
                }
                // It was logged where it happened, and is nothing for a client to read.
                Some(Err(_)) => Some(Ok(self.fail("Runtime.StreamError", "The reply broke off"))),
                None => {
                    self.ended = true;
                    None
                }
            });
        }
    }
}
