//! A body wrapper that keeps a copy of the first bytes for the log.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use anyhost_core::bytes::Bytes;
use anyhost_core::{Body, BoxError};
use http_body::{Frame, SizeHint};

/// The first bytes of a body, and the number of bytes that were read so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// The first bytes, at most [`Self::LIMIT`].
    pub(super) bytes: Vec<u8>,
    /// The number of bytes that were read, with those that are not kept.
    pub(super) length: u64,
}

impl Seen {
    /// The number of bytes of a body that are kept for the log.
    pub(super) const LIMIT: usize = 8 * 1024;

    pub(super) fn add(&mut self, data: &[u8]) {
        let room = Self::LIMIT - self.bytes.len();
        self.bytes.extend_from_slice(&data[..data.len().min(room)]);
        self.length += data.len() as u64;
    }

    pub(super) fn is_whole(&self) -> bool {
        self.length == self.bytes.len() as u64
    }
}

/// [`Seen`], shared by a body and the record of its request.
#[derive(Clone, Default)]
pub(super) struct SharedSeen(Arc<Mutex<Seen>>);

impl SharedSeen {
    pub(super) fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wraps a body. Each frame is passed on without a delay. `guard` is dropped together with the body.
    pub(super) fn watch<G: Send + Unpin + 'static>(&self, body: Body, guard: G) -> Body {
        Body::new(Watched {
            body,
            seen: self.clone(),
            _guard: guard,
        })
    }
}

struct Watched<G> {
    body: Body,
    seen: SharedSeen,
    _guard: G,
}

impl<G: Unpin> http_body::Body for Watched<G> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.seen.lock().add(data);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
