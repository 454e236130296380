//! The log as Lambda's own tools read it ("Lambda advanced logging controls").
//!
//! With the function's log format set to JSON, Lambda filters lines by their `level` and
//! `timestamp`, and puts one that lacks either at INFO. [`layer`] writes what it wants, and [`level`]
//! says what it lets through. Both are what `anyhost::run` uses; a program of its own mind puts them into a
//! subscriber of its own, or others in their place:
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

/// The level in `AWS_LAMBDA_LOG_LEVEL`, or `INFO`. `FATAL`, which `tracing` does not have, is
/// `ERROR`.
pub fn level() -> LevelFilter {
    level_of(std::env::var("AWS_LAMBDA_LOG_LEVEL").ok().as_deref()).unwrap_or(LevelFilter::INFO)
}

/// Whether `AWS_LAMBDA_LOG_LEVEL` says a level.
pub fn has_level() -> bool {
    level_of(std::env::var("AWS_LAMBDA_LOG_LEVEL").ok().as_deref()).is_some()
}

fn level_of(name: Option<&str>) -> Option<LevelFilter> {
    match name?.to_ascii_uppercase().as_str() {
        "FATAL" => Some(LevelFilter::ERROR),
        name => name.parse().ok(),
    }
}

/// Writes events to stderr: as JSON, one line each, if `AWS_LAMBDA_LOG_FORMAT` is `JSON`; as text with
/// no time, since Lambda notes it, otherwise.
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

/// Events as JSON: `timestamp` (RFC 3339), `level`, `message`, `target`, the event's own fields, and the
/// `requestId` of the invocation that they belong to.
struct Json<W>(W);

/// The `requestId` of a span, kept with it.
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
        // In one write, so that lines of other threads do not come between. There is nobody to tell.
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
    fn a_line_has_what_lambda_filters_by_and_whose_it_is() -> serde_json::Result<()> {
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
    fn lambdas_levels_are_understood() {
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
