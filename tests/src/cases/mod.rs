//! All cases, grouped by topic, and the functions that the cases use.

mod connection;
mod errors;
mod lifecycle;
mod request_body;
mod request_headers;
mod response;
mod response_headers;
mod streaming;
mod target;
mod uploads;

use anyhost::{Body, Request};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::Method;
use http::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::case::{Case, Check, same};
use crate::received::Received;

/// Cases about the same part of a request or response.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Topic {
    /// The part of a request or response.
    pub name: &'static str,
    /// The cases, in the order in which they run.
    pub cases: &'static [Case],
}

/// Every case.
pub const TOPICS: &[Topic] = &[
    Topic {
        name: "Request line and Host",
        cases: target::CASES,
    },
    Topic {
        name: "Request headers",
        cases: request_headers::CASES,
    },
    Topic {
        name: "Request body",
        cases: request_body::CASES,
    },
    Topic {
        name: "Large and unread request bodies",
        cases: uploads::CASES,
    },
    Topic {
        name: "Response",
        cases: response::CASES,
    },
    Topic {
        name: "Response headers",
        cases: response_headers::CASES,
    },
    Topic {
        name: "Streaming",
        cases: streaming::CASES,
    },
    Topic {
        name: "Errors",
        cases: errors::CASES,
    },
    Topic {
        name: "Successive and concurrent requests",
        cases: lifecycle::CASES,
    },
    Topic {
        name: "Raw HTTP/1.1",
        cases: connection::CASES,
    },
];

pub(crate) const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json; charset=utf-8";
const BYTES: &str = "application/octet-stream";

fn get(target: &str) -> Request {
    request(Method::GET, target, "")
}

fn post(target: &str, body: impl Into<Body>) -> Request {
    request(Method::POST, target, body)
}

fn request(method: Method, target: &str, body: impl Into<Body>) -> Request {
    let mut request = Request::new(body.into());
    *request.method_mut() = method;
    *request.uri_mut() = target.parse().expect("expected a valid target in the case");
    request
}

/// Adds a header to a request. The value may hold any bytes that a header can hold.
fn with(mut request: Request, name: &'static str, value: impl AsRef<[u8]>) -> Request {
    let value =
        HeaderValue::from_bytes(value.as_ref()).expect("expected a valid header value in the case");
    let name = HeaderName::from_static(name);
    request.headers_mut().append(name, value);
    request
}

/// A request that describes its response (the route `POST /describe` of the probe).
fn described(description: Value) -> Request {
    post("/describe", description.to_string())
}

/// A request that describes a response with these chunks.
fn chunks(mut description: Value, chunks: &[&str]) -> Request {
    description["chunks"] = chunks.iter().map(|chunk| BASE64.encode(chunk)).collect();
    described(description)
}

/// Bytes with a period of 251, so that a lost or repeated block of a usual size changes the data.
fn patterned(length: u32) -> Bytes {
    (0..length).map(|i| (i % 251) as u8).collect()
}

/// Parses the JSON of `/echo`, which describes the request.
pub(crate) fn echo(response: &Received) -> Result<Value, String> {
    response.has_status(200)?;
    let seen = response.json()?;
    let body = seen["body"]["base64"].as_str();
    let length = body
        .and_then(|body| BASE64.decode(body).ok())
        .map(|body| body.len());
    same(&json!(length), &seen["body"]["length"], "body length")?;
    Ok(seen)
}

/// Checks the path that the handler received.
pub(crate) fn path(response: &Received, path: &str) -> Check {
    same(&echo(response)?["path"], &json!(path), "path")
}

/// Checks the query that the handler received.
pub(crate) fn query(response: &Received, query: &str) -> Check {
    same(&echo(response)?["query"], &json!(query), "query")
}

/// The values of a header that the handler received.
pub(crate) fn values<'a>(seen: &'a Value, name: &str) -> Vec<&'a str> {
    let headers = seen["headers"].as_array().into_iter().flatten();
    headers
        .filter(|header| header[0] == name)
        .filter_map(|header| header[1].as_str())
        .collect()
}

/// Checks that the handler received a header exactly once, with this value.
fn has(response: &Received, name: &str, value: &str) -> Check {
    same(&values(&echo(response)?, name), &[value], name)
}

/// Checks that the handler did not receive a header.
fn has_no(response: &Received, name: &str) -> Check {
    same(&values(&echo(response)?, name).len(), &0, name)
}
