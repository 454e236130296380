//! The time limit of an exchange. The core has no clock, so the adapter supplies the timer.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

/// The time limit of an exchange: a timer future that the adapter supplies, or no limit.
///
/// One deadline covers the whole exchange. [`exchange`](super::exchange()) applies the deadline to the handler and
/// returns the deadline, so that the adapter can also apply it while it sends the response.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::time::Duration;
///
/// use anyhost_core::adapter::Deadline;
///
/// let mut deadline = Deadline::new(tokio::time::sleep(Duration::from_millis(1)));
/// assert!(deadline.limit(std::future::pending::<()>()).await.is_err());
/// assert_eq!(Deadline::none().limit(async { 5 }).await, Ok(5));
/// # }
/// ```
#[derive(Default)]
pub struct Deadline(Option<Timer>);

/// A future that completes after some time. Adapters make it with the clock of their runtime.
pub type Timer = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The error for an exchange whose deadline has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadlineExceeded;

impl Deadline {
    /// No time limit.
    pub const fn none() -> Self {
        Self(None)
    }

    /// A deadline that passes when `timer` completes.
    pub fn new(timer: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Some(Box::pin(timer)))
    }

    /// Whether there is no time limit.
    pub const fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// Ready if the deadline has passed. Afterwards the deadline is [`none`](Self::none), because a timer must not be
    /// polled after it completed, and the adapter still has to send the 504 response.
    pub fn poll_exceeded(&mut self, cx: &mut Context<'_>) -> Poll<DeadlineExceeded> {
        let Some(timer) = &mut self.0 else {
            return Poll::Pending;
        };
        timer.as_mut().poll(cx).map(|()| {
            self.0 = None;
            DeadlineExceeded
        })
    }

    /// Runs `future` until the deadline. If the future and the deadline are ready at the same
    /// time, the result of the future is returned.
    ///
    /// # Errors
    /// [`DeadlineExceeded`] if the deadline passed first; `future` is dropped then.
    pub async fn limit<F: Future>(&mut self, future: F) -> Result<F::Output, DeadlineExceeded> {
        let mut future = pin!(future);
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => self.poll_exceeded(cx).map(Err),
        })
        .await
    }

    /// Completes when the deadline passes. Without a time limit, it never completes.
    pub async fn exceeded(mut self) {
        poll_fn(|cx| self.poll_exceeded(cx)).await;
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(_) => "Deadline(..)",
            None => "Deadline(none)",
        })
    }
}

impl fmt::Display for DeadlineExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadline exceeded")
    }
}

impl std::error::Error for DeadlineExceeded {}
