//! Writes each event as a single line.

use std::io::{self, Write};

use anyhost_core::adapter::json_log::needs_escape;

use super::format::{all, is_printable};

/// The maximum length of a line in bytes. Apache splits longer lines into several entries of its log.
const MAX_LENGTH: usize = 8000;

/// Appends a character. Escapes a control character, which could otherwise start a new line or control the terminal.
pub(crate) fn push_escaped(text: &mut String, c: char) {
    match c {
        c if c.is_control() => text.extend(c.escape_default()),
        c if needs_escape(c) => text.extend(c.escape_unicode()),
        c => text.push(c),
    }
}

/// Writes each event as one line. Control characters are escaped, so that a client cannot forge a log line with
/// a line break in its input. Long lines are truncated.
pub(super) struct OneLine<W> {
    writer: W,
    max_length: usize,
}

impl<W> OneLine<W> {
    pub(super) fn new(writer: W) -> Self {
        Self {
            writer,
            max_length: MAX_LENGTH,
        }
    }

    /// Does not truncate long lines.
    #[cfg(feature = "lambda")]
    pub(super) fn unlimited(writer: W) -> Self {
        Self {
            writer,
            max_length: usize::MAX,
        }
    }
}

impl<W: Write> Write for OneLine<W> {
    /// Writes one event. The formatter passes each event in a single call.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        // Almost every event is a line of plain ASCII. Copying it byte by byte would take 4,000 instructions.
        if event.len() <= self.max_length
            && let Some(line) = event.strip_suffix(b"\n")
            && all(line, is_printable)
            && !line.ends_with(b" ")
        {
            self.writer.write_all(event)?;
            return Ok(event.len());
        }
        let text = String::from_utf8_lossy(event);
        let mut line = String::with_capacity(text.len());
        for c in text.trim_end().chars() {
            let start = line.len();
            push_escaped(&mut line, c);
            if line.len() > self.max_length {
                line.truncate(start);
                line.push('…');
                break;
            }
        }
        line.push('\n');
        self.writer.write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(event: &str) -> String {
        let mut line = Vec::new();
        OneLine::new(&mut line).write_all(event.as_bytes()).unwrap();
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn control_characters_of_an_event_are_escaped() {
        assert_eq!(line("WARN plain\n"), "WARN plain\n");
        assert_eq!(line("a\nb\r\n\u{1b}[0mé\n"), "a\\nb\\r\\n\\u{1b}[0mé\n");
        assert_eq!(line("a\u{2028}b\u{202e}c\n"), "a\\u{2028}b\\u{202e}c\n");
        assert_eq!(line("a \n"), "a\n");
    }

    #[test]
    fn the_line_of_a_long_event_is_truncated_between_two_characters() {
        let truncated = line(&"é".repeat(10_000));
        assert!(truncated.ends_with("é…\n"), "{truncated}");
        assert!(truncated.len() < 8192, "{}", truncated.len());
    }
}
