//! Checks the contract between hosts and handlers.

mod body;
mod request;
mod response;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};

use response::Expectations;

use crate::adapter::headers::content_length;
use crate::{Handler, IntoHandler, Request, Response, Result};

/// Wraps a handler, and checks that the host sends valid requests and that the handler returns valid responses.
///
/// A broken rule becomes an [`Error`](crate::Error) with status 500 whose source is a [`Violation`].
/// The violation names the rule in the log, and in the response if development mode is on. If the
/// body breaks a rule after the head was sent, the response is aborted.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> anyhost_core::Result<()> {
/// use anyhost_core::testing::{Client, lint};
/// use anyhost_core::{Context, send};
/// use http::StatusCode;
///
/// let client = Client::new(lint(|| async { "Hello, world!" }));
/// assert_eq!(client.get("/").await.text().await?, "Hello, world!");
///
/// let wrong = lint(|| async { send(StatusCode::NO_CONTENT, "ignored") });
/// let client = Client::new(wrong).with_context(Context::default().with_development(true));
/// let response = client.get("/").await;
/// assert_eq!(response.status(), 500);
/// assert!(response.text().await?.contains("a 204 response has content (RFC 9110 §15.3.5)"));
/// # Ok(()) }
/// ```
///
/// # The rules
/// The rules are the rules of HTTP, with one exception. Every host adds a missing Content-Length or Content-Type to the
/// response of a handler and removes the body of a response to HEAD, so these are not violations. Everything else that
/// a host would have to remove or replace is a violation.
///
/// | rule for the request, which the host makes | source |
/// |---|---|
/// | the target is a path that starts with `/`, or `*` for OPTIONS | RFC 9112 §3.2 |
/// | the base path is empty, or starts with `/` and does not end with `/` | [`Context::with_base_path`](crate::Context::with_base_path) |
/// | at most one Host header; its value is empty or a valid host and port | RFC 9110 §7.2, RFC 9112 §3.2 |
/// | at most one Content-Type header | RFC 9110 §8.3 |
/// | at most one Content-Length header; its value is a decimal number | RFC 9110 §8.6 |
/// | the body has the declared length, or ends with an error | RFC 9112 §8 |
/// | no hop-by-hop headers, except in an upgrade on a host that supports it, and TE in HTTP/2 | RFC 9110 §7.6.1 |
///
/// | rule for the response, which the handler makes | source |
/// |---|---|
/// | the status is from 200 to 599, or is 101 if the client requested an upgrade | RFC 9110 §15 |
/// | no `Status` header, which a CGI server would use as the status | RFC 3875 §6.3.3 |
/// | no hop-by-hop headers, except in a 101 response | RFC 9110 §7.6.1 |
/// | 204, 205 and 304 responses have no content | RFC 9110 §15.3.5, §15.3.6, §15.4.5 |
/// | 204 and 304 responses have no Content-Length and no Content-Type | RFC 9110 §8.6, §15.4.5 |
/// | at most one Content-Type header | RFC 9110 §8.3 |
/// | at most one Content-Length header; its value is a decimal number | RFC 9110 §8.6 |
/// | the body has the length that Content-Length or its size hint declares | RFC 9110 §8.6 |
/// | no frame follows the trailers | RFC 9112 §7.1.2 |
///
/// | rule for the host, which reads the body of the response | source |
/// |---|---|
/// | the host does not poll the body after its end or its error | `http_body::Body` |
/// | the host drops the body, at its end or earlier | [`Lint::open_bodies`] |
///
/// Methods, header names and header values need no rules, because the types of the crate `http` cannot
/// contain invalid values.
pub fn lint<K, H: IntoHandler<K>>(handler: H) -> Lint<H::Handler> {
    Lint {
        handler: handler.into_handler(),
        open: Arc::default(),
    }
}

/// A handler with checks for its requests and responses. Returned by [`lint`].
pub struct Lint<H> {
    handler: H,
    open: Arc<()>,
}

impl<H> Lint<H> {
    /// The number of streamed response bodies that were not dropped yet. If this number is not 0 after
    /// all responses were sent, the host leaks bodies.
    pub fn open_bodies(&self) -> usize {
        Arc::strong_count(&self.open) - 1
    }
}

#[async_trait]
impl<H: Handler> Handler for Lint<H> {
    async fn handle(&self, mut request: Request) -> Result<Response> {
        request::check(&request).map_err(Violation::request)?;
        request::count(&mut request);
        let expectations = Expectations::of(&request);
        match self.handler.handle(request).await {
            Ok(mut response) => {
                response::check(&response, expectations).map_err(Violation::response)?;
                response::count(&mut response, expectations, &self.open);
                Ok(response)
            }
            Err(error) => {
                response::check_error(&error).map_err(Violation::response)?;
                Err(error)
            }
        }
    }
}

impl<H> fmt::Debug for Lint<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lint")
            .field("open_bodies", &self.open_bodies())
            .finish_non_exhaustive()
    }
}

/// The error for a broken rule. The text of the error names the rule, and says whether the request or the response
/// broke the rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation(String);

impl Violation {
    fn request(broken: impl fmt::Display) -> Self {
        Self(format!("lint: invalid request: {broken}"))
    }

    fn response(broken: impl fmt::Display) -> Self {
        Self(format!("lint: invalid response: {broken}"))
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Violation {}

/// Checks the headers for which the rules are the same in requests and responses.
fn check_content_headers(headers: &HeaderMap) -> Result<(), String> {
    for (name, section) in [(CONTENT_TYPE, "§8.3"), (CONTENT_LENGTH, "§8.6")] {
        if headers.get_all(&name).iter().nth(1).is_some() {
            return Err(format!("more than one {name} header (RFC 9110 {section})"));
        }
    }
    match headers.get(CONTENT_LENGTH) {
        Some(length) if content_length(headers).is_none() => Err(format!(
            "content-length {length:?} is not a number (RFC 9110 §8.6)"
        )),
        _ => Ok(()),
    }
}
