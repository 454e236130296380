//! Meta-variables as a [`Request`].

use std::time::SystemTime;

use anyhost_core::http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue,
};
use anyhost_core::http::uri::Authority;
use anyhost_core::http::{Method, StatusCode, Version};
use anyhost_core::{Body, Context, Error, Request, Result, target};

use crate::environment::Environment;
use crate::program::Program;
use crate::{context, path};

/// How the body on stdin ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is none.
    None,
    /// After so many bytes. RFC 3875 §4.2: a server need not send an end of file after them.
    Length(u64),
    /// At the end of file: the server has taken off the chunks, but does not know the length.
    ToEnd,
}

/// Reads the framing.
///
/// # Errors
/// 400 if the length is none, 411 if the body's end cannot be found.
pub(crate) fn framing(environment: &Environment, program: &Program) -> Result<Framing> {
    if program.body_to_end {
        return Ok(Framing::ToEnd);
    }
    // busybox gives the length of a GET's body as a header only.
    let length = environment
        .bytes("CONTENT_LENGTH")
        .or_else(|| environment.bytes("HTTP_CONTENT_LENGTH"));
    if let Some(length) = length {
        return parse_length(length)
            .map(|length| {
                if length == 0 {
                    Framing::None
                } else {
                    Framing::Length(length)
                }
            })
            .ok_or_else(|| bad_request("Invalid Content-Length"));
    }
    let coding = environment
        .text("HTTP_TRANSFER_ENCODING")
        .unwrap_or_default();
    if !coding.to_ascii_lowercase().contains("chunked") {
        return Ok(Framing::None);
    }
    let software = environment.text("SERVER_SOFTWARE").unwrap_or_default();
    if software.starts_with("busybox") {
        // It hands the chunks over as they are, cut off at the end of its first read.
        return Err(Error::from_status(StatusCode::LENGTH_REQUIRED));
    }
    Ok(Framing::ToEnd)
}

/// RFC 9110 §8.6: digits, and nothing else.
fn parse_length(length: &[u8]) -> Option<u64> {
    let digits = length.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(length)
        .ok()
        .filter(|_| digits)?
        .parse()
        .ok()
}

/// Makes a request of the environment, with a context for it. The body is put in later.
///
/// # Errors
/// 400 for what a client may have broken, 500 if the server left out what RFC 3875 demands.
pub(crate) fn from_environment(
    environment: &Environment,
    program: &Program,
) -> (Context, Result<Request>) {
    let place = path::of(environment);
    let mut context = context::of(environment, &place.base_path);
    if let Some(deadline) = program
        .deadline
        .and_then(|deadline| SystemTime::now().checked_add(deadline))
    {
        context = context.with_deadline(deadline);
    }
    let request = build(environment, program, &place.path).map(|mut request| {
        request.extensions_mut().insert(context.clone());
        request.extensions_mut().insert(environment.clone());
        request
    });
    (context, request)
}

fn build(environment: &Environment, program: &Program, path: &[u8]) -> Result<Request> {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method(environment)?;
    *request.version_mut() = version(environment);
    *request.uri_mut() = target(path, query(environment))?.into();
    *request.headers_mut() = headers(environment, program)?;
    Ok(request)
}

fn method(environment: &Environment) -> Result<Method> {
    let method = environment.bytes("REQUEST_METHOD").ok_or_else(|| {
        Error::from_status(StatusCode::INTERNAL_SERVER_ERROR)
            .with_source("the web server set no REQUEST_METHOD")
    })?;
    Method::from_bytes(method).map_err(|error| bad_request("Invalid method").with_source(error))
}

/// What is unknown is treated as the oldest. `INCLUDED` comes from server-side includes.
fn version(environment: &Environment) -> Version {
    match environment.bytes("SERVER_PROTOCOL").unwrap_or_default() {
        b"HTTP/1.1" => Version::HTTP_11,
        b"HTTP/2" | b"HTTP/2.0" => Version::HTTP_2,
        b"HTTP/3" | b"HTTP/3.0" => Version::HTTP_3,
        _ => Version::HTTP_10,
    }
}

/// QUERY_STRING is always set (RFC 3875 §4.1.7) and right behind rewrites. Whether an empty one had
/// a question mark cannot be told.
fn query(environment: &Environment) -> Option<&[u8]> {
    match environment.get("QUERY_STRING") {
        Some(_) => environment.bytes("QUERY_STRING"),
        None => {
            let uri = environment.bytes("REQUEST_URI")?;
            let query = &uri[uri.iter().position(|&b| b == b'?')? + 1..];
            Some(query.split(|&b| b == b'#').next().unwrap_or_default())
        }
    }
}

fn headers(environment: &Environment, program: &Program) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in environment.iter() {
        let Some(name) = name.strip_prefix(b"HTTP_") else {
            continue;
        };
        match name {
            // CONTENT_TYPE and CONTENT_LENGTH say the same and are cleaner.
            b"CONTENT_TYPE" | b"CONTENT_LENGTH" => continue,
            // A `Proxy` header, made to look like the variable that HTTP clients obey ("httpoxy").
            b"PROXY" => continue,
            // nginx sets the one, and a usual rewrite rule the other, also if the client sent none.
            b"HOST" | b"AUTHORIZATION" if value.is_empty() => continue,
            _ => {}
        }
        let Some(name) = header_name(name) else {
            tracing::warn!(name = %name.escape_ascii(), "skipped a variable that is no header");
            continue;
        };
        headers
            .try_append(name, header_value(value)?)
            .map_err(|_| too_many_headers())?;
    }
    if let Some(content_type) = environment
        .bytes("CONTENT_TYPE")
        .or_else(|| environment.bytes("HTTP_CONTENT_TYPE"))
    {
        headers.insert(CONTENT_TYPE, header_value(content_type)?);
    }
    match framing(environment, program)? {
        Framing::Length(length) => {
            headers.insert(CONTENT_LENGTH, length.into());
        }
        Framing::None
            if environment.bytes("CONTENT_LENGTH").is_some() && wants_length(environment) =>
        {
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

/// lighttpd sets CONTENT_LENGTH to 0 for every request without a body; only for these methods would
/// the client itself have said so (RFC 9110 §8.6).
fn wants_length(environment: &Environment) -> bool {
    matches!(
        environment.bytes("REQUEST_METHOD"),
        Some(b"POST" | b"PUT" | b"PATCH")
    )
}

/// `USER_AGENT` is `user-agent`.
fn header_name(variable: &[u8]) -> Option<HeaderName> {
    let name: Vec<u8> = variable
        .iter()
        .map(|&b| {
            if b == b'_' {
                b'-'
            } else {
                b.to_ascii_lowercase()
            }
        })
        .collect();
    HeaderName::from_bytes(&name).ok()
}

/// Any bytes but controls; what they mean is up to the handler.
fn header_value(value: &[u8]) -> Result<HeaderValue> {
    HeaderValue::from_bytes(value).map_err(|error| bad_request("Invalid header").with_source(error))
}

/// The server's own name, if it is one: nginx may pass the pattern that it matched names with.
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
    let plain = !authority.as_str().contains('@');
    HeaderValue::from_str(authority.as_str())
        .ok()
        .filter(|_| plain)
}

/// Apache withholds the header from CGI programs, unless `CGIPassAuth On` is set; people bring it back by
/// a rewrite rule, and an internal redirect then puts `REDIRECT_` before its name.
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

fn too_many_headers() -> Error {
    Error::from_status(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
}

fn bad_request(message: &'static str) -> Error {
    Error::new(StatusCode::BAD_REQUEST, message)
}
