//! A Runtime API for tests that need control of each byte and each connection.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::Endpoint;

pub(crate) struct RawApi(TcpListener);

/// A connection of the function.
pub(crate) struct RawConnection(pub(crate) TcpStream);

impl RawApi {
    pub(crate) async fn start() -> io::Result<(Self, Endpoint)> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = Endpoint::parse(&listener.local_addr()?.to_string());
        Ok((Self(listener), endpoint.map_err(io::Error::other)?))
    }

    pub(crate) async fn accept(&self) -> io::Result<RawConnection> {
        let accepted = timeout(Duration::from_secs(10), self.0.accept()).await;
        Ok(RawConnection(accepted??.0))
    }
}

impl RawConnection {
    /// Reads one request: its line and headers in lower case, and its body as it was sent.
    pub(crate) async fn read(&mut self) -> io::Result<(String, Vec<u8>)> {
        let read = timeout(Duration::from_secs(10), self.read_request()).await;
        read?
    }

    async fn read_request(&mut self) -> io::Result<(String, Vec<u8>)> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
        let mut body = Vec::new();
        if head.contains("transfer-encoding: chunked") {
            // The last chunk, and the trailers if there are any.
            while !(body.ends_with(b"\r\n\r\n") && contains(&body, b"\r\n0\r\n")) {
                body.push(self.0.read_u8().await?);
            }
        } else if let Some((_, rest)) = head.split_once("content-length: ") {
            let length = rest.split("\r\n").next().unwrap_or_default();
            body = vec![0; length.parse().map_err(io::Error::other)?];
            self.0.read_exact(&mut body).await?;
        }
        Ok((head, body))
    }

    pub(crate) async fn send(&mut self, answer: &str) -> io::Result<()> {
        self.0.write_all(answer.as_bytes()).await
    }

    /// Responds to `GET /invocation/next` with these additional headers.
    pub(crate) async fn send_invocation(&mut self, headers: &str, event: &str) -> io::Result<()> {
        let length = event.len();
        self.send(&format!(
            "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: r-1\r\n{headers}Content-Length: {length}\r\n\r\n{event}"
        ))
        .await
    }

    pub(crate) async fn send_status(&mut self, status: u16) -> io::Result<()> {
        let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
        self.send(&answer).await
    }

    /// Reads a `GET /invocation/next`.
    pub(crate) async fn expect_next(&mut self) -> io::Result<()> {
        let (head, _) = self.read().await?;
        match head.starts_with("get /2018-06-01/runtime/invocation/next ") {
            true => Ok(()),
            false => Err(io::Error::other(format!("not a GET of /next: {head}"))),
        }
    }
}

pub(crate) fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
