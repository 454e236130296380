//! Checks the response of a handler.

use std::sync::Arc;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, UPGRADE};
use http::{Method, StatusCode};
use http_body::Body as _;

use super::body::{Counted, Side};
use super::check_content_headers;
use crate::adapter::headers::{HOP_BY_HOP, content_length};
use crate::{Body, Error, Request, Response};

/// The properties of the request that decide which responses are valid.
#[derive(Clone, Copy)]
pub(super) struct Expectations {
    is_head: bool,
    has_upgrade: bool,
}

impl Expectations {
    pub(super) fn of(request: &Request) -> Self {
        Self {
            is_head: request.method() == Method::HEAD,
            has_upgrade: request.headers().contains_key(UPGRADE),
        }
    }
}

/// Returns the first rule that the response breaks.
pub(super) fn check(response: &Response, expectations: Expectations) -> Result<(), String> {
    let status = response.status();
    let switched = status == StatusCode::SWITCHING_PROTOCOLS && expectations.has_upgrade;
    if switched {
        return Ok(());
    }
    check_status(status)?;
    check_headers(response.headers())?;
    check_content(response)?;
    match expectations.is_head {
        // In a response to HEAD, a handler may declare the length of a body that the handler does not produce.
        true => Ok(()),
        false => check_length(response),
    }
}

/// Returns the first rule that the response to this error would break.
pub(super) fn check_error(error: &Error) -> Result<(), String> {
    check_status(error.status())?;
    check_headers(error.headers())
}

/// Wraps a streamed body, so that its bytes are counted.
pub(super) fn count(response: &mut Response, expectations: Expectations, open: &Arc<()>) {
    if response.body().as_bytes().is_some() {
        return;
    }
    let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let declared = match expectations.is_head || switched {
        true => None,
        false => content_length(response.headers()),
    };
    let body = std::mem::take(response.body_mut());
    let side = Side::Response {
        _open: open.clone(),
    };
    *response.body_mut() = Body::boxed(Counted::new(body, declared, side));
}

fn check_status(status: StatusCode) -> Result<(), String> {
    match status.as_u16() {
        200..=599 => Ok(()),
        code => Err(format!(
            "status {code} is not a final status (RFC 9110 §15)"
        )),
    }
}

fn check_headers(headers: &HeaderMap) -> Result<(), String> {
    if headers.contains_key("status") {
        return Err("unexpected header status (RFC 3875 §6.3.3)".to_owned());
    }
    // A handler may ask the host to close the connection.
    let is_close =
        |name| name == "connection" && headers.get_all(name).iter().all(|v| v == "close");
    let mut present = HOP_BY_HOP
        .iter()
        .filter(|name| headers.contains_key(**name));
    if let Some(name) = present.find(|name| !is_close(**name)) {
        return Err(format!(
            "unexpected hop-by-hop header {name} (RFC 9110 §7.6.1)"
        ));
    }
    check_content_headers(headers)
}

fn check_content(response: &Response) -> Result<(), String> {
    let section = match response.status().as_u16() {
        204 => "§15.3.5",
        205 => "§15.3.6",
        304 => "§15.4.5",
        _ => return Ok(()),
    };
    let (code, body) = (response.status().as_u16(), response.body());
    if !body.is_end_stream() && body.size_hint().exact() != Some(0) {
        return Err(format!(
            "a {code} response has content (RFC 9110 {section})"
        ));
    }
    let described = [CONTENT_TYPE, CONTENT_LENGTH]
        .into_iter()
        .find(|name| code != 205 && response.headers().contains_key(name));
    match described {
        Some(name) => Err(format!(
            "a {code} response has a {name} header (RFC 9110 {section})"
        )),
        None => Ok(()),
    }
}

/// Compares the declared length with the length of the body, if that is known in advance. [`count`] checks streams.
fn check_length(response: &Response) -> Result<(), String> {
    let exact = response.body().size_hint().exact();
    match (content_length(response.headers()), exact) {
        (Some(declared), Some(exact)) if declared != exact => Err(format!(
            "content-length is {declared}, but the body has {exact} bytes (RFC 9110 §8.6)"
        )),
        _ => Ok(()),
    }
}
