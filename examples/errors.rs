//! Errors: raised with a status, wrapped with a source, caught by a handler around a handler.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhost::http::StatusCode;
use anyhost::http::header::{HeaderValue, RETRY_AFTER};
use anyhost::{
    Error, Handler, Json, Request, RequestExt, Response, Result, Router, async_trait, send,
};
use serde_json::json;

/// An error with a status, and the reason for the log only.
async fn user(request: Request) -> Result<String> {
    let id: u32 = request.param("id")?;
    find(id).map_err(|reason| Error::new(StatusCode::NOT_FOUND, "No such user").with_source(reason))
}

fn find(id: u32) -> std::io::Result<String> {
    match id {
        1 => Ok("Ada".to_owned()),
        _ => Err(std::io::Error::other(format!("row {id} is missing"))),
    }
}

/// Any other error is a 500. The client learns no more than that; the log has the whole chain.
async fn report() -> Result<String> {
    Ok(std::fs::read_to_string("/no/such/report")?)
}

/// Lets so many requests through, then refuses.
struct RateLimit<H> {
    inner: H,
    left: AtomicU32,
}

#[async_trait]
impl<H: Handler> Handler for RateLimit<H> {
    async fn handle(&self, request: Request) -> Result<Response> {
        let one_less = |left: u32| left.checked_sub(1);
        if self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            .is_err()
        {
            let error = Error::new(StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded");
            return Err(error.with_header(RETRY_AFTER, HeaderValue::from_static("60")));
        }
        self.inner.handle(request).await
    }
}

/// Tells every error as JSON. What the handlers inside raised is still an error here.
struct ErrorsAsJson<H>(H);

#[async_trait]
impl<H: Handler> Handler for ErrorsAsJson<H> {
    async fn handle(&self, request: Request) -> Result<Response> {
        match self.0.handle(request).await {
            Err(error) if error.status().is_client_error() => {
                let mut reply = send(error.status(), Json(json!({"error": error.message()})))?;
                reply.headers_mut().extend(error.headers().clone());
                Ok(reply)
            }
            other => other,
        }
    }
}

fn app() -> impl Handler {
    let routes = Router::new()
        .get("/users/{id}", user)
        .get("/report", report);
    ErrorsAsJson(RateLimit {
        inner: routes,
        left: AtomicU32::new(3),
    })
}

fn main() -> ExitCode {
    anyhost::run(app())
}

#[cfg(test)]
mod tests {
    use anyhost::testing::Client;

    use super::app;

    #[tokio::test]
    async fn errors_have_their_status_and_keep_their_secrets() {
        let client = Client::new(app());
        assert_eq!(client.get("/users/1").await.text().await.unwrap(), "Ada");

        let missing = client.get("/users/2").await;
        assert_eq!(missing.status(), 404);
        assert_eq!(missing.text().await.unwrap(), r#"{"error":"No such user"}"#);

        let broken = client.get("/report").await;
        assert_eq!(broken.status(), 500);
        assert_eq!(broken.text().await.unwrap(), "Internal Server Error");

        let refused = client.get("/users/1").await;
        assert_eq!(refused.status(), 429);
        assert_eq!(refused.header("retry-after"), Some("60"));
        assert_eq!(
            refused.text().await.unwrap(),
            r#"{"error":"Rate limit exceeded"}"#
        );
    }
}
