//! Converts hyper's request into a [`Request`], without its context.

use anyhost_core::{Body, Request};
use http::Version;
use http::header::EXPECT;
use hyper::body::{Body as _, Incoming};

use super::upload::Upload;
use crate::state::ConnectionState;

pub(super) fn request(request: http::Request<Incoming>, connection: &ConnectionState) -> Request {
    let shared = &connection.shared;
    if request.body().is_end_stream() {
        return request.map(|_| Body::empty());
    }
    let (parts, incoming) = request.into_parts();
    // A client that sent `Expect: 100-continue` has not started its upload. Reading the body would make hyper ask for
    // the upload (RFC 9110 §10.1.1). In HTTP/2, the rest of a body is not read either, because a reset of the upload
    // does not affect the response.
    let drain = parts.version < Version::HTTP_2 && !parts.headers.contains_key(EXPECT);
    let drain_on = drain.then(|| shared.runtime.clone());
    let min_rate = shared.config.options.limits.min_body_rate;
    let activity = connection.registration.activity();
    let number = match parts.version {
        Version::HTTP_2 => 0,
        _ => activity.set_body_length(incoming.size_hint().exact()),
    };
    let upload = Upload::new(incoming, activity.clone(), number, drain_on, min_rate);
    Request::from_parts(parts, Body::new(upload))
}
