//! Routes that read the body of the request in every way that `RequestExt` offers.

use std::collections::BTreeMap;

use anyhost::http::StatusCode;
use anyhost::http::header::{CONTENT_TYPE, HeaderMap};
use anyhost::{Body, BoxError, Error, IntoResponse, Json, Request, RequestExt, Result, Router};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::TEN_MIB;

pub(super) fn routes() -> Router {
    Router::new()
        .post("/raw", raw)
        // Sends the request body back frame by frame, so that the whole body is never in memory.
        .post("/pipe", |request: Request| async { request.into_body() })
        .post("/before/{n}", before)
        .post("/digest", digest)
        .post("/json", |mut request: Request| async move {
            Ok::<_, Error>(json!({"received": request.json::<Value>().await?}))
        })
        .post("/text", |mut request: Request| async move {
            request.text_limit(TEN_MIB).await
        })
        .post("/form", form)
        .post("/limit/{n}", limit)
        .post("/twice", twice)
        // The handler never reads the body.
        .any("/ignore", || async { "ignored" })
}

/// Sends the body back, with the Content-Type of the request.
async fn raw(mut request: Request) -> Result<impl IntoResponse> {
    let body = request.buffer_limit(TEN_MIB).await?;
    let content_type = request.headers_mut().remove(CONTENT_TYPE);
    let headers = content_type.map(|value| (CONTENT_TYPE, value));
    Ok((HeaderMap::from_iter(headers), body))
}

/// Sends `n` bytes, then reads the body, and then sends the length of the body.
async fn before(request: Request) -> Result<Body> {
    let first: usize = request.param("n")?;
    if first > 1 << 24 {
        return Err(Error::new(StatusCode::BAD_REQUEST, "Too many bytes"));
    }
    let first = stream::iter([Ok("x".repeat(first))]);
    let length = stream::once(async move {
        let mut request = request;
        let mut length = 0;
        while let Some(chunk) = request.chunk().await.map_err(Error::into_boxed)? {
            length += chunk.len();
        }
        Ok::<_, BoxError>(length.to_string())
    });
    Ok(Body::from_stream(first.chain(length)))
}

/// The length and the SHA-256 of the body, which is read as a stream and without a limit.
async fn digest(mut request: Request) -> Result<Value> {
    let (mut length, mut sha256) = (0, Sha256::new());
    while let Some(chunk) = request.chunk().await? {
        length += chunk.len();
        sha256.update(&chunk);
    }
    let hex: String = sha256
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(json!({"length": length, "sha256": hex}))
}

async fn form(mut request: Request) -> Result<Json<BTreeMap<String, Vec<String>>>> {
    request.form().await.map(Json)
}

async fn limit(mut request: Request) -> Result<String> {
    let limit: u64 = request.param("n")?;
    Ok(request.buffer_limit(limit).await?.len().to_string())
}

/// Whether a second read of the same body gives the same value.
async fn twice(mut request: Request) -> Result<Value> {
    let first: Value = request.json().await?;
    let second: Value = request.json().await?;
    Ok(json!({"same": first == second}))
}
