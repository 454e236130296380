//! Sockets that connections come from.

mod inherited;
mod tcp;
mod unix;

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::address::Address;

pub use inherited::Inherited;
pub(crate) use tcp::show_progress;

/// A bound socket. It logs and retries what goes wrong while accepting, so that `accept` always
/// gives a connection.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener, Security),
    Unix {
        // Dropped first: as long as the file is there, somebody answers.
        _file: Option<unix::SocketFile>,
        listener: UnixListener,
    },
}

/// Whether a TCP listener speaks TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    Plain,
    Tls,
    /// If the server has a certificate: for sockets that somebody else has opened.
    IfPossible,
}

/// A connection and who is at its other end.
pub(crate) enum Stream {
    Tcp(TcpStream, IpAddr),
    Unix(UnixStream),
}

impl Listener {
    pub(crate) async fn bind(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(host, port) => {
                Ok(Self::Tcp(tcp::bind(host, *port).await?, Security::Plain))
            }
            Address::Tls(host, port) => Ok(Self::Tcp(tcp::bind(host, *port).await?, Security::Tls)),
            Address::Unix(path, mode) => {
                let (file, listener) = unix::bind(path, *mode).await?;
                Ok(Self::Unix {
                    _file: Some(file),
                    listener,
                })
            }
            Address::Fd(number) => inherited::take(*number),
        }
    }

    /// The address as a client would write it; `https` if it speaks TLS.
    pub(crate) fn url(&self, certificate: bool) -> String {
        match self {
            Self::Tcp(listener, security) => {
                let scheme = match security {
                    Security::Plain => "http",
                    Security::Tls => "https",
                    Security::IfPossible if certificate => "https",
                    Security::IfPossible => "http",
                };
                match listener.local_addr() {
                    Ok(address) => format!("{scheme}://{}", tcp::reachable(address)),
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

    /// Whether its connections speak TLS, on a server that has a certificate or not.
    pub(crate) fn speaks_tls(&self, certificate: bool) -> bool {
        match self {
            Self::Tcp(_, Security::Tls) => true,
            Self::Tcp(_, Security::IfPossible) => certificate,
            _ => false,
        }
    }

    pub(crate) async fn accept(&self) -> Stream {
        let mut pause = Duration::from_millis(10);
        loop {
            let error = match self.try_accept().await {
                Ok(stream) => return stream,
                Err(error) => error,
            };
            // The client was gone before we came: nothing is wrong with the listener.
            if matches!(
                error.kind(),
                io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
            ) {
                continue;
            }
            // Out of file descriptors or memory: without a pause the loop would spin until some
            // are free again.
            tracing::error!(%error, ?pause, "cannot accept connections for now");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    /// Takes what waits in the queue and closes it. The kernel is asked itself: tokio learns of connections a
    /// little later, and whoever is in the queue when it is closed is reset.
    pub(crate) fn close(self, mut take: impl FnMut(Stream)) {
        match self {
            Self::Tcp(listener, _) => {
                let Ok(listener) = listener.into_std() else {
                    return;
                };
                while let Ok((stream, peer)) = listener.accept() {
                    if stream.set_nonblocking(true).is_ok()
                        && let Ok(stream) = TcpStream::from_std(stream)
                    {
                        take(Stream::Tcp(stream, peer.ip().to_canonical()));
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
                        take(Stream::Unix(stream));
                    }
                }
            }
        }
    }

    async fn try_accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener, _) => {
                let (stream, peer) = listener.accept().await?;
                Ok(Stream::Tcp(stream, peer.ip().to_canonical()))
            }
            Self::Unix { listener, .. } => Ok(Stream::Unix(listener.accept().await?.0)),
        }
    }
}
