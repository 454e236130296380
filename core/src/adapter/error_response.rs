//! Errors as responses.

use std::borrow::Cow;

use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::request_info::RequestInfo;
use crate::error::Error;
use crate::problem::{self, PROBLEM_JSON};
use crate::response::TEXT;
use crate::{Body, Response};

/// The response to an error: its status, message and headers. In development mode, the body of a 5xx response is the
/// error with its sources, location and backtrace.
///
/// The body is not replaced if the error has its own Content-Type, because the details would not be valid JSON, for
/// example. It is not replaced for a 4xx status either, because clients that depend on these messages are tested in
/// development mode. Problem details (RFC 9457) of a 5xx contain the sources of the error as a member.
pub(crate) fn error_response(error: &Error, info: &RequestInfo) -> Response {
    let has_details = info.context.development() && error.status().as_u16() >= 500;
    let has_type = error.headers().contains_key(CONTENT_TYPE);
    // RFC 9110 §15.2: an informational status cannot end an exchange.
    let status = match error.status().is_informational() {
        true => StatusCode::INTERNAL_SERVER_ERROR,
        false => error.status(),
    };
    let body = match (error.problem(), error.shared_message()) {
        (Some(members), _) => {
            let sources = error.source().filter(|_| has_details);
            Body::from(problem::body(
                error,
                members,
                sources.map(|_| error.chain()),
            ))
        }
        (None, _) if has_details && !has_type => Body::from(format!("{error:#?}\n")),
        (None, Cow::Borrowed(message)) => Body::from(*message),
        (None, Cow::Owned(message)) => Body::from(message.clone()),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = error.headers().clone();
    let headers = response.headers_mut();
    match error.problem() {
        Some(_) => drop(headers.insert(CONTENT_TYPE, PROBLEM_JSON)),
        None => drop(headers.entry(CONTENT_TYPE).or_insert(TEXT)),
    }
    response
}
