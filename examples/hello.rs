//! The smallest program: a function that returns text.
//!
//! `cargo run --example hello`, then `curl http://localhost:3000`

use std::process::ExitCode;

async fn hello() -> &'static str {
    "Hello, world!"
}

fn main() -> ExitCode {
    anyhost::run(hello)
}

#[cfg(test)]
mod tests {
    use anyhost::testing::Client;

    #[tokio::test]
    async fn get_returns_the_greeting() {
        let response = Client::new(super::hello).get("/").await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.text().await.unwrap(), "Hello, world!");
    }
}
