//! What a host owes a handler.

use http::header::{HOST, UPGRADE};
use http::{Method, Version};
use http_body::Body as _;

use super::body::{Side, Watched};
use super::check_content_headers;
use crate::adapter::authority::is_host;
use crate::adapter::headers::{HOP_BY_HOP, content_length};
use crate::{Body, Request, RequestExt};

/// Says which rule the request breaks, if it breaks one.
pub(super) fn check(request: &Request) -> Result<(), String> {
    check_target(request)?;
    check_base_path(request.context().base_path())?;
    check_host(request)?;
    check_content_headers(request.headers())?;
    check_hop_by_hop(request)?;
    check_length(request)
}

/// Counts the body, if it is still to come.
pub(super) fn watch(request: &mut Request) {
    let declared = content_length(request.headers());
    if request.body().as_bytes().is_none() {
        let body = std::mem::take(request.body_mut());
        *request.body_mut() = Body::boxed(Watched::new(body, declared, Side::Request));
    }
}

fn check_target(request: &Request) -> Result<(), String> {
    let uri = request.uri();
    let whole_server = uri.path() == "*" && request.method() == Method::OPTIONS;
    let path = uri.path().starts_with('/') || whole_server;
    if uri.authority().is_some() || !path {
        return Err(format!("the target {uri:?} is no path (RFC 9112 §3.2)"));
    }
    Ok(())
}

fn check_base_path(base_path: &str) -> Result<(), String> {
    if base_path.is_empty() || (base_path.starts_with('/') && !base_path.ends_with('/')) {
        return Ok(());
    }
    Err(format!(
        "the base path {base_path:?} starts with no slash or ends with one (Context::with_base_path)"
    ))
}

fn check_host(request: &Request) -> Result<(), String> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err("more than one host (RFC 9112 §3.2)".to_owned());
    }
    match host {
        Some(host) if !is_host(host.as_bytes()) => {
            Err(format!("the host {host:?} names no place (RFC 9110 §7.2)"))
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
        Some(name) => Err(format!("the hop-by-hop header {name} (RFC 9110 §7.6.1)")),
        None => Ok(()),
    }
}

/// The length that is known beforehand; what comes later is counted by [`watch`].
fn check_length(request: &Request) -> Result<(), String> {
    let exact = request.body().size_hint().exact();
    match (content_length(request.headers()), exact) {
        (Some(declared), Some(exact)) if declared != exact => Err(format!(
            "a content-length of {declared} with a body of {exact} bytes (RFC 9112 §8)"
        )),
        _ => Ok(()),
    }
}
