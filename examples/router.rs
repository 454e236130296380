//! Routes, path parameters, queries, a nested router and a custom 404 response.
//!
//! `curl 'http://localhost:3000/search?q=rust&tag=web'` and `curl http://localhost:3000/api/books/7`

use std::process::ExitCode;

use anyhost::http::StatusCode;
use anyhost::{IntoResponse, Request, RequestExt, Result, Router};
use serde::Deserialize;

#[derive(Deserialize)]
struct Search {
    q: String,
    #[serde(default)]
    tag: Vec<String>,
}

/// Handles `/search?q=rust&tag=web&tag=http`. A query without `q` gets a 400 response.
async fn search(request: Request) -> Result<String> {
    let Search { q, tag } = request.query()?;
    Ok(format!("{q} in {tag:?}"))
}

/// Handles `/api/books/7`. `/api/books/seven` gets a 400 response, because `seven` is not a number.
async fn book(request: Request) -> Result<String> {
    let id: u32 = request.param("id")?;
    Ok(format!("book {id}"))
}

/// Handles `/files/a/b%20c`. The value of the parameter is the rest of the path, percent-decoded.
async fn file(request: Request) -> Result<String> {
    request.param("path")
}

async fn not_found(request: Request) -> impl IntoResponse {
    (
        StatusCode::NOT_FOUND,
        format!("No page at {}", request.uri().path()),
    )
}

fn app() -> Router {
    let api = Router::new()
        .get("/books/{id}", book)
        .delete("/books/{id}", || async { StatusCode::NO_CONTENT });
    Router::new()
        .get("/search", search)
        .get("/files/{*path}", file)
        .nest("/api", api)
        .fallback(not_found)
}

fn main() -> ExitCode {
    anyhost::run(app())
}

#[cfg(test)]
mod tests {
    use anyhost::testing::Client;

    use super::app;

    async fn get(target: &str) -> (u16, String) {
        let response = Client::new(app()).get(target).await;
        (response.status().as_u16(), response.text().await.unwrap())
    }

    #[tokio::test]
    async fn path_and_query_parameters_are_parsed() {
        assert_eq!(
            get("/search?q=a&tag=b&tag=c").await,
            (200, r#"a in ["b", "c"]"#.into())
        );
        assert_eq!(get("/api/books/7").await, (200, "book 7".into()));
        assert_eq!(get("/files/a/b%20c").await, (200, "a/b c".into()));
    }

    #[tokio::test]
    async fn invalid_parameters_are_a_400() {
        assert_eq!(get("/search").await, (400, "Missing field \"q\"".into()));
        assert_eq!(
            get("/api/books/seven").await,
            (400, "Invalid path parameter id: expected u32".into())
        );
    }

    #[tokio::test]
    async fn an_unknown_path_gets_the_custom_404_response() {
        assert_eq!(get("/nowhere").await, (404, "No page at /nowhere".into()));
    }

    #[tokio::test]
    async fn a_method_without_a_route_gets_a_405_with_the_allowed_methods() {
        let response = Client::new(app()).post("/api/books/7").await;
        assert_eq!(response.status(), 405);
        assert_eq!(response.header("allow"), Some("DELETE, GET, HEAD"));
    }
}
