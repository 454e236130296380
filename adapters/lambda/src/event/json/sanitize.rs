//! Events with strings and numbers that `serde_json` rejects.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, Visitor};

/// Replaces strings that are not Unicode, and numbers that are too large. If a client sends this text as a value,
/// only that value is lost, and only in an event that also contains another invalid value.
const INVALID: &str = "\u{0}invalid\u{0}";

/// The start of the text that replaces a string that is not UTF-8. Each byte of that string follows as a character of
/// Latin-1.
const BYTES: &str = "\u{0}bytes\u{0}";

/// The meaning of a string in a sanitized event.
pub(super) enum Sanitized {
    Text,
    Bytes(Vec<u8>),
    Invalid,
}

/// Replaces the strings and numbers that `serde_json` rejects. `None` if there are none, or if bytes between the
/// strings are not UTF-8.
pub(super) fn sanitize(event: &[u8]) -> Option<String> {
    let mut sanitized = Vec::with_capacity(event.len());
    let mut changed = false;
    let mut rest = event;
    while let Some(first) = rest.first() {
        let length = match first {
            b'"' => string_length(rest),
            b'-' | b'0'..=b'9' => number_length(rest),
            _ => 1,
        };
        let (token, tail) = rest.split_at(length);
        let replaced = match first {
            b'"' => replaced_string(token),
            b'-' | b'0'..=b'9' if serde_json::from_slice::<f64>(token).is_err() => {
                Some(INVALID.into())
            }
            _ => None,
        };
        match replaced {
            Some(text) => {
                changed = true;
                serde_json::to_writer(&mut sanitized, &text).ok()?;
            }
            None => sanitized.extend_from_slice(token),
        }
        rest = tail;
    }
    String::from_utf8(sanitized).ok().filter(|_| changed)
}

/// Reads a string of a sanitized event.
pub(super) fn read(text: &str) -> Sanitized {
    match text.strip_prefix(BYTES) {
        Some(latin1) => match latin1.chars().map(u8::try_from).collect() {
            Ok(bytes) => Sanitized::Bytes(bytes),
            Err(_) => Sanitized::Invalid,
        },
        None if text == INVALID => Sanitized::Invalid,
        None => Sanitized::Text,
    }
}

fn replaced_string(string: &[u8]) -> Option<String> {
    if serde_json::from_slice::<Cow<'_, str>>(string).is_ok() {
        return None;
    }
    if std::str::from_utf8(string).is_ok() {
        return Some(INVALID.into());
    }
    Some(match string_bytes(string) {
        Ok(bytes) => BYTES
            .chars()
            .chain(bytes.into_iter().map(char::from))
            .collect(),
        Err(_) => INVALID.into(),
    })
}

/// Decodes a string that need not be UTF-8. Returns its bytes without quotes and escapes.
fn string_bytes(string: &[u8]) -> serde_json::Result<Vec<u8>> {
    struct BytesVisitor;

    impl Visitor<'_> for BytesVisitor {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }
    }

    serde_json::Deserializer::from_slice(string).deserialize_bytes(BytesVisitor)
}

/// The length of the string at the start of `json`, including its quotes.
fn string_length(json: &[u8]) -> usize {
    let mut index = 1;
    loop {
        match json.get(index) {
            None => return json.len(),
            Some(b'"') => return index + 1,
            Some(b'\\') => index += 2,
            Some(_) => index += 1,
        }
    }
}

fn number_length(json: &[u8]) -> usize {
    let in_number = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
    let end = json.iter().position(|byte| !in_number(byte));
    end.unwrap_or(json.len())
}
