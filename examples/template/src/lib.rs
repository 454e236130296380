//! The application: its routes and its handlers.

use anyhost::{Json, Request, RequestExt, Result, Router};
use serde::{Deserialize, Serialize};

/// The application without a host. `main` runs it, and the tests call it.
pub fn app() -> Router {
    Router::new()
        .get("/", || async { "It works" })
        .get("/greet/{name}", greet)
        .post("/total", total)
}

async fn greet(request: Request) -> Result<String> {
    let name: String = request.param("name")?;
    Ok(format!("Hello, {name}!"))
}

/// An item of an order.
#[derive(Deserialize)]
struct Item {
    price: u64,
    quantity: u64,
}

/// The response of `POST /total`.
#[derive(Serialize)]
struct Total {
    total: u64,
}

/// Adds up the items of an order. A body that is not a list of items gets a 400.
async fn total(mut request: Request) -> Result<Json<Total>> {
    let items: Vec<Item> = request.json().await?;
    let prices = items
        .iter()
        .map(|item| item.price.saturating_mul(item.quantity));
    let total = prices.fold(0, u64::saturating_add);
    Ok(Json(Total { total }))
}
