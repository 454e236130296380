//! Routes, parameters, queries, a nested router and a 404 of one's own.

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

/// `/search?q=rust&tag=web&tag=http`; a query without `q` is a 400.
async fn search(request: Request) -> Result<String> {
    let Search { q, tag } = request.query()?;
    Ok(format!("{q} in {tag:?}"))
}

/// `/api/books/7`; `/api/books/seven` is a 400.
async fn book(request: Request) -> Result<String> {
    let id: u32 = request.param("id")?;
    Ok(format!("book {id}"))
}

async fn file(request: Request) -> Result<String> {
    request.param("path")
}

async fn not_found(request: Request) -> impl IntoResponse {
    (
        StatusCode::NOT_FOUND,
        format!("There is no {}", request.uri().path()),
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
        let reply = Client::new(app()).get(target).await;
        (reply.status().as_u16(), reply.text().await.unwrap())
    }

    #[tokio::test]
    async fn routes_are_found_and_their_parameters_parsed() {
        assert_eq!(
            get("/search?q=a&tag=b&tag=c").await,
            (200, r#"a in ["b", "c"]"#.into())
        );
        assert_eq!(get("/api/books/7").await, (200, "book 7".into()));
        assert_eq!(get("/files/a/b%20c").await, (200, "a/b c".into()));
    }

    #[tokio::test]
    async fn what_does_not_fit_is_refused() {
        assert_eq!(get("/search").await, (400, "Invalid query".into()));
        assert_eq!(
            get("/api/books/seven").await,
            (400, "Invalid path parameter id".into())
        );
        assert_eq!(get("/nowhere").await, (404, "There is no /nowhere".into()));
        let reply = Client::new(app()).post("/api/books/7").await;
        assert_eq!(
            (reply.status().as_u16(), reply.header("allow")),
            (405, Some("DELETE, GET, HEAD"))
        );
    }
}
