//! A [`Response`] on stdout (RFC 3875 §6).

mod head;

use std::future::poll_fn;
use std::io::{self, Write};
use std::pin::Pin;
use std::time::Duration;

use anyhost_core::adapter::{RequestInfo, response_to};
use anyhost_core::http::StatusCode;
use anyhost_core::{Body, BoxError, Error, Response};
use bytes::Bytes;
use http_body::Body as _;
use tokio::time::sleep;

use crate::body::Output;
pub(crate) use head::Form;

/// A body chunk up to this size is written together with the head.
const SMALL_CHUNK: usize = 2048;

/// Before the head is written, the program waits this long for the first byte of the body. If the body fails within
/// this time, the response can still be 500. After the head, web servers would pass on the failure as a complete,
/// empty response.
const HEAD_DELAY: Duration = Duration::from_millis(50);

/// Why a response could not be sent completely.
#[derive(Debug)]
pub(crate) enum SendError {
    /// The body of the response failed. The core has logged the error.
    Body,
    /// The response could not be written.
    Write(io::Error),
}

impl From<io::Error> for SendError {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

/// Writes a response.
pub(crate) async fn send<W: Write + Send + 'static>(
    response: Response,
    output: &mut Output<W>,
    info: &RequestInfo,
    form: Form,
) -> Result<(), SendError> {
    let mut head = head::encode(&response, form);
    let mut body = response.into_body();
    // Most bodies are a single small buffer, which one write can send together with the head.
    let mut first = None;
    match first_chunk(&mut body).await {
        Some(Ok(chunk)) if chunk.len() <= SMALL_CHUNK => head.extend_from_slice(&chunk),
        Some(Ok(chunk)) => first = Some(chunk),
        // No byte has been written yet, so the status can still be changed to 500.
        Some(Err(_)) => {
            let error = Error::from_status(StatusCode::INTERNAL_SERVER_ERROR);
            Box::pin(send(response_to(error, info), output, info, form)).await?;
            return Err(SendError::Body);
        }
        None => {}
    }
    output.write(head.into()).await?;
    if let Some(chunk) = first {
        output.write(chunk).await?;
    }
    while let Some(chunk) = next_chunk(&mut body).await {
        output.write(chunk.map_err(|_| SendError::Body)?).await?;
    }
    Ok(())
}

/// The first chunk of the body, if it comes within [`HEAD_DELAY`].
async fn first_chunk(body: &mut Body) -> Option<Result<Bytes, BoxError>> {
    tokio::select! {
        // If the chunk is ready at once, no timer is created.
        biased;
        chunk = next_chunk(body) => chunk,
        () = async { sleep(HEAD_DELAY).await } => None,
    }
}

/// The next chunk of the body that is not empty. Trailers are ignored, because CGI cannot send them.
async fn next_chunk(body: &mut Body) -> Option<Result<Bytes, BoxError>> {
    loop {
        let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await?;
        match frame.map(http_body::Frame::into_data) {
            Ok(Ok(chunk)) if chunk.is_empty() => {}
            Ok(Ok(chunk)) => return Some(Ok(chunk)),
            Ok(Err(_trailers)) => {
                tracing::debug!(
                    "dropping the trailers of a response, because CGI cannot send them"
                );
            }
            Err(error) => return Some(Err(error)),
        }
    }
}
