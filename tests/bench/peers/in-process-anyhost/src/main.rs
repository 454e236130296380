//! Calls handlers in-process, with the client for tests: see ../../../README.md.

use anyhost::testing::Client;
use anyhost::{Body, Json, Request, RequestExt, Result, Router};
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
    let client = Client::new(|| async { "Hello, world!" });
    let names: Vec<String> = (0..headers).map(|n| format!("x-header-{n}")).collect();
    for _ in 0..repetitions {
        let mut request = http::Request::get("/");
        for name in &names {
            request = request.header(name, "some value");
        }
        expect(&client, request.body(Body::empty()), b"Hello, world!").await;
    }
}

/// Sends an order with this number of items.
async fn json(items: usize, repetitions: u64) {
    async fn order(mut request: Request) -> Result<Json<Order>> {
        Ok(Json(request.json().await?))
    }
    let client = Client::new(order);
    let items = vec![r#"{"name":"a box of green tea","price":1250,"count":3}"#; items].join(",");
    let body = format!(r#"{{"customer":"Ada","items":[{items}]}}"#);
    for _ in 0..repetitions {
        let request = http::Request::post("/").header("content-type", "application/json");
        expect(&client, request.body(body.clone().into()), body.as_bytes()).await;
    }
}

/// Requests the last of this number of routes.
async fn route(routes: usize, repetitions: u64) {
    let app = (0..routes).fold(Router::new(), |app, n| {
        app.get(&format!("/route{n}/item"), || async { "Hello, world!" })
    });
    let client = Client::new(app);
    let path = format!("/route{}/item", routes - 1);
    for _ in 0..repetitions {
        let request = http::Request::get(&path).body(Body::empty());
        expect(&client, request, b"Hello, world!").await;
    }
}

/// As [`route`], but the routes have a parameter.
async fn parameter(routes: usize, repetitions: u64) {
    async fn id(request: Request) -> Result<String> {
        request.param("id")
    }
    let app = (0..routes).fold(Router::new(), |app, n| {
        app.get(&format!("/route{n}/{{id}}"), id)
    });
    let client = Client::new(app);
    let path = format!("/route{}/item", routes - 1);
    for _ in 0..repetitions {
        let request = http::Request::get(&path).body(Body::empty());
        expect(&client, request, b"item").await;
    }
}

async fn expect(client: &Client, request: http::Result<Request>, body: &[u8]) {
    let request = request.expect("the request is valid");
    let response = client.send(request).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.bytes().await.expect("the body is complete"), body);
}
