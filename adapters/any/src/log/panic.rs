//! Logs panics as events.
//!
//! Every panic is written: if the filter of the program's subscriber disables the event, the hook writes the panic to
//! stderr, as the default hook does.

use std::panic::{PanicHookInfo, take_hook};

use anyhost_core::adapter::panic::{backtrace, message, record_location};
use tracing::Level;

use super::write_to_stderr;

/// Sets a hook that logs each panic as one event, with a backtrace if there is one. The default hook
/// prints several lines to stderr that do not have the log format. A hook that the program has set is kept.
///
/// The standard library has no function that returns whether a hook is set. If no hook is set, `take_hook` returns
/// the default hook on each call, so that two calls return the same function. If the compiler gives the default hook
/// two addresses, this comparison fails, and panics are printed in the format of the default hook.
pub(super) fn set_hook() {
    let current = take_hook();
    let default = take_hook();
    #[allow(ambiguous_wide_pointer_comparisons)]
    let is_default = std::ptr::eq(&raw const *current, &raw const *default);
    std::panic::set_hook(if is_default { Box::new(log) } else { current });
}

fn log(panic: &PanicHookInfo<'_>) {
    // The core catches panics of handlers and logs them with the request.
    if record_location(|| location_for_core(panic)) {
        if !tracing::event_enabled!(target: "anyhost_core::adapter::log", Level::ERROR) {
            write_to_stderr(&description(panic), &[]);
        }
        return;
    }
    match tracing::event_enabled!(Level::ERROR) {
        true => tracing::error!("{}", description(panic)),
        false => write_to_stderr(&description(panic), &[]),
    }
    if cfg!(panic = "abort") {
        super::background::flush();
    }
}

/// The message of a panic, its source location and, if enabled, the backtrace. The backtrace is last, because a line
/// that is too long loses its end.
fn description(panic: &PanicHookInfo<'_>) -> String {
    let message = message(panic.payload());
    let backtrace = backtrace().map(|backtrace| format!("\n{backtrace}"));
    let backtrace = backtrace.unwrap_or_default();
    format!("panicked at {}: {message}{backtrace}", location(panic))
}

/// The location of a panic and, if enabled, the backtrace on the following lines. The core adds the message.
fn location_for_core(panic: &PanicHookInfo<'_>) -> String {
    let location = location(panic);
    match backtrace() {
        Some(backtrace) => format!("{location}\n{backtrace}"),
        None => location,
    }
}

fn location(panic: &PanicHookInfo<'_>) -> String {
    let location = panic.location().map(ToString::to_string);
    location.unwrap_or_default()
}
