//! Validation with the crate `garde`: the 422 response is a problem (RFC 9457) that names each invalid field.
//!
//! `curl -i -d '{"name":"","email":"ada","age":12}' http://localhost:3000/sign-up`

use std::process::ExitCode;

use anyhost::{Error, Request, RequestExt, Response, Result, Router, send};
use garde::Validate;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize, Validate)]
struct SignUp {
    #[garde(length(chars, min = 1, max = 64))]
    name: String,
    #[garde(contains("@"), length(max = 254))]
    email: String,
    #[garde(range(min = 18))]
    age: u8,
}

/// Returns the value if it follows the rules of its type.
fn valid<T: Validate<Context: Default>>(value: T) -> Result<T> {
    let Err(report) = value.validate() else {
        return Ok(value);
    };
    let errors = report
        .iter()
        .map(|(field, error)| json!({"field": field.to_string(), "message": error.to_string()}));
    let errors: Vec<Value> = errors.collect();
    Err(Error::new(422, "Invalid fields").with_member("errors", errors))
}

async fn sign_up(mut request: Request) -> Result<Response> {
    let SignUp { name, email, age } = valid(request.json().await?)?;
    send(201, format!("{name} <{email}>, {age}"))
}

fn app() -> Router {
    Router::new().post("/sign-up", sign_up)
}

fn main() -> ExitCode {
    anyhost::run(app())
}

#[cfg(test)]
mod tests {
    use anyhost::http::Request;
    use anyhost_examples_kit::{everywhere, header, text};
    use serde_json::{Value, json};

    fn sign_up(name: &str, email: &str, age: u32) -> Request<String> {
        let body = json!({"name": name, "email": email, "age": age}).to_string();
        let request = Request::post("/sign-up").header("content-type", "application/json");
        request.body(body).unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_valid_value_reaches_the_handler() {
        for client in everywhere(super::app).await {
            let response = client.send(sign_up("Ada", "ada@example.com", 36)).await;
            assert_eq!(response.status(), 201, "{client}");
            assert_eq!(text(&response), "Ada <ada@example.com>, 36", "{client}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_422_response_names_each_invalid_field() {
        for client in everywhere(super::app).await {
            let response = client.send(sign_up("", "ada", 12)).await;
            assert_eq!(response.status(), 422, "{client}");
            assert_eq!(
                header(&response, "content-type"),
                Some("application/problem+json"),
                "{client}"
            );
            let body: Value = serde_json::from_slice(response.body()).unwrap();
            let errors = body["errors"].as_array().unwrap();
            let mut fields: Vec<_> = errors.iter().map(|error| &error["field"]).collect();
            fields.sort_by_key(ToString::to_string);
            assert_eq!(fields, ["age", "email", "name"], "{client} {body}");
            assert_eq!(
                errors.iter().find(|e| e["field"] == "age").unwrap()["message"],
                "lower than 18"
            );
        }
    }
}
