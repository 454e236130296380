//! The application of the functions: see ../../../../README.md.

use lambda_http::http::StatusCode;
use lambda_http::http::header::{CONTENT_TYPE, HeaderValue};
use lambda_http::{Body, Error, Request, Response, run, service_fn, tracing};
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
    run(service_fn(app)).await
}

async fn app(request: Request) -> Result<Response<Body>, Error> {
    match request.uri().path() {
        "/json" => json(&request),
        "/echo" => echo(request),
        _ => Ok(Response::builder()
            .status(StatusCode::NOT_FOUND)
            .body(Body::Empty)?),
    }
}

fn json(request: &Request) -> Result<Response<Body>, Error> {
    let order: Order = serde_json::from_slice(request.body())?;
    Ok(Response::builder()
        .header(CONTENT_TYPE, "application/json")
        .body(serde_json::to_string(&order)?.into())?)
}

/// lambda_http decides by the Content-Type whether it sends the body in base64.
fn echo(request: Request) -> Result<Response<Body>, Error> {
    let octets = HeaderValue::from_static("application/octet-stream");
    let content_type = request.headers().get(CONTENT_TYPE).cloned();
    Ok(Response::builder()
        .header(CONTENT_TYPE, content_type.unwrap_or(octets))
        .body(request.into_body())?)
}
