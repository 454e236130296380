//! Conditional requests (RFC 9110 §13): a 304 without a body if the client already has the response.

use std::hash::{DefaultHasher, Hasher};
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, ETAG, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use http::{Method, StatusCode};

use crate::{Body, Next, Request, Response, Result};

/// A middleware that responds to GET and HEAD with 304 Not Modified if the client already has the response. For
/// [`with_middleware`](crate::with_middleware).
///
/// It compares the `ETag` and `Last-Modified` headers of a response with the status 200 to the `If-None-Match` and
/// `If-Modified-Since` headers of the request, as RFC 9110 §13.2.2 defines. A response without an `ETag` gets a weak one,
/// made from its body, if the whole body is in memory and `Cache-Control` does not contain `no-store`. The handler runs for
/// every request, so this saves the transfer and not the work.
///
/// For files, use tower-http's `ServeDir`, which also supports ranges. To protect a PUT against lost updates, compare
/// `If-Match` in its handler, before the change, and respond with 412 Precondition Failed.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> anyhost_core::Result<()> {
/// use anyhost_core::{Router, conditional, with_middleware};
///
/// let app = with_middleware(conditional, Router::new().get("/", || "Hello, world!"));
/// # #[cfg(feature = "testing")] {
/// let client = anyhost_core::testing::Client::new(app);
/// let response = client.get("/").await;
/// let etag = response.header("etag").unwrap_or_default().to_owned();
/// let response = client.get("/").header("if-none-match", etag).await;
/// assert_eq!(response.status(), 304);
/// # }
/// # Ok(()) }
/// ```
///
/// # Errors
/// The errors of the handler.
pub async fn conditional(request: Request, next: Next) -> Result<Response> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    let is_head = *request.method() == Method::HEAD;
    let conditions = Conditions::of(request.headers());
    let mut response = next.run(request).await?;
    if response.status() != StatusCode::OK {
        return Ok(response);
    }
    // A handler may leave out the body in its response to HEAD. The tag of the empty body would differ from the tag for GET,
    // and caches would discard the response to GET that they have stored (RFC 9111 §4.3.5).
    let has_no_content = is_head && response.body().as_bytes().is_some_and(Bytes::is_empty);
    if !has_no_content
        && !response.headers().contains_key(ETAG)
        && let Some(etag) = weak_etag(&response)
    {
        response.headers_mut().insert(ETAG, etag);
    }
    if conditions.has(response.headers()) {
        // The response rules remove the headers that describe the body.
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
    }
    Ok(response)
}

/// What the client has, according to its request.
struct Conditions {
    if_none_match: Vec<HeaderValue>,
    if_modified_since: Option<SystemTime>,
}

impl Conditions {
    fn of(headers: &HeaderMap) -> Self {
        Self {
            if_none_match: headers.get_all(IF_NONE_MATCH).iter().cloned().collect(),
            if_modified_since: headers.get(IF_MODIFIED_SINCE).and_then(date),
        }
    }

    /// Whether the client has the response with these headers.
    fn has(&self, headers: &HeaderMap) -> bool {
        // RFC 9110 §13.1.3: `If-Modified-Since` is ignored if the request contains `If-None-Match`.
        if !self.if_none_match.is_empty() {
            // RFC 9110 §13.1.2: `*` means any response, also one without a tag.
            if self.if_none_match.iter().any(|value| value == "*") {
                return true;
            }
            let etag = headers.get(ETAG).map(|etag| opaque_tag(etag.as_bytes()));
            let mut values = self.if_none_match.iter();
            return etag.is_some_and(|etag| values.any(|value| lists(value.as_bytes(), etag)));
        }
        let modified = headers.get(LAST_MODIFIED).and_then(date);
        match (modified, self.if_modified_since) {
            (Some(modified), Some(since)) => modified <= since,
            _ => false,
        }
    }
}

fn date(value: &HeaderValue) -> Option<SystemTime> {
    httpdate::parse_http_date(value.to_str().ok()?).ok()
}

/// The tag without the prefix for weak tags: the comparison for `If-None-Match` ignores this prefix (RFC 9110 §8.8.3.2).
fn opaque_tag(etag: &[u8]) -> &[u8] {
    etag.strip_prefix(b"W/").unwrap_or(etag)
}

/// Whether a list such as `"a", W/"b"` contains the tag, which includes its quotes. A tag can contain commas.
fn lists(list: &[u8], etag: &[u8]) -> bool {
    let mut rest = list;
    loop {
        let is_separator = |byte: &u8| matches!(byte, b',' | b' ' | b'\t');
        let start = rest.iter().take_while(|byte| is_separator(byte)).count();
        rest = opaque_tag(&rest[start..]);
        // Anything else than a quoted tag ends the list, because the rest has no clear meaning.
        let Some(length) = rest
            .strip_prefix(b"\"")
            .and_then(|tag| tag.iter().position(|&byte| byte == b'"'))
        else {
            return false;
        };
        let (tag, after) = rest.split_at(length + 2);
        if tag == etag {
            return true;
        }
        rest = after;
    }
}

/// A weak tag for a body in memory. It is weak, because a layer around this one may compress the body (RFC 9110 §8.8.1).
///
/// The hash is not secret and not collision-resistant. An attacker who controls the body of a URL could choose two
/// bodies with the same tag, so that clients keep the first body.
fn weak_etag(response: &Response) -> Option<HeaderValue> {
    let bytes = response.body().as_bytes()?;
    let cache_control = response.headers().get_all(CACHE_CONTROL).iter();
    let mut directives = cache_control.filter_map(|value| value.to_str().ok());
    if directives.any(|value| value.to_ascii_lowercase().contains("no-store")) {
        return None;
    }
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    HeaderValue::try_from(format!("W/\"{:x}-{:016x}\"", bytes.len(), hasher.finish())).ok()
}
