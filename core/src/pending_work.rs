//! The list of `wait_until` work, which runs after the response was sent.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::panic;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The unfinished work that handlers passed to `wait_until`.
#[derive(Default)]
pub(crate) struct PendingWork(Mutex<List>);

#[derive(Default)]
struct List {
    work: Vec<Work>,
    /// The waker of the task that runs the work. It is called when more work is added.
    runner: Option<Waker>,
}

impl PendingWork {
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

    /// Runs all work concurrently, including work that is added during the run, until all work is done. If this
    /// future is dropped, unfinished work returns to the list.
    pub(crate) async fn run(&self) {
        if self.is_empty() {
            return;
        }
        let mut running = Running {
            pending: self,
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

    /// Drops the unfinished work, and logs the number of dropped futures.
    pub(crate) fn discard(&self, request_id: Option<&str>) {
        let work = std::mem::take(&mut self.lock().work);
        if !work.is_empty() {
            tracing::warn!(count = work.len(), request_id, "dropped wait_until work");
        }
        for work in work {
            drop_quietly(work);
        }
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        // No code panics in the middle of a change while it holds the lock, so the list of a poisoned lock is valid.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Work that is running.
struct Running<'a> {
    pending: &'a PendingWork,
    work: Vec<Work>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut list = self.pending.lock();
        list.work.append(&mut self.work);
        list.runner = None;
    }
}

fn is_done(work: &mut Work, cx: &mut Context<'_>) -> bool {
    match panic::catch(|| work.as_mut().poll(cx)) {
        Ok(poll) => poll.is_ready(),
        Err(panic) => {
            tracing::error!(error = %panic, "wait_until work panicked");
            true
        }
    }
}

/// Drops unfinished work, and logs a panic in its `Drop`.
fn drop_quietly(work: Work) {
    if let Err(panic) = panic::catch(|| drop(work)) {
        tracing::error!(error = %panic, "wait_until work panicked");
    }
}

/// Logs the work that never ran, because the adapter dropped the context without running it.
impl Drop for PendingWork {
    fn drop(&mut self) {
        self.discard(None);
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::FutureExt;

    use crate::Context;
    use crate::adapter::{finish_after_response, has_work_after_response};

    #[tokio::test]
    async fn running_wait_until_work_can_add_more_work() {
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
        assert!(has_work_after_response(&context));
        finish_after_response(&context, pending()).await;
        assert_eq!(count.load(Ordering::Relaxed), 2);
        assert!(!has_work_after_response(&context));
    }

    #[tokio::test]
    async fn wait_until_work_continues_in_a_second_run_if_the_first_run_was_dropped() {
        let context = Context::default();
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        let done = Arc::new(AtomicU32::new(0));
        let seen = done.clone();
        context.wait_until(async move {
            let _ = receiver.await;
            seen.store(1, Ordering::Relaxed);
        });
        assert!(
            finish_after_response(&context, pending())
                .now_or_never()
                .is_none()
        );
        assert!(has_work_after_response(&context));
        assert_eq!(sender.send(()), Ok(()));
        finish_after_response(&context, pending()).await;
        assert_eq!(done.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn wait_until_work_that_is_added_while_other_work_runs_also_runs() {
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
        tokio::join!(finish_after_response(&context, pending()), push);
        assert!(!has_work_after_response(&context));
    }

    #[tokio::test]
    async fn a_panic_in_one_wait_until_future_does_not_stop_the_other_futures() {
        let context = Context::default();
        let done = Arc::new(AtomicU32::new(0));
        let seen = done.clone();
        context.wait_until(async { panic!("boom") });
        context.wait_until(async move {
            seen.store(1, Ordering::Relaxed);
        });
        finish_after_response(&context, pending()).await;
        assert_eq!(done.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn wait_until_work_that_is_unfinished_when_the_adapter_stops_is_dropped() {
        let context = Context::default();
        context.wait_until(pending());
        assert!(!finish_after_response(&context, std::future::ready(())).await);
        assert!(!has_work_after_response(&context));
    }
}
