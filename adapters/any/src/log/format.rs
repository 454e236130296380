//! Formats an event as text: `2026-11-26T21:05:38.949019Z  INFO message key=value`.
//!
//! The text is the same as that of `tracing_subscriber::fmt`, but takes a third of the instructions. This matters,
//! because a log line for each request costs more than all other work of the server. Strings that need no escaping are
//! copied as a whole, and the date is computed once a second.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt::{self, Debug, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime as Rfc3339};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// The format of events and of the fields of spans.
pub(super) struct Line {
    pub(super) with_time: bool,
}

impl<S> FormatEvent<S, Line> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, Line>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = LINE.take();
        line.clear();
        let formatted = self.format_into(&mut line, context, event);
        let written = formatted.and_then(|()| writer.write_str(&line));
        LINE.set(line);
        written
    }
}

impl Line {
    fn format_into<S>(
        &self,
        line: &mut String,
        context: &FmtContext<'_, S, Line>,
        event: &Event<'_>,
    ) -> fmt::Result
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        if self.with_time {
            write_time(line)?;
            line.push(' ');
        }
        line.push_str(match *event.metadata().level() {
            Level::ERROR => "ERROR ",
            Level::WARN => " WARN ",
            Level::INFO => " INFO ",
            Level::DEBUG => "DEBUG ",
            Level::TRACE => "TRACE ",
        });
        write_spans(line, context)?;
        write_fields(line, event)?;
        line.push('\n');
        Ok(())
    }
}

/// Writes the names and fields of the spans that contain an event.
pub(super) fn write_spans<S>(line: &mut String, context: &FmtContext<'_, S, Line>) -> fmt::Result
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let Some(scope) = context.event_scope() else {
        return Ok(());
    };
    let mut has_span = false;
    for span in scope.from_root() {
        has_span = true;
        line.push_str(span.name());
        let extensions = span.extensions();
        let fields = extensions.get::<FormattedFields<Line>>();
        match fields.filter(|fields| !fields.is_empty()) {
            Some(fields) => write!(line, "{{{fields}}}:")?,
            None => line.push(':'),
        }
    }
    if has_span {
        line.push(' ');
    }
    Ok(())
}

impl<'a> FormatFields<'a> for Line {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'a>, fields: R) -> fmt::Result {
        let mut text = LINE.take();
        text.clear();
        let formatted = write_fields(&mut text, fields);
        let written = formatted.and_then(|()| writer.write_str(&text));
        LINE.set(text);
        written
    }
}

fn write_fields(text: &mut String, fields: impl RecordFields) -> fmt::Result {
    let mut visitor = Fields {
        text,
        is_first: true,
        result: Ok(()),
    };
    fields.record(&mut visitor);
    visitor.result
}

/// Writes `key=value` for each field, and the message without its key.
struct Fields<'a> {
    text: &'a mut String,
    is_first: bool,
    result: fmt::Result,
}

impl Fields<'_> {
    fn write_key(&mut self, field: &Field) {
        if !std::mem::take(&mut self.is_first) {
            self.text.push(' ');
        }
        let name = field.name();
        if name != "message" {
            self.text.push_str(name.strip_prefix("r#").unwrap_or(name));
            self.text.push('=');
        }
    }

    fn write(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        self.write_key(field);
        self.result = self.result.and_then(|()| self.text.write_fmt(value));
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        let is_message = field.name() == "message";
        if !is_message && !is_plain(value) {
            return self.write(field, format_args!("{value:?}"));
        }
        self.write_key(field);
        let quote = if is_message { "" } else { "\"" };
        for part in [quote, value, quote] {
            self.text.push_str(part);
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.write(field, format_args!("{value}"));
        let mut source = value.source();
        while let Some(error) = source {
            self.result = self.result.and_then(|()| write!(self.text, ": {error}"));
            source = error.source();
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.write(field, format_args!("{value:?}"));
    }
}

/// Whether a condition holds for all bytes. Does not stop at the first byte that fails the condition, because without
/// this early exit the compiler can compare 16 bytes at once.
pub(super) fn all(text: &[u8], holds: impl Fn(u8) -> bool) -> bool {
    text.iter().fold(true, |all, &b| all & holds(b))
}

/// Whether `Debug` would write this string without escape sequences.
pub(super) fn is_plain(text: &str) -> bool {
    all(text.as_bytes(), |b| {
        is_printable(b) & (b != b'"') & (b != b'\\')
    })
}

/// Whether a byte is a printable ASCII character.
pub(super) fn is_printable(b: u8) -> bool {
    b.wrapping_sub(b' ') <= b'~' - b' '
}

thread_local! {
    /// The allocation of the last line, which the next line reuses.
    static LINE: Cell<String> = const { Cell::new(String::new()) };

    /// The last formatted second since the epoch, and its text with the point before the fraction.
    static SECOND: RefCell<(u64, String)> = const { RefCell::new((u64::MAX, String::new())) };
}

/// Appends the time as in RFC 3339, with microseconds.
pub(super) fn timestamp(line: &mut String) {
    // Writing to a string does not fail.
    let _ = write_time(line);
}

fn write_time(line: &mut String) -> fmt::Result {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let Ok(now) = now else {
        return Rfc3339.format_time(&mut Writer::new(line));
    };
    SECOND.with_borrow_mut(|(second, text)| {
        if *second != now.as_secs() {
            let mut time = String::new();
            Rfc3339.format_time(&mut Writer::new(&mut time))?;
            let formatted = time.get(..20);
            // `format_time` read the clock again, and may have returned the next second. Keep the text only if the
            // second has not ended.
            match formatted.filter(|_| SystemTime::now() < UNIX_EPOCH + end_of_second(now)) {
                Some(formatted) => (*second, *text) = (now.as_secs(), formatted.to_owned()),
                None => return line.write_str(&time),
            }
        }
        line.push_str(text);
        push_digits(line, now.subsec_micros(), 1_000_000);
        line.push('Z');
        Ok(())
    })
}

/// Appends a number below `limit`, which is a power of ten, with leading zeros.
pub(super) fn push_digits(line: &mut String, number: u32, limit: u32) {
    // The digit 1 in front of the number is cut off again.
    line.push_str(&itoa::Buffer::new().format(limit + number)[1..]);
}

fn end_of_second(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs() + 1)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::MakeWriter;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Log {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    impl Log {
        fn take(&self) -> String {
            String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
        }
    }

    fn log_events() {
        let error = io::Error::other("out of luck");
        tracing::error!(method = %"GET", path = "/a\"b\n", status = 200_u16, "handler error");
        tracing::warn!(path = "/plain", peer = None::<u8>, ok = true, r#type = ?Some(1));
        tracing::info!(error = &error as &(dyn Error + 'static), ms = 1.5);
        tracing::debug!("only {}", "a message");
        let outer = tracing::info_span!("outer", id = 7, name = "x");
        outer.in_scope(|| tracing::info_span!("inner").in_scope(|| tracing::info!("inside")));
    }

    #[test]
    fn log_lines_have_the_same_text_as_the_default_format_of_tracing_subscriber() {
        let (ours, theirs) = (Log::default(), Log::default());
        let line = || Line { with_time: false };
        let layer = tracing_subscriber::fmt::layer().with_ansi(false);
        let layer = layer.fmt_fields(line()).event_format(line());
        let subscriber = tracing_subscriber::registry().with(layer.with_writer(ours.clone()));
        tracing::subscriber::with_default(subscriber, log_events);
        let layer = tracing_subscriber::fmt::layer().with_ansi(false);
        let layer = layer.without_time().with_target(false);
        let subscriber = tracing_subscriber::registry().with(layer.with_writer(theirs.clone()));
        tracing::subscriber::with_default(subscriber, log_events);
        let (ours, theirs) = (ours.take(), theirs.take());
        assert_eq!(ours.lines().count(), 5);
        assert_eq!(ours, theirs);
    }

    #[test]
    fn the_time_of_a_log_line_equals_that_of_the_default_format_to_the_microsecond() {
        for _ in 0..3 {
            let mut ours = String::new();
            let mut before = String::new();
            let mut after = String::new();
            Rfc3339.format_time(&mut Writer::new(&mut before)).unwrap();
            write_time(&mut ours).unwrap();
            Rfc3339.format_time(&mut Writer::new(&mut after)).unwrap();
            assert!(before <= ours && ours <= after, "{before} {ours} {after}");
            assert_eq!(ours.len(), "2026-11-26T21:05:38.949019Z".len());
        }
    }
}
