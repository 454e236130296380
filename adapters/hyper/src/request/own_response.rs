//! Responses that the server makes without the handler: rejections and health checks.

use std::sync::Arc;

use anyhost_core::adapter::{RequestInfo, reject, response_to};
use anyhost_core::{Context, Error, Handler, Request, Response, Result, send};
use http::header::{HOST, HeaderValue, RETRY_AFTER, TRANSFER_ENCODING};
use http::{Method, StatusCode, Version};

use super::in_flight::InFlight;
use crate::state::{Phase, ServerState};

/// The values for log events of a request that is rejected here. The core never gets the request, so it cannot set the
/// request id.
fn info(request: &mut Request, context: &Context) -> RequestInfo {
    request.extensions_mut().insert(context.clone());
    let info = RequestInfo::of(request);
    if let Some(id) = request.headers().get("x-request-id") {
        info.context().set_client_request_id(id.as_bytes());
    }
    info
}

/// Returns the response to an invalid request, or `None` if the request is valid.
pub(super) fn rejection(request: &mut Request, context: &Context) -> Option<Response> {
    if !has_host(request) {
        let error = Error::new(StatusCode::BAD_REQUEST, "Missing Host header");
        return Some(reject(error, &info(request, context)));
    }
    if !is_transfer_coding_known(request) {
        let message = "Unknown Transfer-Encoding: expected chunked";
        let error = Error::new(StatusCode::NOT_IMPLEMENTED, message);
        return Some(reject(error, &info(request, context)));
    }
    None
}

/// Returns a 503 response if too many requests are in flight.
pub(super) fn overload(request: &mut Request, in_flight: &InFlight) -> Option<Response> {
    let connection = &in_flight.connection;
    let shared = &connection.shared;
    let options = &shared.config.options;
    // A detached handler continues after its stream was reset, so the limit on streams alone does not limit detached
    // handlers.
    let requests = connection.registration.activity().requests_in_flight();
    let has_too_many_detached = options.detached && requests > options.limits.max_http2_streams;
    if !shared.is_overloaded() && !has_too_many_detached {
        return None;
    }
    // The rejection is counted but not logged, because under overload a log line per rejected request would add to the
    // load.
    shared.metrics.request_rejected();
    let error = unavailable().with_header(RETRY_AFTER, HeaderValue::from_static("1"));
    Some(response_to(error, &info(request, &in_flight.context)))
}

pub(super) fn unavailable() -> Error {
    Error::from_status(StatusCode::SERVICE_UNAVAILABLE)
}

/// RFC 9112 §3.2: an HTTP/1.1 request without Host is rejected with 400. hyper does not check this rule.
fn has_host(request: &Request) -> bool {
    request.version() != Version::HTTP_11
        // Most clients send Host first. Looking at the first header avoids a hash lookup.
        || request.headers().keys().next() == Some(&HOST)
        || request.headers().contains_key(HOST)
}

/// RFC 9112 §6.1: a request with an unknown transfer coding is rejected with 501. hyper accepts every request whose
/// last coding is `chunked`. The handler would then get a body that is still encoded with the other codings.
fn is_transfer_coding_known(request: &Request) -> bool {
    use http_body::Body as _;
    if request.version() == Version::HTTP_2 || request.body().is_end_stream() {
        return true;
    }
    let mut codings = request.headers().get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => coding.as_bytes().eq_ignore_ascii_case(b"chunked"),
        _ => false,
    }
}

pub(super) fn is_health_check(request: &Request) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
        && matches!(request.uri().path(), "/livez" | "/readyz")
}

/// The handler for health checks. `/livez` succeeds as long as the process can respond. `/readyz` fails as soon as the
/// server drains, so that load balancers send no more requests.
pub(crate) struct HealthChecks(pub(crate) Arc<ServerState>);

#[anyhost_core::async_trait]
impl Handler for HealthChecks {
    async fn handle(&self, request: Request) -> Result<Response> {
        let is_serving = self.0.phase() == Phase::Serving;
        match is_serving || request.uri().path() == "/livez" {
            true => send(StatusCode::OK, "ok"),
            false => send(StatusCode::SERVICE_UNAVAILABLE, "draining"),
        }
    }
}
