//! Headers and bodies as text for the log.

use anyhost_core::http::HeaderMap;
use anyhost_core::http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, COOKIE, HeaderName, HeaderValue,
    PROXY_AUTHORIZATION, SET_COOKIE,
};

use super::body::Seen;
use crate::log::push_escaped;

/// The name and value of each header, one header a line. Values that are secrets are hidden.
pub(super) fn headers(headers: &HeaderMap) -> Vec<String> {
    let line = |(name, value)| format!("{name}: {}", value_of(name, value));
    headers.iter().map(line).collect()
}

fn value_of(name: &HeaderName, value: &HeaderValue) -> String {
    match is_secret(name) || value.is_sensitive() {
        true => "(hidden)".to_owned(),
        false => escaped(&String::from_utf8_lossy(value.as_bytes())),
    }
}

fn is_secret(name: &HeaderName) -> bool {
    [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, SET_COOKIE].contains(name)
        || [
            "token",
            "secret",
            "password",
            "api-key",
            "apikey",
            "signature",
        ]
        .iter()
        .any(|word| name.as_str().contains(word))
}

/// The lines of a body: JSON is indented, other text is unchanged, and binary data is only counted.
pub(super) fn body(headers: &HeaderMap, seen: &Seen) -> Vec<String> {
    if seen.length == 0 {
        return Vec::new();
    }
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default();
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let is_json = essence == "application/json" || essence.ends_with("+json");
    let is_text = is_json
        || essence.starts_with("text/")
        || essence.ends_with("xml")
        || essence == "application/x-www-form-urlencoded";
    let is_encoded = headers.contains_key(CONTENT_ENCODING);
    if !is_text || is_encoded {
        return vec![format!("({} bytes)", seen.length)];
    }
    let pretty = match is_json && seen.is_whole() {
        true => pretty_json(&seen.bytes),
        false => None,
    };
    let text = pretty.unwrap_or_else(|| String::from_utf8_lossy(&seen.bytes).into_owned());
    let mut lines = plain(&text);
    if !seen.is_whole() {
        lines.push(format!("… ({} bytes)", seen.length));
    }
    lines
}

/// The lines of a text, without control characters.
pub(super) fn plain(text: &str) -> Vec<String> {
    text.lines().map(escaped).collect()
}

fn pretty_json(bytes: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    serde_json::to_string_pretty(&value).ok()
}

fn escaped(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    for c in line.chars() {
        match c {
            '\t' => text.push(c),
            c => push_escaped(&mut text, c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(content_type: &'static str, body_bytes: &[u8]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let mut seen = Seen::default();
        seen.add(body_bytes);
        body(&headers, &seen)
    }

    #[test]
    fn secret_headers_are_hidden_and_control_characters_are_escaped() {
        let mut map = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer 1"),
            ("cookie", "session=1"),
            ("set-cookie", "session=1"),
            ("x-api-key", "1"),
            ("x-csrf-token", "1"),
            ("accept", "a\u{9b}b"),
        ] {
            map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        assert_eq!(
            headers(&map),
            [
                "authorization: (hidden)",
                "cookie: (hidden)",
                "set-cookie: (hidden)",
                "x-api-key: (hidden)",
                "x-csrf-token: (hidden)",
                "accept: a\\u{9b}b",
            ]
        );
    }

    #[test]
    fn json_is_indented_and_invalid_json_is_shown_as_it_is() {
        let json = "application/problem+json; charset=utf-8";
        assert_eq!(
            lines(json, br#"{"a":[1]}"#),
            ["{", "  \"a\": [", "    1", "  ]", "}"]
        );
        assert_eq!(lines(json, b"{\"a\":\x1b"), ["{\"a\":\\u{1b}"]);
    }

    #[test]
    fn text_is_shown_and_binary_data_is_counted() {
        assert_eq!(lines("text/plain", b"a\r\nb"), ["a", "b"]);
        assert_eq!(lines("application/x-www-form-urlencoded", b"a=1"), ["a=1"]);
        assert_eq!(lines("image/png", b"\x89PNG"), ["(4 bytes)"]);
        assert!(lines("text/plain", b"").is_empty());
    }

    #[test]
    fn a_long_body_is_truncated() {
        let lines = lines("application/json", &[b'1'; Seen::LIMIT + 1]);
        assert_eq!(lines[0].len(), Seen::LIMIT);
        assert_eq!(lines[1], format!("… ({} bytes)", Seen::LIMIT + 1));
        assert_eq!(lines.len(), 2);
    }
}
