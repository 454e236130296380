//! Encodes a [`Response`] as the JSON that an event source accepts.

mod json;

use std::str;

use anyhost_core::adapter::{RequestInfo, report_error, response_to};
use anyhost_core::{Error, Response, Result};
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, HeaderMap};
use http::{StatusCode, response::Parts};
use http_body_util::{LengthLimitError, Limited};

use crate::body;
use crate::event::{Description, HttpForm, PRELUDE_LIMIT};
use crate::runtime::Failure;

/// Reads the body and writes the response as JSON. If the body fails or the source does not accept a
/// response of that size, the response becomes a 500, because nothing was sent yet.
pub(crate) async fn to_json(
    description: &Description,
    form: HttpForm,
    response: Response,
    info: &RequestInfo,
) -> Vec<u8> {
    let (parts, body) = response.into_parts();
    let limit = description.response_limit;
    if !head_fits(description, &parts) {
        return write(form, not_accepted(info)).await;
    }
    match body::read(Limited::new(body, limit)).await {
        Ok(body) => {
            let text = as_text(&parts.headers, &body);
            let json = json::write(form, &parts, text, &body);
            if json.len() <= limit {
                return json;
            }
            // In JSON, a control character needs up to six bytes; in base64, each byte needs only 4/3 bytes.
            if text.is_some() && form.decodes_base64 {
                let json = json::write(form, &parts, None, &body);
                if json.len() <= limit {
                    return json;
                }
            }
            log_too_large(description, Some(json.len()));
        }
        Err(error) if error.is::<LengthLimitError>() => log_too_large(description, None),
        // The core has logged the error.
        Err(_) => {
            let error = Error::from_status(StatusCode::INTERNAL_SERVER_ERROR);
            return write(form, response_to(error, info)).await;
        }
    }
    write(form, not_accepted(info)).await
}

fn log_too_large(description: &Description, length: Option<usize>) {
    let (source, limit) = (description.name, description.response_limit);
    tracing::error!(
        source,
        length,
        limit,
        "response too large for the event source, sending a 500 instead"
    );
}

/// The 500 instead of a response that the event source does not accept. The reason is already in the log.
pub(crate) fn not_accepted(info: &RequestInfo) -> Response {
    let error = Error::from_status(StatusCode::INTERNAL_SERVER_ERROR)
        .with_source("the event source does not accept the status or the size of the response");
    report_error(&error, info);
    response_to(error, info)
}

async fn write(form: HttpForm, response: Response) -> Vec<u8> {
    let (parts, body) = response.into_parts();
    let body = body::read(body).await.unwrap_or_default();
    json::write(form, &parts, as_text(&parts.headers, &body), &body)
}

/// Whether the source accepts the status and headers of this size; logs if it does not.
fn head_fits(description: &Description, parts: &Parts) -> bool {
    let source = description.name;
    let status = parts.status.as_u16();
    // RFC 9110 §15: status codes end with 599. For a larger status code, every source sends 502.
    if status > 599 {
        tracing::error!(
            source,
            status,
            "response status invalid for the event source, sending a 500 instead"
        );
        return false;
    }
    let (length, limit) = (
        header_size(&parts.headers),
        description.response_header_limit,
    );
    let fits = length <= limit;
    if !fits {
        log_headers_too_large(source, length, limit);
    }
    fits
}

fn log_headers_too_large(source: &str, length: usize, limit: usize) {
    tracing::error!(
        source,
        length,
        limit,
        "response headers too large for the event source, sending a 500 instead"
    );
}

/// The prelude of a streamed response, unless the source does not accept it; logs if it does not.
pub(crate) fn prelude(description: &Description, parts: &Parts) -> Option<Vec<u8>> {
    if !head_fits(description, parts) {
        return None;
    }
    let prelude = json::prelude(description, parts);
    // JSON needs up to six bytes for a character, so headers within the header limit can exceed the limit of the
    // prelude.
    if prelude.len() > PRELUDE_LIMIT {
        log_headers_too_large(description.name, prelude.len(), PRELUDE_LIMIT);
        return None;
    }
    Some(prelude)
}

/// The size of the headers as HTTP/1.1 lines, with `: ` and CR LF.
fn header_size(headers: &HeaderMap) -> usize {
    let sizes = headers.iter();
    let sizes = sizes.map(|(name, value)| name.as_str().len() + value.len() + 4);
    sizes.sum()
}

/// The body as text, if it is valid UTF-8 and has no Content-Encoding. The bytes decide and not the
/// Content-Type, so the body never changes. A compressed body can be valid UTF-8 by accident.
fn as_text<'a>(headers: &HeaderMap, body: &'a Bytes) -> Option<&'a str> {
    let encoded = headers
        .get(CONTENT_ENCODING)
        .is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    match encoded && !body.is_empty() {
        true => None,
        false => str::from_utf8(body).ok(),
    }
}

/// The body as the result of an invocation: JSON as it is, other text as a JSON string, and an empty body as
/// `null`.
///
/// # Errors
/// Returns a failure if the status is not successful, or if the body fails, is too large or is not UTF-8. If the body
/// of an unsuccessful response has the form of a Lambda error (`errorType` and `errorMessage`), the failure is that
/// error, so that the states of Step Functions can catch it.
pub(crate) async fn to_result(
    description: &Description,
    response: Response,
) -> Result<Vec<u8>, Failure> {
    let (Parts { status, .. }, body) = response.into_parts();
    let body = body::read(Limited::new(body, description.response_limit)).await;
    let invalid = |error: Error| Failure::new("Runtime.InvalidResponse", error);
    let body = body.map_err(|error| invalid(Error::from_boxed(error)))?;
    // A redirect is an error here, because no client follows it and the event would be lost.
    if !status.is_success() {
        return Err(Failure::from_body(status, &body).unwrap_or_else(|| {
            let message = String::from_utf8_lossy(&body).into_owned();
            let kind = format!("Handler.Status{}", status.as_str());
            Failure::new(kind, Error::new(status, message))
        }));
    }
    if body.is_empty() {
        return Ok(b"null".to_vec());
    }
    if serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok() {
        return Ok(body.into());
    }
    let text = str::from_utf8(&body).map_err(|error| invalid(error.into()))?;
    serde_json::to_vec(text).map_err(|error| invalid(error.into()))
}

#[cfg(test)]
mod tests {
    use http::header::VARY;

    use super::*;
    use crate::event::Source;

    #[test]
    fn a_prelude_of_16_kilobytes_is_sent_and_a_longer_one_is_not() {
        let length = |value: usize| {
            let response = http::Response::builder().header(VARY, "x".repeat(value));
            let (parts, ()) = response.body(()).unwrap_or_default().into_parts();
            let prelude = prelude(Source::FunctionUrl.description(), &parts);
            prelude.map(|prelude| prelude.len())
        };
        let envelope = length(1).unwrap_or_default() - 1;
        assert_eq!(length(16_384 - envelope), Some(16_384));
        assert_eq!(length(16_385 - envelope), None);
    }
}
