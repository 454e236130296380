//! The request body on stdin.
//!
//! A separate thread reads stdin, because stdin can be a pipe, a socket, a file or a terminal, and only blocking
//! reads work on all of them. The thread reads a little ahead of the handler. While a response waits to be written,
//! the thread reads the whole body. After the handler drops the body, the thread discards the rest.

use std::future::poll_fn;
use std::io::Read;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhost_core::{Body, BoxError};
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::framing::Framing;
use super::reader::{Reader, spawn};
use super::shared::{BLOCK, Mode, Shared};

/// The body of a request, shared by the reading thread, the handler and the response. `None` if the request
/// has no body.
#[derive(Clone)]
pub(crate) struct Input(Option<Arc<Shared>>);

impl Input {
    /// Starts to read stdin, if the request has a body.
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
