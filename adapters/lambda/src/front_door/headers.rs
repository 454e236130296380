//! What a front door passes on of a request's headers, and what it adds.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderValue, Request, StatusCode};

use super::FrontDoor;

/// All values of each name, in the order of the alphabet, as AWS has them.
pub(super) type Values = BTreeMap<String, Vec<String>>;

const TRACE_ID: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";

/// # Errors
/// 400 for more than one Host, or a Content-Length that is not the body's.
pub(super) fn headers(
    door: FrontDoor,
    request: &Request<Bytes>,
    peer: IpAddr,
) -> Result<Values, StatusCode> {
    let mut headers = Values::new();
    for (name, value) in request.headers() {
        if !is_hop_by_hop(name.as_str()) {
            let values = headers.entry(name.as_str().to_owned()).or_default();
            values.push(text(value));
        }
    }
    set_host(&mut headers, door, request)?;
    set_content_length(&mut headers, door, request)?;
    set_forwarded(&mut headers, door, request, peer);
    let trace_id = headers.entry("x-amzn-trace-id".to_owned());
    trace_id.or_insert_with(|| vec![TRACE_ID.to_owned()]);
    if door == FrontDoor::FunctionUrl {
        set(&mut headers, "x-amzn-tls-version", "TLSv1.3");
        set(
            &mut headers,
            "x-amzn-tls-cipher-suite",
            "TLS_AES_128_GCM_SHA256",
        );
    }
    Ok(headers)
}

/// The name that a front door goes by.
pub(super) fn domain(door: FrontDoor) -> &'static str {
    match door {
        FrontDoor::FunctionUrl => "api.lambda-url.eu-west-1.on.aws",
        FrontDoor::Alb | FrontDoor::AlbMultiValue => "alb-1.eu-west-1.elb.amazonaws.com",
        FrontDoor::Lattice => "service-0.vpc-lattice-svcs.eu-west-1.on.aws",
        _ => "api.execute-api.eu-west-1.amazonaws.com",
    }
}

/// The name as a REST API writes it: these with capitals, and the others as they were sent.
pub(super) fn cased(name: &str) -> String {
    match name {
        "host" => "Host",
        "user-agent" => "User-Agent",
        "x-amzn-trace-id" => "X-Amzn-Trace-Id",
        "x-forwarded-for" => "X-Forwarded-For",
        "x-forwarded-port" => "X-Forwarded-Port",
        "x-forwarded-proto" => "X-Forwarded-Proto",
        name => name,
    }
    .to_owned()
}

fn set_host(
    headers: &mut Values,
    door: FrontDoor,
    request: &Request<Bytes>,
) -> Result<(), StatusCode> {
    if request.headers().get_all(HOST).iter().count() > 1 {
        return Err(StatusCode::BAD_REQUEST);
    }
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    if let Some(authority) = authority {
        // RFC 9112 §3.2.2.
        set(headers, "host", authority);
    }
    let host = headers.entry("host".to_owned());
    host.or_insert_with(|| vec![domain(door).to_owned()]);
    Ok(())
}

fn set_content_length(
    headers: &mut Values,
    door: FrontDoor,
    request: &Request<Bytes>,
) -> Result<(), StatusCode> {
    let length = request.body().len().to_string();
    let mut declared = request.headers().get_all(CONTENT_LENGTH).iter();
    if declared.any(|declared| declared.as_bytes() != length.as_bytes()) {
        return Err(StatusCode::BAD_REQUEST);
    }
    let sent = headers.remove("content-length").is_some() || !request.body().is_empty();
    let rest_api = matches!(door, FrontDoor::RestApi | FrontDoor::RestApiText);
    if sent && !rest_api {
        set(headers, "content-length", &length);
    }
    Ok(())
}

/// The address is added to what the client may have sent; the rest is the front door's own word.
fn set_forwarded(headers: &mut Values, door: FrontDoor, request: &Request<Bytes>, peer: IpAddr) {
    let mut chain = headers.remove("x-forwarded-for").unwrap_or_default();
    chain.push(peer.to_string());
    set(headers, "x-forwarded-for", &chain.join(", "));
    let plain = door.is_load_balancer() && request.uri().scheme_str() != Some("https");
    let (scheme, port) = match plain {
        true => ("http", "80"),
        false => ("https", "443"),
    };
    set(headers, "x-forwarded-proto", scheme);
    set(headers, "x-forwarded-port", port);
}

fn set(headers: &mut Values, name: &str, value: &str) {
    headers.insert(name.to_owned(), vec![value.to_owned()]);
}

/// JSON has no bytes: they are the characters of Latin-1 (RFC 9110 §5.5).
fn text(value: &HeaderValue) -> String {
    value.as_bytes().iter().map(|&b| char::from(b)).collect()
}

/// RFC 9110 §7.6.1: of the connection that ends at the front door. So does `Expect`.
fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "transfer-encoding"
            | "te"
            | "upgrade"
            | "http2-settings"
            | "expect"
    )
}
