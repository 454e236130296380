//! Errors of handlers inside tower layers.
//!
//! A layer that adds headers, such as CORS or security headers, changes responses and ignores the errors of
//! its service. An error of a handler therefore passes through layers as the response that the client will
//! get, with the error in the extensions of this response. Outside the layers, the response becomes an `Err` again,
//! with the headers that the layers added, so that handlers around the layers can inspect and replace the error.

use std::sync::{Arc, Mutex, PoisonError};

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};

use crate::adapter::{RequestInfo, error_response, log_handler_error};
use crate::{Body, Error, Response, Result};

/// An error in the extensions of the response to this error. Extensions have to be `Clone`, and [`Error`] is not.
#[derive(Clone)]
struct HandlerError(Arc<Mutex<Option<(Error, RequestInfo)>>>);

/// Makes a response that contains the error.
pub(super) fn wrap(error: Error, info: RequestInfo) -> Response {
    let mut response = error_response(&error, &info);
    let error = HandlerError(Arc::new(Mutex::new(Some((error, info)))));
    response.extensions_mut().insert(error);
    response
}

/// Returns the error that a response contains, or the response itself if it contains no error.
///
/// If a layer changed the status, the changed response is returned, and the error is logged here, because no handler
/// outside of the layer will get the error.
pub(super) fn unwrap(mut response: http::Response<Body>) -> Result {
    let Some(HandlerError(slot)) = response.extensions_mut().remove::<HandlerError>() else {
        return Ok(response);
    };
    match slot.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some((error, _)) if error.status() == response.status() => {
            let mut headers = std::mem::take(response.headers_mut());
            // These two headers describe the body of this response. `exchange` makes another body from the error.
            headers.remove(CONTENT_LENGTH);
            headers.remove(CONTENT_ENCODING);
            Err(error.with_headers(headers))
        }
        Some((error, info)) => {
            log_handler_error(&error, &info);
            Ok(response)
        }
        None => Ok(response),
    }
}
