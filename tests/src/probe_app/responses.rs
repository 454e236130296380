//! Responses of every kind: what `IntoResponse` accepts, statuses, headers, lengths.

use std::convert::Infallible;

use anyhost::bytes::Bytes;
use anyhost::http::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    LOCATION, SET_COOKIE, VARY,
};
use anyhost::http::{Response, StatusCode};
use anyhost::{Body, Error, IntoResponse, Request, RequestExt, Result, Router};
use futures_util::stream;
use serde_json::json;

use super::status_parameter;

pub(super) fn routes() -> Router {
    Router::new()
        .get("/hello", || async { "Hello, world!" })
        .get("/number", || async { 4 })
        .get("/object", || async { json!({"a": "b"}) })
        .get("/bytes", || async { (0..=255).collect::<Vec<u8>>() })
        .get("/empty", || async { StatusCode::OK })
        .get("/null", || async {})
        .get("/html", html)
        .get("/status/{code}", |request: Request| async move {
            status_parameter(&request)
        })
        .get("/headers", headers)
        .get("/location/{code}", location)
        .get("/gzip", gzip)
        .get("/large/{n}", large)
        .get("/header-size/{n}", header_size)
        .get("/violation", violation)
}

pub(super) fn contract_breaking_routes() -> Router {
    Router::new().get("/hop", hop)
}

/// A Content-Type that the handler chose, and that no host may replace.
async fn html() -> impl IntoResponse {
    let html = (CONTENT_TYPE, HeaderValue::from_static("text/html"));
    (HeaderMap::from_iter([html]), "<b>hi</b>")
}

/// Repeated headers, and a value that is not UTF-8.
async fn headers() -> Result<Response<Body>> {
    Ok(Response::builder()
        .header(SET_COOKIE, "a=1; Expires=Wed, 21 Oct 2037 07:28:00 GMT")
        .header(SET_COOKIE, "b=2; Path=/")
        .header("x-multi", "one")
        .header("x-multi", "two")
        .header(VARY, "accept")
        .header(VARY, "origin")
        .header("x-latin1", HeaderValue::from_bytes(b"caf\xE9")?)
        .body(Body::empty())?)
}

/// Hop-by-hop headers (RFC 9110 §7.6.1), which no host may forward. The client receives only `x-keep`.
async fn hop() -> Result<Response<Body>> {
    Ok(Response::builder()
        .header(CONNECTION, "close, x-drop")
        .header("keep-alive", "timeout=1")
        .header("x-drop", "1")
        .header("x-keep", "1")
        .body(Body::empty())?)
}

/// A response that `lint` turns into a 500, so that a client can see whether `lint` is on.
async fn violation() -> impl IntoResponse {
    let upgrade = (CONNECTION, HeaderValue::from_static("upgrade"));
    (
        HeaderMap::from_iter([upgrade]),
        "the contract is not checked",
    )
}

async fn location(request: Request) -> Result<impl IntoResponse> {
    let elsewhere = (LOCATION, HeaderValue::from_static("/elsewhere"));
    Ok((
        HeaderMap::from_iter([elsewhere]),
        status_parameter(&request)?,
    ))
}

/// The gzip of `Hello, world!`.
const GZIP: [u8; 33] = [
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xff, 0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0xd7,
    0x51, 0x28, 0xcf, 0x2f, 0xca, 0x49, 0x51, 0x04, 0x00, 0xe6, 0xc6, 0xe6, 0xeb, 0x0d, 0x00, 0x00,
    0x00,
];

/// A body that the application compressed itself.
async fn gzip() -> impl IntoResponse {
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    let headers = [
        (CONTENT_ENCODING, HeaderValue::from_static("gzip")),
        (CONTENT_TYPE, text),
    ];
    (HeaderMap::from_iter(headers), &GZIP[..])
}

/// `n` bytes with a declared length, produced 64 KiB at a time.
async fn large(request: Request) -> Result<impl IntoResponse> {
    static BLOCK: [u8; 65_536] = [b'x'; 65_536];
    let length: u64 = request.param("n")?;
    let body = stream::unfold(length, |left| async move {
        let size = usize::try_from(left).map_or(BLOCK.len(), |left| left.min(BLOCK.len()));
        let chunk = Ok::<_, Infallible>(Bytes::from_static(&BLOCK[..size]));
        (size > 0).then(|| (chunk, left - size as u64))
    });
    let length = (CONTENT_LENGTH, HeaderValue::from(length));
    Ok((HeaderMap::from_iter([length]), Body::from_stream(body)))
}

async fn header_size(request: Request) -> Result<impl IntoResponse> {
    let size: usize = request.param("n")?;
    if size > 1 << 20 {
        return Err(Error::new(
            StatusCode::BAD_REQUEST,
            "The header is too long",
        ));
    }
    let value = HeaderValue::try_from("y".repeat(size))?;
    let large = (HeaderName::from_static("x-large"), value);
    Ok((HeaderMap::from_iter([large]), ""))
}
