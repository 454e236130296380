//! The protocols that precede HTTP on a connection: the PROXY protocol and TLS.

use std::io;
use std::net::IpAddr;

use anyhost_core::Context;
use http::uri::Scheme;
use tokio::io::AsyncRead;
use tokio::net::TcpStream;

use super::io::Io;
use crate::context;
use crate::listen::{Stream, limit_unsent_bytes, proxy_protocol};
use crate::state::Shared;

/// Reads the PROXY header and does the TLS handshake, if the server expects them. Returns the stream for HTTP, and the
/// context of the connection.
pub(super) async fn handshake(
    stream: Stream,
    tls: bool,
    shared: &Shared,
) -> io::Result<(Io, Context)> {
    let (io, peer, scheme) = match stream {
        Stream::Tcp(mut stream, peer) => {
            if shared.config.options.limits.write_stall_timeout.is_some() {
                limit_unsent_bytes(&stream);
            }
            let peer = client_address(&mut stream, shared).await?.unwrap_or(peer);
            match tls {
                true => {
                    let stream = accept_tls(stream, shared).await?;
                    (stream, Some(peer), Scheme::HTTPS)
                }
                false => (Io::Tcp(stream), Some(peer), Scheme::HTTP),
            }
        }
        Stream::Unix(mut stream) => {
            let peer = client_address(&mut stream, shared).await?;
            (Io::Unix(stream), peer, Scheme::HTTP)
        }
    };
    let context = context::of_connection(peer, scheme, &shared.state.draining);
    Ok((io, context))
}

/// Reads the client's address from the PROXY header, if the server expects this header.
async fn client_address<S>(stream: &mut S, shared: &Shared) -> io::Result<Option<IpAddr>>
where
    S: AsyncRead + Unpin,
{
    match shared.config.options.proxy_protocol {
        true => proxy_protocol::read(stream).await,
        false => Ok(None),
    }
}

#[cfg(feature = "tls")]
async fn accept_tls(stream: TcpStream, shared: &Shared) -> io::Result<Io> {
    let Some(tls) = &shared.config.tls else {
        return Err(io::Error::other("the server has no TLS certificate"));
    };
    // Boxed, because the task of a connection reserves space for the largest future that it awaits.
    let handshake = Box::pin(tls.accept(stream));
    let stream = match shared.config.options.limits.tls_handshake_timeout {
        Some(limit) => tokio::time::timeout(limit, handshake).await??,
        None => handshake.await?,
    };
    Ok(Io::Tls(Box::new(stream)))
}

#[cfg(not(feature = "tls"))]
async fn accept_tls(_: TcpStream, _: &Shared) -> io::Result<Io> {
    Err(io::Error::other(
        "the program was built without the feature `tls`",
    ))
}
