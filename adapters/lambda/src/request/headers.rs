//! The headers of an event.

use std::borrow::Cow;
use std::iter::repeat_n;
use std::ops::Range;

use anyhost_core::{Error, Result};
use bytes::Bytes;
use http::StatusCode;
use http::header::{COOKIE, HeaderMap, HeaderName, HeaderValue};

use crate::event::{Description, Json};
use crate::header_text;

/// Decodes all valid headers. An invalid header is ignored, because the rest of the request is still usable.
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
        let map = header_map(description, event.at(map), raw)?;
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
    if let Some(cookies) = join_cookies(description, cookies) {
        headers.insert(COOKIE, cookies);
    }
    Ok(headers)
}

fn header_map(description: &Description, map: &Json<'_>, raw: &Bytes) -> Result<HeaderMap> {
    let shared = shared(map, raw);
    let mut headers = HeaderMap::with_capacity(map.entries().count().min(64));
    for (name, values) in map.entries() {
        let header =
            constant_name(name).map_or_else(|| HeaderName::from_bytes(name.as_bytes()), Ok);
        let Ok(header) = header else {
            tracing::warn!(name, "ignoring a request header with an invalid name");
            continue;
        };
        let values = values.items();
        // Passes the name itself, and not a clone, with the last value. Cloning a name that `http` has no constant for
        // allocates.
        for (value, header) in values.iter().zip(repeat_n(header, values.len())) {
            let value = match (value, value.scalar()) {
                (_, Some(text)) => match part_of(&shared, &text) {
                    Some(part) => HeaderValue::from_maybe_shared(part).ok(),
                    None => header_text::to_value(&text, description.header_text),
                },
                (Json::Bytes(bytes), None) => HeaderValue::from_bytes(bytes).ok(),
                (Json::Invalid, None) => None,
                (_, None) => continue,
            };
            match value {
                Some(value) => {
                    let added = headers.try_append(header, value);
                    added.map_err(|_| too_many_headers())?;
                }
                None => tracing::warn!(name, "ignoring a request header with an invalid value"),
            }
        }
    }
    Ok(headers)
}

macro_rules! constant_names {
    ($($name:literal)+) => {
        /// The constant for a name.
        fn constant_name(name: &str) -> Option<HeaderName> {
            match name {
                $($name => Some(const { HeaderName::from_static($name) }),)+
                _ => None,
            }
        }
    };
}

// AWS adds these headers to nearly all requests. `http` has no constants for their names, and would allocate them.
constant_names! {
    "x-amzn-tls-cipher-suite"
    "x-amzn-tls-version"
    "x-amzn-trace-id"
    "x-forwarded-for"
    "x-forwarded-port"
    "x-forwarded-proto"
}

fn too_many_headers() -> Error {
    Error::from_status(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
}

/// The part of an event that holds the values of a header map: its address in the event, and a copy of it.
struct Shared {
    address: usize,
    copy: Bytes,
}

/// Copies the part of the event that holds the values of a header map, in one allocation. The header values share
/// the copy. If they shared the event, a handler that keeps one value would keep an event of up to 6 MB.
fn shared(map: &Json<'_>, raw: &Bytes) -> Shared {
    let texts = map.entries().flat_map(|(_, values)| values.items());
    let borrowed = texts.filter_map(|value| match value {
        Json::Text(Cow::Borrowed(text)) => offset(raw, text),
        _ => None,
    });
    let range = borrowed.reduce(|all, part| all.start.min(part.start)..all.end.max(part.end));
    let range = range.unwrap_or_default();
    Shared {
        address: raw.as_ptr() as usize + range.start,
        copy: Bytes::copy_from_slice(raw.get(range).unwrap_or_default()),
    }
}

/// The position of `text` in the event from which `text` borrows.
fn offset(event: &Bytes, text: &str) -> Option<Range<usize>> {
    let start = (text.as_ptr() as usize).checked_sub(event.as_ptr() as usize)?;
    let end = start.checked_add(text.len())?;
    (end <= event.len()).then_some(start..end)
}

/// The copy of `text`, if it is ASCII and was copied.
fn part_of(shared: &Shared, text: &str) -> Option<Bytes> {
    let start = (text.as_ptr() as usize).checked_sub(shared.address)?;
    let end = start.checked_add(text.len())?;
    let inside = end <= shared.copy.len() && text.is_ascii() && !text.is_empty();
    inside.then(|| shared.copy.slice(start..end))
}

fn join_cookies(description: &Description, cookies: &[Json<'_>]) -> Option<HeaderValue> {
    let mut joined = Vec::new();
    for cookie in cookies {
        let text = cookie.text();
        let value = text.and_then(|text| header_text::to_value(text, description.header_text));
        let Some(value) = value else {
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
