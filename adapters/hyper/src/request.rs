//! hyper's request as a [`Request`].

use anyhost_core::{Body, Context, Error, Request};
use http::header::{EXPECT, HOST};
use http::{StatusCode, Version};
use hyper::body::{Body as _, Incoming};

use crate::upload::Upload;
use crate::work::Shared;

/// The request as handlers see it.
///
/// # Errors
/// RFC 9112 §3.2: an HTTP/1.1 request without a Host is a 400.
pub(crate) fn from_hyper(
    mut request: http::Request<Incoming>,
    context: Context,
    shared: &Shared,
) -> Result<Request, Error> {
    if request.version() == Version::HTTP_11 && !has_host(&request) {
        return Err(Error::new(StatusCode::BAD_REQUEST, "Missing Host header"));
    }
    request.extensions_mut().insert(context);
    if request.body().is_end_stream() {
        return Ok(request.map(|_| Body::empty()));
    }
    // An upload that waits for a 100 has not begun; reading it would call for it (RFC 9110 §10.1.1).
    // HTTP/2 can refuse a body without losing the reply.
    let linger = request.version() < Version::HTTP_2 && !request.headers().contains_key(EXPECT);
    let linger = linger.then(|| shared.runtime.clone());
    let rate = shared.options.limits.body_rate;
    Ok(request.map(|incoming| Body::new(Upload::new(incoming, linger, rate))))
}

/// Most clients send it first, where it is found without a search.
fn has_host(request: &http::Request<Incoming>) -> bool {
    request.headers().keys().next() == Some(&HOST) || request.headers().contains_key(HOST)
}
