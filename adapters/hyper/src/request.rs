//! hyper's request as a [`Request`].

use anyhost_core::{Body, Context, Request};
use http::Version;
use http::header::{EXPECT, HOST};
use hyper::body::{Body as _, Incoming};

use crate::upload::Upload;
use crate::work::Shared;

/// The request as handlers see it.
pub(crate) fn from_hyper(
    request: http::Request<Incoming>,
    context: Context,
    shared: &Shared,
) -> Request {
    let (mut parts, incoming) = request.into_parts();
    parts.extensions.insert(context);
    let body = match incoming.is_end_stream() {
        true => Body::empty(),
        false => {
            // An upload that waits for a 100 has not begun; reading it would call for it (RFC 9110
            // §10.1.1). HTTP/2 can refuse a body without losing the reply.
            let linger = parts.version < Version::HTTP_2 && !parts.headers.contains_key(EXPECT);
            let linger = linger.then(|| shared.runtime.clone());
            let rate = shared.options.limits.body_rate;
            Body::new(Upload::new(incoming, linger, rate))
        }
    };
    Request::from_parts(parts, body)
}

/// RFC 9112 §3.2: an HTTP/1.1 request without a Host is a 400. Most clients send it first, where it is found
/// without a search.
pub(crate) fn has_host(request: &Request) -> bool {
    request.version() != Version::HTTP_11
        || request.headers().keys().next() == Some(&HOST)
        || request.headers().contains_key(HOST)
}
