//! Admission: converts every request into the form that handlers see.

use http::header::{COOKIE, EXPECT, HOST, HeaderValue, TE, UPGRADE};
use http::{Method, StatusCode, Uri, Version};

use super::authority::is_host;
use super::headers::{HOP_BY_HOP, is_hop_by_hop};
use super::path::target;
use super::request_info::RequestInfo;
use crate::context::Context;
use crate::error::{Error, bad_request};
use crate::{Request, Result};

/// Converts a request into the form that handlers see.
///
/// # Errors
/// The error with which the request is rejected.
pub(super) fn admit(request: &mut Request, info: &mut RequestInfo) -> Result<()> {
    let Headers {
        hop_by_hop,
        cookies,
        websocket,
    } = check_headers(request, &info.context)?;
    if websocket && request.method() == Method::GET && !info.context.host().carries_upgrades() {
        return Err(no_websocket(&info.context));
    }
    if request.method() == Method::CONNECT {
        check_connect(request)?;
    }
    if cookies > 1 {
        join_cookies(request);
    }
    if request.uri().authority().is_some() {
        to_origin_form(request)?;
    }
    if !is_ascii(request.uri()) {
        let (path, query) = (request.uri().path(), request.uri().query());
        *request.uri_mut() = target(path.as_bytes(), query.map(str::as_bytes))?.into();
    }
    let path = request.uri().path();
    let whole_server = path == "*" && request.method() == Method::OPTIONS;
    if !path.starts_with('/') && !whole_server {
        return Err(bad_request("Invalid request target"));
    }
    if hop_by_hop {
        remove_hop_by_hop(request, info);
    }
    Ok(())
}

/// The changes that the headers of a request need. Almost all requests need no change.
struct Headers {
    /// Whether there are headers to remove.
    hop_by_hop: bool,
    /// The number of Cookie fields.
    cookies: usize,
    /// Whether a GET request with these headers is a WebSocket handshake.
    websocket: bool,
}

/// Checks the headers in one pass.
///
/// # Errors
/// 400 for an invalid or repeated Host header (RFC 9112 §3.2). A missing Host header is valid here, because CGI
/// variables and Lambda events may lack a host. An adapter whose protocol requires the header rejects such a request.
fn check_headers(request: &Request, context: &Context) -> Result<Headers> {
    let (mut hosts, mut cookies, mut hop_by_hop, mut websocket) = (0, 0, false, false);
    for (name, value) in request.headers() {
        match name.as_str() {
            "host" if !is_host(value.as_bytes()) => return Err(bad_request("Invalid Host header")),
            "host" => hosts += 1,
            "x-request-id" => context.set_client_request_id(value.as_bytes()),
            "cookie" => cookies += 1,
            "expect" => hop_by_hop = true,
            // RFC 6455 §4.1 requires this header. Upgrade can be missing, because front doors remove it.
            "sec-websocket-key" => websocket = true,
            name => hop_by_hop |= is_hop_by_hop(name),
        }
    }
    if hosts > 1 {
        return Err(bad_request("Invalid Host header"));
    }
    Ok(Headers {
        hop_by_hop,
        cookies,
        websocket,
    })
}

/// The error for a WebSocket handshake on a host that cannot switch protocols. Such a handshake would reach the handler
/// without Connection and Upgrade, and WebSocket libraries would then report that the client did not send these
/// headers.
fn no_websocket(context: &Context) -> Error {
    let host = context.host();
    let message = format!("WebSocket connections are not supported on the host {host}");
    Error::new(StatusCode::NOT_IMPLEMENTED, message)
}

/// Joins several Cookie fields. RFC 9113 §8.2.3: HTTP/2 clients can divide cookies into several fields, and an
/// application expects one field.
fn join_cookies(request: &mut Request) {
    let values: Vec<_> = request.headers().get_all(COOKIE).iter().collect();
    let joined = values
        .iter()
        .map(|value| value.as_bytes())
        .collect::<Vec<_>>()
        .join(&b"; "[..]);
    if let Ok(cookies) = HeaderValue::from_bytes(&joined) {
        request.headers_mut().insert(COOKIE, cookies);
    }
}

/// Rejects CONNECT, because this crate is not a proxy. HTTP/2 also uses CONNECT for upgrades (RFC 8441 §4). An upgrade
/// request has a path and is admitted here: hosts pass it on only if the application has enabled such upgrades.
fn check_connect(request: &Request) -> Result<()> {
    let is_upgrade = request.version() == Version::HTTP_2 && request.uri().scheme().is_some();
    match request.uri().authority() {
        Some(_) if is_upgrade => Ok(()),
        // RFC 9110 §15.6.2: 501 means that the server does not support the method for any target.
        Some(_) => Err(Error::from_status(StatusCode::NOT_IMPLEMENTED)),
        // RFC 9112 §3.2.3: the target of CONNECT is an authority.
        None => Err(bad_request("Invalid request target")),
    }
}

fn is_ascii(uri: &Uri) -> bool {
    uri.path_and_query()
        .is_none_or(|target| target.as_str().is_ascii())
}

/// Converts a target in absolute form into a path. RFC 9112 §3.2.2: the authority of such a target replaces the Host
/// header. Requests over HTTP/2 have an absolute target too.
fn to_origin_form(request: &mut Request) -> Result<()> {
    if request.uri().scheme().is_none() {
        // RFC 9112 §3.2.3: only CONNECT has a target that is an authority, such as `example.com`.
        return Err(bad_request("Invalid request target"));
    }
    let uri = std::mem::take(request.uri_mut()).into_parts();
    if let Some(authority) = uri.authority {
        if !is_host(authority.as_str().as_bytes()) {
            return Err(bad_request("Invalid request target"));
        }
        let host = HeaderValue::from_str(authority.as_str())?;
        request.headers_mut().insert(HOST, host);
    }
    if let Some(path_and_query) = uri.path_and_query {
        let target = match path_and_query.as_str() {
            // `http://host?query` has an empty path, which equals "/" (RFC 9110 §4.2.3).
            query if query.starts_with('?') => format!("/{query}").parse()?,
            _ => path_and_query,
        };
        *request.uri_mut() = target.into();
    }
    Ok(())
}

/// Removes the hop-by-hop headers, and `Expect`, which the host has already handled. Keeps the headers of an
/// upgrade if the host can switch protocols, and TE over HTTP/2 (RFC 9113 §8.2.2).
fn remove_hop_by_hop(request: &mut Request, info: &mut RequestInfo) {
    // RFC 9110 §7.8: an HTTP/1.0 client cannot ask for an upgrade.
    info.upgrade = request.headers().contains_key(UPGRADE)
        && request.version() == Version::HTTP_11
        && info.context.host().carries_upgrades();
    let http2 = request.version() == Version::HTTP_2;
    for name in HOP_BY_HOP {
        let kept = match *name {
            "connection" | "upgrade" => info.upgrade,
            name => name == TE && http2,
        };
        if !kept {
            request.headers_mut().remove(*name);
        }
    }
    request.headers_mut().remove(EXPECT);
}

#[cfg(test)]
mod tests {
    use http::uri::PathAndQuery;

    use super::*;
    use crate::{Body, Host};

    fn admitted(request: http::request::Builder) -> std::result::Result<Request, StatusCode> {
        let mut request = request.body(Body::empty()).unwrap();
        let mut info = RequestInfo::of(&mut request);
        let admitted = admit(&mut request, &mut info);
        admitted.map(|()| request).map_err(|error| error.status())
    }

    #[test]
    fn several_cookie_fields_become_one() {
        let request = http::Request::builder()
            .header("cookie", "a=1")
            .header("x", "y");
        let request = request
            .header("cookie", &b"b=\xff"[..])
            .header("cookie", "c");
        let request = admitted(request).unwrap();
        let cookies: Vec<_> = request.headers().get_all(COOKIE).iter().collect();
        assert_eq!(cookies, [&b"a=1; b=\xff; c"[..]]);
    }

    #[test]
    fn connect_is_rejected_with_501_for_an_authority_and_with_400_for_any_other_target() {
        let (http1, http2) = (Version::HTTP_11, Version::HTTP_2);
        for (version, target, status) in [
            (http1, "example.com:443", StatusCode::NOT_IMPLEMENTED),
            (http2, "example.com:443", StatusCode::NOT_IMPLEMENTED),
            // Only HTTP/2 has upgrades that use CONNECT.
            (http1, "http://a/chat", StatusCode::NOT_IMPLEMENTED),
            (http1, "/echo", StatusCode::BAD_REQUEST),
            (http1, "*", StatusCode::BAD_REQUEST),
        ] {
            let request = http::Request::builder().method(Method::CONNECT);
            let request = request.uri(target).version(version);
            assert_eq!(
                admitted(request).err(),
                Some(status),
                "{version:?} {target}"
            );
        }
    }

    #[test]
    fn an_absolute_target_without_a_path_has_the_path_slash() {
        for (target, expected) in [("http://a", "/"), ("http://a?q", "/?q")] {
            let request = admitted(http::Request::builder().uri(target)).unwrap();
            let target = request.uri().path_and_query().map(PathAndQuery::as_str);
            assert_eq!(target, Some(expected));
        }
    }

    /// A WebSocket API of API Gateway sends the headers of the handshake in a POST.
    #[test]
    fn a_websocket_handshake_is_a_501_that_names_a_host_without_upgrades() {
        for (host, method, message) in [
            (
                Host::CGI,
                Method::GET,
                Some("not supported on the host cgi"),
            ),
            (
                Host::LAMBDA,
                Method::GET,
                Some("not supported on the host lambda"),
            ),
            (Host::LAMBDA, Method::POST, None),
            (Host::HTTP, Method::GET, None),
        ] {
            let request = http::Request::builder().method(&method);
            let request = request.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
            let mut request = request.body(Body::empty()).unwrap();
            request.extensions_mut().insert(Context::new(host));
            let mut info = RequestInfo::of(&mut request);
            let error = admit(&mut request, &mut info).err();
            assert_eq!(error.is_some(), message.is_some(), "{host} {method}");
            if let (Some(error), Some(message)) = (error, message) {
                assert_eq!(error.status(), StatusCode::NOT_IMPLEMENTED);
                assert!(error.message().ends_with(message), "{}", error.message());
            }
        }
    }

    #[test]
    fn a_connect_request_for_an_upgrade_over_http_2_is_admitted() {
        let request = http::Request::builder().method(Method::CONNECT);
        let request = request.uri("https://a/chat").version(Version::HTTP_2);
        let request = admitted(request).unwrap();
        assert_eq!(request.uri(), "/chat");
        assert_eq!(request.headers()[HOST], "a");
    }
}
