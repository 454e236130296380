//! One event.

use std::fmt::{Display, Write};
use std::time::Duration;

use serde::Serialize;

use crate::Result;

/// One server-sent event.
///
/// ```
/// use std::time::Duration;
///
/// use anyhost_core::sse::Event;
///
/// let event = Event::data("two\nlines").with_name("note").with_id(7);
/// assert_eq!(event.to_string(), "data: two\ndata: lines\nevent: note\nid: 7\n\n");
///
/// // An event without data only changes the time after which the client connects again.
/// let event = Event::new().with_retry(Duration::from_secs(2));
/// assert_eq!(event.to_string(), "retry: 2000\n\n");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// The lines of the event, each with its line break.
    lines: String,
}

impl Event {
    /// Creates an event without data. Clients use its other fields, but do not report the event to the page.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates an event with this text. The client receives line breaks (`\r\n`, `\r` and `\n`) as `\n`.
    pub fn data(text: impl AsRef<str>) -> Self {
        let mut event = Self::new();
        event.add_lines("data: ", text.as_ref());
        event
    }

    /// Creates an event whose text is the value as JSON.
    ///
    /// # Errors
    /// 500 if the value cannot be serialized.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        Ok(Self::data(serde_json::to_string(value)?))
    }

    /// Sets the id. A client that connects again sends the id of the last event that it received.
    ///
    /// Line breaks and NUL characters are replaced by spaces, because they would end the field, or make the client
    /// ignore it.
    #[must_use]
    pub fn with_id(self, id: impl Display) -> Self {
        self.with_field("id: ", id)
    }

    /// Sets the name, which is the event type that the page listens to. Without a name, the type is `message`. Line breaks
    /// and NUL characters are replaced by spaces.
    #[must_use]
    pub fn with_name(self, name: impl Display) -> Self {
        self.with_field("event: ", name)
    }

    /// Sets the time after which the client connects again when the response ends, in whole milliseconds. Browsers wait
    /// some seconds by default.
    #[must_use]
    pub fn with_retry(self, time: Duration) -> Self {
        self.with_field("retry: ", time.as_millis())
    }

    /// Adds a comment, which clients ignore.
    #[must_use]
    pub fn with_comment(mut self, text: impl AsRef<str>) -> Self {
        self.add_lines(": ", text.as_ref());
        self
    }

    fn with_field(mut self, field: &str, value: impl Display) -> Self {
        self.lines.push_str(field);
        let start = self.lines.len();
        // Writing to a string fails only if the value's `Display` fails. The field then contains what was written.
        let _ = write!(self.lines, "{value}");
        if self.lines[start..].contains(['\r', '\n', '\0']) {
            let value = self.lines[start..].replace(['\r', '\n', '\0'], " ");
            self.lines.replace_range(start.., &value);
        }
        self.lines.push('\n');
        self
    }

    fn add_lines(&mut self, field: &str, text: &str) {
        // A text that ends with a line break has an empty last line, which `str::lines` would leave out.
        let mut rest = text;
        loop {
            let end = rest.find(['\r', '\n']);
            let line = &rest[..end.unwrap_or(rest.len())];
            self.lines.push_str(field);
            self.lines.push_str(line);
            self.lines.push('\n');
            let Some(end) = end else { return };
            let length = if rest[end..].starts_with("\r\n") {
                2
            } else {
                1
            };
            rest = &rest[end + length..];
        }
    }
}

/// The event in the format of the HTML Standard, with the empty line at its end.
impl Display for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.lines)?;
        f.write_char('\n')
    }
}

impl From<Event> for bytes::Bytes {
    fn from(mut event: Event) -> Self {
        event.lines.push('\n');
        event.lines.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_the_data_is_a_field_for_every_kind_of_line_break() {
        for (text, lines) in [
            ("", "data: \n\n"),
            ("a", "data: a\n\n"),
            (" a", "data:  a\n\n"),
            ("a\nb\r\nc\rd", "data: a\ndata: b\ndata: c\ndata: d\n\n"),
            ("a\n", "data: a\ndata: \n\n"),
            ("\r\r\n", "data: \ndata: \ndata: \n\n"),
            (
                "a\n\nid: 9\nevent: evil",
                "data: a\ndata: \ndata: id: 9\ndata: event: evil\n\n",
            ),
        ] {
            assert_eq!(Event::data(text).to_string(), lines, "{text:?}");
            assert_eq!(bytes::Bytes::from(Event::data(text)), lines);
        }
    }

    #[test]
    fn an_id_or_name_with_line_breaks_cannot_add_a_field_or_an_event() {
        let event = Event::data("x")
            .with_id("1\ndata: evil\r\n\n2\0")
            .with_name("a\rb");
        assert_eq!(
            event.to_string(),
            "data: x\nid: 1 data: evil   2 \nevent: a b\n\n"
        );
    }

    #[test]
    fn a_comment_has_a_colon_before_each_line() {
        let event = Event::new()
            .with_comment("one\ntwo")
            .with_retry(Duration::from_secs(1));
        assert_eq!(event.to_string(), ": one\n: two\nretry: 1000\n\n");
    }

    #[test]
    fn json_with_line_breaks_in_a_string_is_one_line() {
        let event = Event::json(&["a\nb"]).unwrap();
        assert_eq!(event.to_string(), "data: [\"a\\nb\"]\n\n");
    }
}
