//! Converts panics into errors, because a panic in a handler must not end the process or the connection.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

thread_local! {
    /// The number of calls of [`catch`] in progress on this thread.
    static CATCHING: Cell<u32> = const { Cell::new(0) };
    /// Whether `LOCATION` is set. [`catch`] runs for each request, and reading a `Cell` costs less than reading a
    /// `RefCell` with a destructor.
    static HAS_LOCATION: Cell<bool> = const { Cell::new(false) };
    /// The location of the last panic on this thread, and its backtrace after a line break, as the panic hook
    /// recorded them.
    static LOCATION: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A panic that was caught: its message, and its location if the panic hook recorded the location.
#[derive(Debug)]
pub struct Panic {
    message: String,
    location: Option<String>,
}

/// Runs `f`, and returns a panic in `f` as an error.
///
/// `AssertUnwindSafe` is sound, because callers drop the values that `f` used and do not read them again.
pub(crate) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, Panic> {
    CATCHING.set(CATCHING.get() + 1);
    let result = catch_unwind(AssertUnwindSafe(f));
    CATCHING.set(CATCHING.get() - 1);
    if result.is_ok()
        && HAS_LOCATION.get()
        && let Some(location) = take_location()
    {
        // The hook did not log the panic, because it expected the panic to reach this function.
        tracing::error!(location, "application code caught a panic");
    }
    result.map_err(Panic::new)
}

fn take_location() -> Option<String> {
    HAS_LOCATION.set(false);
    LOCATION.take()
}

/// Runs a future, and returns a panic in the future as an error.
///
/// # Errors
/// The panic, with its message, and with its location if the panic hook calls
/// [`record_location`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use anyhost_core::adapter::panic::catch_panic;
///
/// let panic = catch_panic(async { panic!("no configuration") }).await.unwrap_err();
/// assert_eq!(panic.to_string(), "panicked: no configuration");
/// # }
/// ```
pub async fn catch_panic<F: Future>(future: F) -> Result<F::Output, Panic> {
    let mut future = pin!(future);
    poll_fn(|cx| match catch(|| future.as_mut().poll(cx)) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

/// Records where the current panic happened, if this crate will catch and log the panic. The panic hook of
/// a program calls this function. The first line of `location` is a location such as `src/main.rs:10:5`; further lines
/// are a [`backtrace`](crate::origin::backtrace).
///
/// Returns `true` if the panic will be logged together with its request, so that the hook does not have to
/// print the panic. `location` is called only in this case, because a backtrace is expensive.
pub fn record_location(location: impl FnOnce() -> String) -> bool {
    let caught = CATCHING.get() > 0;
    if caught {
        LOCATION.set(Some(location()));
        HAS_LOCATION.set(true);
    }
    caught
}

/// The message of a panic, for hooks and error messages.
///
/// ```
/// let payload: Box<dyn std::any::Any + Send> = Box::new("out of luck");
/// assert_eq!(anyhost_core::adapter::panic::message(&*payload), "out of luck");
/// ```
pub fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
}

impl Panic {
    fn new(payload: Box<dyn Any + Send>) -> Self {
        let message = message(&*payload).to_owned();
        // The payload may have a type of the application, whose `Drop` can panic again.
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(second);
        }
        Self {
            message,
            location: take_location(),
        }
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(location) = &self.location else {
            return write!(f, "panicked: {}", self.message);
        };
        // The backtrace is last, because a log line that is too long is cut off at its end.
        match location.split_once('\n') {
            Some((location, backtrace)) => {
                write!(f, "panicked at {location}: {}\n{backtrace}", self.message)
            }
            None => write!(f, "panicked at {location}: {}", self.message),
        }
    }
}

impl std::error::Error for Panic {}
