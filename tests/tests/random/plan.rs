//! Random requests and responses.

use anyhost::{Body, Request};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::stream;
use http::{HeaderName, HeaderValue, Method};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::json;

/// A request to `/echo` of the probe.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestPlan {
    /// An index into [`METHODS`].
    pub(crate) method: usize,
    /// Percent-encoded.
    pub(crate) segments: Vec<String>,
    /// Percent-encoded names and values.
    pub(crate) query: Vec<(String, Option<String>)>,
    /// The part of the name after `x-`, and the value.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) cookies: Vec<String>,
    /// An index into [`TYPES`].
    pub(crate) content_type: Option<usize>,
    pub(crate) body: Vec<u8>,
    pub(crate) known_length: bool,
}

/// A response that the route `/describe` of the probe sends.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResponsePlan {
    /// The status code minus 200.
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) cookies: Vec<String>,
    /// An index into [`TYPES`].
    pub(crate) content_type: Option<usize>,
    pub(crate) chunks: Vec<Vec<u8>>,
    /// Whether the body is one buffer instead of a stream.
    pub(crate) whole: bool,
    /// Whether the stream fails after its last chunk.
    pub(crate) fails: bool,
}

const METHODS: [&str; 9] = [
    "GET", "POST", "PUT", "PATCH", "DELETE", "PURGE", "QUERY", "OPTIONS", "HEAD",
];

pub(crate) const TYPES: [&str; 5] = [
    "application/octet-stream",
    "image/png",
    "text/plain",
    "application/json",
    "text/plain; charset=utf-16",
];

pub(crate) fn requests() -> impl Strategy<Value = RequestPlan> {
    let pair = (encoded(1..6), option::of(encoded(0..6)));
    let parts = (
        0..METHODS.len(),
        vec(encoded(0..8), 0..5),
        vec(pair, 0..5),
        headers(),
        vec("[a-z]{1,3}=[ -:<-~&&[^,; \"]]{0,8}", 0..4),
        option::of(0..TYPES.len()),
        vec(any::<u8>(), 0..600),
        any::<bool>(),
    );
    parts.prop_map(|parts| {
        let (method, segments, query, headers, cookies, content_type, body, known_length) = parts;
        RequestPlan {
            method,
            segments,
            query,
            headers,
            cookies,
            content_type,
            body,
            known_length,
        }
    })
}

pub(crate) fn responses() -> impl Strategy<Value = ResponsePlan> {
    let parts = (
        0..400u16,
        headers(),
        vec("[a-z]{1,3}=[ -~&&[^; ]]{0,8}(; Path=/)?", 0..4),
        option::of(0..TYPES.len()),
        vec(vec(any::<u8>(), 0..300), 0..5),
        any::<bool>(),
        any::<bool>(),
    );
    parts.prop_map(|parts| {
        let (status, headers, cookies, content_type, chunks, whole, fails) = parts;
        ResponsePlan {
            status,
            headers,
            cookies,
            content_type,
            chunks,
            whole,
            fails,
        }
    })
}

/// Characters that a path or query may hold, and any byte in percent-encoding.
fn encoded(length: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[a-zA-Z0-9._~-]",
        2 => "[!$'()*,:@]",
        1 => any::<u8>().prop_map(|byte| format!("%{byte:02X}")),
    ];
    vec(part, length).prop_map(|parts| parts.concat())
}

/// Headers with names from a small set, so that some are repeated. The values hold any bytes that a header value can hold,
/// without spaces at either end, which hosts may remove.
fn headers() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    let byte = prop_oneof![8 => 0x21..=0x7Eu8, 1 => Just(b' '), 1 => 0x80..=0xFFu8];
    let value = vec(byte, 0..20).prop_map(|value| value.trim_ascii().to_vec());
    vec(("[a-c]{1,2}", value), 0..6)
}

impl RequestPlan {
    pub(crate) fn request(&self) -> Request {
        let mut target = String::from("/echo");
        for segment in &self.segments {
            target.push('/');
            target.push_str(segment);
        }
        for (index, (name, value)) in self.query.iter().enumerate() {
            target.push(if index == 0 { '?' } else { '&' });
            target.push_str(name);
            if let Some(value) = value {
                target.push('=');
                target.push_str(value);
            }
        }
        let mut request = Request::new(self.body());
        *request.method_mut() = Method::from_bytes(METHODS[self.method].as_bytes()).unwrap();
        *request.uri_mut() = target.parse().unwrap();
        let headers = request.headers_mut();
        for (name, value) in &self.headers {
            let name = HeaderName::try_from(format!("x-{name}")).unwrap();
            headers.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        for cookie in &self.cookies {
            headers.append("cookie", cookie.parse().unwrap());
        }
        if let Some(content_type) = self.content_type {
            headers.insert(
                "content-type",
                HeaderValue::from_static(TYPES[content_type]),
            );
        }
        request
    }

    fn body(&self) -> Body {
        match self.known_length {
            true => self.body.clone().into(),
            false => Body::from_stream(stream::iter([Ok::<_, std::io::Error>(self.body.clone())])),
        }
    }
}

impl ResponsePlan {
    pub(crate) fn request(&self) -> Request {
        let latin1 = |value: &[u8]| {
            value
                .iter()
                .map(|&byte| char::from(byte))
                .collect::<String>()
        };
        let mut headers = Vec::new();
        for (name, value) in &self.headers {
            headers.push((format!("x-{name}"), latin1(value)));
        }
        for cookie in &self.cookies {
            headers.push(("set-cookie".into(), cookie.clone()));
        }
        if let Some(content_type) = self.content_type {
            headers.push(("content-type".into(), TYPES[content_type].into()));
        }
        let chunks: Vec<_> = self
            .chunks
            .iter()
            .map(|chunk| BASE64.encode(chunk))
            .collect();
        let description = json!({
            "status": 200 + self.status,
            "headers": headers,
            "chunks": chunks,
            "whole": self.whole,
            "fails": self.fails && !self.whole,
        });
        let mut request = Request::new(Body::from(description.to_string()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = "/describe".parse().unwrap();
        request
    }
}
