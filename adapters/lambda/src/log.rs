//! The log in the form that Lambda expects ("Lambda advanced logging controls").
//!
//! If the function's log format is JSON, Lambda filters lines by their `level` and `timestamp`, and treats a line
//! without them as INFO. [`layer`] writes such lines, and [`level`] is the level that the function's configuration
//! sets. `anyhost::run` uses both. An application that sets up its own subscriber can use them as well:
//!
//! ```
//! use tracing_subscriber::Registry;
//! use tracing_subscriber::layer::SubscriberExt;
//!
//! let subscriber = Registry::default()
//!     .with(anyhost_lambda::log::level())
//!     .with(anyhost_lambda::log::layer());
//! # drop(subscriber);
//! ```

use std::io::{self, Write};

use anyhost_core::adapter::json_log::{JsonLog, needs_escape};
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::registry::LookupSpan;

/// The level in `AWS_LAMBDA_LOG_LEVEL`; `INFO` if it is missing or invalid. `FATAL`, which `tracing` does not
/// have, becomes `ERROR`.
pub fn level() -> LevelFilter {
    level_of(std::env::var("AWS_LAMBDA_LOG_LEVEL").ok().as_deref()).unwrap_or(LevelFilter::INFO)
}

/// Whether `AWS_LAMBDA_LOG_LEVEL` contains a valid level.
pub fn has_level() -> bool {
    level_of(std::env::var("AWS_LAMBDA_LOG_LEVEL").ok().as_deref()).is_some()
}

fn level_of(name: Option<&str>) -> Option<LevelFilter> {
    match name?.to_ascii_uppercase().as_str() {
        "FATAL" => Some(LevelFilter::ERROR),
        name => name.parse().ok(),
    }
}

/// Writes log events to stderr, each as one line: as JSON if `AWS_LAMBDA_LOG_FORMAT` is `JSON`, otherwise as text
/// without the time, which Lambda adds. CloudWatch makes an event of each line, so control characters in text are
/// escaped. Otherwise, a client could forge events, and a backtrace would become one event per frame.
pub fn layer<S>() -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    if is_json() {
        return JsonLog::new(io::stderr, timestamp).boxed();
    }
    tracing_subscriber::fmt::layer()
        .with_writer(|| OneLine(io::stderr()))
        .with_ansi(false)
        .with_target(false)
        .without_time()
        .boxed()
}

/// Whether `AWS_LAMBDA_LOG_FORMAT` is `JSON`.
pub fn is_json() -> bool {
    std::env::var("AWS_LAMBDA_LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("JSON"))
}

/// Writes each event as one line, with its control characters escaped.
struct OneLine<W>(W);

impl<W: Write> Write for OneLine<W> {
    /// Writes one event. The formatter passes each event in one call.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let mut line = String::with_capacity(text.len() + 1);
        for c in text.trim_end().chars() {
            match needs_escape(c) {
                true => line.extend(c.escape_default()),
                false => line.push(c),
            }
        }
        line.push('\n');
        self.0.write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Appends the time as in RFC 3339, with microseconds.
fn timestamp(line: &mut String) {
    // Writing to a string does not fail.
    let _ = SystemTime.format_time(&mut Writer::new(line));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_of_a_text_event_are_escaped() -> io::Result<()> {
        for (event, line) in [
            ("WARN plain\n", "WARN plain\n"),
            (
                "a\nERROR forged\r\n\u{1b}[0mé\n",
                "a\\nERROR forged\\r\\n\\u{1b}[0mé\n",
            ),
            ("a\u{2028}b\u{202e}c\n", "a\\u{2028}b\\u{202e}c\n"),
        ] {
            let mut lines = Vec::new();
            OneLine(&mut lines).write_all(event.as_bytes())?;
            assert_eq!(String::from_utf8_lossy(&lines), line);
        }
        Ok(())
    }

    #[test]
    fn every_log_level_of_lambda_is_recognized() {
        for (name, level) in [
            ("TRACE", LevelFilter::TRACE),
            ("debug", LevelFilter::DEBUG),
            ("INFO", LevelFilter::INFO),
            ("WARN", LevelFilter::WARN),
            ("ERROR", LevelFilter::ERROR),
            ("FATAL", LevelFilter::ERROR),
        ] {
            assert_eq!(level_of(Some(name)), Some(level), "{name}");
        }
        assert_eq!(level_of(Some("LOUD")), None);
        assert_eq!(level_of(None), None);
    }
}
