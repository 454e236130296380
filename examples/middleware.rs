//! Middleware: functions around a router, and around some of its routes only.
//!
//! `cargo run --example middleware`, then `curl -i http://localhost:3000/` and
//! `curl -i -H 'Authorization: Bearer secret' http://localhost:3000/admin/users`

use std::process::ExitCode;
use std::time::Instant;

use anyhost::http::{HeaderValue, header};
use anyhost::{Error, Handler, Next, Request, RequestExt, Response, Result, Router};
use anyhost::{with_middleware, with_state};

struct Token(&'static str);

/// Adds the duration of each request to its response.
async fn timing(request: Request, next: Next) -> Result<Response> {
    let start = Instant::now();
    let mut response = next.run(request).await?;
    let value = format!("handler;dur={}", start.elapsed().as_millis());
    let value = HeaderValue::try_from(value)?;
    response.headers_mut().insert("server-timing", value);
    Ok(response)
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

fn app() -> impl Handler {
    let admin = Router::new().get("/users", || "all users");
    let routes = Router::new()
        .get("/", || "Hello, world!")
        .nest("/admin", with_middleware(authenticate, admin));
    with_state(Token("secret"), with_middleware(timing, routes))
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

        assert_eq!(client.get("/admin/users").await.status(), 401);
        let request = client.get("/admin/users");
        let response = request.header("authorization", "Bearer secret").await;
        assert_eq!(response.text().await.unwrap(), "all users");
    }
}
