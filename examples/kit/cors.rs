//! CORS and security headers with the crate `tower-http`, on every response of the application, including errors.
//!
//! `curl -i -H 'Origin: https://app.example' http://localhost:3000/nowhere`

use std::process::ExitCode;
use std::time::Duration;

use anyhost::http::Method;
use anyhost::http::header::{
    AUTHORIZATION, CONTENT_TYPE, HeaderValue, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use anyhost::tower::layer;
use anyhost::{Error, Handler, Json, Request, RequestExt, Result, Router};
use serde_json::{Value, json};
use tower_http::cors::CorsLayer;
use tower_http::set_header::SetResponseHeaderLayer;

async fn echo(mut request: Request) -> Result<Json<Value>> {
    if !request.headers().contains_key(AUTHORIZATION) {
        return Err(Error::new(401, "Unauthorized"));
    }
    let sent: Value = request.json_limit("1kb").await?;
    // Panics for other JSON, to show that the response to a panic has the headers as well.
    let first = sent.as_array().expect("an array")[0].clone();
    Ok(Json(json!({"first": first})))
}

fn app() -> impl Handler {
    // Names the web sites whose scripts may read the responses. A server-side client ignores CORS.
    let cors = CorsLayer::new()
        .allow_origin(HeaderValue::from_static("https://app.example"))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE])
        .max_age(Duration::from_secs(3600));
    let nosniff = HeaderValue::from_static("nosniff");
    let nosniff = SetResponseHeaderLayer::overriding(X_CONTENT_TYPE_OPTIONS, nosniff);
    let https = HeaderValue::from_static("max-age=31536000");
    let https = SetResponseHeaderLayer::overriding(STRICT_TRANSPORT_SECURITY, https);
    let broken = || Err::<(), _>(std::io::Error::other("the disk is full"));
    let routes = Router::new().post("/echo", echo).get("/broken", broken);
    layer((https, nosniff, cors), routes)
}

fn main() -> ExitCode {
    anyhost::run(app())
}

#[cfg(test)]
mod tests {
    use anyhost::http::Request;
    use anyhost_examples_kit::{everywhere, header, text};

    fn request(method: &str, target: &str) -> anyhost::http::request::Builder {
        let request = Request::builder().method(method).uri(target);
        request.header("origin", "https://app.example")
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_preflight_request_is_answered_without_calling_the_handler() {
        for client in everywhere(super::app).await {
            let preflight = request("OPTIONS", "/echo")
                .header("access-control-request-method", "POST")
                .header("access-control-request-headers", "authorization");
            let response = client.send(preflight.body("").unwrap()).await;
            assert_eq!(
                (response.status().as_u16(), text(&response)),
                (200, ""),
                "{client}"
            );
            for (name, value) in [
                ("access-control-allow-origin", "https://app.example"),
                ("access-control-allow-methods", "GET,POST"),
                ("access-control-allow-headers", "authorization,content-type"),
                ("access-control-max-age", "3600"),
            ] {
                assert_eq!(header(&response, name), Some(value), "{client} {name}");
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_response_has_cors_and_security_headers() {
        for client in everywhere(super::app).await {
            for (method, target, token, body, status) in [
                ("POST", "/echo", true, "[1]", 200),
                ("POST", "/echo", true, "[", 400),
                ("POST", "/echo", false, "[1]", 401),
                ("GET", "/nowhere", false, "", 404),
                ("GET", "/echo", false, "", 405),
                (
                    "POST",
                    "/echo",
                    true,
                    &*format!("\"{}\"", "x".repeat(2000)),
                    413,
                ),
                ("GET", "/broken", false, "", 500),
                // The handler panics, because the body is not an array.
                ("POST", "/echo", true, "{}", 500),
            ] {
                let mut request = request(method, target);
                if token {
                    request = request.header("authorization", "Bearer secret");
                }
                let response = client.send(request.body(body.to_owned()).unwrap()).await;
                assert_eq!(
                    response.status(),
                    status,
                    "{client} {method} {target} {body}"
                );
                for (name, value) in [
                    ("access-control-allow-origin", "https://app.example"),
                    ("x-content-type-options", "nosniff"),
                    ("strict-transport-security", "max-age=31536000"),
                ] {
                    let actual = header(&response, name);
                    assert_eq!(actual, Some(value), "{client} {status} {name}");
                }
            }
        }
    }
}
