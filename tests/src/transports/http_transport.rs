//! HTTP over a socket.

use std::any::Any;
use std::fmt;
use std::io;
use std::path::PathBuf;

use anyhost::{Body, Request, Response, async_trait};
use http::Uri;
use http::header::{HOST, HeaderValue, TRANSFER_ENCODING};
use http::uri::Authority;
use http_body::Body as _;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpStream, UnixStream};

use crate::profile::Profile;
use crate::transport::{Connection, Transport};

/// HTTP over a socket, with a new connection for each request.
pub struct HttpTransport {
    to: To,
    http2: bool,
    authority: String,
    profile: Profile,
    tls: Option<crate::tls::Connector>,
    /// The host, which ends when the transport is dropped.
    host: Option<Box<dyn Any + Send + Sync>>,
}

#[derive(Debug)]
enum To {
    Tcp(String),
    Unix(PathBuf),
}

impl HttpTransport {
    /// HTTP/1.1 over TCP.
    pub fn tcp(address: impl ToString, profile: Profile) -> Self {
        Self::new(To::Tcp(address.to_string()), profile)
    }

    /// HTTP/1.1 over a Unix socket.
    pub fn unix(path: impl Into<PathBuf>, profile: Profile) -> Self {
        Self::new(To::Unix(path.into()), profile)
    }

    /// HTTP/1.1 to a deployment. The path of the URL is the base path.
    ///
    /// # Errors
    /// The URL is invalid, or is neither http nor https.
    pub fn to(url: &str, profile: Profile) -> Result<Self, String> {
        let invalid =
            || format!("invalid URL {url:?}: expected one such as https://example.com/app");
        let uri: Uri = url.parse().map_err(|_| invalid())?;
        let authority = uri.authority().ok_or_else(invalid)?;
        let tls = match uri.scheme_str() {
            Some("https") => Some(crate::tls::Connector::new(authority.host())?),
            Some("http") => None,
            _ => return Err(invalid()),
        };
        let port = match authority.port_u16() {
            Some(port) => port,
            None if tls.is_some() => 443,
            None => 80,
        };
        let mut profile = profile;
        profile.base_path = uri.path().trim_end_matches('/').to_owned().into();
        let mut transport = Self::tcp(format!("{}:{port}", authority.host()), profile);
        transport.authority = authority.to_string();
        transport.tls = tls;
        Ok(transport)
    }

    fn new(to: To, profile: Profile) -> Self {
        Self {
            to,
            http2: false,
            authority: "a.example".to_owned(),
            profile,
            tls: None,
            host: None,
        }
    }

    /// Uses HTTP/2 with prior knowledge.
    #[must_use]
    pub fn with_http2(mut self) -> Self {
        self.http2 = true;
        self
    }

    /// Keeps a value until the transport is dropped, usually the running host.
    #[must_use]
    pub fn with_host(mut self, host: impl Any + Send + Sync) -> Self {
        self.host = Some(Box::new(host));
        self
    }

    async fn open(&self) -> io::Result<Box<dyn Connection>> {
        match (&self.to, &self.tls) {
            (To::Unix(path), _) => Ok(Box::new(UnixStream::connect(path).await?)),
            (To::Tcp(address), None) => Ok(Box::new(TcpStream::connect(address).await?)),
            (To::Tcp(address), Some(tls)) => tls.connect(TcpStream::connect(address).await?).await,
        }
    }

    /// Completes a request for the connection: adds the base path and an authority.
    fn address(&self, request: &mut Request) -> Result<(), String> {
        let uri = request.uri().clone();
        let target = match uri.path() {
            "*" => "*".to_owned(),
            path => format!("{}{path}", self.profile.base_path),
        };
        let target = match uri.query() {
            Some(query) => format!("{target}?{query}"),
            None => target,
        };
        let host = request.headers().get(HOST).cloned();
        let default = HeaderValue::try_from(&self.authority).map_err(|error| error.to_string())?;
        let authority = match (uri.authority(), &host) {
            (Some(authority), _) => Some(authority.to_string()),
            // HTTP/2 sends the authority instead of Host. A Host that is not a valid authority stays a header.
            (None, Some(host)) if self.http2 && Authority::try_from(host.as_bytes()).is_ok() => {
                request.headers_mut().remove(HOST);
                Some(String::from_utf8_lossy(host.as_bytes()).into_owned())
            }
            (None, _) if self.http2 => Some(self.authority.clone()),
            (None, _) => None,
        };
        let target = match authority {
            Some(authority) if target != "*" => format!("http://{authority}{target}"),
            _ => target,
        };
        *request.uri_mut() = target
            .parse()
            .map_err(|_| format!("invalid request target {target:?}"))?;
        if !self.http2 && request.body().size_hint().exact().is_none() {
            // hyper sends a body of unknown length with a GET request only if Transfer-Encoding is set.
            let chunked = HeaderValue::from_static("chunked");
            request.headers_mut().insert(TRANSFER_ENCODING, chunked);
        }
        if !self.http2 {
            request.headers_mut().entry(HOST).or_insert(default);
        }
        Ok(())
    }
}

#[async_trait]
impl Transport for HttpTransport {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    async fn send(&self, mut request: Request) -> Result<Response, String> {
        self.address(&mut request)?;
        let io = TokioIo::new(self.open().await.map_err(|error| error.to_string())?);
        let response = if self.http2 {
            let connected = http2::handshake(TokioExecutor::new(), io).await;
            let (mut sender, connection) = connected.map_err(|error| error.to_string())?;
            tokio::spawn(connection);
            sender.send_request(request).await
        } else {
            let connected = http1::handshake(io).await;
            let (mut sender, connection) = connected.map_err(|error| error.to_string())?;
            tokio::spawn(connection);
            sender.send_request(request).await
        };
        Ok(response.map_err(|error| error.to_string())?.map(Body::new))
    }

    async fn connect(&self) -> Option<io::Result<Box<dyn Connection>>> {
        match self.profile.can.http1_bytes.lack() {
            Some(_) => None,
            None => Some(self.open().await),
        }
    }
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransport")
            .field("to", &self.to)
            .field("http2", &self.http2)
            .field("profile", &self.profile.name)
            .finish_non_exhaustive()
    }
}
