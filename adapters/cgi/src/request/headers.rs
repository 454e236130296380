//! `HTTP_…` variables as request headers (RFC 3875 §4.1.18).

use anyhost_core::http::StatusCode;
use anyhost_core::http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue,
};
use anyhost_core::http::uri::Authority;
use anyhost_core::{Error, Result};

use crate::body::Framing;
use crate::environment::Environment;

pub(super) fn decode(environment: &Environment, framing: Framing) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in environment.iter() {
        let Some(name) = name.strip_prefix(b"HTTP_") else {
            continue;
        };
        match name {
            // Servers check CONTENT_TYPE and CONTENT_LENGTH, which carry the same values.
            b"CONTENT_TYPE" | b"CONTENT_LENGTH" => continue,
            // A `Proxy` header becomes HTTP_PROXY, a variable that HTTP clients obey ("httpoxy").
            b"PROXY" => continue,
            // If the client sent no Host, nginx sets HTTP_HOST to an empty value. A common rewrite rule
            // does the same with HTTP_AUTHORIZATION.
            b"HOST" | b"AUTHORIZATION" if value.is_empty() => continue,
            _ => {}
        }
        let Some(name) = header_name(name) else {
            tracing::warn!(name = %name.escape_ascii(), "ignoring a request header with an invalid name");
            continue;
        };
        headers
            .try_append(name, header_value(value)?)
            .map_err(|_| Error::from_status(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE))?;
    }
    if let Some(content_type) = environment
        .bytes("CONTENT_TYPE")
        .or_else(|| environment.bytes("HTTP_CONTENT_TYPE"))
    {
        headers.insert(CONTENT_TYPE, header_value(content_type)?);
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
    {
        headers.insert(AUTHORIZATION, header_value(authorization)?);
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

/// Turns `USER_AGENT` into `user-agent`.
fn header_name(variable: &[u8]) -> Option<HeaderName> {
    let name: Vec<u8> = variable
        .iter()
        .map(|&b| match b {
            b'_' => b'-',
            b => b.to_ascii_lowercase(),
        })
        .collect();
    HeaderName::from_bytes(&name).ok()
}

/// Accepts all bytes except control characters. The handler decides about their encoding.
fn header_value(value: &[u8]) -> Result<HeaderValue> {
    HeaderValue::from_bytes(value)
        .map_err(|error| Error::new(StatusCode::BAD_REQUEST, "Invalid header").with_source(error))
}

/// SERVER_NAME and SERVER_PORT as a Host header. `None` if SERVER_NAME is not a host name: nginx may pass
/// the pattern of its `server_name` directive.
fn server_name(environment: &Environment) -> Option<HeaderValue> {
    let name = environment.text("SERVER_NAME")?;
    let bare_ipv6 = name.contains(':') && !name.starts_with('[');
    let name = if bare_ipv6 {
        format!("[{name}]")
    } else {
        name.to_owned()
    };
    let host = match environment
        .text("SERVER_PORT")
        .and_then(|port| port.parse::<u16>().ok())
    {
        None | Some(80 | 443) => name,
        Some(port) => format!("{name}:{port}"),
    };
    let authority: Authority = host.parse().ok()?;
    let has_user = authority.as_str().contains('@');
    HeaderValue::from_str(authority.as_str())
        .ok()
        .filter(|_| !has_user)
}

/// Apache does not pass Authorization to CGI programs unless `CGIPassAuth On` is set. Where that is
/// forbidden, a rewrite rule can set the variable, and each internal redirect then puts `REDIRECT_` in front
/// of its name.
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
