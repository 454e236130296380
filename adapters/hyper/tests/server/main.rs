//! The server in the hands of a program: sockets of this process, one thread, and nothing of chance.

#![allow(clippy::unwrap_used)]

mod client_gone;
mod counters;
mod limits;
mod protocols;
mod stop;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhost_core::IntoHandler;
use anyhost_hyper::{Handle, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// What takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that serves in the background.
struct Serving {
    address: SocketAddr,
    handle: Handle,
    task: JoinHandle<io::Result<()>>,
}

impl Serving {
    async fn start<K>(handler: impl IntoHandler<K>) -> Self {
        Self::start_with(|server| server, handler).await
    }

    async fn start_with<K>(
        change: impl FnOnce(Server) -> Server,
        handler: impl IntoHandler<K>,
    ) -> Self {
        let server = change(Server::bind("127.0.0.1:0").await.unwrap());
        let url = server.url();
        let handler = handler.into_handler();
        Self {
            address: url.strip_prefix("http://").unwrap().parse().unwrap(),
            handle: server.handle(),
            task: tokio::spawn(server.serve(handler)),
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A connection on which this was sent.
    async fn send(&self, bytes: &str) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_bytes()).await.unwrap();
        stream
    }

    /// All that comes back until the server closes.
    async fn exchange(&self, bytes: &str) -> String {
        read_to_end(self.send(bytes).await).await
    }

    /// Waits until it has stopped.
    async fn stopped(self) {
        let ended = timeout(PATIENCE, self.task).await.expect("it stops");
        ended.unwrap().unwrap();
    }
}

async fn read_to_end(mut stream: TcpStream) -> String {
    let mut reply = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut reply)).await;
    let _ = read.expect("the server closes");
    String::from_utf8_lossy(&reply).into_owned()
}

/// Reads until this has come.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut reply = Vec::new();
    let read = async {
        while !reply.ends_with(end.as_bytes()) {
            reply.push(stream.read_u8().await.unwrap());
        }
    };
    timeout(PATIENCE, read).await.expect("it comes");
    String::from_utf8_lossy(&reply).into_owned()
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const CLOSING: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
