//! The command `fetch`, which calls the handler with one request and prints the response as curl does.

use std::ffi::{OsStr, OsString};
use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use anyhost_core::adapter::{Deadline, exchange, finish_after_response};
use anyhost_core::http::header::{
    CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue,
};
use anyhost_core::http::uri::PathAndQuery;
use anyhost_core::http::{Method, Version};
use anyhost_core::{Body, Context, Handler, Request, Response};
use anyhost_hyper::clap;

use super::{next_frame, print, read_file, report};

/// curl's exit codes, which scripts know ("EXIT CODES" in curl(1)).
const PARTIAL_FILE: u8 = 18;
const HTTP_ERROR: u8 = 22;
const WRITE_ERROR: u8 = 23;

/// Calls the handler with one request, without a server, and prints the response as curl does
#[derive(Debug, clap::Args)]
pub(crate) struct Fetch {
    /// Path and query, such as '/users?page=2'
    #[arg(value_name = "PATH", value_parser = parse_target)]
    target: PathAndQuery,

    /// Method; without it GET, or POST with a body
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    method: Option<Method>,

    /// Header, such as 'Accept: text/html'; can be repeated
    #[arg(short = 'H', long = "header", value_name = "HEADER", value_parser = parse_header)]
    headers: Vec<(HeaderName, HeaderValue)>,

    /// Body: the text itself, or @FILE, or @- for stdin; without a Content-Type, it is sent as a form
    #[arg(short, long, value_name = "DATA", allow_hyphen_values = true)]
    data: Option<OsString>,

    /// Print the status and the headers before the body
    #[arg(short, long)]
    include: bool,

    /// Send HEAD, and print only the status and the headers
    #[arg(short = 'I', long, conflicts_with = "data")]
    head: bool,

    /// Exit with 22 and print no body if the status is 400 or more
    #[arg(short, long)]
    fail: bool,
}

/// A request, and the parts of the response that are printed.
pub(super) struct Call {
    request: Request,
    head: bool,
    body: bool,
    fail: bool,
}

impl Fetch {
    /// Makes the request, with the headers that curl adds to it.
    ///
    /// # Errors
    /// When the body cannot be read from its file.
    pub(super) fn into_request(self) -> io::Result<Call> {
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            headers.append(name, value);
        }
        let local = HeaderValue::from_static("localhost");
        headers.entry(HOST).or_insert(local);
        let data = self.data.as_deref().map(read_data).transpose()?;
        if let Some(data) = &data {
            headers
                .entry(CONTENT_LENGTH)
                .or_insert_with(|| data.len().into());
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            headers.entry(CONTENT_TYPE).or_insert(form);
        }
        let method = match (self.head, &data) {
            (true, _) => Method::HEAD,
            (_, Some(_)) => Method::POST,
            (_, None) => Method::GET,
        };
        let mut request = Request::new(Body::from(data.unwrap_or_default()));
        *request.method_mut() = self.method.unwrap_or(method);
        *request.uri_mut() = self.target.into();
        *request.headers_mut() = headers;
        Ok(Call {
            request,
            head: self.include || self.head,
            body: !self.head,
            fail: self.fail,
        })
    }
}

impl Call {
    /// Calls the handler, prints the response while the handler produces it, and finishes the `wait_until` work.
    pub(super) async fn send(self, handler: impl Handler) -> ExitCode {
        let Self {
            mut request,
            head,
            body,
            fail,
        } = self;
        let context = Context::default();
        request.extensions_mut().insert(context.clone());
        let exchanged = exchange(Arc::new(handler), request, Deadline::none()).await;
        let response = exchanged.response;
        let failed = fail && response.status().as_u16() >= 400;
        let mut code = ExitCode::SUCCESS;
        if failed {
            report(format_args!("error: the status is {}", response.status()));
            code = HTTP_ERROR.into();
        }
        if let Err(error) = write(response, head, body && !failed).await {
            report(format_args!("error: {}", error.message));
            code = error.code.into();
        }
        finish_after_response(&context, std::future::pending()).await;
        code
    }
}

/// A response that was not printed to its end.
struct Failed {
    message: String,
    code: u8,
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self {
            message: format!("cannot write to stdout: {error}"),
            code: WRITE_ERROR,
        }
    }
}

async fn write(response: Response, with_head: bool, with_body: bool) -> Result<(), Failed> {
    if with_head {
        print(&head(&response))?;
    }
    let mut body = response.into_body();
    while let Some(frame) = next_frame(&mut body).await {
        let frame = frame.map_err(|error| Failed {
            message: format!("the response was aborted: {error}"),
            code: PARTIAL_FILE,
        })?;
        if let Some(data) = frame.data_ref().filter(|_| with_body) {
            print(data)?;
        }
    }
    Ok(())
}

/// The status line and the headers, as a server sends them over HTTP/1.1.
fn head(response: &Response) -> Vec<u8> {
    let mut head = format!("{:?} {}\r\n", Version::HTTP_11, response.status()).into_bytes();
    for (name, value) in response.headers() {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            head.extend_from_slice(part);
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// The bytes of `--data`. Bytes of a file are sent as they are, although curl's `--data` removes line breaks.
fn read_data(data: &OsStr) -> io::Result<Vec<u8>> {
    let bytes = data.as_encoded_bytes();
    match bytes.strip_prefix(b"@") {
        Some(_) => {
            use std::os::unix::ffi::OsStrExt;
            read_file(OsStr::from_bytes(&bytes[1..]))
        }
        None => Ok(bytes.to_vec()),
    }
}

fn parse_target(text: &str) -> Result<PathAndQuery, &'static str> {
    let target = text.parse().ok().filter(|_| text.starts_with('/'));
    target.ok_or("expected a percent-encoded path that begins with a slash, such as /users?page=2")
}

fn parse_header(text: &str) -> Result<(HeaderName, HeaderValue), &'static str> {
    let parse = || {
        let (name, value) = text.split_once(':')?;
        Some((name.parse().ok()?, value.trim().parse().ok()?))
    };
    parse().ok_or("expected a name and a value, such as 'Accept: text/html'")
}
