//! The application of the benchmarks: see ../README.md.

use std::convert::Infallible;

use anyhost::{Body, Json, Request, RequestExt, Result, Router};
use bytes::Bytes;
use futures_util::stream;
use serde::{Deserialize, Serialize};

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

pub fn app() -> Router {
    let app = Router::new()
        .get("/", || async { "Hello, world!" })
        .post("/json", json)
        .post("/echo", echo)
        .post("/upload", upload)
        .get("/bytes/{length}", bytes)
        .get("/stream", chunks);
    (0..200).fold(app, |app, n| {
        app.get(&format!("/route{n}/{{id}}"), parameter)
    })
}

async fn json(mut request: Request) -> Result<Json<Order>> {
    Ok(Json(request.json().await?))
}

async fn echo(mut request: Request) -> Result<Bytes> {
    request.buffer_limit("6mb").await
}

async fn upload(mut request: Request) -> Result<String> {
    let mut length = 0;
    while let Some(chunk) = request.chunk().await? {
        length += chunk.len();
    }
    Ok(length.to_string())
}

async fn bytes(request: Request) -> Result<Bytes> {
    Ok(vec![b'x'; request.param("length")?].into())
}

async fn chunks() -> Body {
    let chunk = Bytes::from_static(b"sixteen bytes...");
    Body::from_stream(stream::iter(
        (0..10_000).map(move |_| Ok::<_, Infallible>(chunk.clone())),
    ))
}

async fn parameter(request: Request) -> Result<String> {
    request.param("id")
}
