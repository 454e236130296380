//! A chat with WebSockets: every message goes to all clients.
//!
//! `websocat ws://localhost:3000/chat`, in two terminals

use std::process::ExitCode;

use anyhost::websocket::{self, Message};
use anyhost::{Request, RequestExt, Response, Result, Router};
use tokio::sync::broadcast;

async fn chat(request: Request) -> Result<Response> {
    let room = request.state::<broadcast::Sender<Message>>()?;
    websocket::upgrade_limit(request, "4kb", |mut socket| async move {
        let mut messages = room.subscribe();
        loop {
            tokio::select! {
                message = socket.receive() => match message? {
                    Some(message) => drop(room.send(message)),
                    None => return Ok(()),
                },
                // A client that is too slow misses messages.
                Ok(message) = messages.recv() => socket.send(message).await?,
            }
        }
    })
}

/// `any`, because WebSockets over HTTP/2 use the method CONNECT.
fn app() -> Router {
    Router::new()
        .any("/chat", chat)
        .with_state(broadcast::Sender::<Message>::new(16))
}

fn main() -> ExitCode {
    anyhost::run(app())
}

#[cfg(test)]
mod tests {
    use anyhost::Body;
    use anyhost::http::Request;
    use anyhost::server::Server;
    use anyhost::websocket::Message;
    use anyhost_conformance::local_hosts;
    use futures_util::{SinkExt, StreamExt};
    use http_body_util::BodyExt;
    use tokio::net::TcpStream;
    use tokio_tungstenite::{WebSocketStream, client_async};

    #[tokio::test]
    async fn a_message_reaches_all_clients() {
        let server = Server::bind("127.0.0.1:0").await.unwrap();
        let address = server.url().replace("http://", "");
        let serving = tokio::spawn(server.serve(super::app()));
        let mut first = connect(&address).await;
        let mut second = connect(&address).await;
        // After the first response, the first client is in the room.
        for message in ["one", "two"] {
            first.send(Message::text(message)).await.unwrap();
            assert_eq!(first.next().await.unwrap().unwrap(), Message::text(message));
        }
        second.send(Message::text("three")).await.unwrap();
        for client in [&mut first, &mut second] {
            let texts = client.map(|message| message.unwrap().to_string());
            let mut three = texts.skip_while(|text| std::future::ready(*text != "three"));
            assert_eq!(three.next().await.as_deref(), Some("three"));
        }
        serving.abort();
    }

    async fn connect(address: &str) -> WebSocketStream<TcpStream> {
        let stream = TcpStream::connect(address).await.unwrap();
        client_async(format!("ws://{address}/chat"), stream)
            .await
            .unwrap()
            .0
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_host_without_upgrades_responds_with_501_and_its_name() {
        for host in local_hosts(super::app()).await {
            let profile = host.profile();
            let request = Request::get("/chat").body(Body::empty()).unwrap();
            let response = host.send(request).await.unwrap();
            if profile.host == "http" {
                assert_eq!(response.status(), 426);
                continue;
            }
            assert_eq!(response.status(), 501, "{}", profile.name);
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let message = format!(
                "WebSocket connections are not supported on the host {}",
                profile.host
            );
            assert_eq!(body, message);
        }
    }
}
