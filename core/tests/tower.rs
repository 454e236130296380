//! Handlers as tower services, and tower services as handlers.
#![cfg(all(feature = "testing", feature = "tower"))]

use anyhost_core::adapter::{Deadline, Outcome, exchange};
use anyhost_core::http::StatusCode;
use anyhost_core::testing::Client;
use anyhost_core::tower::{into_service, layer};
use anyhost_core::{Body, Error, Handler, Request, RequestExt, handler};
use std::sync::Arc;
use std::time::Duration;

use tower::limit::ConcurrencyLimitLayer;
use tower::timeout::TimeoutLayer;
use tower::util::MapResponseLayer;
use tower::{BoxError, ServiceExt, service_fn};
use tower_http::cors::CorsLayer;
use tower_http::set_header::SetResponseHeaderLayer;

#[tokio::test]
async fn axum_router_can_be_used_as_a_handler() {
    let app = axum::Router::new().route(
        "/up",
        axum::routing::post(|body: String| async move { body.to_uppercase() }),
    );
    let client = Client::new(app);
    assert_eq!(
        client.post("/up").body("hi").await.text().await.unwrap(),
        "HI"
    );
    assert_eq!(client.get("/up").await.status(), 405);
}

#[tokio::test]
async fn the_service_of_a_handler_returns_the_errors_of_the_handler_as_responses() {
    let service = into_service(|mut request: Request| async move { request.text_limit(2).await });
    let request = http::Request::new(Body::from("long"));
    let response = service.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 413);
    let app: axum::Router = axum::Router::new().route_service("/", service);
    assert_eq!(
        Client::new(app)
            .post("/")
            .body("ok")
            .await
            .text()
            .await
            .unwrap(),
        "ok"
    );
}

#[tokio::test]
async fn error_of_a_handler_is_unchanged_by_a_tower_layer() {
    let limited = layer(ConcurrencyLimitLayer::new(1), || async {
        Err::<(), _>(Error::new(StatusCode::CONFLICT, "taken"))
    });
    let error = limited.handle(Request::default()).await.unwrap_err();
    assert_eq!((error.status().as_u16(), error.message()), (409, "taken"));
}

#[tokio::test]
async fn tower_layer_can_change_the_response_of_a_handler() {
    let teapot = MapResponseLayer::new(|mut response: anyhost_core::Response| {
        *response.status_mut() = StatusCode::IM_A_TEAPOT;
        response
    });
    let response = Client::new(layer(teapot, handler(|| async { "tea" })))
        .get("/")
        .await;
    assert_eq!(response.status(), 418);
}

#[tokio::test]
async fn error_of_a_tower_service_is_a_500_without_the_details_of_the_error() {
    let broken =
        service_fn(|_: Request| async { Err::<http::Response<Body>, BoxError>("secret".into()) });
    let response = Client::new(broken).get("/").await;
    assert_eq!(response.status(), 500);
    assert_eq!(response.text().await.unwrap(), "Internal Server Error");
}

#[tokio::test]
async fn tower_layers_can_add_headers_to_error_responses() {
    let failing = || async {
        Err::<(), _>(
            Error::new(StatusCode::CONFLICT, "taken")
                .with_header("retry-after".parse().unwrap(), "5".parse().unwrap()),
        )
    };
    let frame_options = SetResponseHeaderLayer::overriding(
        anyhost_core::http::header::X_FRAME_OPTIONS,
        anyhost_core::http::HeaderValue::from_static("DENY"),
    );
    let app = layer(frame_options, layer(CorsLayer::permissive(), failing));
    let response = Client::new(app)
        .get("/")
        .header("origin", "https://a.example")
        .await;
    assert_eq!(response.status(), 409);
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
    assert_eq!(response.header("x-frame-options"), Some("DENY"));
    assert_eq!(response.header("retry-after"), Some("5"));
    assert_eq!(
        response.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(response.text().await.unwrap(), "taken");
}

#[tokio::test]
async fn tower_layers_can_add_headers_to_the_response_after_a_panic() {
    fn panics() {
        panic!("out of luck");
    }
    let app = layer(CorsLayer::permissive(), panics);
    let request = || {
        let mut request = Request::default();
        let origin = http::HeaderValue::from_static("https://a.example");
        request.headers_mut().insert("origin", origin);
        request
    };
    let response = Client::new(app.clone()).send(request()).await;
    assert_eq!(response.status(), 500);
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
    assert_eq!(response.text().await.unwrap(), "Internal Server Error");

    let exchanged = exchange(Arc::new(app), request(), Deadline::none()).await;
    assert_eq!(exchanged.outcome, Outcome::Panicked);
}

#[tokio::test]
async fn tower_layer_can_replace_an_error_response() {
    let teapot = MapResponseLayer::new(|mut response: anyhost_core::Response| {
        assert_eq!(response.status(), 409);
        *response.status_mut() = StatusCode::IM_A_TEAPOT;
        response
    });
    let failing = || async { Err::<(), _>(Error::new(StatusCode::CONFLICT, "taken")) };
    let response = Client::new(layer(teapot, failing)).get("/").await;
    assert_eq!(response.status(), 418);
}

#[tokio::test]
async fn an_error_of_a_tower_layer_is_a_500() {
    let slow = layer(TimeoutLayer::new(Duration::ZERO), || {
        std::future::pending::<()>()
    });
    assert_eq!(Client::new(slow).get("/").await.status(), 500);
}
