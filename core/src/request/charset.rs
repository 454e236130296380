//! Decodes a body from the charset in its Content-Type header.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

use crate::error::BoxError;

/// Decodes the body from the charset with this label instead of the charset in the header. A byte order mark still takes
/// precedence.
pub(super) fn decode_as(encoding: &'static Encoding, bytes: &[u8]) -> Result<String, BoxError> {
    let (encoding, bytes) = match Encoding::for_bom(bytes) {
        Some((encoding, length)) => (encoding, &bytes[length..]),
        None => (encoding, bytes),
    };
    decode_from(encoding, bytes).map(Cow::into_owned)
}

/// Finds the encoding for a label of the WHATWG Encoding standard, such as `utf-8` or `iso-8859-1`.
pub(super) fn find(label: &str) -> Option<&'static Encoding> {
    Encoding::for_label(label.as_bytes())
}

/// Decodes the body. A byte order mark takes precedence over the charset in the header, and is removed (RFC 2781 §4.3
/// and the "decode" algorithm of the WHATWG Encoding standard).
pub(crate) fn decode<'a>(headers: &HeaderMap, bytes: &'a [u8]) -> Result<Cow<'a, str>, BoxError> {
    let (encoding, bytes) = detect(headers, bytes)?;
    decode_from(encoding, bytes)
}

/// Returns the bytes without their byte order mark if the charset is UTF-8. The bytes are not
/// validated, because `serde_json::from_slice` does that.
pub(super) fn as_utf8<'a>(headers: &HeaderMap, bytes: &'a [u8]) -> Option<&'a [u8]> {
    match detect(headers, bytes) {
        Ok((encoding, bytes)) if encoding == UTF_8 => Some(bytes),
        _ => None,
    }
}

/// Converts a form (`application/x-www-form-urlencoded`) from its charset into UTF-8.
///
/// # Errors
/// If the charset is unknown.
///
/// The inner `Result` is an error if the form is not valid in its charset, before or after percent-decoding.
pub(super) fn decode_form<'a>(
    headers: &HeaderMap,
    form: &'a [u8],
) -> Result<Result<Cow<'a, [u8]>, BoxError>, BoxError> {
    let encoding = encoding(headers)?;
    Ok(form_to_utf8(encoding, form))
}

/// Checks that a query string is UTF-8 after percent-decoding.
pub(super) fn check_query(query: &str) -> Result<(), BoxError> {
    form_to_utf8(UTF_8, query.as_bytes()).map(drop)
}

fn form_to_utf8<'a>(
    encoding: &'static Encoding,
    form: &'a [u8],
) -> Result<Cow<'a, [u8]>, BoxError> {
    if encoding == UTF_8 {
        // `&` and `=` are ASCII, so validating the whole form is the same as validating each key and value.
        percent_decode(form).decode_utf8()?;
        return Ok(Cow::Borrowed(form));
    }
    let mut utf8 = Vec::with_capacity(form.len());
    for part in form.split_inclusive(|&b| b == b'&' || b == b'=') {
        let (text, separator) = match part {
            [text @ .., b @ (b'&' | b'=')] => (text, Some(*b)),
            text => (text, None),
        };
        let text: Vec<u8> = text
            .iter()
            .map(|&b| if b == b'+' { b' ' } else { b })
            .collect();
        let decoded: Cow<'_, [u8]> = percent_decode(&text).into();
        let decoded = decode_from(encoding, &decoded)?;
        utf8.extend(
            utf8_percent_encode(&decoded, NON_ALPHANUMERIC)
                .to_string()
                .bytes(),
        );
        utf8.extend(separator);
    }
    Ok(Cow::Owned(utf8))
}

fn decode_from<'a>(encoding: &'static Encoding, bytes: &'a [u8]) -> Result<Cow<'a, str>, BoxError> {
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes);
    text.ok_or_else(|| format!("the body is not valid {}", encoding.name()).into())
}

/// The charset, and the bytes without their byte order mark.
fn detect<'a>(
    headers: &HeaderMap,
    bytes: &'a [u8],
) -> Result<(&'static Encoding, &'a [u8]), BoxError> {
    match Encoding::for_bom(bytes) {
        Some((encoding, length)) => Ok((encoding, &bytes[length..])),
        None => Ok((encoding(headers)?, bytes)),
    }
}

fn encoding(headers: &HeaderMap) -> Result<&'static Encoding, BoxError> {
    let Some(content_type) = headers.get(CONTENT_TYPE) else {
        return Ok(UTF_8);
    };
    let content_type = content_type.as_bytes();
    // Most JSON clients send exactly this value, so skip the search for a parameter.
    if content_type == b"application/json" {
        return Ok(UTF_8);
    }
    match label(content_type) {
        None => Ok(UTF_8),
        Some(label) => Encoding::for_label(label).ok_or_else(|| {
            format!("unknown charset {:?}", label.escape_ascii().to_string()).into()
        }),
    }
}

/// Finds the charset parameter (RFC 9110 §8.3.2). The rest of the header may be malformed, because
/// the media type does not affect the decoding.
fn label(content_type: &[u8]) -> Option<&[u8]> {
    content_type
        .split(|&b| b == b';')
        .skip(1)
        .find_map(|parameter| {
            let equals = parameter.iter().position(|&b| b == b'=')?;
            let (name, value) = (
                parameter[..equals].trim_ascii(),
                parameter[equals + 1..].trim_ascii(),
            );
            let bare = value
                .strip_prefix(b"\"")
                .and_then(|value| value.strip_suffix(b"\""));
            name.eq_ignore_ascii_case(b"charset")
                .then_some(bare.unwrap_or(value))
        })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn text(content_type: &'static str, bytes: &[u8]) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        decode(&headers, bytes).ok().map(Cow::into_owned)
    }

    #[test]
    fn body_is_decoded_from_the_charset_in_the_content_type_header() {
        assert_eq!(text("text/plain", "é".as_bytes()).as_deref(), Some("é"));
        assert_eq!(
            text("text/plain; charset=iso-8859-1", b"caf\xE9").as_deref(),
            Some("café")
        );
        assert_eq!(
            text("text/plain; Charset=\"UTF-16LE\"", b"h\0i\0").as_deref(),
            Some("hi")
        );
    }

    #[test]
    fn byte_order_mark_is_removed_from_decoded_text() {
        assert_eq!(text("text/plain", b"\xEF\xBB\xBFhi").as_deref(), Some("hi"));
    }

    #[test]
    fn decoding_fails_for_invalid_bytes_and_for_unknown_or_empty_charsets() {
        assert_eq!(text("text/plain", b"\xFF"), None);
        assert_eq!(text("text/plain; charset=klingon", b"hi"), None);
        assert_eq!(text("text/plain; charset=", b"hi"), None);
    }

    #[test]
    fn body_is_decoded_even_if_the_media_type_is_malformed() {
        for content_type in [
            "",
            "json",
            "/;;=",
            "text/plain;",
            "a/b; x=http://y; charset=utf-8",
            "a/b, a/b",
        ] {
            assert_eq!(
                text(content_type, b"hi").as_deref(),
                Some("hi"),
                "{content_type}"
            );
        }
    }
}
