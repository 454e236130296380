//! Variables of the environment as a [`Request`].

mod headers;

use anyhost_core::adapter::RequestInfo;
use anyhost_core::adapter::path::target;
use anyhost_core::http::{Method, StatusCode, Version};
use anyhost_core::{Body, Context, Error, Request, Result};

use crate::body::Framing;
use crate::environment::Environment;

/// Builds a request from the environment. Its body is empty.
///
/// # Errors
/// 400, 411, 414 or 431 if the client may have caused the error, 500 if the server did not set a variable that RFC
/// 3875 requires. The error comes with the parts of the request that could be decoded.
pub(crate) fn decode(
    environment: &Environment,
    path: &[u8],
    framing: Result<Framing>,
    context: Context,
) -> Result<Request, (Error, RequestInfo)> {
    let mut request = Request::new(Body::empty());
    request.extensions_mut().insert(context);
    request.extensions_mut().insert(environment.clone());
    match fill(&mut request, environment, path, framing) {
        Ok(()) => Ok(request),
        Err(error) => Err((error, RequestInfo::of(&mut request))),
    }
}

fn fill(
    request: &mut Request,
    environment: &Environment,
    path: &[u8],
    framing: Result<Framing>,
) -> Result<()> {
    *request.method_mut() = method(environment)?;
    *request.version_mut() = version(environment);
    *request.uri_mut() = target(path, query(environment))?.into();
    *request.headers_mut() = headers::decode(environment, framing?)?;
    Ok(())
}

fn method(environment: &Environment) -> Result<Method> {
    let method = environment.bytes("REQUEST_METHOD").ok_or_else(|| {
        Error::from_status(StatusCode::INTERNAL_SERVER_ERROR)
            .with_source("the web server did not set REQUEST_METHOD")
    })?;
    Method::from_bytes(method)
        .map_err(|error| Error::new(StatusCode::BAD_REQUEST, "Invalid method").with_source(error))
}

/// An unknown version is treated as HTTP/1.0. Server-side includes send `INCLUDED`.
fn version(environment: &Environment) -> Version {
    match environment.bytes("SERVER_PROTOCOL").unwrap_or_default() {
        b"HTTP/1.1" => Version::HTTP_11,
        b"HTTP/2" | b"HTTP/2.0" => Version::HTTP_2,
        b"HTTP/3" | b"HTTP/3.0" => Version::HTTP_3,
        _ => Version::HTTP_10,
    }
}

/// Servers must set QUERY_STRING (RFC 3875 §4.1.7), and after a rewrite only QUERY_STRING is right. If QUERY_STRING
/// is empty, the target may or may not have ended with a question mark; CGI has no variable that shows the
/// difference.
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
