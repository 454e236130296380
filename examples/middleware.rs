//! Middleware in the manner of Koa: around a whole program, around some routes, and around one route.
//!
//! `cargo run --example middleware`, then `curl -i http://localhost:3000/` and
//! `curl -i -H 'Authorization: Bearer secret' http://localhost:3000/admin/users`

use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhost::http::{HeaderValue, header};
use anyhost::{
    Error, Handler, Json, Next, Request, RequestExt, Response, Result, Router, send,
    with_body_limit, with_middleware, with_timeout,
};
use serde_json::json;

struct Token(&'static str);

/// The number of imports that the rate limit still accepts.
struct Remaining(AtomicU32);

/// Code before and after the handler: adds the duration of each request to its response.
async fn timing(request: Request, next: Next) -> Result<Response> {
    let start = Instant::now();
    let mut response = next.run(request).await?;
    let value = format!("handler;dur={}", start.elapsed().as_millis());
    let value = HeaderValue::try_from(value)?;
    response.headers_mut().insert("server-timing", value);
    Ok(response)
}

/// Central error handling: errors of all handlers and of all other middleware arrive here. Client errors become
/// responses. A server error stays an `Err`, so that it is logged.
async fn errors(request: Request, next: Next) -> Result<Response> {
    match next.run(request).await {
        Err(error) if error.status().is_client_error() => {
            let mut response = send(error.status(), Json(json!({"error": error.message()})))?;
            response.headers_mut().extend(error.headers().clone());
            Ok(response)
        }
        other => other,
    }
}

/// Responds with 401 unless the client sent the token.
async fn authenticate(request: Request, next: Next) -> Result<Response> {
    let token = request.state::<Token>()?;
    let sent = request.headers().get(header::AUTHORIZATION);
    match sent.and_then(|sent| sent.to_str().ok()?.strip_prefix("Bearer ")) {
        Some(sent) if sent == token.0 => next.run(request).await,
        _ => Err(Error::new(401, "Invalid token")),
    }
}

/// Middleware for one route, with state.
async fn rate_limit(request: Request, next: Next) -> Result<Response> {
    let Remaining(remaining) = &*request.state::<Remaining>()?;
    let subtract_one = |remaining: u32| remaining.checked_sub(1);
    let accepted = remaining.fetch_update(Ordering::Relaxed, Ordering::Relaxed, subtract_one);
    match accepted {
        Ok(_) => next.run(request).await,
        Err(_) => Err(Error::new(429, "Rate limit exceeded")
            .with_header(header::RETRY_AFTER, HeaderValue::from_static("60"))),
    }
}

async fn import(mut request: Request) -> Result<String> {
    Ok(format!("imported {} bytes", request.buffer().await?.len()))
}

fn app() -> impl Handler {
    let admin = Router::new().get("/users", || "all users");
    let import = with_body_limit("10kb", with_timeout(Duration::from_secs(60), import));
    let routes = Router::new()
        .get("/", || "Hello, world!")
        .post("/import", with_middleware(rate_limit, import))
        .nest("/admin", with_middleware(authenticate, admin))
        .with_state(Token("secret"))
        .with_state(Remaining(AtomicU32::new(2)));
    let app = with_middleware(timing, with_middleware(errors, routes));
    with_timeout(Duration::from_secs(90), app)
}

fn main() -> ExitCode {
    anyhost::run(app())
}

#[cfg(test)]
mod tests {
    use anyhost::testing::Client;

    #[tokio::test]
    async fn admin_routes_require_the_token_and_other_routes_do_not() {
        let client = Client::new(super::app());
        let response = client.get("/").await;
        assert!(response.header("server-timing").is_some());
        assert_eq!(response.text().await.unwrap(), "Hello, world!");

        let response = client.get("/admin/users").await;
        assert_eq!(response.status(), 401);
        assert!(response.header("server-timing").is_some());
        let text = response.text().await.unwrap();
        assert_eq!(text, r#"{"error":"Invalid token"}"#);

        let request = client.get("/admin/users");
        let response = request.header("authorization", "Bearer secret").await;
        assert_eq!(response.text().await.unwrap(), "all users");
    }

    #[tokio::test]
    async fn the_import_has_its_own_body_limit_and_rate_limit() {
        let client = Client::new(super::app());
        let response = client.post("/import").body("x".repeat(10_241)).await;
        assert_eq!(response.status(), 413);
        let text = response.text().await.unwrap();
        assert_eq!(text, r#"{"error":"Body exceeded 10kb limit"}"#);

        let response = client.post("/import").body("x".repeat(10_240)).await;
        assert_eq!(response.text().await.unwrap(), "imported 10240 bytes");

        let response = client.post("/import").body("x").await;
        assert_eq!(response.status(), 429);
        assert_eq!(response.header("retry-after"), Some("60"));
        assert_eq!(client.get("/").await.status(), 200);
    }
}
