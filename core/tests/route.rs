//! The pattern of the matched route in the context.
#![cfg(feature = "testing")]

use std::sync::{Arc, Mutex};

use anyhost_core::testing::Client;
use anyhost_core::{Context, Next, Request, RequestExt, Response, Result, Router, with_middleware};

fn route(context: &Context) -> String {
    context.route().as_deref().unwrap_or("none").to_owned()
}

async fn show(request: Request) -> String {
    route(&request.context())
}

async fn unchanged(request: Request, next: Next) -> Result<Response> {
    next.run(request).await
}

fn app() -> Router {
    let api = Router::new().get("/", show).get("/users/{id}", show);
    let guarded = Router::new().get("/", show).get("/users/{id}", show);
    let deep = Router::new().nest("/v{version}", with_middleware(unchanged, guarded));
    Router::new()
        .get("/users/me", show)
        .post("/users/{id}", show)
        .nest("/api", api)
        .nest("/shops/{shop}", with_middleware(unchanged, deep))
        .nest("/files", with_middleware(unchanged, show))
}

#[tokio::test]
async fn a_handler_sees_the_whole_pattern_of_its_route() {
    let client = Client::new(app());
    for (target, pattern) in [
        ("/users/me", "/users/me"),
        ("/api", "/api"),
        ("/api/users/7", "/api/users/{id}"),
        ("/files/a/b", "/files/{*rest}"),
        ("/shops/7/v1/", "/shops/{shop}/v{version}/"),
        ("/shops/7/v1/users/8", "/shops/{shop}/v{version}/users/{id}"),
    ] {
        let text = client.get(target).await.text().await.unwrap();
        assert_eq!(text, pattern, "{target}");
    }
    let text = client.post("/users/me").await.text().await.unwrap();
    assert_eq!(text, "/users/{id}");
}

#[tokio::test]
async fn middleware_around_a_router_sees_the_route_after_the_call_and_none_for_404_and_405() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let routes = seen.clone();
    let watch = move |request: Request, next: Next| {
        let routes = routes.clone();
        async move {
            let context = request.context();
            let result = next.run(request).await;
            let status = match &result {
                Ok(response) => response.status(),
                Err(error) => error.status(),
            };
            let line = format!("{} {}", status.as_u16(), route(&context));
            routes.lock().unwrap().push(line);
            result
        }
    };
    let client = Client::new(with_middleware(watch, app()));
    client.get("/api/users/7").await;
    client.get("/nothing").await;
    client.get("/shops/7/nothing").await;
    client.get("/shops/7/v1/nothing").await;
    client.delete("/users/me").await;
    let expected = [
        "200 /api/users/{id}",
        "404 none",
        "404 none",
        "404 none",
        "405 none",
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[tokio::test]
async fn a_fallback_has_no_route() {
    let client = Client::new(app().fallback(show));
    let text = client.get("/nothing").await.text().await.unwrap();
    assert_eq!(text, "none");
}
