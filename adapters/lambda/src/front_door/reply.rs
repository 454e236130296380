//! What a function posts as the reply that the client gets.

use std::borrow::Cow;

use anyhost_core::{Body, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, SET_COOKIE};
use http::{StatusCode, response::Parts};

use super::{FrontDoor, answer};
use crate::event::Json;
use crate::request::header_value;

/// With the envelope and base64 ("Lambda quotas").
const REPLY_LIMIT: usize = 6_291_556;
const LOAD_BALANCER_LIMIT: usize = 1024 * 1024;
const API_GATEWAY_HEADER_LIMIT: usize = 10_240;

impl FrontDoor {
    /// The reply that the client gets when the function posted this JSON.
    ///
    /// | | headers | cookies | body in base64 |
    /// |---|---|---|---|
    /// | REST API, HTTP API (1.0) | `headers` and `multiValueHeaders` | among them | is decoded, by a REST API if it has `binaryMediaTypes` |
    /// | HTTP API | `headers` | `cookies` | is decoded |
    /// | Function URL | `headers`, texts only | `cookies` | is decoded |
    /// | ALB, VPC Lattice | `headers`, texts only | among them, under names of other case | is decoded |
    /// | ALB (multi-value headers) | `multiValueHeaders`, repeated ones in reverse | among them | is decoded |
    ///
    /// API Gateway and Function URLs call `WWW-Authenticate`, `Connection`, `Date`, `Server` and some
    /// others `x-amzn-remapped-…`, and drop a few ("Amazon API Gateway important notes"). With payload
    /// format 2.0, JSON without a `statusCode` is the body of a 200.
    ///
    /// What the front door does not understand, or is longer than it takes (6 MB of JSON, 1 MiB at a load
    /// balancer), is a 502, and with VPC Lattice a 500; headers of more than 10,240 bytes are a 500 at an
    /// API Gateway.
    pub fn reply(self, posted: &[u8]) -> Response {
        let limit = match self.is_load_balancer() {
            true => LOAD_BALANCER_LIMIT,
            false => REPLY_LIMIT,
        };
        let json = Json::parse_whole(posted).ok();
        let json = json.filter(|_| posted.len() <= limit);
        let reply = json.and_then(|json| match json.get("statusCode") {
            Json::Null if self.infers() => inferred(&json, posted),
            _ => self.whole(&json),
        });
        match reply {
            Some(reply) => self.admit(reply),
            None => self.failed(),
        }
    }

    /// The status and headers that a posted JSON tells.
    pub(super) fn head(self, json: &Json<'_>) -> Option<Parts> {
        let (mut parts, ()) = http::Response::new(()).into_parts();
        parts.status = status(json.get("statusCode"))?;
        parts.headers = match self {
            Self::RestApi | Self::RestApiText | Self::HttpApiV1 => merged(json)?,
            Self::HttpApi => header_map(json.get("headers"), Json::scalar)?,
            Self::AlbMultiValue => reversed(&header_map(json.get("multiValueHeaders"), text)?),
            Self::FunctionUrl | Self::Alb | Self::Lattice => header_map(json.get("headers"), text)?,
        };
        if self.infers() {
            for cookie in json.get("cookies").items() {
                parts
                    .headers
                    .append(SET_COOKIE, header_value(cookie.text()?)?);
            }
        }
        if self.infers() || self.is_api_gateway() {
            parts.headers = remapped(parts.headers);
        }
        Some(parts)
    }

    /// What the headers of a reply must not be.
    pub(super) fn admit(self, reply: Response) -> Response {
        let headers = reply.headers().iter();
        let size: usize = headers
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum();
        match self.is_api_gateway() && size > API_GATEWAY_HEADER_LIMIT {
            true => answer(StatusCode::INTERNAL_SERVER_ERROR),
            false => reply,
        }
    }

    fn whole(self, json: &Json<'_>) -> Option<Response> {
        let mut parts = self.head(json)?;
        let body = match json.get("body") {
            Json::Null => Bytes::new(),
            body => self.body(body.text()?, json.get("isBase64Encoded").is_true())?,
        };
        let body = match parts.status.as_u16() {
            204 | 304 => Bytes::new(),
            _ => body,
        };
        // The front door writes it, unless there is a length and no body: a reply to HEAD.
        if !body.is_empty() {
            parts.headers.insert(CONTENT_LENGTH, body.len().into());
        }
        Some(Response::from_parts(parts, Body::from(body)))
    }

    fn body(self, text: &str, encoded: bool) -> Option<Bytes> {
        match encoded && self != Self::RestApiText {
            true => BASE64.decode(text).ok().map(Bytes::from),
            false => Some(Bytes::copy_from_slice(text.as_bytes())),
        }
    }

    /// Whether it takes payload format 2.0, which may leave out what can be guessed.
    fn infers(self) -> bool {
        matches!(self, Self::HttpApi | Self::FunctionUrl)
    }
}

/// A function that says nothing of HTTP.
fn inferred(json: &Json<'_>, posted: &[u8]) -> Option<Response> {
    let body = match json.text() {
        Some(text) => text.as_bytes(),
        None => posted,
    };
    let mut response = Response::new(Body::from(body.to_vec()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, body.len().into());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Some(response)
}

fn status(code: &Json<'_>) -> Option<StatusCode> {
    let Json::Number(code) = code else {
        return None;
    };
    let code = u16::try_from(code.as_u64()?).ok()?;
    StatusCode::from_u16(code).ok().filter(|_| code < 600)
}

fn text<'a>(value: &'a Json<'_>) -> Option<Cow<'a, str>> {
    value.text().map(Cow::Borrowed)
}

/// `None` if a name or a value is none.
fn header_map<'a, 'e>(
    map: &'a Json<'e>,
    read: impl Fn(&'a Json<'e>) -> Option<Cow<'a, str>>,
) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, values) in map.entries() {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        for value in values.items() {
            let value = header_value(&read(value)?)?;
            headers.try_append(&name, value).ok()?;
        }
    }
    Some(headers)
}

/// The list of a name, and what the other map says besides.
fn merged(json: &Json<'_>) -> Option<HeaderMap> {
    let mut headers = header_map(json.get("multiValueHeaders"), Json::scalar)?;
    for (name, value) in &header_map(json.get("headers"), Json::scalar)? {
        if !headers.get_all(name).iter().any(|known| known == value) {
            headers.try_append(name, value.clone()).ok()?;
        }
    }
    Some(headers)
}

fn reversed(headers: &HeaderMap) -> HeaderMap {
    let mut reversed = HeaderMap::new();
    for name in headers.keys() {
        for value in headers.get_all(name).iter().rev() {
            reversed.append(name, value.clone());
        }
    }
    reversed
}

fn remapped(headers: HeaderMap) -> HeaderMap {
    let mut remapped = HeaderMap::new();
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
        remapped.append(name, value.clone());
    }
    remapped
}
