//! Determines where the request body on stdin ends.

use anyhost_core::adapter::headers::parse_content_length;
use anyhost_core::http::StatusCode;
use anyhost_core::{Error, Result};

use crate::environment::Environment;
use crate::options::Options;

/// How the end of the request body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// The request has no body.
    None,
    /// The body has this many bytes. The server need not send an end of file after the body (RFC 3875 §4.2).
    Length(u64),
    /// The body ends at the end of file. The server decoded a chunked body, and did not know the length.
    ToEnd,
}

impl Framing {
    /// Determines the framing of a request.
    ///
    /// # Errors
    /// 400 if the length is invalid, 411 if the end of the body cannot be found.
    pub(crate) fn of(environment: &Environment, options: &Options) -> Result<Self> {
        if options.body_to_end || is_error_document(environment) {
            return Ok(Self::ToEnd);
        }
        // For a GET with a body, busybox passes the length only as a header.
        let length = environment
            .bytes("CONTENT_LENGTH")
            .or_else(|| environment.bytes("HTTP_CONTENT_LENGTH"));
        if let Some(length) = length {
            return match parse_content_length(length) {
                Some(0) => Ok(Self::None),
                Some(length) => Ok(Self::Length(length)),
                None => Err(Error::new(
                    StatusCode::BAD_REQUEST,
                    "Invalid Content-Length",
                )),
            };
        }
        let coding = environment
            .text("HTTP_TRANSFER_ENCODING")
            .unwrap_or_default();
        if !coding.to_ascii_lowercase().contains("chunked") {
            return Ok(Self::None);
        }
        let software = environment.text("SERVER_SOFTWARE").unwrap_or_default();
        if software.starts_with("busybox") {
            // busybox does not decode chunks, and passes on only the bytes of its first read.
            return Err(Error::from_status(StatusCode::LENGTH_REQUIRED));
        }
        Ok(Self::ToEnd)
    }
}

/// Whether Apache runs the program to create the error page of a failed request (`ErrorDocument`). CONTENT_LENGTH
/// then belongs to the failed request, whose body Apache has discarded, so stdin is empty. Apache sets
/// REDIRECT_REQUEST_METHOD for these requests only, and each further internal redirect adds another `REDIRECT_` in
/// front of the name.
fn is_error_document(environment: &Environment) -> bool {
    environment.iter().any(|(name, _)| {
        name.strip_prefix(b"REDIRECT_")
            .is_some_and(|name| name.ends_with(b"REQUEST_METHOD"))
    })
}
