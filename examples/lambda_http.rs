//! A handler that was written for the crate `lambda_http` runs on every host. Only `main` differs: with
//! `lambda_http`, `main` calls `lambda_http::run(service_fn(hello)).await`.
//!
//! `cargo run -p anyhost-examples --features lambda_http --example lambda_http`, then
//! `curl 'http://localhost:3000/?name=Ada'`

use std::process::ExitCode;

use anyhost::lambda::compat::lambda_http_handler;
use lambda_http::{Error, IntoResponse, Request, RequestExt, service_fn};

async fn hello(request: Request) -> Result<impl IntoResponse, Error> {
    let query = request.query_string_parameters();
    let name = query.first("name").unwrap_or("stranger");
    Ok(format!("Hello, {name}!"))
}

fn main() -> ExitCode {
    anyhost::run(lambda_http_handler(service_fn(hello)))
}

#[cfg(test)]
mod tests {
    use anyhost::testing::Client;

    use super::*;

    #[tokio::test]
    async fn the_handler_reads_the_query_of_a_request_that_is_not_from_lambda() {
        let client = Client::new(lambda_http_handler(service_fn(hello)));
        let response = client.get("/?name=Ada").await;
        assert_eq!(response.text().await.unwrap(), "Hello, Ada!");
    }
}
