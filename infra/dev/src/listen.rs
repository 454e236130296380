//! The listening socket, and its addresses.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

use crate::environment::lookup;
use crate::options::Options;
use crate::{Error, say};

/// The default port of anyhost.
const DEFAULT_PORT: u16 = 3000;

/// How many ports are tried.
const ATTEMPTS: u16 = 100;

/// Binds the address in the options, or else the address in the variables PORT and HOST.
pub(crate) fn bind(
    options: &Options,
    variables: &[(String, String)],
) -> Result<TcpListener, Error> {
    let variable = lookup(variables, "PORT").map(|port| {
        let invalid = |_| format!("PORT: invalid value {port:?}, expected a port number");
        port.parse().map_err(invalid)
    });
    let port = match options.port {
        Some(port) => Some(port),
        None => variable.transpose()?,
    };
    // As in `anyhost::run`, HOST alone has no effect, because some shells and build tools set it to the name of a
    // platform.
    let host = options.host.clone();
    let host = host.or_else(|| port.and_then(|_| lookup(variables, "HOST")));
    let host = host.unwrap_or_else(|| "0.0.0.0".to_owned());
    let port = port.unwrap_or(DEFAULT_PORT);
    let listener = bind_free(&host, port)
        .map_err(|error| format!("cannot listen on port {port} of {host}: {error}"))?;
    let bound = listener.local_addr()?.port();
    if port != 0 && bound != port {
        say(format_args!("port {port} is in use, using port {bound}"));
    }
    Ok(listener)
}

/// Binds a port, or the next port that is free.
fn bind_free(host: &str, port: u16) -> io::Result<TcpListener> {
    let last = port.saturating_add(ATTEMPTS);
    let mut ports = port..=last;
    loop {
        match TcpListener::bind((host, ports.next().unwrap_or(last))) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && !ports.is_empty() => {}
            result => return result,
        }
    }
}

/// The URLs for clients on this machine and, if the socket is bound to all interfaces, on its network.
pub(crate) fn urls(address: SocketAddr, scheme: &str) -> Vec<(&'static str, String)> {
    let port = address.port();
    let url = |ip: IpAddr| format!("{scheme}://{}", SocketAddr::new(ip, port));
    let local = format!("{scheme}://localhost:{port}");
    match address.ip() {
        ip if ip.is_unspecified() => {
            let network = network_address(ip).map(|ip| ("network", url(ip)));
            [("local", local)].into_iter().chain(network).collect()
        }
        ip if ip.is_loopback() => vec![("local", local)],
        ip => vec![("network", url(ip))],
    }
}

/// The address of this machine in its network: the source address of packets to the internet. Connecting a UDP socket
/// selects the source address and sends nothing. The destination is an address for documentation (RFC 5737, RFC 3849).
fn network_address(unspecified: IpAddr) -> Option<IpAddr> {
    let destination: IpAddr = match unspecified {
        IpAddr::V4(_) => Ipv4Addr::new(192, 0, 2, 1).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    };
    let socket = UdpSocket::bind((unspecified, 0)).ok()?;
    socket.connect((destination, 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_a_port_is_taken_a_later_port_is_bound() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let bound = bind_free("127.0.0.1", port).unwrap();
        let bound = bound.local_addr().unwrap().port();
        assert!(bound > port && bound <= port + ATTEMPTS, "{bound} {port}");
    }

    #[test]
    fn an_address_that_cannot_be_bound_is_an_error() {
        // The address is reserved for documentation, so no machine has it.
        let error = bind_free("192.0.2.1", 3000).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
    }

    #[test]
    fn the_urls_depend_on_the_interfaces_that_are_bound() {
        let urls = |address: &str| urls(address.parse().unwrap(), "http");
        let local = ("local", "http://localhost:80".to_owned());
        assert_eq!(urls("127.0.0.1:80"), std::slice::from_ref(&local));
        assert_eq!(
            urls("192.0.2.7:80"),
            [("network", "http://192.0.2.7:80".to_owned())]
        );
        assert_eq!(urls("0.0.0.0:80")[0], local);
    }
}
