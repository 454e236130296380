//! The default limit of the body readers, for a route, a router and a program.
#![cfg(feature = "testing")]

use anyhost_core::testing::Client;
use anyhost_core::{Request, RequestExt, Result, Router, with_body_limit};

async fn read(mut request: Request) -> Result<String> {
    request.text().await
}

async fn response(client: &Client, target: &str, length: usize) -> String {
    let response = client.post(target).body("x".repeat(length)).await;
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    match status {
        200 => format!("200 {} bytes", text.len()),
        _ => format!("{status} {text}"),
    }
}

#[tokio::test]
async fn the_innermost_body_limit_is_the_default_of_the_readers() {
    let nested = Router::new()
        .post("/default", read)
        .post("/route", with_body_limit(100, read));
    let app = Router::new()
        .post("/program", read)
        .post("/explicit", |mut request: Request| async move {
            request.text_limit("2kb").await
        })
        .nest("/nested", with_body_limit("50b", nested));
    let client = Client::new(with_body_limit("0.5kb", app));
    for (target, accepted, message) in [
        ("/program", 512, "413 Body exceeded 0.5kb limit"),
        ("/explicit", 2048, "413 Body exceeded 2kb limit"),
        ("/nested/default", 50, "413 Body exceeded 50b limit"),
        ("/nested/route", 100, "413 Body exceeded 100 limit"),
    ] {
        let expected = format!("200 {accepted} bytes");
        assert_eq!(response(&client, target, accepted).await, expected);
        assert_eq!(response(&client, target, accepted + 1).await, message);
    }
}

#[tokio::test]
async fn the_body_limit_applies_to_every_reader() {
    let app = Router::new()
        .post("/buffer", |mut request: Request| async move {
            request.buffer().await
        })
        .post("/json", |mut request: Request| async move {
            request.json::<String>().await
        })
        .post("/form", |mut request: Request| async move {
            request.form::<Vec<(String, String)>>().await.map(drop)
        })
        .post("/text_as", |mut request: Request| async move {
            request.text_as("utf-8").await
        });
    let client = Client::new(with_body_limit(2, app));
    for target in ["/buffer", "/json", "/form", "/text_as"] {
        let expected = "413 Body exceeded 2 limit";
        assert_eq!(response(&client, target, 3).await, expected, "{target}");
    }
}

#[test]
#[should_panic(expected = "invalid limit \"lots\"")]
fn an_invalid_body_limit_panics_at_start_up() {
    let _ = with_body_limit("lots", read);
}
