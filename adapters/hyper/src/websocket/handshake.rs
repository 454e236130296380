//! The opening handshake: checks the request and makes the response.

use anyhost_core::{Body, Error, Request, RequestExt, Response, Result};
use http::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Method, StatusCode};
use hyper::ext::Protocol;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// Checks that a request asks for a WebSocket, and makes the response that accepts it.
///
/// # Errors
/// 501 if the host cannot upgrade connections, 426 if the request does not ask for a WebSocket or asks for another version
/// of the protocol, and 400 if the handshake is invalid.
pub(super) fn accept(request: &Request) -> Result<Response> {
    let host = request.context().host();
    if !host.carries_upgrades() {
        let message = format!("WebSocket connections are not supported on the host {host}");
        return Err(Error::new(StatusCode::NOT_IMPLEMENTED, message));
    }
    let headers = request.headers();
    let mut response = Response::new(Body::empty());
    // RFC 8441 §5: over HTTP/2, the method is CONNECT, and there is no key.
    if request.method() == Method::CONNECT {
        let protocol = request.extensions().get::<Protocol>();
        if !protocol.is_some_and(|protocol| protocol.as_str().eq_ignore_ascii_case("websocket")) {
            return Err(upgrade_required());
        }
        check_version(headers)?;
        return Ok(response);
    }
    let is_get = request.method() == Method::GET;
    if !is_get
        || !has_token(headers, &UPGRADE, "websocket")
        || !has_token(headers, &CONNECTION, "upgrade")
    {
        return Err(upgrade_required());
    }
    check_version(headers)?;
    let accepted = HeaderValue::try_from(derive_accept_key(key(headers)?.as_bytes()))?;
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("upgrade"));
    response.headers_mut().insert(UPGRADE, WEBSOCKET);
    response
        .headers_mut()
        .insert(SEC_WEBSOCKET_ACCEPT, accepted);
    Ok(response)
}

pub(super) fn upgrade_required() -> Error {
    let error = Error::new(
        StatusCode::UPGRADE_REQUIRED,
        "Expected a WebSocket handshake",
    );
    error.with_header(UPGRADE, WEBSOCKET)
}

/// RFC 6455 §4.4: the response to another version names the versions that the server supports.
fn check_version(headers: &HeaderMap) -> Result<()> {
    if headers
        .get(SEC_WEBSOCKET_VERSION)
        .is_some_and(|version| version == "13")
    {
        return Ok(());
    }
    Err(upgrade_required().with_header(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")))
}

/// The key of the client: 16 bytes in Base64 (RFC 6455 §4.1).
fn key(headers: &HeaderMap) -> Result<&HeaderValue> {
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    match (keys.next(), keys.next()) {
        (Some(key), None)
            if key
                .as_bytes()
                .strip_suffix(b"==")
                .is_some_and(|key| key.len() == 22 && key.iter().all(is_base64)) =>
        {
            Ok(key)
        }
        _ => Err(Error::new(
            StatusCode::BAD_REQUEST,
            "Invalid Sec-WebSocket-Key header",
        )),
    }
}

/// Whether a comma-separated header contains a token, in upper or lower case.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut tokens = values.flat_map(|value| value.split(','));
    tokens.any(|found| found.trim().eq_ignore_ascii_case(token))
}
