//! A reply that its request describes: what a test of an adapter needs and no application would have.

use std::io;

use anyhost::bytes::Bytes;
use anyhost::http::{HeaderName, HeaderValue, Response, StatusCode};
use anyhost::{Body, Error, Request, RequestExt, Result, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::stream;
use serde::Deserialize;

pub(super) fn routes() -> Router {
    Router::new().post("/reply", reply)
}

/// All of it may be left out.
#[derive(Deserialize)]
#[serde(default)]
struct Description {
    status: u16,
    /// Names and values, these as the characters of Latin-1.
    headers: Vec<(String, String)>,
    /// Base64 of each piece of the body.
    chunks: Vec<String>,
    /// Whether the body is one piece of memory, and not a stream.
    whole: bool,
    /// Whether the stream breaks off behind its last piece.
    fails: bool,
}

impl Default for Description {
    fn default() -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            chunks: Vec::new(),
            whole: false,
            fails: false,
        }
    }
}

async fn reply(mut request: Request) -> Result<Response<Body>> {
    let description: Description = request.json_limit("10mb").await?;
    let mut response = Response::new(body(&description)?);
    *response.status_mut() = StatusCode::from_u16(description.status)
        .map_err(|_| Error::new(StatusCode::BAD_REQUEST, "No such status"))?;
    for (name, value) in &description.headers {
        let bytes: Vec<u8> = value
            .chars()
            .map(|c| u8::try_from(c).unwrap_or(b'?'))
            .collect();
        let name = HeaderName::try_from(name)?;
        response
            .headers_mut()
            .append(name, HeaderValue::from_bytes(&bytes)?);
    }
    Ok(response)
}

fn body(description: &Description) -> Result<Body> {
    let mut chunks = Vec::new();
    for chunk in &description.chunks {
        let chunk = BASE64
            .decode(chunk)
            .map_err(|_| Error::new(StatusCode::BAD_REQUEST, "Invalid base64"))?;
        chunks.push(Ok(Bytes::from(chunk)));
    }
    if description.whole {
        let whole: Vec<u8> = chunks.into_iter().flatten().flatten().collect();
        return Ok(whole.into());
    }
    if description.fails {
        chunks.push(Err(io::Error::other("as described")));
    }
    Ok(Body::from_stream(stream::iter(chunks)))
}
