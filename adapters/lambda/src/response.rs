//! A [`Response`] as the JSON that its front door takes.

use std::borrow::Cow;
use std::fmt::Write as _;

use anyhost_core::{Context, Error, Response, refuse};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue, SET_COOKIE};
use http::{StatusCode, response::Parts};
use http_body_util::{BodyExt, Collected, LengthLimitError, Limited};

use crate::event::Source;

/// Reads the body whole and writes the reply. A body that fails half-way, or is more than the front
/// door takes, is a 500: nothing was sent yet.
pub(crate) async fn to_json(source: Source, response: Response, context: &Context) -> Vec<u8> {
    let (parts, body) = response.into_parts();
    let limit = source.reply_limit();
    if !headers_fit(source, &parts.headers) {
        return failed(source, context).await;
    }
    match Limited::new(body, limit)
        .collect()
        .await
        .map(Collected::to_bytes)
    {
        Ok(body) => {
            let text = as_text(&parts.headers, &body);
            let json = write(source, &parts, text, &body);
            if json.len() <= limit {
                return json;
            }
            // A text of control characters is up to six times as long in JSON; base64 never is. A
            // REST API may not decode it.
            if text.is_some() && source != Source::RestApi {
                let json = write(source, &parts, None, &body);
                if json.len() <= limit {
                    return json;
                }
            }
            tracing::error!(
                length = json.len(),
                limit,
                "the reply is more than {source} takes"
            );
        }
        Err(error) if error.is::<LengthLimitError>() => {
            tracing::error!(limit, "the reply is more than {source} takes");
        }
        // It was logged where it happened.
        Err(_) => {}
    }
    failed(source, context).await
}

async fn failed(source: Source, context: &Context) -> Vec<u8> {
    let failed = Error::from_status(StatusCode::INTERNAL_SERVER_ERROR);
    let (parts, body) = refuse(failed, context).into_parts();
    let body = body
        .collect()
        .await
        .map(Collected::to_bytes)
        .unwrap_or_default();
    write(source, &parts, as_text(&parts.headers, &body), &body)
}

/// Whether the front door takes such headers; if not, the log says so.
pub(crate) fn headers_fit(source: Source, headers: &HeaderMap) -> bool {
    let (length, limit) = (header_size(headers), source.header_limit());
    if length > limit {
        tracing::error!(
            length,
            limit,
            "the reply's headers are more than {source} takes"
        );
    }
    length <= limit
}

/// The names and values, with two bytes between them and two behind each.
fn header_size(headers: &HeaderMap) -> usize {
    let sizes = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4);
    sizes.sum()
}

/// The head of a reply that is streamed. All its values are texts, since arrays are understood in
/// `multiValueHeaders` only, and that of REST APIs only.
pub(crate) fn prelude(source: Source, parts: &Parts) -> Vec<u8> {
    let mut json = Writer(Vec::with_capacity(256));
    json.raw("{\"statusCode\":");
    json.raw(parts.status.as_str());
    if source == Source::RestApi {
        json.raw(",\"multiValueHeaders\":");
        multi_value(&mut json, &parts.headers);
    } else {
        json.raw(",\"headers\":");
        single_value(&mut json, &parts.headers, Cookies::Apart);
        json.raw(",\"cookies\":");
        cookies(&mut json, &parts.headers);
    }
    json.raw("}");
    json.0
}

/// The reply, with its body as this text, or as base64.
fn write(source: Source, parts: &Parts, text: Option<&str>, body: &Bytes) -> Vec<u8> {
    let mut json = Writer(Vec::with_capacity(256 + body.len() + body.len() / 2));
    json.raw("{\"statusCode\":");
    json.raw(parts.status.as_str());
    if matches!(
        source,
        Source::Alb | Source::AlbMultiValue | Source::Lattice | Source::LatticeV1
    ) {
        json.raw(",\"statusDescription\":");
        let reason = parts.status.canonical_reason().unwrap_or("Unknown");
        json.text(&format!("{} {reason}", parts.status.as_str()));
    }
    match source {
        Source::RestApi | Source::HttpApiV1 | Source::AlbMultiValue | Source::WebSocket => {
            json.raw(",\"multiValueHeaders\":");
            multi_value(&mut json, &parts.headers);
        }
        Source::HttpApi | Source::FunctionUrl | Source::Event => {
            json.raw(",\"headers\":");
            single_value(&mut json, &parts.headers, Cookies::Apart);
            json.raw(",\"cookies\":");
            cookies(&mut json, &parts.headers);
        }
        Source::Alb | Source::Lattice | Source::LatticeV1 => {
            json.raw(",\"headers\":");
            single_value(&mut json, &parts.headers, Cookies::ByCase);
        }
    }
    json.raw(",\"isBase64Encoded\":");
    json.raw(if text.is_some() { "false" } else { "true" });
    json.raw(",\"body\":");
    match text {
        Some(text) => json.text(text),
        None => {
            json.raw("\"");
            json.raw(&BASE64.encode(body));
            json.raw("\"");
        }
    }
    json.raw("}");
    json.0
}

/// The body as a text, if that is what it is. The bytes decide, so nothing is ever altered; what is
/// compressed is no text even where its bytes happen to be one.
fn as_text<'a>(headers: &HeaderMap, body: &'a Bytes) -> Option<&'a str> {
    let encoded = headers
        .get(CONTENT_ENCODING)
        .is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if encoded && !body.is_empty() {
        None
    } else {
        std::str::from_utf8(body).ok()
    }
}

fn multi_value(json: &mut Writer, headers: &HeaderMap) {
    json.raw("{");
    for (index, name) in headers.keys().enumerate() {
        json.key(index, name.as_str());
        json.list(headers.get_all(name).iter());
    }
    json.raw("}");
}

fn cookies(json: &mut Writer, headers: &HeaderMap) {
    json.list(headers.get_all(SET_COOKIE).iter());
}

/// Where cookies go if a name may stand only once: each needs a line of its own (RFC 6265 §3), so
/// they are never joined with commas as other headers are (RFC 9110 §5.3).
enum Cookies {
    /// In a list of their own.
    Apart,
    /// Under names that differ in case: `set-cookie`, `Set-cookie`, `sEt-cookie`, …
    ByCase,
}

fn single_value(json: &mut Writer, headers: &HeaderMap, place: Cookies) {
    json.raw("{");
    let mut count = 0;
    for name in headers.keys() {
        if name != SET_COOKIE {
            json.key(count, name.as_str());
            json.text(&joined(headers, name));
            count += 1;
        } else if matches!(place, Cookies::ByCase) {
            for (index, cookie) in headers.get_all(name).iter().enumerate() {
                json.key(count, &cased(SET_COOKIE.as_str(), index));
                json.text(&value_text(cookie));
                count += 1;
            }
        }
    }
    json.raw("}");
}

fn joined<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Cow<'a, str> {
    let mut values = headers.get_all(name).iter();
    let mut text = values.next().map(value_text).unwrap_or_default();
    for value in values {
        let _ = write!(text.to_mut(), ", {}", value_text(value));
    }
    text
}

/// The name with the bits of `index` as capitals: 1,024 names for `set-cookie`, whose dash has no case.
fn cased(name: &str, index: usize) -> String {
    let letters = name.chars().filter(char::is_ascii_alphabetic).count();
    let mut bit = 0;
    let cased = name.chars().map(|c| {
        if !c.is_ascii_alphabetic() {
            return c;
        }
        bit += 1;
        if (index % (1 << letters)) >> (bit - 1) & 1 == 1 {
            c.to_ascii_uppercase()
        } else {
            c
        }
    });
    cased.collect()
}

/// JSON has no bytes: what is no UTF-8 is written as the characters of Latin-1 (RFC 9110 §5.5).
fn value_text(value: &HeaderValue) -> Cow<'_, str> {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => value
            .as_bytes()
            .iter()
            .map(|&b| char::from(b))
            .collect::<String>()
            .into(),
    }
}

/// JSON as it is written, piece by piece.
struct Writer(Vec<u8>);

impl Writer {
    fn raw(&mut self, json: &str) {
        self.0.extend_from_slice(json.as_bytes());
    }

    fn text(&mut self, text: &str) {
        // Writing to memory does not fail, and a text has no error of its own.
        let _ = serde_json::to_writer(&mut self.0, text);
    }

    fn key(&mut self, index: usize, name: &str) {
        if index > 0 {
            self.raw(",");
        }
        self.text(name);
        self.raw(":");
    }

    fn list<'a>(&mut self, values: impl Iterator<Item = &'a HeaderValue>) {
        self.raw("[");
        for (index, value) in values.enumerate() {
            if index > 0 {
                self.raw(",");
            }
            self.text(&value_text(value));
        }
        self.raw("]");
    }
}
