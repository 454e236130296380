//! Panics as log events.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{PanicHookInfo, take_hook};

use anyhost_core::adapter::panic::{message, record_location};

/// Sets a hook that logs each panic as one event, with a backtrace if `RUST_BACKTRACE` is set. The default hook
/// prints several lines to stderr, past the log format. A hook that the program has set is kept.
///
/// The standard library has no function that returns whether a hook is set. If none is set, `take_hook` returns
/// the default hook each time, so the first and the second hook are the same function. Should the
/// compiler give that function two addresses, the default hook stays, and prints its lines.
pub(super) fn set_hook() {
    let current = take_hook();
    let default = take_hook();
    #[allow(ambiguous_wide_pointer_comparisons)]
    let is_default = std::ptr::eq(&raw const *current, &raw const *default);
    std::panic::set_hook(if is_default { Box::new(log) } else { current });
}

fn log(panic: &PanicHookInfo<'_>) {
    // The core catches panics of handlers and logs them with the request.
    if record_location(|| location(panic)) {
        return;
    }
    let message = message(panic.payload());
    tracing::error!("panicked at {}: {message}", location(panic));
}

/// The source location of a panic, and the backtrace if it is enabled.
fn location(panic: &PanicHookInfo<'_>) -> String {
    let location = panic.location().map(ToString::to_string);
    let location = location.unwrap_or_default();
    let backtrace = Backtrace::capture();
    match backtrace.status() {
        BacktraceStatus::Captured => format!("{location}\n{backtrace}"),
        _ => location,
    }
}
