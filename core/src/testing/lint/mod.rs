//! The contract between hosts and handlers, checked on both sides.

mod body;
mod reply;
mod request;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};

use reply::Asked;

use crate::adapter::headers::content_length;
use crate::{Handler, IntoHandler, Request, Response, Result};

/// Checks that a host and this handler keep their contract.
///
/// What breaks a rule is an [`Error`](crate::Error) of status 500 whose source is a [`Violation`] that
/// names the rule: the client sees a 500, and the log says why, as does the reply in development mode.
/// A rule that is broken once the head is out breaks off the body.
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
/// let wrong = lint(|| async { send(StatusCode::NO_CONTENT, "nobody gets this") });
/// let client = Client::new(wrong).with_context(Context::default().with_development(true));
/// let reply = client.get("/").await;
/// assert_eq!(reply.status(), 500);
/// assert!(reply.text().await?.contains("a 204 has content (RFC 9110 §15.3.5)"));
/// # Ok(()) }
/// ```
///
/// # The rules
/// A handler may leave out what [`dispatch`](crate::dispatch) adds: the Content-Length of what has a
/// known length, the Content-Type of bytes. And it may give a body to HEAD, since HEAD is served by
/// what serves GET. It may not say what no host would pass on.
///
/// | of the request, which is the host's | source |
/// |---|---|
/// | its target is a path that starts with `/`, or `*` for OPTIONS | RFC 9112 §3.2 |
/// | the base path is empty, or starts with `/` and does not end with one | [`Context::with_base_path`](crate::Context::with_base_path) |
/// | at most one Host, which names a place or is empty | RFC 9110 §7.2 |
/// | at most one Content-Type | RFC 9110 §8.3 |
/// | at most one Content-Length, of digits | RFC 9110 §8.6 |
/// | the body has that length, or fails | RFC 9112 §8 |
/// | no hop-by-hop header, but those of an upgrade that the host carries, and TE over HTTP/2 | RFC 9110 §7.6.1 |
///
/// | of the reply, which is the handler's | source |
/// |---|---|
/// | the status is from 200 to 599, or 101 to a request for an upgrade | RFC 9110 §15 |
/// | no `Status` header | RFC 3875 §6.3.3 |
/// | no hop-by-hop header, but with a 101 | RFC 9110 §7.6.1 |
/// | a 204, 205 or 304 has no content | RFC 9110 §15.3.5, §15.3.6, §15.4.5 |
/// | nor has a 204 or 304 a Content-Length or Content-Type | RFC 9110 §8.6, §15.4.5 |
/// | at most one Content-Type | RFC 9110 §8.3 |
/// | at most one Content-Length, of digits | RFC 9110 §8.6 |
/// | the body has that length, or the one it told in its size hint | RFC 9110 §8.6 |
/// | nothing follows the trailers | RFC 9112 §7.1.2 |
///
/// | of the reply's body, which is the host's | source |
/// |---|---|
/// | it is not polled again after its end or its error | `http_body::Body` |
/// | it is dropped, at its end or before | [`Lint::open_bodies`] |
///
/// Tokens, header names and header values need no rules: the types of `http` hold nothing else.
pub fn lint<K, H: IntoHandler<K>>(handler: H) -> Lint<H::Handler> {
    Lint {
        handler: handler.into_handler(),
        open: Arc::default(),
    }
}

/// A handler whose contract is checked; made by [`lint`].
pub struct Lint<H> {
    handler: H,
    open: Arc<()>,
}

impl<H> Lint<H> {
    /// How many streamed bodies of replies were not dropped yet. When all replies are out it is 0, or a
    /// host leaks them.
    pub fn open_bodies(&self) -> usize {
        Arc::strong_count(&self.open) - 1
    }
}

#[async_trait]
impl<H: Handler> Handler for Lint<H> {
    async fn handle(&self, mut request: Request) -> Result<Response> {
        request::check(&request).map_err(Violation::request)?;
        request::watch(&mut request);
        let asked = Asked::of(&request);
        match self.handler.handle(request).await {
            Ok(mut response) => {
                reply::check(&response, asked).map_err(Violation::reply)?;
                reply::watch(&mut response, asked, &self.open);
                Ok(response)
            }
            Err(error) => {
                reply::check_error(&error).map_err(Violation::reply)?;
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

/// A rule that was broken, and on which side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation(String);

impl Violation {
    fn request(broken: impl fmt::Display) -> Self {
        Self(format!("lint: of the request: {broken}"))
    }

    fn reply(broken: impl fmt::Display) -> Self {
        Self(format!("lint: of the reply: {broken}"))
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Violation {}

/// What both sides may say once, and how.
fn check_content_headers(headers: &HeaderMap) -> Result<(), String> {
    for (name, section) in [(CONTENT_TYPE, "§8.3"), (CONTENT_LENGTH, "§8.6")] {
        if headers.get_all(&name).iter().nth(1).is_some() {
            return Err(format!("more than one {name} (RFC 9110 {section})"));
        }
    }
    match headers.get(CONTENT_LENGTH) {
        Some(length) if content_length(headers).is_none() => Err(format!(
            "a content-length of {length:?}, which is no number (RFC 9110 §8.6)"
        )),
        _ => Ok(()),
    }
}
