//! The response that the client gets for the JSON from a function.

use anyhost_core::{Body, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{StatusCode, response::Parts};

use super::simulator::{Simulator, error_response};
use crate::event::Json;

impl Simulator {
    /// The response that the client gets for this JSON from the function.
    ///
    /// | | headers | cookies | body in base64 |
    /// |---|---|---|---|
    /// | REST API, HTTP API (1.0) | `headers` and `multiValueHeaders` | like other headers | is decoded, by a REST API if it has `binaryMediaTypes` |
    /// | HTTP API | `headers` | `cookies` | is decoded |
    /// | Function URL | `headers`, only strings | `cookies` | is decoded |
    /// | ALB, VPC Lattice | `headers`, only strings | like other headers, under names that differ in case | is decoded |
    /// | ALB (multi-value headers) | `multiValueHeaders`, repeated values in reverse order | like other headers | is decoded |
    ///
    /// API Gateway and Function URLs rename `WWW-Authenticate`, `Connection`, `Date`, `Server` and some others to
    /// `x-amzn-remapped-…`, and drop a few ("Amazon API Gateway important notes"). With payload format 2.0, JSON
    /// without a `statusCode` is the body of a 200.
    ///
    /// JSON that is invalid for the source, or larger than it accepts (6 MB, 1 MiB for a load balancer), is a 502,
    /// and with VPC Lattice a 500. Headers of more than 10,240 bytes are a 500 at an API Gateway.
    pub fn response(self, posted: &[u8]) -> Response {
        let json = Json::parse_whole(posted).ok();
        let json = json.filter(|_| posted.len() <= self.description().response_limit);
        let infers = self.simulation().is_some_and(|s| s.infers_response);
        let response = json.and_then(|json| match json.get("statusCode") {
            Json::Null if infers => Some(inferred(&json, posted)),
            _ => self.complete(&json),
        });
        match response {
            Some(response) => self.check_headers(response),
            None => self.failure(),
        }
    }

    /// The status and headers in the JSON from the function; `None` if they are invalid.
    pub(super) fn head(self, json: &Json<'_>) -> Option<Parts> {
        let simulation = self.simulation()?;
        let (mut parts, ()) = http::Response::new(()).into_parts();
        parts.status = status(json.get("statusCode"))?;
        parts.headers = (simulation.response_headers)(json)?;
        if simulation.renames_headers {
            parts.headers = renamed(parts.headers);
        }
        Some(parts)
    }

    /// Replaces a response whose headers are too large.
    pub(super) fn check_headers(self, response: Response) -> Response {
        let headers = response.headers().iter();
        let size: usize = headers
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum();
        match size > self.description().response_header_limit {
            true => error_response(StatusCode::INTERNAL_SERVER_ERROR),
            false => response,
        }
    }

    fn complete(self, json: &Json<'_>) -> Option<Response> {
        let mut parts = self.head(json)?;
        let body = match json.get("body") {
            Json::Null => Bytes::new(),
            body => self.decode_body(body.text()?, json.get("isBase64Encoded").is_true())?,
        };
        let body = match parts.status.as_u16() {
            204 | 304 => Bytes::new(),
            _ => body,
        };
        // The source writes Content-Length. A HEAD response has no body, so it keeps the Content-Length from the
        // function.
        if !body.is_empty() {
            parts.headers.insert(CONTENT_LENGTH, body.len().into());
        }
        Some(Response::from_parts(parts, Body::from(body)))
    }

    fn decode_body(self, text: &str, encoded: bool) -> Option<Bytes> {
        match encoded && !self.is_text_only() {
            true => BASE64.decode(text).ok().map(Bytes::from),
            false => Some(Bytes::copy_from_slice(text.as_bytes())),
        }
    }
}

/// The response for JSON without a `statusCode`.
fn inferred(json: &Json<'_>, posted: &[u8]) -> Response {
    let body = match json.text() {
        Some(text) => text.as_bytes(),
        None => posted,
    };
    let mut response = Response::new(Body::from(body.to_vec()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, body.len().into());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn status(code: &Json<'_>) -> Option<StatusCode> {
    let Json::Number(code) = code else {
        return None;
    };
    let code = u16::try_from(code.as_u64()?).ok()?;
    StatusCode::from_u16(code).ok().filter(|_| code < 600)
}

fn renamed(headers: HeaderMap) -> HeaderMap {
    let mut renamed = HeaderMap::new();
    for (name, value) in &headers {
        let name = match name.as_str() {
            "host" | "expect" | "proxy-authenticate" | "te" | "trailer" | "transfer-encoding"
            | "upgrade" | "via" => continue,
            "authorization" => HeaderName::from_static("x-amzn-remapped-authorization"),
            "connection" => HeaderName::from_static("x-amzn-remapped-connection"),
            "content-md5" => HeaderName::from_static("x-amzn-remapped-content-md5"),
            "date" => HeaderName::from_static("x-amzn-remapped-date"),
            "max-forwards" => HeaderName::from_static("x-amzn-remapped-max-forwards"),
            "server" => HeaderName::from_static("x-amzn-remapped-server"),
            "user-agent" => HeaderName::from_static("x-amzn-remapped-user-agent"),
            "www-authenticate" => HeaderName::from_static("x-amzn-remapped-www-authenticate"),
            _ => name.clone(),
        };
        renamed.append(name, value.clone());
    }
    renamed
}
