//! The headers of an event.

use anyhost_core::{Error, Result};
use bytes::Bytes;
use http::StatusCode;
use http::header::{COOKIE, HeaderMap, HeaderName, HeaderValue};

use crate::event::{Description, Json};
use crate::header_text;

/// Decodes all valid headers. An invalid header is ignored: the rest of the request is still usable.
///
/// # Errors
/// 431 if there are more headers than a [`HeaderMap`] can hold.
pub(super) fn decode(
    description: &Description,
    event: &Json<'_>,
    raw: &Bytes,
) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for map in description.headers {
        let map = header_map(event.at(map), raw)?;
        if headers.is_empty() {
            headers = map;
            continue;
        }
        // A single-value map repeats the names of the multi-value map, with only the last value of each.
        for (name, value) in &map {
            if !headers.contains_key(name) {
                let added = headers.try_insert(name, value.clone());
                added.map_err(|_| too_many_headers())?;
            }
        }
    }
    let cookies = event.at(description.cookies).items();
    if let Some(cookies) = join_cookies(cookies.iter().filter_map(Json::text)) {
        headers.insert(COOKIE, cookies);
    }
    Ok(headers)
}

fn header_map(map: &Json<'_>, raw: &Bytes) -> Result<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(map.entries().count().min(64));
    for (name, values) in map.entries() {
        let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
            tracing::warn!(name, "ignoring a request header with an invalid name");
            continue;
        };
        for value in values.items().iter().filter_map(Json::scalar) {
            let value = match part_of(raw, &value) {
                Some(shared) => HeaderValue::from_maybe_shared(shared).ok(),
                None => header_text::to_value(&value),
            };
            match value {
                Some(value) => {
                    let added = headers.try_append(&header, value);
                    added.map_err(|_| too_many_headers())?;
                }
                None => tracing::warn!(name, "ignoring a request header with an invalid value"),
            }
        }
    }
    Ok(headers)
}

fn too_many_headers() -> Error {
    Error::from_status(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
}

/// If `text` is ASCII and borrows from the event, returns it as a slice of the event's buffer, so that the
/// header value shares the buffer instead of copying the text.
fn part_of(event: &Bytes, text: &str) -> Option<Bytes> {
    let start = (text.as_ptr() as usize).checked_sub(event.as_ptr() as usize)?;
    let inside = start.checked_add(text.len())? <= event.len();
    (inside && text.is_ascii() && !text.is_empty()).then(|| event.slice(start..start + text.len()))
}

fn join_cookies<'a>(cookies: impl Iterator<Item = &'a str>) -> Option<HeaderValue> {
    let mut joined = Vec::new();
    for cookie in cookies {
        let Some(value) = header_text::to_value(cookie) else {
            tracing::warn!("ignoring an invalid request cookie");
            continue;
        };
        if !joined.is_empty() {
            joined.extend_from_slice(b"; ");
        }
        joined.extend_from_slice(value.as_bytes());
    }
    if joined.is_empty() {
        return None;
    }
    HeaderValue::from_bytes(&joined).ok()
}
