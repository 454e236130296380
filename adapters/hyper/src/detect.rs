//! HTTP/1 or HTTP/2: the client's first bytes tell.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use crate::watch::Pulse;

/// RFC 9113 §3.4: what an HTTP/2 client sends first. No HTTP/1 request starts like this.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// Reads until the protocol is clear, and puts what was read back in front.
pub(crate) async fn detect<S, O>(
    mut stream: S,
    open: O,
    pulse: Arc<Pulse>,
) -> io::Result<(Protocol, Rewound<S, O>)>
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
            more => length += more,
        }
    };
    let rewound = Rewound {
        first,
        start: 0,
        end: length,
        stream: TokioIo::new(stream),
        pulse,
        _open: open,
    };
    Ok((protocol, rewound))
}

/// A stream for hyper, whose first bytes are read again, and whose reads and writes are counted.
pub(crate) struct Rewound<S, O> {
    first: [u8; PREFACE.len()],
    start: usize,
    end: usize,
    stream: TokioIo<S>,
    pulse: Arc<Pulse>,
    /// What is held for as long as the stream is.
    _open: O,
}

impl<S: AsyncRead + Unpin, O: Unpin> Read for Rewound<S, O> {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.start == this.end {
            let read = Pin::new(&mut this.stream).poll_read(cx, buf);
            // The end of the stream counts as well; nothing comes of it any more.
            if read.is_ready() {
                this.pulse.read();
            }
            return read;
        }
        let length = buf.remaining().min(this.end - this.start);
        buf.put_slice(&this.first[this.start..this.start + length]);
        this.start += length;
        this.pulse.read();
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin, O: Unpin> Write for Rewound<S, O> {
    #[inline]
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.pulse.wrote(written.is_ready());
        written
    }

    #[inline]
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.pulse.wrote(written.is_ready());
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
    async fn only_the_whole_preface_is_http_2() -> io::Result<()> {
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
    async fn a_preface_in_pieces_is_http_2() -> io::Result<()> {
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
