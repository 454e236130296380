//! Responses of unknown length.

use std::convert::Infallible;

use anyhost::bytes::Bytes;
use anyhost::http::StatusCode;
use anyhost::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use anyhost::{Body, Error, IntoResponse, Request, RequestExt, Result, Router};
use futures_util::stream;
use serde::Deserialize;

use super::pause;

pub(super) fn routes() -> Router {
    Router::new().get("/stream", chunks).get("/sse", events)
}

/// The query of `/stream`.
#[derive(Deserialize)]
#[serde(default)]
struct Chunks {
    /// The number of chunks.
    chunks: u64,
    /// The size of each chunk in bytes.
    size: usize,
    /// The pause before the first chunk.
    first_ms: u64,
    /// The pause before each chunk after the first.
    delay_ms: u64,
}

impl Default for Chunks {
    fn default() -> Self {
        Self {
            chunks: 3,
            size: 5,
            first_ms: 0,
            delay_ms: 0,
        }
    }
}

async fn chunks(request: Request) -> Result<Body> {
    let Chunks {
        chunks,
        size,
        first_ms,
        delay_ms,
    } = request.query()?;
    if size > 1 << 24 {
        return Err(Error::new(
            StatusCode::BAD_REQUEST,
            "The chunk size is too large",
        ));
    }
    let chunk = Bytes::from("z".repeat(size));
    Ok(Body::from_stream(stream::unfold(0, move |sent| {
        let chunk = chunk.clone();
        async move {
            if sent == 0 {
                pause(first_ms).await;
            } else if sent < chunks {
                pause(delay_ms).await;
            }
            (sent < chunks).then(|| (Ok::<_, Infallible>(chunk), sent + 1))
        }
    })))
}

/// The query of `/sse`.
#[derive(Deserialize)]
struct Events {
    n: Option<u64>,
}

async fn events(request: Request) -> Result<impl IntoResponse> {
    let Events { n } = request.query()?;
    let events = (0..n.unwrap_or(3)).map(|i| Ok::<_, Infallible>(format!("data: {i}\n\n")));
    let event_stream = (CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    Ok((
        HeaderMap::from_iter([event_stream]),
        Body::from_stream(stream::iter(events)),
    ))
}
