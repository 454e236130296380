//! TCP listeners.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream, lookup_host};

/// The length of the queue of connections that are not accepted yet. The kernel lowers this length to
/// `net.core.somaxconn`.
pub(super) const BACKLOG: i32 = 4096;

/// With TCP keep-alive, the kernel detects after two minutes that a peer lost its power or its network. A timeout is
/// not suitable, because it would also close connections whose clients only wait. While data is being sent, the kernel
/// detects a lost peer by retransmissions that are not acknowledged.
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(60))
    .with_interval(Duration::from_secs(15))
    .with_retries(4);

/// Listens on the first address of `host` that can be bound.
pub(super) async fn bind(host: &str, port: u16) -> io::Result<TcpListener> {
    let mut last_error = None;
    for address in lookup_host((host, port)).await? {
        match listen(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => last_error = Some(error),
        }
    }
    Err(last_error.unwrap_or_else(|| {
        io::Error::new(
            io::ErrorKind::NotFound,
            "the host name resolves to no address",
        )
    }))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // Without SO_REUSEADDR, connections of a previous process in TIME_WAIT would keep the port in use for a minute.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        // `[::]` also accepts IPv4, even if `net.ipv6.bindv6only` is set.
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    configure(socket.into())
}

/// Sets the options of a listening socket. On Linux, accepted connections inherit them.
pub(super) fn configure(listener: std::net::TcpListener) -> io::Result<TcpListener> {
    let socket = SockRef::from(&listener);
    socket.set_nonblocking(true)?;
    // hyper writes whole buffers; Nagle's algorithm would only delay the last segment.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&KEEPALIVE)?;
    TcpListener::from_std(listener)
}

/// Makes the progress of a slow reader visible to the write stall timeout.
///
/// A blocked socket becomes writable only after part of its send buffer was acknowledged. Linux grows the buffer to
/// megabytes, so a slow client would look stalled. TCP_NOTSENT_LOWAT makes the socket writable as soon as less than 64
/// KiB are unsent.
pub(crate) fn limit_unsent_bytes(stream: &TcpStream) {
    #[cfg(target_os = "linux")]
    if let Err(error) = SockRef::from(stream).set_tcp_notsent_lowat(64 * 1024) {
        tracing::debug!(%error, "failed to set TCP_NOTSENT_LOWAT");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = stream;
}

/// Replaces `0.0.0.0` and `[::]` by the loopback address. A socket can be bound to an unspecified address, but on some
/// systems clients cannot connect to it.
pub(super) fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn accepted_connections_have_tcp_nodelay_and_tcp_keep_alive() -> io::Result<()> {
        let listener = bind("127.0.0.1", 0).await?;
        let _client = TcpStream::connect(listener.local_addr()?).await?;
        let (stream, _) = listener.accept().await?;
        let socket = SockRef::from(&stream);
        assert!(socket.tcp_nodelay()? && socket.keepalive()?);
        assert_eq!(socket.tcp_keepalive_time()?, Duration::from_secs(60));
        Ok(())
    }

    #[tokio::test]
    async fn the_unspecified_ipv6_address_accepts_ipv4_connections() -> io::Result<()> {
        let listener = bind("::", 0).await?;
        let port = listener.local_addr()?.port();
        for client in ["127.0.0.1", "::1"] {
            let _client = TcpStream::connect((client, port)).await?;
            let (_, peer) = listener.accept().await?;
            assert_eq!(peer.ip().to_canonical().to_string(), client);
        }
        Ok(())
    }

    #[test]
    fn the_url_of_an_unspecified_address_has_the_loopback_address() {
        for (bound, reachable_at) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            assert_eq!(
                bound.parse().map(reachable),
                reachable_at.parse(),
                "{bound}"
            );
        }
    }
}
