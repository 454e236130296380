//! The standalone server inside a program that has its own Tokio runtime: addresses, limits and shutdown.
//!
//! `cargo run --example server`, then `curl http://127.0.0.1:3000/` and `curl -X POST
//! http://127.0.0.1:3000/stop`

use std::time::Duration;

use anyhost::Router;
use anyhost::server::{Limits, Server};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let server = server("127.0.0.1:3000").await?;
    for url in server.urls() {
        println!("listening on {url}");
    }
    serve(server).await
}

async fn server(address: &str) -> std::io::Result<Server> {
    let mut limits = Limits::strict();
    limits.request_timeout = Some(Duration::from_secs(5));
    let server = Server::bind(address).await?;
    Ok(server.with_limits(limits).with_health_checks())
}

/// `POST /stop` starts the shutdown. `serve` returns when the requests in flight have finished.
async fn serve(server: Server) -> std::io::Result<()> {
    let handle = server.handle();
    let stop = move || {
        handle.graceful_shutdown();
        std::future::ready("stopping")
    };
    let routes = Router::new()
        .get("/", || async { "Hello, world!" })
        .post("/stop", stop);
    server.serve(routes).await
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn post_stop_gets_a_response_and_stops_the_server() -> std::io::Result<()> {
        let server = super::server("127.0.0.1:0").await?;
        let address = server.url().replace("http://", "");
        let serving = tokio::spawn(super::serve(server));
        let mut stream = tokio::net::TcpStream::connect(address).await?;
        stream
            .write_all(b"POST /stop HTTP/1.1\r\nHost: a\r\n\r\n")
            .await?;
        let mut response = String::new();
        stream.read_to_string(&mut response).await?;
        assert!(response.ends_with("\r\n\r\nstopping"), "{response}");
        serving.await?
    }
}
