//! Choosing a handler by path and method.
#![cfg(feature = "testing")]

use anyhost_core::http::Method;
use anyhost_core::testing::Client;
use anyhost_core::{Request, RequestExt, Result, Router};

async fn echo_name(request: Request) -> Result<String> {
    request.param("name")
}

fn app() -> Client {
    let api = Router::new()
        .get("/", || async { "api" })
        .get("/users/{name}", echo_name);
    Client::new(
        Router::new()
            .get("/", || async { "home" })
            .post("/", || async { "posted" })
            .get("/n/{n}", |request: Request| async move {
                request.param::<u8>("n")
            })
            .any("/any/{*rest}", |request: Request| async move {
                request.param::<String>("rest")
            })
            .nest("/api", api),
    )
}

async fn text(target: &str) -> String {
    app().get(target).await.text().await.unwrap()
}

#[tokio::test]
async fn paths_and_methods_choose_the_handler() {
    assert_eq!(text("/").await, "home");
    assert_eq!(app().post("/").await.text().await.unwrap(), "posted");
    assert_eq!(text("/api").await, "api");
    assert_eq!(text("/api/users/ada").await, "ada");
    let purge = Method::from_bytes(b"PURGE").unwrap();
    assert_eq!(
        app().request(purge, "/any/a/b").await.text().await.unwrap(),
        "a/b"
    );
}

#[tokio::test]
async fn parameters_are_decoded_once_and_only_within_their_segment() {
    assert_eq!(text("/api/users/a%20b%2Fc%252d").await, "a b/c%2d");
    assert_eq!(text("/api/users/%C3%A9").await, "é");
    assert_eq!(app().get("/api/users/%FF").await.status(), 400);
}

#[tokio::test]
async fn parameters_parse_into_types_or_are_a_400() {
    assert_eq!(text("/n/255").await, "255");
    let reply = app().get("/n/256").await;
    assert_eq!(reply.status(), 400);
    assert_eq!(reply.text().await.unwrap(), "Invalid path parameter n");
}

#[tokio::test]
async fn no_route_is_a_404_and_the_wrong_method_a_405_with_allow() {
    let reply = app().get("/nowhere").await;
    assert_eq!(reply.status(), 404);
    assert_eq!(reply.text().await.unwrap(), "Not Found");
    let reply = app().delete("/").await;
    assert_eq!(reply.status(), 405);
    assert_eq!(reply.header("allow"), Some("GET, HEAD, POST"));
}

#[tokio::test]
async fn head_is_served_by_get() {
    let reply = app().head("/").await;
    assert_eq!(
        (reply.status().as_u16(), reply.header("content-length")),
        (200, Some("4"))
    );
    assert_eq!(reply.text().await.unwrap(), "");
}

#[tokio::test]
async fn the_users_own_404_answers_what_matches_no_route() {
    let client = Client::new(
        Router::new()
            .get("/", || async { "home" })
            .not_found(|| async { "nothing here" }),
    );
    assert_eq!(client.get("/x").await.text().await.unwrap(), "nothing here");
    assert_eq!(client.post("/").await.status(), 405);
}

#[test]
#[should_panic(expected = "cannot be added")]
fn routes_that_clash_stop_the_program_at_its_start() {
    drop(
        Router::new()
            .get("/{a}", || async {})
            .get("/{b}", || async {}),
    );
}

#[test]
#[should_panic(expected = "there twice")]
fn a_route_that_is_there_twice_stops_the_program_at_its_start() {
    let health = || Router::new().get("/health", || async {});
    drop(health().merge(health()));
}
