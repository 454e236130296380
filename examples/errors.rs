//! Errors with a status, an error type of the application, errors as JSON, and a hook that receives every error.
//!
//! `curl -i http://localhost:3000/users/2` and `curl -i -X POST http://localhost:3000/orders/2/pay`

use std::fmt;
use std::process::ExitCode;

use anyhost::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use anyhost::{
    Error, Handler, Next, Request, RequestExt, Response, Result, Router, set_error_hook,
    with_error_mapping, with_middleware,
};
use serde_json::json;

/// The client receives the status and the message. The log receives the source as well.
async fn user(request: Request) -> Result<String> {
    let id: u32 = request.param("id")?;
    find(id).map_err(|error| Error::new(404, "No such user").with_source(error))
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

/// An error type of the application. The crate `thiserror` can derive the two implementations below.
#[derive(Debug)]
enum OrderError {
    Unknown(u32),
    AlreadyPaid,
    BankUnavailable,
}

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(id) => write!(f, "order {id} is unknown"),
            Self::AlreadyPaid => f.write_str("the order is already paid"),
            Self::BankUnavailable => f.write_str("the bank did not respond"),
        }
    }
}

impl std::error::Error for OrderError {}

/// What the client gets for each variant. The `OrderError` stays the source, for the log.
fn order_error(error: &OrderError) -> Error {
    match error {
        OrderError::Unknown(_) => Error::new(404, "No such order"),
        OrderError::AlreadyPaid => Error::new(409, "The order is already paid"),
        OrderError::BankUnavailable => Error::new(503, "Try again later")
            .with_header(RETRY_AFTER, HeaderValue::from_static("60")),
    }
}

async fn pay(request: Request) -> Result<()> {
    charge(request.param("id")?)?;
    Ok(())
}

fn charge(id: u32) -> Result<(), OrderError> {
    match id {
        1 => Ok(()),
        2 => Err(OrderError::AlreadyPaid),
        3 => Err(OrderError::BankUnavailable),
        _ => Err(OrderError::Unknown(id)),
    }
}

/// Middleware that sends errors as JSON. The result stays an `Err`, so that the error is logged and reported.
async fn errors_as_json(request: Request, next: Next) -> Result<Response> {
    next.run(request).await.map_err(|error| {
        let json = json!({"error": error.message()}).to_string();
        error
            .with_message(json)
            .with_header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
    })
}

fn app() -> impl Handler {
    let routes = Router::new()
        .get("/users/{id}", user)
        .get("/report", report)
        .post("/orders/{id}/pay", pay);
    with_middleware(errors_as_json, with_error_mapping(order_error, routes))
}

fn main() -> ExitCode {
    // An error tracker, for example. The hook receives the errors of all hosts.
    set_error_hook(|report| {
        let route = report.route();
        eprintln!("{:?} in {:?}: {report}", report.kind(), route.as_deref());
    });
    anyhost::run(app())
}

#[cfg(test)]
mod tests {
    use anyhost::testing::{Client, TestResponse};

    use super::app;

    async fn text(response: TestResponse) -> (u16, String) {
        assert_eq!(response.header("content-type"), Some("application/json"));
        (response.status().as_u16(), response.text().await.unwrap())
    }

    #[tokio::test]
    async fn an_error_is_sent_as_json_without_its_source() {
        let client = Client::new(app());
        for (target, status, message) in [
            ("/users/2", 404, "No such user"),
            ("/users/two", 400, "Invalid path parameter id: expected u32"),
            ("/report", 500, "Internal Server Error"),
            ("/nowhere", 404, "Not Found"),
        ] {
            let expected = (status, format!(r#"{{"error":"{message}"}}"#));
            assert_eq!(text(client.get(target).await).await, expected);
        }
    }

    #[tokio::test]
    async fn each_variant_of_an_application_error_has_its_own_status() {
        let client = Client::new(app());
        let paid = client.post("/orders/1/pay").await;
        assert_eq!(paid.status(), 204);
        let unavailable = client.post("/orders/3/pay").await;
        assert_eq!(unavailable.header("retry-after"), Some("60"));
        for (target, status, message) in [
            ("/orders/2/pay", 409, "The order is already paid"),
            ("/orders/3/pay", 503, "Try again later"),
            ("/orders/4/pay", 404, "No such order"),
        ] {
            let expected = (status, format!(r#"{{"error":"{message}"}}"#));
            assert_eq!(text(client.post(target).await).await, expected);
        }
    }
}
