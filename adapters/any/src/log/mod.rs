//! The log, for programs that do not set a `tracing` subscriber.

#[cfg(feature = "http")]
mod access;
mod background;
mod filter;
mod format;
mod lazy;
mod line;
mod panic;
#[cfg(feature = "http")]
mod pretty;
mod setting;

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhost_core::adapter::json_log::{JsonLine, JsonLog};
use tracing::dispatcher::{self, DefaultGuard, Dispatch};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::NoSubscriber;
use tracing::{Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt;

use crate::detect::DetectError;
use crate::hosts::HostKind;
#[cfg(feature = "http")]
pub(crate) use access::with_access_log;
use background::Background;
use format::Line;
use lazy::LazySubscriber;
use line::OneLine;
#[cfg(feature = "http")]
pub(crate) use line::push_escaped;
use setting::Format;

/// The maximum length of a string in a JSON line in bytes, except on Lambda. Apache splits lines of more than 8 KiB into
/// several entries of its log.
const MAX_JSON_VALUE: usize = 6000;

/// The format that [`init`] has read from the environment.
static FORMAT: OnceLock<Format> = OnceLock::new();

/// Whether this module writes the log of the whole process.
static IS_INSTALLED: AtomicBool = AtomicBool::new(false);

/// The log while the program starts. When this value is dropped after the start, the log becomes the log of the whole
/// process, unless the program has set a subscriber during the start.
#[must_use]
pub(crate) struct Starting(Option<(DefaultGuard, Dispatch)>);

/// Writes the log to stderr, unless the program has set a subscriber.
///
/// `ANYHOST_LOG_FORMAT` sets the format, `text` or `json`. `RUST_LOG` sets the level (such as `debug` or `info,hyper=trace`). The default is `info`, and `warn` for CGI. On
/// Lambda, `AWS_LAMBDA_LOG_LEVEL` overrides `RUST_LOG`, and `AWS_LAMBDA_LOG_FORMAT` is the default of the format. For CGI and the
/// standalone server, each event is one line. CGI lines have no time in the text format, because the web server adds it. In
/// development mode, the log of the standalone server is written for people instead: colored, and with several lines for
/// an event.
pub(crate) fn init(host: HostKind) -> Starting {
    panic::set_hook();
    if host == HostKind::Http {
        background::enable();
    }
    let (format, invalid_format) = Format::from_env(host);
    let format = *FORMAT.get_or_init(|| format);
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
    let filter = match format.has_request_log() && rust_log.is_none_or(|value| value.is_empty()) {
        // The request log contains all values of the access log.
        true => filter.with_target("anyhost::access", LevelFilter::OFF),
        false => filter,
    };
    let dispatch = Dispatch::new(LazySubscriber::new(filter, move || stderr(host, format)));
    let guard = dispatcher::set_default(&dispatch);
    if let Some(error) = invalid {
        tracing::warn!(%error, default_level = %default, "invalid RUST_LOG, using the default log level");
    }
    if let Some(error) = invalid_format {
        tracing::warn!(%error, "invalid ANYHOST_LOG_FORMAT, using the default log format");
    }
    Starting(Some((guard, dispatch)))
}

impl Drop for Starting {
    fn drop(&mut self) {
        if let Some((guard, dispatch)) = self.0.take() {
            drop(guard);
            if dispatcher::set_global_default(dispatch).is_ok() {
                IS_INSTALLED.store(true, Ordering::Relaxed);
            }
        }
    }
}

/// Whether this module writes the log of the process, in the colored format of development mode.
#[cfg(feature = "http")]
pub(crate) fn is_pretty() -> bool {
    IS_INSTALLED.load(Ordering::Relaxed) && FORMAT.get() == Some(&Format::Pretty)
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
        false => write_to_stderr(
            "failed to start or run the program",
            &[("host", &host), ("error", &error)],
        ),
    }
}

/// Like [`failed_to_run`], for a host that could not be detected.
pub(crate) fn failed_to_detect(error: &DetectError) {
    match tracing::event_enabled!(Level::ERROR) {
        true => tracing::error!(%error, "failed to detect the host"),
        false => write_to_stderr("failed to detect the host", &[("error", error)]),
    }
}

/// Writes an error to stderr without the subscriber. If the write fails, there is no place to report the error.
fn write_to_stderr(message: &str, fields: &[(&str, &dyn Display)]) {
    let is_json = FORMAT.get() == Some(&Format::Json);
    let line = match is_json {
        true => {
            let line = JsonLine::new(format::timestamp, &Level::ERROR, module_path!());
            let mut line = line.with_max_value(MAX_JSON_VALUE);
            line.string("message", message);
            for (name, value) in fields {
                line.string(name, &value.to_string());
            }
            line.finish()
        }
        false => {
            let fields = fields
                .iter()
                .map(|(name, value)| format!(" {name}={value}"));
            format!("ERROR {message}{}\n", fields.collect::<String>())
        }
    };
    let line = line.as_bytes();
    let _ = match (is_json, background::is_enabled()) {
        (true, true) => Background.write_all(line),
        (true, false) => io::stderr().write_all(line),
        (false, true) => OneLine::new(Background).write_all(line),
        (false, false) => OneLine::new(io::stderr()).write_all(line),
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

fn stderr(host: HostKind, format: Format) -> Box<dyn Subscriber + Send + Sync> {
    let registry = tracing_subscriber::registry();
    // The web server adds the time to the lines of a CGI program, and Lambda to those of a function.
    let line = || Line {
        with_time: host == HostKind::Http,
    };
    let text = || layer().fmt_fields(line()).event_format(line());
    let json = |max_value| JsonLog::new(io::stderr, format::timestamp).with_max_value(max_value);
    match (format, host) {
        #[cfg(feature = "lambda")]
        (Format::Text, HostKind::Lambda) => {
            let text = text().with_writer(|| OneLine::unlimited(io::stderr()));
            Box::new(registry.with(text))
        }
        (Format::Text, HostKind::Http) => {
            Box::new(registry.with(text().with_writer(|| OneLine::new(Background))))
        }
        (Format::Text, _) => {
            Box::new(registry.with(text().with_writer(|| OneLine::new(io::stderr()))))
        }
        #[cfg(feature = "http")]
        (Format::Pretty, _) => {
            let line = Line { with_time: false };
            let pretty = layer().fmt_fields(line).event_format(pretty::Pretty);
            Box::new(registry.with(pretty.with_writer(|| Background)))
        }
        (Format::Json, HostKind::Http) => {
            let json = JsonLog::new(|| Background, format::timestamp);
            Box::new(registry.with(json.with_max_value(MAX_JSON_VALUE)))
        }
        (Format::Json, HostKind::Lambda) => Box::new(registry.with(json(usize::MAX))),
        (Format::Json, HostKind::Cgi) => Box::new(registry.with(json(MAX_JSON_VALUE))),
    }
}
