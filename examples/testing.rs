//! Testing a handler: a plain call, with no socket, no port and nothing to wait for.

use std::net::IpAddr;
use std::process::ExitCode;

use anyhost::{Request, RequestExt, Result};

async fn whoami(mut request: Request) -> Result<String> {
    let name = request.text_limit(32).await?;
    let context = request.context();
    let peer = context
        .peer()
        .map_or_else(|| "nowhere".to_owned(), |peer: IpAddr| peer.to_string());
    Ok(format!("{name} from {peer} by {}", context.host()))
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
    async fn a_call_is_a_line() {
        let reply = Client::new(whoami).post("/").body("Ada").await;
        assert_eq!(
            reply.text().await.unwrap(),
            "Ada from nowhere by in-process"
        );
    }

    #[tokio::test]
    async fn the_host_can_be_played() {
        let context = Context::new(Host::LAMBDA).with_peer([192, 0, 2, 1].into());
        let client = Client::new(whoami).with_context(context);
        let reply = client.post("/").body("Ada").await;
        assert_eq!(reply.text().await.unwrap(), "Ada from 192.0.2.1 by lambda");
    }

    #[tokio::test]
    async fn errors_and_broken_bodies_are_replies() {
        let client = Client::new(whoami);
        let reply = client.post("/").body("x".repeat(33)).await;
        assert_eq!(reply.status(), 413);
        assert_eq!(reply.text().await.unwrap(), "Body exceeded 32b limit");

        let broken = stream::iter([Ok("A"), Err(std::io::Error::other("connection reset"))]);
        let reply = client.post("/").body(Body::from_stream(broken)).await;
        assert_eq!(reply.status(), 400);
    }
}
