//! Tests of middleware, and of handlers that are nested in a router.
#![cfg(feature = "testing")]

use std::sync::{Arc, Mutex};

use anyhost_core::http::StatusCode;
use anyhost_core::testing::Client;
use anyhost_core::{
    Context, Error, Handler, Host, Next, Request, RequestExt, Response, Result, Router,
    with_middleware, with_state,
};

/// Responds with the path and base path that the handler sees.
async fn place(request: Request) -> String {
    format!("{} {}", request.context().base_path(), request.uri())
}

async fn text(client: &Client, target: &str) -> String {
    client.get(target).await.text().await.unwrap()
}

#[tokio::test]
async fn outer_middleware_runs_before_and_after_inner_middleware() {
    type Log = Mutex<Vec<&'static str>>;
    let log = Arc::new(Log::default());
    let add = |name: &'static str, after: &'static str| {
        let log = log.clone();
        move |request: Request, next: Next| {
            let log = log.clone();
            async move {
                log.lock().unwrap().push(name);
                let result = next.run(request).await;
                log.lock().unwrap().push(after);
                result
            }
        }
    };
    let inner = with_middleware(add("inner", "inner done"), || async { "hello" });
    let client = Client::new(with_middleware(add("outer", "outer done"), inner));
    assert_eq!(text(&client, "/").await, "hello");
    let expected = ["outer", "inner", "inner done", "outer done"];
    assert_eq!(*log.lock().unwrap(), expected);
}

#[tokio::test]
async fn middleware_gets_the_error_of_a_handler_as_an_err_and_can_replace_it() {
    async fn friendly(request: Request, next: Next) -> Result<Response> {
        next.run(request)
            .await
            .map_err(|error| match error.status() {
                StatusCode::NOT_FOUND => Error::new(StatusCode::NOT_FOUND, "No such page"),
                _ => error,
            })
    }
    let client = Client::new(with_middleware(friendly, Router::new()));
    let response = client.get("/").await;
    assert_eq!(response.status(), 404);
    assert_eq!(response.text().await.unwrap(), "No such page");
}

#[tokio::test]
async fn middleware_can_use_state_and_can_respond_without_calling_its_handler() {
    async fn authenticate(request: Request, next: Next) -> Result<Response> {
        let token = request.state::<String>()?;
        match request.headers().get("authorization") {
            Some(sent) if sent.as_bytes() == token.as_bytes() => next.run(request).await,
            _ => Err(Error::from_status(StatusCode::UNAUTHORIZED)),
        }
    }
    let app = with_middleware(authenticate, || async { "secret" });
    let client = Client::new(with_state("token".to_owned(), app));
    assert_eq!(client.get("/").await.status(), 401);
    let response = client.get("/").header("authorization", "token").await;
    assert_eq!(response.text().await.unwrap(), "secret");
}

#[tokio::test]
async fn a_nested_handler_gets_the_path_after_its_prefix_and_the_prefix_as_base_path() {
    async fn unchanged(request: Request, next: Next) -> Result<Response> {
        next.run(request).await
    }
    let inner = Router::new().get("/", place).get("/{*rest}", place);
    let app = Router::new()
        .get("/shop/fixed", || async { "outer" })
        .nest("/shop", with_middleware(unchanged, inner))
        .nest("/users/{id}", with_middleware(unchanged, place));
    let context = Context::new(Host::CGI).with_base_path("/app");
    let client = Client::new(app).with_context(context);
    for (target, expected) in [
        ("/shop", "/app/shop /"),
        ("/shop?a=b", "/app/shop /?a=b"),
        ("/shop/", "/app/shop /"),
        ("/shop/cart%2F1?a=/b", "/app/shop /cart%2F1?a=/b"),
        ("/shop/fixed", "outer"),
        ("/users/7/posts", "/app/users/7 /posts"),
    ] {
        assert_eq!(text(&client, target).await, expected, "{target}");
    }
    assert_eq!(client.get("/shopping").await.status(), 404);
}

#[tokio::test]
async fn a_handler_that_is_nested_in_a_nested_router_does_not_see_any_of_the_prefixes() {
    let inner = Router::new()
        .nest("/inner", place)
        .get("/inner/fixed", place)
        .nest("/{id}/deep", place);
    let app = Router::new().nest("/outer/{shop}", inner).nest("", place);
    let client = Client::new(app);
    for (target, expected) in [
        ("/outer/1/inner/a?b=c", "/outer/1/inner /a?b=c"),
        ("/outer/1/inner", "/outer/1/inner /"),
        ("/outer/1/inner/", "/outer/1/inner /"),
        ("/outer/1/inner/fixed", " /outer/1/inner/fixed"),
        ("/outer/1/2/deep/a/b", "/outer/1/2/deep /a/b"),
        ("/other/a", " /other/a"),
    ] {
        assert_eq!(text(&client, target).await, expected, "{target}");
    }
}

#[tokio::test]
async fn the_wait_until_work_of_a_nested_handler_runs_after_the_response() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let sender = Mutex::new(sender);
    let work = move |request: Request, _: Next| {
        let sender = sender.lock().unwrap().clone();
        async move {
            request
                .context()
                .wait_until(async move { sender.send(1).unwrap() });
            "scheduled"
        }
    };
    let client = Client::new(Router::new().nest("/a", with_middleware(work, place)));
    assert_eq!(text(&client, "/a/b").await, "scheduled");
    client.finish().await;
    assert_eq!(receiver.try_recv(), Ok(1));
}

#[tokio::test]
async fn the_root_route_of_a_nested_router_serves_the_prefix_with_and_without_a_slash_at_the_end() {
    let api = Router::new().get("/", place);
    let client = Client::new(Router::new().nest("/api/v1", api));
    assert_eq!(text(&client, "/api/v1").await, " /api/v1");
    assert_eq!(text(&client, "/api/v1/").await, " /api/v1/");
}

#[tokio::test]
async fn the_fallback_of_a_merged_router_is_used_only_if_the_outer_router_has_no_fallback() {
    let with = |text: &'static str| Router::new().fallback(move || async move { text });
    for (app, expected) in [
        (Router::new().merge(with("merged")), "merged"),
        (with("outer").merge(with("merged")), "outer"),
        (with("outer").merge(Router::new()), "outer"),
        (
            Router::new()
                .merge(with("merged"))
                .fallback(|| async { "last" }),
            "last",
        ),
    ] {
        assert_eq!(text(&Client::new(app), "/nothing").await, expected);
    }
}

#[tokio::test]
async fn the_fallback_of_a_nested_router_is_called_for_unknown_paths_below_its_prefix() {
    let deep = Router::new().get("/x", place).fallback(|| async { "deep" });
    let api = Router::new()
        .nest("/{version}", deep)
        .fallback(|| async { "api" });
    let part = Router::new().fallback(|| async { "part of a segment" });
    let app = Router::new()
        .nest("/api", api)
        .nest("/v{version}-api", part)
        .fallback(|| async { "outer" });
    let client = Client::new(app);
    for (target, expected) in [
        ("/nothing", "outer"),
        ("/v1-api/nothing", "part of a segment"),
        // The parameter would be empty.
        ("/v-api/nothing", "outer"),
        ("/apis", "outer"),
        ("/api", "api"),
        ("/api/v1/nothing", "deep"),
        ("/api/v1/x", " /api/v1/x"),
    ] {
        assert_eq!(text(&client, target).await, expected, "{target}");
    }
    assert_eq!(client.post("/api/v1/x").await.status(), 405);
}

#[cfg(feature = "tower")]
#[tokio::test]
async fn an_axum_router_can_be_nested() {
    let inner = axum::Router::new().route("/hi", axum::routing::get(|| async { "from axum" }));
    let client = Client::new(Router::new().nest("/axum", inner));
    assert_eq!(text(&client, "/axum/hi").await, "from axum");
}

/// Puts the same wrapper around one route, a whole router, and nested routers. Each place has a route that succeeds and a
/// route that fails.
fn in_every_place<W: Handler, H: Handler>(
    around_handler: impl Fn(fn() -> Result<&'static str>) -> W,
    around_router: impl Fn(Router) -> H,
) -> Client {
    let ok = || Ok("hello");
    let taken = || Err(Error::new(StatusCode::CONFLICT, "taken"));
    let routes = || Router::new().get("/ok", ok).get("/taken", taken);
    let app = Router::new()
        .get("/route/ok", around_handler(ok))
        .get("/route/taken", around_handler(taken))
        .nest("/nested", around_router(routes()))
        .nest(
            "/outer",
            Router::new().nest("/inner", around_router(routes())),
        )
        .fallback(around_router(Router::new().nest("/whole", routes())));
    Client::new(app)
}

const PLACES: [&str; 4] = ["/route", "/nested", "/outer/inner", "/whole"];

#[tokio::test]
async fn middleware_with_state_sees_responses_and_errors_around_a_route_a_router_and_nested_routers()
 {
    async fn mark(request: Request, next: Next) -> Result<Response> {
        let mark = request.state::<&'static str>()?;
        match next.run(request).await {
            Ok(mut response) => {
                response.headers_mut().insert("x-mark", mark.parse()?);
                Ok(response)
            }
            Err(error) => Err(error.with_header("x-mark".parse()?, mark.parse()?)),
        }
    }
    let client = in_every_place(
        |handler| with_state("seen", with_middleware(mark, handler)),
        |router| with_state("seen", with_middleware(mark, router)),
    );
    assert_wrapped(&client, "x-mark", "seen").await;
}

#[cfg(feature = "tower")]
#[tokio::test]
async fn tower_layers_see_error_responses_around_a_route_a_router_and_nested_routers() {
    use anyhost_core::tower::layer;
    let cors = tower_http::cors::CorsLayer::permissive;
    let client = in_every_place(
        |handler| layer(cors(), handler),
        |router| layer(cors(), router),
    );
    assert_wrapped(&client, "access-control-allow-origin", "*").await;
}

/// Asserts that the responses of each place have the header of the wrapper.
async fn assert_wrapped(client: &Client, name: &str, value: &str) {
    for place in PLACES {
        let response = client.get(&format!("{place}/ok")).await;
        assert_eq!(response.header(name), Some(value), "{place}");
        assert_eq!(response.text().await.unwrap(), "hello", "{place}");
        let response = client.get(&format!("{place}/taken")).await;
        assert_eq!(response.status(), 409, "{place}");
        assert_eq!(response.header(name), Some(value), "{place}");
        assert_eq!(response.text().await.unwrap(), "taken", "{place}");
    }
}
