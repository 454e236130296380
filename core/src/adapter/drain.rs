//! The signal that the host is shutting down.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Signals to handlers that the host is shutting down and waits for the requests in flight.
///
/// An adapter creates one signal for each server, and passes it to [`Context::with_draining`](crate::Context::with_draining).
/// A test can do the same to show that a handler ends its streams. Clones share the signal.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use anyhost_core::Context;
/// use anyhost_core::adapter::DrainSignal;
///
/// let signal = DrainSignal::new();
/// let context = Context::default().with_draining(&signal);
/// assert!(!context.is_draining());
/// signal.start();
/// context.draining().await;
/// assert!(context.is_draining());
/// # }
/// ```
#[derive(Clone, Default)]
pub struct DrainSignal(Arc<Shared>);

#[derive(Default)]
struct Shared {
    draining: AtomicBool,
    waiting: Mutex<Waiting>,
}

/// The wakers of the futures that wait for the signal. A future removes its waker when it is dropped, so that a server
/// with many short event streams does not collect wakers.
#[derive(Default)]
struct Waiting {
    next_id: u64,
    wakers: HashMap<u64, Waker>,
}

impl DrainSignal {
    /// Creates a signal that has not started.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts to drain. Further calls have no effect.
    pub fn start(&self) {
        self.0.draining.store(true, Ordering::SeqCst);
        let wakers = std::mem::take(&mut self.0.waiting().wakers);
        wakers.into_values().for_each(Waker::wake);
    }

    /// Whether [`start`](Self::start) was called.
    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::SeqCst)
    }

    /// Completes when [`start`](Self::start) is called, or at once if it was called before.
    pub fn started(&self) -> impl Future<Output = ()> + Send + Unpin + use<> {
        Started {
            shared: self.0.clone(),
            id: None,
        }
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Started {
    shared: Arc<Shared>,
    /// The id of this future's waker; `None` before the first poll.
    id: Option<u64>,
}

impl Future for Started {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let mut waiting = this.shared.waiting();
        // Read while the wakers are locked: `start` sets the flag before it takes the wakers, so it either sees the
        // waker that is stored below, or the flag is visible here.
        if this.shared.draining.load(Ordering::SeqCst) {
            return Poll::Ready(());
        }
        let id = *this.id.get_or_insert_with(|| {
            waiting.next_id += 1;
            waiting.next_id
        });
        let waker = waiting
            .wakers
            .entry(id)
            .or_insert_with(|| cx.waker().clone());
        waker.clone_from(cx.waker());
        Poll::Pending
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.shared.waiting().wakers.remove(&id);
        }
    }
}

impl fmt::Debug for DrainSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DrainSignal")
            .field(&self.is_draining())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_futures_that_wait_for_a_drain_complete_when_it_starts() {
        let signal = DrainSignal::new();
        let (first, second) = (signal.started(), signal.clone().started());
        let start = async { signal.start() };
        tokio::join!(first, second, start);
        signal.started().await;
    }

    #[test]
    fn a_future_that_is_dropped_before_the_drain_leaves_no_waker() {
        let signal = DrainSignal::new();
        let mut started = signal.started();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut started).poll(&mut cx).is_pending());
        assert_eq!(signal.0.waiting().wakers.len(), 1);
        drop(started);
        assert_eq!(signal.0.waiting().wakers.len(), 0);
    }
}
