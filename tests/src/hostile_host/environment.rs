//! The environment variables, arguments and standard input for a request.

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, HeaderName, TRANSFER_ENCODING,
};
use http::{HeaderValue, Request};
use percent_encoding::percent_decode;

use super::{Chunked, HostileHost, Repeated, declared};

/// Names and values, in the order of the environment block, which may contain a name twice.
type Variables = Vec<(String, Vec<u8>)>;

const SCRIPT_NAME: &str = "/app";

/// All environment variables.
pub(super) fn of(host: &HostileHost, request: &Request<Bytes>) -> Variables {
    let mut variables = meta(host, request);
    if host.twice {
        let again = variables.clone().into_iter();
        variables.extend(again.map(|(name, _)| (name, b"second".to_vec())));
    }
    for name in request.headers().keys() {
        variables.extend(header(host, request, name));
    }
    variables.push(("PROBE_LINT".to_owned(), b"1".to_vec()));
    variables
}

/// The program arguments that a server makes from a query (RFC 3875 §4.4).
pub(super) fn arguments(host: &HostileHost, request: &Request<Bytes>) -> Vec<Vec<u8>> {
    let query = request.uri().query().unwrap_or_default();
    if !host.arguments || query.contains('=') {
        return Vec::new();
    }
    let words = query.split('+').filter(|word| !word.is_empty());
    words.map(decoded).collect()
}

/// The bytes that the server writes to standard input.
pub(super) fn body(host: &HostileHost, request: &Request<Bytes>) -> Bytes {
    let body = request.body();
    if is_chunked(request) {
        return match host.chunked {
            Chunked::Raw => first_read(raw_chunks(body)),
            Chunked::ToEnd | Chunked::WithLength => body.clone(),
        };
    }
    match declared(request) {
        Some(declared) if declared < body.len() && !host.extra_bytes => body.slice(..declared),
        _ => body.clone(),
    }
}

fn meta(host: &HostileHost, request: &Request<Bytes>) -> Variables {
    let (path, query) = (request.uri().path(), request.uri().query());
    let mut uri = match host.decoded_uri {
        true => [SCRIPT_NAME.as_bytes(), &path_info(path)].concat(),
        false => format!("{SCRIPT_NAME}{path}").into_bytes(),
    };
    if let Some(query) = query {
        uri.extend(format!("?{query}").bytes());
    }
    let mut variables: Variables = vec![
        ("GATEWAY_INTERFACE".into(), "CGI/1.1".into()),
        ("SERVER_SOFTWARE".into(), host.software.into()),
        ("SERVER_PROTOCOL".into(), "HTTP/1.1".into()),
        ("REQUEST_METHOD".into(), request.method().as_str().into()),
        ("SCRIPT_NAME".into(), SCRIPT_NAME.into()),
        ("PATH_INFO".into(), path_info(path)),
        ("QUERY_STRING".into(), query.unwrap_or_default().into()),
        ("REQUEST_URI".into(), uri),
        ("REMOTE_ADDR".into(), "203.0.113.7".into()),
    ];
    let content_type = request
        .headers()
        .get(CONTENT_TYPE)
        .map(HeaderValue::as_bytes);
    let empty: &[&str] = match host.empty_variables {
        true => &["REMOTE_USER", "AUTH_TYPE", "HTTPS", "PATH_TRANSLATED"],
        false => &[],
    };
    variables.extend(empty.iter().map(|name| ((*name).into(), Vec::new())));
    match content_type {
        Some(content_type) => variables.push(("CONTENT_TYPE".into(), content_type.into())),
        None if host.empty_variables => variables.push(("CONTENT_TYPE".into(), Vec::new())),
        None => {}
    }
    if let Some(length) = content_length(host, request) {
        variables.push(("CONTENT_LENGTH".into(), length.into_bytes()));
    }
    let own = host.variables.iter();
    variables.extend(own.map(|(name, value)| ((*name).into(), (*value).into())));
    variables
}

fn content_length(host: &HostileHost, request: &Request<Bytes>) -> Option<String> {
    let length = declared(request).unwrap_or(request.body().len());
    if is_chunked(request) {
        let known = host.chunked == Chunked::WithLength;
        return known.then(|| request.body().len().to_string());
    }
    if length == 0 {
        return host.no_length.map(str::to_owned);
    }
    Some(length.to_string())
}

/// The decoded path without repeated slashes and dot segments: every server normalizes a path before it looks for the
/// program.
fn path_info(path: &str) -> Vec<u8> {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path
        .split('/')
        .filter(|segment| !matches!(*segment, "" | "."))
    {
        match segment {
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    let slash = if path.ends_with('/') && !segments.is_empty() {
        "/"
    } else {
        ""
    };
    decoded(&format!("/{}{slash}", segments.join("/")))
}

fn decoded(text: &str) -> Vec<u8> {
    percent_decode(text.as_bytes()).collect()
}

/// The variables for a header: none, one, or one for each value.
fn header(host: &HostileHost, request: &Request<Bytes>, name: &HeaderName) -> Variables {
    let passed = match name.as_str() {
        "proxy" => host.proxy,
        "content-length" | "content-type" => host.content_headers,
        _ => *name != AUTHORIZATION || host.authorization,
    };
    if !passed {
        return Vec::new();
    }
    let variable = name.as_str().to_ascii_uppercase().replace('-', "_");
    let variable = format!("HTTP_{variable}");
    let values: Vec<_> = request.headers().get_all(name).iter().collect();
    let values: Vec<Vec<u8>> = values.iter().map(|value| value.as_bytes().into()).collect();
    let once = [CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING].contains(name);
    match host.repeated {
        Repeated::Each if !once => {
            let each = values.into_iter();
            each.map(|value| (variable.clone(), value)).collect()
        }
        Repeated::Joined => vec![(variable, values.join(joint(host, name)))],
        _ => values
            .last()
            .map(|value| (variable, value.clone()))
            .into_iter()
            .collect(),
    }
}

/// The separator between joined values. Apache uses commas also for cookies.
fn joint(host: &HostileHost, name: &HeaderName) -> &'static [u8] {
    match *name == COOKIE && !host.software.starts_with("Apache") {
        true => b"; ",
        false => b", ",
    }
}

pub(super) fn is_chunked(request: &Request<Bytes>) -> bool {
    let coding = request.headers().get(TRANSFER_ENCODING);
    coding.is_some_and(|coding| coding == "chunked")
}

/// The part of the body that a server reads together with the head.
fn first_read(mut raw: Bytes) -> Bytes {
    raw.truncate(919);
    raw
}

fn raw_chunks(body: &Bytes) -> Bytes {
    let mut raw = Vec::new();
    for chunk in body.chunks(1000) {
        raw.extend(format!("{:x}\r\n", chunk.len()).bytes());
        raw.extend_from_slice(chunk);
        raw.extend_from_slice(b"\r\n");
    }
    raw.extend_from_slice(b"0\r\n\r\n");
    raw.into()
}
