//! The standalone server against the internet: the probe as a process, and clients that misbehave.

mod faults;
mod hosts;
mod operators;
mod proxies;
mod resources;
mod stop;
mod tls;

use std::net::SocketAddr;
use std::time::Duration;

use anyhost_conformance::Probe;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Says where it listens and when it drains, and nothing of each request.
const QUIET: &[(&str, &str)] = &[("RUST_LOG", "info,anyhost_core=off,anyhost::access=off")];

async fn started(vars: &[(&str, &str)]) -> (Probe, SocketAddr) {
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

fn closing(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").into_bytes()
}

/// Sends these bytes on a connection of their own, and reads until the server closes it.
async fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    exchange(connect(address).await, bytes).await
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, bytes: &[u8]) -> String {
    // A server that refuses may close before it has read all.
    let _ = stream.write_all(bytes).await;
    let mut reply = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut reply)).await;
    let _ = read.expect("the server closes");
    String::from_utf8_lossy(&reply).into_owned()
}

/// A whole reply with a Content-Length, on a connection that stays open; `None` if it is cut.
async fn read_reply<S: AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut reply = Vec::new();
    let end = loop {
        if let Some(end) = reply.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut reply).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(reply[..end].to_vec())
        .ok()?
        .to_lowercase();
    let length = head.split("content-length: ").nth(1)?;
    let length: usize = length.split("\r\n").next()?.parse().ok()?;
    while reply.len() < end + length {
        if stream.read_buf(&mut reply).await.ok()? == 0 {
            return None;
        }
    }
    String::from_utf8(reply).ok()
}

/// The probe still answers.
async fn serves(address: SocketAddr) {
    let reply = raw(address, &closing("/hello")).await;
    assert!(reply.ends_with("Hello, world!"), "{reply:?}");
}

/// What `/echo` saw of a request.
async fn echo(address: SocketAddr, request: &[u8]) -> Value {
    let reply = raw(address, request).await;
    let (_, body) = reply.split_once("\r\n\r\n").expect("it has a body");
    serde_json::from_str(body).unwrap_or_else(|_| panic!("no echo: {reply}"))
}
