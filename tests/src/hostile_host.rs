//! Web servers that treat their CGI programs badly, each in the way of a real one.
//!
//! The real ones run in the tests as well, but only so far as a client can drive them. Here a request
//! goes straight to the probe, with the environment and the streams that it would get from the worst
//! of each kind.

mod child;
mod environment;

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};

use crate::received::Received;
use child::Child;

/// A deadlock ends here, as a failure. It is shorter than the time after which a program of ours helps
/// itself out of most of them, which no user should have to wait for.
const TIMEOUT: Duration = Duration::from_secs(8);

/// What a web server hands to a CGI program, and how.
#[derive(Clone, Copy, Debug)]
pub struct HostileHost {
    /// What it is called here.
    pub name: &'static str,
    /// Its SERVER_SOFTWARE.
    pub software: &'static str,
    /// What standard input is.
    pub stdin: Stdin,
    /// Whether it writes all of the body before it reads any of the response.
    pub writes_first: bool,
    /// Whether it delivers what a client sent beyond the length that it declared, and no end of file.
    pub extra_bytes: bool,
    /// What becomes of a chunked body.
    pub chunked: Chunked,
    /// What becomes of several headers of one name.
    pub repeated: Repeated,
    /// The CONTENT_LENGTH of a request without a body.
    pub no_length: Option<&'static str>,
    /// Whether what the request does not have is set to nothing.
    pub empty_variables: bool,
    /// Whether HTTP_CONTENT_LENGTH and HTTP_CONTENT_TYPE are set besides.
    pub content_headers: bool,
    /// Whether an Authorization is passed on.
    pub authorization: bool,
    /// Whether a `Proxy` header becomes the variable that HTTP clients obey.
    pub proxy: bool,
    /// Whether REQUEST_URI is decoded, merged and resolved.
    pub decoded_uri: bool,
    /// Whether a query without `=` is the program's arguments.
    pub arguments: bool,
    /// Whether each variable that is no header is there a second time, with another value.
    pub twice: bool,
    /// What it sets besides.
    pub variables: &'static [(&'static str, &'static str)],
}

/// What standard input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stdin {
    /// A pipe.
    Pipe,
    /// A connected socket, which is standard output as well.
    Socket,
    /// A temporary file.
    File,
}

/// What becomes of a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunked {
    /// Its chunks are handed on as they came, the first few of them.
    Raw,
    /// Its bytes come up to the end of file, of unknown length.
    ToEnd,
    /// It has a length, and all the same the header that says it is chunked.
    WithLength,
}

/// What becomes of several headers of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeated {
    /// Each is a variable, of the same name.
    Each,
    /// The last one counts.
    Last,
    /// They are joined with commas.
    Joined,
}

/// nginx with fcgiwrap.
pub const FCGIWRAP: HostileHost = HostileHost {
    name: "fcgiwrap",
    software: "nginx/1.22.1",
    stdin: Stdin::Pipe,
    writes_first: true,
    extra_bytes: false,
    chunked: Chunked::WithLength,
    repeated: Repeated::Each,
    no_length: Some(""),
    empty_variables: true,
    content_headers: true,
    authorization: true,
    proxy: true,
    decoded_uri: false,
    arguments: false,
    twice: false,
    variables: &[
        ("FCGI_ROLE", "RESPONDER"),
        ("SERVER_NAME", ""),
        ("SERVER_PORT", "80"),
        ("REQUEST_SCHEME", "http"),
        ("REDIRECT_STATUS", "200"),
        ("PATH", "/usr/bin:/bin"),
    ],
};

/// Apache with mod_cgid.
pub const CGID: HostileHost = HostileHost {
    name: "mod_cgid",
    software: "Apache/2.4.71 (Unix)",
    stdin: Stdin::Socket,
    chunked: Chunked::ToEnd,
    repeated: Repeated::Joined,
    no_length: None,
    empty_variables: false,
    content_headers: false,
    authorization: false,
    proxy: false,
    arguments: true,
    variables: &[
        ("SERVER_NAME", "a.example"),
        ("SERVER_PORT", "80"),
        ("REQUEST_SCHEME", "http"),
        ("CONTEXT_PREFIX", "/app"),
        ("PATH", "/usr/bin:/bin"),
    ],
    ..FCGIWRAP
};

/// lighttpd.
pub const LIGHTTPD: HostileHost = HostileHost {
    name: "lighttpd",
    software: "lighttpd/1.4.69",
    stdin: Stdin::File,
    writes_first: false,
    repeated: Repeated::Joined,
    no_length: Some("0"),
    empty_variables: false,
    proxy: false,
    variables: &[
        ("SERVER_NAME", "127.0.0.1"),
        ("SERVER_PORT", "80"),
        ("REQUEST_SCHEME", "http"),
    ],
    ..FCGIWRAP
};

/// busybox httpd.
pub const BUSYBOX: HostileHost = HostileHost {
    name: "busybox",
    software: "busybox httpd/1.35.0",
    writes_first: false,
    extra_bytes: true,
    chunked: Chunked::Raw,
    repeated: Repeated::Last,
    no_length: None,
    empty_variables: false,
    content_headers: false,
    authorization: false,
    decoded_uri: true,
    variables: &[("PATH", "/usr/bin:/bin")],
    ..FCGIWRAP
};

/// fcgiwrap behind a configuration that sets each variable, and includes a file that sets it again.
pub const DUPLICATES: HostileHost = HostileHost {
    name: "duplicates",
    software: "nginx/1.22.1",
    twice: true,
    ..FCGIWRAP
};

impl HostileHost {
    /// All of them.
    pub const ALL: [Self; 5] = [BUSYBOX, FCGIWRAP, CGID, LIGHTTPD, DUPLICATES];

    /// Runs the probe, with its lint on, for this request, and gives its response. A Content-Length other
    /// than the body's is a client that sends less, or more, than it declared.
    ///
    /// # Errors
    /// When the program did not take its body, wrote no response that every server understands, or did not
    /// end: what a real server would show the client as an error of its own.
    pub async fn exchange(&self, request: Request<Bytes>) -> Result<Received, String> {
        let variables = environment::of(self, &request);
        let arguments = environment::arguments(self, &request);
        let body = environment::body(self, &request);
        let open = self.extra_bytes && !is_short(&request) && !environment::is_chunked(&request);
        let (mut child, server) = Child::start(self.stdin, &arguments, &variables, &body)
            .map_err(|error| format!("the program did not start: {error}"))?;
        let (writes_first, end) = (self.writes_first, child.end());
        let exchange = tokio::task::spawn_blocking(move || {
            let response = server.exchange(body, writes_first, open)?;
            end.wait()?;
            Ok(response)
        });
        let response = match tokio::time::timeout(TIMEOUT, exchange).await {
            Ok(Ok(response)) => response,
            Ok(Err(panic)) => Err(panic.to_string()),
            Err(_) => Err(format!("no end in {TIMEOUT:?}")),
        };
        match response {
            Ok(response) => {
                child.has_ended();
                parse(&response)
            }
            Err(error) => Err(format!("{error}: {}", child.log())),
        }
    }
}

/// Whether the client declared more than it sent.
fn is_short(request: &Request<Bytes>) -> bool {
    declared(request).is_some_and(|declared| declared > request.body().len())
}

fn declared(request: &Request<Bytes>) -> Option<usize> {
    let length = request.headers().get(CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

/// Reads a response as the strictest of the servers does: the status first, and as `Status: `.
fn parse(response: &[u8]) -> Result<Received, String> {
    let wrong = |what: &str| {
        let response = &response[..response.len().min(300)];
        format!("{what}: {}", response.escape_ascii())
    };
    let end = response.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.ok_or_else(|| wrong("no head"))?;
    let (head, body) = (&response[..end], &response[end + 4..]);
    let mut lines = head.split(|&b| b == b'\n');
    let status = lines.next().and_then(|line| line.strip_prefix(b"Status: "));
    let status = status.and_then(|status| StatusCode::from_bytes(status.get(..3)?).ok());
    let status = status.ok_or_else(|| wrong("no status"))?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let colon = line.iter().position(|&b| b == b':');
        let (name, value) = line.split_at(colon.ok_or_else(|| wrong("no header"))?);
        let name = HeaderName::from_bytes(name).map_err(|_| wrong("no name"))?;
        let value = HeaderValue::from_bytes(value[1..].trim_ascii());
        headers.append(name, value.map_err(|_| wrong("no value"))?);
    }
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok());
    let length = length.and_then(|length| length.parse().ok());
    let mut received = Received::new(status, headers, Bytes::copy_from_slice(body));
    received.aborted = length.is_some_and(|length: usize| length > body.len());
    Ok(received)
}
