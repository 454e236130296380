//! An event as one line, for logs that know nothing but lines.

use std::io::{self, Write};

/// Apache splits what is longer into several entries.
const LONGEST: usize = 8000;

/// Writes each event as one line: control characters in it are escaped, and a long one is cut.
pub(super) struct Lines<W>(pub(super) W);

impl<W: Write> Write for Lines<W> {
    /// Takes a whole event, as the formatter writes it.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let mut line = String::with_capacity(text.len());
        for c in text.trim_end().chars() {
            let start = line.len();
            match c {
                c if c.is_control() => line.extend(c.escape_default()),
                c => line.push(c),
            }
            if line.len() > LONGEST {
                line.truncate(start);
                line.push('…');
                break;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn line(event: &str) -> String {
        let mut line = Vec::new();
        Lines(&mut line).write_all(event.as_bytes()).unwrap();
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn an_event_is_one_line() {
        assert_eq!(line("WARN plain\n"), "WARN plain\n");
        assert_eq!(line("a\nb\r\n\u{1b}[0mé\n"), "a\\nb\\r\\n\\u{1b}[0mé\n");
    }

    #[test]
    fn a_long_line_is_cut() {
        let cut = line(&"é".repeat(10_000));
        assert!(cut.ends_with("é…\n") && cut.len() < 8192, "{}", cut.len());
    }
}
