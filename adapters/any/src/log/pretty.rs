//! Formats events for people, in development mode.
//!
//! ```text
//! INFO listening on http://0.0.0.0:3000
//! ERROR handler error method=GET path="/" status=500 request_id="01"
//!   500 Internal Server Error
//!   caused by: connection refused
//!   at src/main.rs:12:5
//! ```

use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent};
use tracing_subscriber::registry::LookupSpan;

use super::format::{Line, write_spans};
use super::line::push_escaped;
use crate::development::{REQUEST_TARGET, Style};

/// The format of events in development mode.
pub(super) struct Pretty;

impl<S> FormatEvent<S, Line> for Pretty
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, Line>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        if event.metadata().target() == REQUEST_TARGET {
            // The request log has its own format, and is already escaped.
            return writer.write_str(&format!("{}\n", fields.message));
        }
        let mut spans = String::new();
        write_spans(&mut spans, context)?;
        let mut text = level(*event.metadata().level());
        for part in [&spans, &fields.message, &fields.values, &fields.blocks] {
            push_indented(&mut text, part);
        }
        text.push('\n');
        writer.write_str(&text)
    }
}

fn level(level: Level) -> String {
    let style = match level {
        Level::ERROR => Style::RED,
        Level::WARN => Style::YELLOW,
        Level::INFO => Style::GREEN,
        _ => Style::DIM,
    };
    format!("{} ", style.paint(level))
}

/// Escapes control characters, except for line breaks: the following lines are indented, so that they are visibly a part
/// of this event.
fn push_indented(text: &mut String, part: &str) {
    for c in part.chars() {
        match c {
            '\n' => text.push_str("\n  "),
            c => push_escaped(text, c),
        }
    }
}

/// The fields of an event, as text.
#[derive(Default)]
struct Fields {
    message: String,
    /// Fields whose values have one line, each with a space before it.
    values: String,
    /// Values that have several lines, each with a line break before it.
    blocks: String,
}

impl Fields {
    fn add(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message.push_str(value),
            _ if value.contains('\n') => {
                self.blocks.push('\n');
                self.blocks.push_str(value.trim_end());
            }
            name => {
                let name = name.strip_prefix("r#").unwrap_or(name);
                // Writing to a `String` cannot fail.
                let _ = write!(self.values, " {name}={value}");
            }
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.add(field, value),
            _ => self.add(field, &format!("{value:?}")),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // The alternate form of `Error` has its sources, its location and a backtrace.
        match field.name() {
            "error" => self.add(field, &format!("{value:#?}")),
            _ => self.add(field, &format!("{value:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_after_the_first_are_indented_and_control_characters_are_escaped() {
        let mut text = String::new();
        push_indented(&mut text, "a\nb\u{1b}[0m\u{9b}");
        assert_eq!(text, "a\n  b\\u{1b}[0m\\u{9b}");
    }
}
