//! Tests that call a handler directly. The tests below use no socket and no port.
//!
//! `cargo test -p anyhost-examples --example testing`

use std::net::IpAddr;
use std::process::ExitCode;

use anyhost::{Request, RequestExt, Result};

async fn whoami(mut request: Request) -> Result<String> {
    let name = request.text_limit(32).await?;
    let context = request.context();
    let peer = context
        .peer()
        .map_or_else(|| "unknown".to_owned(), |peer: IpAddr| peer.to_string());
    Ok(format!("{name}, peer {peer}, host {}", context.host()))
}

fn main() -> ExitCode {
    anyhost::run(whoami)
}

#[cfg(test)]
mod tests {
    use anyhost::testing::Client;
    use anyhost::{Body, Context, Host};
    use futures_util::stream;

    use super::whoami;

    #[tokio::test]
    async fn the_client_calls_the_handler_in_process() {
        let response = Client::new(whoami).post("/").body("Ada").await;
        assert_eq!(
            response.text().await.unwrap(),
            "Ada, peer unknown, host in-process"
        );
    }

    #[tokio::test]
    async fn a_test_can_set_the_peer_and_the_host_of_a_request() {
        let context = Context::new(Host::LAMBDA).with_peer([192, 0, 2, 1].into());
        let client = Client::new(whoami).with_context(context);
        let response = client.post("/").body("Ada").await;
        assert_eq!(
            response.text().await.unwrap(),
            "Ada, peer 192.0.2.1, host lambda"
        );
    }

    #[tokio::test]
    async fn a_request_body_over_the_limit_is_a_413() {
        let client = Client::new(whoami);
        let response = client.post("/").body("x".repeat(33)).await;
        assert_eq!(response.status(), 413);
        assert_eq!(response.text().await.unwrap(), "Body exceeded 32 limit");
    }

    #[tokio::test]
    async fn a_request_body_that_ends_with_an_error_is_a_400() {
        let body = stream::iter([Ok("A"), Err(std::io::Error::other("connection reset"))]);
        let request = Client::new(whoami).post("/").body(Body::from_stream(body));
        assert_eq!(request.await.status(), 400);
    }
}
