//! The text of a line: `2026-11-26T21:05:38.949019Z  INFO message key=value`.
//!
//! The same text as that of `tracing_subscriber::fmt`, with a third of the instructions: a line for each request
//! costs more than all other work of the server. Strings are copied at once if nothing in them has to be escaped,
//! and the date is computed once a second.

use std::cell::Cell;
use std::error::Error;
use std::fmt::{self, Debug};
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
        if self.with_time {
            write_time(&mut writer)?;
        }
        writer.write_str(match *event.metadata().level() {
            Level::ERROR => "ERROR ",
            Level::WARN => " WARN ",
            Level::INFO => " INFO ",
            Level::DEBUG => "DEBUG ",
            Level::TRACE => "TRACE ",
        })?;
        if let Some(scope) = context.event_scope() {
            let mut has_span = false;
            for span in scope.from_root() {
                has_span = true;
                writer.write_str(span.name())?;
                let extensions = span.extensions();
                let fields = extensions.get::<FormattedFields<Line>>();
                match fields.filter(|fields| !fields.is_empty()) {
                    Some(fields) => write!(writer, "{{{fields}}}:")?,
                    None => writer.write_str(":")?,
                }
            }
            if has_span {
                writer.write_str(" ")?;
            }
        }
        write_fields(&mut writer, event)?;
        writer.write_str("\n")
    }
}

impl<'a> FormatFields<'a> for Line {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'a>, fields: R) -> fmt::Result {
        write_fields(&mut writer, fields)
    }
}

fn write_fields(writer: &mut Writer<'_>, fields: impl RecordFields) -> fmt::Result {
    let mut visitor = Fields {
        writer,
        is_first: true,
        result: Ok(()),
    };
    fields.record(&mut visitor);
    visitor.result
}

/// Writes `key=value` for each field, and the message without its key.
struct Fields<'a, 'w> {
    writer: &'a mut Writer<'w>,
    is_first: bool,
    result: fmt::Result,
}

impl Fields<'_, '_> {
    fn write(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        if self.result.is_err() {
            return;
        }
        let mut key = || {
            if !std::mem::take(&mut self.is_first) {
                self.writer.write_str(" ")?;
            }
            match field.name() {
                "message" => Ok(()),
                name => {
                    self.writer
                        .write_str(name.strip_prefix("r#").unwrap_or(name))?;
                    self.writer.write_str("=")
                }
            }
        };
        self.result = key().and_then(|()| value(self.writer));
    }
}

impl Visit for Fields<'_, '_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        let is_message = field.name() == "message";
        let is_plain = |b: u8| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\';
        self.write(field, |writer| {
            if is_message {
                return writer.write_str(value);
            }
            if !value.bytes().all(is_plain) {
                return write!(writer, "{value:?}");
            }
            writer.write_str("\"")?;
            writer.write_str(value)?;
            writer.write_str("\"")
        });
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.write(field, |writer| {
            write!(writer, "{value}")?;
            let mut source = value.source();
            while let Some(error) = source {
                write!(writer, ": {error}")?;
                source = error.source();
            }
            Ok(())
        });
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.write(field, |writer| write!(writer, "{value:?}"));
    }
}

thread_local! {
    /// A second since the epoch, and its text up to the fraction.
    static SECOND: Cell<(u64, [u8; 19])> = const { Cell::new((u64::MAX, [0; 19])) };
}

/// Writes the time as in RFC 3339, with microseconds.
fn write_time(writer: &mut Writer<'_>) -> fmt::Result {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let Ok(now) = now else {
        Rfc3339.format_time(writer)?;
        return writer.write_str(" ");
    };
    let (mut second, mut text) = SECOND.get();
    if second != now.as_secs() {
        let mut time = String::new();
        Rfc3339.format_time(&mut Writer::new(&mut time))?;
        let formatted = time.as_bytes().first_chunk::<19>();
        // The clock moves between the two readings: the text can be that of the next second.
        match formatted.filter(|_| SystemTime::now() < UNIX_EPOCH + end_of_second(now)) {
            Some(formatted) => (second, text) = (now.as_secs(), *formatted),
            None => return write!(writer, "{time} "),
        }
        SECOND.set((second, text));
    }
    let mut all = *b"0000-00-00T00:00:00.000000Z ";
    all[..19].copy_from_slice(&text);
    let mut micros = now.subsec_micros();
    for digit in all[20..26].iter_mut().rev() {
        *digit += (micros % 10) as u8;
        micros /= 10;
    }
    writer.write_str(std::str::from_utf8(&all).map_err(|_| fmt::Error)?)
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
    fn lines_have_the_text_of_the_default_format() {
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
    fn the_time_is_that_of_the_default_format_up_to_the_microsecond() {
        for _ in 0..3 {
            let mut ours = String::new();
            let mut before = String::new();
            let mut after = String::new();
            Rfc3339.format_time(&mut Writer::new(&mut before)).unwrap();
            write_time(&mut Writer::new(&mut ours)).unwrap();
            Rfc3339.format_time(&mut Writer::new(&mut after)).unwrap();
            let ours = ours.trim_end();
            assert!(
                *before <= *ours && *ours <= *after,
                "{before} {ours} {after}"
            );
            assert_eq!(ours.len(), "2026-11-26T21:05:38.949019Z".len());
        }
    }
}
