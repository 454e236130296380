//! The head of a [`Response`] as CGI has it (RFC 3875 §6.2).

use anyhost_core::Response;
use anyhost_core::http::header::{CONTENT_TYPE, LOCATION};
use anyhost_core::http::{HeaderMap, StatusCode};

use crate::environment::Environment;
use crate::program::Program;

/// Servers cut or refuse longer header lines: nginx above its buffer of 4 KiB, Apache above 8,190
/// bytes.
const LONG_LINE: usize = 4096;

/// How the head begins.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// With a `Status` for the server to make a status line of (RFC 3875 §6).
    Cgi,
    /// With a status line that the server passes on as it is (RFC 3875 §5).
    Nph(&'static str),
}

impl Form {
    pub(crate) fn new(program: &Program, environment: &Environment) -> Self {
        match environment.bytes("SERVER_PROTOCOL") {
            _ if !program.nph => Self::Cgi,
            Some(b"HTTP/1.0") => Self::Nph("HTTP/1.0 "),
            _ => Self::Nph("HTTP/1.1 "),
        }
    }
}

/// The head in one piece: `Status` first, always with a reason, because busybox looks for it in its
/// first read only.
pub(crate) fn head(response: &Response, form: Form) -> Vec<u8> {
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
        // It ends where the connection does.
        head.extend_from_slice(b"Connection: close\r\n");
    }
    write_headers(&mut head, status, response.headers(), form);
    head.extend_from_slice(b"\r\n");
    head
}

fn write_headers(head: &mut Vec<u8>, status: StatusCode, headers: &HeaderMap, form: Form) {
    // RFC 3875 §6.3.1 wants it; some servers look no further than the first lines.
    let (first, rest): (Vec<_>, Vec<_>) =
        headers.iter().partition(|(name, _)| *name == CONTENT_TYPE);
    for (name, value) in first.into_iter().chain(rest) {
        if status == StatusCode::OK && name == LOCATION && matches!(form, Form::Cgi) {
            // RFC 3875 §6.2.2: Apache would make a redirect of it, whatever the status says.
            tracing::warn!("left out Location: in a CGI reply with status 200 it means a redirect");
            continue;
        }
        // The server would take it for its own.
        if name.as_str().starts_with("x-cgi-") {
            continue;
        }
        if name.as_str().len() + value.len() > LONG_LINE {
            tracing::warn!(%name, length = value.len(), "web servers may refuse a header this long");
        }
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use anyhost_core::Body;
    use anyhost_core::http::Response;

    use super::*;

    fn text(builder: anyhost_core::http::response::Builder) -> String {
        let head = builder
            .body(Body::empty())
            .map(|response| head(&response, Form::Cgi));
        String::from_utf8_lossy(&head.unwrap_or_default()).into_owned()
    }

    #[test]
    fn the_status_comes_first_with_a_reason_and_the_type_second() {
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
    fn every_cookie_has_its_own_line() {
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
    fn a_location_beside_200_would_be_a_redirect() {
        assert_eq!(
            text(Response::builder().header("location", "/x")),
            "Status: 200 OK\r\n\r\n"
        );
        assert!(
            text(Response::builder().status(201).header("location", "/x")).contains("location: /x")
        );
    }
}
