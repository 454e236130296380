//! `HTTP_…` variables as request headers (RFC 3875 §4.1.18).

use std::net::Ipv6Addr;

use anyhost_core::http::StatusCode;
use anyhost_core::http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue,
};
use anyhost_core::{Error, Result};
use bytes::Bytes;

use crate::body::Framing;
use crate::environment::Environment;

/// Decodes the headers. A variable that cannot be a header is ignored, with a warning in the log, because the
/// handler can probably handle the request without that header.
///
/// # Errors
/// 431 if there are more than 24,576 headers.
pub(super) fn decode(environment: &Environment, framing: Framing) -> Result<HeaderMap> {
    // Most requests have fewer headers, so that the map does not grow.
    let mut headers = HeaderMap::with_capacity(16);
    let mut buffer = Vec::with_capacity(64);
    for (name, value) in environment.iter() {
        let Some(variable) = name.strip_prefix(b"HTTP_") else {
            continue;
        };
        let Some(name) = header_name(variable, &mut buffer) else {
            tracing::warn!(name = %variable.escape_ascii(), "ignoring a request header with an invalid name");
            continue;
        };
        // Compares the name of the header, because a server may pass the variable in lower case or with dashes.
        match name.as_str() {
            // Set below from CONTENT_TYPE and CONTENT_LENGTH, which have the same values and which servers check.
            "content-type" | "content-length" => continue,
            // A `Proxy` header becomes HTTP_PROXY, a variable that HTTP clients read as a setting ("httpoxy").
            "proxy" => continue,
            // RFC 3875 §4.1 does not distinguish an empty variable from a missing one. Servers set these variables
            // even if the client sent no such header (nginx: HTTP_HOST; rewrite rules: HTTP_AUTHORIZATION; Python's
            // CGIHTTPRequestHandler: the others), and none of these headers has a meaning without a value. Other
            // headers can have a meaning without a value, such as Accept-Encoding (RFC 9110 §12.5.3), so they are
            // kept.
            "host" | "authorization" | "cookie" | "referer" | "user-agent" if value.is_empty() => {
                continue;
            }
            _ => {}
        }
        let Some(value) = header_value(&name, environment.share(value)) else {
            continue;
        };
        headers
            .try_append(name, value)
            .map_err(|_| Error::from_status(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE))?;
    }
    if let Some(content_type) = environment
        .bytes("CONTENT_TYPE")
        .or_else(|| environment.bytes("HTTP_CONTENT_TYPE"))
        .and_then(|value| header_value(&CONTENT_TYPE, environment.share(value)))
    {
        headers.insert(CONTENT_TYPE, content_type);
    }
    match framing {
        Framing::Length(length) => {
            headers.insert(CONTENT_LENGTH, length.into());
        }
        Framing::None if declares_no_content(environment) => {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        Framing::None | Framing::ToEnd => {}
    }
    if !headers.contains_key(HOST)
        && let Some(host) = server_name(environment)
    {
        headers.insert(HOST, host);
    }
    if !headers.contains_key(AUTHORIZATION)
        && let Some(authorization) = authorization(environment)
        && let Some(authorization) = header_value(&AUTHORIZATION, environment.share(authorization))
    {
        headers.insert(AUTHORIZATION, authorization);
    }
    Ok(headers)
}

/// Whether the client sent `Content-Length: 0`. lighttpd sets CONTENT_LENGTH to 0 for every request without
/// a body, but clients send the header only with these methods (RFC 9110 §8.6).
fn declares_no_content(environment: &Environment) -> bool {
    environment.bytes("CONTENT_LENGTH").is_some()
        && matches!(
            environment.bytes("REQUEST_METHOD"),
            Some(b"POST" | b"PUT" | b"PATCH")
        )
}

/// Turns `USER_AGENT` into `user-agent`. All calls use one buffer.
fn header_name(variable: &[u8], buffer: &mut Vec<u8>) -> Option<HeaderName> {
    buffer.clear();
    // `from_bytes` makes the letters lower-case.
    let dashes = |&b: &u8| if b == b'_' { b'-' } else { b };
    buffer.extend(variable.iter().map(dashes));
    HeaderName::from_bytes(buffer).ok()
}

/// Accepts all bytes except control characters. The handler decides about their encoding.
fn header_value(name: &HeaderName, value: Bytes) -> Option<HeaderValue> {
    let valid = HeaderValue::from_maybe_shared(value).ok();
    if valid.is_none() {
        tracing::warn!(%name, "ignoring a request header with an invalid value");
    }
    valid
}

/// SERVER_NAME and SERVER_PORT as a Host header. `None` if SERVER_NAME is not a host name: nginx passes the first
/// name of its `server_name` directive, which can be a pattern, or the `_` of a catch-all server.
fn server_name(environment: &Environment) -> Option<HeaderValue> {
    let name = environment.text("SERVER_NAME")?;
    let literal = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    let name = match literal.unwrap_or(name) {
        address if address.parse::<Ipv6Addr>().is_ok() => format!("[{address}]"),
        name if is_domain_name(name) => name.to_owned(),
        _ => return None,
    };
    let host = match environment
        .text("SERVER_PORT")
        .and_then(|port| port.parse::<u16>().ok())
    {
        None | Some(80 | 443) => name,
        Some(port) => format!("{name}:{port}"),
    };
    HeaderValue::from_str(&host).ok()
}

/// Whether each label starts with a letter, a digit or an underscore, continues with these characters or dashes, and
/// at least one label contains a letter or a digit.
fn is_domain_name(name: &str) -> bool {
    let is_label = |label: &str| {
        let valid = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        label.bytes().all(valid) && !label.is_empty() && !label.starts_with('-')
    };
    let without_root = name.strip_suffix('.').unwrap_or(name);
    without_root.split('.').all(is_label) && name.contains(|c: char| c.is_ascii_alphanumeric())
}

/// Apache does not pass Authorization to CGI programs unless `CGIPassAuth On` is set. On a host that forbids this
/// directive, a rewrite rule can set the variable, and each internal redirect then puts `REDIRECT_` in front of its
/// name.
fn authorization(environment: &Environment) -> Option<&[u8]> {
    let redirected = environment.iter().find(|(name, value)| {
        let mut rest = *name;
        while let Some(shorter) = rest.strip_prefix(b"REDIRECT_") {
            rest = shorter;
        }
        rest.len() < name.len() && rest == b"HTTP_AUTHORIZATION" && !value.is_empty()
    });
    redirected
        .map(|(_, value)| value)
        .or_else(|| environment.bytes("Authorization"))
        .or_else(|| environment.bytes("X_HTTP_AUTHORIZATION"))
}
