//! The stream of a connection, as hyper uses it. This stream observes the bytes that are read and written.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::detect::Protocol;
use super::heads::{Heads, is_blank};
use super::io::Io;
use super::linger::linger;
use super::serve::OpenConnection;
use super::streams::Streams;
use crate::timeouts::{Activity, Input};

/// How many bytes of further requests are taken from the socket while an HTTP/1 request is in flight.
const MAX_WAITING_BYTES: usize = 4096;

/// How many bytes are read from the socket at once until the end of a head. The bytes after the head are copied twice, so
/// only the start of a large body should be read with its head. hyper's buffer has this size at first.
const MAX_HEAD_READ: u64 = 8192;

/// Head and body of a response are joined before they are written if they have at most this number of bytes. For a short
/// response, writev(2) takes 5 % longer than a copy and send(2).
const MAX_JOINED: usize = 4096;

thread_local! {
    /// The allocation for joined buffers.
    static JOINED: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The stream of a connection. It reports reads and writes to the timeouts, and closes in such a way that the client
/// can read all bytes that were written.
pub(super) struct Observed {
    /// `None` only while this value is being dropped.
    stream: Option<(Io, Box<OpenConnection>)>,
    /// Bytes that were read, and are not passed to hyper yet.
    waiting: Vec<u8>,
    protocol: State,
    activity: Arc<Activity>,
    /// Whether the peer has closed its side.
    read_closed: bool,
    /// Whether hyper has written everything and closed this side.
    write_closed: bool,
}

enum State {
    Http1(Heads),
    // Boxed, because most connections are HTTP/1.
    Http2(Box<Streams>),
}

impl Observed {
    /// `first` are the bytes that were read to detect the protocol.
    pub(super) fn new(
        io: Io,
        protocol: Protocol,
        first: Vec<u8>,
        open: Box<OpenConnection>,
        activity: Arc<Activity>,
    ) -> Self {
        Self {
            stream: Some((io, open)),
            waiting: first,
            protocol: match protocol {
                Protocol::Http1 => State::Http1(Heads::default()),
                Protocol::Http2 => State::Http2(Box::new(Streams::new())),
            },
            activity,
            read_closed: false,
            write_closed: false,
        }
    }

    fn io(&mut self) -> io::Result<Pin<&mut Io>> {
        match &mut self.stream {
            Some((io, _)) => Ok(Pin::new(io)),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Reads the waiting bytes, or, if there are none, at most `limit` bytes from the socket. Returns where the new bytes
    /// begin.
    fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        limit: u64,
    ) -> Poll<io::Result<usize>> {
        let start = buf.filled().len();
        if self.waiting.is_empty() {
            let mut limited = self.io()?.take(limit);
            ready!(Pin::new(&mut limited).poll_read(cx, buf))?;
            self.read_closed |= buf.filled().len() == start;
        } else {
            let length = buf.remaining().min(self.waiting.len());
            buf.put_slice(&self.waiting[..length]);
            self.waiting.drain(..length);
        }
        Poll::Ready(Ok(start))
    }

    /// Reads the waiting bytes, and also from the socket if they are not the whole body. A body that arrives at once is then
    /// one chunk, which [`Body`](anyhost_core::Body) keeps without a copy.
    fn poll_fill_body(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        remaining: u64,
    ) -> Poll<io::Result<usize>> {
        let waiting = self.waiting.len() as u64;
        let start = ready!(self.poll_fill(cx, buf, u64::MAX))?;
        if (1..remaining).contains(&waiting) && buf.remaining() > 0 {
            // The bytes so far are passed to hyper in any case. After an error, the next read fails or finds the end.
            let _ = self.poll_fill(cx, buf, u64::MAX);
        }
        Poll::Ready(Ok(start))
    }

    /// Passes hyper the bytes of one head, or of the body of one request.
    ///
    /// hyper does not read from a connection while its buffer contains bytes of the next request. hyper would then not
    /// notice that the client has disconnected, and does not report whether these bytes are the start of a head.
    fn poll_read_http1(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let input = self.activity.input();
        if input == Input::NextHead {
            return self.poll_read_ahead(cx);
        }
        let start = match input {
            Input::Body(remaining) => ready!(self.poll_fill_body(cx, buf, remaining))?,
            _ => ready!(self.poll_fill(cx, buf, MAX_HEAD_READ))?,
        };
        let new = &buf.filled()[start..];
        let State::Http1(heads) = &mut self.protocol else {
            return Poll::Ready(Ok(()));
        };
        let length = match input {
            Input::Body(remaining) => {
                let remaining = usize::try_from(remaining).unwrap_or(usize::MAX);
                let length = new.len().min(remaining);
                self.activity.mark_body_read(length as u64);
                length
            }
            _ => {
                let end = heads.end(new);
                if end.is_none() && !is_blank(new) {
                    self.activity.set_head_started(true);
                }
                if end.is_some() {
                    self.activity.set_head_started(false);
                }
                end.unwrap_or(new.len())
            }
        };
        if length < new.len() {
            self.waiting.splice(..0, new[length..].iter().copied());
            buf.set_filled(start + length);
        }
        self.report_waiting();
        Poll::Ready(Ok(()))
    }

    /// Reads bytes that have to wait until the current request ends. Ready only if the client has disconnected.
    fn poll_read_ahead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.waiting.len() < MAX_WAITING_BYTES {
            let mut bytes = [0; 256];
            let mut buf = ReadBuf::new(&mut bytes);
            let read = self.io()?.poll_read(cx, &mut buf);
            if read.is_pending() {
                break;
            }
            ready!(read)?;
            if buf.filled().is_empty() {
                self.read_closed = true;
                return Poll::Ready(Ok(()));
            }
            self.waiting.extend(buf.filled());
            self.report_waiting();
        }
        Poll::Pending
    }

    fn report_waiting(&self) {
        self.activity.set_input_waits(!self.waiting.is_empty());
        if !is_blank(&self.waiting) {
            self.activity.set_head_started(true);
        }
    }

    /// Reports an attempt to write `bufs`.
    fn mark_write(&mut self, written: &Poll<io::Result<usize>>, bufs: &[io::IoSlice<'_>]) {
        self.activity.mark_write(written.is_ready());
        let (State::Http2(streams), Poll::Ready(Ok(length))) = (&mut self.protocol, written) else {
            return;
        };
        let (mut rest, mut data) = (*length, false);
        for buf in bufs {
            let length = rest.min(buf.len());
            data |= streams.written(&buf[..length]);
            rest -= length;
        }
        self.activity.set_open_streams(streams.open());
        if data {
            self.activity.mark_data_written();
        }
    }
}

impl AsyncRead for Observed {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let State::Http1(_) = this.protocol {
            return this.poll_read_http1(cx, buf);
        }
        let is_preface = !this.waiting.is_empty();
        let start = ready!(this.poll_fill(cx, buf, u64::MAX))?;
        if let (State::Http2(streams), false) = (&mut this.protocol, is_preface) {
            streams.received(&buf.filled()[start..]);
            this.activity.set_open_streams(streams.open());
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Observed {
    #[inline]
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.io()?.poll_write(cx, buf);
        self.mark_write(&written, &[io::IoSlice::new(buf)]);
        written
    }

    #[inline]
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = match bufs {
            [head, body] if head.len() + body.len() <= MAX_JOINED => {
                let mut joined = JOINED.take();
                joined.clear();
                joined.extend_from_slice(head);
                joined.extend_from_slice(body);
                let written = self.io()?.poll_write(cx, &joined);
                JOINED.set(joined);
                written
            }
            _ => self.io()?.poll_write_vectored(cx, bufs),
        };
        self.mark_write(&written, bufs);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream
            .as_ref()
            .is_some_and(|(io, _)| io.is_write_vectored())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = ready!(self.io()?.poll_shutdown(cx));
        self.write_closed = closed.is_ok();
        Poll::Ready(closed)
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        let Some((mut io, open)) = self.stream.take() else {
            return;
        };
        if !self.write_closed {
            // RFC 9112 §8: without a length, a client treats the end of the connection as the end of the response.
            // Only a reset shows that the response was aborted.
            if self.activity.is_ended_by_close() {
                io.set_reset_on_close();
            }
            return;
        }
        let mut byte = [0];
        let mut buf = ReadBuf::new(&mut byte);
        let read = Pin::new(&mut io).poll_read(&mut Context::from_waker(Waker::noop()), &mut buf);
        let has_unread_input = read.is_ready() && !buf.filled().is_empty();
        if has_unread_input || (self.activity.has_written_recently() && !self.read_closed) {
            linger(io, open);
        }
    }
}
