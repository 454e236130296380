//! hyper's request as a [`Request`].

use anyhost_core::{Body, Context, Error, Request};
use http::header::{EXPECT, HOST};
use http::{StatusCode, Version};
use hyper::body::{Body as _, Incoming};
use tokio::runtime::Handle;

use crate::linger::Lingering;

/// The request as handlers see it.
///
/// # Errors
/// RFC 9112 §3.2: an HTTP/1.1 request without a Host is a 400.
pub(crate) fn from_hyper(
    request: http::Request<Incoming>,
    context: Context,
    runtime: &Handle,
) -> Result<Request, Error> {
    if request.version() == Version::HTTP_11 && !request.headers().contains_key(HOST) {
        return Err(Error::new(StatusCode::BAD_REQUEST, "Missing Host header"));
    }
    // An upload that waits for a 100 has not begun; reading it would call for it (RFC 9110 §10.1.1).
    // HTTP/2 can refuse a body without losing the reply.
    let linger = !request.body().is_end_stream()
        && request.version() < Version::HTTP_2
        && !request.headers().contains_key(EXPECT);
    let mut request = match linger {
        true => request.map(|body| Body::new(Lingering::new(body, runtime.clone()))),
        false => request.map(Body::new),
    };
    request.extensions_mut().insert(context);
    Ok(request)
}
