//! An axum application, as it is, on every host: a tower service is a handler.

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
    async fn axum_routes_answer() {
        let client = Client::new(super::app());
        assert_eq!(
            client.get("/greet/Ada").await.text().await.unwrap(),
            "Hello, Ada!"
        );
        let reply = client.post("/echo").json(&json!([1])).await;
        assert_eq!(
            reply.json::<Value>().await.unwrap(),
            json!({"received": [1]})
        );
        assert_eq!(client.get("/nowhere").await.status(), 404);
    }
}
