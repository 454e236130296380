//! An axum application that runs on every host without a change, because a tower service is a handler.
//!
//! `curl http://localhost:3000/greet/Ada`

use std::process::ExitCode;

use axum::Json;
use axum::extract::Path;
use axum::routing::{Router, get, post};
use serde_json::{Value, json};

async fn greet(Path(name): Path<String>) -> String {
    format!("Hello, {name}!")
}

async fn echo(Json(value): Json<Value>) -> Json<Value> {
    Json(json!({ "received": value }))
}

fn app() -> Router {
    Router::new()
        .route("/greet/{name}", get(greet))
        .route("/echo", post(echo))
}

fn main() -> ExitCode {
    anyhost::run(app())
}

#[cfg(test)]
mod tests {
    use anyhost::testing::Client;
    use serde_json::{Value, json};

    #[tokio::test]
    async fn axum_routes_extractors_and_fallback_work() {
        let client = Client::new(super::app());

        let greeting = client.get("/greet/Ada").await;
        assert_eq!(greeting.text().await.unwrap(), "Hello, Ada!");

        let echo = client.post("/echo").json(&json!([1])).await;
        let echo: Value = echo.json().await.unwrap();
        assert_eq!(echo, json!({"received": [1]}));

        assert_eq!(client.get("/nowhere").await.status(), 404);
    }
}
