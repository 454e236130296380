//! Converts between the paths that hosts supply and the request targets that handlers see.

use std::borrow::Cow;

use http::StatusCode;
use http::uri::PathAndQuery;
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

use crate::error::bad_request;
use crate::{Error, Result};

/// The bytes that are percent-encoded in a path: the bytes that [`http::Uri`] rejects, and `?` and `#`, which would
/// end the path. All other bytes are kept.
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`');

/// The bytes that are percent-encoded in a query: the bytes that [`http::Uri`] rejects, and `#`, which would end the
/// query.
const QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');

/// Bytes that RFC 3986 §3.3 does not allow in a path segment unless they are percent-encoded.
const DECODED: &AsciiSet = &PATH
    .add(b'"')
    .add(b'%')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Makes a request target from a path and query in the form in which the client sent them.
///
/// Bytes that a URI cannot contain (spaces, controls, non-ASCII bytes) are percent-encoded. All other bytes are
/// kept. The path is not normalized: the web server may have checked access to this path, so it must not become
/// another path.
///
/// # Errors
/// 414 if the target is longer than 65,534 bytes (the limit of [`http::Uri`]), 400 if the path does not begin
/// with a slash and is not `*`.
///
/// ```
/// use anyhost_core::adapter::path::target;
///
/// # fn main() -> anyhost_core::Result<()> {
/// let target = target(b"/a%2Fb/../c d", Some(b"q=\xC3\xA9"))?;
/// assert_eq!(target.as_str(), "/a%2Fb/../c%20d?q=%C3%A9");
/// # Ok(()) }
/// ```
pub fn target(path: &[u8], query: Option<&[u8]>) -> Result<PathAndQuery> {
    let mut text = match Cow::from(percent_encode(path, PATH)) {
        // Reserve space for the query as well, so that the common case needs one allocation.
        Cow::Borrowed(path) => {
            let mut text = String::with_capacity(path.len() + 1 + query.map_or(0, <[u8]>::len));
            text.push_str(path);
            text
        }
        Cow::Owned(text) => text,
    };
    if let Some(query) = query {
        text.push('?');
        text.extend(percent_encode(query, QUERY));
    }
    if text.len() > 65_534 {
        return Err(Error::from_status(StatusCode::URI_TOO_LONG));
    }
    if !text.starts_with('/') && path != b"*" {
        return Err(bad_request("Invalid request target"));
    }
    PathAndQuery::from_maybe_shared(bytes::Bytes::from(text))
        .map_err(|error| bad_request("Invalid request target").with_source(error))
}

/// Whether [`target`] would keep all bytes of this path.
pub(crate) fn is_encoded(path: &[u8]) -> bool {
    matches!(Cow::from(percent_encode(path, PATH)), Cow::Borrowed(_))
}

/// Percent-encodes a path that the host has decoded.
///
/// ```
/// use anyhost_core::adapter::path::encode_path;
///
/// assert_eq!(encode_path(b"/100%?/\xFF"), "/100%25%3F/%FF");
/// ```
pub fn encode_path(decoded: &[u8]) -> String {
    percent_encode(decoded, DECODED).to_string()
}

/// Removes a prefix of whole segments from a path. The rest is empty or begins with `/` (or with `?`, if the
/// path has a query).
///
/// ```
/// use anyhost_core::adapter::path::strip_prefix;
///
/// assert_eq!(strip_prefix("/shop/cart", "/shop"), Some("/cart"));
/// assert_eq!(strip_prefix("/shop", "/shop/"), Some(""));
/// assert_eq!(strip_prefix("/shopping", "/shop"), None);
/// ```
pub fn strip_prefix<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(prefix.trim_end_matches('/'))?;
    (rest.is_empty() || rest.starts_with(['/', '?'])).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_valid_in_a_uri_are_not_percent_encoded() {
        let mut path: Vec<u8> = (0x21..=0x7E).filter(|b| !b"#<>?`".contains(b)).collect();
        path.insert(0, b'/');
        let query: Vec<u8> = (0x21..=0x7E).filter(|b| !b"\"#<>".contains(b)).collect();
        let target = target(&path, Some(&query)).ok();
        let whole = [&path[..], b"?", &query].concat();
        assert_eq!(
            target.map(|target| target.as_str().as_bytes().to_vec()),
            Some(whole)
        );
    }

    #[test]
    fn a_path_with_any_byte_value_can_be_encoded_into_a_valid_target() {
        let all: Vec<u8> = (0..=255).collect();
        let path = [b"/", &all[..]].concat();
        assert!(target(&path, Some(&all)).is_ok());
        assert!(target(encode_path(&path).as_bytes(), None).is_ok());
    }

    #[test]
    fn a_path_that_is_encoded_and_then_decoded_is_unchanged() {
        let all: Vec<u8> = (0..=255).collect();
        let decoded: Vec<u8> = percent_encoding::percent_decode_str(&encode_path(&all)).collect();
        assert_eq!(decoded, all);
    }

    #[test]
    fn a_prefix_is_removed_only_as_whole_segments() {
        assert_eq!(strip_prefix("/shop/cart", "/shop"), Some("/cart"));
        assert_eq!(strip_prefix("/shop/cart", "/shop/"), Some("/cart"));
        assert_eq!(strip_prefix("/shop", "/shop"), Some(""));
        assert_eq!(strip_prefix("/shop?a=1", "/shop"), Some("?a=1"));
        assert_eq!(strip_prefix("/shopping", "/shop"), None);
        assert_eq!(strip_prefix("/sho", "/shop"), None);
        assert_eq!(strip_prefix("/x", ""), Some("/x"));
    }

    #[test]
    fn the_longest_valid_target_has_65534_bytes() {
        assert!(target(&[b'/'; 65_534], None).is_ok());
        assert!(target(&[b'/'; 65_000], Some(&[b'a'; 533])).is_ok());
        assert!(target(&[b'/'; 65_000], Some(&[b'a'; 534])).is_err());
    }

    #[test]
    fn a_target_that_is_too_long_is_a_414_and_a_target_without_a_slash_at_the_start_is_a_400() {
        let status = |path: &[u8]| target(path, None).unwrap_err().status().as_u16();
        assert_eq!(status(&[b'/'; 65_535]), 414);
        assert_eq!(status(b"evil.com"), 400);
        assert_eq!(status(b""), 400);
        assert!(target(b"*", None).is_ok());
    }
}
