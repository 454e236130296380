//! A bound socket: its URL, accepting connections, and closing it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::{tcp, unix};

/// A bound socket.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener, Security),
    Unix {
        // Declared first and therefore dropped first, so that the socket file never exists when nothing listens on it.
        _file: Option<unix::SocketFile>,
        listener: UnixListener,
    },
}

/// Whether the connections of a TCP listener speak TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    Plain,
    Tls,
    /// TLS if the server has a certificate. Used for inherited sockets, because they have no URL scheme that selects
    /// TLS.
    TlsIfPossible,
}

/// An accepted connection. A TCP connection comes with the client's address.
pub(crate) enum Stream {
    Tcp(TcpStream, IpAddr),
    Unix(UnixStream),
}

impl Listener {
    /// The URL for clients on this machine. `has_certificate` is true if the server has a TLS certificate.
    pub(crate) fn url(&self, has_certificate: bool) -> String {
        self.url_with(has_certificate, tcp::reachable)
    }

    /// The URL with the address that was bound: `0.0.0.0` for all interfaces.
    pub(crate) fn bound_url(&self, has_certificate: bool) -> String {
        self.url_with(has_certificate, |address| address)
    }

    fn url_with(&self, has_certificate: bool, shown: fn(SocketAddr) -> SocketAddr) -> String {
        match self {
            Self::Tcp(listener, _) => {
                let scheme = match self.is_tls(has_certificate) {
                    true => "https",
                    false => "http",
                };
                match listener.local_addr() {
                    Ok(address) => format!("{scheme}://{}", shown(address)),
                    Err(_) => format!("{scheme}://?"),
                }
            }
            Self::Unix { listener, .. } => {
                let address = listener.local_addr().ok();
                let path = address.as_ref().and_then(|address| address.as_pathname());
                format!("unix:{}", path.unwrap_or(Path::new("?")).display())
            }
        }
    }

    /// Whether the connections of this listener speak TLS.
    pub(crate) fn is_tls(&self, has_certificate: bool) -> bool {
        match self {
            Self::Tcp(_, Security::Tls) => true,
            Self::Tcp(_, Security::TlsIfPossible) => has_certificate,
            _ => false,
        }
    }

    /// Waits for the next connection. If accept(2) fails, logs the error and tries again, because nearly all errors of
    /// accept(2) are temporary.
    pub(crate) async fn accept(&self) -> Stream {
        let mut pause = Duration::from_millis(10);
        loop {
            let error = match self.try_accept().await {
                Ok(stream) => return stream,
                Err(error) => error,
            };
            // The client closed the connection while it was in the queue. The listener still works.
            if matches!(
                error.kind(),
                io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
            ) {
                continue;
            }
            // The process has no free file descriptors or memory. accept(2) fails at once until some are free, so without a
            // pause this loop would use a whole CPU.
            tracing::error!(%error, ?pause, "failed to accept a connection");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    /// Closes the listener and passes every connection in its queue to `serve`.
    ///
    /// The kernel resets connections that are in the queue when a listener is closed. Tokio learns of new connections
    /// with a delay, so this method calls accept(2) itself until the queue is empty.
    pub(crate) fn close(self, mut serve: impl FnMut(Stream)) {
        match self {
            Self::Tcp(listener, _) => {
                let Ok(listener) = listener.into_std() else {
                    return;
                };
                while let Ok((stream, peer)) = listener.accept() {
                    if stream.set_nonblocking(true).is_ok()
                        && let Ok(stream) = TcpStream::from_std(stream)
                    {
                        serve(Stream::Tcp(stream, peer.ip().to_canonical()));
                    }
                }
            }
            Self::Unix { listener, .. } => {
                let Ok(listener) = listener.into_std() else {
                    return;
                };
                while let Ok((stream, _)) = listener.accept() {
                    if stream.set_nonblocking(true).is_ok()
                        && let Ok(stream) = UnixStream::from_std(stream)
                    {
                        serve(Stream::Unix(stream));
                    }
                }
            }
        }
    }

    async fn try_accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener, _) => {
                let (stream, peer) = listener.accept().await?;
                // IPv4 clients of a dual-stack socket appear as `::ffff:192.0.2.1`.
                Ok(Stream::Tcp(stream, peer.ip().to_canonical()))
            }
            Self::Unix { listener, .. } => Ok(Stream::Unix(listener.accept().await?.0)),
        }
    }
}
