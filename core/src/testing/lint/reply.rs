//! What a handler owes a host.

use std::sync::Arc;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, UPGRADE};
use http::{Method, StatusCode};
use http_body::Body as _;

use super::body::{Side, Watched};
use super::check_content_headers;
use crate::adapter::headers::{HOP_BY_HOP, content_length};
use crate::{Body, Error, Request, Response};

/// What of the request decides what its reply may be.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    head: bool,
    upgrade: bool,
}

impl Asked {
    pub(super) fn of(request: &Request) -> Self {
        Self {
            head: request.method() == Method::HEAD,
            upgrade: request.headers().contains_key(UPGRADE),
        }
    }
}

/// Says which rule the reply breaks, if it breaks one.
pub(super) fn check(response: &Response, asked: Asked) -> Result<(), String> {
    let status = response.status();
    let switched = status == StatusCode::SWITCHING_PROTOCOLS && asked.upgrade;
    if switched {
        return Ok(());
    }
    check_status(status)?;
    check_headers(response.headers())?;
    check_content(response)?;
    match asked.head {
        // It may declare the length of a body that the handler never made.
        true => Ok(()),
        false => check_length(response),
    }
}

/// Says which rule the reply to an error would break.
pub(super) fn check_error(error: &Error) -> Result<(), String> {
    check_status(error.status())?;
    check_headers(error.headers())
}

/// Watches the body, if it is still to come.
pub(super) fn watch(response: &mut Response, asked: Asked, open: &Arc<()>) {
    if response.body().as_bytes().is_some() {
        return;
    }
    let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let declared = match asked.head || switched {
        true => None,
        false => content_length(response.headers()),
    };
    let body = std::mem::take(response.body_mut());
    let side = Side::Reply {
        _open: open.clone(),
    };
    *response.body_mut() = Body::boxed(Watched::new(body, declared, side));
}

fn check_status(status: StatusCode) -> Result<(), String> {
    match status.as_u16() {
        200..=599 => Ok(()),
        code => Err(format!("the status {code} ends no exchange (RFC 9110 §15)")),
    }
}

fn check_headers(headers: &HeaderMap) -> Result<(), String> {
    if headers.contains_key("status") {
        return Err("a status header (RFC 3875 §6.3.3)".to_owned());
    }
    if let Some(name) = HOP_BY_HOP.iter().find(|name| headers.contains_key(**name)) {
        return Err(format!("the hop-by-hop header {name} (RFC 9110 §7.6.1)"));
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
        return Err(format!("a {code} has content (RFC 9110 {section})"));
    }
    let described = [CONTENT_TYPE, CONTENT_LENGTH]
        .into_iter()
        .find(|name| code != 205 && response.headers().contains_key(name));
    match described {
        Some(name) => Err(format!("a {code} has a {name} (RFC 9110 {section})")),
        None => Ok(()),
    }
}

/// The length that is known beforehand; what comes later is counted by [`watch`].
fn check_length(response: &Response) -> Result<(), String> {
    let exact = response.body().size_hint().exact();
    match (content_length(response.headers()), exact) {
        (Some(declared), Some(exact)) if declared != exact => Err(format!(
            "a content-length of {declared} with a body of {exact} bytes (RFC 9110 §8.6)"
        )),
        _ => Ok(()),
    }
}
