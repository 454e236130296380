//! JSON in, JSON out.
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

/// Not valid JSON, or not an order: 400. More than 1 MiB: 413.
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
    async fn it_adds_up_an_order() {
        let order = json!({"items": [{"price": 2, "count": 3}, {"price": 5, "count": 1}]});
        let reply = Client::new(super::total).post("/").json(&order).await;
        assert_eq!(reply.json::<Value>().await.unwrap(), json!({"total": 11}));
    }

    #[tokio::test]
    async fn what_is_no_order_is_refused() {
        let reply = Client::new(super::total).post("/").body("{").await;
        assert_eq!(reply.status(), 400);
        assert_eq!(reply.text().await.unwrap(), "Invalid JSON");
    }
}
