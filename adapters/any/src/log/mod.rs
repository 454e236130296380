//! The log, for programs that do not set a `tracing` subscriber.

mod background;
mod filter;
mod format;
mod lazy;
mod line;
mod panic;

use std::fmt;
use std::io::{self, Write};

use tracing::dispatcher::{self, DefaultGuard, Dispatch};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::NoSubscriber;
use tracing::{Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt;

use crate::detect::DetectError;
use crate::hosts::HostKind;
use background::Background;
use format::Line;
use lazy::LazySubscriber;
use line::OneLine;

/// The log while the program starts. When this value is dropped after the start, the log becomes the log of the whole
/// process, unless the program has set a subscriber during the start.
#[must_use]
pub(crate) struct Starting(Option<(DefaultGuard, Dispatch)>);

/// Writes the log to stderr, unless the program has set a subscriber.
///
/// `RUST_LOG` sets the level (such as `debug` or `info,hyper=trace`). The default is `info`, and `warn` for CGI. On
/// Lambda, `AWS_LAMBDA_LOG_LEVEL` overrides `RUST_LOG`, and `AWS_LAMBDA_LOG_FORMAT=JSON` selects JSON. For CGI and the
/// standalone server, each event is one line. CGI lines have no time, because the web server adds it.
pub(crate) fn init(host: HostKind) -> Starting {
    panic::set_hook();
    if host == HostKind::Http {
        background::enable();
    }
    if dispatcher::get_default(|current| !current.is::<NoSubscriber>()) {
        return Starting(None);
    }
    let default = match host {
        HostKind::Cgi => LevelFilter::WARN,
        _ => LevelFilter::INFO,
    };
    let rust_log = std::env::var_os("RUST_LOG");
    let rust_log = rust_log.as_ref().map(|value| value.to_string_lossy());
    let (filter, invalid) = match lambda_level(host) {
        Some(level) => (Targets::new().with_default(level), None),
        None => filter::parse(rust_log.as_deref(), default),
    };
    let dispatch = Dispatch::new(LazySubscriber::new(filter, move || stderr(host)));
    let guard = dispatcher::set_default(&dispatch);
    if let Some(error) = invalid {
        tracing::warn!(%error, default_level = %default, "invalid RUST_LOG, using the default log level");
    }
    Starting(Some((guard, dispatch)))
}

impl Drop for Starting {
    fn drop(&mut self) {
        if let Some((guard, dispatch)) = self.0.take() {
            drop(guard);
            let _ = dispatcher::set_global_default(dispatch);
        }
    }
}

/// When dropped, writes the lines that are still in the buffer of the log, even if the process panics.
pub(crate) struct FlushAtExit;

impl Drop for FlushAtExit {
    fn drop(&mut self) {
        background::end();
    }
}

/// Logs a failed start. If the filter of the program's subscriber disables the event, writes it to stderr.
pub(crate) fn failed_to_run(host: HostKind, error: &str) {
    match tracing::event_enabled!(Level::ERROR) {
        true => tracing::error!(%host, error, "failed to start or run the program"),
        false => write_to_stderr(format_args!(
            "ERROR failed to start or run the program host={host} error={error:?}"
        )),
    }
}

/// Like [`failed_to_run`], for a host that could not be detected.
pub(crate) fn failed_to_detect(error: &DetectError) {
    match tracing::event_enabled!(Level::ERROR) {
        true => tracing::error!(%error, "failed to detect the host"),
        false => write_to_stderr(format_args!(
            "ERROR failed to detect the host error={error}"
        )),
    }
}

/// Writes a line to stderr without the subscriber. If the write fails, there is no place to report the error.
fn write_to_stderr(line: fmt::Arguments<'_>) {
    let line = format!("{line}\n");
    let _ = match background::is_enabled() {
        true => OneLine(Background).write_all(line.as_bytes()),
        false => OneLine(io::stderr()).write_all(line.as_bytes()),
    };
}

/// The level in the logging configuration of the Lambda function.
fn lambda_level(host: HostKind) -> Option<LevelFilter> {
    #[cfg(feature = "lambda")]
    if host == HostKind::Lambda && anyhost_lambda::log::has_level() {
        return Some(anyhost_lambda::log::level());
    }
    let _ = host;
    None
}

fn stderr(host: HostKind) -> Box<dyn Subscriber + Send + Sync> {
    let registry = tracing_subscriber::registry();
    #[cfg(feature = "lambda")]
    if host == HostKind::Lambda {
        return Box::new(registry.with(anyhost_lambda::log::layer()));
    }
    // CGI lines have no time, because the web server adds it.
    let line = || Line {
        with_time: host != HostKind::Cgi,
    };
    let text = layer().fmt_fields(line()).event_format(line());
    match host {
        HostKind::Http => Box::new(registry.with(text.with_writer(|| OneLine(Background)))),
        _ => Box::new(registry.with(text.with_writer(|| OneLine(io::stderr())))),
    }
}
