//! Errors with a status, errors with a source for the log, and middleware that changes errors.
//!
//! `curl -i http://localhost:3000/users/2`

use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhost::http::StatusCode;
use anyhost::http::header::{HeaderValue, RETRY_AFTER};
use anyhost::{
    Error, Handler, Json, Next, Request, RequestExt, Response, Result, Router, send,
    with_middleware, with_state,
};
use serde_json::json;

/// The client receives the status and the message. The log receives the source as well.
async fn user(request: Request) -> Result<String> {
    let id: u32 = request.param("id")?;
    find(id).map_err(|error| Error::new(StatusCode::NOT_FOUND, "No such user").with_source(error))
}

fn find(id: u32) -> std::io::Result<String> {
    match id {
        1 => Ok("Ada".to_owned()),
        _ => Err(std::io::Error::other(format!("row {id} is missing"))),
    }
}

/// Any other error type becomes a 500 response. The error is logged, and is not sent to the client.
async fn report() -> Result<String> {
    Ok(std::fs::read_to_string("/no/such/report")?)
}

/// An error type of the application. The `From` implementation selects the status of each variant, and `?` calls it.
/// The type must not implement `std::error::Error`, because every type that implements this trait becomes a 500.
enum OrderError {
    Unknown,
    AlreadyPaid,
}

impl From<OrderError> for Error {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Unknown => Self::from_status(StatusCode::NOT_FOUND),
            OrderError::AlreadyPaid => Self::new(StatusCode::CONFLICT, "The order is already paid"),
        }
    }
}

async fn pay(request: Request) -> Result<StatusCode> {
    charge(request.param("id")?)?;
    Ok(StatusCode::NO_CONTENT)
}

fn charge(id: u32) -> std::result::Result<(), OrderError> {
    match id {
        1 => Ok(()),
        2 => Err(OrderError::AlreadyPaid),
        _ => Err(OrderError::Unknown),
    }
}

/// Middleware: a function around a handler. Errors of the handler are still `Err` here, because errors become responses
/// only outside of the outermost middleware. This middleware sends client errors as JSON.
async fn errors_as_json(request: Request, next: Next) -> Result<Response> {
    match next.run(request).await {
        Err(error) if error.status().is_client_error() => {
            let body = Json(json!({"error": error.message()}));
            let mut response = send(error.status(), body)?;
            response.headers_mut().extend(error.headers().clone());
            Ok(response)
        }
        other => other,
    }
}

/// The number of requests that the rate limit still accepts.
struct Remaining(AtomicU32);

/// Middleware that responds without calling the handler.
async fn rate_limit(request: Request, next: Next) -> Result<Response> {
    let Remaining(remaining) = &*request.state::<Remaining>()?;
    let subtract_one = |remaining: u32| remaining.checked_sub(1);
    if remaining
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, subtract_one)
        .is_err()
    {
        let error = Error::new(StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded");
        return Err(error.with_header(RETRY_AFTER, HeaderValue::from_static("60")));
    }
    next.run(request).await
}

fn app(requests: u32) -> impl Handler {
    let routes = Router::new()
        .get("/users/{id}", user)
        .get("/report", report)
        .post("/orders/{id}/pay", pay);
    let limited = with_middleware(rate_limit, routes);
    with_state(
        Remaining(AtomicU32::new(requests)),
        with_middleware(errors_as_json, limited),
    )
}

fn main() -> ExitCode {
    anyhost::run(app(100))
}

#[cfg(test)]
mod tests {
    use anyhost::testing::{Client, TestResponse};

    use super::app;

    async fn text(response: TestResponse) -> (u16, String) {
        (response.status().as_u16(), response.text().await.unwrap())
    }

    #[tokio::test]
    async fn a_client_error_is_sent_as_json_without_its_source() {
        let response = Client::new(app(1)).get("/users/2").await;
        assert_eq!(
            text(response).await,
            (404, r#"{"error":"No such user"}"#.into())
        );
    }

    #[tokio::test]
    async fn an_io_error_is_a_500_without_details() {
        let response = Client::new(app(1)).get("/report").await;
        assert_eq!(text(response).await, (500, "Internal Server Error".into()));
    }

    #[tokio::test]
    async fn each_variant_of_an_application_error_has_its_own_status() {
        let client = Client::new(app(3));
        assert_eq!(client.post("/orders/1/pay").await.status(), 204);
        assert_eq!(client.post("/orders/2/pay").await.status(), 409);
        assert_eq!(client.post("/orders/3/pay").await.status(), 404);
    }

    #[tokio::test]
    async fn a_request_over_the_rate_limit_gets_a_429_with_a_retry_after_header() {
        let client = Client::new(app(1));
        assert_eq!(client.get("/users/1").await.status(), 200);
        let response = client.get("/users/1").await;
        assert_eq!(response.header("retry-after"), Some("60"));
        assert_eq!(
            text(response).await,
            (429, r#"{"error":"Rate limit exceeded"}"#.into())
        );
    }
}
