//! The services of `services.js`, as a user of anyhost writes them.

use std::collections::BTreeMap;
use std::io;

use anyhost::bytes::Bytes;
use anyhost::{
    Body, Error, Html, Json, Next, Request, RequestExt, Response, Result, Router, send,
    with_middleware,
};
use futures_util::stream;
use serde_json::{Value, json};

pub(crate) fn services() -> Router {
    Router::new()
        .any("/next", || "next")
        .merge(returned_values())
        .merge(statuses())
        .merge(headers())
        .merge(errors())
        .merge(bodies())
        .merge(composed())
        .fallback(|| send(404, "no service"))
}

fn returned_values() -> Router {
    Router::new()
        .any("/return/text", || "Hello")
        .any("/return/async", || async { "Hello" })
        .any("/return/empty", || "")
        .any("/return/unicode", || "Grüße ☕")
        .any("/return/html", || Html("<h1>Hello</h1>"))
        .any("/return/integer", || 42)
        .any("/return/zero", || 0)
        .any("/return/negative", || -1)
        .any("/return/float", || 1.5)
        .any("/return/whole-float", || 1.0)
        .any("/return/negative-zero", || -0.0)
        .any("/return/large-integer", || 9_007_199_254_740_993_u64)
        .any("/return/true", || true)
        .any("/return/false", || false)
        .any("/return/null", || None::<&str>)
        .any("/return/nothing", || ())
        .any("/return/object", || json!({"name": "Ada", "admin": true}))
        .any(
            "/return/keys",
            || json!({"zebra": 1, "apple": 2, "mango": {"b": 1, "a": 2}}),
        )
        .any("/return/array", || json!([1, "a", null, true]))
        .any("/return/nested", || json!({"a": [{"b": {}}, []]}))
        .any("/return/date", || Json("1970-01-01T00:00:00.000Z"))
        .any("/return/bytes", || vec![0_u8, 1, 255])
        .any("/return/no-bytes", Vec::<u8>::new)
        .any("/return/stream", || chunks(&["one ", "two"], false))
        .any("/return/empty-stream", || chunks(&[], false))
        .any("/return/stream-with-type", || {
            let rows = chunks(&["a,b\n", "1,2\n"], false);
            ([("content-type", "text/csv")], rows)
        })
        .any("/return/stream-fails-first", || chunks(&[], true))
        .any("/return/stream-fails-later", || chunks(&["one "], true))
        .any("/return/unserializable", || {
            Json(BTreeMap::from([((1, 2), "the key is not a string")]))
        })
}

fn chunks(chunks: &'static [&'static str], fails: bool) -> Body {
    let chunks = chunks
        .iter()
        .map(|chunk| Ok(Bytes::from_static(chunk.as_bytes())));
    let failure = fails.then(|| Err(io::Error::other("the stream failed")));
    Body::from_stream(stream::iter(chunks.chain(failure).collect::<Vec<_>>()))
}

fn statuses() -> Router {
    Router::new()
        .any("/status/created", || (201, "made"))
        .any("/status/not-found", || {
            (404, json!({"error": "nothing here"}))
        })
        .any("/status/null", || (404, ()))
        .any("/send/text", || send(200, "sent"))
        .any("/send/object", || send(201, json!({"sent": true})))
        .any("/send/array", || send(200, json!([1, 2])))
        .any("/send/number", || send(200, 7))
        .any("/send/bytes", || send(200, Bytes::from_static(b"bytes")))
        .any("/send/stream", || send(200, chunks(&["sent"], false)))
        .any("/send/status", || send(404, ()))
        .any("/send/null", || send(200, ()))
        .any("/send/error", || {
            send(400, json!({"error": "Custom error message"}))
        })
        .any("/send/teapot", || send(418, "teapot"))
        .any("/send/599", || send(599, "unknown"))
        .any("/send/no-content", || send(204, ()))
        .any("/send/204-with-text", || send(204, "text"))
        .any("/send/205-with-text", || send(205, "text"))
        .any("/send/304-with-text", || send(304, "text"))
        .any("/send/own-type", || {
            (200, [("content-type", "text/csv")], "a,b")
        })
        .any("/send/own-json-type", || {
            let own = [("content-type", "application/vnd.api+json")];
            (200, own, json!({"data": null}))
        })
}

fn headers() -> Router {
    Router::new()
        .any("/header/set", || ([("x-version", "1")], "set"))
        .any("/header/repeated", || {
            ([("x-list", "a"), ("x-list", "b")], "repeated")
        })
        .any("/header/cookies", || {
            let cookies = [
                ("set-cookie", "a=1; Path=/"),
                ("set-cookie", "b=2; HttpOnly"),
            ];
            (cookies, "cookies")
        })
        .any("/header/redirect", || {
            (303, [("location", "/elsewhere")], ())
        })
        .any("/header/close", || ([("connection", "close")], "closed"))
        .any("/header/read", |request: Request| {
            text_of(&request, "x-list")
        })
        .any("/header/cookie", |request: Request| {
            text_of(&request, "cookie")
        })
        .any("/header/host", |request: Request| text_of(&request, "host"))
        .any("/method", |request: Request| request.method().to_string())
        .any("/url", |request: Request| request.uri().to_string())
}

fn text_of(request: &Request, header: &str) -> String {
    request.header(header).map_or("none".to_owned(), Into::into)
}

fn errors() -> Router {
    Router::new()
        .any("/error/plain", || Err::<(), _>(io::Error::other("secret")))
        .any("/error/async", || async {
            Err::<(), _>(io::Error::other("secret"))
        })
        .any("/error/type", || -> () {
            panic!("a defect in the handler")
        })
        .any("/error/400", || Error::new(400, "Wrong"))
        .any("/error/404", || async { Error::new(404, "No such page") })
        .any("/error/429", || Error::new(429, "Rate limit exceeded"))
        .any("/error/500", || Error::new(500, "Our fault"))
        .any("/error/503", || Error::new(503, "Later"))
        .any("/error/original", || {
            Error::new(418, "Outer").with_source(io::Error::other("inner"))
        })
        .any("/error/status-code", || {
            Error::new(429, "Rate limit exceeded")
        })
        .any("/error/status", || Error::new(409, "Conflict"))
        .any("/error/no-message", || {
            Error::from_status(anyhost::http::StatusCode::NOT_FOUND)
        })
        .any("/error/empty-message", || Error::new(404, ""))
        .any("/error/thrown-text", || -> () { panic!("text") })
        .any("/error/thrown-object", || Error::new(400, "object"))
        .any("/error/thrown-null", || -> () { std::panic::panic_any(()) })
        .any("/error/status-100", || Error::new(100, "not final"))
        .any("/error/status-99", || Error::new(99, "too small"))
        .any("/error/status-1000", || Error::new(1000, "too large"))
        // A response that was returned cannot be followed by an error, so the nearest service returns the error.
        .any("/error/after-send", || {
            Err::<(), _>(io::Error::other("after the response"))
        })
}

fn bodies() -> Router {
    Router::new()
        .any("/buffer", |mut request: Request| async move {
            request.buffer().await
        })
        .any("/text", |mut request: Request| async move {
            request.text().await
        })
        .any("/text/latin1", |mut request: Request| async move {
            request.text_as("latin1").await
        })
        .any("/json", |mut request: Request| async move {
            request.json::<Value>().await
        })
        .any("/form", |mut request: Request| async move {
            Ok::<_, Error>(Json(request.form::<BTreeMap<String, String>>().await?))
        })
        .any("/length", |mut request: Request| async move {
            Ok::<_, Error>(request.buffer().await?.len())
        })
        .any("/all", |mut request: Request| async move {
            let length = request.buffer().await?.len();
            let text = request.text().await?;
            Ok::<_, Error>(json!([length, text, request.json::<Value>().await?]))
        })
        .any("/ignore", || "ignored")
        .any("/limit/10", |request: Request| limited(request, "10"))
        .any("/limit/text", |request: Request| limited(request, "10b"))
        .any("/limit/1.5kb", |request: Request| {
            length_limited(request, "1.5kb")
        })
        .any("/limit/1mb", |request: Request| {
            length_limited(request, "1mb")
        })
        .any("/limit/2mb", |request: Request| {
            length_limited(request, "2mb")
        })
        .any("/limit/invalid", |request: Request| {
            limited(request, "much")
        })
        .any("/limit/smaller-later", |mut request: Request| async move {
            request.text().await?;
            limited(request, "3").await
        })
        .any("/limit/larger-later", |mut request: Request| async move {
            match request.text_limit(3).await {
                Ok(text) => Ok(text),
                Err(_) => request.text().await,
            }
        })
}

async fn limited(mut request: Request, limit: &str) -> Result<String> {
    request.text_limit(limit).await
}

async fn length_limited(mut request: Request, limit: &str) -> Result<usize> {
    Ok(request.text_limit(limit).await?.len())
}

fn composed() -> Router {
    Router::new()
        .any("/compose/ok", with_middleware(handle_errors, || "fine"))
        .any(
            "/compose/error",
            with_middleware(handle_errors, || {
                Err::<(), _>(io::Error::other("What happened?"))
            }),
        )
        .any(
            "/compose/retell",
            with_middleware(handle_errors, || Error::new(429, "Rate limit exceeded")),
        )
}

async fn handle_errors(request: Request, next: Next) -> Result<Response> {
    match next.run(request).await {
        Err(error) if error.status() == 429 => Err(Error::new(503, "Try again")),
        Err(_) => send(500, "My own error"),
        response => response,
    }
}
