//! A request as the event that its front door makes of it.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use http::{Request, StatusCode};
use serde_json::Value;

use super::FrontDoor;
use super::headers::headers;
use super::payload::Arrived;

const EVENT_LIMIT: usize = 6 * 1024 * 1024;
const LOAD_BALANCER_LIMIT: usize = 1024 * 1024;
const API_GATEWAY_HEADER_LIMIT: usize = 10_240;

impl FrontDoor {
    /// The event that this front door makes of a request from `peer`. Ids and times are always the
    /// same, so that events can be compared.
    ///
    /// The path and query are those of the URI, below the stage. Its scheme counts for load balancers,
    /// which are `http` unless it says otherwise. Without a Host the front door has one of its own.
    ///
    /// | | path | query | headers | body in base64 |
    /// |---|---|---|---|---|
    /// | REST API | as sent, below the stage | decoded, in alphabetical order | all values; no Content-Length | all, or none |
    /// | HTTP API (1.0) | decoded | decoded, in alphabetical order | all values | what is no text |
    /// | HTTP API | decoded, up to a `%3F` | as sent | joined with commas; cookies apart | what is no text |
    /// | Function URL | as sent | as sent | joined with commas; cookies twice | what is no text |
    /// | ALB | as sent | as sent, last value, alphabetical | last value | what is no text |
    /// | ALB (multi-value headers) | as sent | as sent, alphabetical | all values | what is no text |
    /// | VPC Lattice | as sent | as sent, alphabetical | all values | what is no text |
    ///
    /// Text is what has a Content-Type of text, JSON, XML or JavaScript, and no Content-Encoding. What
    /// of it is no UTF-8 is lost.
    ///
    /// # Errors
    /// The status that the client gets without the function being called: 400 for a request that is no
    /// HTTP, such as two Hosts or a Content-Length that is not the body's; 413 for a body of more than 1
    /// MiB at a load balancer, or an event of more than 6 MiB; 431 for a target and headers of more than
    /// 10,240 bytes at an API Gateway.
    pub fn event(self, request: &Request<Bytes>, peer: IpAddr) -> Result<Bytes, StatusCode> {
        let (path, query) = target(request)?;
        check_size(self, request)?;
        let headers = headers(self, request, peer)?;
        let (body, encoded) = body(self, request);
        let arrived = Arrived {
            request,
            path,
            query,
            peer,
            headers,
        };
        let mut event = match self {
            Self::RestApi | Self::RestApiText => arrived.rest_api(),
            Self::HttpApiV1 => arrived.http_api_v1(),
            Self::HttpApi => arrived.http_api(),
            Self::FunctionUrl => arrived.function_url(),
            Self::Alb => arrived.load_balancer(),
            Self::AlbMultiValue => arrived.load_balancer_with_multi_value(),
            Self::Lattice => arrived.lattice(),
        };
        // These leave out a body that is empty; the others say that there is none.
        let left_out = matches!(self, Self::HttpApi | Self::FunctionUrl | Self::Lattice);
        if !(left_out && request.body().is_empty()) {
            event["body"] = body;
        }
        event["isBase64Encoded"] = encoded.into();
        let event = Bytes::from(event.to_string());
        match event.len() > EVENT_LIMIT {
            true => Err(StatusCode::PAYLOAD_TOO_LARGE),
            false => Ok(event),
        }
    }
}

fn target(request: &Request<Bytes>) -> Result<(&str, Option<&str>), StatusCode> {
    let path = request.uri().path();
    match path.starts_with('/') {
        true => Ok((path, request.uri().query())),
        false => Err(StatusCode::BAD_REQUEST),
    }
}

fn check_size(door: FrontDoor, request: &Request<Bytes>) -> Result<(), StatusCode> {
    if door.is_load_balancer() && request.body().len() > LOAD_BALANCER_LIMIT {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let headers = request.headers().iter();
    let size = request
        .uri()
        .path_and_query()
        .map_or(0, |t| t.as_str().len())
        + headers
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum::<usize>();
    match door.is_api_gateway() && size > API_GATEWAY_HEADER_LIMIT {
        true => Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
        false => Ok(()),
    }
}

/// The body, and whether it is base64: JSON has no bytes.
fn body(door: FrontDoor, request: &Request<Bytes>) -> (Value, bool) {
    let body = request.body();
    let encoded = match door {
        FrontDoor::RestApi => true,
        FrontDoor::RestApiText => false,
        _ => !is_text(request),
    };
    match body.is_empty() {
        true if door.is_load_balancer() => ("".into(), false),
        true => (Value::Null, false),
        false if encoded => (BASE64.encode(body).into(), true),
        false => (String::from_utf8_lossy(body).into(), false),
    }
}

fn is_text(request: &Request<Bytes>) -> bool {
    let headers = request.headers();
    let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let content_type = content_type.unwrap_or_default().to_ascii_lowercase();
    let essence = content_type.split(|&b| b == b';').next();
    let essence = essence.unwrap_or_default().trim_ascii();
    let text = essence.starts_with(b"text/")
        || [&b"json"[..], b"xml", b"javascript"]
            .iter()
            .any(|kind| essence.ends_with(kind));
    text && !headers.contains_key(CONTENT_ENCODING)
}
