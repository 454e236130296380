//! Counters that exist until the process ends. The client chooses the key of a counter, and can see what happened
//! in the process after an earlier request.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use anyhost::bytes::Bytes;
use anyhost::http::header::TRAILER;
use anyhost::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use anyhost::{Body, Error, Request, RequestExt, Result, Router};
use futures_util::{Stream, stream};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};

use super::status_parameter;

pub(super) fn routes() -> Router {
    Router::new()
        .post("/count/{key}", |request: Request| async move {
            let key: String = request.param("key")?;
            Ok::<_, Error>(COUNTERS.add(&key)?.to_string())
        })
        .get("/count/{key}", |request: Request| async move {
            let key: String = request.param("key")?;
            Ok::<_, Error>(COUNTERS.get(&key).to_string())
        })
        .post("/later/{key}", later)
        .get("/poured/{key}/{n}", pour)
        .get("/trailers", || async { trailers() })
        .post("/trailing", trailing)
        .get("/marked", marked)
}

/// Routes whose responses `lint` would reject, because a 204 or 304 has a body.
pub(super) fn contract_breaking_routes() -> Router {
    Router::new().get("/held/{key}/{code}", hold)
}

static COUNTERS: Counters = Counters(Mutex::new(BTreeMap::new()));

struct Counters(Mutex<BTreeMap<String, u64>>);

impl Counters {
    /// Adds one to a counter and returns the new count. The number of keys is limited, because any client can call a
    /// deployed probe.
    fn add(&self, key: &str) -> Result<u64> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() > 10_000 && !counts.contains_key(key) {
            return Err(Error::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "Too many keys",
            ));
        }
        let count = counts.entry(key.to_owned()).or_default();
        *count += 1;
        Ok(*count)
    }

    fn get(&self, key: &str) -> u64 {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(key).copied().unwrap_or_default()
    }
}

/// Adds one to the counter after the response was sent.
async fn later(request: Request) -> Result<&'static str> {
    let key: String = request.param("key")?;
    request.context().wait_until(async move {
        let _ = COUNTERS.add(&key);
    });
    Ok("scheduled")
}

/// Sends a chunk every 10 ms for three seconds. Adds one to the counter when the body is dropped.
async fn hold(request: Request) -> Result<(StatusCode, Body)> {
    let status = status_parameter(&request)?;
    let chunks = stream::unfold(0, |sent| async move {
        if sent > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        (sent < 300).then_some((Ok::<_, Infallible>(Bytes::from_static(b"held")), sent + 1))
    });
    let counted = Counted {
        stream: Box::pin(chunks),
        key: request.param("key")?,
    };
    Ok((status, Body::from_stream(counted)))
}

struct Counted<S> {
    stream: Pin<Box<S>>,
    key: String,
}

impl<S: Stream> Stream for Counted<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        self.stream.as_mut().poll_next(cx)
    }
}

impl<S> Drop for Counted<S> {
    fn drop(&mut self) {
        let _ = COUNTERS.add(&self.key);
    }
}

/// Sends `n` chunks of 64 KiB. Adds one to the counter each time that the host polls for a chunk.
async fn pour(request: Request) -> Result<Body> {
    static CHUNK: [u8; 65_536] = [b'p'; 65_536];
    let (key, count): (String, u64) = (request.param("key")?, request.param("n")?);
    Ok(Body::from_stream(stream::unfold(0, move |poured| {
        let _ = COUNTERS.add(&key);
        std::future::ready(
            (poured < count).then_some((Ok::<_, Infallible>(&CHUNK[..]), poured + 1)),
        )
    })))
}

/// A body that is followed by trailers.
fn trailers() -> (HeaderMap, Body) {
    const NAME: HeaderName = HeaderName::from_static("x-checksum");
    let announced = [(TRAILER, HeaderValue::from_static("x-checksum"))];
    let trailers = [(NAME, HeaderValue::from_static("1"))];
    let frames = [
        Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"checked"))),
        Ok(Frame::trailers(HeaderMap::from_iter(trailers))),
    ];
    let body = Body::new(StreamBody::new(stream::iter(frames)));
    (HeaderMap::from_iter(announced), body)
}

/// The trailers of the request as text.
async fn trailing(request: Request) -> Result<String> {
    let body = request.into_body().collect().await;
    let body = body.map_err(|_| Error::new(StatusCode::BAD_REQUEST, "Invalid body"))?;
    let trailers = body.trailers().into_iter().flatten();
    let lines = trailers.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or("?")));
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

/// Stores a value in the extensions of the request, and returns whether the extensions already held the value of an
/// earlier request.
async fn marked(mut request: Request) -> &'static str {
    #[derive(Clone)]
    struct Mark;
    match request.extensions_mut().insert(Mark) {
        None => "fresh",
        Some(Mark) => "marked before",
    }
}
