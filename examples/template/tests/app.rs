//! Tests of the application, in-process and without a socket.

use anyhost::testing::Client;
use app::app;

#[tokio::test]
async fn greet_contains_the_name_from_the_path() {
    let response = Client::new(app()).get("/greet/Ada").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.unwrap(), "Hello, Ada!");
}

#[tokio::test]
async fn total_adds_up_the_items() {
    let items = r#"[{"price": 5, "quantity": 2}, {"price": 7, "quantity": 1}]"#;
    let response = Client::new(app()).post("/total").body(items).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.unwrap(), r#"{"total":17}"#);
}

#[tokio::test]
async fn an_order_that_is_not_valid_json_is_a_400() {
    let response = Client::new(app()).post("/total").body("[{").await;
    assert_eq!(response.status(), 400);
}
