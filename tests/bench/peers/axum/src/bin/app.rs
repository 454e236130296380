//! The application of the benchmarks: see ../../../../README.md.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:3000".into());
    let listener = tokio::net::TcpListener::bind(address).await?;
    axum::serve(listener, app()).await
}

fn app() -> Router {
    let app = Router::new()
        .route("/", get(|| async { "Hello, world!" }))
        .route("/json", post(json))
        .route("/echo", post(echo))
        .route("/upload", post(upload))
        .route("/bytes/{length}", get(bytes))
        .route("/stream", get(chunks));
    (0..200).fold(app, |app, n| {
        app.route(&format!("/route{n}/{{id}}"), get(parameter))
    })
}

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

async fn json(Json(order): Json<Order>) -> Json<Order> {
    Json(order)
}

async fn echo(body: Bytes) -> Bytes {
    body
}

async fn upload(body: Body) -> Result<String, StatusCode> {
    let mut body = body.into_data_stream();
    let mut length = 0;
    while let Some(chunk) = body.next().await {
        length += chunk.map_err(|_| StatusCode::BAD_REQUEST)?.len();
    }
    Ok(length.to_string())
}

async fn bytes(Path(length): Path<usize>) -> Vec<u8> {
    vec![b'x'; length]
}

async fn chunks() -> Body {
    let chunk = Bytes::from_static(b"sixteen bytes...");
    Body::from_stream(stream::iter(
        (0..10_000).map(move |_| Ok::<_, Infallible>(chunk.clone())),
    ))
}

async fn parameter(Path(id): Path<String>) -> String {
    id
}
