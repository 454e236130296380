//! Encodes a [`Response`] as the JSON that an event source accepts.

mod json;

use std::str;

use anyhost_core::adapter::{RequestInfo, response_to};
use anyhost_core::{Error, Response, Result};
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, HeaderMap};
use http::{StatusCode, response::Parts};
use http_body_util::{BodyExt, Collected, LengthLimitError, Limited};

use crate::event::{Description, HttpForm};

pub(crate) use json::prelude;

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
    if !headers_fit(description, &parts.headers) {
        return internal_server_error(form, info).await;
    }
    match Limited::new(body, limit).collect().await {
        Ok(body) => {
            let body = body.to_bytes();
            let text = as_text(&parts.headers, &body);
            let json = json::write(form, &parts, text, &body);
            if json.len() <= limit {
                return json;
            }
            // JSON needs up to six bytes for a control character, base64 only 4/3 bytes for any.
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
        Err(_) => {}
    }
    internal_server_error(form, info).await
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

async fn internal_server_error(form: HttpForm, info: &RequestInfo) -> Vec<u8> {
    let error = Error::from_status(StatusCode::INTERNAL_SERVER_ERROR);
    let (parts, body) = response_to(error, info).into_parts();
    let body = body.collect().await.map(Collected::to_bytes);
    let body = body.unwrap_or_default();
    json::write(form, &parts, as_text(&parts.headers, &body), &body)
}

/// Whether the source accepts headers of this size; logs if it does not.
pub(crate) fn headers_fit(description: &Description, headers: &HeaderMap) -> bool {
    let (length, limit) = (header_size(headers), description.response_header_limit);
    if length > limit {
        let source = description.name;
        tracing::error!(
            source,
            length,
            limit,
            "response headers too large for the event source, sending a 500 instead"
        );
    }
    length <= limit
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
/// The response, if its status is an error; and for a body that fails, is too large, or is not UTF-8.
pub(crate) async fn to_result(description: &Description, response: Response) -> Result<Vec<u8>> {
    let (Parts { status, .. }, body) = response.into_parts();
    let body = Limited::new(body, description.response_limit)
        .collect()
        .await;
    let body = body.map_err(Error::from_boxed)?.to_bytes();
    if status.is_client_error() || status.is_server_error() {
        let message = String::from_utf8_lossy(&body).into_owned();
        return Err(Error::new(status, message));
    }
    if body.is_empty() {
        return Ok(b"null".to_vec());
    }
    if serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok() {
        return Ok(body.into());
    }
    Ok(serde_json::to_vec(str::from_utf8(&body)?)?)
}
