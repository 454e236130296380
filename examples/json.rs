//! A handler that reads JSON and returns JSON.
//!
//! `curl http://localhost:3000 -d '{"items": [{"price": 2, "count": 3}]}'`

use std::process::ExitCode;

use anyhost::{Json, Request, RequestExt, Result};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Order {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    price: u64,
    count: u64,
}

#[derive(Serialize)]
struct Total {
    total: u64,
}

/// Invalid JSON gets a 400 response, and JSON that is not an order gets a 422 response that names the field. A body of
/// more than 1 MiB gets a 413 response.
async fn total(mut request: Request) -> Result<Json<Total>> {
    let order: Order = request.json().await?;
    let total = order
        .items
        .iter()
        .map(|item| item.price.saturating_mul(item.count))
        .sum();
    Ok(Json(Total { total }))
}

fn main() -> ExitCode {
    anyhost::run(total)
}

#[cfg(test)]
mod tests {
    use anyhost::testing::Client;
    use serde_json::{Value, json};

    #[tokio::test]
    async fn the_total_of_an_order_is_the_sum_of_its_items() {
        let order = json!({"items": [{"price": 2, "count": 3}, {"price": 5, "count": 1}]});
        let response = Client::new(super::total).post("/").json(&order).await;
        let total: Value = response.json().await.unwrap();
        assert_eq!(total, json!({"total": 11}));
    }

    #[tokio::test]
    async fn invalid_json_is_a_400() {
        let response = Client::new(super::total).post("/").body("{").await;
        assert_eq!(response.status(), 400);
        assert_eq!(response.text().await.unwrap(), "Invalid JSON");
    }

    #[tokio::test]
    async fn json_that_is_not_an_order_is_a_422_that_names_the_field() {
        let order = json!({"items": [{"price": 2, "count": 3}, {"price": "two", "count": 1}]});
        let response = Client::new(super::total).post("/").json(&order).await;
        assert_eq!(response.status(), 422);
        let expected = r#"Invalid field "items[1].price": expected u64"#;
        assert_eq!(response.text().await.unwrap(), expected);
    }
}
