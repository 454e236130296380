//! hyper's request as a [`Request`].

use anyhost_core::{Body, Context, Error, Request};
use http::header::HOST;
use http::{StatusCode, Version};
use hyper::body::Incoming;

/// The request as handlers see it.
///
/// # Errors
/// RFC 9112 §3.2: an HTTP/1.1 request without a Host is a 400.
pub(crate) fn from_hyper(
    request: http::Request<Incoming>,
    context: Context,
) -> Result<Request, Error> {
    if request.version() == Version::HTTP_11
        && !request.headers().contains_key(HOST)
        && request.uri().authority().is_none()
    {
        return Err(Error::new(StatusCode::BAD_REQUEST, "Missing Host header"));
    }
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(context);
    Ok(request)
}
