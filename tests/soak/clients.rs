//! Well-behaved clients: they send correct requests, read responses at once, and compare each response with the
//! expected one.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::tally::Tally;

/// The time limit for a request, far above what any request takes on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The number of requests on a connection, so that clients open new connections during the whole test.
const REQUESTS_PER_CONNECTION: u64 = 50;

/// How a client reaches the server.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) http2: bool,
    pub(crate) tls: Option<TlsConnector>,
}

enum Connection {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// Why a request has no correct response.
enum Failure {
    /// There was no response at all.
    NoResponse(String),
    /// The response was incomplete or wrong.
    Wrong(String),
}

/// Sends requests one after the other until this time.
pub(crate) async fn behave(target: Target, tally: &Tally, until: Instant, first: u64) {
    let mut connection = None;
    for index in first.. {
        if Instant::now() >= until {
            return;
        }
        if index % REQUESTS_PER_CONNECTION == 0 {
            connection = None;
        }
        match request(&target, &mut connection, tally, index).await {
            Ok(()) => tally.add_correct(),
            Err(Failure::NoResponse(why) | Failure::Wrong(why)) => {
                connection = None;
                tally.add_failure(format!("request {index} {}: {why}", path(index)));
            }
        }
    }
}

/// How many times a client may open another connection for the same request.
const ATTEMPTS: u32 = 3;

/// Sends a request on the kept connection, or on a new one.
///
/// A client may send a request again if the server closed a kept connection without a response (RFC 9112 §9.3.1, only
/// idempotent methods), or if HTTP/2 reports the request as not processed (RFC 9113 §6.8). A new HTTP/1.1 connection
/// must yield a response.
async fn request(
    target: &Target,
    connection: &mut Option<Connection>,
    tally: &Tally,
    index: u64,
) -> Result<(), Failure> {
    if !target.http2 && is_post(index) {
        *connection = None;
    }
    let mut attempt = 0;
    loop {
        attempt += 1;
        let (is_new, started) = (connection.is_none(), Instant::now());
        let open = match connection {
            Some(open) => open,
            None => connection.insert(connect_in_time(target).await?),
        };
        match exchange(open, target, index).await {
            Err(Failure::NoResponse(_)) if attempt < ATTEMPTS && (target.http2 || !is_new) => {
                *connection = None;
                tally.add_repeated();
            }
            Err(Failure::NoResponse(why)) => {
                let time = started.elapsed();
                return Err(Failure::Wrong(format!("no response after {time:?}: {why}")));
            }
            result => return result,
        }
    }
}

async fn connect_in_time(target: &Target) -> Result<Connection, Failure> {
    let started = Instant::now();
    let connected = tokio::time::timeout(TIMEOUT, connect(target)).await;
    let connected = connected.unwrap_or_else(|_| Err("timed out".to_owned()));
    connected.map_err(|why| {
        let time = started.elapsed();
        Failure::Wrong(format!("no connection after {time:?}: {why}"))
    })
}

async fn connect(target: &Target) -> Result<Connection, String> {
    let stream = TcpStream::connect(target.address).await.map_err(text)?;
    let Some(tls) = &target.tls else {
        return handshake(TokioIo::new(stream), target.http2).await;
    };
    let name = ServerName::try_from("localhost").map_err(text)?;
    let stream = tls.connect(name, stream).await.map_err(text)?;
    handshake(TokioIo::new(stream), target.http2).await
}

async fn handshake<T>(io: T, http2: bool) -> Result<Connection, String>
where
    T: hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
{
    if http2 {
        let connected = http2::handshake(TokioExecutor::new(), io).await;
        let (sender, connection) = connected.map_err(text)?;
        tokio::spawn(connection);
        return Ok(Connection::Http2(sender));
    }
    let (sender, connection) = http1::handshake(io).await.map_err(text)?;
    tokio::spawn(connection);
    Ok(Connection::Http1(sender))
}

async fn exchange(connection: &mut Connection, target: &Target, index: u64) -> Result<(), Failure> {
    let exchanged = async {
        let request = make(target, index);
        let response = match connection {
            Connection::Http1(sender) => {
                sender
                    .ready()
                    .await
                    .map_err(|error| Failure::NoResponse(text(error)))?;
                sender.send_request(request).await
            }
            Connection::Http2(sender) => {
                sender
                    .ready()
                    .await
                    .map_err(|error| Failure::NoResponse(text(error)))?;
                sender.send_request(request).await
            }
        };
        let response = response.map_err(|error| Failure::NoResponse(text(error)))?;
        check(response, index).await.map_err(Failure::Wrong)
    };
    let exchanged = tokio::time::timeout(TIMEOUT, exchanged).await;
    exchanged.unwrap_or_else(|_| Err(Failure::Wrong("timed out".to_owned())))
}

fn make(target: &Target, index: u64) -> Request<Full<Bytes>> {
    let host = target.address.to_string();
    let uri = match target.http2 {
        true => format!("http://{host}{}", path(index)),
        false => path(index),
    };
    let method = if is_post(index) { "POST" } else { "GET" };
    let mut request = Request::builder().method(method).uri(uri);
    if !target.http2 {
        request = request.header("host", host);
    }
    let body = if is_post(index) {
        upload(index)
    } else {
        Bytes::new()
    };
    request
        .body(Full::new(body))
        .expect("expected a valid request")
}

fn is_post(index: u64) -> bool {
    index % 8 == 1
}

pub(crate) fn path(index: u64) -> String {
    match index % 8 {
        0 => "/hello".to_owned(),
        1 => "/raw".to_owned(),
        2 => "/large/300000".to_owned(),
        3 => "/stream?chunks=5&size=1000&delay_ms=2".to_owned(),
        4 => format!("/error/409?message={index}"),
        5 => "/sleep/20".to_owned(),
        6 => "/panic".to_owned(),
        _ => format!("/error/404?message={}", "x".repeat((index % 1000) as usize)),
    }
}

/// Up to 64 KiB that differ for each request.
fn upload(index: u64) -> Bytes {
    let length = index * 7919 % 65_536;
    let bytes = (0..length).map(|at| (at * index % 251) as u8);
    bytes.collect()
}

/// The status and the body of the response.
fn expected(index: u64) -> (u16, Bytes) {
    match index % 8 {
        0 => (200, Bytes::from_static(b"Hello, world!")),
        1 => (200, upload(index)),
        2 => (200, Bytes::from("x".repeat(300_000))),
        3 => (200, Bytes::from("z".repeat(5000))),
        4 => (409, Bytes::from(index.to_string())),
        5 => (200, Bytes::from_static(b"slept")),
        6 => (500, Bytes::from_static(b"Internal Server Error")),
        _ => match index % 1000 {
            0 => (404, Bytes::from_static(b"Not Found")),
            length => (404, Bytes::from("x".repeat(length as usize))),
        },
    }
}

async fn check(response: Response<Incoming>, index: u64) -> Result<(), String> {
    let (status, body) = expected(index);
    let received = response.status().as_u16();
    let content = response.into_body().collect().await;
    let content = content.map_err(|error| format!("incomplete: {}", text(error)))?;
    let content = content.to_bytes();
    match received == status && content == body {
        true => Ok(()),
        false => Err(format!(
            "status {received} with {} bytes, want {status} with {} bytes",
            content.len(),
            body.len()
        )),
    }
}

/// An error with its causes.
fn text(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
