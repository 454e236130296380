//! The smallest service: a function that returns a text.
//!
//! `cargo run --example hello`, then `curl http://localhost:3000`.

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
    async fn it_greets_the_world() {
        let reply = Client::new(super::hello).get("/").await;
        assert_eq!(reply.status(), 200);
        assert_eq!(reply.text().await.unwrap(), "Hello, world!");
    }
}
