//! The server as a library: client, server and handler share one process and one thread, so that the order of events
//! does not depend on the scheduler.

#![allow(clippy::unwrap_used)]

mod access_log;
mod chunks;
mod disconnect;
mod error_hook;
mod http2;
mod limits;
mod log_events;
mod metrics;
mod protocols;
mod shutdown;
mod websocket;

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhost_core::IntoHandler;
use anyhost_hyper::{Handle, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long a test waits for a step. If the step takes longer, the test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// A body of chunks, without a known length.
struct Chunks {
    count: usize,
    size: usize,
    /// Whether an error follows instead of the end.
    fails: bool,
}

impl http_body::Body for Chunks {
    type Data = bytes::Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, io::Error>>> {
        if self.count == 0 {
            let error = self.fails.then(|| Err(io::Error::other("on purpose")));
            return Poll::Ready(error);
        }
        self.count -= 1;
        let chunk = vec![b'x'; self.size].into();
        Poll::Ready(Some(Ok(http_body::Frame::data(chunk))))
    }
}

/// A server that runs in a task.
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
        configure: impl FnOnce(Server) -> Server,
        handler: impl IntoHandler<K>,
    ) -> Self {
        let server = configure(Server::bind("127.0.0.1:0").await.unwrap());
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

    /// Opens a connection and sends `bytes`.
    async fn send(&self, bytes: &str) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_bytes()).await.unwrap();
        stream
    }

    /// Sends `bytes` on a new connection, and reads until the server closes it.
    async fn exchange(&self, bytes: &str) -> String {
        read_to_end(self.send(bytes).await).await
    }

    /// Waits until the server has stopped.
    async fn stopped(self) {
        let result = timeout(PATIENCE, self.task).await;
        result
            .expect("expected the server to stop")
            .unwrap()
            .unwrap();
    }
}

async fn read_to_end(mut stream: TcpStream) -> String {
    let mut response = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut response)).await;
    let _ = read.expect("expected the server to close the connection");
    String::from_utf8_lossy(&response).into_owned()
}

/// Reads until the received bytes end with `end`.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut response = Vec::new();
    let read = async {
        while !response.ends_with(end.as_bytes()) {
            response.push(stream.read_u8().await.unwrap());
        }
    };
    timeout(PATIENCE, read)
        .await
        .expect("expected the text to arrive");
    String::from_utf8_lossy(&response).into_owned()
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const CLOSING: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
