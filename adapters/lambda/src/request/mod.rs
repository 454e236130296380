//! Decodes an event into a [`Request`].

mod headers;
mod path;

use anyhost_core::adapter::path::target;
use anyhost_core::{Context, Error, Request, Result};
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, StatusCode, Version};

use crate::context;
use crate::event::{Description, Json};
use crate::options::FunctionOptions;
use crate::runtime::Metadata;

const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// Decodes an event. The context is known even if the request is invalid.
///
/// # Errors
/// 400 if the method, the path or the body is missing or invalid; 414 and 431 if the target or the headers
/// are larger than the `http` types allow.
pub(crate) fn from_event(
    description: &Description,
    event: &Json<'_>,
    raw: &Bytes,
    metadata: &Metadata,
    settings: &FunctionOptions,
) -> (Context, Result<Request>) {
    let headers = headers::decode(description, event, raw);
    let forwarded = headers.as_ref().ok();
    let context = context::of(description, event, forwarded, metadata, settings);
    let Some(path) = path::decode(description, event, settings) else {
        return (context, Err(bad_request("The event has no path")));
    };
    let context = match path.base_path.is_empty() {
        true => context,
        false => context.with_base_path(path.base_path),
    };
    let request = headers.and_then(|mut headers| {
        // Replaces the header if the client sent it. Tracing middleware reads the header, and its spans must belong
        // to this invocation.
        if let Some(trace_id) = metadata.trace_header() {
            headers.insert(TRACE_ID, trace_id.clone());
        }
        build(description, event, raw, &path.path, headers)
    });
    (context, request)
}

fn build(
    description: &Description,
    event: &Json<'_>,
    raw: &Bytes,
    path: &str,
    mut headers: HeaderMap,
) -> Result<Request> {
    let body = match &description.body {
        Some(body) => decode_body(event.at(body.field), event.at(body.base64).is_true())?.into(),
        None => {
            let json = HeaderValue::from_static("application/json");
            headers.insert(CONTENT_TYPE, json);
            raw.clone()
        }
    };
    // AWS may have decoded the body, so the client's Content-Length can be wrong. A REST API omits it.
    if !body.is_empty() || headers.contains_key(CONTENT_LENGTH) {
        headers.insert(CONTENT_LENGTH, body.len().into());
    }
    let mut request = Request::new(body.into());
    *request.method_mut() = method(description, event)?;
    *request.uri_mut() = path_and_query(description, event, path)?.into();
    *request.version_mut() = version(event.at(description.protocol));
    *request.headers_mut() = headers;
    Ok(request)
}

fn method(description: &Description, event: &Json<'_>) -> Result<Method> {
    let method = event.at(description.method).text();
    let method = method
        .or(description.default_method)
        .ok_or_else(|| bad_request("The event has no method"))?;
    Method::from_bytes(method.as_bytes()).map_err(|_| bad_request("Invalid method"))
}

fn version(protocol: &Json<'_>) -> Version {
    match protocol.text() {
        Some("HTTP/1.0") => Version::HTTP_10,
        Some("HTTP/2" | "HTTP/2.0") => Version::HTTP_2,
        Some("HTTP/3" | "HTTP/3.0") => Version::HTTP_3,
        _ => Version::HTTP_11,
    }
}

fn path_and_query(description: &Description, event: &Json<'_>, path: &str) -> Result<PathAndQuery> {
    let may_hold_query = description.path.as_ref().is_some_and(|p| p.may_hold_query);
    match path.split_once('?') {
        Some((path, query)) if may_hold_query => target(path.as_bytes(), Some(query.as_bytes())),
        _ => {
            let query = &description.query;
            if query
                .fields
                .iter()
                .any(|field| event.at(field).has_invalid())
            {
                return Err(bad_request("Invalid query"));
            }
            let mut fields = query.fields.iter();
            let query = fields.find_map(|field| (query.read)(event.at(field)));
            target(path.as_bytes(), query.as_deref().map(str::as_bytes))
        }
    }
}

/// AWS pads base64; some emulators do not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn decode_body(body: &Json<'_>, base64: bool) -> Result<Vec<u8>> {
    let body = match body {
        Json::Text(text) => text.as_bytes(),
        Json::Bytes(bytes) => bytes,
        Json::Invalid => return Err(bad_request("Invalid body")),
        _ => return Ok(Vec::new()),
    };
    match base64 {
        true => BASE64
            .decode(body)
            .map_err(|error| bad_request("Invalid body").with_source(error)),
        false => Ok(body.to_vec()),
    }
}

fn bad_request(message: &'static str) -> Error {
    Error::new(StatusCode::BAD_REQUEST, message)
}
