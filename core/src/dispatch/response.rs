//! The rules that every reply obeys, whatever the host.

use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TRAILER, UPGRADE,
};
use http::{Method, StatusCode};

use http_body::Body as _;

use super::request::Seen;
use super::stream::Watched;
use crate::error::Error;
use crate::reply::BYTES;
use crate::{Body, Response, Result};

/// Refuses what no host may send: an informational status as the final one (RFC 9110 §15.2). A 101
/// passes if the client asked for it and the host can switch protocols.
pub(super) fn check(response: &Response, seen: &Seen) -> Result<()> {
    let status = response.status();
    let switch = status == StatusCode::SWITCHING_PROTOCOLS;
    if status.is_informational() && !(switch && seen.upgrade) {
        let why = format!("the handler replied with {status}, which this host cannot send");
        return Err(Error::from_status(StatusCode::INTERNAL_SERVER_ERROR).with_source(why));
    }
    Ok(())
}

/// Applies the rules for headers, length and body.
pub(super) fn finish(response: &mut Response, seen: &Seen) {
    let (declared, typed) = clean(response, seen);
    match response.status().as_u16() {
        101 => return,
        204 | 304 => {
            // RFC 9110 §8.6 and §15.4.5: no content, and nothing that describes one.
            response.headers_mut().remove(CONTENT_LENGTH);
            response.headers_mut().remove(CONTENT_TYPE);
            *response.body_mut() = Body::empty();
            return;
        }
        // RFC 9110 §15.3.6.
        205 => {
            response.headers_mut().remove(CONTENT_TYPE);
            *response.body_mut() = Body::empty();
        }
        _ => {}
    }
    let length = set_length(response, declared, seen);
    if length != Some(0) && !typed {
        // RFC 9110 §8.3 and, for CGI a must, RFC 3875 §6.3.1. Never a type that a browser would run.
        response.headers_mut().insert(CONTENT_TYPE, BYTES);
    }
    if seen.method == Method::HEAD {
        *response.body_mut() = Body::empty();
    } else if response.body().as_bytes().is_none() {
        let body = std::mem::take(response.body_mut());
        *response.body_mut() = Body::boxed(Watched::new(body, length, seen.clone()));
    }
}

/// Declares the length of the body if it is known, whatever the handler said, or leaves that to a host
/// that does it anyway; keeps what the handler said if it is not known.
fn set_length(response: &mut Response, declared: Option<u64>, seen: &Seen) -> Option<u64> {
    match response.body().size_hint().exact() {
        // A reply to HEAD may declare the length of a body that the handler never made.
        Some(0) if seen.method == Method::HEAD && declared.is_some() => declared,
        Some(length) if seen.context.host().frames() && seen.method != Method::HEAD => {
            if declared.is_some() {
                response.headers_mut().remove(CONTENT_LENGTH);
            }
            Some(length)
        }
        Some(length) => {
            if declared != Some(length) {
                let value = HeaderValue::from(length);
                response.headers_mut().insert(CONTENT_LENGTH, value);
            }
            Some(length)
        }
        None => declared,
    }
}

/// Takes out the hop-by-hop headers (RFC 9110 §7.6.1) and those that hosts would take for their own,
/// and finds the Content-Length that the handler declared, and whether it set a Content-Type.
fn clean(response: &mut Response, seen: &Seen) -> (Option<u64>, bool) {
    let mut unusual = false;
    let mut declared = false;
    let mut typed = false;
    for name in response.headers().keys() {
        match name.as_str() {
            "content-type" => typed = true,
            "content-length" => declared = true,
            "connection" | "keep-alive" | "proxy-connection" | "transfer-encoding" | "te"
            | "upgrade" | "http2-settings" | "trailer" | "status" => unusual = true,
            _ => {}
        }
    }
    if unusual {
        remove_hop_by_hop(response, seen);
    }
    if !declared {
        return (None, typed);
    }
    let length = declared_length(response.headers());
    match length {
        // One of them, if there were several that agree.
        Some(length) => response.headers_mut().insert(CONTENT_LENGTH, length.into()),
        None => response.headers_mut().remove(CONTENT_LENGTH),
    };
    (length, typed)
}

fn remove_hop_by_hop(response: &mut Response, seen: &Seen) {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return;
    }
    let headers = response.headers_mut();
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [
        "keep-alive",
        "proxy-connection",
        "transfer-encoding",
        "te",
        "http2-settings",
        "status",
    ] {
        headers.remove(name);
    }
    headers.remove(CONNECTION);
    headers.remove(UPGRADE);
    if !seen.context.host().carries_trailers() {
        headers.remove(TRAILER);
    }
}

/// One Content-Length of digits only; two that differ, or anything else, are no length at all.
fn declared_length(headers: &HeaderMap) -> Option<u64> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let first = lengths.next()?;
    if lengths.any(|other| other != first) || !first.as_bytes().iter().all(u8::is_ascii_digit) {
        return None;
    }
    first.to_str().ok()?.parse().ok()
}
