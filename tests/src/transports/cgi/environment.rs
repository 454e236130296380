//! The environment variables and standard input for a request.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use anyhost::Request;
use http::HeaderMap;
use http_body::Body as _;
use http_body_util::BodyExt;
use percent_encoding::percent_decode_str;

/// The variables for a request (RFC 3875 §4.1) as Apache sets them, and the body.
pub(super) async fn of(
    request: Request,
    base_path: &str,
) -> Result<(Vec<(OsString, OsString)>, Vec<u8>), String> {
    let (parts, body) = request.into_parts();
    let length = body.size_hint().exact();
    let body = body.collect().await.map_err(|error| error.to_string())?;
    let body = Vec::from(body.to_bytes());

    let (path, query) = (parts.uri.path(), parts.uri.query());
    let query_text = query.unwrap_or_default();
    let mark = query.map_or("", |_| "?");
    let mut uri = match path {
        "*" => "*".to_owned(),
        path => format!("{base_path}{path}{mark}{query_text}"),
    };
    let mut host = parts
        .headers
        .get("host")
        .map(|host| host.as_bytes().to_vec());
    if let Some(authority) = parts.uri.authority() {
        uri = format!("http://{authority}{uri}");
        host = Some(authority.as_str().as_bytes().to_vec());
    }
    let mut variables = vec![
        ("GATEWAY_INTERFACE", b"CGI/1.1".to_vec()),
        ("SERVER_PROTOCOL", b"HTTP/1.1".to_vec()),
        ("SERVER_SOFTWARE", b"Conformance".to_vec()),
        ("SERVER_NAME", b"a.example".to_vec()),
        ("SERVER_PORT", b"80".to_vec()),
        ("REMOTE_ADDR", b"192.0.2.1".to_vec()),
        ("REQUEST_METHOD", parts.method.as_str().into()),
        ("SCRIPT_NAME", base_path.into()),
        ("PATH_INFO", resolved(path)),
        ("REQUEST_URI", uri.into()),
        ("QUERY_STRING", query_text.into()),
    ];
    variables.extend(host.map(|host| ("HTTP_HOST", host)));
    if let Some(kind) = parts.headers.get("content-type") {
        variables.push(("CONTENT_TYPE", kind.as_bytes().to_vec()));
    }
    match length {
        Some(length) if length > 0 || parts.headers.contains_key("content-length") => {
            variables.push(("CONTENT_LENGTH", length.to_string().into()));
        }
        Some(_) => {}
        None => variables.push(("HTTP_TRANSFER_ENCODING", b"chunked".to_vec())),
    }
    let named = variables
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    let variables = named.chain(headers(&parts.headers));
    let variables = variables.map(|(name, value)| (name.into(), OsString::from_vec(value)));
    Ok((variables.collect(), body))
}

/// The decoded path without dot segments: the access rules of a server apply to this path.
fn resolved(path: &str) -> Vec<u8> {
    let decoded: Vec<u8> = percent_decode_str(path).collect();
    let mut segments: Vec<&[u8]> = Vec::new();
    let mut dots = false;
    for segment in decoded.split(|&byte| byte == b'/') {
        dots = segment == b"." || segment == b"..";
        match segment {
            b"." => {}
            b".." if segments.len() > 1 => drop(segments.pop()),
            b".." => {}
            segment => segments.push(segment),
        }
    }
    if dots {
        segments.push(b"");
    }
    segments.join(&b'/')
}

/// The variables for headers. The values of a repeated header are joined (RFC 3875 §4.1.18).
fn headers(headers: &HeaderMap) -> impl Iterator<Item = (String, Vec<u8>)> {
    let names = headers
        .keys()
        .filter(|name| !["host", "content-type", "content-length"].contains(&name.as_str()));
    names.map(|name| {
        let variable = name.as_str().to_ascii_uppercase().replace('-', "_");
        let values = headers.get_all(name).iter();
        let values: Vec<_> = values.map(http::HeaderValue::as_bytes).collect();
        // RFC 6265 §5.4.
        let between: &[u8] = if name == "cookie" { b"; " } else { b", " };
        (format!("HTTP_{variable}"), values.join(between))
    })
}
