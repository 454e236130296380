//! The standalone server as a process: start-up, sockets, shutdown, hostile clients, memory, TLS.
//!
//! The suite in `src/cases` tests what a request and its response show on every host. These tests need
//! signals, the log, raw bytes on a connection, or the memory and descriptors of the process.

mod faults;
mod hosts;
mod listen;
mod operators;
mod proxies;
mod requests;
mod resources;
mod start;
mod stop;
mod tls;

use std::net::SocketAddr;
use std::time::Duration;

use anyhost_conformance::Probe;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The time after which a step of a test is considered to hang. Far longer than any step takes on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Logs start-up and shutdown, but not each request: tests under load would fill the log.
const QUIET: &[(&str, &str)] = &[("RUST_LOG", "info,anyhost_core=off,anyhost::access=off")];

async fn start(vars: &[(&str, &str)]) -> (Probe, SocketAddr) {
    let mut probe = Probe::start(&["--listen", "tcp://127.0.0.1:0"], vars);
    let address = probe.address().await;
    (probe, address)
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes()
}

fn get_and_close(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").into_bytes()
}

/// Sends these bytes on a new connection, and reads until the server closes the connection.
async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    exchange_on(connect(address).await, bytes).await
}

async fn exchange_on<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, bytes: &[u8]) -> String {
    // A server that rejects a request may close the connection before it has read everything: the write
    // then fails, and the response can still be read.
    let _ = stream.write_all(bytes).await;
    read_to_end(&mut stream).await
}

/// Reads until the server closes or resets the connection.
async fn read_to_end<S: AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut received = Vec::new();
    // The kernel resets a connection that is closed with unread bytes in its buffer.
    let _ = timeout(TIMEOUT, stream.read_to_end(&mut received))
        .await
        .expect("expected the server to close the connection");
    String::from_utf8_lossy(&received).into_owned()
}

/// Reads one response from a connection that stays open. `None` if the connection ends first.
async fn read_response<S: AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut received = Vec::new();
    loop {
        if stream.read_buf(&mut received).await.ok()? == 0 {
            return None;
        }
        let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&received[..end + 2]).to_lowercase();
        let body = &received[end + 4..];
        let length = head.split("\r\ncontent-length: ").nth(1);
        let is_complete = match length.and_then(|length| length.split("\r\n").next()) {
            Some(length) => body.len() == length.parse::<usize>().ok()?,
            None => body.ends_with(b"0\r\n\r\n"),
        };
        if is_complete {
            return Some(String::from_utf8_lossy(&received).into_owned());
        }
    }
}

/// Checks that the server still handles requests on new connections.
async fn assert_responds(address: SocketAddr) {
    let response = exchange(address, &get_and_close("/hello")).await;
    assert!(response.ends_with("Hello, world!"), "{response:?}");
}

/// The JSON of `/echo`, which describes the request as the handler received it.
async fn echo(address: SocketAddr, request: &[u8]) -> Value {
    let response = exchange(address, request).await;
    let (_, body) = response
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("incomplete response: {response:?}"));
    serde_json::from_str(body).unwrap_or_else(|_| panic!("not the JSON of /echo: {response:?}"))
}
