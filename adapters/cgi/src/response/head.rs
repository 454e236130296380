//! The head of a response (RFC 3875 §6.2).

use anyhost_core::Response;
use anyhost_core::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use anyhost_core::http::{HeaderMap, StatusCode};

use crate::environment::Environment;
use crate::options::Options;

/// nginx rejects header lines that are longer than its buffer (4 KiB by default), and Apache rejects lines above
/// 8,190 bytes.
const LONG_LINE: usize = 4096;

/// The form of the first line.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// A `Status` header, from which the server makes the status line (RFC 3875 §6).
    Cgi,
    /// A status line with this version, which the server sends unchanged (RFC 3875 §5).
    Nph(&'static str),
}

impl Form {
    pub(crate) fn of(environment: &Environment, options: &Options) -> Self {
        match environment.bytes("SERVER_PROTOCOL") {
            _ if !options.nph => Self::Cgi,
            Some(b"HTTP/1.0") => Self::Nph("HTTP/1.0 "),
            _ => Self::Nph("HTTP/1.1 "),
        }
    }
}

/// Encodes the head. `Status` comes first and always has a reason phrase, because busybox looks for the
/// status only in its first read.
pub(super) fn encode(response: &Response, form: Form) -> Vec<u8> {
    let status = response.status();
    let mut head = Vec::with_capacity(256);
    head.extend_from_slice(match form {
        Form::Cgi => b"Status: ",
        Form::Nph(version) => version.as_bytes(),
    });
    head.extend_from_slice(status.as_str().as_bytes());
    head.push(b' ');
    head.extend_from_slice(status.canonical_reason().unwrap_or("Unknown").as_bytes());
    head.extend_from_slice(b"\r\n");
    if let Form::Nph(_) = form {
        // Both the response and the connection end when the program closes stdout.
        head.extend_from_slice(b"Connection: close\r\n");
    }
    encode_headers(&mut head, status, response.headers(), form);
    head.extend_from_slice(b"\r\n");
    head
}

fn encode_headers(head: &mut Vec<u8>, status: StatusCode, headers: &HeaderMap, form: Form) {
    // RFC 3875 §6.3.1 requires Content-Type, and some servers look for it only in the first lines.
    let with_content_type = |is: bool| {
        let selected = move |(name, _): &(&HeaderName, _)| (*name == CONTENT_TYPE) == is;
        headers.iter().filter(selected)
    };
    for (name, value) in with_content_type(true).chain(with_content_type(false)) {
        if status == StatusCode::OK && name == LOCATION && matches!(form, Form::Cgi) {
            // RFC 3875 §6.2.2: Apache turns a response with Location into a redirect, despite the status 200.
            tracing::warn!(
                "ignoring the Location header, because a web server makes a redirect of a CGI response with Location and status 200"
            );
            continue;
        }
        // RFC 3875 §6.3.5: X-CGI- headers are instructions for the server and are not sent to the client.
        if name.as_str().starts_with("x-cgi-") {
            continue;
        }
        if is_long(name, value) {
            tracing::warn!(%name, length = value.len(), "response header is longer than some web servers accept, sending it");
        }
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
}

/// Whether some web servers reject the line of this header.
fn is_long(name: &HeaderName, value: &HeaderValue) -> bool {
    name.as_str().len() + value.len() > LONG_LINE
}

#[cfg(test)]
mod tests {
    use anyhost_core::Body;
    use anyhost_core::http::Response;

    use super::*;

    fn text(builder: anyhost_core::http::response::Builder) -> String {
        let head = builder
            .body(Body::empty())
            .map(|response| encode(&response, Form::Cgi));
        String::from_utf8_lossy(&head.unwrap_or_default()).into_owned()
    }

    #[test]
    fn status_with_a_reason_comes_first_and_content_type_second() {
        let head = text(
            Response::builder()
                .status(404)
                .header("x-a", "1")
                .header("content-type", "text/plain"),
        );
        assert_eq!(
            head,
            "Status: 404 Not Found\r\ncontent-type: text/plain\r\nx-a: 1\r\n\r\n"
        );
        assert_eq!(
            text(Response::builder().status(299)),
            "Status: 299 Unknown\r\n\r\n"
        );
    }

    #[test]
    fn each_cookie_is_a_separate_line() {
        let head = text(
            Response::builder()
                .header("set-cookie", "a=1")
                .header("set-cookie", "b=2"),
        );
        assert_eq!(
            head,
            "Status: 200 OK\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n\r\n"
        );
    }

    #[test]
    fn location_is_dropped_with_status_200_and_kept_with_201() {
        assert_eq!(
            text(Response::builder().header("location", "/x")),
            "Status: 200 OK\r\n\r\n"
        );
        assert!(
            text(Response::builder().status(201).header("location", "/x")).contains("location: /x")
        );
    }

    #[test]
    fn a_header_is_long_if_its_name_and_value_have_more_than_4096_bytes() {
        let is_long = |length| {
            let value = HeaderValue::try_from("v".repeat(length));
            value.is_ok_and(|value| is_long(&LOCATION, &value))
        };
        assert!(!is_long(5) && !is_long(4096 - "location".len()));
        assert!(is_long(4097 - "location".len()) && is_long(10_000));
    }
}
