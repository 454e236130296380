//! Detecting HTTP/2 by its connection preface.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// The connection preface of an HTTP/2 client. It was chosen so that no HTTP/1 request starts with it (RFC 9113 §3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// Reads until the protocol is known. Returns the protocol and the bytes that were read.
pub(super) async fn detect<S>(stream: &mut S) -> io::Result<(Protocol, Vec<u8>)>
where
    S: AsyncRead + Unpin,
{
    let mut first = [0; PREFACE.len()];
    let mut length = 0;
    let protocol = loop {
        if first[..length] != PREFACE[..length] {
            break Protocol::Http1;
        }
        if length == PREFACE.len() {
            break Protocol::Http2;
        }
        match stream.read(&mut first[length..]).await? {
            0 => break Protocol::Http1,
            read => length += read,
        }
    };
    Ok((protocol, first[..length].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn protocol_of(bytes: &[u8]) -> io::Result<Protocol> {
        let mut rest = bytes;
        let (protocol, mut read) = detect(&mut rest).await?;
        read.extend(rest);
        assert_eq!(read, bytes);
        Ok(protocol)
    }

    #[tokio::test]
    async fn only_a_complete_preface_is_detected_as_http_2() -> io::Result<()> {
        assert_eq!(
            protocol_of(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nmore").await?,
            Protocol::Http2
        );
        for bytes in [
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            b"PROPFIND / HTTP/1.1",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n",
            b"P",
            b"",
        ] {
            assert_eq!(protocol_of(bytes).await?, Protocol::Http1);
        }
        Ok(())
    }

    #[tokio::test]
    async fn a_preface_that_arrives_byte_by_byte_is_detected_as_http_2() -> io::Result<()> {
        let (mut client, mut server) = tokio::io::duplex(64);
        let write = async {
            for byte in PREFACE {
                tokio::io::AsyncWriteExt::write_all(&mut client, &[*byte]).await?;
                tokio::task::yield_now().await;
            }
            io::Result::Ok(())
        };
        let ((), (protocol, _)) = tokio::try_join!(write, detect(&mut server))?;
        assert_eq!(protocol, Protocol::Http2);
        Ok(())
    }
}
