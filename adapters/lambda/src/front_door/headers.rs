//! The request headers that an event source passes on, and the headers that it adds.

use std::net::IpAddr;

use anyhost_core::adapter::headers::{is_hop_by_hop, parse_content_length};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderValue, Request, StatusCode};

use crate::event::{Simulation, Values};
use crate::header_text::HeaderText;

const TRACE_ID: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";

/// The headers of the event.
///
/// # Errors
/// 400 for more than one Host header, or a Content-Length that differs from the length of the body.
pub(super) fn headers(
    simulation: &Simulation,
    header_text: HeaderText,
    accepts_plain_http: bool,
    request: &Request<Bytes>,
    peer: IpAddr,
) -> Result<Values, StatusCode> {
    let mut headers = Values::new();
    for (name, value) in request.headers() {
        // The source itself responds to `Expect: 100-continue` (RFC 9110 §10.1.1).
        if !is_hop_by_hop(name.as_str()) && name != "expect" {
            let values = headers.entry(name.as_str().to_owned()).or_default();
            values.push(text(header_text, value));
        }
    }
    set_host(&mut headers, simulation, request)?;
    set_content_length(&mut headers, simulation, request)?;
    set_forwarded(&mut headers, accepts_plain_http, request, peer);
    let trace_id = headers.entry("x-amzn-trace-id".to_owned());
    trace_id.or_insert_with(|| vec![TRACE_ID.to_owned()]);
    for (name, value) in simulation.added_headers {
        set(&mut headers, name, value);
    }
    Ok(headers)
}

fn set_host(
    headers: &mut Values,
    simulation: &Simulation,
    request: &Request<Bytes>,
) -> Result<(), StatusCode> {
    if request.headers().get_all(HOST).iter().count() > 1 {
        return Err(StatusCode::BAD_REQUEST);
    }
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    if let Some(authority) = authority {
        // RFC 9112 §3.2.2: the host of an absolute target replaces the Host header.
        set(headers, "host", authority);
    }
    let host = headers.entry("host".to_owned());
    host.or_insert_with(|| vec![simulation.host.to_owned()]);
    Ok(())
}

fn set_content_length(
    headers: &mut Values,
    simulation: &Simulation,
    request: &Request<Bytes>,
) -> Result<(), StatusCode> {
    let length = request.body().len();
    let mut declared = request.headers().get_all(CONTENT_LENGTH).iter();
    if declared.any(|declared| parse_content_length(declared.as_bytes()) != Some(length as u64)) {
        return Err(StatusCode::BAD_REQUEST);
    }
    let sent = headers.remove("content-length").is_some() || length > 0;
    if sent && simulation.sends_content_length {
        set(headers, "content-length", &length.to_string());
    }
    Ok(())
}

/// Appends the peer to X-Forwarded-For, and sets X-Forwarded-Proto and X-Forwarded-Port, replacing the values that
/// the client sent.
fn set_forwarded(
    headers: &mut Values,
    accepts_plain_http: bool,
    request: &Request<Bytes>,
    peer: IpAddr,
) {
    let mut chain = headers.remove("x-forwarded-for").unwrap_or_default();
    chain.push(peer.to_string());
    set(headers, "x-forwarded-for", &chain.join(", "));
    let plain = accepts_plain_http && request.uri().scheme_str() != Some("https");
    let (scheme, port) = match plain {
        true => ("http", "80"),
        false => ("https", "443"),
    };
    set(headers, "x-forwarded-proto", scheme);
    set(headers, "x-forwarded-port", port);
}

fn set(headers: &mut Values, name: &str, value: &str) {
    headers.insert(name.to_owned(), vec![value.to_owned()]);
}

/// A header value as the source writes it.
fn text(form: HeaderText, value: &HeaderValue) -> String {
    match form {
        HeaderText::Latin1 => value.as_bytes().iter().map(|&b| char::from(b)).collect(),
        HeaderText::Utf8 => {
            let mut text = String::new();
            for chunk in value.as_bytes().utf8_chunks() {
                text.push_str(chunk.valid());
                text.extend(chunk.invalid().iter().map(|&byte| raw_byte(byte)));
            }
            text
        }
    }
}

/// Represents a byte that is not UTF-8 in a string, as a private-use character.
fn raw_byte(byte: u8) -> char {
    char::from_u32(0xF700 + u32::from(byte)).unwrap_or_default()
}

/// Replaces the characters that represent bytes with these bytes.
pub(super) fn with_raw_bytes(event: String) -> Vec<u8> {
    if !event.contains(|c| c >= raw_byte(0x80) && c <= raw_byte(0xFF)) {
        return event.into();
    }
    let mut raw = Vec::with_capacity(event.len());
    for c in event.chars() {
        match u32::from(c).wrapping_sub(0xF700) {
            byte @ 0x80..=0xFF => raw.push(byte as u8),
            _ => raw.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    raw
}
