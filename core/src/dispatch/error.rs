//! Errors as replies, and what the log learns of them.

use std::borrow::Cow;

use http::header::CONTENT_TYPE;

use super::request::Seen;
use crate::error::Error;
use crate::reply::TEXT;
use crate::{Body, Response};

/// Logs the error, once and with its whole chain, and turns it into a reply.
pub(super) fn reply(error: Error, seen: &Seen) -> Response {
    log(&error, seen);
    let story = seen.context.development().then(|| format!("{error:?}\n"));
    let (status, message, headers) = error.into_parts();
    let body = match (story, message) {
        (Some(story), _) => Body::from(story),
        (None, Cow::Borrowed(message)) => Body::from(message),
        (None, Cow::Owned(message)) => Body::from(message),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response.headers_mut().entry(CONTENT_TYPE).or_insert(TEXT);
    response
}

fn log(error: &Error, seen: &Seen) {
    let status = error.status().as_u16();
    let (method, path) = (&seen.method, seen.path());
    let request_id = seen.context.request_id();
    if status >= 500 {
        tracing::error!(%method, path, status, request_id, "{error:?}");
    } else {
        tracing::debug!(%method, path, status, request_id, "{error:?}");
    }
}
