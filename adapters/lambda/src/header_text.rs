//! Header values in JSON, which cannot hold raw bytes.

use std::borrow::Cow;

use http::HeaderValue;

/// How a source writes the bytes of a header value as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderText {
    /// Each byte is a character of Latin-1 (RFC 9110 §5.5), unless the text has other characters.
    Latin1,
    /// The bytes are UTF-8.
    Utf8,
}

/// The header value in a JSON string.
pub(crate) fn to_value(text: &str, form: HeaderText) -> Option<HeaderValue> {
    if form == HeaderText::Utf8 || text.is_ascii() {
        return HeaderValue::from_bytes(text.as_bytes()).ok();
    }
    let latin1: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(c).ok()).collect();
    HeaderValue::from_bytes(latin1.as_deref().unwrap_or(text.as_bytes())).ok()
}

/// The JSON string for a header value. A value that is not valid UTF-8 is decoded as Latin-1.
pub(crate) fn from_value(value: &HeaderValue) -> Cow<'_, str> {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => value
            .as_bytes()
            .iter()
            .map(|&b| char::from(b))
            .collect::<String>()
            .into(),
    }
}
