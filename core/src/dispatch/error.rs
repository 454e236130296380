//! Errors as replies, and what the log learns of them.

use std::borrow::Cow;

use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::request::Seen;
use crate::error::Error;
use crate::reply::TEXT;
use crate::{Body, Response};

/// The reply to an error: its status, message and headers, or its whole story in development mode.
pub(super) fn reply(error: Error, seen: &Seen) -> Response {
    let story = seen.context.development().then(|| format!("{error:?}\n"));
    let status = status(&error);
    let (message, headers) = error.into_parts();
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

/// Logs an error with its whole chain: loudly if it is ours, quietly if it is the client's.
pub(super) fn log(error: &Error, seen: &Seen) {
    let status = status(error).as_u16();
    let (method, path) = (&seen.method, seen.path());
    let request_id = seen.context.request_id();
    if status >= 500 {
        tracing::error!(%method, path, status, request_id, "{error:?}");
    } else {
        tracing::debug!(%method, path, status, request_id, "{error:?}");
    }
}

/// The error's status, if an exchange can end with it: not with an informational one (RFC 9110 §15.2).
fn status(error: &Error) -> StatusCode {
    match error.status().is_informational() {
        true => StatusCode::INTERNAL_SERVER_ERROR,
        false => error.status(),
    }
}
