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
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, Scope};

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
    let json = std::env::var("AWS_LAMBDA_LOG_FORMAT")
        .is_ok_and(|format| format.eq_ignore_ascii_case("JSON"));
    if json {
        return Json(io::stderr).boxed();
    }
    tracing_subscriber::fmt::layer()
        .with_writer(|| OneLine(io::stderr()))
        .with_ansi(false)
        .with_target(false)
        .without_time()
        .boxed()
}

/// Writes each event as one line, with its control characters escaped.
struct OneLine<W>(W);

impl<W: Write> Write for OneLine<W> {
    /// Writes one event. The formatter passes each event in one call.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let mut line = String::with_capacity(text.len() + 1);
        for c in text.trim_end().chars() {
            match c.is_control() {
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

/// Writes log events as JSON: `timestamp` (RFC 3339), `level`, `message`, `target`, the fields of the event and of
/// the spans around it, and the `requestId` and `tenantId` of the invocation.
struct Json<W>(W);

/// The fields that identify the invocation. Their values come from the outermost span, which is the span of the
/// invocation.
const INVOCATION_FIELDS: [&str; 2] = ["requestId", "tenantId"];

impl<S, W, O> Layer<S> for Json<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn() -> O + 'static,
    O: Write,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        let mut invocation = Map::new();
        for span in context
            .event_scope(event)
            .into_iter()
            .flat_map(Scope::from_root)
        {
            let extensions = span.extensions();
            let Some(Fields(of_span)) = extensions.get::<Fields>() else {
                continue;
            };
            for (name, value) in of_span {
                if INVOCATION_FIELDS.contains(&name.as_str()) {
                    invocation.entry(name).or_insert_with(|| value.clone());
                } else {
                    fields.0.insert(name.clone(), value.clone());
                }
            }
        }
        event.record(&mut fields);
        let mut line = fields.0;
        line.append(&mut invocation);
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
    fn a_json_line_has_level_timestamp_message_fields_of_event_and_spans_and_request_id()
    -> serde_json::Result<()> {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::registry().with(Json(move || writer.clone()));
        tracing::subscriber::with_default(subscriber, || {
            let tenant = Some("t-1");
            let invocation =
                tracing::info_span!("invocation", requestId = "r-1", tenantId = tenant).entered();
            let inner = tracing::info_span!(
                "inner",
                level = 5,
                requestId = "forged",
                user_id = 7,
                path = "/span",
                order = tracing::field::Empty
            );
            inner.record("order", "o-1");
            let _inner = inner.entered();
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
        assert_eq!(lines[0]["tenantId"], "t-1");
        assert_eq!(
            (&lines[0]["user_id"], &lines[0]["order"]),
            (&7.into(), &"o-1".into())
        );
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
    fn control_characters_of_a_text_event_are_escaped() -> io::Result<()> {
        for (event, line) in [
            ("WARN plain\n", "WARN plain\n"),
            (
                "a\nERROR forged\r\n\u{1b}[0mé\n",
                "a\\nERROR forged\\r\\n\\u{1b}[0mé\n",
            ),
        ] {
            let mut lines = Vec::new();
            OneLine(&mut lines).write_all(event.as_bytes())?;
            assert_eq!(String::from_utf8_lossy(&lines), line);
        }
        Ok(())
    }

    #[test]
    fn every_log_level_of_lambda_is_recognised() {
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
