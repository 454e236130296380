//! Calls routers in-process, with `oneshot` as the tests in the examples of axum do: see ../../../README.md.

use axum::body::Body;
use axum::extract::{Path, Request};
use axum::routing::{get, post};
use axum::{Json, Router};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use tower::ServiceExt;

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

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, workload, size, repetitions] = &arguments[..] else {
        panic!("expected WORKLOAD SIZE REPETITIONS");
    };
    let size = size.parse().expect("SIZE is a number");
    let repetitions = repetitions.parse().expect("REPETITIONS is a number");
    match workload.as_str() {
        "text" => text(size, repetitions).await,
        "json" => json(size, repetitions).await,
        "route" => route(size, repetitions).await,
        "parameter" => parameter(size, repetitions).await,
        _ => panic!("unknown workload {workload}"),
    }
}

/// Sends this number of headers.
async fn text(headers: usize, repetitions: u64) {
    let app = Router::new().route("/", get(|| async { "Hello, world!" }));
    let names: Vec<String> = (0..headers).map(|n| format!("x-header-{n}")).collect();
    for _ in 0..repetitions {
        let mut request = Request::get("/");
        for name in &names {
            request = request.header(name, "some value");
        }
        expect(&app, request.body(Body::empty()), b"Hello, world!").await;
    }
}

/// Sends an order with this number of items.
async fn json(items: usize, repetitions: u64) {
    let app = Router::new().route("/", post(|Json(order): Json<Order>| async { Json(order) }));
    let items = vec![r#"{"name":"a box of green tea","price":1250,"count":3}"#; items].join(",");
    let body = format!(r#"{{"customer":"Ada","items":[{items}]}}"#);
    for _ in 0..repetitions {
        let request = Request::post("/").header("content-type", "application/json");
        expect(&app, request.body(body.clone().into()), body.as_bytes()).await;
    }
}

/// Requests the last of this number of routes.
async fn route(routes: usize, repetitions: u64) {
    let app = (0..routes).fold(Router::new(), |app, n| {
        app.route(
            &format!("/route{n}/item"),
            get(|| async { "Hello, world!" }),
        )
    });
    let path = format!("/route{}/item", routes - 1);
    for _ in 0..repetitions {
        let request = Request::get(&path).body(Body::empty());
        expect(&app, request, b"Hello, world!").await;
    }
}

/// As [`route`], but the routes have a parameter.
async fn parameter(routes: usize, repetitions: u64) {
    async fn id(Path(id): Path<String>) -> String {
        id
    }
    let app = (0..routes).fold(Router::new(), |app, n| {
        app.route(&format!("/route{n}/{{id}}"), get(id))
    });
    let path = format!("/route{}/item", routes - 1);
    for _ in 0..repetitions {
        let request = Request::get(&path).body(Body::empty());
        expect(&app, request, b"item").await;
    }
}

async fn expect(app: &Router, request: axum::http::Result<Request>, body: &[u8]) {
    let request = request.expect("the request is valid");
    let Ok(response) = app.clone().oneshot(request).await;
    assert_eq!(response.status(), 200);
    let response = response.into_body().collect().await;
    assert_eq!(response.expect("the body is complete").to_bytes(), body);
}
