//! The request body on stdin.
//!
//! A thread of its own reads it, since stdin can be a pipe, a socket, a file or a terminal, and only
//! blocking reads work on all of them. It reads ahead a little while the handler follows, takes in
//! everything when a reply is waiting to be written, and throws away what nobody wants.

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

use crate::request::Framing;
use crate::spool::Spool;

const BLOCK: usize = 64 * 1024;

/// How much is held in memory ahead of the handler.
const AHEAD: usize = 4 * BLOCK;

/// How long a handler may leave what is held in memory, before the rest goes to disk.
const PATIENCE: Duration = Duration::from_secs(1);

/// How much may wait on disk. A body beyond it ends, for its handler, as too large.
const MOST_SPOOLED: u64 = 1024 * 1024 * 1024;

/// The body of a request, shared by the thread that reads it, the handler, and the reply.
#[derive(Clone)]
pub(crate) struct Input(Option<Arc<Shared>>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    wish: Wish,
    ready: VecDeque<Bytes>,
    held: usize,
    spool: Option<Spool>,
    /// Why the handler does not get the rest, although it was read.
    fault: Option<BoxError>,
    /// Whether the handler was told, or will be: nothing more is kept for it.
    faulty: bool,
    /// How the body ended, once it did.
    end: Option<io::Result<()>>,
    received: u64,
    handler: Option<Waker>,
    reply: Option<Waker>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Wish {
    /// Stay a little ahead of the handler.
    #[default]
    Follow,
    /// Take everything in: the server may not read the reply before it has got rid of the body.
    TakeIn,
    /// Nobody will read what comes.
    Discard,
}

impl Input {
    /// Begins to read, if there is a body.
    pub(crate) fn new(framing: Framing, source: impl Read + Send + 'static) -> (Self, Body) {
        let length = match framing {
            Framing::None => return (Self(None), Body::empty()),
            Framing::Length(length) => Some(length),
            Framing::ToEnd => None,
        };
        let shared = Arc::new(Shared::default());
        let reader = Reader {
            shared: shared.clone(),
            source,
            remaining: length,
        };
        run_beside(reader);
        let body = Body::new(Stdin {
            shared: shared.clone(),
            remaining: length,
        });
        (Self(Some(shared)), body)
    }

    /// Whether all of the body was read from the server, by whomever.
    pub(crate) fn is_taken_in(&self) -> bool {
        self.0
            .as_ref()
            .is_none_or(|shared| shared.lock().end.is_some())
    }

    /// How many bytes were read from the server so far.
    pub(crate) fn received(&self) -> u64 {
        self.0.as_ref().map_or(0, |shared| shared.lock().received)
    }

    /// Like [`take_in`](Self::take_in), and gives up when nothing came for so long.
    pub(crate) async fn take_in_while_it_comes(&self, idle: Duration) -> bool {
        let mut seen = self.received();
        while tokio::time::timeout(idle, self.take_in()).await.is_err() {
            let received = self.received();
            if received == seen {
                return false;
            }
            seen = received;
        }
        true
    }

    /// Waits until all of the body was read from the server. What the handler may still want of it
    /// is kept.
    pub(crate) async fn take_in(&self) {
        let Some(shared) = &self.0 else { return };
        shared.wish(Wish::TakeIn);
        poll_fn(|cx| {
            let mut state = shared.lock();
            if state.end.is_some() {
                return Poll::Ready(());
            }
            state.reply = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wish(&self, wish: Wish) {
        let mut state = self.lock();
        // Nobody wants again what he let go of.
        if state.wish != Wish::Discard {
            state.wish = wish;
        }
        if wish == Wish::Discard {
            (state.ready, state.held, state.spool) = (VecDeque::new(), 0, None);
        }
        self.changed.notify_all();
    }
}

/// Reads on a thread of its own. Where none can be had, as on hosts that limit them, the body is read
/// before anything else is done: somebody has to.
fn run_beside<R: Read + Send + 'static>(reader: Reader<R>) {
    let shared = reader.shared.clone();
    let reader = Arc::new(Mutex::new(Some(reader)));
    let theirs = reader.clone();
    let take = |reader: &Mutex<Option<Reader<R>>>| {
        let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
        reader.take()
    };
    let thread = std::thread::Builder::new().name("stdin".into());
    let spawned = thread.spawn(move || {
        if let Some(reader) = take(&theirs) {
            reader.run();
        }
    });
    if let Err(error) = spawned {
        tracing::warn!(%error, "no thread for the request body: it is read first");
        shared.wish(Wish::TakeIn);
        if let Some(reader) = take(&reader) {
            reader.run();
        }
    }
}

/// The one who reads.
struct Reader<R> {
    shared: Arc<Shared>,
    source: R,
    remaining: Option<u64>,
}

impl<R: Read> Reader<R> {
    /// Reads to the end, whatever becomes of the bytes: as long as the server writes, somebody has to
    /// read, or both sides wait for each other for ever.
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
        let wakers = [state.handler.take(), state.reply.take()];
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// Reads no further than the declared length: what is behind it is not ours.
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        let most = match self.remaining {
            Some(remaining) => {
                usize::try_from(remaining).map_or(block.len(), |left| left.min(block.len()))
            }
            None => block.len(),
        };
        let length = self.source.read(&mut block[..most])?;
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

    /// Puts bytes where they are wanted.
    fn deliver(&self, bytes: &[u8]) {
        let mut state = self.shared.lock();
        while state.wish == Wish::Follow && state.held >= AHEAD {
            let waited = self.shared.changed.wait_timeout(state, PATIENCE);
            let (awake, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = awake;
            // It may wait for a server that reads its log only once the body is written (fcgiwrap).
            if timeout.timed_out() {
                break;
            }
        }
        state.received += bytes.len() as u64;
        if state.wish == Wish::Discard || state.faulty {
            return;
        }
        if let Err(fault) = state.keep(bytes) {
            state.fault = Some(fault);
            state.faulty = true;
        }
        if let Some(handler) = state.handler.take() {
            drop(state);
            handler.wake();
        }
    }
}

impl State {
    /// Keeps bytes for the handler: in memory while there is room, and on disk behind that.
    fn keep(&mut self, bytes: &[u8]) -> Result<(), BoxError> {
        let on_disk = self.spool.as_ref().is_some_and(|spool| !spool.is_empty());
        if !on_disk && self.held < AHEAD {
            self.held += bytes.len();
            self.ready.push_back(Bytes::copy_from_slice(bytes));
            return Ok(());
        }
        let spool = match &mut self.spool {
            Some(spool) => spool,
            none => none.insert(Spool::new()?),
        };
        if spool.len() + bytes.len() as u64 > MOST_SPOOLED {
            let too_large = Error::from_status(StatusCode::PAYLOAD_TOO_LARGE);
            return Err(too_large
                .with_source("too much of the body waits on disk")
                .into_boxed());
        }
        Ok(spool.push(bytes)?)
    }
}

/// The body as the handler reads it.
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
            state.held -= bytes.len();
            self.shared.changed.notify_all();
            bytes
        } else if let Some(spool) = state.spool.as_mut().filter(|spool| !spool.is_empty()) {
            spool.pop(BLOCK)?
        } else if state.faulty {
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
        self.shared.wish(Wish::Discard);
    }
}
