//! The request of a handler as a [`lambda_http::Request`].

use anyhost_core::http::Uri;
use anyhost_core::{Request, RequestExt, Result};

/// The largest body of an event. Handlers of `lambda_http` expect no larger body.
const BODY_LIMIT: &str = "6mb";

/// Reads the body, and completes the URI with scheme and host.
///
/// # Errors
/// 413 if the body is larger than 6 MB; 400 if reading the body fails.
pub(super) async fn into_lambda_http(mut request: Request) -> Result<lambda_http::Request> {
    let body = request.buffer_limit(BODY_LIMIT).await?;
    let uri = absolute(&request);
    let (mut parts, _) = request.into_parts();
    if let Some(uri) = uri {
        parts.uri = uri;
    }
    let body = match String::from_utf8(body.into()) {
        Ok(text) if text.is_empty() => lambda_http::Body::Empty,
        Ok(text) => lambda_http::Body::Text(text),
        Err(error) => lambda_http::Body::Binary(error.into_bytes()),
    };
    Ok(lambda_http::Request::from_parts(parts, body))
}

/// The URI of a request with scheme and host. `None` if the request has no Host header.
fn absolute(request: &Request) -> Option<Uri> {
    let mut parts = request.uri().clone().into_parts();
    parts.authority = Some(request.authority()?.parse().ok()?);
    parts.scheme = Some(request.context().scheme().clone());
    Uri::from_parts(parts).ok()
}
