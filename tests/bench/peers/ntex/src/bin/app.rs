//! The application of the benchmarks: see ../../../../README.md.

use std::convert::Infallible;

use futures_util::stream;
use ntex::util::Bytes;
use ntex::web::types::{Json, Path, Payload, PayloadConfig};
use ntex::web::{self, App, HttpResponse, HttpServer, ServiceConfig};
use serde::{Deserialize, Serialize};

#[ntex::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:3000".into());
    HttpServer::new(async || App::new().state(PayloadConfig::new(2 << 20)).configure(app))
        .bind(address)?
        .run()
        .await
}

fn app(config: &mut ServiceConfig) {
    config
        .route("/", web::get().to(async || "Hello, world!"))
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

async fn json(order: Json<Order>) -> Json<Order> {
    order
}

async fn echo(body: Bytes) -> Bytes {
    body
}

async fn upload(mut body: Payload) -> Result<String, web::Error> {
    let mut length = 0;
    while let Some(chunk) = body.recv().await {
        length += chunk?.len();
    }
    Ok(length.to_string())
}

async fn bytes(length: Path<usize>) -> Bytes {
    vec![b'x'; *length].into()
}

async fn chunks() -> HttpResponse {
    let chunk = Bytes::from_static(b"sixteen bytes...");
    HttpResponse::Ok().streaming(stream::iter(
        (0..10_000).map(move |_| Ok::<_, Infallible>(chunk.clone())),
    ))
}

async fn parameter(id: Path<String>) -> String {
    id.into_inner()
}
