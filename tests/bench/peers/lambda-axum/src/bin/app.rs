//! The application of the functions: see ../../../../README.md.

use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Json, Router};
use lambda_http::{Error, run, tracing};
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

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let app = Router::new()
        .route("/json", post(json))
        .route("/echo", post(echo))
        .layer(DefaultBodyLimit::disable());
    run(app).await
}

async fn json(Json(order): Json<Order>) -> Json<Order> {
    Json(order)
}

/// lambda_http decides by the Content-Type whether it sends the body in base64.
async fn echo(headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    let octets = HeaderValue::from_static("application/octet-stream");
    let content_type = headers.get(CONTENT_TYPE).cloned().unwrap_or(octets);
    ([(CONTENT_TYPE, content_type)], body)
}
