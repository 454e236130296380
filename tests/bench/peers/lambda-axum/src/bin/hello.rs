use axum::Router;
use axum::routing::get;
use lambda_http::{Error, run, tracing};

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    run(Router::new().route("/", get(|| async { "Hello, world!" }))).await
}
