//! One application that every host must run alike: its routes exercise all that an adapter can get
//! wrong. The conformance suite drives it, and so does a smoke test of a deployment.

#[path = "probe/counted.rs"]
mod counted;
#[path = "probe/described.rs"]
mod described;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhost::bytes::Bytes;
use anyhost::http::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    LOCATION, SET_COOKIE, VARY,
};
use anyhost::http::{Response, StatusCode};
use anyhost::testing::lint;
use anyhost::{
    Body, BoxError, Error, IntoResponse, Json, Limit, Request, RequestExt, Result, Router,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const TEN_MIB: Limit = Limit::mib(10);

fn main() -> ExitCode {
    anyhost::run_with(async || match std::env::var("PROBE_START").as_deref() {
        Ok("fail") => Err(Error::from(io::Error::other("PROBE_START says so"))),
        Ok("panic") => panic!("at the start"),
        Ok("print") => {
            println!("printed by the program");
            println!("HTTP_PROXY={:?}", std::env::var_os("HTTP_PROXY"));
            Ok(app())
        }
        _ if std::env::var_os("PROBE_LINT").is_some() => Ok(linted()),
        _ => Ok(app()),
    })
}

pub(crate) fn app() -> Router {
    lawful().merge(unlawful())
}

/// The same application, with the contract checked on both sides. What breaks it on purpose stands
/// outside.
pub(crate) fn linted() -> Router {
    unlawful().fallback(lint(lawful()))
}

fn lawful() -> Router {
    Router::new()
        .get("/violation", violation)
        .any("/echo", echo)
        .any("/echo/", echo)
        .any("/echo/{*rest}", echo)
        .merge(requests())
        .merge(replies())
        .merge(errors())
        .merge(after())
        .merge(counted::routes())
}

/// Routes whose replies say what no host passes on.
fn unlawful() -> Router {
    Router::new()
        .get("/hop", hop)
        .merge(counted::bodies())
        .merge(described::routes())
}

fn requests() -> Router {
    Router::new()
        .post("/raw", raw)
        .post("/pipe", |request: Request| async { request.into_body() })
        .post("/before/{n}", before)
        .post("/digest", digest)
        .post("/json", json_body)
        .post("/text", |mut request: Request| async move {
            request.text_limit(TEN_MIB).await
        })
        .post("/form", form)
        .post("/limit/{n}", limit)
        .post("/twice", twice)
        .any("/ignore", || async { "ignored" })
}

fn replies() -> Router {
    Router::new()
        .get("/hello", || async { "Hello, world!" })
        .get("/number", || async { 4 })
        .get("/object", || async { json!({"a": "b"}) })
        .get("/bytes", || async { (0..=255).collect::<Vec<u8>>() })
        .get("/empty", || async { StatusCode::OK })
        .get("/null", || async {})
        .get("/html", html)
        .get("/status/{code}", |request: Request| async move {
            code(&request)
        })
        .get("/headers", headers)
        .get("/location/{code}", location)
        .get("/gzip", gzip)
        .get("/large/{n}", large)
        .get("/header-size/{n}", header_size)
        .get("/stream", chunks)
        .get("/sse", events)
}

fn errors() -> Router {
    Router::new()
        .get("/error/{code}", error)
        .get("/fail", fail)
        .get("/panic", panic)
        .get("/panic-late", || async { first_then(|| panic!("late")) })
        .get("/stream-error", || async {
            first_then(|| Err(io::Error::other("late")))
        })
        .get("/sleep/{ms}", sleep)
        .get("/block/{ms}", block)
        .get("/drop-panic", drop_panic)
}

fn after() -> Router {
    let counter = Arc::new(AtomicU64::new(0));
    let counted = counter.clone();
    let schedule = move |request: Request| {
        let counter = counter.clone();
        async move {
            let pause = Duration::from_millis(request.param("ms")?);
            request.context().wait_until(async move {
                tokio::time::sleep(pause).await;
                counter.fetch_add(1, Ordering::Relaxed);
                if let Some(path) = std::env::var_os("PROBE_DONE") {
                    let _ = std::fs::write(path, "");
                }
            });
            Ok::<_, Error>("scheduled")
        }
    };
    let count = move || std::future::ready(counted.load(Ordering::Relaxed).to_string());
    Router::new()
        .post("/after/{ms}", schedule)
        .get("/after", count)
}

/// What the handler saw.
async fn echo(mut request: Request) -> Result<Json<Value>> {
    let body = request.buffer_limit(TEN_MIB).await?;
    let latin1 = |value: &HeaderValue| {
        value
            .as_bytes()
            .iter()
            .map(|&b| char::from(b))
            .collect::<String>()
    };
    let headers: Vec<(&str, String)> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), latin1(value)))
        .collect();
    let context = request.context();
    Ok(Json(json!({
        "host": context.host().name(),
        "method": request.method().as_str(),
        "path": request.uri().path(),
        "query": request.uri().query(),
        "version": format!("{:?}", request.version()),
        "scheme": context.scheme().as_str(),
        "authority": request.authority(),
        "base_path": context.base_path(),
        "peer": context.peer(),
        "request_id": context.request_id(),
        "headers": headers,
        "body": {"length": body.len(), "base64": BASE64.encode(&body)},
    })))
}

async fn raw(mut request: Request) -> Result<impl IntoResponse> {
    let body = request.buffer_limit(TEN_MIB).await?;
    let headers = request
        .headers_mut()
        .remove(CONTENT_TYPE)
        .map(|value| (CONTENT_TYPE, value));
    Ok((HeaderMap::from_iter(headers), body))
}

/// So many bytes before any of the body is read, and its length after.
async fn before(request: Request) -> Result<Body> {
    let first: usize = request.param("n")?;
    if first > 1 << 24 {
        return Err(Error::new(StatusCode::BAD_REQUEST, "Too much"));
    }
    let first = stream::iter([Ok("x".repeat(first))]);
    let length = stream::once(async move {
        let mut request = request;
        let mut length = 0;
        while let Some(chunk) = request.chunk().await.map_err(Error::into_boxed)? {
            length += chunk.len();
        }
        Ok::<_, BoxError>(length.to_string())
    });
    Ok(Body::from_stream(first.chain(length)))
}

async fn digest(mut request: Request) -> Result<Value> {
    let (mut length, mut sha256) = (0, Sha256::new());
    while let Some(chunk) = request.chunk().await? {
        length += chunk.len();
        sha256.update(&chunk);
    }
    let hex: String = sha256
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(json!({"length": length, "sha256": hex}))
}

async fn json_body(mut request: Request) -> Result<Value> {
    Ok(json!({"received": request.json::<Value>().await?}))
}

async fn form(mut request: Request) -> Result<Json<BTreeMap<String, Vec<String>>>> {
    request.form().await.map(Json)
}

async fn limit(mut request: Request) -> Result<String> {
    let limit: u64 = request.param("n")?;
    Ok(request.buffer_limit(limit).await?.len().to_string())
}

async fn twice(mut request: Request) -> Result<Value> {
    let first: Value = request.json().await?;
    let second: Value = request.json().await?;
    Ok(json!({"same": first == second}))
}

async fn html() -> impl IntoResponse {
    let html = (CONTENT_TYPE, HeaderValue::from_static("text/html"));
    (HeaderMap::from_iter([html]), "<b>hi</b>")
}

fn code(request: &Request) -> Result<StatusCode> {
    let code: u16 = request.param("code")?;
    StatusCode::from_u16(code).map_err(|_| Error::new(StatusCode::BAD_REQUEST, "No such status"))
}

async fn headers() -> Result<Response<Body>> {
    Ok(Response::builder()
        .header(SET_COOKIE, "a=1; Expires=Wed, 21 Oct 2037 07:28:00 GMT")
        .header(SET_COOKIE, "b=2; Path=/")
        .header("x-multi", "one")
        .header("x-multi", "two")
        .header(VARY, "accept")
        .header(VARY, "origin")
        .header("x-latin1", HeaderValue::from_bytes(b"caf\xE9")?)
        .body(Body::empty())?)
}

async fn hop() -> Result<Response<Body>> {
    Ok(Response::builder()
        .header(CONNECTION, "close, x-drop")
        .header("keep-alive", "timeout=1")
        .header("x-drop", "1")
        .header("x-keep", "1")
        .body(Body::empty())?)
}

/// What a handler may not set, so that a client can tell whether the contract is checked.
async fn violation() -> impl IntoResponse {
    let close = (CONNECTION, HeaderValue::from_static("close"));
    (HeaderMap::from_iter([close]), "the contract is not checked")
}

async fn location(request: Request) -> Result<impl IntoResponse> {
    let elsewhere = (LOCATION, HeaderValue::from_static("/elsewhere"));
    Ok((HeaderMap::from_iter([elsewhere]), code(&request)?))
}

/// `Hello, world!`, compressed beforehand.
const GZIP: [u8; 33] = [
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xff, 0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0xd7,
    0x51, 0x28, 0xcf, 0x2f, 0xca, 0x49, 0x51, 0x04, 0x00, 0xe6, 0xc6, 0xe6, 0xeb, 0x0d, 0x00, 0x00,
    0x00,
];

async fn gzip() -> impl IntoResponse {
    let headers = [
        (CONTENT_ENCODING, HeaderValue::from_static("gzip")),
        (
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        ),
    ];
    (HeaderMap::from_iter(headers), &GZIP[..])
}

/// The length is declared, the bytes are made as they go.
async fn large(request: Request) -> Result<impl IntoResponse> {
    static BLOCK: [u8; 65_536] = [b'x'; 65_536];
    let length: u64 = request.param("n")?;
    let body = stream::unfold(length, |left| async move {
        let size = usize::try_from(left).map_or(BLOCK.len(), |left| left.min(BLOCK.len()));
        (size > 0).then(|| {
            (
                Ok::<_, Infallible>(Bytes::from_static(&BLOCK[..size])),
                left - size as u64,
            )
        })
    });
    let length = (CONTENT_LENGTH, HeaderValue::from(length));
    Ok((HeaderMap::from_iter([length]), Body::from_stream(body)))
}

async fn header_size(request: Request) -> Result<impl IntoResponse> {
    let size: usize = request.param("n")?;
    if size > 1 << 20 {
        return Err(Error::new(
            StatusCode::BAD_REQUEST,
            "No header is that long",
        ));
    }
    let value = HeaderValue::try_from("y".repeat(size))?;
    Ok((
        HeaderMap::from_iter([(HeaderName::from_static("x-large"), value)]),
        "",
    ))
}

#[derive(Deserialize)]
#[serde(default)]
struct Chunks {
    chunks: u64,
    size: usize,
    first_ms: u64,
    delay_ms: u64,
}

impl Default for Chunks {
    fn default() -> Self {
        Self {
            chunks: 3,
            size: 5,
            first_ms: 0,
            delay_ms: 0,
        }
    }
}

async fn chunks(request: Request) -> Result<Body> {
    let Chunks {
        chunks,
        size,
        first_ms,
        delay_ms,
    } = request.query()?;
    if size > 1 << 24 {
        return Err(Error::new(
            StatusCode::BAD_REQUEST,
            "No chunk is that large",
        ));
    }
    let chunk = Bytes::from("z".repeat(size));
    Ok(Body::from_stream(stream::unfold(0, move |sent| {
        let chunk = chunk.clone();
        async move {
            if sent == 0 {
                pause(first_ms).await;
            } else if sent < chunks {
                pause(delay_ms).await;
            }
            (sent < chunks).then(|| (Ok::<_, Infallible>(chunk), sent + 1))
        }
    })))
}

async fn pause(ms: u64) {
    if ms > 0 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

#[derive(Deserialize)]
struct Events {
    n: Option<u64>,
}

async fn events(request: Request) -> Result<impl IntoResponse> {
    let Events { n } = request.query()?;
    let events = (0..n.unwrap_or(3)).map(|i| Ok::<_, Infallible>(format!("data: {i}\n\n")));
    let event_stream = (CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    Ok((
        HeaderMap::from_iter([event_stream]),
        Body::from_stream(stream::iter(events)),
    ))
}

#[derive(Deserialize)]
struct Message {
    message: Option<String>,
}

async fn error(request: Request) -> Result<()> {
    let status = code(&request)?;
    let Message { message } = request.query()?;
    Err(match message {
        Some(message) => Error::new(status, message),
        None => Error::from_status(status),
    })
}

async fn fail() -> Result<()> {
    Err(io::Error::other("secret detail"))?;
    Ok(())
}

async fn panic() {
    panic!("on purpose");
}

/// One chunk, and then what `late` does.
fn first_then(late: fn() -> io::Result<&'static str>) -> Body {
    Body::from_stream(stream::unfold(0, move |step| async move {
        match step {
            0 => Some((Ok("first"), 1)),
            _ => Some((late(), 2)),
        }
    }))
}

/// What no handler should do: its thread can do nothing else meanwhile.
async fn block(request: Request) -> Result<&'static str> {
    let ms = request.param("ms")?;
    eprintln!("blocking");
    std::thread::sleep(Duration::from_millis(ms));
    Ok("blocked")
}

/// Never replies, and panics when nobody waits for it any more.
async fn drop_panic() -> &'static str {
    struct Guard;
    impl Drop for Guard {
        fn drop(&mut self) {
            panic!("on purpose, when dropped");
        }
    }
    let _guard = Guard;
    std::future::pending().await
}

async fn sleep(request: Request) -> Result<&'static str> {
    pause(request.param("ms")?).await;
    Ok("slept")
}

#[cfg(test)]
mod tests {
    use anyhost::testing::Client;

    use super::*;

    async fn get(target: &str) -> (u16, Bytes) {
        let reply = Client::new(app()).get(target).await;
        (reply.status().as_u16(), reply.bytes().await.unwrap())
    }

    #[tokio::test]
    async fn echo_tells_what_the_handler_saw() {
        let request = Client::new(app())
            .post("/echo/a%2Fb?x=1&x=2")
            .header("host", "a.com");
        let seen: Value = request
            .header("x-a", "1")
            .body("hi")
            .await
            .json()
            .await
            .unwrap();
        assert_eq!(
            seen,
            json!({
                "host": "in-process", "method": "POST", "path": "/echo/a%2Fb", "query": "x=1&x=2",
                "version": "HTTP/1.1", "scheme": "http", "authority": "a.com", "base_path": "",
                "peer": null, "request_id": null, "headers": [["host", "a.com"], ["x-a", "1"], ["content-length", "2"]],
                "body": {"length": 2, "base64": "aGk="},
            })
        );
    }

    #[tokio::test]
    async fn the_lint_changes_nothing_for_a_client() {
        let (plain, linted) = (Client::new(app()), Client::new(linted()));
        for target in [
            "/hello",
            "/null",
            "/hop",
            "/headers",
            "/large/9",
            "/stream",
            "/status/304",
            "/status/100",
            "/location/302",
            "/gzip",
            "/error/429",
            "/fail",
            "/panic",
            "/nowhere",
            "/bytes",
            "/empty",
        ] {
            let (plain, linted) = (plain.get(target).await, linted.get(target).await);
            assert_eq!(linted.status(), plain.status(), "{target}");
            assert_eq!(linted.headers(), plain.headers(), "{target}");
            let (plain, linted) = (plain.bytes().await, linted.bytes().await);
            assert_eq!(linted.unwrap(), plain.unwrap(), "{target}");
        }
        for target in ["/panic-late", "/stream-error"] {
            let mut cut = linted.get(target).await;
            assert_eq!(cut.chunk().await.unwrap().unwrap(), "first");
            assert!(cut.chunk().await.is_err());
        }
    }

    #[tokio::test]
    async fn bodies_are_read_in_every_way() {
        let client = Client::new(app());
        let post = |target: &str, body: &'static str| client.post(target).body(body);
        assert_eq!(
            post("/raw", "x").await.header("content-type"),
            Some("application/octet-stream")
        );
        assert_eq!(post("/pipe", "x").await.text().await.unwrap(), "x");
        assert_eq!(
            post("/json", "[1]").await.text().await.unwrap(),
            r#"{"received":[1]}"#
        );
        assert_eq!(post("/text", "é").await.text().await.unwrap(), "é");
        assert_eq!(
            post("/form", "k=v1&k=v2").await.text().await.unwrap(),
            r#"{"k":["v1","v2"]}"#
        );
        assert_eq!(post("/limit/3", "abc").await.text().await.unwrap(), "3");
        assert_eq!(post("/limit/2", "abc").await.status(), 413);
        assert_eq!(
            post("/twice", "{}").await.text().await.unwrap(),
            r#"{"same":true}"#
        );
        assert_eq!(post("/ignore", "x").await.text().await.unwrap(), "ignored");
        let digest: Value = post("/digest", "abc").await.json().await.unwrap();
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest, json!({"length": 3, "sha256": sha256}));
    }

    #[tokio::test]
    async fn replies_are_as_promised() {
        assert_eq!(get("/hello").await, (200, "Hello, world!".into()));
        assert_eq!(get("/number").await, (200, "4".into()));
        assert_eq!(get("/bytes").await.1.len(), 256);
        assert_eq!(get("/empty").await, (200, "".into()));
        assert_eq!(get("/null").await, (204, "".into()));
        assert_eq!(get("/status/418").await, (418, "".into()));
        assert_eq!(get("/status/1000").await.0, 400);
        assert_eq!(get("/location/302").await.0, 302);
        assert_eq!(
            get("/large/100000").await,
            (200, "x".repeat(100_000).into())
        );
        assert_eq!(get("/stream").await, (200, "z".repeat(15).into()));
        assert_eq!(
            get("/sse?n=2").await,
            (200, "data: 0\n\ndata: 1\n\n".into())
        );
        let reply = Client::new(app()).get("/headers").await;
        assert_eq!(reply.headers().get_all(SET_COOKIE).iter().count(), 2);
        assert_eq!(reply.headers()["x-latin1"].as_bytes(), b"caf\xE9");
        let reply = Client::new(app()).get("/header-size/5000").await;
        assert_eq!(reply.header("x-large").unwrap().len(), 5000);
    }

    #[tokio::test]
    async fn errors_are_as_promised() {
        assert_eq!(get("/error/409?message=taken").await, (409, "taken".into()));
        assert_eq!(get("/error/404").await, (404, "Not Found".into()));
        assert_eq!(get("/fail").await, (500, "Internal Server Error".into()));
        assert_eq!(get("/panic").await.0, 500);
        for target in ["/panic-late", "/stream-error"] {
            let mut reply = Client::new(app()).get(target).await;
            assert_eq!(reply.chunk().await.unwrap().unwrap(), "first");
            reply.chunk().await.unwrap_err();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn work_after_the_reply_is_counted() {
        let client = Client::new(app());
        assert_eq!(client.post("/after/10").await.status(), 200);
        assert_eq!(client.get("/after").await.text().await.unwrap(), "0");
        client.finish().await;
        assert_eq!(client.get("/after").await.text().await.unwrap(), "1");
        assert_eq!(get("/sleep/5").await, (200, "slept".into()));
    }
}
