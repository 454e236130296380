//! Request targets from what hosts hand over.

use std::borrow::Cow;

use http::StatusCode;
use http::uri::PathAndQuery;
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

use crate::error::bad_request;
use crate::{Error, Result};

/// What [`http::Uri`] refuses in a path, and the two that would end it. All else stays as it came.
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`');

/// What [`http::Uri`] refuses in a query, and what would end it.
const QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');

/// All that RFC 3986 §3.3 does not let stand for itself in a path.
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

/// For adapters: the target of a request whose path and query are still as the client sent them.
///
/// They are kept byte for byte; only what no URI may hold (spaces, controls, bytes beyond ASCII) is
/// percent-encoded. Nothing is normalised: a path that the host has checked must not turn into
/// another one.
///
/// # Errors
/// 414 if it is longer than 65,534 bytes, 400 if the path does not begin with a slash (`*` may
/// stand alone).
///
/// ```
/// use anyhost_core::target;
///
/// # fn main() -> anyhost_core::Result<()> {
/// let target = target(b"/a%2Fb/../c d", Some(b"q=\xC3\xA9"))?;
/// assert_eq!(target.as_str(), "/a%2Fb/../c%20d?q=%C3%A9");
/// # Ok(()) }
/// ```
pub fn target(path: &[u8], query: Option<&[u8]>) -> Result<PathAndQuery> {
    let mut text = match Cow::from(percent_encode(path, PATH)) {
        // The common case needs no second allocation for a query that follows.
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

/// For adapters: a path that the host has percent-decoded, encoded again.
///
/// ```
/// assert_eq!(anyhost_core::encode_path(b"/100%?/\xFF"), "/100%25%3F/%FF");
/// ```
pub fn encode_path(decoded: &[u8]) -> String {
    percent_encode(decoded, DECODED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_uri_may_hold_is_kept_as_it_is() {
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
    fn every_byte_makes_a_target() {
        let all: Vec<u8> = (0..=255).collect();
        let path = [b"/", &all[..]].concat();
        assert!(target(&path, Some(&all)).is_ok());
        assert!(target(encode_path(&path).as_bytes(), None).is_ok());
    }

    #[test]
    fn an_encoded_path_decodes_to_what_it_was() {
        let all: Vec<u8> = (0..=255).collect();
        let decoded: Vec<u8> = percent_encoding::percent_decode_str(&encode_path(&all)).collect();
        assert_eq!(decoded, all);
    }

    #[test]
    fn long_targets_are_414_and_others_400() {
        let status = |path: &[u8]| target(path, None).unwrap_err().status().as_u16();
        assert_eq!(status(&[b'/'; 65_535]), 414);
        assert_eq!(status(b"evil.com"), 400);
        assert_eq!(status(b""), 400);
        assert!(target(b"*", None).is_ok());
    }
}
