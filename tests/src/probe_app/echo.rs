//! The request as the handler received it.

use anyhost::http::HeaderValue;
use anyhost::lambda::LambdaContext;
use anyhost::{Json, Request, RequestExt, Result, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::TEN_MIB;

pub(super) fn routes() -> Router {
    Router::new()
        .any("/echo", echo)
        .any("/echo/", echo)
        .any("/echo/{*rest}", echo)
        .get("/authorizer", authorizer)
}

/// Describes the request as JSON. Header values are decoded as Latin-1, so that no byte is lost.
///
/// # Errors
/// The body is longer than 10 MiB, or ends early.
pub async fn echo(mut request: Request) -> Result<Json<Value>> {
    let body = request.buffer_limit(TEN_MIB).await?;
    let headers: Vec<(&str, String)> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), latin1(value)))
        .collect();
    let context = request.context();
    Ok(Json(json!({
        "host": context.host().name(),
        "method": request.method().as_str(),
        "path": request.uri().path(),
        "query": request.uri().query(),
        "version": format!("{:?}", request.version()),
        "scheme": context.scheme().as_str(),
        "authority": request.authority(),
        "base_path": context.base_path(),
        "peer": context.peer(),
        "request_id": context.request_id(),
        "headers": headers,
        "body": {"length": body.len(), "base64": BASE64.encode(&body)},
    })))
}

/// The result of the authorizer in front of a Lambda function. On other hosts, there is no authorizer, and the response is
/// a 204.
async fn authorizer(request: Request) -> Option<Json<Value>> {
    let lambda = request.extensions().get::<LambdaContext>()?;
    lambda.authorizer().map(Json)
}

fn latin1(value: &HeaderValue) -> String {
    value
        .as_bytes()
        .iter()
        .map(|&byte| char::from(byte))
        .collect()
}

#[cfg(test)]
mod tests {
    use anyhost::testing::Client;

    use super::*;

    #[tokio::test]
    async fn echo_describes_every_part_of_the_request() {
        let response = Client::new(routes())
            .post("/echo/a%2Fb?x=1&x=2")
            .header("host", "a.com")
            .header("x-a", "1")
            .body("hi")
            .await;
        let seen: Value = response.json().await.unwrap();
        assert_eq!(
            seen,
            json!({
                "host": "in-process", "method": "POST", "path": "/echo/a%2Fb", "query": "x=1&x=2",
                "version": "HTTP/1.1", "scheme": "http", "authority": "a.com", "base_path": "",
                "peer": null, "request_id": null,
                "headers": [["host", "a.com"], ["x-a", "1"], ["content-length", "2"]],
                "body": {"length": 2, "base64": "aGk="},
            })
        );
    }
}
