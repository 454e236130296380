//! Tower both ways.
#![cfg(all(feature = "testing", feature = "tower"))]

use anyhost_core::http::StatusCode;
use anyhost_core::testing::Client;
use anyhost_core::tower::{into_service, layer};
use anyhost_core::{Body, Error, Handler, Request, RequestExt, handler};
use tower::limit::ConcurrencyLimitLayer;
use tower::util::MapResponseLayer;
use tower::{BoxError, ServiceExt, service_fn};

#[tokio::test]
async fn an_axum_router_is_a_handler() {
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
async fn a_handler_is_a_service_that_answers_its_errors() {
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
async fn an_error_passes_through_a_layer_as_it_is() {
    let limited = layer(ConcurrencyLimitLayer::new(1), || async {
        Err::<(), _>(Error::new(StatusCode::CONFLICT, "taken"))
    });
    let error = limited.handle(Request::default()).await.unwrap_err();
    assert_eq!((error.status().as_u16(), error.message()), (409, "taken"));
}

#[tokio::test]
async fn a_layer_changes_the_reply() {
    let teapot = MapResponseLayer::new(|mut response: anyhost_core::Response| {
        *response.status_mut() = StatusCode::IM_A_TEAPOT;
        response
    });
    let reply = Client::new(layer(teapot, handler(|| async { "tea" })))
        .get("/")
        .await;
    assert_eq!(reply.status(), 418);
}

#[tokio::test]
async fn an_error_of_a_service_is_a_500() {
    let broken =
        service_fn(|_: Request| async { Err::<http::Response<Body>, BoxError>("secret".into()) });
    let reply = Client::new(broken).get("/").await;
    assert_eq!(reply.status(), 500);
    assert_eq!(reply.text().await.unwrap(), "Internal Server Error");
}
