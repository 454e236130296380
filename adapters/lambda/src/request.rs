//! An event as a [`Request`].

use std::borrow::Cow;

use anyhost_core::{Context, Error, Request, Result, target};
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, COOKIE, HeaderMap, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, StatusCode, Version};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::context::Invocation;
use crate::event::{Json, Source};
use crate::options::Options;
use crate::{context, path};

/// Makes a request of an event.
///
/// The request is a 400 if it has no method or path that could be one, or a body that is no base64.
pub(crate) fn from_event(
    source: Source,
    event: &Json<'_>,
    raw: &Bytes,
    invocation: &Invocation,
    options: &Options,
) -> (Context, Result<Request>) {
    let context = context::of(source, event, invocation, options);
    let Some(place) = path::of(source, event, options) else {
        return (context, Err(malformed("The event has no path")));
    };
    let context = match place.base_path.is_empty() {
        true => context,
        false => context.with_base_path(place.base_path),
    };
    (context, build(source, event, raw, &place.path))
}

fn build(source: Source, event: &Json<'_>, raw: &Bytes, path: &str) -> Result<Request> {
    let body = body(event)?;
    let mut headers = headers(source, event, raw)?;
    // What the client declared may be false by now, and REST APIs leave it out.
    if !body.is_empty() || headers.contains_key(CONTENT_LENGTH) {
        headers.insert(CONTENT_LENGTH, body.len().into());
    }
    let mut request = Request::new(body.into());
    *request.method_mut() = method(source, event)?;
    *request.uri_mut() = path_and_query(source, event, path)?.into();
    *request.version_mut() = version(source, event);
    *request.headers_mut() = headers;
    Ok(request)
}

fn method(source: Source, event: &Json<'_>) -> Result<Method> {
    let method = match source {
        Source::HttpApi | Source::FunctionUrl => {
            event.get("requestContext").get("http").get("method")
        }
        Source::Lattice | Source::LatticeV1 => event.get("method"),
        _ => event.get("httpMethod"),
    };
    let method = match (method.text(), source) {
        (Some(method), _) => method,
        // Neither the handshake nor a message has a method.
        (None, Source::WebSocket) => "POST",
        _ => return Err(malformed("The event has no method")),
    };
    Method::from_bytes(method.as_bytes()).map_err(|_| malformed("Invalid method"))
}

fn version(source: Source, event: &Json<'_>) -> Version {
    let context = event.get("requestContext");
    let protocol = match source {
        Source::HttpApi | Source::FunctionUrl => context.get("http").get("protocol"),
        _ => context.get("protocol"),
    };
    match protocol.text() {
        Some("HTTP/1.0") => Version::HTTP_10,
        Some("HTTP/2" | "HTTP/2.0") => Version::HTTP_2,
        Some("HTTP/3" | "HTTP/3.0") => Version::HTTP_3,
        _ => Version::HTTP_11,
    }
}

/// The path and query as the client sent them, or as near as AWS lets us come.
fn path_and_query(source: Source, event: &Json<'_>, path: &str) -> Result<PathAndQuery> {
    let lattice = matches!(source, Source::Lattice | Source::LatticeV1);
    match path.split_once('?') {
        // VPC Lattice may put the query here as well; the map then says the same.
        Some((path, query)) if lattice => target(path.as_bytes(), Some(query.as_bytes())),
        _ => {
            let query = query(source, event);
            target(path.as_bytes(), query.as_deref().map(str::as_bytes))
        }
    }
}

fn query<'a>(source: Source, event: &'a Json<'_>) -> Option<Cow<'a, str>> {
    match source {
        Source::FunctionUrl | Source::HttpApi => event
            .get("rawQueryString")
            .text()
            .filter(|query| !query.is_empty())
            .map(Cow::Borrowed),
        // Decoded, as a form is.
        Source::RestApi | Source::HttpApiV1 | Source::WebSocket => query_of_map(event, |text| {
            utf8_percent_encode(text, UNRESERVED).to_string()
        }),
        // As the client wrote them.
        Source::Alb | Source::AlbMultiValue | Source::Lattice | Source::LatticeV1 => {
            query_of_map(event, str::to_owned)
        }
        Source::Event => None,
    }
}

/// A query string from the event's maps, in document order, each part written by `encode`.
fn query_of_map<'a>(event: &Json<'_>, encode: impl Fn(&str) -> String) -> Option<Cow<'a, str>> {
    const MAPS: [&str; 3] = [
        "multiValueQueryStringParameters",
        "queryStringParameters",
        "query_string_parameters",
    ];
    let mut query = String::new();
    let map = MAPS
        .iter()
        .map(|name| event.get(name))
        .find(|map| map.entries().next().is_some())?;
    for (name, values) in map.entries() {
        for value in values.items().iter().filter_map(Json::scalar) {
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(&encode(name));
            query.push('=');
            query.push_str(&encode(&value));
        }
    }
    (!query.is_empty()).then_some(query.into())
}

/// What a decoded part of a query may keep as it is (RFC 3986 §2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// All headers that can be sent on. One that cannot costs itself, and not the request.
///
/// # Errors
/// 431 if there are more than a [`HeaderMap`] holds.
fn headers(source: Source, event: &Json<'_>, raw: &Bytes) -> Result<HeaderMap> {
    let mut headers = header_map(event.get("multiValueHeaders"), raw)?;
    let single = header_map(event.get("headers"), raw)?;
    if headers.is_empty() {
        headers = single;
    } else {
        // The single-value map repeats the other one, with the last value only.
        for (name, value) in &single {
            if !headers.contains_key(name) {
                headers
                    .try_insert(name, value.clone())
                    .map_err(|_| too_many_headers())?;
            }
        }
    }
    if matches!(source, Source::HttpApi | Source::FunctionUrl) {
        // An HTTP API sends cookies here only, a Function URL here and as a header.
        let cookies = event.get("cookies").items().iter().filter_map(Json::text);
        if let Some(cookies) = join_cookies(cookies) {
            headers.insert(COOKIE, cookies);
        }
    }
    Ok(headers)
}

fn header_map(map: &Json<'_>, raw: &Bytes) -> Result<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(map.entries().count().min(64));
    for (name, values) in map.entries() {
        let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
            tracing::warn!(name, "skipped a header whose name is none");
            continue;
        };
        for value in values.items().iter().filter_map(Json::scalar) {
            let value = match within(raw, &value) {
                Some(shared) => HeaderValue::from_maybe_shared(shared).ok(),
                None => header_value(&value),
            };
            match value {
                Some(value) => {
                    headers
                        .try_append(&header, value)
                        .map_err(|_| too_many_headers())?;
                }
                None => tracing::warn!(name, "skipped a header whose value is none"),
            }
        }
    }
    Ok(headers)
}

fn too_many_headers() -> Error {
    Error::from_status(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
}

/// The text as a part of the event that it stands in, if it is ASCII and stands there as it is.
fn within(raw: &Bytes, text: &str) -> Option<Bytes> {
    let start = (text.as_ptr() as usize).checked_sub(raw.as_ptr() as usize)?;
    let inside = start.checked_add(text.len())? <= raw.len();
    (inside && text.is_ascii() && !text.is_empty()).then(|| raw.slice(start..start + text.len()))
}

/// JSON has no bytes: those of a header came in as the characters of Latin-1 (RFC 9110 §5.5).
pub(crate) fn header_value(text: &str) -> Option<HeaderValue> {
    if text.is_ascii() {
        return HeaderValue::from_str(text).ok();
    }
    let latin1: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(c).ok()).collect();
    HeaderValue::from_bytes(latin1.as_deref().unwrap_or(text.as_bytes())).ok()
}

fn join_cookies<'a>(cookies: impl Iterator<Item = &'a str>) -> Option<HeaderValue> {
    let mut joined = Vec::new();
    for cookie in cookies {
        let Some(value) = header_value(cookie) else {
            tracing::warn!("skipped a cookie that is none");
            continue;
        };
        if !joined.is_empty() {
            joined.extend_from_slice(b"; ");
        }
        joined.extend_from_slice(value.as_bytes());
    }
    if joined.is_empty() {
        None
    } else {
        HeaderValue::from_bytes(&joined).ok()
    }
}

/// Padding or none: AWS pads, some emulators do not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn body(event: &Json<'_>) -> Result<Vec<u8>> {
    let Some(body) = event.get("body").text() else {
        return Ok(Vec::new());
    };
    let encoded =
        event.get("isBase64Encoded").is_true() || event.get("is_base64_encoded").is_true();
    if !encoded {
        return Ok(body.as_bytes().to_vec());
    }
    BASE64
        .decode(body)
        .map_err(|error| malformed("Invalid body").with_source(error))
}

pub(crate) fn malformed(message: &'static str) -> Error {
    Error::new(StatusCode::BAD_REQUEST, message)
}
