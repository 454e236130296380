//! Handlers as tower services, and tower services as handlers.
#![cfg(all(feature = "testing", feature = "tower"))]

use anyhost_core::http::StatusCode;
use anyhost_core::testing::Client;
use anyhost_core::tower::{into_service, layer};
use anyhost_core::{Body, Error, Handler, Request, RequestExt, handler};
use tower::limit::ConcurrencyLimitLayer;
use tower::util::MapResponseLayer;
use tower::{BoxError, ServiceExt, service_fn};

#[tokio::test]
async fn axum_router_is_a_handler() {
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
async fn into_service_turns_the_errors_of_a_handler_into_responses() {
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
async fn error_of_a_tower_service_is_a_500_that_hides_its_details() {
    let broken =
        service_fn(|_: Request| async { Err::<http::Response<Body>, BoxError>("secret".into()) });
    let response = Client::new(broken).get("/").await;
    assert_eq!(response.status(), 500);
    assert_eq!(response.text().await.unwrap(), "Internal Server Error");
}
