//! An urlencoded form as a type.
//!
//! `curl -d 'name=Ada&color=red&color=blue' http://localhost:3000/order`

use std::process::ExitCode;

use anyhost::{Request, RequestExt, Result, Router};
use serde::Deserialize;

/// A field that occurs several times is a `Vec`, and a field that can be missing is an `Option` or has a default.
#[derive(Deserialize)]
struct Order {
    name: String,
    #[serde(default)]
    color: Vec<String>,
    note: Option<String>,
}

async fn order(mut request: Request) -> Result<String> {
    let Order { name, color, note } = request.form_limit("4kb").await?;
    let note = note.unwrap_or_else(|| "no note".to_owned());
    Ok(format!("{name}: {}, {note}", color.join(" and ")))
}

fn app() -> Router {
    Router::new().post("/order", order)
}

fn main() -> ExitCode {
    anyhost::run(app())
}

#[cfg(test)]
mod tests {
    use anyhost::testing::Client;

    #[tokio::test]
    async fn a_form_is_parsed_into_the_type_of_the_handler() {
        let client = Client::new(super::app());
        for (form, body) in [
            (
                "name=Ada&color=red&color=light+blue",
                "Ada: red and light blue, no note",
            ),
            ("name=Ada%20L%C3%B6&note=a%26b", "Ada Lö: , a&b"),
        ] {
            let response = client.post("/order").body(form).await;
            assert_eq!(response.text().await.unwrap(), body);
        }
    }

    #[tokio::test]
    async fn a_form_without_a_required_field_or_over_the_limit_is_a_client_error() {
        let client = Client::new(super::app());
        let response = client.post("/order").body("color=red").await;
        assert!(response.status().is_client_error(), "{}", response.status());
        let response = client.post("/order").body("x".repeat(5000)).await;
        assert_eq!(response.status(), 413);
    }
}
