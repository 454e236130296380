//! The application of the benchmarks: see ../../../../README.md.

use std::convert::Infallible;

use actix_web::web::{self, Bytes, Json, Path, Payload, PayloadConfig, ServiceConfig};
use actix_web::{App, HttpResponse, HttpServer, Responder, Result};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:3000".into());
    HttpServer::new(|| App::new().configure(app))
        .bind_auto_h2c(address)?
        .run()
        .await
}

fn app(config: &mut ServiceConfig) {
    config
        // The default, 256 KB, is less than the largest body of the benchmarks.
        .app_data(PayloadConfig::new(2 << 20))
        .route("/", web::get().to(|| async { "Hello, world!" }))
        .route("/json", web::post().to(json))
        .route("/echo", web::post().to(echo))
        .route("/upload", web::post().to(upload))
        .route("/bytes/{length}", web::get().to(bytes))
        .route("/stream", web::get().to(chunks));
    for n in 0..200 {
        config.route(&format!("/route{n}/{{id}}"), web::get().to(parameter));
    }
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

async fn json(order: Json<Order>) -> impl Responder {
    order
}

async fn echo(body: Bytes) -> impl Responder {
    body
}

async fn upload(mut body: Payload) -> Result<String> {
    let mut length = 0;
    while let Some(chunk) = body.next().await {
        length += chunk?.len();
    }
    Ok(length.to_string())
}

async fn bytes(length: Path<usize>) -> impl Responder {
    vec![b'x'; *length]
}

async fn chunks() -> impl Responder {
    let chunk = Bytes::from_static(b"sixteen bytes...");
    HttpResponse::Ok().streaming(stream::iter(
        (0..10_000).map(move |_| Ok::<_, Infallible>(chunk.clone())),
    ))
}

async fn parameter(id: Path<String>) -> impl Responder {
    id.into_inner()
}
