//! The timer of a request's deadline.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

/// A timer that is created when it is first polled.
///
/// Most handlers return their response when they are first polled, so most requests need no timer. Creating, registering
/// and removing a timer takes 1,000 instructions.
pub(super) struct LazySleep {
    end: Instant,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl LazySleep {
    pub(super) fn until(end: Instant) -> Self {
        Self { end, sleep: None }
    }
}

impl Future for LazySleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let end = self.end;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(end)));
        sleep.as_mut().poll(cx)
    }
}
