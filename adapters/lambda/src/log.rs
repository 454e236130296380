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

use std::fmt;
use std::io::{self, Write};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::Context;
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

/// Writes log events to stderr: as one line of JSON each if `AWS_LAMBDA_LOG_FORMAT` is `JSON`, otherwise as text
/// without the time, which Lambda adds.
pub fn layer<S>() -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let json = std::env::var("AWS_LAMBDA_LOG_FORMAT")
        .is_ok_and(|format| format.eq_ignore_ascii_case("JSON"));
    if json {
        return Json(io::stderr).boxed();
    }
    tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_target(false)
        .without_time()
        .boxed()
}

/// Writes log events as JSON: `timestamp` (RFC 3339), `level`, `message`, `target`, the fields of the event, and
/// the `requestId` of the invocation.
struct Json<W>(W);

/// The `requestId` of a span, stored in its extensions.
struct RequestId(Value);

impl<S, W, O> Layer<S> for Json<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn() -> O + 'static,
    O: Write,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let (Some(request_id), Some(span)) = (fields.0.remove("requestId"), context.span(id)) {
            span.extensions_mut().insert(RequestId(request_id));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut line = fields.0;
        let mut timestamp = String::new();
        if SystemTime
            .format_time(&mut Writer::new(&mut timestamp))
            .is_ok()
        {
            line.insert("timestamp".into(), timestamp.into());
        }
        let metadata = event.metadata();
        line.insert("level".into(), metadata.level().as_str().into());
        line.insert("target".into(), metadata.target().into());
        let mut spans = context.event_scope(event).into_iter().flatten();
        let request_id = spans.find_map(|span| {
            let extensions = span.extensions();
            extensions.get::<RequestId>().map(|id| id.0.clone())
        });
        if let Some(request_id) = request_id {
            line.insert("requestId".into(), request_id);
        }
        let mut line = Value::from(line).to_string();
        line.push('\n');
        // One write for the whole line, so that threads do not mix their lines. A failure cannot be logged.
        let _ = (self.0)().write_all(line.as_bytes());
    }
}

/// The fields of an event or a span.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0
            .insert(field.name().into(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().into(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut all = self
                .0
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            all.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_json_line_has_level_timestamp_message_fields_and_request_id() -> serde_json::Result<()> {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::registry().with(Json(move || writer.clone()));
        tracing::subscriber::with_default(subscriber, || {
            let invocation = tracing::info_span!("invocation", requestId = "r-1").entered();
            let _inner = tracing::info_span!("inner", level = 5).entered();
            tracing::warn!(status = 500, path = "/x", level = "forged", "a \"b\"\nc");
            drop(_inner);
            drop(invocation);
            tracing::info!("outside");
        });
        let text = lines
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<Value> = text
            .lines()
            .map(serde_json::from_str)
            .collect::<serde_json::Result<_>>()?;
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["level"], "WARN");
        assert_eq!(lines[0]["message"], "a \"b\"\nc");
        assert_eq!(lines[0]["requestId"], "r-1");
        assert_eq!(
            (&lines[0]["status"], &lines[0]["path"]),
            (&500.into(), &"/x".into())
        );
        let timestamp = lines[0]["timestamp"].as_str().unwrap_or_default();
        assert!(
            timestamp.ends_with('Z') && timestamp.contains('T'),
            "{timestamp}"
        );
        assert_eq!(lines[1]["requestId"], Value::Null);
        Ok(())
    }

    #[test]
    fn every_level_of_lambda_has_a_level_filter() {
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
