//! Request bodies that nobody reads to their end.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::time::timeout;

/// How long such a body is read on, in all, and how long nothing may come of it. The same times as
/// nginx's `lingering_time` and `lingering_timeout`.
const TOTAL: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_secs(5);

/// A body whose rest is thrown away if it is dropped before its end.
///
/// hyper closes a connection on which a body is left. A client that is still writing would then get
/// a reset, which destroys the reply that it has not read yet: a 413, of all things (RFC 9112 §9.6).
pub(crate) struct Lingering {
    incoming: Option<Incoming>,
    runtime: Handle,
}

impl Lingering {
    pub(crate) fn new(incoming: Incoming, runtime: Handle) -> Self {
        Self {
            incoming: Some(incoming),
            runtime,
        }
    }
}

impl http_body::Body for Lingering {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.incoming {
            Some(incoming) => Pin::new(incoming).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming
            .as_ref()
            .map_or_else(SizeHint::new, Incoming::size_hint)
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        if let Some(incoming) = self
            .incoming
            .take()
            .filter(|incoming| !incoming.is_end_stream())
        {
            self.runtime.spawn(timeout(TOTAL, discard(incoming)));
        }
    }
}

async fn discard(mut incoming: Incoming) {
    let mut incoming = Pin::new(&mut incoming);
    let mut next = async || std::future::poll_fn(|cx| incoming.as_mut().poll_frame(cx)).await;
    while let Ok(Some(Ok(_))) = timeout(IDLE, next()).await {}
}
