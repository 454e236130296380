//! The PROXY protocol of HAProxy: a load balancer writes the client's address in front of each connection.
//!
//! Specification: <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>.

use std::io;
use std::net::IpAddr;

use ppp::{v1, v2};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The length of `PROXY UNKNOWN\r\n`, the shortest header of version 1. A header of version 2 is longer, so this number
/// of bytes can be read before the version is known, and all these bytes belong to the header.
const SHORTEST: usize = 15;
/// The longest header of version 1, including its line end.
const LONGEST_V1: usize = 107;
/// The longest header of version 2 that is accepted. This limit leaves room for extensions, which are ignored.
const LONGEST_V2: usize = 4096;
const HEAD_V2: usize = 16;

/// Reads the header, and no byte after it, and returns the client's address. The address is `None` if the load
/// balancer does not know it, or made the connection itself for a health check.
///
/// # Errors
/// When the connection does not start with a valid header. A client that connects without the load
/// balancer is not served, because the client could choose its address.
pub(crate) async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Option<IpAddr>> {
    let mut header = vec![0; SHORTEST];
    stream.read_exact(&mut header).await?;
    match header.starts_with(v2::PROTOCOL_PREFIX) {
        true => read_v2(stream, header).await,
        false => read_v1(stream, header).await,
    }
}

/// A header of version 1 is a line of text. Its length is not known in advance, so the line is read byte by byte.
async fn read_v1<S: AsyncRead + Unpin>(
    stream: &mut S,
    mut header: Vec<u8>,
) -> io::Result<Option<IpAddr>> {
    if !header.starts_with(v1::PROTOCOL_PREFIX.as_bytes()) {
        return Err(invalid("missing"));
    }
    while !header.ends_with(b"\r\n") {
        if header.len() == LONGEST_V1 {
            return Err(invalid("the line is too long"));
        }
        header.push(stream.read_u8().await?);
    }
    let header = v1::Header::try_from(&header[..]).map_err(invalid)?;
    Ok(match header.addresses {
        v1::Addresses::Tcp4(ip) => Some(ip.source_address.into()),
        v1::Addresses::Tcp6(ip) => Some(ip.source_address.to_canonical()),
        v1::Addresses::Unknown => None,
    })
}

async fn read_v2<S: AsyncRead + Unpin>(
    stream: &mut S,
    mut header: Vec<u8>,
) -> io::Result<Option<IpAddr>> {
    header.push(stream.read_u8().await?);
    let length = usize::from(u16::from_be_bytes([header[14], header[15]]));
    if length > LONGEST_V2 {
        return Err(invalid("the header is too long"));
    }
    header.resize(HEAD_V2 + length, 0);
    stream.read_exact(&mut header[HEAD_V2..]).await?;
    let header = v2::Header::try_from(&header[..]).map_err(invalid)?;
    Ok(match (header.command, header.addresses) {
        (v2::Command::Proxy, v2::Addresses::IPv4(ip)) => Some(ip.source_address.into()),
        (v2::Command::Proxy, v2::Addresses::IPv6(ip)) => Some(ip.source_address.to_canonical()),
        _ => None,
    })
}

fn invalid(why: impl std::fmt::Display) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("invalid PROXY header: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a header, and returns the client's address and the number of bytes that were not read.
    async fn read_all(bytes: &[u8]) -> io::Result<(Option<String>, usize)> {
        let mut stream = bytes;
        let address = read(&mut stream).await?;
        Ok((address.map(|address| address.to_string()), stream.len()))
    }

    #[tokio::test]
    async fn a_version_1_header_is_read_up_to_its_line_end() -> io::Result<()> {
        for (line, address) in [
            (
                "PROXY TCP4 203.0.113.9 192.0.2.1 4711 80\r\n",
                Some("203.0.113.9"),
            ),
            (
                "PROXY TCP6 2001:db8::1 2001:db8::2 4711 80\r\n",
                Some("2001:db8::1"),
            ),
            ("PROXY UNKNOWN\r\n", None),
            ("PROXY UNKNOWN what ever\r\n", None),
        ] {
            let bytes = format!("{line}GET / HTTP/1.1\r\n");
            let expected = (address.map(str::to_owned), 16);
            assert_eq!(read_all(bytes.as_bytes()).await?, expected, "{line}");
        }
        Ok(())
    }

    fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = v2::PROTOCOL_PREFIX.to_vec();
        bytes.extend([0x20 | command, family]);
        bytes.extend(u16::try_from(rest.len()).unwrap_or(u16::MAX).to_be_bytes());
        bytes.extend(rest);
        bytes
    }

    #[tokio::test]
    async fn a_version_2_header_is_read_up_to_its_declared_length() -> io::Result<()> {
        let mut ip = vec![203, 0, 113, 9, 192, 0, 2, 1, 0x12, 0x67, 0, 80];
        let plain = version_2(1, 0x11, &ip);
        assert_eq!(read_all(&plain).await?, (Some("203.0.113.9".to_owned()), 0));
        // A header with an extension after the addresses.
        ip.extend([0x04, 0, 3, 1, 2, 3]);
        let mut extended = version_2(1, 0x11, &ip);
        extended.extend(b"GET");
        assert_eq!(
            read_all(&extended).await?,
            (Some("203.0.113.9".to_owned()), 3)
        );
        // A LOCAL command: a health check by the load balancer.
        assert_eq!(read_all(&version_2(0, 0, b"")).await?, (None, 0));
        Ok(())
    }

    #[tokio::test]
    async fn a_missing_or_invalid_header_is_an_error() {
        let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(100));
        for bytes in [
            &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
            b"PROXY TCP4 203.0.113.9",
            b"PROXY TCP4 203.0.113.999 192.0.2.1 4711 80\r\n",
            b"PROXY\r\n            \r\n",
            long.as_bytes(),
            &version_2(1, 0x11, b"short"),
            &version_2(9, 0x11, &[0; 12]),
            &version_2(1, 0x11, &[0; 5000]),
            b"",
        ] {
            assert!(read(&mut &bytes[..]).await.is_err(), "accepted {bytes:?}");
        }
    }
}
