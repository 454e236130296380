//! The log as JSON: one object per line, with the same fields on every host.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::{self, Write as _};
use std::io::Write;

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, Scope};

/// Writes log events as JSON: `timestamp` (RFC 3339), `level`, `target`, `message`, the fields of the event and of the
/// spans around it, and the `requestId` and `tenantId` of a Lambda invocation.
#[derive(Debug)]
pub struct JsonLog<W> {
    writer: W,
    timestamp: fn(&mut String),
    max_value: usize,
}

/// The fields that identify an invocation. Their values come from the outermost span, which is the span of the
/// invocation.
const INVOCATION_FIELDS: [&str; 2] = ["requestId", "tenantId"];

/// Fields that an event or a span cannot set.
const RESERVED_FIELDS: [&str; 3] = ["timestamp", "level", "target"];

impl<W, O> JsonLog<W>
where
    W: Fn() -> O + 'static,
    O: Write,
{
    /// `writer` returns the destination of a line. `timestamp` appends the current time, because this crate has no clock.
    pub fn new(writer: W, timestamp: fn(&mut String)) -> Self {
        Self {
            writer,
            timestamp,
            max_value: usize::MAX,
        }
    }

    /// Truncates each string after this number of bytes, for a host that splits long lines. By default, strings are not
    /// truncated.
    #[must_use]
    pub fn with_max_value(mut self, bytes: usize) -> Self {
        self.max_value = bytes;
        self
    }
}

impl<S, W, O> Layer<S> for JsonLog<W>
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
        let mut invocation = BTreeMap::new();
        for span in context
            .event_scope(event)
            .into_iter()
            .flat_map(Scope::from_root)
        {
            let extensions = span.extensions();
            let Some(Fields(of_span)) = extensions.get::<Fields>() else {
                continue;
            };
            for (&name, value) in of_span {
                if INVOCATION_FIELDS.contains(&name) {
                    invocation.entry(name).or_insert_with(|| value.clone());
                } else {
                    fields.0.insert(name, value.clone());
                }
            }
        }
        event.record(&mut fields);
        fields.0.append(&mut invocation);
        let message = fields.0.remove("message");
        let metadata = event.metadata();
        let mut line = JsonLine::new(self.timestamp, metadata.level(), metadata.target())
            .with_max_value(self.max_value);
        if let Some(message) = &message {
            line.field("message", message);
        }
        for (name, value) in &fields.0 {
            if !RESERVED_FIELDS.contains(name) {
                line.field(name, value);
            }
        }
        // One write for the whole line, so that threads do not mix their lines. A failure cannot be logged.
        let _ = (self.writer)().write_all(line.finish().as_bytes());
    }
}

/// One line of the log.
#[derive(Debug)]
pub struct JsonLine {
    text: String,
    max_value: usize,
}

impl JsonLine {
    /// Begins a line. `timestamp` appends the current time.
    pub fn new(timestamp: fn(&mut String), level: &Level, target: &str) -> Self {
        let mut text = String::with_capacity(256);
        text.push_str("{\"timestamp\":\"");
        timestamp(&mut text);
        text.push('"');
        let mut line = Self {
            text,
            max_value: usize::MAX,
        };
        line.string("level", level.as_str())
            .string("target", target);
        line
    }

    /// Truncates each string after this number of bytes.
    #[must_use]
    pub fn with_max_value(mut self, bytes: usize) -> Self {
        self.max_value = bytes;
        self
    }

    fn field(&mut self, name: &str, value: &Value) {
        match value {
            Value::String(text) => self.string(name, text),
            value => self.value(name, value),
        };
    }

    /// Adds a string. Control characters and invisible characters are escaped, so that no value can forge a line or
    /// change how a terminal shows the line.
    pub fn string(&mut self, name: &str, text: &str) -> &mut Self {
        self.key(name);
        push_string(&mut self.text, cut(text, self.max_value));
        self
    }

    /// Adds a value that is not a string, such as a number.
    pub fn value(&mut self, name: &str, value: impl fmt::Display) -> &mut Self {
        self.key(name);
        // Writing to a string does not fail.
        let _ = write!(self.text, "{value}");
        self
    }

    fn key(&mut self, name: &str) {
        self.text.push(',');
        push_string(&mut self.text, name);
        self.text.push(':');
    }

    /// Returns the line, with the line break at its end.
    pub fn finish(mut self) -> String {
        self.text.push_str("}\n");
        self.text
    }
}

/// Whether a log has to escape this character: control characters, line breaks of some programs (U+2028, U+2029), and
/// characters that reorder the text around them (bidirectional formatting, Unicode Standard Annex #9 §2).
pub fn needs_escape(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}'
        )
}

fn push_string(line: &mut String, text: &str) {
    line.push('"');
    let is_plain = |b| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\';
    if text.bytes().all(is_plain) {
        line.push_str(text);
        line.push('"');
        return;
    }
    for c in text.chars() {
        match c {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            // All these characters are in the basic multilingual plane, so that one escape sequence is enough.
            c if needs_escape(c) => {
                let _ = write!(line, "\\u{:04x}", u32::from(c));
            }
            c => line.push(c),
        }
    }
    line.push('"');
}

/// Truncates a text between two characters.
fn cut(text: &str, bytes: usize) -> &str {
    if text.len() <= bytes {
        return text;
    }
    let mut ends = (0..=bytes).rev();
    let end = ends.find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    &text[..end]
}

/// The fields of an event or a span.
#[derive(Default)]
struct Fields(BTreeMap<&'static str, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}").into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = value.to_string();
        let mut source = value.source();
        while let Some(error) = source {
            let _ = write!(text, ": {error}");
            source = error.source();
        }
        self.0.insert(field.name(), text.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn timestamp(line: &mut String) {
        line.push_str("2026-11-26T21:05:38.949019Z");
    }

    /// The lines that a function logs.
    fn log(max_value: usize, log: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = JsonLog::new(move || writer.clone(), timestamp).with_max_value(max_value);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        let text = lines.0.lock().unwrap().clone();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_json_line_has_time_level_target_and_message_first_and_then_all_fields() {
        let text = log(usize::MAX, || {
            let outer = tracing::info_span!("outer", user_id = 7, order = tracing::field::Empty);
            outer.record("order", "o-1");
            let _outer = outer.entered();
            let error = io::Error::other("disk \"full\"");
            let error: &(dyn Error + 'static) = &error;
            tracing::warn!(target: "app", status = 500_u16, ok = false, ms = 0.25, error, "handler error");
        });
        assert_eq!(
            text,
            r#"{"timestamp":"2026-11-26T21:05:38.949019Z","level":"WARN","target":"app","message":"handler error","error":"disk \"full\"","ms":0.25,"ok":false,"order":"o-1","status":500,"user_id":7}"#
                .to_owned() + "\n"
        );
    }

    #[test]
    fn fields_of_events_and_inner_spans_cannot_replace_time_level_target_and_request_id() {
        let text = log(usize::MAX, || {
            let tenant = Some("t-1");
            let _invocation =
                tracing::info_span!("invocation", requestId = "r-1", tenantId = tenant).entered();
            let _inner = tracing::info_span!("inner", level = 5, requestId = "forged", path = "/s")
                .entered();
            tracing::warn!(target: "app", path = "/x", level = "forged", timestamp = 1, "message");
        });
        let line: Value = serde_json::from_str(&text).unwrap();
        let expected = serde_json::json!({
            "timestamp": "2026-11-26T21:05:38.949019Z", "level": "WARN", "target": "app",
            "message": "message", "path": "/x", "requestId": "r-1", "tenantId": "t-1",
        });
        assert_eq!(line, expected);
    }

    #[test]
    fn no_value_can_forge_a_line_or_control_a_terminal() {
        let hostile = "a\n{\"level\":\"ERROR\"}\r\u{1b}[0m\u{7f}\u{9b}\u{2028}\u{202e}é😀\0";
        let text = log(usize::MAX, || tracing::info!(path = hostile, "{hostile}"));
        let line = text.strip_suffix('\n').unwrap();
        assert!(!line.chars().any(needs_escape), "{line:?}");
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            (&line["path"], &line["message"]),
            (&hostile.into(), &hostile.into())
        );
    }

    #[test]
    fn strings_are_truncated_between_characters() {
        let text = log(5, || tracing::info!(path = "éééé", "short"));
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&line["path"], &line["message"]),
            (&"éé".into(), &"short".into())
        );
    }

    #[test]
    fn a_number_that_json_does_not_have_is_null() {
        let text = log(usize::MAX, || tracing::info!(ms = f64::NAN));
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["ms"], Value::Null);
    }
}
