//! The cases, by topic, and what they are written with.

mod connection;
mod errors;
mod lifecycle;
mod reply;
mod reply_headers;
mod request_body;
mod request_headers;
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

/// Cases that are about one thing.
#[derive(Clone, Copy, Debug)]
pub struct Topic {
    /// What they are about.
    pub name: &'static str,
    /// The cases, in the order in which they are run.
    pub cases: &'static [Case],
}

/// All of them.
pub const TOPICS: &[Topic] = &[
    Topic {
        name: "The target of a request",
        cases: target::CASES,
    },
    Topic {
        name: "The headers of a request",
        cases: request_headers::CASES,
    },
    Topic {
        name: "The body of a request",
        cases: request_body::CASES,
    },
    Topic {
        name: "Large bodies, and those that nobody reads",
        cases: uploads::CASES,
    },
    Topic {
        name: "The reply",
        cases: reply::CASES,
    },
    Topic {
        name: "The headers of a reply",
        cases: reply_headers::CASES,
    },
    Topic {
        name: "Streams",
        cases: streaming::CASES,
    },
    Topic {
        name: "Errors",
        cases: errors::CASES,
    },
    Topic {
        name: "One request after another",
        cases: lifecycle::CASES,
    },
    Topic {
        name: "HTTP/1.1, byte by byte",
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
    *request.uri_mut() = target.parse().expect("a case has a target");
    request
}

/// The request with one more header, whose value is any bytes.
fn with(mut request: Request, name: &'static str, value: impl AsRef<[u8]>) -> Request {
    let value = HeaderValue::from_bytes(value.as_ref()).expect("a case has headers");
    let name = HeaderName::from_static(name);
    request.headers_mut().append(name, value);
    request
}

/// A request that describes its reply; see the probe's `POST /reply`.
fn described(description: Value) -> Request {
    post("/reply", description.to_string())
}

/// A described reply whose body is these pieces.
fn pieces(mut description: Value, chunks: &[&str]) -> Request {
    description["chunks"] = chunks.iter().map(|chunk| BASE64.encode(chunk)).collect();
    described(description)
}

/// Bytes with a pattern in which a lost or repeated piece shows.
fn patterned(length: u32) -> Bytes {
    (0..length).map(|i| (i % 251) as u8).collect()
}

/// What `/echo` saw.
pub(crate) fn echo(reply: &Received) -> Result<Value, String> {
    reply.has_status(200)?;
    let seen = reply.json()?;
    let body = seen["body"]["base64"].as_str();
    let length = body
        .and_then(|body| BASE64.decode(body).ok())
        .map(|body| body.len());
    same(&json!(length), &seen["body"]["length"], "body length")?;
    Ok(seen)
}

/// Checks the path that the handler saw.
pub(crate) fn path(reply: &Received, path: &str) -> Check {
    same(&echo(reply)?["path"], &json!(path), "path")
}

/// Checks the query that the handler saw.
pub(crate) fn query(reply: &Received, query: &str) -> Check {
    same(&echo(reply)?["query"], &json!(query), "query")
}

/// The values of a header that the handler saw.
pub(crate) fn values<'a>(seen: &'a Value, name: &str) -> Vec<&'a str> {
    let headers = seen["headers"].as_array().into_iter().flatten();
    headers
        .filter(|header| header[0] == name)
        .filter_map(|header| header[1].as_str())
        .collect()
}

/// Checks that the handler saw a header once, with this value.
fn has(reply: &Received, name: &str, value: &str) -> Check {
    same(&values(&echo(reply)?, name), &[value], name)
}

/// Checks that the handler saw no such header.
fn has_no(reply: &Received, name: &str) -> Check {
    same(&values(&echo(reply)?, name).len(), &0, name)
}
