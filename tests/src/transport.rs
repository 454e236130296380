//! Ways for a request to reach a handler.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhost::testing::Client;
use bytes::{Bytes, BytesMut};
use http::header::{HOST, HeaderMap, HeaderValue};
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// What a transport can carry, and what its host calls itself.
#[derive(Clone, Copy, Debug)]
pub struct Can {
    /// The name in `/echo`.
    pub host: &'static str,
    /// The mount, which the transport puts before every path.
    pub base_path: &'static str,
    /// What becomes of a reply that breaks off.
    pub cut: Cut,
    /// Whether `%2F` in a path stays what it is.
    pub encoded_slash: bool,
    /// Whether header values arrive as the bytes that they are.
    pub header_bytes: bool,
    /// Whether a body that says to be text may be other than UTF-8.
    pub text_bytes: bool,
    /// Whether a 200 may have a Location (RFC 3875 makes a redirect of it).
    pub location_with_200: bool,
    /// Whether the methods that nobody registered get through.
    pub any_method: bool,
    /// Whether a POST without a body needs no Content-Length to say so.
    pub bodiless_post: bool,
    /// Whether a path arrives as it was sent, and not decoded, with its slashes merged.
    pub raw_path: bool,
    /// Whether an Authorization arrives.
    pub authorization: bool,
    /// Whether a path may hold control characters, encoded.
    pub control_in_path: bool,
    /// Whether each of several headers of one name arrives.
    pub repeated_headers: bool,
    /// Whether the next request goes to the same process.
    pub remembers: bool,
}

/// What becomes of a reply that breaks off after its first piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The client sees that it is cut.
    Visible,
    /// The host held it back and sends a 500.
    Replaced,
    /// The host has no way to say so.
    Invisible,
}

impl Can {
    /// A transport that carries everything.
    pub const fn everything(host: &'static str) -> Self {
        Self {
            host,
            base_path: "",
            cut: Cut::Visible,
            encoded_slash: true,
            header_bytes: true,
            text_bytes: true,
            location_with_200: true,
            any_method: true,
            bodiless_post: true,
            raw_path: true,
            authorization: true,
            control_in_path: true,
            repeated_headers: true,
            remembers: true,
        }
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Received {
    /// The status.
    pub status: StatusCode,
    /// The headers, as the transport delivered them.
    pub headers: HeaderMap,
    /// The body, as far as it came.
    pub body: Bytes,
    /// Whether it broke off.
    pub cut: bool,
}

/// Carries a request to the probe and its reply back.
pub trait Transport {
    /// What it can carry.
    fn can(&self) -> Can;

    /// Sends a request whose target is a path below the mount.
    ///
    /// # Errors
    /// When no reply came at all.
    fn send(&self, request: Request<Bytes>) -> impl Future<Output = Result<Received, String>>;
}

/// The probe as a plain function.
#[derive(Debug)]
pub struct InProcess(Client);

impl InProcess {
    /// Calls this handler.
    pub fn new(client: Client) -> Self {
        Self(client)
    }
}

impl Transport for InProcess {
    fn can(&self) -> Can {
        Can::everything("in-process")
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Received, String> {
        let reply = self.0.send(request.map(Into::into)).await;
        self.0.finish().await;
        Ok(receive(reply.into_response()).await)
    }
}

/// HTTP over a socket.
#[derive(Debug)]
pub struct Wire {
    to: To,
    http2: bool,
    can: Can,
}

#[derive(Debug)]
enum To {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Wire {
    /// HTTP/1.1 over TCP.
    pub fn tcp(address: SocketAddr, can: Can) -> Self {
        Self {
            to: To::Tcp(address),
            http2: false,
            can,
        }
    }

    /// HTTP/2 with prior knowledge over TCP.
    pub fn tcp_http2(address: SocketAddr, can: Can) -> Self {
        Self {
            to: To::Tcp(address),
            http2: true,
            can,
        }
    }

    /// HTTP/1.1 over a Unix socket.
    pub fn unix(path: impl Into<PathBuf>, can: Can) -> Self {
        Self {
            to: To::Unix(path.into()),
            http2: false,
            can,
        }
    }

    async fn exchange<S>(&self, stream: S, mut request: Request<Bytes>) -> Result<Received, String>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let io = TokioIo::new(stream);
        let text = |error: hyper::Error| error.to_string();
        if self.http2 {
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io)
                .await
                .map_err(text)?;
            tokio::spawn(connection);
            let host = request.headers_mut().remove(HOST);
            let host = host
                .as_ref()
                .map_or("a.example", |host| host.to_str().unwrap_or_default());
            let uri = format!("http://{host}{}", request.uri());
            *request.uri_mut() = uri.parse().map_err(|_| format!("bad URI {uri}"))?;
            Ok(receive(
                sender
                    .send_request(request.map(Full::new))
                    .await
                    .map_err(text)?,
            )
            .await)
        } else {
            let (mut sender, connection) = http1::handshake(io).await.map_err(text)?;
            tokio::spawn(connection);
            request
                .headers_mut()
                .entry(HOST)
                .or_insert(HeaderValue::from_static("a.example"));
            Ok(receive(
                sender
                    .send_request(request.map(Full::new))
                    .await
                    .map_err(text)?,
            )
            .await)
        }
    }
}

impl Transport for Wire {
    fn can(&self) -> Can {
        self.can
    }

    async fn send(&self, mut request: Request<Bytes>) -> Result<Received, String> {
        let uri = format!("{}{}", self.can.base_path, request.uri());
        *request.uri_mut() = uri.parse().map_err(|_| format!("bad URI {uri}"))?;
        let text = |error: std::io::Error| error.to_string();
        match &self.to {
            To::Tcp(address) => {
                self.exchange(TcpStream::connect(address).await.map_err(text)?, request)
                    .await
            }
            To::Unix(path) => {
                self.exchange(UnixStream::connect(path).await.map_err(text)?, request)
                    .await
            }
        }
    }
}

async fn receive<B>(response: http::Response<B>) -> Received
where
    B: http_body_util::BodyExt<Data = Bytes> + Unpin,
{
    let (parts, mut stream) = response.into_parts();
    let mut body = BytesMut::new();
    let cut = loop {
        match stream.frame().await {
            None => break false,
            Some(Err(_)) => break true,
            Some(Ok(frame)) => body.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
        }
    };
    Received {
        status: parts.status,
        headers: parts.headers,
        body: body.freeze(),
        cut,
    }
}
