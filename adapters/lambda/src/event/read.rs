//! The ways in which AWS encodes parts of a request. Descriptions name one of these functions for each part.

use std::borrow::Cow;

use anyhost_core::adapter::path::encode_path;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_encode, utf8_percent_encode};

use super::json::Json;

/// RFC 3986 §2.3: the bytes that never need encoding in a query.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A path as the client sent it.
pub(super) fn path_as_sent<'a>(path: &'a Json<'_>) -> Option<Cow<'a, str>> {
    match path {
        Json::Bytes(bytes) => Some(encode_bytes(bytes)),
        path => path.text().map(Cow::Borrowed),
    }
}

/// Encodes the bytes that are not ASCII.
fn encode_bytes(bytes: &[u8]) -> Cow<'static, str> {
    percent_encode(bytes, CONTROLS).to_string().into()
}

/// A path that AWS percent-decoded. The path is encoded again, so that `?` and `%` stay data. `%2F` becomes `/`,
/// because AWS decoded both to the same character.
pub(super) fn decoded_path<'a>(path: &'a Json<'_>) -> Option<Cow<'a, str>> {
    path.text().map(|path| encode_path(path.as_bytes()).into())
}

/// A query string as the client sent it.
pub(super) fn query_as_sent<'a>(query: &'a Json<'_>) -> Option<Cow<'a, str>> {
    let query = query.text().filter(|query| !query.is_empty());
    query.map(Cow::Borrowed)
}

/// A map of names and values that are encoded as the client sent them.
pub(super) fn encoded_query_map<'a>(map: &'a Json<'_>) -> Option<Cow<'a, str>> {
    query_of_map(map, str::to_owned)
}

/// A map of names and values that AWS decoded like a form.
pub(super) fn decoded_query_map<'a>(map: &'a Json<'_>) -> Option<Cow<'a, str>> {
    query_of_map(map, |text| {
        utf8_percent_encode(text, UNRESERVED).to_string()
    })
}

/// A query string from a map, in document order. A value may be a string or a list of strings.
fn query_of_map<'a>(map: &Json<'_>, encode: impl Fn(&str) -> String) -> Option<Cow<'a, str>> {
    let mut query = String::new();
    for (name, values) in map.entries() {
        for value in values.items() {
            let value = match value {
                Json::Bytes(bytes) => encode_bytes(bytes).into_owned(),
                value => match value.scalar() {
                    Some(text) => encode(&text),
                    None => continue,
                },
            };
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(&encode(name));
            query.push('=');
            query.push_str(&value);
        }
    }
    (!query.is_empty()).then_some(query.into())
}

/// Reads the `requestContext` of an event; `None` if it does not fit the type.
#[cfg(feature = "lambda_http")]
pub(super) fn request_context<T: serde::de::DeserializeOwned>(event: &[u8]) -> Option<T> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Event<T> {
        request_context: T,
    }
    let event: Event<T> = serde_json::from_slice(event).ok()?;
    Some(event.request_context)
}
