//! Errors as problem details (RFC 9457), with the invalid fields of a request.
//!
//! `curl -i http://localhost:3000/orders -d '{"item": "", "count": 0}'`

use std::process::ExitCode;

use anyhost::{Error, Handler, Request, RequestExt, Result, Router};
use anyhost::{problem_json, with_middleware};
use serde_json::json;

#[derive(serde::Deserialize)]
struct Order {
    item: String,
    count: u32,
}

async fn order(mut request: Request) -> Result<String> {
    let order: Order = request.json().await?;
    let mut errors = Vec::new();
    if order.item.is_empty() {
        errors.push(json!({"field": "item", "message": "must not be empty"}));
    }
    if order.count == 0 {
        errors.push(json!({"field": "count", "message": "must be positive"}));
    }
    if !errors.is_empty() {
        return Err(Error::new(422, "The order is invalid").with_member("errors", errors));
    }
    Ok(format!("{} {}", order.count, order.item))
}

fn app() -> impl Handler {
    with_middleware(problem_json, Router::new().post("/orders", order))
}

fn main() -> ExitCode {
    anyhost::run(app())
}

#[cfg(test)]
mod tests {
    use anyhost::http::Request;
    use anyhost_conformance::local_hosts;
    use http_body_util::BodyExt;
    use serde_json::{Value, json};

    #[tokio::test(flavor = "multi_thread")]
    async fn errors_are_problem_details_on_every_host() {
        for host in local_hosts(super::app()).await {
            for (path, body, status, member, value) in [
                (
                    "/orders",
                    r#"{"item": "", "count": 2}"#,
                    422,
                    "errors",
                    json!([{"field": "item", "message": "must not be empty"}]),
                ),
                ("/orders", "{", 400, "title", json!("Bad Request")),
                ("/missing", "", 404, "title", json!("Not Found")),
            ] {
                let request = Request::post(path).body(body.into()).unwrap();
                let response = host.send(request).await.unwrap();
                let name = &host.profile().name;
                assert_eq!(response.status(), status, "{name}");
                assert_eq!(
                    response.headers()["content-type"],
                    "application/problem+json",
                    "{name}"
                );
                let body = response.into_body().collect().await.unwrap().to_bytes();
                let problem: Value = serde_json::from_slice(&body).unwrap();
                assert_eq!(
                    (&problem["status"], &problem[member]),
                    (&json!(status), &value),
                    "{name}"
                );
            }
        }
    }
}
