//! Panics as values.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    /// How many panics would be caught here and logged: calls of [`catch`] that are under way.
    static CATCHING: Cell<u32> = const { Cell::new(0) };
    /// Where the last of them happened.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A panic that was caught, by its message, and where it happened if a hook told.
#[derive(Debug)]
pub(crate) struct Panic {
    message: String,
    place: Option<String>,
}

/// Runs `f`. A panic in it is an error; what it touched is not used again by our callers.
pub(crate) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, Panic> {
    CATCHING.set(CATCHING.get() + 1);
    let result = catch_unwind(AssertUnwindSafe(f));
    CATCHING.set(CATCHING.get() - 1);
    if result.is_ok()
        && let Some(place) = PLACE.take()
    {
        // Nobody else will tell of it.
        tracing::error!("panicked at {place}, and was caught there");
    }
    result.map_err(Panic::new)
}

/// For the panic hook of a program: whether the panic that it is told of will be logged anyway, together
/// with its request. Then `place` (a line of code, a backtrace) is kept for that line, and the hook
/// has nothing to say.
pub fn logs_panic(place: impl FnOnce() -> String) -> bool {
    let logs = CATCHING.get() > 0;
    if logs {
        PLACE.set(Some(place()));
    }
    logs
}

impl Panic {
    fn new(payload: Box<dyn Any + Send>) -> Self {
        let message = match (
            payload.downcast_ref::<&str>(),
            payload.downcast_ref::<String>(),
        ) {
            (Some(text), _) => (*text).to_owned(),
            (_, Some(text)) => text.clone(),
            _ => "no message".to_owned(),
        };
        // A payload of the handler's own type could panic again when it is dropped.
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(second);
        }
        Self {
            message,
            place: PLACE.take(),
        }
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "panicked at {place}: {}", self.message),
            None => write!(f, "panicked: {}", self.message),
        }
    }
}

impl std::error::Error for Panic {}
