//! TCP sockets.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream, lookup_host};

/// How many connections may wait until they are accepted. The kernel takes less if
/// `net.core.somaxconn` says so.
pub(super) const BACKLOG: i32 = 4096;

/// When a silent connection's other end is asked whether it is still there, and how often: a peer that
/// lost its power or its network is found out after two minutes, which no limit on requests would do
/// without hurting those that only wait. While something is being sent, the kernel finds it out itself.
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(60))
    .with_interval(Duration::from_secs(15))
    .with_retries(4);

/// Listens at the first address of this name that can be had.
pub(super) async fn bind(host: &str, port: u16) -> io::Result<TcpListener> {
    let mut last = None;
    for address in lookup_host((host, port)).await? {
        match listen(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "it has no address")))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // Connections of a server that has just stopped must not keep the next one from its port.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        // `[::]` means every address, whatever the system's default is.
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    adopt(socket.into())
}

/// Takes a listening socket, whoever has opened it. On Linux its connections inherit these options.
pub(super) fn adopt(listener: std::net::TcpListener) -> io::Result<TcpListener> {
    let socket = SockRef::from(&listener);
    socket.set_nonblocking(true)?;
    // Replies are written whole; waiting for more only delays them.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&KEEPALIVE)?;
    TcpListener::from_std(listener)
}

/// Lets a client that reads slowly be seen to read: the kernel takes more only after a part of what it holds
/// has gone, which without this can be megabytes.
pub(crate) fn show_progress(stream: &TcpStream) {
    #[cfg(target_os = "linux")]
    if let Err(error) = SockRef::from(stream).set_tcp_notsent_lowat(64 * 1024) {
        tracing::debug!(%error, "cannot set TCP_NOTSENT_LOWAT");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = stream;
}

/// `0.0.0.0` is where we listen, not where a client can go on every system.
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
    async fn connections_have_nodelay_and_keepalive() -> io::Result<()> {
        let listener = bind("127.0.0.1", 0).await?;
        let _client = TcpStream::connect(listener.local_addr()?).await?;
        let (stream, _) = listener.accept().await?;
        let socket = SockRef::from(&stream);
        assert!(socket.tcp_nodelay()? && socket.keepalive()?);
        assert_eq!(socket.tcp_keepalive_time()?, Duration::from_secs(60));
        Ok(())
    }

    #[tokio::test]
    async fn the_unspecified_ipv6_address_takes_ipv4_too() -> io::Result<()> {
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
    fn an_unspecified_address_is_told_as_one_that_can_be_reached() {
        for (address, told) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            assert_eq!(address.parse().map(reachable), told.parse(), "{address}");
        }
    }
}
