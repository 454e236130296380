//! Responses that the server makes without the handler: rejections and health checks.

use anyhost_core::adapter::{RequestInfo, finish_response, reject, response_to};
use anyhost_core::{Error, Request, Response, send};
use http::header::{HOST, HeaderValue, RETRY_AFTER};
use http::{Method, StatusCode, Version};

use crate::state::{Phase, Shared};

pub(super) struct OwnResponse {
    pub(super) response: Response,
    /// Health checks are not in the access log, because load balancers send one every few seconds.
    pub(super) is_health_check: bool,
}

/// The server's own response, or `None` if the request is for the handler.
pub(super) fn own_response(request: &mut Request, shared: &Shared) -> Option<OwnResponse> {
    let own = |response, is_health_check| {
        Some(OwnResponse {
            response,
            is_health_check,
        })
    };
    if !has_host(request) {
        let error = Error::new(StatusCode::BAD_REQUEST, "Missing Host header");
        return own(reject(error, &RequestInfo::of(request)), false);
    }
    if shared.config.options.health
        && let Some(response) = health_check(request, shared)
    {
        return own(finish_response(response, &RequestInfo::of(request)), true);
    }
    if !shared.is_overloaded() {
        return None;
    }
    // Counted and not logged: under overload, a log line per rejected request would add to the load.
    shared.metrics.request_rejected();
    let error = unavailable().with_header(RETRY_AFTER, HeaderValue::from_static("1"));
    own(response_to(error, &RequestInfo::of(request)), false)
}

pub(super) fn unavailable() -> Error {
    Error::from_status(StatusCode::SERVICE_UNAVAILABLE)
}

/// RFC 9112 §3.2: an HTTP/1.1 request without Host is rejected with 400. hyper does not check it.
fn has_host(request: &Request) -> bool {
    request.version() != Version::HTTP_11
        // Most clients send Host first. Looking at the first header avoids a hash lookup.
        || request.headers().keys().next() == Some(&HOST)
        || request.headers().contains_key(HOST)
}

/// `/livez` succeeds while the process can respond at all. `/readyz` fails as soon as the server drains, so that load
/// balancers send no more requests.
fn health_check(request: &Request, shared: &Shared) -> Option<Response> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let healthy = match request.uri().path() {
        "/livez" => true,
        "/readyz" => shared.state.phase() == Phase::Serving,
        _ => return None,
    };
    let (status, text) = match healthy {
        true => (StatusCode::OK, "ok"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
    };
    send(status, text).ok()
}
