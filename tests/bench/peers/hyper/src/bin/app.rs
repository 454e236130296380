//! The application of the benchmarks: see ../../../../README.md.

use std::convert::Infallible;
use std::error::Error;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

type Body = UnsyncBoxBody<Bytes, Infallible>;

const TEXT: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";

#[derive(Deserialize, Serialize)]
struct Order {
    customer: String,
    items: Vec<Item>,
}

#[derive(Deserialize, Serialize)]
struct Item {
    name: String,
    price: u64,
    count: u32,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let connection = auto::Builder::new(TokioExecutor::new());
            let _ = connection
                .serve_connection_with_upgrades(TokioIo::new(stream), service_fn(app))
                .await;
        });
    }
}

async fn app(request: Request<Incoming>) -> Result<Response<Body>, Box<dyn Error + Send + Sync>> {
    let path = request.uri().path();
    Ok(match (request.method(), path) {
        (&Method::GET, "/") => full(TEXT, "Hello, world!"),
        (&Method::POST, "/json") => {
            let body = request.into_body().collect().await?.to_bytes();
            let order: Order = serde_json::from_slice(&body)?;
            full("application/json", serde_json::to_vec(&order)?)
        }
        (&Method::POST, "/echo") => full(BYTES, request.into_body().collect().await?.to_bytes()),
        (&Method::POST, "/upload") => {
            let mut body = request.into_body();
            let mut length = 0;
            while let Some(frame) = body.frame().await {
                length += frame?.data_ref().map_or(0, Bytes::len);
            }
            full(TEXT, length.to_string())
        }
        (&Method::GET, "/stream") => {
            let chunk = Bytes::from_static(b"sixteen bytes...");
            let chunks = (0..10_000).map(move |_| Ok(Frame::data(chunk.clone())));
            Response::new(StreamBody::new(stream::iter(chunks)).boxed_unsync())
        }
        (&Method::GET, _) => match path[1..].split_once('/') {
            Some(("bytes", length)) => full(BYTES, vec![b'x'; length.parse()?]),
            Some((route, id)) if is_route(route) => full(TEXT, id.to_owned()),
            _ => not_found(),
        },
        _ => not_found(),
    })
}

/// Whether this is one of `route0` to `route199`.
fn is_route(segment: &str) -> bool {
    let number = segment.strip_prefix("route").map(str::parse::<u8>);
    matches!(number, Some(Ok(0..200)))
}

fn full(content_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(body.into()).boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn not_found() -> Response<Body> {
    let mut response = Response::new(Empty::new().boxed_unsync());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}
