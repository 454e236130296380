//! Work that runs after the reply went out.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::dispatch::panic;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The work that a request handed to `wait_until` and that is not done yet.
#[derive(Default)]
pub(crate) struct AfterWork(Mutex<List>);

#[derive(Default)]
struct List {
    work: Vec<Work>,
    /// Whoever runs it, to be told of more.
    runner: Option<Waker>,
}

impl AfterWork {
    pub(crate) fn push(&self, work: Work) {
        let mut list = self.lock();
        list.work.push(work);
        let runner = list.runner.take();
        drop(list);
        if let Some(runner) = runner {
            runner.wake();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().work.is_empty()
    }

    /// Runs all of it side by side, also what is pushed meanwhile, until none is left. If this is
    /// dropped, what is not done goes back.
    pub(crate) async fn run(&self) {
        if self.is_empty() {
            return;
        }
        let mut running = Running {
            after: self,
            work: Vec::new(),
        };
        poll_fn(|cx| {
            loop {
                running.work.retain_mut(|work| !is_done(work, cx));
                let mut list = self.lock();
                if list.work.is_empty() {
                    list.runner = Some(cx.waker().clone());
                    break;
                }
                running.work.append(&mut list.work);
            }
            if running.work.is_empty() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        // Nothing panics while the lock is held, and a list of futures cannot be half-changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Work that is being run.
struct Running<'a> {
    after: &'a AfterWork,
    work: Vec<Work>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut list = self.after.lock();
        list.work.append(&mut self.work);
        list.runner = None;
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

/// Work that is dropped undone was promised to someone: say so.
impl Drop for AfterWork {
    fn drop(&mut self) {
        let lost = self.lock().work.len();
        if lost > 0 {
            tracing::error!(lost, "work handed to wait_until was not done");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::FutureExt;

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
    async fn work_that_was_interrupted_is_taken_up_again() {
        let context = Context::default();
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        let done = Arc::new(AtomicU32::new(0));
        let seen = done.clone();
        context.wait_until(async move {
            let _ = receiver.await;
            seen.store(1, Ordering::Relaxed);
        });
        assert!(context.finish().now_or_never().is_none());
        assert!(context.has_work());
        assert_eq!(sender.send(()), Ok(()));
        context.finish().await;
        assert_eq!(done.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn work_pushed_from_outside_wakes_the_one_who_runs() {
        let context = Context::default();
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        context.wait_until(async move {
            let _ = receiver.await;
        });
        let outside = context.clone();
        let push = async move {
            tokio::task::yield_now().await;
            outside.wait_until(async move { assert_eq!(sender.send(()), Ok(())) });
        };
        tokio::join!(context.finish(), push);
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
