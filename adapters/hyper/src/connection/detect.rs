//! Detecting HTTP/2 by its connection preface.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use crate::timeouts::Activity;

/// The connection preface of an HTTP/2 client. It was chosen so that no HTTP/1 request starts with it (RFC 9113 §3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// Reads until the protocol is known. The returned stream yields the bytes that were read once more.
///
/// `guard` lives as long as the stream.
pub(super) async fn detect<S, G>(
    mut stream: S,
    guard: G,
    activity: Arc<Activity>,
) -> io::Result<(Protocol, Rewound<S, G>)>
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
    let rewound = Rewound {
        first,
        start: 0,
        end: length,
        stream: TokioIo::new(stream),
        activity,
        _guard: guard,
    };
    Ok((protocol, rewound))
}

/// A stream for hyper that yields bytes which were read before, and reports reads and writes to the timeouts.
pub(super) struct Rewound<S, G> {
    first: [u8; PREFACE.len()],
    start: usize,
    end: usize,
    stream: TokioIo<S>,
    activity: Arc<Activity>,
    _guard: G,
}

impl<S: AsyncRead + Unpin, G: Unpin> Read for Rewound<S, G> {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.start == this.end {
            let read = Pin::new(&mut this.stream).poll_read(cx, buf);
            // The end of the stream is counted like bytes. That is harmless: hyper then closes the connection.
            if read.is_ready() {
                this.activity.mark_read();
            }
            return read;
        }
        let length = buf.remaining().min(this.end - this.start);
        buf.put_slice(&this.first[this.start..this.start + length]);
        this.start += length;
        this.activity.mark_read();
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin, G: Unpin> Write for Rewound<S, G> {
    #[inline]
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.activity.mark_write(written.is_ready());
        written
    }

    #[inline]
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.activity.mark_write(written.is_ready());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn protocol_of(bytes: &[u8]) -> io::Result<Protocol> {
        let (protocol, stream) = detect(bytes, (), Arc::default()).await?;
        let mut again = Vec::new();
        TokioIo::new(stream).read_to_end(&mut again).await?;
        assert_eq!(again, bytes);
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
        let (mut client, server) = tokio::io::duplex(64);
        let write = async {
            for byte in PREFACE {
                tokio::io::AsyncWriteExt::write_all(&mut client, &[*byte]).await?;
                tokio::task::yield_now().await;
            }
            io::Result::Ok(())
        };
        let ((), (protocol, _)) = tokio::try_join!(write, detect(server, (), Arc::default()))?;
        assert_eq!(protocol, Protocol::Http2);
        Ok(())
    }
}
