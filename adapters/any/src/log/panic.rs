//! Panics as events of the log.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{PanicHookInfo, set_hook, take_hook};

/// Logs a panic as one event, with its backtrace if `RUST_BACKTRACE` asks for one, where Rust's own
/// hook prints several lines; a handler's together with its request. A hook that the program has set stays.
pub(super) fn log_them() {
    let found = take_hook();
    let default = take_hook();
    // Both are made by the same function if none was set. If they were found to differ all the same,
    // only the lines would be more.
    #[allow(ambiguous_wide_pointer_comparisons)]
    if std::ptr::eq(&raw const *found, &raw const *default) {
        set_hook(Box::new(log));
    } else {
        set_hook(found);
    }
}

fn log(panic: &PanicHookInfo<'_>) {
    if anyhost_core::logs_panic(|| place(panic)) {
        return;
    }
    let payload = panic.payload();
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let message = payload.downcast_ref::<&str>().copied().or(text);
    let message = message.unwrap_or("no message");
    tracing::error!("panicked at {}: {message}", place(panic));
}

fn place(panic: &PanicHookInfo<'_>) -> String {
    let location = panic.location().map(ToString::to_string);
    let location = location.unwrap_or_default();
    let backtrace = Backtrace::capture();
    match backtrace.status() {
        BacktraceStatus::Captured => format!("{location}\n{backtrace}"),
        _ => location,
    }
}
