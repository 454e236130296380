//! Work that runs after the reply went out.

use std::future::{Future, poll_fn};
use std::mem;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use crate::dispatch::panic;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The work that a request handed to `wait_until` and that nobody has run yet.
#[derive(Default)]
pub(crate) struct AfterWork(Mutex<Vec<Work>>);

impl AfterWork {
    pub(crate) fn push(&self, work: Work) {
        self.lock().push(work);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Runs all of it side by side, also what is pushed meanwhile, until none is left.
    pub(crate) async fn run(&self) {
        let mut running = mem::take(&mut *self.lock());
        if running.is_empty() {
            return;
        }
        poll_fn(|cx| {
            loop {
                running.retain_mut(|work| !is_done(work, cx));
                let new = mem::take(&mut *self.lock());
                if new.is_empty() {
                    break;
                }
                running.extend(new);
            }
            if running.is_empty() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Work>> {
        // Nothing panics while the lock is held, and a list of futures cannot be half-changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_done(work: &mut Work, cx: &mut Context<'_>) -> bool {
    match panic::catch(|| work.as_mut().poll(cx)) {
        Ok(poll) => poll.is_ready(),
        Err(panic) => {
            tracing::error!(%panic, "work after the reply panicked");
            true
        }
    }
}

/// Work that is dropped unrun was promised to someone: say so.
impl Drop for AfterWork {
    fn drop(&mut self) {
        let lost = self.lock().len();
        if lost > 0 {
            tracing::error!(lost, "work handed to wait_until was never run");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use crate::Context;

    #[tokio::test]
    async fn work_runs_when_finished_and_work_that_it_hands_over_too() {
        let context = Context::default();
        let count = Arc::new(AtomicU32::new(0));
        let (inner, seen) = (context.clone(), count.clone());
        context.wait_until(async move {
            tokio::task::yield_now().await;
            seen.fetch_add(1, Ordering::Relaxed);
            inner.wait_until(async move {
                seen.fetch_add(1, Ordering::Relaxed);
            });
        });
        assert_eq!(count.load(Ordering::Relaxed), 0);
        assert!(context.has_work());
        context.finish().await;
        assert_eq!(count.load(Ordering::Relaxed), 2);
        assert!(!context.has_work());
    }

    #[tokio::test]
    async fn work_that_panics_stops_no_other() {
        let context = Context::default();
        let done = Arc::new(AtomicU32::new(0));
        let seen = done.clone();
        context.wait_until(async { panic!("boom") });
        context.wait_until(async move {
            seen.store(1, Ordering::Relaxed);
        });
        context.finish().await;
        assert_eq!(done.load(Ordering::Relaxed), 1);
    }
}
