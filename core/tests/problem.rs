//! Errors as problem details.
#![cfg(feature = "testing")]

use anyhost_core::http::header::{ALLOW, HeaderValue};
use anyhost_core::testing::Client;
use anyhost_core::{Context, Error, Router, problem_json, with_middleware};
use serde_json::{Value, json};

fn routes() -> Router {
    Router::new()
        .get("/io", || Err::<(), _>(std::io::Error::other("secret")))
        .get("/plain", || {
            let error = Error::new(409, "The name is taken");
            Err::<(), _>(error.with_header(ALLOW, HeaderValue::from_static("PUT")))
        })
        .get("/typed", || {
            let error = Error::new(403, "Your balance is 30, but this costs 50");
            let error = error.with_member("type", "https://example.com/probs/out-of-credit");
            let error = error.with_member("title", "You do not have enough credit");
            Err::<(), _>(error.with_member("balance", 30).with_member("status", 200))
        })
}

async fn problem(client: &Client, target: &str) -> Value {
    let response = client.get(target).await;
    let status = response.status().as_u16();
    assert_eq!(
        response.header("content-type"),
        Some("application/problem+json")
    );
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], status, "{problem}");
    problem
}

#[tokio::test]
async fn every_error_of_the_handler_becomes_a_problem() {
    let client = Client::new(with_middleware(problem_json, routes()));
    let expected = json!({"title": "Not Found", "status": 404});
    assert_eq!(problem(&client, "/missing").await, expected);
    let expected = json!({"title": "Internal Server Error", "status": 500});
    assert_eq!(problem(&client, "/io").await, expected);
    let expected = json!({"title": "Conflict", "status": 409, "detail": "The name is taken"});
    assert_eq!(problem(&client, "/plain").await, expected);
    assert_eq!(client.get("/plain").await.header("allow"), Some("PUT"));
    assert_eq!(
        client.post("/plain").await.header("allow"),
        Some("GET, HEAD")
    );
}

#[tokio::test]
async fn an_error_with_members_becomes_a_problem_without_the_middleware() {
    let expected = json!({
        "type": "https://example.com/probs/out-of-credit",
        "title": "You do not have enough credit",
        "detail": "Your balance is 30, but this costs 50",
        "status": 403,
        "balance": 30,
    });
    assert_eq!(problem(&Client::new(routes()), "/typed").await, expected);
    let response = Client::new(routes()).get("/plain").await;
    assert_eq!(
        response.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
}

#[tokio::test]
async fn a_problem_contains_the_sources_of_the_error_only_in_development_mode() {
    let client = Client::new(with_middleware(problem_json, routes()));
    let client = client.with_context(Context::default().with_development(true));
    let expected = json!({"title": "Internal Server Error", "status": 500, "sources": "secret"});
    assert_eq!(problem(&client, "/io").await, expected);
}

#[cfg(feature = "tower")]
#[tokio::test]
async fn a_problem_passes_through_a_tower_layer() {
    use anyhost_core::tower::layer;
    use tower_http::cors::CorsLayer;

    let inner = layer(CorsLayer::permissive(), routes());
    let client = Client::new(with_middleware(problem_json, inner));
    let expected = json!({"title": "Conflict", "status": 409, "detail": "The name is taken"});
    assert_eq!(problem(&client, "/plain").await, expected);
    let response = client.get("/plain").await;
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
}
