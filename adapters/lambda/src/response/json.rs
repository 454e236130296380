//! Writes the JSON of a response.

use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{HeaderMap, HeaderName, HeaderValue, SET_COOKIE};
use http::response::Parts;

use crate::event::{Description, HeaderForm, HttpForm, ResponseForm};
use crate::header_text;

/// The prelude of a streamed response.
pub(crate) fn prelude(description: &Description, parts: &Parts) -> Vec<u8> {
    let mut json = Writer(Vec::with_capacity(256));
    json.raw("{\"statusCode\":");
    json.raw(parts.status.as_str());
    if let ResponseForm::Http(form) = description.response {
        headers(&mut json, form.headers, &parts.headers);
    }
    json.raw("}");
    json.0
}

/// The response with its body as `text`, or in base64.
pub(super) fn write(form: HttpForm, parts: &Parts, text: Option<&str>, body: &[u8]) -> Vec<u8> {
    let mut json = Writer(Vec::with_capacity(256 + body.len() + body.len() / 2));
    json.raw("{\"statusCode\":");
    json.raw(parts.status.as_str());
    if form.status_description {
        json.raw(",\"statusDescription\":");
        let reason = parts.status.canonical_reason().unwrap_or("Unknown");
        json.text(&format!("{} {reason}", parts.status.as_str()));
    }
    headers(&mut json, form.headers, &parts.headers);
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

fn headers(json: &mut Writer, form: HeaderForm, headers: &HeaderMap) {
    match form {
        HeaderForm::MultiValue => {
            json.raw(",\"multiValueHeaders\":");
            multi_value(json, headers);
        }
        HeaderForm::Joined => {
            json.raw(",\"headers\":");
            single_value(json, headers, false);
            json.raw(",\"cookies\":");
            json.list(headers.get_all(SET_COOKIE).iter());
        }
        HeaderForm::JoinedCookiesByCase => {
            json.raw(",\"headers\":");
            single_value(json, headers, true);
        }
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

/// With `cookies_by_case`, cookies are written under the names `set-cookie`, `Set-cookie`, `sEt-cookie`, …
/// Otherwise they are omitted.
fn single_value(json: &mut Writer, headers: &HeaderMap, cookies_by_case: bool) {
    json.raw("{");
    let mut count = 0;
    for name in headers.keys() {
        if name != SET_COOKIE {
            json.key(count, name.as_str());
            json.text(&joined(headers, name));
            count += 1;
        } else if cookies_by_case {
            for (index, cookie) in headers.get_all(name).iter().enumerate() {
                json.key(count, &cased(SET_COOKIE.as_str(), index));
                json.text(&header_text::from_value(cookie));
                count += 1;
            }
        }
    }
    json.raw("}");
}

fn joined<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Cow<'a, str> {
    let mut values = headers.get_all(name).iter();
    let mut text = values
        .next()
        .map(header_text::from_value)
        .unwrap_or_default();
    for value in values {
        let _ = write!(text.to_mut(), ", {}", header_text::from_value(value));
    }
    text
}

/// The name, with a capital letter for each bit that is set in `index`. `set-cookie` has nine letters, so it has 512
/// forms.
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

/// Writes a JSON document.
struct Writer(Vec<u8>);

impl Writer {
    fn raw(&mut self, json: &str) {
        self.0.extend_from_slice(json.as_bytes());
    }

    fn text(&mut self, text: &str) {
        // Neither writing to a `Vec` nor serializing a string can fail.
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
            self.text(&header_text::from_value(value));
        }
        self.raw("]");
    }
}
