//! The rules for responses, which are the same on every host.

use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, TRAILER, UPGRADE,
};
use http::{Method, StatusCode};
use http_body::Body as _;

use super::headers::{HOP_BY_HOP, content_length, content_length_value, is_hop_by_hop};
use super::request_info::RequestInfo;
use super::response_body::CheckedBody;
use crate::error::Error;
use crate::response::BYTES;
use crate::{Body, Response, Result};

/// Checks that an exchange can end with this status.
///
/// # Errors
/// 500 for an informational status, which is never the final status (RFC 9110 §15.2). A 101 is allowed if the
/// client asked for an upgrade and the host can switch protocols.
pub(super) fn check_status(response: &Response, info: &RequestInfo) -> Result<()> {
    let status = response.status();
    let switching = status == StatusCode::SWITCHING_PROTOCOLS && info.upgrade;
    if status.is_informational() && !switching {
        let source =
            format!("the handler returned the status {status}, which this host cannot send");
        return Err(Error::from_status(StatusCode::INTERNAL_SERVER_ERROR).with_source(source));
    }
    Ok(())
}

/// Applies the rules for headers, length and body.
pub(super) fn apply(response: &mut Response, info: &RequestInfo) {
    let (declared, has_type) = clean_headers(response, info);
    match response.status().as_u16() {
        101 => return,
        204 | 304 => {
            // RFC 9110 §8.6 and §15.4.5: a 204 or 304 has no content, so remove the headers that describe content.
            response.headers_mut().remove(CONTENT_LENGTH);
            response.headers_mut().remove(CONTENT_TYPE);
            *response.body_mut() = Body::empty();
            return;
        }
        // RFC 9110 §15.3.6: a 205 has no content, but may have a Content-Length of 0.
        205 => {
            response.headers_mut().remove(CONTENT_TYPE);
            *response.body_mut() = Body::empty();
        }
        _ => {}
    }
    let length = set_length(response, declared, info);
    // A response to HEAD has the headers of the response to GET (RFC 9110 §9.3.2), so an empty body gets no type either.
    let is_empty = || length.or(response.body().size_hint().exact()) == Some(0);
    if !has_type && !is_empty() {
        // RFC 9110 §8.3 recommends a Content-Type and RFC 3875 §6.3.1 requires it. Browsers never execute this type.
        response.headers_mut().insert(CONTENT_TYPE, BYTES);
    }
    if info.method == Method::HEAD {
        *response.body_mut() = Body::empty();
    } else if response.body().as_bytes().is_none() {
        let mut info = info.clone();
        info.status = Some(response.status());
        let body = std::mem::take(response.body_mut());
        *response.body_mut() = Body::boxed(CheckedBody::new(body, length, info));
    }
}

/// Sets Content-Length to the length of the body if that length is known, and otherwise to the length that the handler
/// declared. If the host itself writes Content-Length, the header is not set. Returns the length.
fn set_length(response: &mut Response, declared: Option<u64>, info: &RequestInfo) -> Option<u64> {
    match response.body().size_hint().exact() {
        // A response to HEAD may declare the length of a body that the handler did not produce.
        // If a framework removed the body, its length of 0 is not the length of the response to GET, which is the
        // only length that RFC 9110 §8.6 allows.
        Some(0) if info.method == Method::HEAD => declared,
        Some(length) if info.context.host().frames() && info.method != Method::HEAD => {
            if declared.is_some() {
                response.headers_mut().remove(CONTENT_LENGTH);
            }
            Some(length)
        }
        Some(length) => {
            if declared != Some(length) {
                let value = content_length_value(length);
                response.headers_mut().insert(CONTENT_LENGTH, value);
            }
            Some(length)
        }
        None => declared,
    }
}

/// Removes the hop-by-hop headers except `Connection: close`, and the headers that some hosts would interpret. Returns the length that the
/// handler declared, and whether the handler set a Content-Type.
fn clean_headers(response: &mut Response, info: &RequestInfo) -> (Option<u64>, bool) {
    let (mut has_hop_by_hop, mut has_length, mut has_type) = (false, false, false);
    for name in response.headers().keys() {
        match name.as_str() {
            "content-type" => has_type = true,
            "content-length" => has_length = true,
            "trailer" | "status" => has_hop_by_hop = true,
            name => has_hop_by_hop |= is_hop_by_hop(name),
        }
    }
    if has_hop_by_hop {
        remove_hop_by_hop(response, info);
    }
    if !has_length {
        return (None, has_type);
    }
    let length = content_length(response.headers());
    match length {
        // Keep one field, even if the handler set several equal fields.
        Some(length) => {
            let value = content_length_value(length);
            response.headers_mut().insert(CONTENT_LENGTH, value)
        }
        None => response.headers_mut().remove(CONTENT_LENGTH),
    };
    (length, has_type)
}

fn remove_hop_by_hop(response: &mut Response, info: &RequestInfo) {
    let status = response.status();
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return;
    }
    let headers = response.headers_mut();
    // RFC 9110 §15.5.22: a 426 must name the protocol that the server asks for.
    let upgrade_required = status == StatusCode::UPGRADE_REQUIRED && info.http1_connection;
    let upgrade = headers.remove(UPGRADE).filter(|_| upgrade_required);
    // RFC 9110 §7.6.1: Connection lists further hop-by-hop headers.
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let close = info.http1_connection && named.iter().any(|name| name == "close");
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(*name);
    }
    if let Some(protocol) = upgrade {
        headers.insert(UPGRADE, protocol);
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
    if close {
        // RFC 9112 §9.6: the server closes the connection after a response with this header.
        headers.append(CONNECTION, HeaderValue::from_static("close"));
    }
    // RFC 3875 §6.3.3: a web server uses this header of a CGI program as the status of the response.
    headers.remove("status");
    if !info.context.host().carries_trailers() {
        headers.remove(TRAILER);
    }
}
