//! `POST /describe`: a response that the request describes as JSON. Tests of adapters also need responses that
//! ordinary applications do not send.

use std::io;

use anyhost::bytes::Bytes;
use anyhost::http::{HeaderName, HeaderValue, Response, StatusCode};
use anyhost::{Body, Error, Request, RequestExt, Result, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::stream;
use serde::Deserialize;

pub(super) fn contract_breaking_routes() -> Router {
    Router::new().post("/describe", described)
}

/// Every field is optional.
#[derive(Deserialize)]
#[serde(default)]
struct Description {
    status: u16,
    /// Names and values. The values are decoded as Latin-1, because JSON cannot hold raw bytes.
    headers: Vec<(String, String)>,
    /// The chunks of the body in Base64.
    chunks: Vec<String>,
    /// Whether the body is a single buffer instead of a stream.
    whole: bool,
    /// Whether the stream fails after its last chunk.
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

async fn described(mut request: Request) -> Result<Response<Body>> {
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
        chunks.push(Err(io::Error::other(
            "the request asked for a body that fails",
        )));
    }
    Ok(Body::from_stream(stream::iter(chunks)))
}
