//! Responses, parsed from the bytes of a connection.

use std::collections::BTreeMap;

/// A response as named values: `status`, `version`, `body`, `connection` (what happened to the connection afterwards), and
/// the headers, with `header` before their names.
#[derive(Debug)]
pub(crate) struct Received(pub(crate) BTreeMap<String, String>);

impl Received {
    /// The request got no response.
    pub(crate) fn nothing(connection: &str) -> Self {
        let mut received = Self(BTreeMap::new());
        received.set_connection(connection);
        received
    }

    pub(crate) fn set_connection(&mut self, connection: &str) {
        self.0
            .insert("connection".to_owned(), connection.to_owned());
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.value("connection") == "closed"
    }

    /// The value of a field, or `none`.
    pub(crate) fn value(&self, field: &str) -> String {
        self.0
            .get(field)
            .cloned()
            .unwrap_or_else(|| "none".to_owned())
    }
}

/// Parses the first final response. Returns the response and its length, or `None` if more bytes are needed. `ended` says
/// that no more bytes will come.
pub(crate) fn parse(bytes: &[u8], is_head: bool, ended: bool) -> Option<(Received, usize)> {
    let mut start = 0;
    loop {
        let (head_length, mut values) = parse_head(&bytes[start..])?;
        let status = values.get("status").cloned().unwrap_or_default();
        start += head_length;
        if status.starts_with('1') && status != "101" {
            continue;
        }
        let rest = &bytes[start..];
        let has_no_body = is_head || status == "204" || status == "304";
        let (body, length) = match has_no_body {
            true => (Vec::new(), 0),
            false => parse_body(rest, &values, ended)?,
        };
        let text = String::from_utf8_lossy(&body).into_owned();
        values.insert("body".to_owned(), text);
        return Some((Received(values), start + length));
    }
}

fn parse_head(bytes: &[u8]) -> Option<(usize, BTreeMap<String, String>)> {
    let length = position(bytes, b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..length]);
    let mut lines = head.trim_end().lines();
    let mut status = lines.next()?.split(' ');
    let mut values = BTreeMap::new();
    values.insert("version".to_owned(), status.next()?.to_owned());
    values.insert("status".to_owned(), status.next()?.to_owned());
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        let name = format!("header {}", name.to_lowercase());
        if name == "header date" {
            continue;
        }
        let joined: &mut String = values.entry(name).or_default();
        if !joined.is_empty() {
            *joined += " | ";
        }
        *joined += value;
    }
    Some((length, values))
}

fn parse_body(
    bytes: &[u8],
    head: &BTreeMap<String, String>,
    ended: bool,
) -> Option<(Vec<u8>, usize)> {
    let aborted = || {
        let mut body = bytes.to_vec();
        body.extend(b" [aborted]");
        ended.then_some((body, bytes.len()))
    };
    if head.contains_key("header transfer-encoding") {
        return parse_chunks(bytes).or_else(aborted);
    }
    match head
        .get("header content-length")
        .and_then(|length| length.parse().ok())
    {
        Some(length) => match bytes.get(..length) {
            Some(body) => Some((body.to_vec(), length)),
            None => aborted(),
        },
        None => ended.then(|| (bytes.to_vec(), bytes.len())),
    }
}

fn parse_chunks(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut body, mut start) = (Vec::new(), 0);
    loop {
        let line = position(&bytes[start..], b"\r\n")?;
        let size = std::str::from_utf8(&bytes[start..start + line]).ok()?;
        let size = usize::from_str_radix(size, 16).ok()?;
        start += line + 2;
        let chunk = bytes.get(start..start + size)?;
        bytes.get(start + size..start + size + 2)?;
        body.extend(chunk);
        start += size + 2;
        if size == 0 {
            return Some((body, start));
        }
    }
}

fn position(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes
        .windows(pattern.len())
        .position(|window| window == pattern)
}
