//! The request body on stdin.
//!
//! A separate thread reads stdin, because stdin can be a pipe, a socket, a file or a terminal, and only
//! blocking reads work on all of them. The thread reads a little ahead of the handler. When a response is
//! waiting to be written, it reads the whole body; when the handler drops the body, it discards the rest.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use anyhost_core::http::StatusCode;
use anyhost_core::{Body, BoxError, Error};
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::framing::Framing;
use super::spool::Spool;

const BLOCK: usize = 64 * 1024;

/// How many bytes are kept in memory ahead of the handler.
const READ_AHEAD: usize = 4 * BLOCK;

/// If the handler does not read for this time, the rest of the body goes to disk. fcgiwrap may block the
/// handler: it reads the log (stderr) only after it has written the whole body.
const STALL: Duration = Duration::from_secs(1);

/// The largest size of the temporary file. A longer body ends with 413 for the handler.
const MAX_SPOOL: u64 = 1024 * 1024 * 1024;

/// The body of a request, shared by the reading thread, the handler and the response. `None` if the request
/// has no body.
#[derive(Clone)]
pub(crate) struct Input(Option<Arc<Shared>>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    mode: Mode,
    /// Bytes in memory for the handler, and how many. Bytes on disk come after them.
    ready: VecDeque<Bytes>,
    ready_bytes: usize,
    spool: Option<Spool>,
    /// The error that ends the body for the handler, although stdin could be read.
    fault: Option<BoxError>,
    /// Stays true after the handler took `fault`: no more bytes are kept.
    is_faulty: bool,
    /// The end of stdin: `Ok` if the body is complete.
    end: Option<io::Result<()>>,
    received: u64,
    handler: Option<Waker>,
    response: Option<Waker>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Mode {
    /// Read a little ahead of the handler.
    #[default]
    Follow,
    /// Read everything and keep it: the server may not read the response before it has written the body.
    ReadAll,
    /// Read everything and discard it.
    Discard,
}

impl Input {
    /// Starts to read, if the request has a body.
    pub(crate) fn new(framing: Framing, source: impl Read + Send + 'static) -> (Self, Body) {
        let length = match framing {
            Framing::None => return (Self(None), Body::empty()),
            Framing::Length(length) => Some(length),
            Framing::ToEnd => None,
        };
        let shared = Arc::new(Shared::default());
        spawn(Reader {
            shared: shared.clone(),
            source,
            remaining: length,
        });
        let body = Body::new(Stdin {
            shared: shared.clone(),
            remaining: length,
        });
        (Self(Some(shared)), body)
    }

    /// Whether the whole body was read from the server.
    pub(crate) fn is_fully_read(&self) -> bool {
        self.0
            .as_ref()
            .is_none_or(|shared| shared.lock().end.is_some())
    }

    /// How many bytes have been read from the server.
    pub(crate) fn received(&self) -> u64 {
        self.0.as_ref().map_or(0, |shared| shared.lock().received)
    }

    /// Waits until the whole body was read from the server. Bytes that the handler has not read yet are kept.
    pub(crate) async fn read_all(&self) {
        let Some(shared) = &self.0 else { return };
        shared.set_mode(Mode::ReadAll);
        poll_fn(|cx| {
            let mut state = shared.lock();
            if state.end.is_some() {
                return Poll::Ready(());
            }
            state.response = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Like [`read_all`](Self::read_all), but returns false if no bytes arrive for the time `idle`.
    pub(crate) async fn read_all_unless_idle(&self, idle: Duration) -> bool {
        let mut received_before = self.received();
        while tokio::time::timeout(idle, self.read_all()).await.is_err() {
            let received = self.received();
            if received == received_before {
                return false;
            }
            received_before = received;
        }
        true
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_mode(&self, mode: Mode) {
        let mut state = self.lock();
        // Once the handler has dropped the body, nothing reads the bytes any more.
        if state.mode != Mode::Discard {
            state.mode = mode;
        }
        if mode == Mode::Discard {
            (state.ready, state.ready_bytes, state.spool) = (VecDeque::new(), 0, None);
        }
        self.changed.notify_all();
    }
}

/// Runs the reader on a thread. If no thread can be started, as on hosts that limit them, reads the whole
/// body before the handler starts.
fn spawn<R: Read + Send + 'static>(reader: Reader<R>) {
    let shared = reader.shared.clone();
    // `Builder::spawn` consumes the closure even if it fails, so the reader is shared with the closure.
    let reader = Arc::new(Mutex::new(Some(reader)));
    let for_thread = reader.clone();
    let take = |reader: &Mutex<Option<Reader<R>>>| {
        let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
        reader.take()
    };
    let thread = std::thread::Builder::new().name("stdin".into());
    let spawned = thread.spawn(move || {
        if let Some(reader) = take(&for_thread) {
            reader.run();
        }
    });
    if let Err(error) = spawned {
        tracing::warn!(%error, "failed to start a thread: reading the request body before the handler runs");
        shared.set_mode(Mode::ReadAll);
        if let Some(reader) = take(&reader) {
            reader.run();
        }
    }
}

/// Reads stdin, on its thread.
struct Reader<R> {
    shared: Arc<Shared>,
    source: R,
    remaining: Option<u64>,
}

impl<R: Read> Reader<R> {
    /// Reads to the end of the body in every mode. If the program stopped reading while the server writes,
    /// both would wait for each other forever.
    fn run(mut self) {
        let mut block = vec![0; BLOCK];
        let end = loop {
            match self.read(&mut block) {
                Ok(0) => break self.end(),
                Ok(length) => self.deliver(&block[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        let mut state = self.shared.lock();
        state.end = Some(end);
        let wakers = [state.handler.take(), state.response.take()];
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// Reads at most the declared length: bytes after it are not part of the body (RFC 3875 §4.2).
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        let limit = match self.remaining {
            Some(remaining) => usize::try_from(remaining)
                .map_or(block.len(), |remaining| remaining.min(block.len())),
            None => block.len(),
        };
        let length = self.source.read(&mut block[..limit])?;
        if let Some(remaining) = &mut self.remaining {
            *remaining -= length as u64;
        }
        Ok(length)
    }

    fn end(&self) -> io::Result<()> {
        match self.remaining {
            Some(missing) if missing > 0 => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("the body ended {missing} bytes before its Content-Length"),
            )),
            _ => Ok(()),
        }
    }

    /// Keeps the bytes for the handler, or discards them. Waits while the handler is behind.
    fn deliver(&self, bytes: &[u8]) {
        let mut state = self.shared.lock();
        while state.mode == Mode::Follow && state.ready_bytes >= READ_AHEAD {
            let waited = self.shared.changed.wait_timeout(state, STALL);
            let (locked, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = locked;
            if timeout.timed_out() {
                break;
            }
        }
        state.received += bytes.len() as u64;
        if state.mode == Mode::Discard || state.is_faulty {
            return;
        }
        if let Err(fault) = state.keep(bytes) {
            state.fault = Some(fault);
            state.is_faulty = true;
        }
        if let Some(handler) = state.handler.take() {
            drop(state);
            handler.wake();
        }
    }
}

impl State {
    /// Keeps bytes for the handler: in memory up to [`READ_AHEAD`], on disk beyond that.
    fn keep(&mut self, bytes: &[u8]) -> Result<(), BoxError> {
        let on_disk = self.spool.as_ref().is_some_and(|spool| !spool.is_empty());
        if !on_disk && self.ready_bytes < READ_AHEAD {
            self.ready_bytes += bytes.len();
            self.ready.push_back(Bytes::copy_from_slice(bytes));
            return Ok(());
        }
        let spool = match &mut self.spool {
            Some(spool) => spool,
            none => none.insert(Spool::new()?),
        };
        if spool.len() + bytes.len() as u64 > MAX_SPOOL {
            let too_large = Error::from_status(StatusCode::PAYLOAD_TOO_LARGE);
            return Err(too_large
                .with_source("the temporary file for the request body exceeded 1 GiB")
                .into_boxed());
        }
        Ok(spool.push(bytes)?)
    }
}

/// The body that the handler reads.
struct Stdin {
    shared: Arc<Shared>,
    remaining: Option<u64>,
}

impl http_body::Body for Stdin {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut state = self.shared.lock();
        let bytes = if let Some(bytes) = state.ready.pop_front() {
            state.ready_bytes -= bytes.len();
            self.shared.changed.notify_all();
            bytes
        } else if let Some(spool) = state.spool.as_mut().filter(|spool| !spool.is_empty()) {
            spool.pop(BLOCK)?
        } else if state.is_faulty {
            return Poll::Ready(state.fault.take().map(Err));
        } else {
            return match &mut state.end {
                None => {
                    state.handler = Some(cx.waker().clone());
                    Poll::Pending
                }
                Some(end) => {
                    let end = std::mem::replace(end, Ok(()));
                    Poll::Ready(end.err().map(|error| Err(error.into())))
                }
            };
        };
        drop(state);
        if let Some(remaining) = &mut self.remaining {
            *remaining -= bytes.len() as u64;
        }
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.remaining
            .map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

impl Drop for Stdin {
    fn drop(&mut self) {
        self.shared.set_mode(Mode::Discard);
    }
}
