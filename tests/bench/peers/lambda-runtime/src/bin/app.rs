//! The application of the functions: see ../../../../README.md.

use aws_lambda_events::lambda_function_urls::{
    LambdaFunctionUrlRequest, LambdaFunctionUrlResponse,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{CONTENT_TYPE, HeaderValue};
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use peer_lambda_runtime::response;
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

async fn app(
    event: LambdaEvent<LambdaFunctionUrlRequest>,
) -> Result<LambdaFunctionUrlResponse, Error> {
    let request = event.payload;
    match request.raw_path.as_deref() {
        Some("/json") => json(&request),
        Some("/echo") => echo(request),
        _ => {
            let mut response = LambdaFunctionUrlResponse::default();
            response.status_code = 404;
            Ok(response)
        }
    }
}

fn json(request: &LambdaFunctionUrlRequest) -> Result<LambdaFunctionUrlResponse, Error> {
    let body = request.body.as_deref().unwrap_or_default();
    let order: Order = serde_json::from_str(body)?;
    let content_type = HeaderValue::from_static("application/json");
    Ok(response(
        content_type,
        serde_json::to_string(&order)?,
        false,
    ))
}

/// Bytes are decoded and encoded again, because a handler that uses them has to do this.
fn echo(request: LambdaFunctionUrlRequest) -> Result<LambdaFunctionUrlResponse, Error> {
    let octets = HeaderValue::from_static("application/octet-stream");
    let content_type = request.headers.get(CONTENT_TYPE).cloned();
    let content_type = content_type.unwrap_or(octets);
    let body = request.body.unwrap_or_default();
    if request.is_base64_encoded {
        let bytes = BASE64.decode(body)?;
        return Ok(response(content_type, BASE64.encode(bytes), true));
    }
    Ok(response(content_type, body, false))
}
