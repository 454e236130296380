//! Checks the request that a host sends to a handler.

use http::header::{HOST, UPGRADE};
use http::{Method, Version};
use http_body::Body as _;

use super::body::{Counted, Side};
use super::check_content_headers;
use crate::adapter::authority::is_host;
use crate::adapter::headers::{HOP_BY_HOP, content_length};
use crate::{Body, Request, RequestExt};

/// Returns the first rule that the request breaks.
pub(super) fn check(request: &Request) -> Result<(), String> {
    check_target(request)?;
    check_base_path(request.context().base_path())?;
    check_host(request)?;
    check_content_headers(request.headers())?;
    check_hop_by_hop(request)?;
    check_length(request)
}

/// Wraps a streamed body, so that its bytes are counted.
pub(super) fn count(request: &mut Request) {
    let declared = content_length(request.headers());
    if request.body().as_bytes().is_none() {
        let body = std::mem::take(request.body_mut());
        *request.body_mut() = Body::boxed(Counted::new(body, declared, Side::Request));
    }
}

fn check_target(request: &Request) -> Result<(), String> {
    let uri = request.uri();
    let is_server_wide = uri.path() == "*" && request.method() == Method::OPTIONS;
    let is_path = uri.path().starts_with('/') || is_server_wide;
    if uri.authority().is_some() || !is_path {
        return Err(format!("target {uri:?} is not a path (RFC 9112 §3.2)"));
    }
    Ok(())
}

fn check_base_path(base_path: &str) -> Result<(), String> {
    if base_path.is_empty() || (base_path.starts_with('/') && !base_path.ends_with('/')) {
        return Ok(());
    }
    Err(format!(
        "base path {base_path:?} must start with a slash and not end with one (Context::with_base_path)"
    ))
}

fn check_host(request: &Request) -> Result<(), String> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err("more than one host header (RFC 9112 §3.2)".to_owned());
    }
    match host {
        Some(host) if !is_host(host.as_bytes()) => {
            Err(format!("invalid host {host:?} (RFC 9110 §7.2)"))
        }
        _ => Ok(()),
    }
}

fn check_hop_by_hop(request: &Request) -> Result<(), String> {
    let headers = request.headers();
    let upgrade = headers.contains_key(UPGRADE)
        && request.version() == Version::HTTP_11
        && request.context().host().carries_upgrades();
    let found = HOP_BY_HOP.iter().find(|name| {
        let allowed = match **name {
            "connection" | "upgrade" => upgrade,
            "te" => request.version() == Version::HTTP_2,
            _ => false,
        };
        headers.contains_key(**name) && !allowed
    });
    match found {
        Some(name) => Err(format!(
            "unexpected hop-by-hop header {name} (RFC 9110 §7.6.1)"
        )),
        None => Ok(()),
    }
}

/// Compares the declared length with the length of the body, if that is known in advance. [`count`] checks streams.
fn check_length(request: &Request) -> Result<(), String> {
    let exact = request.body().size_hint().exact();
    match (content_length(request.headers()), exact) {
        (Some(declared), Some(exact)) if declared != exact => Err(format!(
            "content-length is {declared}, but the body has {exact} bytes (RFC 9112 §8)"
        )),
        _ => Ok(()),
    }
}
