//! Simulated web servers that combine the most difficult behavior of real web servers.
//!
//! A client cannot provoke all of this behavior in real servers. The simulator starts the probe directly, with the
//! environment variables and the standard streams that such a server would give it.

mod child;
mod environment;

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};

use crate::received::Received;
use child::Child;

/// This timeout turns a deadlock between server and program into a failure. The limit is shorter than the time after
/// which the CGI adapter gives up on a server that does not read, because a user should not have to wait that long.
const TIMEOUT: Duration = Duration::from_secs(8);

/// The behavior of a web server towards its CGI programs.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct HostileHost {
    /// The name of the simulated server.
    pub name: &'static str,
    /// The variable SERVER_SOFTWARE.
    pub software: &'static str,
    /// The kind of standard input.
    pub stdin: Stdin,
    /// Whether the server writes the complete body before it reads the response.
    pub writes_first: bool,
    /// Whether the server also writes the bytes after the Content-Length, and then keeps standard input open.
    pub extra_bytes: bool,
    /// How the server passes on a chunked body.
    pub chunked: Chunked,
    /// How the server passes on the values of a repeated header.
    pub repeated: Repeated,
    /// The CONTENT_LENGTH of a request without a body.
    pub no_length: Option<&'static str>,
    /// Whether variables without a value are set to the empty string.
    pub empty_variables: bool,
    /// Whether HTTP_CONTENT_LENGTH and HTTP_CONTENT_TYPE are set too.
    pub content_headers: bool,
    /// Whether the Authorization header is passed on.
    pub authorization: bool,
    /// Whether a `Proxy` header becomes HTTP_PROXY, which HTTP clients read as their configuration (CVE-2016-5385).
    pub proxy: bool,
    /// Whether REQUEST_URI is decoded, without repeated slashes and dot segments.
    pub decoded_uri: bool,
    /// Whether a query without `=` becomes the arguments of the program (RFC 3875 §4.4).
    pub arguments: bool,
    /// Whether the environment block has two entries with different values for each variable that is not a header.
    pub twice: bool,
    /// Additional environment variables.
    pub variables: &'static [(&'static str, &'static str)],
}

/// The kind of standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stdin {
    /// A pipe.
    Pipe,
    /// A connected socket, which is also standard output.
    Socket,
    /// A temporary file.
    File,
}

/// How a server passes on a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Chunked {
    /// The server writes the undecoded chunks that arrived with the head, and none of the later chunks.
    Raw,
    /// The server decodes the chunks and declares no length; the body ends at the end of file.
    ToEnd,
    /// The server decodes the chunks and declares the length, but also passes on Transfer-Encoding.
    WithLength,
}

/// How a server passes on the values of a repeated header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Repeated {
    /// Each value is a variable with the same name.
    Each,
    /// Only the last value is passed on.
    Last,
    /// The values are joined with commas.
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

/// nginx with fcgiwrap and a configuration that sets each variable and then includes a file that sets the same
/// variable again.
pub const DUPLICATES: HostileHost = HostileHost {
    name: "duplicates",
    software: "nginx/1.22.1",
    twice: true,
    ..FCGIWRAP
};

impl HostileHost {
    /// Every simulated server.
    pub const ALL: [Self; 5] = [BUSYBOX, FCGIWRAP, CGID, LIGHTTPD, DUPLICATES];

    /// Runs the probe with PROBE_LINT for this request and returns its response. A Content-Length that differs from the
    /// length of the body simulates a client that sends fewer or more bytes than it declared.
    ///
    /// # Errors
    /// The program did not read the request body, wrote a response that some servers do not understand, or did not
    /// exit. A real server would send its own error response to the client.
    pub async fn exchange(&self, request: Request<Bytes>) -> Result<Received, String> {
        let variables = environment::of(self, &request);
        let arguments = environment::arguments(self, &request);
        let body = environment::body(self, &request);
        let open = self.extra_bytes && !is_short(&request) && !environment::is_chunked(&request);
        let (mut child, server) = Child::start(self.stdin, &arguments, &variables, &body)
            .map_err(|error| format!("failed to start the program: {error}"))?;
        let (writes_first, end) = (self.writes_first, child.end());
        let exchange = tokio::task::spawn_blocking(move || {
            let response = server.exchange(body, writes_first, open)?;
            end.wait()?;
            Ok(response)
        });
        let response = match tokio::time::timeout(TIMEOUT, exchange).await {
            Ok(Ok(response)) => response,
            Ok(Err(panic)) => Err(panic.to_string()),
            Err(_) => Err(format!("the program did not exit within {TIMEOUT:?}")),
        };
        match response {
            Ok(response) => {
                child.set_exited();
                parse(&response)
            }
            Err(error) => Err(format!("{error}: {}", child.log())),
        }
    }
}

/// Whether the client sent fewer bytes than it declared.
fn is_short(request: &Request<Bytes>) -> bool {
    declared(request).is_some_and(|declared| declared > request.body().len())
}

fn declared(request: &Request<Bytes>) -> Option<usize> {
    let length = request.headers().get(CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

/// Parses a response like the strictest server: the first line must be `Status: `.
fn parse(response: &[u8]) -> Result<Received, String> {
    let invalid = |what: &str| {
        let response = &response[..response.len().min(300)];
        format!("{what}: {}", response.escape_ascii())
    };
    let end = response.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.ok_or_else(|| invalid("missing end of the head"))?;
    let (head, body) = (&response[..end], &response[end + 4..]);
    let mut lines = head.split(|&b| b == b'\n');
    let status = lines.next().and_then(|line| line.strip_prefix(b"Status: "));
    let status = status.and_then(|status| StatusCode::from_bytes(status.get(..3)?).ok());
    let status = status.ok_or_else(|| invalid("missing Status"))?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let colon = line.iter().position(|&b| b == b':');
        let (name, value) = line.split_at(colon.ok_or_else(|| invalid("header without a colon"))?);
        let name = HeaderName::from_bytes(name).map_err(|_| invalid("invalid header name"))?;
        let value = HeaderValue::from_bytes(value[1..].trim_ascii());
        headers.append(name, value.map_err(|_| invalid("invalid header value"))?);
    }
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok());
    let length = length.and_then(|length| length.parse().ok());
    let mut received = Received::new(status, headers, Bytes::copy_from_slice(body));
    received.aborted = length.is_some_and(|length: usize| length > body.len());
    Ok(received)
}
