//! Tests of the router.
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
async fn router_selects_the_handler_by_path_and_method() {
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
async fn path_parameter_is_percent_decoded_once_and_can_contain_an_encoded_slash() {
    assert_eq!(text("/api/users/a%20b%2Fc%252d").await, "a b/c%2d");
    assert_eq!(text("/api/users/%C3%A9").await, "é");
    assert_eq!(app().get("/api/users/%FF").await.status(), 400);
}

#[tokio::test]
async fn path_parameter_that_cannot_be_parsed_into_its_type_is_a_400() {
    assert_eq!(text("/n/255").await, "255");
    let response = app().get("/n/256").await;
    assert_eq!(response.status(), 400);
    let expected = "Invalid path parameter n: expected u8";
    assert_eq!(response.text().await.unwrap(), expected);
}

#[tokio::test]
async fn unknown_path_is_a_404_and_unsupported_method_is_a_405_with_allow() {
    let response = app().get("/nowhere").await;
    assert_eq!(response.status(), 404);
    assert_eq!(response.text().await.unwrap(), "Not Found");
    let response = app().delete("/").await;
    assert_eq!(response.status(), 405);
    assert_eq!(response.header("allow"), Some("GET, HEAD, POST"));
}

#[tokio::test]
async fn get_handler_also_handles_head_requests() {
    let response = app().head("/").await;
    assert_eq!(
        (
            response.status().as_u16(),
            response.header("content-length")
        ),
        (200, Some("4"))
    );
    assert_eq!(response.text().await.unwrap(), "");
}

#[tokio::test]
async fn the_fallback_is_called_for_unknown_paths_but_not_for_unsupported_methods() {
    let client = Client::new(
        Router::new()
            .get("/", || async { "home" })
            .fallback(|| async { "nothing here" }),
    );
    assert_eq!(client.get("/x").await.text().await.unwrap(), "nothing here");
    assert_eq!(client.post("/").await.status(), 405);
}

#[test]
#[should_panic(expected = "invalid route \"/{b}\"")]
fn adding_a_route_that_conflicts_with_another_route_panics() {
    drop(
        Router::new()
            .get("/{a}", || async {})
            .get("/{b}", || async {}),
    );
}

#[test]
#[should_panic(expected = "duplicate route GET \"/health\"")]
fn merging_a_router_with_a_duplicate_route_panics() {
    let health = || Router::new().get("/health", || async {});
    drop(health().merge(health()));
}

#[tokio::test]
async fn a_route_without_parameters_does_not_hide_a_parameter_route_for_another_method() {
    let id = |request: Request| async move { request.param::<String>("id") };
    let client = Client::new(
        Router::new()
            .get("/users/me", || async { "me" })
            .post("/users/{id}", id)
            .any("/{*rest}", || async { "any" }),
    );
    assert_eq!(client.get("/users/me").await.text().await.unwrap(), "me");
    assert_eq!(client.post("/users/me").await.text().await.unwrap(), "me");
    assert_eq!(client.post("/users/7").await.text().await.unwrap(), "7");
    assert_eq!(client.put("/users/me").await.text().await.unwrap(), "any");
}

#[tokio::test]
async fn allow_header_of_a_405_lists_the_methods_of_all_routes_that_match_the_path() {
    let client = Client::new(
        Router::new()
            .get("/users/me", || async { "me" })
            .post("/users/{id}", || async { "id" }),
    );
    let response = client.delete("/users/me").await;
    assert_eq!(response.status(), 405);
    assert_eq!(response.header("allow"), Some("GET, HEAD, POST"));
    let response = client.delete("/users/7").await;
    assert_eq!(response.header("allow"), Some("POST"));
}

async fn rest(request: Request) -> Result<String> {
    Ok(format!("rest {:?}", request.param::<String>("rest")?))
}

#[tokio::test]
async fn the_rest_of_a_path_can_be_empty_after_a_slash() {
    let client = Client::new(
        Router::new()
            .get("/files/{*rest}", rest)
            .get("/users/{name}/{*rest}", rest),
    );
    for (path, expected) in [
        ("/files/a/b", "rest \"a/b\""),
        ("/files/", "rest \"\""),
        ("/users/ada/", "rest \"\""),
        ("/users/ada/x", "rest \"x\""),
        ("/files", "Not Found"),
        ("/users/ada", "Not Found"),
    ] {
        let response = client.get(path).await;
        assert_eq!(response.text().await.unwrap(), expected, "{path}");
    }
    let response = client.post("/files/").await;
    assert_eq!(response.status(), 405);
    assert_eq!(response.header("allow"), Some("GET, HEAD"));
}

#[tokio::test]
async fn a_route_for_the_path_takes_precedence_over_an_empty_rest_in_any_order() {
    let index = || async { "index" };
    let before = Router::new()
        .get("/files/", index)
        .any("/files/{*rest}", rest);
    let after = Router::new()
        .any("/files/{*rest}", rest)
        .get("/files/", index);
    for router in [before, after] {
        let client = Client::new(router);
        let get = client.get("/files/").await;
        assert_eq!(get.text().await.unwrap(), "index");
        let post = client.post("/files/").await;
        assert_eq!(post.text().await.unwrap(), "rest \"\"");
    }
}

#[tokio::test]
async fn a_nested_route_for_the_rest_also_serves_the_prefix_with_and_without_a_slash() {
    let all = Router::new().get("/{*rest}", rest);
    let some = Router::new()
        .get("/{*rest}", rest)
        .get("/", || async { "index" });
    let client = Client::new(
        Router::new()
            .nest("/all", all)
            .nest("/some", Router::new().nest("/deep", some)),
    );
    for (path, expected) in [
        ("/all", "rest \"\""),
        ("/all/", "rest \"\""),
        ("/all/a", "rest \"a\""),
        ("/some/deep", "index"),
        ("/some/deep/", "index"),
        ("/some/deep/a", "rest \"a\""),
        ("/some", "Not Found"),
    ] {
        let response = client.get(path).await;
        assert_eq!(response.text().await.unwrap(), expected, "{path}");
    }
}

#[tokio::test]
async fn a_segment_can_have_text_around_its_parameter() {
    let below = Router::new()
        .get("/x", echo_name)
        .fallback(|| async { "nothing here" });
    let client = Client::new(
        Router::new()
            .get("/img/{name}.png", echo_name)
            .get("/img/{name}", |request: Request| async move {
                Ok::<_, anyhost_core::Error>(format!("other {}", request.param::<String>("name")?))
            })
            .nest("/v{name}", below),
    );
    for (path, expected) in [
        ("/img/a.png", "a"),
        ("/img/a.b.png", "a.b"),
        ("/img/a.jpg", "other a.jpg"),
        ("/v2/x", "2"),
        ("/v2/y", "nothing here"),
        ("/w2/y", "Not Found"),
    ] {
        let response = client.get(path).await;
        assert_eq!(response.text().await.unwrap(), expected, "{path}");
    }
}

#[test]
fn adding_a_route_that_no_request_can_match_panics_with_a_message_that_shows_the_expected_syntax() {
    for (path, expected) in [
        ("/greet/:name", "\"{name}\" instead of \":name\""),
        ("/files/*path", "\"{*path}\" instead of \"*path\""),
        ("/files/*", "\"{*rest}\" instead of \"*\""),
        ("/café", "percent-encoded"),
        ("/a b", "percent-encoded"),
        ("/search?q={q}", "without query"),
        ("/greet/<name>", "percent-encoded"),
        ("/a`b", "percent-encoded"),
        ("/users/{id:[0-9]+}", "\"{id}\" instead of \"{id:[0-9]+}\""),
        ("/users/{id:[0-9]{4}}", "\"{id}\" instead of"),
        ("/v{n:u8}/x", "\"v{n}\" instead of \"v{n:u8}\""),
        ("greet", "starts with a slash"),
        ("/{name}.{ext}", "one parameter instead of \"{name}.{ext}\""),
        ("/{*all}/edit", "\"{*all}\" at the end"),
    ] {
        let add = || Router::new().get(path, || async { "" });
        let panic = std::panic::catch_unwind(add).unwrap_err();
        let message = panic.downcast_ref::<String>().unwrap();
        assert!(message.contains(expected), "{message}");
    }
    let _ = Router::new()
        .get("/caf%C3%A9/{größe}/a:b", || async { "" })
        .get("/{{a}}{name}", || async { "" });
}
